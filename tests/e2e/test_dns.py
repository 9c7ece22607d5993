"""DNS as it is: slow, lame, lying, off; records that are too long, wrong or endless."""

import time
import unittest

from attribution_case import (GOOGLE, MAILCHIMP, MICROSOFT, NOBODY, PROOFPOINT, SENDGRID, SES, Attribution, cname, host, key, merge, row, selector_cname, txt)
from dns_server import CUT, DROPPED, GARBAGE, OTHER_ID, OTHER_NAME, REFUSED, SERVFAIL, TRUNCATED, NothingServer, Proxy, delayed, failing
from harness import SANITIZED

DKIM = {"dkim_eval": "pass"}
PASS = {"dkim_eval": "pass", "spf_eval": "pass"}
SLACK = 20 if SANITIZED else 4  # seconds that a command may take beside waiting


def whole(*names):
    """The names and all below them."""
    return lambda name, kind: any(name == n or name.endswith("." + n) for n in names)


def reverse(name, kind):
    return kind == "PTR"


class Records(Attribution):
    ZONE = merge(
        # a macro: who may is decided for each address
        txt("macro.example", "v=spf1 exists:%{ir}.%{v}._spf.%{d} -all"), {"165.2.0.192.in-addr._spf.macro.example": [("A", "127.0.0.2")]},
        txt("has.example", "v=spf1 include:%{ir}.%{v}.%{d}.spf.has.pphosted.com ~all"), {"195.2.0.192.in-addr.has.example.spf.has.pphosted.com": [("TXT", "v=spf1 ip4:192.0.2.195 -all")]},
        # more than ten look-ups: those that match early are within the limit, those behind are not
        txt("long.example", "v=spf1 " + " ".join(f"include:n{n}.long.example" for n in range(12)) + " -all"),
        *(txt(f"n{n}.long.example", f"v=spf1 ip4:203.0.113.{n + 1} -all") for n in range(12)),
        # a loop
        txt("loop.example", "v=spf1 ip4:203.0.113.50 include:a.loop.example -all"), txt("a.loop.example", "v=spf1 include:b.loop.example -all"), txt("b.loop.example", "v=spf1 include:a.loop.example -all"),
        # a child that cannot be read, one that is not there, one that is there twice
        txt("child.example", "v=spf1 ip4:203.0.113.60 include:broken.child.example ip4:203.0.113.61 -all"), txt("broken.child.example", "v=spf1 ip4:203.0.113.300 -all"),
        txt("absent.example", "v=spf1 include:nowhere.example ip4:203.0.113.62 -all"), txt("twice.example", "v=spf1 -all", "v=spf1 +all"),
        # thousands of terms, over TCP; strings that are joined
        txt("large.example", "v=spf1 " + " ".join(f"ip4:10.{n // 256}.{n % 256}.0/24" for n in range(2500)) + " ip4:203.0.113.70 -all"),
        # an explosion of includes
        txt("boom.example", "v=spf1 " + " ".join(f"include:b{n}.boom.example" for n in range(200)) + " -all"),
        *(txt(f"b{n}.boom.example", "v=spf1 " + " ".join(f"include:b{(n * 7 + k) % 200}.boom.example" for k in range(1, 60)) + " ?all") for n in range(200)),
        txt("voids.example", "v=spf1 a:v1.example a:v2.example a:v3.example ip4:203.0.113.80 -all"),
        txt("host.example", "v=spf1 a mx a:relay.host.example/28 -all"), {"host.example": [("A", "203.0.113.90"), ("MX", (10, "in.host.example"))], "in.host.example": [("A", "203.0.113.91"), ("AAAA", "2001:db8::91")],
                                                                            "relay.host.example": [("A", "203.0.113.96")]},
        # DMARC and keys
        txt("_dmarc.host.example", "v=DMARC1; p=reject; sp=quarantine; rua=mailto:r@host.example"),
        key("short._domainkey.host.example", bits=512), key("one._domainkey.host.example", "shared"), key("two._domainkey.host.example", "shared"),
        txt("gone._domainkey.host.example", "v=DKIM1; p="), key("test._domainkey.host.example", tags="v=DKIM1; k=rsa; t=y"), txt("bad._domainkey.host.example", "v=DKIM1; p=!!!"),
        selector_cname("host.example", "s1", "s1.domainkey.u1.wl1.sendgrid.net"),
    )

    def resolve(self, domain):
        started = time.monotonic()
        found = self.ok("resolve", domain, "--format", "json").json
        self.assertLess(time.monotonic() - started, SLACK)
        return found

    def spf(self, ip, domain):
        """What the record says of an address, as `explain` shows it."""
        return self.explain(ip, domain)["authorization"]

    def from_nobody(self, domain, *ips):
        self.take(domain, *(row(ip, 1, header_from=domain, spf=[(domain, "permerror")]) for ip in ips))

    def test_a_macro_is_tried_for_the_address_or_said(self):
        self.from_nobody("macro.example", "192.0.2.165", "203.0.113.1")
        inside, outside = self.spf("192.0.2.165", "macro.example"), self.spf("203.0.113.1", "macro.example")
        self.assertEqual((inside["spf"], outside["spf"]), ("yes", "no"), (inside, outside))
        self.assertIn("exists:", inside["spf_path"])
        tree = str(self.resolve("macro.example")["spf"])
        self.assertIn("depends on the address", tree)
        self.take("has.example", row(PROOFPOINT, 1, header_from="has.example", spf=[("has.example", "pass")], spf_eval="pass"))
        self.assertIn("%{ir}", str(self.resolve("has.example")["spf"]))
        self.expects("has.example", PROOFPOINT, "proofpoint", "high", "authorized")  # by its host, and the include that is made of the address

    def test_over_ten_look_ups(self):
        self.from_nobody("long.example", "203.0.113.1", "203.0.113.10", "203.0.113.11", "203.0.113.200")
        # the count belongs to the address: an early match stops it (RFC 7208 section 4.6.4)
        for ip, says in (("203.0.113.1", "yes"), ("203.0.113.10", "yes")):
            self.assertEqual(self.spf(ip, "long.example")["spf"], says, ip)
        for ip in ("203.0.113.11", "203.0.113.200"):
            found = self.spf(ip, "long.example")
            self.assertNotEqual(found["spf"], "yes", ip)
            self.assertTrue(any("look-up" in p for p in found["problems"]), found)
        found = self.resolve("long.example")
        self.assertEqual((found["spf"]["lookups"], found["spf"]["lookups_allowed"]), (12, 10))
        self.assertTrue(any("look-up" in f for f in found["findings"]), found["findings"])
        self.assertIn("12 look-ups of 10", self.ok("resolve", "long.example").out)

    def test_a_loop_of_includes(self):
        found = self.resolve("loop.example")
        self.assertIn("loop", str(found["spf"]).replace("loop.example", ""))
        self.from_nobody("loop.example", "203.0.113.50", "203.0.113.51")
        self.assertEqual(self.spf("203.0.113.50", "loop.example")["spf"], "yes")
        found = self.spf("203.0.113.51", "loop.example")
        self.assertNotEqual(found["spf"], "yes")
        self.assertTrue(found["problems"], found)

    def test_a_child_that_is_wrong_or_not_there(self):
        self.from_nobody("child.example", "203.0.113.60", "203.0.113.61")
        self.assertEqual(self.spf("203.0.113.60", "child.example")["spf"], "yes")
        found = self.spf("203.0.113.61", "child.example")  # behind the permerror (section 5.2)
        self.assertNotEqual(found["spf"], "yes")
        self.assertIn("203.0.113.300", str(self.resolve("child.example")["spf"]))
        self.from_nobody("absent.example", "203.0.113.62")
        self.assertNotEqual(self.spf("203.0.113.62", "absent.example")["spf"], "yes")
        self.assertTrue(self.resolve("absent.example")["spf"]["problems"])
        self.from_nobody("twice.example", "203.0.113.63")
        self.assertNotEqual(self.spf("203.0.113.63", "twice.example")["spf"], "yes")
        self.assertIn("two SPF records", str(self.resolve("twice.example")["spf"]))

    def test_a_record_that_does_not_fit_into_a_datagram(self):
        self.from_nobody("large.example", "203.0.113.70", "203.0.113.71")
        self.assertEqual(self.spf("203.0.113.70", "large.example")["spf"], "yes")
        self.assertEqual(self.spf("203.0.113.71", "large.example")["spf"], "no")
        self.assertEqual(self.resolve("large.example")["spf"]["addresses_v4"], 2500 * 256 + 1)

    def test_includes_that_explode(self):
        with Proxy(self.dns.port) as proxy:
            self.servers = proxy.address
            found = self.resolve("boom.example")
            self.assertTrue(found["spf"]["problems"])
            self.assertLess(proxy.count(), 600)

    def test_void_look_ups(self):
        self.from_nobody("voids.example", "203.0.113.80")
        found = self.spf("203.0.113.80", "voids.example")
        self.assertNotEqual(found["spf"], "yes")
        self.assertGreater(self.resolve("voids.example")["spf"]["void_lookups"], 2)

    def test_resolve(self):
        selectors = ["short", "one", "two", "gone", "test", "bad", "none", "s1"]
        self.take("host.example", *(row("203.0.113.90", n + 1, header_from="host.example", dkim=[("host.example", s, "pass")], **DKIM) for n, s in enumerate(selectors)))
        found = self.resolve("host.example")
        self.assertEqual((found["spf"]["addresses_v4"], found["spf"]["lookups"]), (18, 3))
        self.assertEqual((found["dmarc"]["tree_walk"]["policy"], found["dmarc"]["psl"]["policy"]), ("reject", "reject"))
        keys = {s["name"].split(".")[0]: s["key"] for s in found["selectors"]}
        self.assertEqual(keys, {"short": "too-short", "one": "present", "two": "present", "gone": "revoked", "test": "testing", "bad": "invalid", "none": "none", "s1": "present"})
        self.assertEqual({s["name"].split(".")[0]: s["product"] for s in found["selectors"] if s["product"]}, {"s1": "sendgrid"})
        text = " ".join(found["findings"])
        for words in ("the same key is published at", "one._domainkey.host.example", "two._domainkey.host.example", "short._domainkey.host.example"):
            self.assertIn(words, text)
        out = self.ok("resolve", "host.example").out
        for words in ("host.example", "SPF", "DMARC", "p=reject", "s1._domainkey.host.example", "sendgrid"):
            self.assertIn(words, out)
        # below: the policy of the parent, and that for subdomains
        self.assertEqual(self.resolve("mail.host.example")["dmarc"]["tree_walk"]["policy"], "quarantine")
        self.assertIs(self.resolve("nowhere.example")["exists"], False)


