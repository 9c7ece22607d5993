"""catalogue, senders, explain, resolve, policy, approve, attribute: what they print, how they refuse."""

import csv
import io
import json
import os
import unittest

from attribution_case import MAILCHIMP, NOBODY, SENDGRID, Attribution, merge, row, selector_cname, txt
from harness import Case

COMMANDS = ("senders", "explain", "resolve", "policy", "attribute", "approve", "revoke", "approvals", "catalogue")
DKIM = {"dkim_eval": "pass"}


class Refusals(Case):
    def test_help(self):
        out = self.ok("--help").out
        for command in COMMANDS:
            self.assertIn(f"  {command}", out)
            told = self.ok(command, "--help").out
            self.assertIn(command, told)
            if command != "approvals":
                self.assertIn("Example", self.ok(*([command] if command != "catalogue" else [command, "match"]), "--help").out)
        for command in (["ingest"], ["attribute"], ["explain"], ["resolve"]):
            told = self.ok(*command, "--help").out
            for option in ("--dns", "--dns-server"):
                self.assertIn(option, told, command)
        for option in ("--verdict", "--sender"):
            self.assertIn(option, self.ok("sources", "--help").out)
        self.assertIn("--wait-dns", self.ok("ingest", "--help").out)

    def test_wrong_usage(self):
        for arguments in (
            ["explain"], ["explain", "192.0.2.1"], ["explain", "not-an-ip", "--domain", "example.com"], ["explain", "192.0.2.1", "--domain", "no domain"], ["explain", "192.0.2.1", "--domain", ""],
            ["explain", "192.0.2.1/24", "--domain", "example.com"], ["explain", "192.0.2.1", "--domain", "example.com", "--format", "xml"],
            ["resolve"], ["resolve", "no domain"], ["resolve", ""], ["resolve", "a" * 64 + ".example"], ["resolve", "example.com", "extra"],
            ["policy"], ["policy", "example.com", "--simulate", "allow"], ["policy", "example.com", "--simulate"], ["policy", ""], ["policy", "no domain", "--simulate", "reject"],
            ["senders", "--domain", "no domain"], ["senders", "--format", "xml"], ["senders", "--since", "soon"], ["sources", "--verdict", "fine"], ["sources", "--verdict"],
            ["approve"], ["approve", "example.com"], ["approve", "no domain", "sendgrid"], ["approve", "example.com", "sendgrid", "--by", "arc"], ["approve", "example.com", "sendgird"], ["revoke", "example.com"],
            ["catalogue"], ["catalogue", "nonsense"], ["catalogue", "check"], ["catalogue", "match"], ["catalogue", "match", "--ip", "192.0.2"], ["catalogue", "match", "--dkim", "no domain/s1"],
            ["catalogue", "match", "--spf", ""], ["attribute", "--wait", "long"], ["attribute", "--domain", "no domain"], ["attribute", "extra"],
            ["resolve", "example.com", "--dns", "maybe"], ["resolve", "example.com", "--dns-server", "ns.example.com"], ["resolve", "example.com", "--dns-server", "192.0.2.1:99999"],
        ):
            with self.subTest(arguments=arguments):
                done = self.run_whosent(*arguments)
                self.assertEqual(done.code, 2, f"{arguments}\n{done.out}\n{done.err}")
                self.assertTrue(done.err.splitlines()[-1].startswith("whosent: "), done.err)
                self.assertEqual(done.out, "")

    def test_no_store_yet(self):
        for command in (["senders"], ["explain", "192.0.2.1", "--domain", "example.com"], ["policy", "example.com", "--simulate", "reject"], ["attribute"], ["attribute", "--all"]):
            with self.subTest(command=command):
                self.fails(1, *command, says=("store.db", "whosent ingest"))

    def test_an_unknown_sender(self):
        for command in (["approve", "example.com", "sendgird"], ["sources", "--sender", "sendgird"]):
            with self.subTest(command=command):
                done = self.run_whosent(*command)
                self.assertNotEqual(done.code, 0)
                for text in ("sendgird", "did you mean", "sendgrid"):
                    self.assertIn(text, done.err)

    def test_configurations_that_are_wrong(self):
        path = self.path("whosent.toml")
        for text, says in (
            ('[dns]\nmode = "sometimes"\n', "mode"), ('[dns]\nservers = ["ns.example.com"]\n', "servers"), ('[dns]\nservers = "192.0.2.1"\n', "servers"), ('[dns]\ndeadline = "soon"\n', "deadline"),
            ('[dns]\nin_flight = 0\n', "in_flight"), ('[dns]\nin_flight = -4\n', "in_flight"), ('[dns]\nsevers = []\n', "severs"),
            ('[[domain]]\nparked = true\n', "name"), ('[[domain]]\nname = "no domain"\n', "no domain"), ('[[domain]]\nname = "a.example"\nnetworks = ["192.0.2.0/33"]\n', "192.0.2.0/33"),
            ('[[domain]]\nname = "a.example"\nparked = "perhaps"\n', "parked"), ('[[domain]]\nname = "a.example"\n[[domain]]\nname = "A.example"\n', "a.example"),
            ('[[approve]]\ndomain = "a.example"\n', "sender"), ('[[approve]]\ndomain = "a.example"\nsender = "sendgird"\n', "sendgird"), ('[[approve]]\ndomain = "a.example"\nsender = "sendgrid"\nby = "arc"\n', "`by`"),
            ('[[sender]]\nname = "Ours"\n', "id"), ('[[sender]]\nid = "ours"\ndkim_domains = ["sendgrid.net"]\n', "sendgrid.net"), ('[[sender]]\nid = "ours"\ndkim_selectors = ["("]\n', "("),
            ('[[sender]]\nid = "ours"\nnetworks = ["x"]\n', "x"),
        ):
            with self.subTest(text=text):
                self.write("whosent.toml", text)
                for command in (["config", "show"], ["ingest", "-"]):
                    done = self.run_whosent("--config", path, *command)
                    if command[0] == "config" and done.code == 0:
                        continue  # what only the catalogue can tell
                    self.assertEqual(done.code, 2, f"{command} {done.out}\n{done.err}")
                    self.assertIn("whosent.toml", done.err)
                    self.assertIn(says, done.err)

    def test_the_configuration_is_shown(self):
        path = self.write("whosent.toml", '[dns]\nservers = ["192.0.2.53"]\nin_flight = 9\n[[domain]]\nname = "a.example"\nparked = true\n[[approve]]\ndomain = "b.example"\nsender = "sendgrid"\n'
                                          '[[sender]]\nid = "ours"\nname = "Ours"\nptr_suffixes = ["mta.ours.example"]\n')
        out = self.ok("--config", path, "config", "show", env=self.environment(WHOSENT_DNS_SERVERS=None)).out
        for text in ('192.0.2.53', 'in_flight = 9', 'a.example', 'parked = true', 'b.example', 'sendgrid', 'mta.ours.example'):
            self.assertIn(text, out)
        # it is a configuration itself
        again = self.ok("--config", self.write("again.toml", out), "config", "show", env=self.environment(WHOSENT_DNS_SERVERS=None)).out
        strip = lambda text: [line.split("#")[0].strip() for line in text.splitlines()]
        self.assertEqual(strip(again), strip(out))
        self.assertIn("WHOSENT_DNS_SERVERS", self.ok("--config", path, "config", "show").out)


