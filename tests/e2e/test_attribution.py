"""Who sent it: domains that are set up as the senders' customers set them up, asked of a real name server."""

import unittest

from attribution_case import (GOOGLE, GOOGLE_6, IMPROVMX, LIAR, LIST, MAILCHIMP, MAILGUN, MICROSOFT, MICROSOFT_6, NOBODY, PROOFPOINT, SENDGRID, SES, SRS, Attribution, chain, cname, host, key,
                              merge, row, selector_cname, txt)

SES_SELECTOR, SES_OWN = "ug7nbtf4gccmlpwj322ax3p6ow6yfsug", "a3kpxq5mzr2jvb7w4dncyht6slofgeiu"
PASS = {"dkim_eval": "pass", "spf_eval": "pass"}
DKIM = {"dkim_eval": "pass"}


class Senders(Attribution):
    ZONE = merge(
        # SendGrid: keys and return path by CNAME
        selector_cname("grid.example", "s1", "s1.domainkey.u1.wl1.sendgrid.net"), cname("em1234.grid.example", "u1.wl1.sendgrid.net"), txt("grid.example", "v=spf1 -all"),
        # Mailchimp: keys by CNAME, envelope of its own
        selector_cname("chimp.example", "k2", "dkim2.mcsv.net"), txt("chimp.example", "v=spf1 include:servers.mcsv.net -all"),
        # Amazon SES: Easy DKIM, and a second signature of its own
        selector_cname("ses.example", SES_OWN, f"{SES_OWN}.dkim.amazonses.com"), key(f"{SES_OWN}.dkim.amazonses.com"), txt("ses.example", "v=spf1 -all"),
        txt("mail.ses.example", "v=spf1 include:amazonses.com ~all"), {"mail.ses.example": [("MX", (10, "feedback-smtp.eu-west-1.amazonses.com"))]},
        # Klaviyo on SendGrid: the first hop is the product, the last the carrier
        chain("kl._domainkey.shop.example", "kl.domainkey.u9.klaviyodns.com", "s1.domainkey.u1.wl1.sendgrid.net"), txt("shop.example", "v=spf1 -all"),
        # Microsoft 365
        selector_cname("office.example", "selector1", "selector1-office-example._domainkey.officeexample.onmicrosoft.com"), key("selector1-office-example._domainkey.officeexample.onmicrosoft.com"),
        txt("office.example", "v=spf1 include:spf.protection.outlook.com -all"),
        # Google Workspace: the key is a record of the domain's own
        key("google._domainkey.work.example"), txt("work.example", "v=spf1 include:_spf.google.com ~all"), txt("bare.example", "v=spf1 include:_spf.google.com ~all"),
        # One selector, two senders
        selector_cname("gun.example", "k1", "k1.domainkey.mailgun.org"), txt("gun.example", "v=spf1 include:mailgun.org ~all"),
        selector_cname("monkey.example", "k1", "dkim.mcsv.net"), txt("monkey.example", "v=spf1 -all"),
        key("k1._domainkey.neither.example"), txt("neither.example", "v=spf1 -all"), key("s1._domainkey.neither.example"),
        # Proofpoint hands on what Microsoft 365 signed
        selector_cname("gate.example", "selector1", "selector1-gate-example._domainkey.gateexample.onmicrosoft.com"), key("selector1-gate-example._domainkey.gateexample.onmicrosoft.com"),
        txt("gate.example", "v=spf1 include:spf-00000001.pphosted.com include:spf.protection.outlook.com -all"),
    )

    def test_sendgrid_by_cname(self):
        self.take("grid.example", row(SENDGRID, 5, header_from="grid.example", dkim=[("grid.example", "s1", "pass")], spf=[("em1234.grid.example", "pass")], **PASS))
        self.expects("grid.example", SENDGRID, "sendgrid", "high", "authorized", reason=("SendGrid", "s1._domainkey.grid.example"))
        evidence = {e["signal"]: e for e in self.explain(SENDGRID, "grid.example")["attribution"]["evidence"] if e["weight"] > 0}
        self.assertIn("s1.domainkey.u1.wl1.sendgrid.net", evidence["dkim-selector-cname"]["value"])
        self.assertIn("fcrdns-ptr", evidence)

    def test_sendgrid_from_an_address_without_a_name(self):
        self.take("grid.example", row(NOBODY, 5, header_from="grid.example", dkim=[("grid.example", "s1", "pass")], spf=[("em1234.grid.example", "pass")], **PASS))
        self.expects("grid.example", NOBODY, "sendgrid", "high", "authorized")

    def test_mailchimp_by_cname(self):
        self.take("chimp.example", row(MAILCHIMP, 5, header_from="chimp.example", dkim=[("chimp.example", "k2", "pass")], spf=[("mail40.suw11.rsgsv.net", "pass")], **DKIM))
        self.expects("chimp.example", MAILCHIMP, "mailchimp", "high", "authorized", reason="Mailchimp")

    def test_amazon_ses_by_its_second_signature(self):
        rows = row(SES, 5, header_from="ses.example", dkim=[("ses.example", SES_OWN, "pass"), ("amazonses.com", SES_SELECTOR, "pass")], spf=[("mail.ses.example", "pass")], **PASS)
        self.take("ses.example", rows)
        self.expects("ses.example", SES, "amazon-ses", "high", "authorized", reason="Amazon SES")

    def test_klaviyo_on_sendgrid(self):
        self.take("shop.example", row(SENDGRID, 5, header_from="shop.example", dkim=[("shop.example", "kl", "pass")], spf=[("u1.wl1.sendgrid.net", "pass")], **DKIM))
        self.expects("shop.example", SENDGRID, "klaviyo", "high", "authorized", carrier="sendgrid")

    def test_microsoft_365(self):
        self.take("office.example", row(MICROSOFT, 5, header_from="office.example", dkim=[("office.example", "selector1", "pass")], spf=[("office.example", "pass")], **PASS))
        self.expects("office.example", MICROSOFT, "microsoft-365", "high", "authorized")
        found = self.explain(MICROSOFT, "office.example")["authorization"]
        self.assertEqual((found["spf"], found["dkim"]), ("yes", "yes"))
        for part in ("office.example", "include:spf.protection.outlook.com", "ip4:192.0.2.96/27"):
            self.assertIn(part, found["spf_path"])

    def test_microsoft_365_over_ipv6(self):
        self.take("office.example", row(MICROSOFT_6, 5, header_from="office.example", dkim=[("office.example", "selector1", "pass")], spf=[("office.example", "pass")], **PASS))
        self.expects("office.example", MICROSOFT_6, "microsoft-365", "high", "authorized")
        found = self.explain(MICROSOFT_6, "office.example")
        self.assertIn("ip6:2001:db8:365::/48", found["authorization"]["spf_path"])
        self.assertIn("fcrdns-ptr", [e["signal"] for e in found["attribution"]["evidence"] if e["weight"] > 0])

    def test_google_workspace(self):
        self.take("work.example", row(GOOGLE, 5, header_from="work.example", dkim=[("work.example", "google", "pass")], spf=[("work.example", "pass")], **PASS),
                  row(GOOGLE_6, 4, header_from="work.example", dkim=[("work.example", "google", "pass")], spf=[("work.example", "pass")], **PASS))
        for ip in (GOOGLE, GOOGLE_6):
            self.expects("work.example", ip, "google-workspace", "high", "authorized")

    def test_google_workspace_without_a_key_of_the_domain(self):
        self.take("bare.example", row(GOOGLE, 5, header_from="bare.example", dkim=[("bare-example.20230601.gappssmtp.com", "20230601", "pass")], spf=[("bare.example", "pass")], spf_eval="pass"))
        # SPF alone carries it, which breaks with the first forwarder
        self.expects("bare.example", GOOGLE, "google-workspace", "high", "authorized", remedy="DKIM")

    def test_one_selector_and_two_senders(self):
        for domain in ("gun.example", "monkey.example"):
            self.take(domain, row(NOBODY, 5, header_from=domain, dkim=[(domain, "k1", "pass")], spf=[(f"bounce.{domain}", "none")], **DKIM))
        self.expects("gun.example", NOBODY, "mailgun", "high", "authorized", reason="Mailgun")
        self.expects("monkey.example", NOBODY, "mailchimp", "high", "authorized", reason="Mailchimp")

    def test_mailgun_with_all_that_it_has(self):
        self.take("gun.example", row(MAILGUN, 5, header_from="gun.example", dkim=[("gun.example", "k1", "pass")], spf=[("gun.example", "pass")], **PASS))
        self.expects("gun.example", MAILGUN, "mailgun", "high", "authorized")

    def test_a_weak_selector_alone_never_decides(self):
        for selector in ("k1", "s1"):
            self.take("neither.example", row(NOBODY, 5, header_from="neither.example", dkim=[("neither.example", selector, "pass")], spf=[("neither.example", "fail")], **DKIM))
        found = self.source("neither.example", NOBODY)
        self.assertIsNone(found["sender"])
        self.assertEqual((found["confidence"], found["verdict"]), ("unknown", "unapproved-pass"))
        for explained in self.ok("explain", NOBODY, "--domain", "neither.example", "--format", "json").json["explanations"]:
            self.assertIsNone(explained["attribution"]["sender"])
            self.assertIn("nobody known", explained["reason"])

    def test_a_gateway_in_front_of_a_mailbox_provider(self):
        self.take("gate.example", row(PROOFPOINT, 5, header_from="gate.example", dkim=[("gate.example", "selector1", "pass")], spf=[("gate.example", "pass")], **PASS))
        self.expects("gate.example", PROOFPOINT, "microsoft-365", "high", "authorized", via="proofpoint")


