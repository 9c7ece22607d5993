"""The store as a file: who may write, which version, what is purged, a full disk, damage."""

import json
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import time
import unittest

from harness import DAMAGED, DAY, Case, report, row


class Lock(Case):
    def test_one_writer_and_any_reader(self):
        path = self.write("r.xml", report())
        self.ingest(path)
        child = self.start("ingest", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lock = self.store + ".lock"
        end = time.monotonic() + 15
        while str(child.pid) not in (open(lock).read() if os.path.exists(lock) else "") and time.monotonic() < end:
            time.sleep(0.02)
        second = self.write("second.xml", report("second"))
        for arguments in (["ingest", second], ["purge", "--older-than", "1d"], ["quarantine", "retry"], ["quarantine", "drop", "1"]):
            self.fails(1, *arguments, says=[str(child.pid), "store.db"])
        self.assertEqual(len(self.listing("sources")), 1)
        self.ok("purge", "--older-than", "1d", "--dry-run")
        self.ok("backup", self.path("copy.db"))
        out, err = child.communicate(report("third"), timeout=30)
        self.assertEqual(child.returncode, 0, err)
        self.ingest(second)
        self.assertEqual([r["report_id"] for r in self.listing("reports")], ["r1", "third", "second"])

    def test_a_lock_dies_with_its_process(self):
        child = self.start("ingest", "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        child.kill()
        child.communicate()
        self.assertEqual(self.ingest(self.write("r.xml", report()))["records"], 1)


class Files(Case):
    COMMANDS = (["sources"], ["domains"], ["reports"], ["report", "1"], ["events"], ["quarantine", "list"], ["purge", "--older-than", "1d"])

    def test_a_store_of_a_newer_version(self):
        path = self.write("r.xml", report())
        self.ingest(path)
        with sqlite3.connect(self.store) as database:
            database.execute("PRAGMA user_version = 999")
        database.close()
        for command in (*self.COMMANDS, ["ingest", path], ["backup", self.path("copy.db")]):
            with self.subTest(command=command):
                self.fails(1, *command, says=["store.db", "999", "newer"])
        with sqlite3.connect(self.store) as database:
            self.assertEqual(database.execute("PRAGMA user_version").fetchone(), (999,))
        database.close()

    def test_files_that_are_no_store(self):
        report_path = self.write("r.xml", report())
        with sqlite3.connect(self.path("other.db")) as database:
            database.execute("CREATE TABLE t (x)")
        database.close()
        self.write("text.db", "this is no database, but long enough to be looked at as one\n" * 200)
        os.mkdir(self.path("folder.db"))
        for name in ("other.db", "text.db", "folder.db"):
            before = open(self.path(name), "rb").read() if name != "folder.db" else None
            for command in (*self.COMMANDS, ["ingest", report_path]):
                with self.subTest(name=name, command=command):
                    self.fails(1, "--store", "sqlite:" + self.path(name), *command, says=name)
            if before is not None:
                self.assertEqual(open(self.path(name), "rb").read(), before)
        self.fails(1, "--store", "sqlite:" + self.path("no/such/folder/x.db"), "ingest", report_path, says="x.db")

    def test_a_damaged_store_never_crashes(self):
        for i in range(20):
            self.write(f"in/{i}.xml", report(f"r{i}", [row(f"192.0.2.{n}") for n in range(50)]))
        self.write("in/x.eml", DAMAGED)
        self.ingest(self.path("in"))
        with sqlite3.connect(self.store) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        whole = open(self.store, "rb").read()
        draw = random.Random(4711)
        self.store = self.path("damaged.db")
        for attempt in range(12):
            damaged = bytearray(whole)
            if attempt % 3 == 0:
                del damaged[draw.randrange(100, len(damaged)):]
            for _ in range(draw.choice((1, 30, 3000))):
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
            for suffix in ("-wal", "-shm"):
                if os.path.exists(self.store + suffix):
                    os.remove(self.store + suffix)
            self.write("damaged.db", bytes(damaged))
            for command in (["sources"], ["events"], ["reports"], ["domains"], ["ingest", self.write("new.xml", report(f"new{attempt}"))]):
                done = self.run_whosent(*command)
                self.assertIn(done.code, (0, 1))
                if done.code == 1:
                    self.assertIn("damaged.db", done.err)


class Purge(Case):
    def test_purge(self):
        now = int(time.time())
        old, new = now - 500 * DAY, now - 10 * DAY
        self.write("in/old.xml", report("old", [row("192.0.2.1", 5), row("192.0.2.2", 7)], begin=old))
        self.write("in/new.xml", report("new", [row("192.0.2.1", 3)], begin=new))
        self.ingest(self.path("in"))
        _, cursor = self.events()
        done = self.ok("purge", "--older-than", "400d", "--dry-run")
        self.assertIn("would purge: 1 report with 2 records", done.out)
        self.assertEqual(len(self.listing("reports")), 2)
        done = self.ok("purge", "--older-than", "400d")
        self.assertIn("purged: 1 report with 2 records", done.out)
        self.assertEqual([(r["source_ip"], r["messages"]) for r in self.listing("sources")], [("192.0.2.1", 3)])
        self.assertEqual([r["report_id"] for r in self.listing("reports")], ["new"])
        self.assertEqual([(r["messages"], r["reports"], r["days"]) for r in self.listing("domains")], [(3, 1, 1)])
        self.assertEqual(len(self.events()[0]), 1)
        self.assertEqual(self.events("--after", cursor)[0], [])
        self.assertIn("purged: 0 reports", self.ok("purge", "--older-than", "400d").out)
        # what was purged does not come back, and sequences are not used again
        self.assertEqual(self.ingest(self.path("in"))["duplicates"]["messages"], 2)
        self.ok("purge", "--older-than", "1d")
        self.assertEqual(self.listing("reports"), [])
        self.ingest(self.write("later.xml", report("later", begin=new)))
        self.assertEqual([e["report"]["report_id"] if "report" in e else None for e in self.events("--after", cursor)[0]], ["later"])


class FullDisk(Case):
    def setUp(self):
        super().setUp()
        for i in range(60):
            rows = [row(f"10.{i}.{n // 250}.{n % 250}", 1, dkim=[(f"d{n}.example.net", f"s{n}", "pass")]) for n in range(500)]
            self.write(f"in/{i:02}.xml", report(f"r{i}", rows))

    def check_rerun(self):
        summary = self.ingest(self.path("in"))
        self.assertEqual(summary["messages"], 60)
        self.assertEqual(sum(r["messages"] for r in self.listing("sources", "--limit", "0")), 60 * 500)
        self.assertEqual(len(self.events()[0]), 60 * 500)
        database = sqlite3.connect(self.store)
        self.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
        database.close()

    def test_a_limit_on_the_size_of_files(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
        done = self.run_whosent("ingest", "--summary", "json", self.path("in"), preexec=limit)
        self.assertEqual(done.code, 1)
        self.assertIn("store.db", done.err)
        self.assertLess(json.loads(done.out)["records"], 60 * 500)
        self.check_rerun()

    def test_a_full_disk(self):
        disk, kept = self.path("disk"), self.path("kept")
        os.mkdir(disk)
        os.mkdir(kept)
        mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], capture_output=True).returncode == 0
        if mounted:
            self.addCleanup(subprocess.run, ["umount", "-l", disk])
        self.store = self.path("disk", "store.db")
        # who may not mount has no small disk; the room that the rest of a larger one leaves cannot be told, so a limit stands for it
        limit = None if mounted else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        child = self.run_whosent("ingest", "--summary", "json", self.path("in"), preexec=limit)
        self.assertEqual(child.code, 1, child.err)
        self.assertIn("store.db", child.err)
        self.assertRegex(child.err, "(?i)full|space" if mounted else "store")
        self.assertEqual(len(child.err.splitlines()), 1, child.err)
        self.assertLess(child.json["records"], 60 * 500)
        # with room again, the same store goes on
        for name in os.listdir(disk):
            shutil.copy(self.path("disk", name), kept)
        self.store = self.path("kept", "store.db")
        self.check_rerun()


if __name__ == "__main__":
    unittest.main()