class Catalogue(Case):
    def match(self, *arguments):
        return self.listing("catalogue", "match", *arguments)

    def test_match(self):
        found = self.match("--dkim", "example.com/k1")
        self.assertGreaterEqual({m["sender"] for m in found}, {"mailgun", "mailchimp"})
        self.assertTrue(all(m["signal"].startswith("selector-") for m in found), found)
        found = self.match("--dkim", "em.sendgrid.net/smtpapi", "--spf", "bounce.mcdlv.net")
        self.assertIn(("sendgrid", "dkim-vendor-domain-pass"), {(m["sender"], m["signal"]) for m in found})
        self.assertIn(("mailchimp", "spf-vendor-envelope-pass"), {(m["sender"], m["signal"]) for m in found})
        # at label boundaries alone
        self.assertEqual([m["sender"] for m in self.match("--dkim", "notsendgrid.net")], [None])
        self.assertEqual([m["sender"] for m in self.match("--host", "sendgrid.net.evil.example")], [None])
        self.assertIn("amazon-ses", {m["sender"] for m in self.match("--host", "a1-2.smtp-out.eu-west-1.amazonses.com")})
        self.assertEqual([m["sender"] for m in self.match("--ip", "192.0.2.1")], [None])
        self.assertIn("k1", self.ok("catalogue", "match", "--dkim", "example.com/k1").out)
        rows = list(csv.DictReader(io.StringIO(self.ok("catalogue", "match", "--dkim", "example.com/k1", "--format", "csv").out)))
        self.assertIn("mailgun", {r["sender"] for r in rows})

    def test_list(self):
        senders = self.listing("catalogue", "list")
        self.assertGreater(len(senders), 300)
        self.assertEqual([s["id"] for s in senders], sorted({s["id"] for s in senders}))
        self.assertLess(len(self.listing("catalogue", "list", "--category", "gateway")), len(senders))

    def test_check(self):
        with open(os.path.join(os.path.dirname(__file__), "..", "..", "share", "senders.json")) as file:
            shipped = file.read()
        path = self.write("shipped.json", shipped)
        self.assertIn(f"{len(json.loads(shipped)['senders'])} senders", self.ok("catalogue", "check", path).out)
        self.assertTrue(self.ok("catalogue", "check", path, "--format", "json").json["valid"])
        rest = {k: v for k, v in json.loads(shipped).items() if k not in ("senders", "networks")}
        sender = {"id": "ours", "name": "Ours", "category": "transactional", "dkim_domain": {"sourced": ["ours.example"]}}
        small = lambda *senders, **more: json.dumps({**rest, "senders": list(senders), **more})
        good = self.write("good.json", small(sender))
        self.ok("catalogue", "check", good)
        for number, (content, *says) in enumerate((
            ("",), ("{",), ("[]",), ("null",), (json.dumps({"senders": [sender]}), "weights"), (json.dumps({**rest, "senders": 7}), "senders"), (small({"id": "x"}), "x"), (small(sender, sender), "ours"),
            (small(sender, {**sender, "id": "theirs"}), "ours.example", "theirs"), (small({**sender, "dkim_selector": {"sourced": {"weak": ["("]}}}), "ours"), (small({**sender, "categori": 1}), "categori"),
            (small({**sender, "category": "spammer"}), "category"), (small({**sender, "dkim_domain": {"sourced": ["com"]}}),), (small({**sender, "id": "No Id"}),), (small(sender, confidence={"high": 7}), "confidence"),
            (small({**sender, "dkim_domain": {"hearsay": ["ours.example"]}}), "hearsay"), ("[" * 100_000,), (b"\xff\xfe{}",), (shipped[:-400],),
        )):
            with self.subTest(content=content[-100:]):
                path = self.write(f"catalogue{number}.json", content)
                self.fails(1, "catalogue", "check", path, says=(f"catalogue{number}.json", *says))
                done = self.run_whosent("catalogue", "check", path, "--format", "json")
                self.assertEqual((done.code, done.json["valid"]), (1, False))
        self.fails(1, "catalogue", "check", self.path("absent.json"), says="absent.json")
        self.fails(1, "catalogue", "check", self.dir)
        # and in use
        config = self.write("whosent.toml", f'[catalogue]\nfile = "{good}"\n')
        self.assertEqual([m["id"] for m in self.listing("--config", config, "catalogue", "list")], ["ours"])
        self.fails(2, "--config", self.write("bad.toml", f'[catalogue]\nfile = "{self.path("catalogue1.json")}"\n'), "catalogue", "list", says="catalogue1.json")


