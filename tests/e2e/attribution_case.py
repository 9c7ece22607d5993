"""What the tests of attribution share: zones of well-known senders at documentation addresses, and a Case with a name server that has them.

The names are those that the senders' customers publish, which the catalogue is to recognise; addresses are of RFC 5737 and RFC 3849, so that no network of the catalogue says anything.
"""

import json

from dns_server import Nsd, address, chain, cname, host, key, merge, txt
from harness import Case, report, row

SENDGRID, MAILCHIMP, SES, MICROSOFT, GOOGLE, MAILGUN, PROOFPOINT = (f"192.0.2.{n}" for n in (5, 40, 70, 100, 130, 165, 195))
MICROSOFT_6, GOOGLE_6 = "2001:db8:365::100", "2001:db8:60::41"
IMPROVMX, LIST, SRS = "198.51.100.5", "198.51.100.40", "198.51.100.70"
NOBODY, LIAR, HOSTED = "203.0.113.10", "203.0.113.20", "203.0.113.30"  # no reverse name, one that does not lead back, one of a hosting company

VENDORS = merge(
    txt("sendgrid.net", "v=spf1 ip4:192.0.2.0/27 ~all"),
    txt("u1.wl1.sendgrid.net", "v=spf1 ip4:192.0.2.0/27 -all"),
    key("s1.domainkey.u1.wl1.sendgrid.net"), key("s2.domainkey.u1.wl1.sendgrid.net"),
    host(SENDGRID, "xvfrhcpt.outbound-mail.sendgrid.net"),
    txt("servers.mcsv.net", "v=spf1 ip4:192.0.2.32/27 ?all"),
    key("dkim.mcsv.net"), key("dkim2.mcsv.net"), key("dkim3.mcsv.net"),
    host(MAILCHIMP, "mail40.suw11.rsgsv.net"), txt("mail40.suw11.rsgsv.net", "v=spf1 ip4:192.0.2.40 -all"),
    txt("amazonses.com", "v=spf1 ip4:192.0.2.64/27 -all"),
    host(SES, "a70-1.smtp-out.amazonses.com"),
    txt("spf.protection.outlook.com", "v=spf1 ip4:192.0.2.96/27 ip6:2001:db8:365::/48 -all"),
    host(MICROSOFT, "mail-am6eur05on2100.outbound.protection.outlook.com"), host(MICROSOFT_6, "mail-db8eur05on20100.outbound.protection.outlook.com"),
    txt("_spf.google.com", "v=spf1 include:_netblocks.google.com include:_netblocks2.google.com ~all"),
    txt("_netblocks.google.com", "v=spf1 ip4:192.0.2.128/27 ~all"), txt("_netblocks2.google.com", "v=spf1 ip6:2001:db8:60::/48 ~all"),
    host(GOOGLE, "mail-sor-f41.google.com"), host(GOOGLE_6, "mail-ed1-x541.google.com"),
    txt("mailgun.org", "v=spf1 ip4:192.0.2.160/27 ~all"),
    key("k1.domainkey.mailgun.org"), host(MAILGUN, "m165-1.mailgun.net"),
    host(PROOFPOINT, "mx0a-00000001.pphosted.com"), txt("spf-00000001.pphosted.com", "v=spf1 ip4:192.0.2.192/27 ~all"),
    host(IMPROVMX, "mail5.mxc.infra.improvmx.com"), txt("spf.improvmx.com", "v=spf1 ip4:198.51.100.0/27 -all"),
    host(LIST, "lists.example.net"), txt("lists.example.net", "v=spf1 ip4:198.51.100.40 -all"), key("list._domainkey.lists.example.net"),
    host(SRS, "srs.relay.example"), txt("srs.relay.example", "v=spf1 ip4:198.51.100.70 -all"),
    host(LIAR, "mail-sor-f41.google.com", confirmed=False),
    host(HOSTED, "server30.hosting.example"),
)


