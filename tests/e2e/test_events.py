"""events: paging by cursor, following, and what becomes of old cursors."""

import json
import os
import select
import signal
import subprocess
import time
import unittest

from harness import DAMAGED, Case, report, row


class Events(Case):
    def setUp(self):
        super().setUp()
        for i in range(5):
            self.write(f"in/{i}.xml", report(f"r{i}", [row(f"192.0.2.{n}", n + 1) for n in range(4)]))
        self.write("in/9.eml", DAMAGED)
        self.ingest(self.path("in"))

    def test_all(self):
        events, cursor = self.events()
        self.assertEqual([e["class"] for e in events], ["dmarc.record"] * 20 + ["report.quarantined"])
        sequences = [e["sequence"] for e in events]
        self.assertEqual(sequences, sorted(set(sequences)))
        self.assertEqual(len({e["id"] for e in events}), 21)
        self.assertLessEqual(max(len(e["id"]) for e in events), 40)
        self.assertEqual(self.events("--after", cursor), ([], cursor))
        self.assertEqual(self.events(), (events, cursor))

    def test_pages_are_the_whole(self):
        everything, last = self.events()
        for size in (1, 3, 7, 20, 21, 100):
            seen, cursor = self.events("--limit", str(size))
            self.assertEqual(len(seen), min(size, 21))
            while True:
                page, after = self.events("--limit", str(size), "--after", cursor)
                if not page:
                    self.assertEqual(after, cursor)
                    break
                self.assertLessEqual(len(page), size)
                seen, cursor = seen + page, after
            self.assertEqual((seen, cursor), (everything, last))

    def test_new_events_come_after_the_cursor(self):
        before, cursor = self.events()
        self.ingest(self.write("new.xml", report("new", [row("203.0.113.1"), row("203.0.113.2")])))
        after, _ = self.events("--after", cursor)
        self.assertEqual([e["class"] for e in after], ["dmarc.record"] * 2)
        self.assertEqual(self.events()[0], before + after)

    def test_cef(self):
        done = self.ok("events", "--format", "cef")
        self.assertEqual(len(done.lines), 21)
        self.assertTrue(all(line.startswith("CEF:0|") for line in done.lines))
        self.assertEqual(done.err.splitlines()[-1], self.events()[1])

    def test_refusals(self):
        self.fails(2, "events", "--after", "x", says="not a cursor")
        cursor = self.events()[1]
        # a place that this store has not reached is no place
        beyond = cursor[: cursor.rindex("-") + 1] + "999999"
        done = self.run_whosent("events", "--after", beyond)
        self.assertNotEqual(done.code, 0)
        self.assertEqual(done.out, "")

    def test_a_backup_has_an_epoch_of_its_own(self):
        everything, last = self.events()
        _, cursor = self.events("--limit", "3")
        copy = self.path("copy.db")
        self.ok("backup", copy)
        self.fails(2, "backup", copy, says="copy.db")
        # more is stored, and then lost: the backup takes the store's place
        self.ingest(self.write("lost.xml", report("lost")))
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.store + suffix):
                os.remove(self.store + suffix)
        os.rename(copy, self.store)
        done = self.fails(1, "events", "--after", cursor, says="resume with --after ")
        self.assertEqual(done.out, "")
        resume = done.err.split("resume with --after ")[1].split()[0]
        self.ok("events", "--after", resume)
        strip = lambda events: [{k: v for k, v in e.items() if k != "time"} for e in events]
        self.assertEqual(strip(self.events()[0]), strip(everything))
        self.assertNotEqual(self.events()[1], last)
        # and it goes on from there
        self.ingest(self.write("next.xml", report("next")))
        self.assertEqual(len(self.events()[0]), len(everything) + 1)

    def follow(self, *arguments):
        child = self.start("events", "--follow", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(child.stderr.close)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.kill)
        os.set_blocking(child.stdout.fileno(), False)
        return child

    def read_events(self, child, count, seconds=15):
        """Events as they come, until there are `count`."""
        text, end = b"", time.monotonic() + seconds
        while text.count(b"\n") < count and time.monotonic() < end:
            if select.select([child.stdout], [], [], 0.2)[0]:
                text += child.stdout.read() or b""
        self.assertEqual(text.count(b"\n"), count, text[-500:])
        return [json.loads(line) for line in text.splitlines()]

    def test_follow(self):
        child = self.follow()
        first = self.read_events(child, 21)
        self.ingest(self.write("new.xml", report("new", [row("203.0.113.1"), row("203.0.113.2")])))
        second = self.read_events(child, 2)
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(20), 0)
        everything, cursor = self.events()
        self.assertEqual(first + second, everything)
        self.assertEqual(child.stderr.read().decode().splitlines()[-1], cursor)

    def test_follow_up_to_a_limit(self):
        child = self.follow("--limit", "22")
        self.read_events(child, 21)
        self.ingest(self.write("new.xml", report("new", [row("203.0.113.1"), row("203.0.113.2")])))
        self.read_events(child, 1)
        self.assertEqual(child.wait(20), 0)

    def test_follow_ends_with_its_reader(self):
        child = self.follow()
        self.read_events(child, 21)
        child.stdout.close()
        self.assertEqual(child.wait(20), 0)
        # what its reader may not have got is not passed over
        self.assertEqual(child.stderr.read(), b"")

    def test_follow_notices_a_store_that_was_replaced(self):
        copy = self.path("copy.db")
        self.ok("backup", copy)
        child = self.follow()
        self.read_events(child, 21)
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.store + suffix):
                os.remove(self.store + suffix)
        os.rename(copy, self.store)
        self.assertEqual(child.wait(20), 1)
        self.assertIn("resume with --after", child.stderr.read().decode())


if __name__ == "__main__":
    unittest.main()
