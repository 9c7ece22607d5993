"""kill -9 at random points, and runs that go on: nothing is lost, nothing is doubled."""

import json
import os
import random
import sqlite3
import subprocess
import tempfile
import time
import unittest

from harness import BEGIN, DAMAGED, DAY, OUT_OF_OFFICE, Case, head, report, row, TAIL

KILLS = 15
SEED = 20261121


class Killed(Case):
    def make_input(self):
        """Few large reports and many small ones, so that a run commits several times."""
        rows = [row(f"198.51.{n // 256 % 100}.{n % 256}", n % 7 + 1, disposition=("none", "quarantine", "reject")[n % 3],
                    dkim=[(f"d{n % 40}.example.net", f"s{n % 90}", "pass")], spf=[("example.com" if n % 5 else "other.example", "pass")]) for n in range(9000)]
        self.messages = 0
        for i in range(40):
            content = head(f"large{i}", begin=BEGIN + i * DAY) + "".join(rows[i * 25: i * 25 + 8000]) + TAIL
            self.write(f"in/{i:02}/large.xml", content)
            for n in range(100):
                self.write(f"in/{i:02}/{n:03}.xml", report(f"small{i}-{n}", rows[n:n + 5], domain=f"d{n % 10}.example.org"))
            self.write(f"in/{i:02}/damaged.eml", DAMAGED + str(i).encode())
            self.write(f"in/{i:02}/vacation.eml", OUT_OF_OFFICE + str(i).encode())
            self.messages += 103

    def state(self):
        """Everything that readers see, but numbers and times of storing."""
        reports = [{k: v for k, v in r.items() if k not in ("id", "stored")} for r in self.listing("reports", "--limit", "0")]
        quarantine = [{k: v for k, v in r.items() if k not in ("id", "stored")} for r in self.listing("quarantine", "list")]
        events, messages = [], 0
        for event in self.read_events():
            events.append(event["id"])
            messages += event["row"]["count"] if event["class"] == "dmarc.record" else 0
        return {
            "sources": sorted(map(repr, self.listing("sources", "--limit", "0"))),
            "domains": sorted(map(repr, self.listing("domains"))),
            "reports": sorted(map(repr, reports)),
            "quarantine": sorted(map(repr, quarantine)),
            "events": sorted(events),
            "messages": [messages],
        }

    def read_events(self):
        """One after the other: there are many."""
        with tempfile.TemporaryFile(dir=self.dir) as file:
            child = self.start("events", stdout=file, stderr=subprocess.DEVNULL)
            self.assertEqual(child.wait(120), 0)
            file.seek(0)
            for line in file:
                yield json.loads(line)

    def known_messages(self):
        if not os.path.exists(self.store):
            return 0
        database = sqlite3.connect(self.store)
        try:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            return database.execute("SELECT count(*) FROM message").fetchone()[0]
        except sqlite3.OperationalError:  # killed before the first table was made
            return 0
        finally:
            database.close()

    def test_kill_and_go_on(self):
        self.make_input()
        undisturbed = self.path("undisturbed.db")
        killed, self.store = self.store, undisturbed
        started = time.monotonic()
        summary = self.ingest(self.path("in"))
        duration = time.monotonic() - started
        self.assertEqual(summary["messages"], self.messages)
        expected = self.state()
        self.store = killed

        # many transactions, so that there is something to be cut in the middle
        self.write("often.toml", "commit_rows = 8000\n")
        draw = random.Random(SEED)
        print(f"seed {SEED}, an undisturbed run takes {duration:.2f} s")
        interrupted, partly, attempts = 0, 0, 0
        while interrupted < KILLS or partly < KILLS // 3:
            attempts += 1
            self.assertLess(attempts, 4 * KILLS, f"only {interrupted} killed at work, {partly} left a part")
            child = self.start("--config", self.path("often.toml"), "ingest", self.path("in"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(draw.uniform(0.1, 0.9) * duration)
            interrupted += child.poll() is None
            child.kill()
            child.wait()
            known = self.known_messages()
            partly += 0 < known < self.messages
            if known == self.messages:
                self.forget_store()  # once more from nothing
        print(f"{interrupted} were killed at work, {partly} left a part")

        self.ok("ingest", self.path("in"))
        self.assertEqual(self.known_messages(), self.messages)
        now = self.state()
        for name in expected:
            self.assertEqual(len(now[name]), len(expected[name]), name)
            self.assertTrue(now[name] == expected[name], f"{name} differ from an undisturbed run")
        self.assertEqual(len(now["events"]), len(set(now["events"])))
        self.assertEqual(sum(r["messages"] for r in self.listing("sources", "--limit", "0")), now["messages"][0])
        again = self.ingest(self.path("in"))
        self.assertEqual((again["records"], again["duplicates"]["messages"]), (0, self.messages))

    def forget_store(self):
        for suffix in ("", "-wal", "-shm", ".lock"):
            if os.path.exists(self.store + suffix):
                os.remove(self.store + suffix)


if __name__ == "__main__":
    unittest.main()
