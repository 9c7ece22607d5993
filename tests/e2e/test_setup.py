"""`whosent setup`: the records to publish, and which of them are there."""

import re
import unittest

from dns_server import Nsd, Proxy, cname, failing, merge, txt, SERVFAIL
from harness import Case

GOOD = "v=DMARC1; p=reject; sp=none; rua=mailto:reports@example.com; ruf=mailto:reports@example.com; fo=1"
ZONE = merge(
    txt("_dmarc.good.example", "v=DMARC1; p=quarantine; rua=mailto:reports@good.example!10m,mailto:x@other.example"), txt("_smtp._tls.good.example", "v=TLSRPTv1; rua=mailto:reports@good.example"),
    txt("good.example._report._dmarc.other.example", "v=DMARC1"),
    # another's policy, addresses and tags that must stay
    txt("_dmarc.kept.example", "v=DMARC1;p=reject;sp=none; rua=mailto:a@service.example , mailto:b@kept.example;fo=1; x=y"), txt("*._report._dmarc.service.example", "v=DMARC1;"),
    txt("_smtp._tls.kept.example", "v=TLSRPTv1;rua=https://tls.example/v1"),
    # what is wrong
    txt("_dmarc.two.example", "v=DMARC1; p=none", "v=DMARC1; p=reject"), txt("_dmarc.odd.example", "v=DMARC1; p=maybe; rua=mailto:r@odd.example"), txt("_dmarc.other.example", "some text", "v=spf1 -all"),
    txt("_smtp._tls.two.example", "v=TLSRPTv1; rua=mailto:r@two.example", "v=TLSRPTv1; rua=mailto:s@two.example"),
    # a domain above and one below
    txt("_dmarc.above.example", "v=DMARC1; p=reject; sp=quarantine; rua=mailto:r@above.example"), txt("mail.above.example", "there"),
    cname("_dmarc.alias.example", "_dmarc.hosted.example"), txt("_dmarc.hosted.example", "v=DMARC1; p=none; rua=mailto:r@alias.example"),
    # one that takes only others' reports
    txt("elsewhere.example._report._dmarc.taker.example", "not for you"),
)


