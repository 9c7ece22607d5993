"""`whosent collectors` and `whosent findings` beside no daemon. What a daemon would have kept is put into the store by hand."""

import contextlib
import json
import os
import sqlite3
import subprocess
import time
import unittest

from daemon import DaemonCase, wait_until
from harness import Case, report

DAY = 86400
COLLECTOR = {"name": "imap:reports", "place": "17:4242", "configured": 1, "first_seen": 1700000000, "last_success": 1700001000, "last_message": 1700000500, "last_error_at": 0,
             "failing_since": 0, "last_error": "", "stored": 5, "duplicates": 4, "not_reports": 3, "quarantined": 2, "retried": 1, "bytes": 123456}
FINDING = {"rule": "collector-silent", "key": "collector-silent imap:reports", "severity": 6, "subject": "imap:reports", "domain": "", "text": "imap:reports has brought no message.",
           "evidence": "last_message\t2023-11-14T22:13:20Z\n", "first_seen": 1700000000, "last_seen": 1700001000, "state": 0}
CONFIGURATION = """
[[collect.lmtp]]
name = "mta"
listen = "127.0.0.1:0"
recipients = { "dmarc@example.com" = "aggregate" }
silent_after = "3d"
"""


class Kept(Case):
    def setUp(self):
        super().setUp()
        self.ingest(self.write("r.xml", report()))

    def put(self, table, template, *rows):
        with contextlib.closing(sqlite3.connect(self.store)) as database, database:
            for row in rows:
                row = template | row
                database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


class Collectors(Kept):
    def test_nothing_is_configured(self):
        self.assertEqual(self.listing("collectors"), [])
        self.assertIn("No collector", self.ok("collectors").out)
        os.remove(self.store)
        self.assertIn("No collector", self.ok("collectors").out)

    def test_what_was_kept_and_what_is_configured(self):
        self.put("collector", COLLECTOR, {}, {"name": "imap:failing", "failing_since": 1700000900, "last_error_at": 1700002000, "last_error": "the server closed\nthe connection"},
                 {"name": "imap:gone", "configured": 0})
        rows = self.listing("collectors")
        self.assertEqual([(r["name"], r["state"]) for r in rows], [("imap:failing", "failing"), ("imap:gone", "not configured"), ("imap:reports", "works")])
        self.assertEqual(rows[2], {"name": "imap:reports", "state": "works", "last_success": "2023-11-14T22:30:00Z", "last_message": "2023-11-14T22:21:40Z", "stored": 5,
                                   "duplicates": 4, "not_reports": 3, "quarantined": 2, "retried": 1, "bytes": 123456, "place": "17:4242", "last_error_at": None, "last_error": None,
                                   "failing_since": None, "first_seen": "2023-11-14T22:13:20Z"})
        self.assertEqual((rows[0]["last_error"], rows[0]["failing_since"]), ("the server closed\nthe connection", "2023-11-14T22:28:20Z"))
        table = self.ok("collectors").out
        self.assertEqual(len(table.splitlines()), 4, table)
        configuration = self.write("whosent.toml", CONFIGURATION)
        self.assertEqual([(r["name"], r["state"]) for r in self.listing("collectors", "--config", configuration)][3], ("lmtp:mta", "not yet run"))

    def test_one_that_brought_nothing_for_long_is_silent(self):
        configuration = self.write("whosent.toml", CONFIGURATION)
        now = int(time.time())
        for last_message, first_seen, state in ((now - 3 * DAY - 60, 1, "silent"), (0, now - 3 * DAY - 60, "silent"), (0, now - DAY, "works"), (now - DAY, 1, "works")):
            with self.subTest(last_message=last_message, first_seen=first_seen):
                self.put("collector", COLLECTOR, {"name": "lmtp:mta", "last_message": last_message, "first_seen": first_seen})
                self.assertEqual([r["state"] for r in self.listing("collectors", "--config", configuration)], [state])
                with contextlib.closing(sqlite3.connect(self.store)) as database, database:
                    database.execute("DELETE FROM collector")


