"""ingest: every form of input, what the summary says, what a second run does."""

import gzip
import json
import os
import pty
import select
import signal
import subprocess
import time
import unittest

from harness import DAMAGED, OUT_OF_OFFICE, Case, mail, mbox, report, report_mail, row, zipped

KEYS = ["messages", "reports", "records", "duplicates", "not_reports", "quarantined", "diagnostics", "bytes_read", "bytes_unpacked", "seconds", "attribution"]


class Ingest(Case):
    def counts(self, summary):
        return (summary["messages"], summary["reports"]["aggregate"], summary["records"], summary["duplicates"]["messages"],
                summary["duplicates"]["reports"], summary["not_reports"], summary["quarantined"])

    def test_summary_is_one_object(self):
        summary = self.ingest(self.write("r.xml", report()))
        self.assertEqual(list(summary), KEYS)
        self.assertEqual(list(summary["reports"]), ["aggregate", "failure", "feedback", "tlsrpt"])
        self.assertEqual(list(summary["duplicates"]), ["messages", "reports"])
        self.assertEqual(summary["bytes_read"], len(report()))
        self.assertEqual(summary["bytes_unpacked"], len(report()))
        self.assertIsInstance(summary["seconds"], float)

    def test_every_form(self):
        for number, (name, content) in enumerate([
            ("bare.xml", report("bare")),
            ("packed.xml.gz", gzip.compress(report("packed"))),
            ("packed.zip", zipped(report("zip"))),
            ("mail.eml", report_mail("mail")),
            ("zip.eml", mail(zipped(report("zipmail")), "r.zip", "application/zip")),
            ("wrongly named.pdf", gzip.compress(report("misnamed"))),
            ("no type.eml", mail(gzip.compress(report("untyped")), kind="application/octet-stream")),
            ("nested.zip", zipped(gzip.compress(report("nested")), "report.xml.gz")),
        ]):
            with self.subTest(name):
                summary = self.ingest(self.write(name, content))
                self.assertEqual(self.counts(summary), (1, 1, 1, 0, 0, 0, 0))
        self.assertEqual(len(self.listing("reports")), 8)

    def test_folders_and_maildirs(self):
        self.write("in/a.eml", report_mail("a"))
        self.write("in/deep/er/b.xml", report("b"))
        self.write("in/.hidden", report("hidden"))
        self.write("in/Maildir/new/1", report_mail("m1"))
        self.write("in/Maildir/cur/2:2,S", report_mail("m2"))
        self.write("in/Maildir/tmp/3", report_mail("unfinished"))
        self.write("in/Maildir/.Sub/cur/4:2,", report_mail("hidden folder"))
        summary = self.ingest(self.path("in"))
        self.assertEqual({r["report_id"] for r in self.listing("reports")} & {"a", "b", "m1", "m2"}, {"a", "b", "m1", "m2"})
        self.assertNotIn("unfinished", {r["report_id"] for r in self.listing("reports")})
        self.assertEqual(summary["quarantined"], 0)
        # nothing was moved or changed
        self.assertEqual(sorted(os.listdir(self.path("in/Maildir/new"))), ["1"])

    def test_mbox(self):
        box = self.write("reports.mbox", mbox(report_mail("a"), OUT_OF_OFFICE, report_mail("b"), DAMAGED))
        self.assertEqual(self.counts(self.ingest(box)), (4, 2, 2, 0, 0, 1, 1))
        self.assertEqual(self.counts(self.ingest(box)), (4, 0, 0, 4, 0, 0, 0))
        self.assertTrue(all("reports.mbox" in r["origin"] for r in self.listing("reports")))

    def test_standard_input(self):
        self.assertEqual(self.counts(self.ingest("-", stdin=report_mail("in"))), (1, 1, 1, 0, 0, 0, 0))
        path = self.write("r.xml", report("file"))
        self.assertEqual(self.counts(self.ingest(path, "-", stdin=report("both"))), (2, 2, 2, 0, 0, 0, 0))
        small = self.write("c.toml", "[limits]\nmessage_bytes = 100\n")
        self.fails(1, "--config", small, "ingest", "-", stdin=report("large"), says=["standard input", "message_bytes"])

    def test_several_reports_in_one_message(self):
        double = mail(gzip.compress(report("one"))).replace(
            b"--b1--", b"--b1\r\nContent-Type: text/xml\r\n\r\n" + report("two", [row(), row("192.0.2.2")]) + b"\r\n--b1--")
        self.assertEqual(self.counts(self.ingest(self.write("two.eml", double))), (1, 2, 3, 0, 0, 0, 0))

    def test_a_second_run_reports_duplicates_only(self):
        self.write("in/1.eml", report_mail("1"))
        self.write("in/2.xml", report("2"))
        self.write("in/3.eml", OUT_OF_OFFICE)
        self.write("in/4.eml", DAMAGED)
        first = self.ingest(self.path("in"))
        self.assertEqual(self.counts(first), (4, 2, 2, 0, 0, 1, 1))
        before = self.listing("sources"), self.listing("reports"), self.events()
        second = self.ingest(self.path("in"))
        self.assertEqual(self.counts(second)[1:5], (0, 0, 4, 0))
        self.assertEqual(second["quarantined"] + second["not_reports"], 0)
        self.assertEqual((self.listing("sources"), self.listing("reports"), self.events()), before)
        text = self.ok("ingest", self.path("in")).out
        self.assertIn("duplicates   4 messages", text)
        # the same report in another mail is a duplicate report
        self.write("again.eml", mail(gzip.compress(report("1")), message_id="again"))
        self.assertEqual(self.counts(self.ingest(self.path("again.eml"))), (1, 0, 0, 0, 1, 0, 0))
        self.assertEqual(self.listing("sources"), before[0])

    def test_text_summary(self):
        self.write("in/1.eml", report_mail("1"))
        self.write("in/2.eml", DAMAGED)
        self.write("in/3.eml", OUT_OF_OFFICE)
        done = self.ok("ingest", self.path("in"))
        self.assertEqual(done.err, "")
        for text in ("read         3 messages", "stored       1 aggregate report with 1 record", "not reports  1 message", "quarantined  1 message",
                     "in/2.eml", "whosent quarantine list"):
            self.assertIn(text, done.out)

    def test_what_cannot_be_read_is_named_and_the_rest_goes_on(self):
        self.write("in/good.xml", report())
        os.symlink(self.path("nowhere"), self.path("in/dangling.eml"))
        os.symlink("loop.eml", self.path("in/loop.eml"))
        os.symlink(self.path("in"), self.path("in/sub"))  # a folder within itself: not followed
        done = self.run_whosent("ingest", "--summary", "json", self.path("in"), self.path("missing"))
        self.assertEqual((done.code, done.json["records"]), (1, 1))
        for name in ("dangling.eml", "loop.eml", "missing"):
            self.assertIn(name, done.err)
        self.assertEqual(len(done.err.splitlines()), 3, done.err)

    def test_a_folder_without_permission(self):
        self.write("in/good.xml", report())
        self.write("in/closed/r.xml", report("closed"))
        self.write("in/closed.xml", report("closed file"))
        os.chmod(self.path("in/closed"), 0)
        os.chmod(self.path("in/closed.xml"), 0)
        done = self.run_whosent("ingest", "--summary", "json", self.path("in"), unprivileged=True)
        os.chmod(self.path("in/closed"), 0o700)
        self.assertEqual((done.code, done.json["records"]), (1, 1), done.err)
        self.assertIn("in/closed:", done.err)
        self.assertIn("in/closed.xml:", done.err)
        self.assertIn("Permission denied", done.err)

    def test_an_empty_file_and_an_empty_folder(self):
        os.mkdir(self.path("in"))
        self.assertEqual(self.counts(self.ingest(self.path("in"))), (0, 0, 0, 0, 0, 0, 0))
        self.write("in/empty.eml", b"")
        self.assertEqual(self.counts(self.ingest(self.path("in")))[:3], (1, 0, 0))

    def test_jobs_do_not_change_what_is_stored(self):
        for i in range(300):
            content = report_mail(f"r{i}", rows=[row(f"192.0.2.{i % 256}", n + 1) for n in range(i % 9 + 1)])
            if i % 50 == 7:
                content = DAMAGED + str(i).encode()
            if i == 5:
                content = OUT_OF_OFFICE
            self.write(f"in/{i:03}.eml", content)
        seen = []
        for jobs in ("1", "4"):
            self.store = self.path(f"jobs{jobs}.db")
            summary = self.ingest("--jobs", jobs, self.path("in"))
            summary.pop("seconds")
            summary.pop("attribution")  # how many questions are under way at once is of the moment
            events, _ = self.events()
            for event in events:
                event.pop("time")
            seen.append((summary, events, self.listing("sources", "--limit", "0")))
        self.assertEqual(len(seen[0][1]), seen[0][0]["records"] + seen[0][0]["quarantined"])
        self.assertEqual(seen[0], seen[1])

    def test_progress_on_a_terminal_only(self):
        # standard input stays open for a while, so the bar is drawn
        master, slave = pty.openpty()
        child = self.start("ingest", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=slave)
        os.close(slave)
        time.sleep(0.7)
        out, _ = child.communicate(report(), timeout=20)
        shown = b""
        while select.select([master], [], [], 5)[0]:
            try:
                shown += os.read(master, 65536)
            except OSError:
                break
        os.close(master)
        self.assertEqual(child.returncode, 0)
        self.assertIn(b"messages", shown)
        self.assertIn(b"records", shown)
        self.assertTrue(shown.endswith(b"\r\x1b[K"), shown)
        self.assertNotIn(b"\x1b", out)

    def test_an_interrupt_keeps_what_was_read(self):
        for i in range(20):
            self.write(f"before/{i}.xml", report(f"b{i}", [row(f"192.0.2.{n}") for n in range(40)]))
            self.write(f"after/{i}.xml", report(f"a{i}", [row(f"192.0.2.{n}") for n in range(40)]))
        pipe = self.path("pipe")
        os.mkfifo(pipe)
        for number in (signal.SIGINT, signal.SIGTERM):
            self.store = self.path(f"{number}.db")
            child = self.start("ingest", "--summary", "json", self.path("before"), pipe, self.path("after"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            with open(pipe, "wb") as writer:  # opens when the child has come as far as the pipe
                child.send_signal(number)
                time.sleep(0.3)
                writer.write(report("piped"))
            out, err = child.communicate(timeout=60)
            self.assertEqual(child.returncode, 1, err)
            self.assertIn(b"interrupted", err)
            # what was under way is finished, and nothing further begun
            self.assertEqual((json.loads(out)["messages"], json.loads(out)["records"]), (21, 20 * 40 + 1))
            self.assertEqual(len(self.listing("reports")), 21)
            whole = self.ingest(self.path("before"), self.path("after"))
            self.assertEqual((whole["messages"], whole["duplicates"]["messages"], whole["records"]), (40, 20, 20 * 40))


if __name__ == "__main__":
    unittest.main()