class Servers(Attribution):
    ZONE = merge(
        txt("slow.example", "v=spf1 include:sendgrid.net -all"), selector_cname("slow.example", "s1", "s1.domainkey.u1.wl1.sendgrid.net"), key("google._domainkey.slow.example"),
        txt("other.example", "v=spf1 include:servers.mcsv.net -all"), selector_cname("other.example", "k2", "dkim2.mcsv.net"),
    )

    def rows(self):
        return [row(SENDGRID, 5, header_from="slow.example", dkim=[("slow.example", "s1", "pass")], spf=[("slow.example", "fail")], **DKIM),
                row(NOBODY, 4, header_from="slow.example", spf=[("slow.example", "fail")])]

    def behind(self, *rules):
        proxy = Proxy(self.dns.port, rules)
        self.addCleanup(proxy.stop)
        self.servers = proxy.address
        return proxy

    def bounded(self, limit, *rules, deadline="1s"):
        """Takes the rows while the server does what the rules say; ends in time. What is said of the two."""
        self.configured(f'[dns]\ndeadline = "{deadline}"\n')
        proxy = self.behind(*rules)
        started = time.monotonic()
        self.take("slow.example", *self.rows())
        self.assertLess(time.monotonic() - started, limit + SLACK)
        return proxy, self.source("slow.example", SENDGRID), self.source("slow.example", NOBODY)

    def test_slow_but_in_time(self):
        proxy, found, spoofed = self.bounded(6, (lambda name, kind: True, delayed(0.3)), deadline="5s")
        self.assertEqual((found["sender"], found["verdict"], found["attribution_state"]), ("sendgrid", "authorized", "final"))
        self.assertEqual((spoofed["verdict"], spoofed["attribution_state"]), ("spoofed", "final"))
        self.assertGreater(proxy.most_in_flight, 1)  # side by side, not one by one

    def faulty(self, limit, what):
        """All that concerns the domain and reverse names fails, by `what`: it is told what is missing, and completed once the server is well."""
        proxy, found, spoofed = self.bounded(limit, (whole("slow.example"), what), (reverse, what))
        for source in (found, spoofed):
            self.assertEqual((source["verdict"], source["attribution_state"]), ("undetermined", "provisional"), source)
            self.assertIsNone(source["sender"])
            self.assertTrue(source["reason"] and source["remedy"], source)
        missing = self.explain(NOBODY, "slow.example", "--offline")
        self.assertTrue(missing["attribution"]["missing"] + missing["authorization"]["missing"], missing)
        first, cursor = self.events()
        # then it is well again
        proxy.rules.clear()
        self.ok("attribute")
        found, spoofed = self.source("slow.example", SENDGRID), self.source("slow.example", NOBODY)
        self.assertEqual((found["sender"], found["verdict"], found["attribution_state"]), ("sendgrid", "authorized", "final"))
        self.assertEqual((spoofed["verdict"], spoofed["attribution_state"]), ("spoofed", "final"))
        # what was told stays, and the change is told
        everything, _ = self.events()
        self.assertEqual(everything[:len(first)], first)
        if first:
            changes, _ = self.events("--after", cursor)
            self.assertEqual({c["class"] for c in changes}, {"source.reclassified"})
            self.assertEqual(sum(c["change"]["streams"] for c in changes), 2)
            self.assertEqual({c["change"]["cause"] for c in changes}, {"answers"})
        return proxy

    def test_no_answer(self):
        self.faulty(8, DROPPED)

    def test_servfail(self):
        self.faulty(6, failing(SERVFAIL))

    def test_refused(self):
        self.faulty(6, failing(REFUSED))

    def test_garbage(self):
        self.faulty(8, GARBAGE)

    def test_an_answer_that_is_cut(self):
        self.faulty(8, CUT)

    def test_answers_that_are_not_to_the_question(self):
        for what in (OTHER_ID, OTHER_NAME):
            with self.subTest(what=what):
                self.store = self.path(what[0] + ".db")
                self.faulty(8, what)

    def test_truncated_answers_are_asked_for_by_tcp(self):
        proxy, found, spoofed = self.bounded(4, (lambda name, kind: True, TRUNCATED))
        self.assertGreater(proxy.tcp_questions, 3)
        self.assertEqual((found["sender"], found["verdict"]), ("sendgrid", "authorized"))
        self.assertEqual(spoofed["verdict"], "spoofed")

    def test_one_domain_that_is_slow_does_not_hold_up_another(self):
        self.configured('[dns]\ndeadline = "3s"\n')
        self.behind((whole("slow.example"), DROPPED))
        self.report_file("slow.example", *self.rows())
        self.report_file("other.example", row(MAILCHIMP, 6, header_from="other.example", dkim=[("other.example", "k2", "pass")], **DKIM))
        self.ingest("--wait-dns", self.path("in"))
        self.expects("other.example", MAILCHIMP, "mailchimp", "high", "authorized")
        self.assertEqual(self.source("slow.example", NOBODY)["attribution_state"], "provisional")

    def test_the_next_server_answers_where_one_does_not(self):
        dead = self.behind((lambda name, kind: True, DROPPED))
        lame = Proxy(self.dns.port, [(lambda name, kind: True, failing(REFUSED))])
        self.addCleanup(lame.stop)
        self.servers = f"{dead.address},{lame.address},{self.dns.address}"
        self.configured('[dns]\ndeadline = "8s"\n')
        self.take("slow.example", *self.rows())
        self.expects("slow.example", SENDGRID, "sendgrid", "high", "authorized")
        self.assertGreater(dead.count() + lame.count(), 0)

    def test_servers_by_option_and_configuration(self):
        proxy = self.behind()
        self.servers = None
        self.ingest("--wait-dns", "--dns-server", proxy.address, self.report_file("slow.example", *self.rows()))
        self.expects("slow.example", SENDGRID, "sendgrid", "high", "authorized")
        asked = proxy.count()
        self.assertGreater(asked, 0)
        self.configured(f'[dns]\nservers = ["{proxy.address}"]\n')
        self.store = self.path("second.db")
        self.ingest("--wait-dns", self.path("in"))
        self.expects("slow.example", SENDGRID, "sendgrid", "high", "authorized")
        self.assertGreater(proxy.count(), asked)

    def test_no_more_in_flight_than_configured_and_no_question_twice(self):
        self.configured('[dns]\nin_flight = 7\n')
        proxy = self.behind((lambda name, kind: True, delayed(0.02)))
        self.take("slow.example", *(row(f"203.0.113.{n}", 1, header_from="slow.example", spf=[("slow.example", "fail")]) for n in range(1, 200)))
        self.assertLessEqual(proxy.most_in_flight, 7)
        self.assertGreater(proxy.most_in_flight, 3)
        self.assertEqual(len(set(proxy.questions)), len(proxy.questions))
        self.assertEqual(len(self.sources("slow.example", "--verdict", "spoofed")), 199)
        # nor in the next run: answers are kept
        before = proxy.count()
        self.take("slow.example", *(row(f"203.0.113.{n}", 2, header_from="slow.example", spf=[("slow.example", "softfail")]) for n in range(1, 200)))
        self.assertEqual(proxy.count(), before)

    def test_without_waiting(self):
        """Rows are stored before any look-up, and `ingest` ends though DNS does not answer."""
        self.configured('[dns]\ndeadline = "30s"\nattribution_deadline = "60s"\n')
        self.behind((lambda name, kind: True, DROPPED))
        started = time.monotonic()
        summary = self.ingest(self.report_file("slow.example", *self.rows()))
        self.assertLess(time.monotonic() - started, 10 + SLACK)
        self.assertEqual((summary["records"], summary["attribution"]["waiting"]), (2, 2))
        self.assertEqual(sum(s["messages"] for s in self.sources()), 9)
        self.assertEqual({s["attribution_state"] for s in self.sources()}, {"provisional"})
        # within the deadline nobody is told what is not known yet
        self.assertEqual(self.events()[0], [])
        self.servers = self.dns.address
        self.ok("attribute")
        events, _ = self.events()
        self.assertEqual([(e["class"], e["attribution"]["state"]) for e in events], [("dmarc.record", "final")] * 2)


