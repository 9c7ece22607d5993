"""Failure, feedback and TLS reports: every form of input, the listings, what becomes of damaged ones, events, purge."""

import csv
import gzip
import io
import time
import unittest

from harness import BEGIN, DAY, Case, arf, failure, mail, mbox, report, row, ses_complaint, tls_policy, tls_report

EXPIRED = tls_policy(successful=60, failed=9, details=[("certificate-expired", 7), ("sts-policy-fetch-error", 2)])
# A feedback report of which no field can be read
NO_FIELD = arf()[:arf().index(b"Feedback-Type:")] + b"\x00\x01\x02 nothing that is a field \xff\r\n\r\n--b1--\r\n"


def tls_mail(content, message_id="tls"):
    return mail(gzip.compress(content, mtime=0), "receiver.example!example.com!1!2.json.gz", "application/tlsrpt+gzip", "Report Domain: example.com Submitter: receiver.example Report-ID: <t1>",
                message_id)


class Feedback(Case):
    def kinds(self, summary):
        reports = summary["reports"]
        return (reports["aggregate"], reports["failure"], reports["feedback"], reports["tlsrpt"])

    def table(self, *arguments):
        return list(csv.DictReader(io.StringIO(self.ok(*arguments, "--format", "csv").out, newline="")))


class Ingest(Feedback):
    FORMS = (
        ("failure.eml", failure(), (0, 1, 0, 0)),
        ("complaint.eml", arf(), (0, 0, 1, 0)),
        ("not spam.eml", arf("not-spam", message_id="m2"), (0, 0, 1, 0)),
        ("ses.json", ses_complaint(), (0, 0, 1, 0)),
        ("ses.eml", b"From: sns@example.com\r\nSubject: Notification\r\nContent-Type: text/plain\r\n\r\n" + ses_complaint(message_id="s2"), (0, 0, 1, 0)),
        ("tls.json", tls_report(), (0, 0, 0, 1)),
        ("tls.json.gz", gzip.compress(tls_report("t2")), (0, 0, 0, 1)),
        ("tls.eml", tls_mail(tls_report("t3")), (0, 0, 0, 1)),
        ("aggregate.xml", report(), (1, 0, 0, 0)),
    )

    def test_every_form_as_a_file(self):
        for name, content, expected in self.FORMS:
            with self.subTest(name):
                summary = self.ingest(self.write("in/" + name, content))
                self.assertEqual((self.kinds(summary), summary["quarantined"], summary["not_reports"]), (expected, 0, 0))
        done = self.ok("ingest", self.path("in"))
        self.assertIn("duplicates   9 messages and 0 reports", done.out)
        self.assertNotIn("TLS report", done.out)

    def test_folder_and_summary(self):
        for name, content, _ in self.FORMS:
            self.write("in/" + name, content)
        out = self.ok("ingest", self.path("in")).out
        self.assertIn("stored       1 aggregate report with 1 record", out)
        self.assertIn("             1 failure report, 4 feedback reports and 3 TLS reports\n", out)
        summary = self.ingest(self.path("in"))
        self.assertEqual((self.kinds(summary), summary["duplicates"]["messages"], summary["quarantined"]), ((0, 0, 0, 0), 9, 0))

    def test_mbox(self):
        box = self.write("box", mbox(failure(), arf(), tls_mail(tls_report()), arf("opt-out", message_id="m3")))
        self.assertEqual(self.kinds(self.ingest(box)), (0, 1, 2, 1))
        self.assertEqual(self.kinds(self.ingest(box)), (0, 0, 0, 0))

    def test_standard_input(self):
        for content, expected in ((failure(), (0, 1, 0, 0)), (arf(), (0, 0, 1, 0)), (tls_report(), (0, 0, 0, 1)), (ses_complaint(), (0, 0, 1, 0))):
            self.assertEqual(self.kinds(self.ingest("-", stdin=content)), expected)

    def test_a_second_run_and_a_second_delivery(self):
        for i, content in enumerate((failure(), arf(), tls_mail(tls_report(policies=[EXPIRED])))):
            self.write(f"in/{i}.eml", content)
        self.ingest(self.path("in"))
        before = [self.listing(*command) for command in (["failures"], ["complaints", "--list"], ["tls"], ["sources"])], self.events()
        self.assertEqual(self.ingest(self.path("in"))["duplicates"], {"messages": 3, "reports": 0})
        # the same reports in other mails
        for i, content in enumerate((failure(), arf(), tls_mail(tls_report(policies=[EXPIRED])))):
            self.write(f"again/{i}.eml", b"Received: from elsewhere\r\n" + content)
        summary = self.ingest(self.path("again"))
        self.assertEqual((self.kinds(summary), summary["duplicates"]), ((0, 0, 0, 0), {"messages": 0, "reports": 3}))
        self.assertEqual(([self.listing(*command) for command in (["failures"], ["complaints", "--list"], ["tls"], ["sources"])], self.events()), before)

    def test_a_tls_report_sent_anew_with_other_figures(self):
        self.ingest(self.write("1.json", tls_report(policies=[tls_policy(successful=10)])))
        self.ingest(self.write("2.json", tls_report(policies=[tls_policy(successful=10, failed=5, details=[("certificate-expired", 5)])])))
        policy, = self.listing("tls")
        self.assertEqual((policy["sessions"], policy["failed"], policy["reports"]), (15, 5, 1))