class Indirect(Attribution):
    ZONE = merge(
        selector_cname("author.example", "s1", "s1.domainkey.u1.wl1.sendgrid.net"), txt("author.example", "v=spf1 include:sendgrid.net -all"),
        key("plain._domainkey.own.example"), txt("own.example", "v=spf1 ip4:203.0.113.128/25 -all"),
    )

    def test_a_forwarder_that_rewrites_the_envelope(self):
        # the signature holds: it is the author's mail still, and known to have come another way
        self.take("author.example", row(IMPROVMX, 5, header_from="author.example", dkim=[("author.example", "s1", "pass")], spf=[("fwd.improvmx.com", "pass")], **DKIM))
        self.expects("author.example", IMPROVMX, "sendgrid", "high", "authorized", via="improvmx")
        # it does not hold: forwarded, whoever wrote it
        self.take("own.example", row(IMPROVMX, 5, header_from="own.example", dkim=[("own.example", "plain", "fail")], spf=[("customer.improvmx.com", "pass")]))
        found = self.source("own.example", IMPROVMX)
        self.assertEqual(found["verdict"], "forwarded", found)
        self.assertIn("forwarded", found["reason"])
        self.assertIn("plain._domainkey.own.example", found["remedy"])

    def test_srs_at_a_host_that_nobody_knows(self):
        self.take("own.example", row(SRS, 5, header_from="own.example", dkim=[("own.example", "plain", "fail")], spf=[("srs.relay.example", "pass")]))
        self.expects("own.example", SRS, None, "unknown", "forwarded", reason="forwarded", host="relay.example")

    def test_a_receiver_that_says_forwarded(self):
        extra = "<reason><type>forwarded</type></reason>"
        self.take("own.example", row(NOBODY, 5, header_from="own.example", spf=[("own.example", "fail")], extra=extra))
        self.assertEqual(self.source("own.example", NOBODY)["verdict"], "forwarded")

    def test_a_mailing_list_of_somebody(self):
        self.take("own.example", row(LIST, 5, header_from="own.example", dkim=[("own.example", "plain", "fail"), ("lists.example.net", "list", "pass")], spf=[("lists.example.net", "pass")]))
        found = self.source("own.example", LIST)
        self.assertEqual((found["verdict"], found["attribution_state"]), ("forwarded", "final"))
        self.assertIn("list", found["reason"])

    def test_google_groups(self):
        rows = row(GOOGLE, 5, header_from="author.example", dkim=[("author.example", "s1", "fail"), ("googlegroups.com", "20230601", "pass")], spf=[("googlegroups.com", "pass")])
        self.take("author.example", rows)
        self.expects("author.example", GOOGLE, "google-groups", "high", "forwarded", reason="list")

    def test_a_broken_signature_at_a_strangers_host_is_no_sender(self):
        # s1 of author.example is SendGrid's, but it does not verify: that counts for nobody
        self.take("author.example", row(NOBODY, 5, header_from="author.example", dkim=[("author.example", "s1", "fail")], spf=[("author.example", "fail")]))
        found = self.source("author.example", NOBODY)
        self.assertIsNone(found["sender"])
        self.assertEqual((found["confidence"], found["verdict"]), ("unknown", "spoofed"))


