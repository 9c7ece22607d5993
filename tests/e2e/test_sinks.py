"""[[export.file]]: the lines that `whosent events` prints, in a file that is rotated, by us or by others; through kill -9, a torn line, a full disk."""

import json
import os
import random
import stat
import unittest

import cef_reader
from daemon import SmallDisk, wait_until
from syslog_case import SyslogCase

SEED = 20261122


class Files(SyslogCase):
    def file(self, name="archive", path=None, select="all", begin="beginning", **keys):
        keys = {"name": name, "path": path or self.path(name), "select": select, "begin": begin, "batch_age": "0s", "retry_least": "1s", "retry_most": "1s", **keys}
        return "[[export.file]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())

    def read(self, *names):
        """The lines of these files, one behind the other. Each has to be whole."""
        lines = []
        for name in names:
            with open(self.path(name), encoding="utf-8", newline="\n") as file:
                text = file.read()
            self.assertTrue(not text or text.endswith("\n"), f"{name} ends with {text[-100:]!r}")
            lines += text.split("\n")[:-1]
        return lines

    def settle(self, name="file:archive", **options):
        super().settle(name, **options)

    def rotated(self, name="archive"):
        """Oldest first."""
        numbers = sorted((int(entry.rpartition(".")[2]) for entry in os.listdir(self.dir) if entry.startswith(name + ".") and entry.rpartition(".")[2].isdigit()), reverse=True)
        self.assertEqual(numbers, list(range(len(numbers), 0, -1)))
        return [f"{name}.{number}" for number in numbers] + [name]

    def check(self, lines, expected, once=True):
        first = list(dict.fromkeys(lines))
        self.assertEqual((len(first), first == expected), (len(expected), True), [(a[:200], b[:200]) for a, b in zip(first, expected) if a != b][:1])
        if once:
            self.assertEqual(len(lines), len(expected))

    def test_every_event_in_each_format(self):
        self.every_class()
        self.serve(self.file() + self.file("cef", format="cef", mode="0600") + self.file("ecs", format="ecs", mode="0644") + self.file("failing").replace('select = "all"\n', ""))
        self.many(1200)
        for name, form, mode in (("archive", "json", 0o640), ("cef", "cef", 0o600), ("ecs", "ecs", 0o644)):
            with self.subTest(name):
                self.settle("file:" + name)
                self.check(self.read(name), self.lines(form))
                self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), mode)
        for line, event in zip(self.read("cef"), map(json.loads, self.read("archive"))):
            record = cef_reader.read(line)
            self.assertEqual((record.extension["externalId"], record.class_id, record.severity), (event["id"], event["class"], event["severity"]))
        self.settle("file:failing")
        expected = [line for line in self.lines("json") if json.loads(line)["class"] != "dmarc.record" or json.loads(line)["severity"] > 1]
        self.assertLess(len(expected), len(self.lines()))
        self.check(self.read("failing"), expected)

    def test_rotation_by_size(self):
        self.many(2000)
        self.serve(self.file(rotate_bytes=100_000, keep=1000, batch_events=20) + self.file("few", rotate_bytes=100_000, keep=2, batch_events=20))
        self.settle()
        self.settle("file:few")
        names = self.rotated()
        self.assertGreater(len(names), 10)
        expected = self.lines("json")
        self.check(self.read(*names), expected)
        for name in names:
            self.assertLessEqual(os.path.getsize(self.path(name)), 200_000)
        # those that are kept end with the last event
        few = self.rotated("few")
        self.assertEqual(few, ["few.2", "few.1", "few"])
        kept = self.read(*few)
        self.assertEqual(kept, expected[-len(kept):])

    def test_rotation_by_others(self):
        daemon = self.serve(self.file())
        for number in range(3):
            self.many(300, f"part{number}")
            self.settle()
            os.rename(self.path("archive"), self.path(f"moved{number}"))
        self.many(10, "last")
        self.settle()
        names = [f"moved{number}" for number in range(3)] + ["archive"]
        self.check(self.read(*names), self.lines("json"))
        self.assertEqual(len(self.read("archive")), 10)
        # in the middle of many
        self.many(8000, "many")
        for number in range(3, 6):
            wait_until(lambda: os.path.exists(self.path("archive")), daemon.log, pause=0.002)
            os.rename(self.path("archive"), self.path(f"moved{number}"))
        self.settle()
        names = [f"moved{number}" for number in range(6)] + (["archive"] if os.path.exists(self.path("archive")) else [])
        self.check(self.read(*names), self.lines("json"), once=False)

    def test_whosent_killed_again_and_again(self):
        draw = random.Random(SEED)
        daemon = self.daemon(self.file(rotate_bytes=1_000_000, keep=100, batch_events=50))
        size = lambda: sum(os.path.getsize(self.path(name)) for name in os.listdir(self.dir) if name.startswith("archive"))
        for attempt in range(6):
            self.many(2500, f"part{attempt}")
            before, enough = size(), draw.randrange(1, 3_000_000)
            daemon.launch()
            wait_until(lambda: size() > before + enough or (os.path.exists(self.store) and self.state("file:archive")["lag_events"] == 0), daemon.log, pause=0.002)
            daemon.kill()
        daemon.start()
        self.settle()
        self.check(self.read(*self.rotated()), self.lines("json"), once=False)

    def test_a_line_that_was_torn(self):
        self.many(30)
        daemon = self.serve(self.file())
        self.settle()
        daemon.terminate()
        with open(self.path("archive"), "a") as file:
            file.write('{"id":"torn","seq')
        self.many(5, "more")
        daemon.start()
        self.settle()
        self.check(self.read("archive"), self.lines("json"))

    def test_a_full_disk(self):
        disk = SmallDisk(self, megabytes=6)  # where it is a limit on the size of files, the store's log has to fit
        self.many(100, "first")
        daemon = self.serve(self.file(path=os.path.join(disk.path, "archive")), preexec=disk.preexec)
        self.settle()
        count = 100
        state = {}
        while state.get("state") != "failing":
            self.many(500, f"at{count}")
            count += 500
            self.assertLess(count, 10_000)
            wait_until(lambda: (self.state("file:archive")["state"], self.state("file:archive")["lag_events"] == 0) in (("failing", False), ("works", True)), lambda: self.state("file:archive"))
            state = self.state("file:archive")
        self.assertRegex(state["last_error"], "No space left|File too large")
        self.assertLess(state["delivered"], count)
        # what has come is stored all the same
        self.many(100, "meanwhile")
        self.assertEqual(daemon.get("/healthz").status, 200)
        disk.make_room(daemon)
        self.settle()
        self.check(self.read(os.path.join("disk", "archive")), self.lines("json"), once=False)

    def test_what_is_no_file_of_ours_is_left_alone(self):
        self.many(10)
        self.write("other", "somebody's text without an end")
        os.symlink(self.write("target", ""), self.path("link"))
        os.mkdir(self.path("folder"))
        self.serve(self.file("a", self.path("other")) + self.file("b", self.path("link")) + self.file("c", self.path("folder")) + self.file("d", self.path("none", "x")) + self.file())
        self.settle()
        for name, says in (("a", "something else than events"), ("b", "symbolic link"), ("c", "directory|not a file"), ("d", "No such file")):
            with self.subTest(name):
                wait_until(lambda: self.state("file:" + name)["state"] == "failing", lambda: self.state("file:" + name))
                state = self.state("file:" + name)
                self.assertRegex(state["last_error"], says)
                self.assertEqual(state["delivered"], 0)
        self.assertEqual((open(self.path("other")).read(), open(self.path("target")).read()), ("somebody's text without an end", ""))
        # mended
        os.remove(self.path("other"))
        os.mkdir(self.path("none"))
        for name in ("a", "d"):
            self.settle("file:" + name)
        self.check(self.read("other"), self.lines("json"))
        self.check(self.read(os.path.join("none", "x")), self.lines("json"))


if __name__ == "__main__":
    unittest.main()