class Listings(Feedback):
    def setUp(self):
        super().setUp()
        aligned = dict(dkim=[("example.com", "s1", "pass")], spf=[("bounce.example.com", "pass")], dkim_eval="pass", spf_eval="pass")
        self.write("in/0.xml", report("r1", [row("192.0.2.10", 1000, **aligned)]))
        self.write("in/1.xml", report("r2", [row("192.0.2.10", 500, **aligned)], begin=BEGIN + DAY))
        self.write("in/complaint1.eml", arf(message_id="c1", headers="Feedback-ID: spring:shop:news:mailer\r\n"))
        self.write("in/complaint2.eml", arf(message_id="c2", recipient="other@provider.example", headers="Feedback-ID: spring:shop:news:mailer\r\n"))
        self.write("in/complaint3.eml", arf("fraud", message_id="c3", when=BEGIN + DAY + 36000))
        # of a day of which no aggregate report tells, and of another sender
        self.write("in/complaint4.eml", arf(message_id="c4", when=BEGIN + 5 * DAY))
        self.write("in/complaint5.eml", arf(message_id="c5", domain="example.org", ip="2001:db8::7", selector="x"))
        self.write("in/not-spam.eml", arf("not-spam", message_id="c6"))
        self.write("in/opt-out.eml", arf("opt-out", message_id="c7"))
        self.write("in/failure1.eml", failure(ip="203.0.113.5"))
        self.write("in/failure2.eml", failure("f2", ip="203.0.113.6", domain="sub.example.com", when=BEGIN + 3 * DAY))
        self.write("in/tls1.json", tls_report(policies=[EXPIRED, tls_policy("example.org", "no-policy-found", 3)]))
        self.write("in/tls2.json", tls_report("t2", "Other", BEGIN + 2 * DAY, [tls_policy(successful=31)]))
        summary = self.ingest(self.path("in"))
        self.assertEqual((self.kinds(summary), summary["quarantined"]), ((2, 2, 7, 2), 0))

    def test_failures(self):
        newest, oldest = self.listing("failures")
        self.assertEqual((newest["day"], newest["domain"], newest["source_ip"]), ("2025-11-24", "example.com", "203.0.113.6"))  # the policy domain
        self.assertEqual(newest["header_from"], "sub.example.com")
        self.assertEqual((oldest["kind"], oldest["day"], oldest["domain"], oldest["source_ip"], oldest["reporter"]),
                         ("failure", "2025-11-21", "example.com", "203.0.113.5", "provider.example"))
        self.assertEqual((oldest["auth_failure"], oldest["delivery_result"], oldest["identity_alignment"]), ("dmarc", "reject", ["none"]))
        self.assertEqual((oldest["dkim"], oldest["envelope_from"]), (["s1._domainkey.example.com"], "bounce.example.com"))
        self.assertRegex(oldest["original_rcpt_to"][0], r"^~1\.[a-z2-7]{16}@provider\.example$")
        self.assertTrue(oldest["origin"].endswith("in/failure1.eml"), oldest)
        table = self.ok("failures").lines
        self.assertEqual(table[0].split(), ["ID", "DAY", "DOMAIN", "SOURCE", "SENDER", "CONFIDENCE", "VERDICT", "REPORTER", "FAILED", "DELIVERY", "DKIM", "ENVELOPE", "RECIPIENT", "CAMPAIGN"])
        self.assertEqual(len(table), 3)
        for text in (str(oldest["id"]), "2025-11-21", "203.0.113.5", "provider.example", "dmarc", "reject", oldest["original_rcpt_to"][0]):
            self.assertIn(text, table[2])
        self.assertEqual([r["id"] for r in self.table("failures")], [str(newest["id"]), str(oldest["id"])])

    def test_failures_scope(self):
        ips = lambda *arguments: [r["source_ip"] for r in self.listing("failures", *arguments)]
        self.assertEqual(ips("--limit", "1"), ["203.0.113.6"])
        self.assertEqual(ips("--domain", "EXAMPLE.com."), ["203.0.113.6", "203.0.113.5"])
        self.assertEqual(ips("--domain", "example.org"), [])
        self.assertEqual(ips("--since", "2025-11-22"), ["203.0.113.6"])
        self.assertEqual(ips("--until", "2025-11-24"), ["203.0.113.5"])
        self.assertEqual(self.ok("failures", "--domain", "example.org").out, "No failure report.\n")

    def test_complaints_by_sender_domain(self):
        com, org = self.listing("complaints")
        self.assertEqual({k: com[k] for k in ("key", "complaints", "days", "first_day", "last_day", "messages", "rated_complaints")},
                         {"key": "example.com", "complaints": 4, "days": 3, "first_day": "2025-11-21", "last_day": "2025-11-26", "messages": 1500, "rated_complaints": 3})
        self.assertAlmostEqual(com["rate"], 3 / 1500)
        self.assertEqual((org["key"], org["complaints"], org["messages"], org["rate"]), ("example.org", 1, None, None))
        self.assertEqual(self.listing("complaints", "--by", "sender-domain"), [com, org])
        lines = self.ok("complaints").lines
        self.assertEqual(lines[0].split(), ["SENDER", "DOMAIN", "COMPLAINTS", "DAYS", "FIRST", "LAST", "MESSAGES", "RATE"])
        self.assertEqual(lines[1].split(), ["example.com", "4", "3", "2025-11-21", "2025-11-26", "1500", "0.200%"])
        self.assertEqual(lines[2].split()[-2:], ["-", "-"])
        self.assertEqual([(r["key"], r["rate"]) for r in self.table("complaints")], [("example.com", "0.002000"), ("example.org", "")])

    def test_complaints_by_other_keys(self):
        counts = lambda *arguments: [(r["key"], r["complaints"], r["messages"]) for r in self.listing("complaints", *arguments)]
        self.assertEqual(counts("--by", "selector"), [("s1._domainkey.example.com", 4, 1500), ("x._domainkey.example.org", 1, None)])
        self.assertEqual(counts("--by", "ip"), [("192.0.2.10", 4, 1500), ("2001:db8::7", 1, None)])
        # what has no Feedback-ID is told by its signature
        self.assertEqual(set(counts("--by", "campaign")), {("spring:shop:news:mailer", 2, None), ("s1._domainkey.example.com", 2, None), ("x._domainkey.example.org", 1, None)})

    def test_complaints_daily(self):
        days = [(r["key"], r["day"], r["complaints"], r["messages"], r["rate"]) for r in self.listing("complaints", "--daily", "--domain", "example.com")]
        self.assertEqual(days, [("example.com", "2025-11-21", 2, 1000, 0.002), ("example.com", "2025-11-22", 1, 500, 0.002), ("example.com", "2025-11-26", 1, None, None)])
        self.assertEqual(self.ok("complaints", "--daily").lines[0].split(), ["SENDER", "DOMAIN", "DAY", "COMPLAINTS", "MESSAGES", "RATE"])
        self.assertEqual(len(self.listing("complaints", "--daily", "--limit", "2")), 2)

    def test_complaints_scope(self):
        counts = lambda *arguments: [(r["key"], r["complaints"]) for r in self.listing("complaints", *arguments)]
        self.assertEqual(counts("--domain", "example.org"), [("example.org", 1)])
        self.assertEqual(counts("--since", "2025-11-22"), [("example.com", 2)])
        self.assertEqual(counts("--until", "2025-11-22"), [("example.com", 2), ("example.org", 1)])
        self.assertEqual(counts("--limit", "1"), [("example.com", 4)])
        self.assertEqual(self.ok("complaints", "--domain", "nobody.example").out, "No complaint.\n")

    def test_complaints_list(self):
        rows = self.listing("complaints", "--list")
        self.assertEqual([(r["kind"], r["feedback_type"], r["day"]) for r in rows[:2]], [("complaint", "abuse", "2025-11-26"), ("complaint", "fraud", "2025-11-22")])
        self.assertEqual(len(rows), 5)
        everything = self.listing("complaints", "--list", "--all")
        self.assertEqual(sorted(r["feedback_type"] for r in everything), ["abuse"] * 4 + ["fraud", "not-spam", "opt-out"])
        self.assertEqual({r["kind"] for r in everything if r["feedback_type"] in ("not-spam", "opt-out")}, {"other"})
        self.assertEqual(len(self.listing("complaints", "--list", "--all", "--limit", "3")), 3)
        self.assertEqual([r["domain"] for r in self.listing("complaints", "--list", "--domain", "example.org")], ["example.org"])
        header = self.ok("complaints", "--list").lines[0].split()
        self.assertEqual(header, ["ID", "DAY", "DOMAIN", "TYPE", "SOURCE", "SENDER", "CONFIDENCE", "VERDICT", "REPORTER", "DKIM", "RECIPIENT", "CAMPAIGN"])
        self.assertEqual(list(self.listing("failures")[0]), list(rows[0]))

    def test_a_recipients_pseudonym(self):
        shown, = self.listing("pseudonym", "Other@Provider.example")
        with_it = [r for r in self.listing("complaints", "--list") if shown["pseudonym"] in r["original_rcpt_to"]]
        self.assertEqual([r["campaign"] for r in with_it], ["spring:shop:news:mailer"])
        # the same address is the same person everywhere
        other, = self.listing("pseudonym", "user@provider.example")
        self.assertEqual({r["original_rcpt_to"][0] for r in self.listing("failures")}, {other["pseudonym"]})
        classes = {e["class"] for e in self.events()[0] if other["pseudonym"] in e.get("report", {}).get("original_rcpt_to", [])}
        self.assertEqual(classes, {"dmarc.failure", "feedback.complaint"})

    def test_tls(self):
        failing, none = self.listing("tls")
        self.assertEqual(failing | {"failure_rate": 0}, {
            "policy_domain": "example.com", "policy_type": "sts", "sessions": 100, "failed": 9, "failure_rate": 0, "reports": 2, "reporters": 2,
            "result_types": ["certificate-expired=7", "sts-policy-fetch-error=2"], "first_day": "2025-11-21", "last_day": "2025-11-23"})
        self.assertAlmostEqual(failing["failure_rate"], 0.09)
        self.assertEqual((none["policy_domain"], none["policy_type"], none["sessions"], none["failed"]), ("example.org", "no-policy-found", 3, 0))
        self.assertEqual(self.ok("tls").lines[1].split()[:5], ["example.com", "sts", "100", "9", "9.000%"])
        self.assertEqual([r["sessions"] for r in self.listing("tls", "--since", "2025-11-22")], [31])
        self.assertEqual([r["sessions"] for r in self.listing("tls", "--domain", "example.org")], [3])
        self.assertEqual(len(self.listing("tls", "--limit", "1")), 1)
        self.assertEqual(self.ok("tls", "--domain", "nobody.example").out, "No TLS report.\n")

    def test_tls_failures(self):
        rows = self.listing("tls", "--failures")
        self.assertEqual([(r["result_type"], r["failed_sessions"]) for r in rows], [("certificate-expired", 7), ("sts-policy-fetch-error", 2)])
        self.assertEqual({(r["day"], r["policy_domain"], r["policy_type"], r["organization_name"], r["sending_mta_ip"], r["receiving_mx_hostname"]) for r in rows},
                         {("2025-11-21", "example.com", "sts", "Receiver", "192.0.2.200", "mx1.example.com")})
        self.assertEqual(len(self.listing("tls", "--failures", "--limit", "1")), 1)
        self.assertEqual(self.ok("tls", "--failures", "--domain", "example.org").out, "No TLS failure.\n")
        self.assertIn("certificate-expired", self.ok("tls", "--failures").lines[1])

    def test_report_of_each_kind(self):
        failed = self.listing("failures")[-1]
        shown = self.listing("report", str(failed["id"]))
        self.assertEqual((shown["kind"], shown["auth_failure"], shown["source_ip"], shown["original_rcpt_to"]), ("failure", "dmarc", "203.0.113.5", failed["original_rcpt_to"]))
        self.assertIsInstance(shown["diagnostics"], list)
        complained = self.listing("complaints", "--list", "--limit", "1")[0]
        self.assertEqual(self.listing("report", str(complained["id"]))["feedback_type"], "abuse")
        number = str(self.listing("tls", "--failures")[0]["report"])
        shown = self.listing("report", number)
        self.assertEqual((shown["kind"], shown["organization_name"], shown["report_id"], shown["contact_info"], shown["complete"]),
                         ("tls", "Receiver", "t1", "tls-reports@receiver.example", True))
        self.assertEqual([(p["policy"], p["policy_type"], p["policy_domain"], p["result_type"], p["failed_sessions"]) for p in shown["policies"]],
                         [(0, "sts", "example.com", "certificate-expired", 7), (0, "sts", "example.com", "sts-policy-fetch-error", 2),
                          (1, "no-policy-found", "example.org", None, None)])
        numbers = [int(r["id"]) for r in self.listing("reports")] + [r["id"] for r in self.listing("failures") + self.listing("complaints", "--list", "--all")] + [int(number)]
        self.assertEqual(len(set(numbers)), len(numbers))  # one series
        for number, texts in ((failed["id"], ("203.0.113.5", "dmarc", "in/failure1.eml")), (number, ("Receiver", "certificate-expired", "example.org"))):
            table = self.ok("report", str(number)).out
            for text in texts:
                self.assertIn(text, table)
        self.assertEqual(len(self.table("report", str(failed["id"]))), 1)
        self.assertEqual(len(self.table("report", number)), 3)

    def test_sources(self):
        rows = {(r["domain"], r["source_ip"]): (r["messages"], r["failures"], r["complaints"]) for r in self.listing("sources")}
        self.assertEqual(rows["example.com", "192.0.2.10"], (1500, 0, 4))
        self.assertEqual(rows["example.com", "203.0.113.5"], (0, 1, 0))
        header = self.ok("sources").lines[0].split()
        self.assertIn("FAILURES", header)
        self.assertIn("COMPLAINTS", header)
        # not where there are none
        self.store = self.path("other.db")
        self.ingest(self.path("in/0.xml"))
        self.assertNotIn("COMPLAINTS", self.ok("sources").out)
        self.assertEqual(self.listing("sources")[0]["complaints"], 0)

    def test_every_listing_in_every_format(self):
        for command in (["failures"], ["complaints"], ["complaints", "--by", "campaign"], ["complaints", "--daily"], ["complaints", "--list", "--all"], ["tls"], ["tls", "--failures"]):
            with self.subTest(command):
                rows = self.listing(*command)
                self.assertTrue(rows)
                out = self.ok(*command, "--format", "csv").out
                lines = list(csv.reader(io.StringIO(out, newline="")))
                self.assertEqual((lines[0], len(lines)), (list(rows[0]), len(rows) + 1))
                self.assertEqual({len(line) for line in lines}, {len(lines[0])})
                self.assertEqual(len(self.ok(*command).lines), len(rows) + 1)

    def test_tables_fit_the_terminal(self):
        for width in (70, 100, 140):
            for command in (["failures"], ["complaints"], ["complaints", "--by", "selector", "--daily"], ["complaints", "--list"], ["tls"], ["tls", "--failures"], ["sources"]):
                lines = self.in_terminal(width, *command)
                self.assertGreater(len(lines), 1)
                self.assertLessEqual(max(map(len, lines)), width, (command, lines))

    def test_events(self):
        events, cursor = self.events()
        classes = [e["class"] for e in events]
        self.assertEqual({c: classes.count(c) for c in set(classes)}, {"dmarc.record": 2, "dmarc.failure": 2, "feedback.complaint": 5, "tls.failure": 2})
        sequences = [e["sequence"] for e in events]
        self.assertEqual(sequences, sorted(set(sequences)))
        self.assertEqual(len({e["id"] for e in events}), len(events))
        pages, after = [], None
        while True:
            page, after = self.events("--limit", "3", *(["--after", after] if after else []))
            if not page:
                break
            pages += page
        self.assertEqual((pages, after), (events, cursor))
        lines = self.ok("events", "--format", "cef").lines
        for name in ("dmarc.failure", "feedback.complaint", "tls.failure"):
            self.assertEqual(sum(f"|{name}|" in line for line in lines), classes.count(name))
        # later ones come after the cursor
        self.ingest(self.write("late.eml", arf(message_id="late")))
        late, _ = self.events("--after", cursor)
        self.assertEqual([(e["class"], e["report"]["feedback_type"]) for e in late], [("feedback.complaint", "abuse")])
        numbers = {e["report"]["number"] for e in events if e["class"] == "tls.failure"}
        self.assertEqual(numbers, {r["report"] for r in self.listing("tls", "--failures")})