class Lies(Attribution):
    """What an attacker may write: PTR names, results that are not pass, selectors."""

    ZONE = merge(
        txt("victim.example", "v=spf1 include:_spf.google.com -all"), key("google._domainkey.victim.example"),
        host("203.0.113.40", "sendgrid.net.evil.example"), host("203.0.113.41", "notsendgrid.net"), host("203.0.113.42", "xn--e1afmkfd.evil.example"),
        {"43.113.0.203.in-addr.arpa": [("PTR", "o1.outbound-mail.sendgrid.net"), ("PTR", "mail.evil.example")], "mail.evil.example": [("A", "203.0.113.43")]},
        {"44.113.0.203.in-addr.arpa": [("CNAME", "44.0-63.113.0.203.in-addr.arpa")], "44.0-63.113.0.203.in-addr.arpa": [("PTR", "o1.outbound-mail.sendgrid.net")]},
        {"45.113.0.203.in-addr.arpa": [("PTR", "loop-a.evil.example")], "loop-a.evil.example": [("CNAME", "loop-b.evil.example")], "loop-b.evil.example": [("CNAME", "loop-a.evil.example")]},
    )

    def spoofed(self, ip, **results):
        self.take("victim.example", row(ip, 5, header_from="victim.example", **results))
        found = self.source("victim.example", ip)
        self.assertIsNone(found["sender"], found)
        self.assertEqual((found["confidence"], found["verdict"]), ("unknown", "spoofed"), found)
        return found

    def test_a_reverse_name_that_does_not_lead_back(self):
        found = self.spoofed(LIAR, spf=[("victim.example", "fail")])
        self.assertNotIn("google", found["reason"].lower())
        self.assertNotEqual(found["host"], "google.com")
        evidence = [e for e in self.explain(LIAR, "victim.example")["attribution"]["evidence"] if "google.com" in (e["value"] or "")]
        self.assertTrue(all(e["weight"] == 0 and e["note"] for e in evidence), evidence)

    def test_reverse_names_that_only_look_like_a_sender(self):
        for last in (40, 41, 42):
            self.spoofed(f"203.0.113.{last}", spf=[("victim.example", "fail")])

    def test_of_several_reverse_names_each_is_confirmed_for_itself(self):
        found = self.spoofed("203.0.113.43", spf=[("victim.example", "fail")])
        self.assertEqual(found["host"], "evil.example")

    def test_aliases_of_reverse_names(self):
        self.spoofed("203.0.113.44", spf=[("victim.example", "fail")])
        # aliases in a circle are no answer
        self.take("victim.example", row("203.0.113.45", 5, header_from="victim.example", spf=[("victim.example", "fail")]))
        found = self.source("victim.example", "203.0.113.45")
        self.assertEqual((found["sender"], found["confidence"]), (None, "unknown"))
        self.assertIn(found["verdict"], ("spoofed", "undetermined"))

    def test_only_pass_counts(self):
        for number, result in enumerate(("fail", "neutral", "none", "temperror", "permerror", "policy", "softfail", "PASSED", "unknown", "")):
            ip = f"203.0.113.{100 + number}"
            self.spoofed(ip, dkim=[("sendgrid.net", "smtpapi", result), ("victim.example", "google", result), ("victim.example", "20230601", result)], spf=[("bounce.sendgrid.net", result or "none")])

    def test_what_no_answer_can_tell_is_not_waited_for(self):
        """A report without an address, selectors and domains that no name server can be asked for: final, and the feed goes on."""
        odd = [("192.0.2.300", dict(dkim=[("victim.example", "google", "pass")], dkim_eval="pass")),
               ("203.0.113.210", dict(dkim=[("victim.example", "a b@evil.example", "fail"), ("victim.example", "x" * 70, "fail"), ("-..victim.example", "s1", "fail")], spf=[("victim.example", "fail")])),
               ("203.0.113.211", dict(spf=[("x" * 64 + ".victim.example", "fail")])), ("203.0.113.212", dict(spf=[("no domain", "pass")], header_from="victim.example"))]
        self.take("victim.example", *(row(ip, 2 + n, **{"header_from": "victim.example", **results}) for n, (ip, results) in enumerate(odd)))
        self.assertEqual([(s["source_ip"], s["attribution_state"]) for s in self.sources("victim.example") if s["attribution_state"] != "final"], [])
        self.assertEqual([e["attribution"]["state"] for e in self.events()[0]], ["final"] * 4)

    def test_a_foreign_domain_that_passes_for_itself(self):
        self.spoofed("203.0.113.200", dkim=[("evil.example", "k1", "pass")], spf=[("evil.example", "pass")])


if __name__ == "__main__":
    unittest.main()
