"""Maildirs and drop folders: each message is stored exactly once, and its file is where it should be."""

import gzip
import os
import random
import signal
import socket
import unittest

from daemon import DaemonCase, wait_until
from harness import DAMAGED, OUT_OF_OFFICE, arf, report, report_mail, tls_report, zipped

SEED = 20261122


class Maildir(DaemonCase):
    def setUp(self):
        super().setUp()
        self.box = self.path("Maildir")
        for name in ("new", "cur", "tmp"):
            os.makedirs(os.path.join(self.box, name))
        self.count = 0

    def maildir(self, more="", **options):
        return self.daemon(f'[[collect.maildir]]\nname = "drop"\npath = "{self.box}"\n{more}\n', **options)

    def deliver(self, message, name=None):
        """As a delivery agent does: into tmp, then linked into new under a name that nobody else has."""
        self.count += 1
        name = name or f"{1763700000 + self.count}.M{self.count}P{os.getpid()}.mail.example"
        temporary = os.path.join(self.box, "tmp", name)
        with open(temporary, "wb") as file:
            file.write(message)
        os.rename(temporary, os.path.join(self.box, "new", name))
        return name

    def names(self, folder):
        return sorted(os.listdir(os.path.join(self.box, folder)))

    def wait_done(self, cur):
        wait_until(lambda: not self.names("new") and len(self.names("cur")) == cur, lambda: f"all {cur} are in cur: new {self.names('new')[:5]}, cur {len(self.names('cur'))}")

    def test_new_goes_to_cur(self):
        before = [self.deliver(report_mail(f"before{number}")) for number in range(5)]
        daemon = self.maildir().start()
        self.wait_reports([f"before{number}" for number in range(5)])
        self.wait_done(5)
        self.assertEqual(self.names("cur"), sorted(name + ":2,S" for name in before))
        after = [self.deliver(report_mail(f"after{number}")) for number in range(5)]
        self.wait_reports([f"{when}{number}" for when in ("after", "before") for number in range(5)])
        self.wait_done(10)
        self.assertEqual(self.names("cur"), sorted(name + ":2,S" for name in before + after))
        # every outcome, and a name with flags already
        self.deliver(DAMAGED)
        self.deliver(OUT_OF_OFFICE)
        self.deliver(report_mail("after1"))
        self.deliver(arf())
        self.deliver(report_mail("flagged"), name="1763799999.F.mail.example:2,F")
        self.wait_done(15)
        self.assertIn("1763799999.F.mail.example:2,FS", self.names("cur"))
        self.assertEqual(len(self.listing("quarantine", "list")), 1)
        self.assertEqual(len(self.listing("complaints", "--list")), 1)
        self.assertEqual(len(self.report_ids()), 11)
        self.assertTrue(self.listing("reports")[0]["origin"].startswith("maildir:drop"))
        daemon.terminate()
        # what is in cur is not read again
        daemon.start()
        self.deliver(report_mail("last"))
        self.wait_done(16)
        self.assertEqual(len(self.report_ids()), 12)

    def test_what_others_do_meanwhile(self):
        """Files that vanish, mail programs that move to cur by themselves, things that are no messages."""
        daemon = self.maildir('rescan = "1s"\n').start()
        for number in range(100):
            name = self.deliver(report_mail(f"moved{number:02}"))
            try:
                if number % 3 == 0:
                    os.remove(os.path.join(self.box, "new", name))
                elif number % 3 == 1:
                    os.rename(os.path.join(self.box, "new", name), os.path.join(self.box, "cur", name + ":2,"))
            except FileNotFoundError:
                pass  # it was taken already
        os.mkdir(os.path.join(self.box, "new", "folder"))
        os.mkfifo(os.path.join(self.box, "new", "fifo"))
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(os.path.join(self.box, "new", "s"))
        os.symlink("/etc/passwd", os.path.join(self.box, "new", "link"))
        os.symlink("nowhere", os.path.join(self.box, "new", "dangling"))
        with open(os.path.join(self.box, "new", ".hidden"), "wb") as file:
            file.write(report_mail("hidden"))
        with open(os.path.join(self.box, "tmp", "half"), "wb") as file:
            file.write(report_mail("half")[:300])
        self.deliver(report_mail("last"))
        wait_until(lambda: "last" in self.report_ids(), "the last is stored", pause=0.1)
        ids = self.report_ids()
        self.assertEqual(len(ids), len(set(ids)))
        self.assertNotIn("half", ids)
        self.assertEqual([name for name in [f"moved{number:02}" for number in range(2, 100, 3)] if name not in ids], [])
        self.assertEqual(self.names("tmp"), ["half"])
        self.assertTrue(daemon.running)
        self.assertEqual(self.listing("quarantine", "list"), [])
        self.assertLess(len(daemon.log().splitlines()), 400)

    def test_killed_in_the_middle(self):
        draw = random.Random(SEED)
        names = [f"r{number:03}" for number in range(400)]
        for name in names:
            self.deliver(report_mail(name))
        daemon = self.maildir()
        cut = 0
        for _ in range(40):
            daemon.launch()
            if cut >= 6:
                break
            before = len(self.names("cur"))
            target = before + draw.randrange(1, 40)
            wait_until(lambda: len(self.names("cur")) >= target or not self.names("new") or not daemon.running, "some are done", pause=0.0005)
            self.assertTrue(daemon.running, daemon.log())
            daemon.kill()
            cut += bool(self.names("new"))
            if not self.names("new"):  # too quick: more of them
                for _ in range(200):
                    names.append(f"r{len(names):03}")
                    self.deliver(report_mail(names[-1]))
        self.assertGreaterEqual(cut, 6)
        daemon.wait_ready()
        self.wait_done(len(names))
        self.wait_reports(names)
        self.assertEqual(sum(entry["messages"] for entry in self.listing("sources", "--limit", "0")), len(names))
        self.assertEqual([name for name in self.names("cur") if not name.endswith(":2,S")], [])

    def test_a_maildir_that_goes_and_comes_back(self):
        """A mailbox on a disk that is away for a while: the daemon says so, and goes on with it."""
        daemon = self.maildir('rescan = "1s"\n').start()
        self.deliver(report_mail("before"))
        self.wait_reports(["before"])
        os.rename(self.box, self.path("elsewhere"))
        wait_until(lambda: "failed" in daemon.log() and self.box in daemon.log(), lambda: "the log names it: " + daemon.log())
        self.assertEqual(daemon.metrics().total("whosent_collector_up", collector="maildir:drop"), 0)
        os.rename(self.path("elsewhere"), self.box)
        self.deliver(report_mail("late"))
        self.wait_reports(["before", "late"])
        self.wait_done(2)
        wait_until(lambda: daemon.metrics().total("whosent_collector_up", collector="maildir:drop") == 1, "it is told as working again")

    def test_a_maildir_that_is_not_there(self):
        """Told at once, with its name: either the daemon ends, or it tries again."""
        os.rename(self.box, self.path("elsewhere"))
        daemon = self.maildir('rescan = "1s"\n').launch()
        wait_until(lambda: not daemon.running or (daemon.notifications.when("READY=1") and self.box in daemon.log()), lambda: "the log names it: " + daemon.log())
        self.assertIn(self.box, daemon.log())
        os.rename(self.path("elsewhere"), self.box)
        if not daemon.running:
            self.assertEqual(daemon.process.returncode, 1)
            self.assertEqual(daemon.notifications.when("READY=1"), [])
            daemon.start()
        self.deliver(report_mail("late"))
        self.wait_reports(["late"])