class Damaged(Feedback):
    def test_a_damaged_report_is_quarantined(self):
        summary = self.ingest(self.write("damaged.eml", NO_FIELD))
        self.assertEqual((self.kinds(summary), summary["quarantined"]), ((0, 0, 0, 0), 1))
        entry, = self.listing("quarantine", "list")
        self.assertEqual((entry["name"], entry["content_kept"]), ("damaged.eml", True))
        self.assertTrue(entry["reason"])
        done = self.run_whosent("quarantine", "retry")
        self.assertEqual(done.code, 1)
        self.assertIn("still in quarantine", done.out)
        self.assertEqual({e["class"] for e in self.events()[0]}, {"report.quarantined"})

    def test_retry_with_other_limits(self):
        tight = self.write("tight.toml", "[limits]\nheader_bytes = 100\n")
        for name, content in (("failure.eml", failure()), ("complaint.eml", arf()), ("tls.eml", tls_mail(tls_report()))):
            summary = self.ingest("--config", tight, self.write(name, content))
            self.assertEqual((self.kinds(summary), summary["quarantined"]), ((0, 0, 0, 0), 1), name)
        done = self.ok("quarantine", "retry")
        self.assertEqual([line.split("  ")[1] for line in done.lines], ["stored: 1 failure report", "stored: 1 feedback report", "stored: 1 TLS report"])
        self.assertEqual(self.listing("quarantine", "list"), [])
        self.assertEqual((len(self.listing("failures")), len(self.listing("complaints", "--list")), len(self.listing("tls"))), (1, 1, 1))
        pseudonym, = self.listing("pseudonym", "user@provider.example")
        self.assertEqual(self.listing("failures")[0]["original_rcpt_to"], [pseudonym["pseudonym"]])

    def test_a_damaged_tls_report(self):
        cut = tls_report(policies=[EXPIRED, tls_policy("example.org")])
        summary = self.ingest(self.write("cut.json", cut[:cut.rindex(b'"policy-domain"')]))
        self.assertEqual(self.kinds(summary), (0, 0, 0, 1))
        self.assertGreater(summary["diagnostics"], 0)
        number = str(self.listing("tls", "--failures")[0]["report"])
        shown = self.listing("report", number)
        self.assertEqual((shown["complete"], {p["policy_domain"] for p in shown["policies"]}), (False, {"example.com"}))
        self.assertTrue(shown["diagnostics"])
        self.assertIn("example.com", self.ok("report", number).out)