class Shown(Attribution):
    ZONE = merge(txt("firm.example", "v=spf1 include:sendgrid.net -all"), selector_cname("firm.example", "s1", "s1.domainkey.u1.wl1.sendgrid.net"))

    def setUp(self):
        super().setUp()
        self.take("firm.example", row(SENDGRID, 5, header_from="firm.example", dkim=[("firm.example", "s1", "pass")], **DKIM),
                  row(NOBODY, 4, header_from="firm.example", spf=[("firm.example", "fail")]), row(MAILCHIMP, 3, header_from="firm.example", dkim=[("mcsv.net", "k1", "pass")]))

    def test_explain(self):
        out = self.ok("explain", SENDGRID, "--domain", "firm.example").out
        for text in (SENDGRID, "firm.example", "sendgrid", "high", "dkim-selector-cname", "s1.domainkey.u1.wl1.sendgrid.net", "fcrdns-ptr", "outbound-mail.sendgrid.net", "verdict: authorized", "include:sendgrid.net"):
            self.assertIn(text, out)
        found = self.ok("explain", SENDGRID, "--domain", "firm.example", "--format", "json").json
        self.assertEqual((found["source_ip"], found["streams"], found["dns_asked"]), (SENDGRID, 1, True))
        # an address that no report tells of
        alone = self.ok("explain", "192.0.2.130", "--domain", "firm.example", "--format", "json").json
        self.assertEqual(alone["streams"], 0)
        self.assertEqual(alone["explanations"][0]["attribution"]["sender"], "google-workspace")
        self.assertIn("no report tells", self.ok("explain", "192.0.2.130", "--domain", "firm.example").out)

    def test_columns_and_formats(self):
        table = self.ok("sources").out
        for text in ("SENDER", "CONFIDENCE", "VERDICT", "sendgrid", "unapproved-sender", "spoofed"):
            self.assertIn(text, table)
        for command in (["sources"], ["senders"], ["approvals"]):
            rows = self.listing(*command)
            text = self.ok(*command, "--format", "csv").out
            lines = list(csv.reader(io.StringIO(text, newline="")))
            self.assertEqual({len(line) for line in lines}, {len(lines[0])})
            if rows:
                self.assertEqual(lines[0], list(rows[0]))
        for width in (60, 80, 120):
            for command in (["sources"], ["senders"]):
                lines = self.in_terminal(width, *command)
                self.assertLessEqual(max(map(len, lines)), width, lines)

    def test_policy(self):
        out = self.ok("policy", "firm.example", "--simulate", "reject").out
        for text in ("firm.example with p=reject: 12 messages", "pass: never hit", "mailchimp", "spoofed, stopped"):
            self.assertIn(text, out)
        self.assertEqual(self.ok("policy", "firm.example").out, out)  # reject is the default
        self.assertIn("none stopped", self.ok("policy", "firm.example", "--simulate", "none").out)

    def test_attribute(self):
        found = json.loads(self.ok("attribute", "--summary", "json").out)
        self.assertEqual((found["settled"], found["reclassified"], found["unsettled"]), (0, 0, 0))
        found = json.loads(self.ok("attribute", "--all", "--summary", "json").out)
        self.assertEqual((found["judged"], found["reclassified"]), (3, 0))
        self.assertEqual(json.loads(self.ok("attribute", "--domain", "other.example", "--summary", "json").out)["judged"], 0)
        self.ok("attribute", "--wait", "1")

    def test_approve_and_revoke(self):
        self.assertIn("sendgrid", self.ok("approve", "Firm.Example.", "sendgrid").out)
        self.ok("approve", "firm.example", "sendgrid", "--by", "dkim")  # in the place of the first
        self.assertEqual([(a["domain"], a["sender"], a["by"]) for a in self.listing("approvals")], [("firm.example", "sendgrid", "dkim")])
        self.assertIn("sendgrid", self.ok("approvals").out)
        self.ok("revoke", "firm.example", "sendgrid")
        done = self.run_whosent("revoke", "firm.example", "sendgrid")
        self.assertEqual(done.code, 1)
        self.assertIn("sendgrid", done.err)


if __name__ == "__main__":
    unittest.main()