def selector_cname(domain, selector, target):
    return cname(f"{selector}._domainkey.{domain}", target)


class Attribution(Case):
    """`ZONE` is served beside that of the vendors, one server for all tests of the class; a test that changes it has `fresh_server` True and one of its own."""

    ZONE = {}
    TTL = 300

    @classmethod
    def setUpClass(cls):
        cls.dns = Nsd(merge(VENDORS, cls.ZONE), ttl=cls.TTL).start()
        cls.addClassCleanup(cls.dns.stop)

    def setUp(self):
        super().setUp()
        self.servers, self.mode = self.dns.address, None
        self.reports = 0
        self.config = None

    def environment(self, **changes):
        return super().environment(**{"WHOSENT_DNS_SERVERS": self.servers, "WHOSENT_DNS": self.mode, **changes})

    def configured(self, text):
        """A configuration for every command that follows."""
        self.config = self.write("whosent.toml", text)

    def start(self, *arguments, **options):
        return super().start(*(("--config", self.config) if self.config else ()), *arguments, **options)

    def run_whosent(self, *arguments, **options):
        return super().run_whosent(*(("--config", self.config) if self.config else ()), *arguments, **options)

    def report_file(self, domain, *rows, **metadata):
        """A report about a domain, with a name of its own."""
        self.reports += 1
        return self.write(f"in/{self.reports}.xml", report(f"r{self.reports}", list(rows), domain=domain, **metadata))

    def take(self, domain, *rows, **options):
        return self.ingest("--wait-dns", self.report_file(domain, *rows), **options)

    def sources(self, domain=None, *arguments):
        return self.listing("sources", "--limit", "0", *(("--domain", domain) if domain else ()), *arguments)

    def source(self, domain, ip):
        found = [s for s in self.sources(domain) if s["source_ip"] == ip]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def explain(self, ip, domain, *arguments):
        """The explanation of the newest stream."""
        found = self.ok("explain", ip, "--domain", domain, "--format", "json", *arguments).json
        self.assertTrue(found["explanations"], found)
        return found["explanations"][0]

    def expects(self, domain, ip, sender, confidence, verdict, reason=(), remedy=(), **more):
        """What `sources` says of an address; the sentences hold the words."""
        found = self.source(domain, ip)
        told = json.dumps({k: found.get(k) for k in ("sender", "confidence", "verdict", "reason", "remedy", "candidates", "carrier", "via", "host")}, indent=1)
        self.assertEqual((found["sender"], found["confidence"], found["verdict"]), (sender, confidence, verdict), told)
        self.assertEqual(found["attribution_state"], more.pop("state", "final"), told)
        for name, words in (("reason", reason), ("remedy", remedy)):
            for word in (words,) if isinstance(words, str) else words:
                self.assertIn(word, found[name] or "", told)
        # sentences that many streams share name no address
        self.assertNotIn(ip, (found["reason"] or "") + (found["remedy"] or ""))
        for name, value in more.items():
            self.assertEqual(found[name], value, told)
        return found

    def conclusions(self):
        """What the events say of each stream: {stream: {(sender, …)…}}; more than one where it changed."""
        said = {}
        for event in self.events()[0]:
            if "attribution" in event:
                a, v = event["attribution"], event["verdict"]
                said.setdefault(event["stream"]["id"], set()).add(
                    (a.get("sender"), a["confidence"], a.get("carrier"), a.get("via"), tuple(a.get("candidates", ())), a["state"], v["name"], v.get("reason"), v.get("remedy")))
        return said


__all__ = ["Attribution", "address", "chain", "cname", "host", "key", "merge", "report", "row", "selector_cname", "txt", "VENDORS", "SENDGRID", "MAILCHIMP", "SES", "MICROSOFT", "MICROSOFT_6",
           "GOOGLE", "GOOGLE_6", "MAILGUN", "PROOFPOINT", "IMPROVMX", "LIST", "SRS", "NOBODY", "LIAR", "HOSTED"]