class Folder(DaemonCase):
    def setUp(self):
        super().setUp()
        self.drop = self.path("drop")
        os.mkdir(self.drop)

    def folder(self, more="", **options):
        return self.daemon(f'[[collect.folder]]\nname = "dropped"\npath = "{self.drop}"\n{more}\n', **options)

    def put(self, name, content, at=None):
        """In one go, and renamed into place."""
        temporary = self.write("outside/" + name, content)
        os.rename(temporary, os.path.join(at or self.drop, name))

    def names(self, *below):
        path = os.path.join(self.drop, *below)
        return sorted(name for name in os.listdir(path) if os.path.isfile(os.path.join(path, name))) if os.path.isdir(path) else []

    def wait_done(self, processed, not_a_report=(), quarantined=(), left=()):
        wanted = [sorted(names) for names in (left, processed, not_a_report, quarantined)]
        wait_until(lambda: [self.names(), self.names("done"), self.names("other"), self.names("quarantined")] == wanted,
                   lambda: f"{wanted}: {[self.names(), self.names('done'), self.names('other'), self.names('quarantined')]}")

    def test_each_outcome(self):
        self.put("before.eml", report_mail("before"))
        daemon = self.folder().start()
        self.wait_done(["before.eml"])
        self.put("receiver.example!example.com!1763683200!1763769599.xml", report("xml"))
        self.put("receiver.example!example.com!1763683200!1763769599.xml.gz", gzip.compress(report("gz")))
        self.put("receiver.example!example.com!1763683200!1763769599.zip", zipped(report("zip")))
        self.put("tls.json", tls_report("t1"))
        self.put("complaint.eml", arf())
        self.put("vacation.eml", OUT_OF_OFFICE)
        self.put("damaged.eml", DAMAGED)
        self.put("empty", b"")
        self.put("again.eml", report_mail("before"))
        stem = "receiver.example!example.com!1763683200!1763769599"
        self.wait_done(["before.eml", "again.eml", stem + ".xml", stem + ".xml.gz", stem + ".zip", "tls.json", "complaint.eml"], ["vacation.eml", "empty"], ["damaged.eml"])
        self.assertEqual(self.report_ids(), ["before", "gz", "xml", "zip"])
        # what was there under that name before is not lost
        self.put("before.eml", report_mail("second"))
        wait_until(lambda: "second" in self.report_ids() and not self.names(), "the second is stored and moved", pause=0.1)
        self.assertEqual(len(self.names("done")), 8)
        self.assertEqual(open(os.path.join(self.drop, "done", "before.eml"), "rb").read(), report_mail("before"))
        daemon.terminate()

    def test_removed_where_it_says_so(self):
        os.mkdir(self.path("kept"))
        self.folder(f'processed = ""\nnot_a_report = "{self.path("kept")}"\n').start()
        self.put("a.eml", report_mail("a"))
        self.put("b.eml", OUT_OF_OFFICE)
        self.put("c.eml", DAMAGED)
        wait_until(lambda: not self.names(), "all is taken")
        self.assertEqual(os.listdir(self.path("kept")), ["b.eml"])
        self.assertEqual((self.names("done"), self.names("quarantined")), ([], ["c.eml"]))
        self.assertEqual(self.report_ids(), ["a"])

    def test_not_before_it_is_whole(self):
        """A file that is still written is read when it is closed; one that says by its name that it is not ready, when it is renamed."""
        self.folder('rescan = "1s"\n').start()
        whole = report_mail("slow")
        path = os.path.join(self.drop, "slow.eml")
        with open(path, "wb") as file:
            file.write(whole[:len(whole) // 2])
            file.flush()
            for name in ("x.tmp", "x.part", ".x", "x.eml.part"):
                with open(os.path.join(self.drop, name), "wb") as other:
                    other.write(report_mail("unready"))
            # Others that come later are done meanwhile
            for number in range(5):
                self.put(f"meanwhile{number}.eml", report_mail(f"meanwhile{number}"))
                wait_until(lambda: f"meanwhile{number}.eml" in self.names("done"), "the one behind it is done")
            self.assertIn("slow.eml", self.names())
            self.assertEqual(self.listing("quarantine", "list"), [])
            file.write(whole[len(whole) // 2:])
        wait_until(lambda: "slow.eml" in self.names("done"), "it is taken when it is closed")
        self.assertEqual(self.names(), [".x", "x.eml.part", "x.part", "x.tmp"])
        self.assertNotIn("unready", self.report_ids())
        self.assertEqual(self.names("quarantined"), [])
        os.rename(os.path.join(self.drop, "x.eml.part"), os.path.join(self.drop, "x.eml"))
        wait_until(lambda: "x.eml" in self.names("done"), "it is taken when it is renamed")
        self.assertIn("unready", self.report_ids())

    def test_vanishing_and_strange(self):
        daemon = self.folder('rescan = "1s"\n').start()
        for number in range(100):
            self.put(f"v{number}.eml", report_mail(f"v{number}"))
            if number % 2:
                try:
                    os.remove(os.path.join(self.drop, f"v{number}.eml"))
                except FileNotFoundError:
                    pass
        os.mkfifo(os.path.join(self.drop, "fifo"))
        os.symlink("/etc/passwd", os.path.join(self.drop, "passwd"))
        os.symlink("nowhere", os.path.join(self.drop, "dangling"))
        os.mkdir(os.path.join(self.drop, "folder"))
        self.put("inside.eml", report_mail("inside"), at=os.path.join(self.drop, "folder"))
        for name in ("with space.eml", "n\u00e4me.eml", "new\nline.eml", "-rf.eml", "'\"$(x).eml", "x" * 250 + ".eml"):
            self.put(name, report_mail(name[:20].replace("\n", "_")))
        with open(os.fsencode(self.drop) + b"/\xff\xfe.eml", "wb") as file:
            file.write(report_mail("bytes"))
        self.put("last.eml", report_mail("last"))
        even = [f"v{number}" for number in range(0, 100, 2)]
        expected = {*even, "last", "bytes", "-rf.eml", "with space.eml"}
        wait_until(lambda: expected <= set(self.report_ids()), lambda: f"stored: {expected - set(self.report_ids())} are missing\n{daemon.log()[-2000:]}", pause=0.1)
        ids = self.report_ids()
        self.assertEqual(len(ids), len(set(ids)))
        self.assertTrue(daemon.running)
        self.assertNotIn("root:", open(daemon.log_path, errors="replace").read())
        self.assertTrue(os.path.islink(os.path.join(self.drop, "passwd")))
        # no line of the log is broken by a name
        self.assertNotRegex(daemon.log(), r"(?m)^line\.eml")

    def test_killed_in_the_middle(self):
        draw = random.Random(SEED)
        names = []

        def more(count):
            for _ in range(count):
                names.append(f"r{len(names):03}")
                self.put(names[-1] + ".eml", report_mail(names[-1]))

        more(400)
        daemon = self.folder()
        cut = 0
        for _ in range(40):
            daemon.launch()
            if cut >= 6:
                break
            target = len(self.names("done")) + draw.randrange(1, 40)
            wait_until(lambda: len(self.names("done")) >= target or not self.names() or not daemon.running, "some are done", pause=0.0005)
            self.assertTrue(daemon.running, daemon.log())
            daemon.kill()
            cut += bool(self.names())
            if not self.names():
                more(200)
        self.assertGreaterEqual(cut, 6)
        daemon.wait_ready()
        self.wait_done([name + ".eml" for name in names])
        self.wait_reports(names)
        self.assertEqual(sum(entry["messages"] for entry in self.listing("sources", "--limit", "0")), len(names))

    def test_many_at_once(self):
        """More than inotify's queue holds is found by looking."""
        with open("/proc/sys/fs/inotify/max_queued_events") as file:
            most = int(file.read())
        daemon = self.folder('rescan = "2s"\nprocessed = ""\n')
        self.put("first.eml", report_mail("first"))
        daemon.start()
        wait_until(lambda: not self.names(), "the first is done")
        daemon.signal(signal.SIGSTOP)  # nobody takes events away
        try:
            for number in range(min(most, 20_000) // 2 + 1000):  # two events each
                path = os.path.join(self.drop, f"n{number}.eml")
                with open(path, "wb") as file:
                    file.write(b"x")
                os.remove(path)
            for number in range(50):
                self.put(f"m{number}.eml", report_mail(f"m{number:02}"))
        finally:
            daemon.signal(signal.SIGCONT)
        self.wait_reports(["first", *(f"m{number:02}" for number in range(50))])
        wait_until(lambda: not self.names(), "all are removed")


class Together(DaemonCase):
    def test_several_collectors(self):
        """Two Maildirs and a folder at once; the same report in all of them is stored once."""
        text = ""
        for name in ("one", "two"):
            for below in ("new", "cur", "tmp"):
                os.makedirs(self.path(name, below))
            text += f'[[collect.maildir]]\nname = "{name}"\npath = "{self.path(name)}"\n'
        os.mkdir(self.path("drop"))
        text += f'[[collect.folder]]\nname = "one"\npath = "{self.path("drop")}"\nprocessed = ""\n'
        for name in ("one/new/1", "two/new/1", "drop/1.eml"):
            self.write(name, report_mail("same"))
            self.write(name.replace("1", "2"), report_mail("of-" + name.split("/")[0]))
        daemon = self.serve(text)
        self.wait_reports(["of-drop", "of-one", "of-two", "same"])
        wait_until(lambda: not os.listdir(self.path("one", "new")) and not os.listdir(self.path("two", "new")) and not [name for name in os.listdir(self.path("drop")) if name.endswith(".eml")],
                   lambda: f"all is done: {[os.listdir(self.path(*names)) for names in (('one', 'new'), ('one', 'cur'), ('two', 'new'), ('two', 'cur'), ('drop',))]}\n{daemon.log()}")
        metrics = daemon.metrics()
        for collector in ("maildir:one", "maildir:two", "folder:one"):
            self.assertEqual(metrics.total("whosent_messages_total", collector=collector), 2, metrics.text)
        self.assertEqual(metrics.total("whosent_messages_total", outcome="stored"), 4)
        self.assertEqual(metrics.total("whosent_messages_total", outcome="duplicate"), 2)


if __name__ == "__main__":
    unittest.main()