class Findings(Kept):
    def test_there_is_none(self):
        self.assertEqual(self.listing("findings"), [])
        self.assertIn("No finding is open", self.ok("findings").out)
        self.fails(1, "findings", "acknowledge", "1", says=["no finding"])
        self.assertIn("Nothing was found", self.ok("findings", "--all").out)
        os.remove(self.store)
        self.fails(1, "findings", says=["store.db"])
        self.fails(1, "findings", "acknowledge", "1", says=["store.db"])

    def test_wrong_usage(self):
        for arguments in (["findings", "acknowledge"], ["findings", "remember", "1"], ["findings", "acknowledge", "1", "2"], ["findings", "--domain", "a..b"]):
            with self.subTest(arguments=arguments):
                self.fails(2, *arguments)

    def test_what_is_open_and_what_is_not(self):
        self.put("finding", FINDING, {}, {"key": "known", "state": 1, "severity": 9}, {"key": "over", "state": 2, "severity": 10},
                 {"rule": "reports-stopped", "key": "reports-stopped domain mail.example.com", "subject": "mail.example.com", "domain": "mail.example.com", "severity": 7},
                 {"key": "other", "domain": "notexample.com", "severity": 1})
        keys = lambda *arguments: [r["key"] for r in self.listing("findings", *arguments)]
        self.assertEqual(keys(), ["reports-stopped domain mail.example.com", "collector-silent imap:reports", "other"])
        self.assertEqual(keys("--domain", "Example.COM"), ["reports-stopped domain mail.example.com"])
        self.assertEqual(keys("--all")[3:], ["known", "over"])
        self.assertEqual(self.listing("findings")[1], {
            "id": 1, "severity": 6, "state": "open", "rule": "collector-silent", "subject": "imap:reports", "domain": None, "first_seen": "2023-11-14T22:13:20Z",
            "last_seen": "2023-11-14T22:30:00Z", "text": "imap:reports has brought no message.", "evidence": ["last_message: 2023-11-14T22:13:20Z"],
            "key": "collector-silent imap:reports"})
        table = self.ok("findings").out
        self.assertIn("imap:reports has brought no message.", table)
        self.assertEqual(len(table.splitlines()), 4, table)

    def test_one_is_acknowledged_by_number_or_key(self):
        self.put("finding", FINDING, {}, {"key": "2"}, {"key": "third"}, {"key": "over", "state": 2})
        before = self.ok("events").out
        for which in ("4", "over", "5", "0", "", "third "):
            with self.subTest(which=which):
                self.fails(1, "findings", "acknowledge", which)
        self.assertIn("1  acknowledged: collector-silent imap:reports", self.ok("findings", "acknowledge", "1").out)
        self.ok("findings", "acknowledge", "third")
        self.ok("findings", "acknowledge", "third")
        self.assertEqual([r["key"] for r in self.listing("findings")], ["2"])
        self.assertEqual([r["state"] for r in self.listing("findings", "--all")], ["open", "acknowledged", "acknowledged", "closed"])
        self.assertEqual(self.ok("events").out, before)

    def test_while_another_writes(self):
        self.put("finding", FINDING, {})
        child = self.start("ingest", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.monotonic() + 15
        while str(child.pid) not in open(self.store + ".lock").read():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        self.fails(1, "findings", "acknowledge", "1", says=[str(child.pid)])
        self.assertEqual(len(self.listing("findings")), 1)
        child.communicate(report("second"), timeout=30)
        self.assertEqual(child.returncode, 0)
        self.ok("findings", "acknowledge", "1")

    def test_events_of_findings(self):
        event = {"rule": "collector-silent", "key": "k", "severity": 10, "subject": "imap:reports", "domain": "example.com", "text": "Silent.", "evidence": "a\tb\n", "first_seen": 1700000000,
                 "last_seen": 1700001000, "stored": 1700002000, "finding": 1}
        with contextlib.closing(sqlite3.connect(self.store)) as database:
            last = database.execute("SELECT value FROM meta WHERE key = 'last_sequence'").fetchone()[0]
        self.put("finding_event", event, *({"sequence": last + 1 + kind, "id": bytes([kind] * 20), "kind": kind, "state": 2 if kind == 2 else 0} for kind in range(3)))
        with contextlib.closing(sqlite3.connect(self.store)) as database, database:
            database.execute("UPDATE meta SET value = value + 3 WHERE key = 'last_sequence'")
        events = [json.loads(line) for line in self.ok("events").lines][-3:]
        self.assertEqual([e["class"] for e in events], ["finding.opened", "finding.updated", "finding.closed"])
        self.assertEqual(events[2], {
            "id": "02" * 20, "sequence": last + 3, "class": "finding.closed", "time": "2023-11-14T22:46:40Z", "severity": 10,
            "finding": {"number": 1, "rule": "collector-silent", "key": "k", "state": "closed", "subject": "imap:reports", "domain": "example.com", "text": "Silent.",
                        "evidence": [{"name": "a", "value": "b"}], "first_seen": "2023-11-14T22:13:20Z", "last_seen": "2023-11-14T22:30:00Z"}})
        self.assertIn("|finding.closed|Finding closed|10|", self.ok("events", "--format", "cef").lines[-1])


class ByTheDaemon(DaemonCase):
    def test_a_mailbox_that_went_silent(self):
        """It is found, told as an event, and acknowledged beside the daemon."""
        for name in ("new", "cur", "tmp"):
            os.makedirs(self.path("mail", name))
        daemon = self.serve(f'[[collect.maildir]]\nname = "drop"\npath = "{self.path("mail")}"\nsilent_after = "1s"\n')
        found = wait_until(lambda: self.listing("findings"), "a finding", seconds=40, pause=0.5)
        self.assertEqual([(entry["rule"], entry["subject"], entry["state"]) for entry in found], [("collector-silent", "maildir:drop", "open")])
        events, _ = self.events()
        self.assertEqual([event["class"] for event in events], ["finding.opened"])
        self.ok("--config", daemon.configuration, "findings", "acknowledge", str(found[0]["id"]))
        self.assertEqual(self.listing("findings"), [])
        self.assertEqual([entry["state"] for entry in self.listing("findings", "--all")], ["acknowledged"])


if __name__ == "__main__":
    unittest.main()
