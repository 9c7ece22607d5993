"""quarantine: what was not understood is kept whole, shown, read again, or dropped."""

import gzip
import unittest

from harness import DAMAGED, Case, mail, report, row


class Quarantine(Case):
    def setUp(self):
        super().setUp()
        self.tight = self.write("tight.toml", "[limits]\nrows = 2\n")
        self.three = mail(gzip.compress(report("three", [row(f"192.0.2.{n}") for n in range(3)])), message_id="three")
        self.write("in/damaged.eml", DAMAGED)
        self.write("in/three.eml", self.three)
        summary = self.ingest("--config", self.tight, self.path("in"))
        self.assertEqual((summary["quarantined"], summary["records"]), (2, 0))
        self.damaged_id, self.three_id = (str(entry["id"]) for entry in self.listing("quarantine", "list"))

    def names(self):
        return [entry["name"] for entry in self.listing("quarantine", "list")]

    def test_list(self):
        damaged, three = self.listing("quarantine", "list")
        self.assertEqual((damaged["name"], three["name"]), ("damaged.eml", "three.eml"))
        self.assertIn(three["code"], ("limit",))
        self.assertIn("rows", three["reason"])
        self.assertEqual(three["bytes"], len(self.three))
        self.assertTrue(three["remote_key"].endswith("in/three.eml"))
        self.assertTrue(damaged["reason"])
        table = self.ok("quarantine", "list").out
        self.assertIn("damaged.eml", table)

    def test_show(self):
        out = self.ok("quarantine", "show", self.three_id).out
        for text in ("reason ", "rows", "in/three.eml", "Subject: Report Domain: example.com"):
            self.assertIn(text, out)
        self.assertLessEqual(max(map(len, out.splitlines())), 400)

    def test_show_raw_is_the_message(self):
        child = self.start("quarantine", "show", self.three_id, "--raw", stdout=-1)
        out, _ = child.communicate(timeout=20)
        self.assertEqual((child.returncode, out), (0, self.three))

    def test_show_hides_control_characters(self):
        self.write("binary.eml", DAMAGED.replace(b"A report is attached.", b"\x1b[2J\x07\x80 boo\r\n" + b"line\r\n" * 100))
        self.ingest(self.path("binary.eml"))
        out = self.ok("quarantine", "show", str(self.listing("quarantine", "list")[-1]["id"])).out
        self.assertIn("boo", out)
        self.assertNotIn("\x1b", out)
        self.assertIn("bytes more; --raw", out.splitlines()[-1])

    def test_retry_one(self):
        _, cursor = self.events()
        done = self.ok("quarantine", "retry", self.three_id)
        self.assertIn("stored: 1 report with 3 records", done.out)
        self.assertEqual(self.names(), ["damaged.eml"])
        self.assertEqual(sum(r["messages"] for r in self.listing("sources")), 3)
        self.assertEqual([e["class"] for e in self.events("--after", cursor)[0]], ["dmarc.record"] * 3)
        self.assertIn("in/three.eml", self.listing("reports")[0]["origin"])
        self.fails(1, "quarantine", "retry", self.three_id, says=self.three_id)
        # and its mail is known
        summary = self.ingest(self.path("in"))
        self.assertEqual((summary["duplicates"]["messages"], summary["records"]), (2, 0))

    def test_retry_all(self):
        done = self.run_whosent("quarantine", "retry")
        self.assertEqual(done.code, 1)  # one is still there
        self.assertIn("still in quarantine", done.out)
        self.assertIn("stored: 1 report with 3 records", done.out)
        left = self.listing("quarantine", "list")
        self.assertEqual([(entry["id"], entry["attempts"]) for entry in left], [(int(self.damaged_id), 2)])
        self.ok("quarantine", "drop", self.damaged_id)
        self.assertEqual(self.ok("quarantine", "retry").out, "The quarantine is empty.\n")

    def test_retry_that_fails_again_keeps_the_message(self):
        done = self.run_whosent("--config", self.tight, "quarantine", "retry", self.three_id)
        self.assertEqual(done.code, 1)
        self.assertIn("still in quarantine", done.out)
        child = self.start("quarantine", "show", self.three_id, "--raw", stdout=-1)
        self.assertEqual(child.communicate(timeout=20)[0], self.three)

    def test_drop(self):
        self.ok("quarantine", "drop", self.damaged_id)
        self.assertEqual(self.names(), ["three.eml"])
        self.fails(1, "quarantine", "drop", self.damaged_id, says=self.damaged_id)
        self.fails(1, "quarantine", "show", self.damaged_id, says=self.damaged_id)

    def test_a_message_over_the_limit_stays_where_it_is(self):
        large = mail(gzip.compress(report("large")) + b"\0" * 200_000, message_id="large")
        path = self.write("large.eml", large)
        small = self.write("small.toml", "[limits]\nmessage_bytes = 100000\n")
        summary = self.ingest("--config", small, path)
        self.assertEqual(summary["quarantined"], 1)
        entry = self.listing("quarantine", "list")[-1]
        self.assertEqual((entry["code"], entry["content_kept"]), ("limit", False))
        self.assertIn("message_bytes", entry["reason"])
        number = str(entry["id"])
        self.assertIn("not kept", self.ok("quarantine", "show", number).out)
        self.fails(1, "quarantine", "show", number, "--raw", says="large.eml")
        done = self.run_whosent("--config", small, "quarantine", "retry", number)
        self.assertEqual(done.code, 1)
        self.assertIn("message_bytes", done.out)
        self.assertIn("stored: 1 report", self.ok("quarantine", "retry", number).out)


if __name__ == "__main__":
    unittest.main()