class Setup(Case):
    @classmethod
    def setUpClass(cls):
        cls.nsd = Nsd(ZONE).start()
        cls.addClassCleanup(cls.nsd.stop)

    def setup_json(self, code, *arguments, server=None, **options):
        done = self.run_whosent("setup", *arguments, "--format", "json", "--dns-server", server or self.nsd.address, **options)
        self.assertEqual(done.code, code, done.out + done.err)
        return {record["name"]: record for record in done.json["records"]}, done.json

    def test_nothing_is_there(self):
        records, whole = self.setup_json(1, "new.example", "--rua", "dmarc@Reports.Example", "--ruf", "none", "--tls-rua", "https://reports.example/tls", "--policy", "quarantine")
        self.assertTrue(whole["checked"])
        self.assertEqual({name: (r["status"], r["value"]) for name, r in records.items()}, {
            "_dmarc.new.example": ("missing", "v=DMARC1; p=quarantine; rua=mailto:dmarc@reports.example"),
            "_smtp._tls.new.example": ("missing", "v=TLSRPTv1; rua=https://reports.example/tls"),
            "new.example._report._dmarc.reports.example": ("missing", "v=DMARC1"),
        })

    def test_what_is_printed_can_be_published(self):
        """Its lines are lines of a zone file, and with them everything is in order."""
        arguments = ("fresh.example", "--rua", "a+b@reports.example", "--ruf", "f@reports.example", "--tls-rua", "t@fresh.example")
        done = self.run_whosent("setup", *arguments, "--dns-server", self.nsd.address)
        self.assertEqual(done.code, 1)
        self.assertEqual(done.out.count("; missing: publish it\n"), 3, done.out)
        zone = {}
        for line in done.lines:
            if line and not line.startswith(";"):
                name, value = re.fullmatch(r'(\S+)\. 3600 IN TXT "([^"\\]*)"', line).groups()
                zone = merge(zone, txt(name, value))
        with Nsd(merge(ZONE, zone)) as nsd:
            done = self.ok("setup", *arguments, "--dns-server", nsd.address)
        self.assertEqual(done.out.count("; ok\n"), 3, done.out)

    def test_all_is_there(self):
        records, _ = self.setup_json(0, "good.example", "--rua", "reports@good.example", "--ruf", "none", "--tls-rua", "reports@good.example")
        self.assertEqual([r["status"] for r in records.values()], ["ok"] * 3)
        # what is there is shown as it is, the size and the other address too
        self.assertEqual(records["_dmarc.good.example"]["value"], ZONE["_dmarc.good.example"][0][1])

    def test_what_is_there_is_kept(self):
        records, _ = self.setup_json(1, "kept.example", "--rua", "b@kept.example", "--ruf", "f@kept.example", "--tls-rua", "t@kept.example")
        dmarc = records["_dmarc.kept.example"]
        self.assertEqual((dmarc["status"], dmarc["changes"]), ("different", ["add mailto:f@kept.example to ruf="]))
        self.assertEqual(dmarc["value"], "v=DMARC1; p=reject; sp=none; rua=mailto:a@service.example , mailto:b@kept.example; fo=1; x=y; ruf=mailto:f@kept.example")
        tls = records["_smtp._tls.kept.example"]
        self.assertEqual((tls["status"], tls["value"]), ("different", "v=TLSRPTv1; rua=https://tls.example/v1,mailto:t@kept.example"))
        self.assertEqual(records["kept.example._report._dmarc.service.example"]["status"], "ok")  # a wildcard

    def test_a_policy_that_is_asked_for(self):
        for asked, code, changes in (("none", 1, ["change p=quarantine to p=none"]), ("quarantine", 0, []), ("reject", 1, ["change p=quarantine to p=reject"])):
            records, _ = self.setup_json(code, "good.example", "--rua", "reports@good.example", "--ruf", "none", "--tls-rua", "none", "--policy", asked)
            self.assertEqual(records["_dmarc.good.example"]["changes"], changes)
            self.assertNotIn("_smtp._tls.good.example", records)

    def test_what_is_wrong_there(self):
        records, _ = self.setup_json(1, "two.example", "--rua", "r@two.example", "--ruf", "none", "--tls-rua", "r@two.example")
        self.assertEqual({r["status"] for r in records.values()}, {"different"})
        for record in records.values():
            self.assertIn("there must be one record", " ".join(record["changes"]))
            self.assertEqual(len(record["found"]), 2)
        records, _ = self.setup_json(1, "odd.example", "--rua", "r@odd.example", "--ruf", "none", "--tls-rua", "none")
        self.assertEqual(records["_dmarc.odd.example"]["changes"], ["change p=maybe to p=none"])
        self.assertEqual(records["_dmarc.odd.example"]["value"], "v=DMARC1; p=none; rua=mailto:r@odd.example")
        # records of another kind are none
        records, _ = self.setup_json(1, "other.example", "--rua", "r@other.example", "--ruf", "none", "--tls-rua", "none")
        self.assertEqual((records["_dmarc.other.example"]["status"], records["_dmarc.other.example"]["found"]), ("missing", []))
        records, _ = self.setup_json(1, "elsewhere.example", "--rua", "r@taker.example", "--ruf", "none", "--tls-rua", "none")
        self.assertEqual(records["elsewhere.example._report._dmarc.taker.example"]["status"], "missing")

    def test_a_domain_below_another(self):
        """Its own record is not weaker than what held until then, and needs no agreement of its own organization."""
        records, _ = self.setup_json(1, "mail.above.example", "--rua", "r@above.example", "--ruf", "none", "--tls-rua", "none")
        self.assertEqual(list(records), ["_dmarc.mail.above.example"])
        record = records["_dmarc.mail.above.example"]
        self.assertEqual((record["status"], record["value"]), ("missing", "v=DMARC1; p=quarantine; rua=mailto:r@above.example"))
        self.assertIn("the record of above.example holds", record["remarks"][0])

    def test_an_alias(self):
        records, _ = self.setup_json(0, "alias.example", "--rua", "r@alias.example", "--ruf", "none", "--tls-rua", "none")
        self.assertIn("alias (CNAME) of _dmarc.hosted.example", records["_dmarc.alias.example"]["remarks"][0])

    def test_dns_that_fails(self):
        with Proxy(self.nsd.port, [(lambda name, kind: name.startswith("_smtp."), failing(SERVFAIL))]) as proxy:
            records, _ = self.setup_json(1, "good.example", "--rua", "reports@good.example", "--ruf", "none", "--tls-rua", "reports@good.example", server=proxy.address)
        self.assertEqual((records["_dmarc.good.example"]["status"], records["_smtp._tls.good.example"]["status"]), ("ok", "unknown"))
        self.assertIn("DNS does not answer", records["_smtp._tls.good.example"]["changes"][0])

    def test_without_asking(self):
        done = self.ok("setup", "good.example", "--rua", "r@other.example", "--no-check", "--dns", "off")
        lines = [line for line in done.lines if line and not line.startswith(";")]
        self.assertEqual(lines, ['_dmarc.good.example. 3600 IN TXT "v=DMARC1; p=none; rua=mailto:r@other.example"',
                                 'good.example._report._dmarc.other.example. 3600 IN TXT "v=DMARC1"'])
        self.assertNotIn("missing", done.out)
        self.fails(2, "setup", "good.example", "--rua", "r@other.example", "--dns", "off", says="--no-check")

    def test_addresses_of_the_configuration(self):
        imap = "[[collect.imap]]\nname = 'box'\nhost = 'imap.example.com'\nuser = 'reports@example.com'\npassword = { file = '/none' }\n"
        lmtp = "[[collect.lmtp]]\nname = 'mta'\nrecipients = { '@example.com' = 'aggregate', 'agg@example.com' = 'aggregate', 'tls@example.com' = 'tls' }\n"
        show = lambda text, *more: self.ok("--config", self.write("c.toml", text), "setup", "example.com", "--no-check", *more).out
        out = show(imap)
        self.assertIn("rua=mailto:reports@example.com; ruf=mailto:reports@example.com\"", out)
        self.assertIn("; --rua reports@example.com: the user of imap:box of the configuration\n", out)
        out = show(lmtp + imap, "--ruf", "none")
        self.assertIn('"v=DMARC1; p=none; rua=mailto:agg@example.com"', out)
        self.assertIn('"v=TLSRPTv1; rua=mailto:tls@example.com"', out)
        self.assertIn("a recipient of lmtp:mta", out)
        self.fails(2, "setup", "example.com", "--no-check", says=["--rua ADDRESS", "names no mailbox"])
        # a user that is no address tells nothing
        self.fails(2, "--config", self.write("c.toml", imap.replace("reports@example.com", "reports")), "setup", "example.com", "--no-check", says="--rua")

    def test_long_and_odd_values(self):
        address = "x" * 60 + "&%@" + ".".join(["y" * 60] * 3) + ".example"
        out = self.ok("setup", "example.com", "--rua", address, "--ruf", address, "--no-check").out
        line = next(line for line in out.splitlines() if line.startswith("_dmarc."))
        strings = re.findall(r'"([^"]*)"', line)
        self.assertGreater(len(strings), 1)
        self.assertLessEqual(max(map(len, strings)), 255)
        self.assertIn("x%26%25@y", "".join(strings))

    def test_wrong_usage(self):
        for arguments in (("exa mple", "--rua", "r@example.com"), ("", "--rua", "r@example.com"), ("example.com", "--rua", "nobody"), ("example.com", "--rua", "a b@example.com"), ("example.com", "--rua", "r@exa mple"),
                          ("example.com", "--rua", "https://example.com/"), ("example.com", "--rua", "r@example.com", "--tls-rua", "http://example.com/"),
                          ("example.com", "--rua", "r@example.com", "--tls-rua", "https://example.com/;x"), ("example.com", "--rua", "r@example.com", "--policy", "maybe"), ()):
            with self.subTest(arguments):
                self.fails(2, "setup", *arguments, "--no-check")


if __name__ == "__main__":
    unittest.main()
