"""Was it allowed, and what should be done: verdicts, approvals and the commands that show them."""

import unittest

from attribution_case import (GOOGLE, HOSTED, MAILCHIMP, MICROSOFT, NOBODY, SENDGRID, Attribution, key, merge, row, selector_cname, txt)
from harness import arf, failure

DKIM = {"dkim_eval": "pass"}
PASS = {"dkim_eval": "pass", "spf_eval": "pass"}


class Verdicts(Attribution):
    ZONE = merge(
        txt("firm.example", "v=spf1 include:sendgrid.net include:_spf.google.com -all"), key("google._domainkey.firm.example"),
        selector_cname("firm.example", "s1", "s1.domainkey.u1.wl1.sendgrid.net"),
        txt("half.example", "v=spf1 include:sendgrid.net -all"),
        txt("parked.example", "v=spf1 -all"), txt("strict.example", "v=spf1 -all"), selector_cname("strict.example", "k2", "dkim2.mcsv.net"),
        txt("racks.example", "v=spf1 ip4:203.0.113.64/26 -all"), key("mx._domainkey.racks.example"),
    )

    def sendgrid(self, ip=SENDGRID, count=5):
        return row(ip, count, header_from="firm.example", dkim=[("firm.example", "s1", "pass")], spf=[("bounces.sendgrid.net", "pass")], **DKIM)

    def google(self, ip=GOOGLE, count=7):
        return row(ip, count, header_from="firm.example", dkim=[("firm.example", "google", "pass")], spf=[("firm.example", "pass")], **PASS)

    def mailchimp(self, domain="firm.example", count=9):
        return row(MAILCHIMP, count, header_from=domain, dkim=[("mail40.suw11.rsgsv.net", "k1", "fail"), ("mcsv.net", "k2", "pass")], spf=[("mail40.suw11.rsgsv.net", "pass")])

    def spoofer(self, domain="firm.example", ip=HOSTED, count=30):
        return row(ip, count, header_from=domain, disposition="reject", spf=[(domain, "fail")])

    def test_a_known_sender_that_no_record_authorizes(self):
        self.take("half.example", self.mailchimp("half.example"))
        self.expects("half.example", MAILCHIMP, "mailchimp", "high", "unapproved-sender", reason=("Mailchimp", "half.example"), remedy=("whosent approve half.example mailchimp", "selector"))

    def test_a_known_sender_that_a_record_authorizes_and_that_fails_alignment(self):
        self.take("half.example", row(SENDGRID, 5, header_from="half.example", dkim=[("sendgrid.net", "smtpapi", "pass")], spf=[("bounces.sendgrid.net", "pass")]))
        self.expects("half.example", SENDGRID, "sendgrid", "high", "misaligned", reason=("SendGrid", "SPF record of half.example"), remedy=("selector", "SendGrid"))

    def test_spoofed(self):
        self.take("firm.example", self.spoofer(), self.spoofer(ip=NOBODY))
        found = self.expects("firm.example", HOSTED, None, "unknown", "spoofed", reason="hosting.example", remedy="policy", host="hosting.example")
        self.assertEqual(found["verdicts"], {"spoofed": 30})
        self.expects("firm.example", NOBODY, None, "unknown", "spoofed")

    def test_strict_alignment_is_said(self):
        self.write("strict.xml", self.report_text("strict.example", row(MAILCHIMP, 5, header_from="strict.example", dkim=[("news.strict.example", "k2", "pass")], spf=[("mail40.suw11.rsgsv.net", "pass")])))
        self.ingest("--wait-dns", self.path("strict.xml"))
        found = self.source("strict.example", MAILCHIMP)
        self.assertEqual(found["verdict"], "misaligned", found)
        self.assertIn("adkim=s", found["reason"])

    def report_text(self, domain, *rows):
        with open(self.report_file(domain, *rows)) as file:
            return file.read().replace("<adkim>r</adkim>", "<adkim>s</adkim>")

    def test_own_networks_and_parked_domains(self):
        self.configured('[[domain]]\nname = "racks.example"\nnetworks = ["203.0.113.64/26", "2001:db8:ffff::/48"]\n[[domain]]\nname = "parked.example"\nparked = true\n')
        own = [("203.0.113.70", 5, "pass"), ("2001:db8:ffff::7", 4, "pass"), ("203.0.113.71", 3, "fail"), ("203.0.113.130", 2, "pass")]
        self.take("racks.example", *(row(ip, count, header_from="racks.example", dkim=[("racks.example", "mx", result)], dkim_eval=result) for ip, count, result in own))
        self.assertEqual({s["source_ip"]: s["verdict"] for s in self.sources("racks.example")},
                         {"203.0.113.70": "authorized", "2001:db8:ffff::7": "authorized", "203.0.113.71": "misaligned", "203.0.113.130": "unapproved-pass"})
        self.assertIn("own", self.source("racks.example", "203.0.113.71")["reason"])
        self.take("parked.example", row(SENDGRID, 5, header_from="parked.example", dkim=[("parked.example", "s1", "pass")], **DKIM))
        found = self.source("parked.example", SENDGRID)
        self.assertEqual(found["verdict"], "unapproved-pass", found)
        self.assertIn("parked", found["reason"])

    def test_approvals_decide_and_their_changes_are_told(self):
        self.take("firm.example", self.sendgrid(), self.google())
        before, cursor = self.events()
        verdicts = lambda: {s["source_ip"]: s["verdict"] for s in self.sources("firm.example")}
        self.assertEqual(verdicts(), {SENDGRID: "authorized", GOOGLE: "authorized"})
        self.ok("approve", "firm.example", "google-workspace")
        self.assertEqual(verdicts(), {SENDGRID: "unapproved-pass", GOOGLE: "authorized"})
        self.assertIn("whosent approve firm.example sendgrid", self.source("firm.example", SENDGRID)["remedy"])
        events, cursor = self.events("--after", cursor)
        self.assertEqual([(e["class"], e["before"]["verdict"], e["after"]["verdict"], e["change"]["cause"], e["change"]["messages"], e["change"]["rows"]) for e in events],
                         [("source.reclassified", "authorized", "unapproved-pass", "approvals", 5, 1)])
        self.assertEqual([(a["domain"], a["sender"]) for a in self.listing("approvals")], [("firm.example", "google-workspace")])
        # for all below, and by one way only
        self.ok("approve", "firm.example", "sendgrid", "--by", "spf")
        self.assertEqual(verdicts()[SENDGRID], "unapproved-pass")
        self.assertIn("SPF", self.source("firm.example", SENDGRID)["reason"])
        self.ok("approve", "firm.example", "sendgrid")
        self.assertEqual(verdicts(), {SENDGRID: "authorized", GOOGLE: "authorized"})
        self.ok("revoke", "firm.example", "sendgrid")
        self.ok("revoke", "firm.example", "google-workspace")
        self.assertEqual(verdicts(), {SENDGRID: "authorized", GOOGLE: "authorized"})
        self.assertEqual(self.listing("approvals"), [])
        # what was told before is told the same today
        everything = self.events()[0]
        self.assertEqual(everything[:len(before)], before)
        self.assertEqual([e for e in everything if e["class"] == "dmarc.record"], before)

    def test_approvals_of_the_configuration(self):
        self.configured('[[approve]]\ndomain = "firm.example"\nsender = "google-workspace"\nby = "dkim"\n')
        self.take("firm.example", self.sendgrid(), self.google(), row(GOOGLE, 3, header_from="mail.firm.example", dkim=[("mail.firm.example", "google", "fail")], spf=[("firm.example", "pass")], spf_eval="pass"))
        self.expects("firm.example", SENDGRID, "sendgrid", "high", "unapproved-pass")
        self.assertEqual(self.source("firm.example", GOOGLE)["verdicts"], {"authorized": 7, "unapproved-pass": 3})
        self.assertEqual([(a["domain"], a["sender"], a["by"]) for a in self.listing("approvals")], [("firm.example", "google-workspace", "dkim")])

    def test_an_approved_sender_that_fails_is_a_configuration_to_mend(self):
        self.take("half.example", self.mailchimp("half.example"))
        self.assertEqual(self.source("half.example", MAILCHIMP)["verdict"], "unapproved-sender")
        self.ok("approve", "half.example", "mailchimp")
        self.expects("half.example", MAILCHIMP, "mailchimp", "high", "misaligned", reason="approved", remedy=("selector", "half.example"))

    def test_filters_senders_and_simulation(self):
        self.take("firm.example", self.sendgrid(), self.google(), self.mailchimp(), self.spoofer())
        self.take("half.example", row(SENDGRID, 11, header_from="half.example", dkim=[("sendgrid.net", "smtpapi", "pass")], spf=[("bounces.sendgrid.net", "pass")]))
        ips = lambda *arguments: {s["source_ip"] for s in self.sources("firm.example", *arguments)}
        self.assertEqual(ips("--verdict", "authorized"), {SENDGRID, GOOGLE})
        self.assertEqual(ips("--verdict", "unapproved-sender"), {MAILCHIMP})
        self.assertEqual(ips("--verdict", "spoofed"), {HOSTED})
        self.assertEqual(ips("--sender", "sendgrid"), {SENDGRID})
        self.assertEqual(ips("--sender", "unknown"), {HOSTED})
        self.assertEqual(ips("--verdict", "forwarded"), set())

        senders = {s["sender"]: s for s in self.listing("senders", "--domain", "firm.example")}
        self.assertEqual({i: (s["messages"], s["authorized"], s["approved"]) for i, s in senders.items()},
                         {"sendgrid": (5, "dkim", None), "google-workspace": (7, "dkim", None), "mailchimp": (9, "no", None), None: (30, None, None)})
        self.assertEqual([s["messages"] for s in self.listing("senders", "--domain", "firm.example")], [30, 9, 7, 5])
        self.assertEqual({s["sender"]: s["authorized"] for s in self.listing("senders", "--domain", "half.example")}, {"sendgrid": "spf only"})
        self.ok("approve", "firm.example", "google-workspace")
        senders = {s["sender"]: s["approved"] for s in self.listing("senders", "--domain", "firm.example")}
        self.assertEqual((senders["google-workspace"], senders["sendgrid"]), (True, False))
        self.ok("revoke", "firm.example", "google-workspace")
        table = self.ok("senders").out
        for text in ("firm.example", "half.example", "mailchimp", "spf only"):
            self.assertIn(text, table)

        # what reject would have cost: the legitimate mail that fails, by sender; not what nobody known sent
        found = self.ok("policy", "half.example", "--simulate", "reject", "--format", "json").json
        self.assertEqual((found["messages"], found["pass"], found["lost"], found["stopped"]), (11, 0, 11, 0))
        self.assertEqual([(h["effect"], h["verdict"], h["sender"], h["messages"]) for h in found["hits"]], [("lost", "misaligned", "sendgrid", 11)])
        self.assertEqual([(m["senders"], m["messages"]) for m in found["mend_first"]], [(["Twilio SendGrid"], 11)])
        self.assertIn("selector", found["mend_first"][0]["remedy"])
        found = self.ok("policy", "firm.example", "--simulate", "reject", "--format", "json").json
        self.assertEqual((found["messages"], found["pass"], found["lost"], found["to_decide"], found["stopped"]), (51, 12, 0, 9, 30))
        self.assertEqual({(h["effect"], h["sender"], h["messages"]) for h in found["hits"]}, {("to-decide", "mailchimp", 9), ("stopped", None, 30)})

    def test_failures_and_complaints_have_the_same_attribution(self):
        self.take("firm.example", self.sendgrid())
        self.write("arf/complaint.eml", arf(ip=SENDGRID, domain="firm.example", selector="s1", headers="DKIM-Signature: v=1; a=rsa-sha256; d=firm.example; s=s1; bh=x; b=y\r\n"))
        self.write("arf/failure.eml", failure(ip=MAILCHIMP, domain="half.example", selector="k2"))
        self.ingest("--wait-dns", self.path("arf"))
        events = {e["class"]: e for e in self.events()[0]}
        for name in ("feedback.complaint", "dmarc.failure"):
            self.assertIn("confidence", events[name]["attribution"])
            self.assertTrue(events[name]["verdict"]["name"])
        # the host says who it was
        self.assertEqual(events["dmarc.failure"]["attribution"]["sender"], "mailchimp")
        self.assertEqual(events["feedback.complaint"]["attribution"]["sender"], "sendgrid")
        self.assertEqual([c["sender"] for c in self.listing("complaints", "--list")], ["sendgrid"])
        self.assertEqual([f["sender"] for f in self.listing("failures")], ["mailchimp"])

    def test_cef_names_sender_and_verdict(self):
        self.take("firm.example", self.sendgrid())
        line = self.ok("events", "--format", "cef").lines[0]
        self.assertIn("sendgrid", line)
        self.assertIn("authorized", line)


class Microsoft(Attribution):
    ZONE = merge(txt("office.example", "v=spf1 include:spf.protection.outlook.com -all"))

    def test_aligned_spf_alone(self):
        self.take("office.example", row(MICROSOFT, 5, header_from="office.example", spf=[("office.example", "pass")], spf_eval="pass"))
        self.expects("office.example", MICROSOFT, "microsoft-365", "high", "authorized", remedy="DKIM")


if __name__ == "__main__":
    unittest.main()