class Purge(Feedback):
    def setUp(self):
        super().setUp()
        old, new = int(time.time()) // DAY * DAY - 100 * DAY, int(time.time()) // DAY * DAY - 3 * DAY
        for name, when in (("old", old), ("new", new)):
            self.write(f"in/{name}.xml", report(name, begin=when))
            self.write(f"in/{name}-failure.eml", failure(name, when=when))
            self.write(f"in/{name}-complaint.eml", arf(message_id=name, when=when))
            self.write(f"in/{name}-not-spam.eml", arf("not-spam", message_id="not" + name, when=when))
            self.write(f"in/{name}-tls.json", tls_report(name, day=when, policies=[EXPIRED]))
        self.write("in/damaged.eml", NO_FIELD)
        self.assertEqual(self.kinds(self.ingest(self.path("in"))), (2, 2, 4, 2))

    def counts(self):
        return (len(self.listing("reports")), len(self.listing("failures")), len(self.listing("complaints", "--list", "--all")), self.listing("tls")[0]["reports"],
                len(self.listing("quarantine", "list")))

    def test_all_kinds(self):
        expected = ["1 report with 1 record whose window ended before", "1 failure report of mails before", "2 feedback reports of mails before", "1 TLS report whose window ended before"]
        for arguments, word in ((["--dry-run"], "would purge"), ([], "purged")):
            lines = self.ok("purge", "--older-than", "50d", *arguments).lines
            self.assertEqual(len(lines), 4)
            for line, text in zip(lines, expected):
                self.assertTrue(line.startswith(f"{word}: {text} "), line)
            self.assertEqual(self.counts(), (2, 2, 4, 2, 1) if arguments else (1, 1, 2, 1, 1))
        # nothing comes back, and nothing is told of it
        summary = self.ingest(self.path("in"))
        self.assertEqual((self.kinds(summary), summary["duplicates"]["messages"]), ((0, 0, 0, 0), 11))
        self.assertEqual({e["class"] for e in self.events()[0]}, {"dmarc.record", "dmarc.failure", "feedback.complaint", "tls.failure", "report.quarantined"})
        self.assertEqual(len(self.events()[0]), 6)

    def test_by_kind(self):
        self.assertEqual(self.ok("purge", "--kind", "failure", "--kind", "tls", "--older-than", "50d").out.count("purged: 1 "), 2)
        self.assertEqual(self.counts(), (2, 1, 4, 1, 1))
        self.ok("purge", "--kind", "feedback", "--older-than", "1d")
        self.assertEqual(self.counts(), (2, 1, 0, 1, 1))
        self.ok("purge", "--kind", "aggregate", "--older-than", "50d")
        self.assertEqual(self.counts(), (1, 1, 0, 1, 1))
        self.assertIn("purged: 0 messages put into the quarantine", self.ok("purge", "--kind", "quarantine", "--older-than", "1d").out)
        time.sleep(2.1)
        self.assertIn("purged: 1 message put into the quarantine", self.ok("purge", "--kind", "quarantine", "--older-than", "1s").out)
        self.assertEqual(self.counts(), (1, 1, 0, 1, 0))

    def test_retention(self):
        config = self.write("c.toml", '[retention]\nfailure = "50d"\ntls = "1000d"\nfeedback = "24h"\n')
        lines = self.ok("--config", config, "purge").lines
        self.assertEqual([line.split(" of ")[0].split(" whose ")[0] for line in lines], ["purged: 1 failure report", "purged: 4 feedback reports", "purged: 0 TLS reports"])
        self.assertEqual(self.counts(), (2, 1, 0, 2, 1))
        # what was said on the command line goes before
        self.assertIn("would purge: 2 TLS reports", self.ok("--config", config, "purge", "--kind", "tls", "--older-than", "1d", "--dry-run").out)
        self.fails(2, "--config", config, "purge", "--kind", "aggregate", says=["aggregate", "--older-than"])
        self.fails(2, "purge", says=["--older-than", "[retention]"])

    def test_settings(self):
        config = self.write("c.toml", '[retention]\naggregate = "400d"\nquarantine = "52w"\n')
        out = self.ok("--config", config, "config", "show").out
        self.assertIn(f'aggregate = "400d"  # {config}:2\n', out)
        self.assertIn(f'quarantine = "52w"  # {config}:3\n', out)
        self.assertIn("# tls: kept for ever\n", out)
        shown = self.write("shown.toml", out)
        self.assertIn('aggregate = "400d"', self.ok("--config", shown, "config", "show").out)
        for text, says in (('aggregate = "soon"', '`aggregate` must be a duration'), ('tls = "0d"', "`tls` must be a duration"), ("failure = 400", "`failure` must be text"),
                           ('feedbak = "1d"', "did you mean `feedback`?")):
            self.fails(2, "--config", self.write("wrong.toml", "[retention]\n" + text + "\n"), "config", "show", says=["wrong.toml:2", says])
        self.fails(2, "--config", self.write("wrong.toml", 'retention = "1d"\n'), "config", "show", says=["wrong.toml:1", "[retention]"])


if __name__ == "__main__":
    unittest.main()