class Off(Attribution):
    ZONE = merge(txt("quiet.example", "v=spf1 include:sendgrid.net -all"), selector_cname("quiet.example", "s1", "s1.domainkey.u1.wl1.sendgrid.net"))

    def take_all(self, *arguments):
        path = self.report_file("quiet.example",
                                row(SENDGRID, 5, header_from="quiet.example", dkim=[("quiet.example", "s1", "pass")], **DKIM),
                                row(SES, 4, header_from="quiet.example", dkim=[("quiet.example", "x", "pass"), ("amazonses.com", "ug7nbtf4gccmlpwj322ax3p6ow6yfsug", "pass")], **DKIM),
                                row(NOBODY, 3, header_from="quiet.example", spf=[("quiet.example", "fail")]),
                                row(MAILCHIMP, 2, header_from="quiet.example", dkim=[("quiet.example", "x", "fail"), ("list.example", "y", "pass")], spf=[("list.example", "pass")]))
        return self.ingest(*arguments, path)

    def check(self, server, *off):
        """What needs no DNS works and the rest says what is missing; and nobody was asked."""
        self.expects("quiet.example", SES, "amazon-ses", "high", "authorized")
        found = self.expects("quiet.example", NOBODY, None, "unknown", "undetermined", reason="DNS is off", remedy="Turn DNS on")
        self.expects("quiet.example", SENDGRID, None, "unknown", "undetermined", reason="DNS is off")
        self.assertEqual(self.source("quiet.example", MAILCHIMP)["verdict"], "forwarded")
        events, _ = self.events()
        self.assertEqual([e["class"] for e in events], ["dmarc.record"] * 4)  # at once: nothing is waited for
        self.assertEqual({e["attribution"]["state"] for e in events}, {"final"})
        self.assertTrue(self.listing("senders"))
        explained = self.explain(NOBODY, "quiet.example", *off)
        self.assertTrue(any("DNS is off" in m for m in explained["attribution"]["missing"]), explained)
        self.ok("catalogue", "match", "--ip", SES, "--dkim", "example.com/k1", "--spf", "example.com")
        self.ok("policy", "quiet.example", "--simulate", "reject")
        self.ok("attribute", "--all", *off)
        self.run_whosent("resolve", "quiet.example", *off)
        self.assertEqual(list(server.questions), [])

    def test_by_option(self):
        server = NothingServer()
        self.addCleanup(server.stop)
        self.servers = server.address
        self.take_all("--dns", "off")
        self.check(server, "--dns", "off")

    def test_by_environment(self):
        server = NothingServer()
        self.addCleanup(server.stop)
        self.servers, self.mode = server.address, "off"
        self.take_all("--wait-dns")
        self.check(server)

    def test_by_configuration(self):
        server = NothingServer()
        self.addCleanup(server.stop)
        self.servers = server.address
        self.configured('[dns]\nmode = "off"\n')
        self.take_all("--wait-dns")
        self.check(server)

    def test_it_is_judged_again_when_dns_is_on(self):
        self.take_all("--dns", "off")
        self.ok("attribute")
        self.expects("quiet.example", SENDGRID, "sendgrid", "high", "authorized")
        self.expects("quiet.example", NOBODY, None, "unknown", "spoofed")
        changes = [e for e in self.events()[0] if e["class"] == "source.reclassified"]
        self.assertEqual({(c["before"]["verdict"], c["after"]["verdict"]) for c in changes} & {("undetermined", "authorized"), ("undetermined", "spoofed")},
                         {("undetermined", "authorized"), ("undetermined", "spoofed")})

    def test_offline_explains_from_what_is_kept(self):
        self.ingest("--wait-dns", self.report_file("quiet.example", row(SENDGRID, 5, header_from="quiet.example", dkim=[("quiet.example", "s1", "pass")], **DKIM)))
        server = NothingServer()
        self.addCleanup(server.stop)
        self.servers = server.address
        found = self.explain(SENDGRID, "quiet.example", "--offline")
        self.assertEqual((found["attribution"]["sender"], found["verdict"]), ("sendgrid", "authorized"))
        self.assertEqual(list(server.questions), [])


if __name__ == "__main__":
    unittest.main()
