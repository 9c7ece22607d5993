"""Pseudonyms of addresses, and the file with their keys."""

import base64
import csv
import hmac
import io
import os
import re
import subprocess
import threading
import tomllib
import unittest

from harness import Case

ADDRESS = "someone@example.org"
KEY_LINE = re.compile(r"^(\d+) ([0-9a-f]{64}) (\d{4}-\d\d-\d\d)$")


def pseudonym(number, key, address):
    mac = hmac.new(bytes.fromhex(key), address.lower().encode(), "sha256").digest()
    return f"~{number}.{base64.b32encode(mac)[:16].decode().lower()}@{address.split('@')[1].lower()}"


class Pseudonym(Case):
    def keys(self, path=None):
        with open(path or self.store + ".keys") as file:
            lines = [line.rstrip("\n") for line in file]
        matches = [KEY_LINE.match(line) for line in lines if not line.startswith("#")]
        self.assertTrue(all(matches), lines)
        return [(int(match[1]), match[2]) for match in matches]

    def test_without_a_key_file(self):
        self.fails(1, "pseudonym", ADDRESS, says=["store.db.keys", "no key file yet"])
        self.assertEqual(os.listdir(self.dir), [])

    def test_keys_are_made_and_kept(self):
        path = self.store + ".keys"
        done = self.ok("pseudonym", "--rotate")
        self.assertIn("key 1 ", done.out)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path) as file:
            text = file.read()
        self.assertTrue(text.startswith("# whosent: "))
        self.assertIn("without it nothing is lost", text)
        first = self.keys()
        done = self.ok("pseudonym", "--rotate")
        self.assertIn("key 2 ", done.out)
        self.assertIn("older keys are kept", done.out)
        keys = self.keys()
        self.assertEqual(keys[:1], first)
        self.assertEqual([number for number, _ in keys], [1, 2])
        self.assertNotEqual(keys[0][1], keys[1][1])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(self.dir), ["store.db.keys"])
        rows = self.listing("pseudonym", "Someone@Example.ORG", "Some One <other@example.com>")
        self.assertEqual(rows, [{"address": shown, "key": number, "pseudonym": pseudonym(number, key, address)}
                                for shown, address in (("Someone@Example.ORG", ADDRESS), ("Some One <other@example.com>", "other@example.com"))
                                for number, key in reversed(keys)])

    def test_formats(self):
        self.ok("pseudonym", "--rotate")
        (number, key), = self.keys()
        expected = pseudonym(number, key, ADDRESS)
        self.assertEqual(self.ok("pseudonym", ADDRESS).lines[1].split(), [ADDRESS, "1", expected])
        table = list(csv.reader(io.StringIO(self.ok("pseudonym", "--format", "csv", ADDRESS).out)))
        self.assertEqual(table, [["address", "key", "pseudonym"], [ADDRESS, "1", expected]])

    def test_a_list_on_standard_input(self):
        self.ok("pseudonym", "--rotate")
        (number, key), = self.keys()
        addresses = [f"person{i}@example.org" for i in range(20000)]
        done = self.ok("pseudonym", "--format", "json", "-", stdin=("\r\n".join(addresses[:100]) + "\n\n  \n" + "\n".join(addresses[100:])).encode())
        self.assertEqual(done.json, [{"address": a, "key": 1, "pseudonym": pseudonym(number, key, a)} for a in addresses])
        self.assertEqual(self.ok("pseudonym", "--format", "json", "-").json, [])
        # a line that is no address is told by its number only, and the others are answered
        done = self.run_whosent("pseudonym", "--format", "json", "-", stdin=b"not-an-address\nsomeone@example.org\n@example.org\n" + b"x" * 3_000_000 + b"@example.org\nb@example.org")
        self.assertEqual(done.code, 1)
        self.assertEqual([row["address"] for row in done.json], [ADDRESS, "b@example.org"])
        self.assertEqual(done.err.splitlines(), [f"whosent: standard input:{line}: not an address" for line in (1, 3, 4)])
        done = self.run_whosent("pseudonym", ADDRESS, "nobody-in-particular")
        self.assertEqual((done.code, done.err), (1, "whosent: argument 2: not an address\n"))

    def test_wrong_usage(self):
        self.fails(2, "pseudonym", says="addresses or --rotate")
        self.fails(2, "pseudonym", "--rotate", ADDRESS, says="addresses or --rotate")

    def test_a_file_that_others_may_read(self):
        self.ok("pseudonym", "--rotate")
        path = self.store + ".keys"
        for mode in (0o640, 0o604, 0o620, 0o601):
            os.chmod(path, mode)
            self.fails(2, "pseudonym", ADDRESS, says=[path, f"mode {mode:03o}", "chmod 600"])
            self.fails(2, "pseudonym", "--rotate", says=[path, "chmod 600"])
        os.chmod(path, 0o600)
        self.assertEqual(len(self.keys()), 1)
        self.ok("pseudonym", ADDRESS)
        os.chmod(path, 0o400)
        self.ok("pseudonym", ADDRESS)

    def test_files_that_are_no_key_files(self):
        path = self.store + ".keys"
        key = "ab" * 32
        for name, content, says in (
            ("empty", "", "no key in the key file"),
            ("comments", "# only\n\n", "no key in the key file"),
            ("cut", f"1 {key} 2026-11-21\n2 {key[:20]}", "not complete"),
            ("cut in the day", f"1 {key} 2026-11-2", "not complete"),
            ("short", f"1 {key[:-2]} 2026-11-21\n", "store.db.keys:1: a key has 64 hexadecimal digits, not 62"),
            ("long", f"# x\n1 {key}00 2026-11-21\n", "store.db.keys:2: a key has 64 hexadecimal digits, not 66"),
            ("digits", f"1 {'g' + key[1:]} 2026-11-21\n", "not hexadecimal"),
            ("sign", f"1 {'-' + key[1:]} 2026-11-21\n", "not hexadecimal"),
            ("number", f"x {key} 2026-11-21\n", "number of a key"),
            ("large", f"4294967296 {key} 2026-11-21\n", "number of a key"),
            ("day", f"1 {key} yesterday\n", "day after the key"),
            ("no day", f"1 {key}\n", "day after the key"),
            ("more", f"1 {key} 2026-11-21 x\n", "more on the line"),
            ("twice", f"1 {key} 2026-11-21\n1 {key} 2026-11-22\n", "store.db.keys:2: the numbers"),
            ("back", f"2 {key} 2026-11-21\n1 {key} 2026-11-22\n", "store.db.keys:2: the numbers"),
            ("huge", "#" * 2_000_000 + "\n", "larger than"),
            ("nul", "\0" * 100 + "\n", "number of a key"),
        ):
            with self.subTest(name):
                self.write("store.db.keys", content)
                os.chmod(path, 0o600)
                for arguments in ((ADDRESS,), ("--rotate",)):
                    done = self.fails(2, "pseudonym", *arguments, says=says)
                    self.assertNotIn(key[:20], done.err)
                with open(path) as file:
                    self.assertEqual(file.read(), content)
        os.unlink(path)
        os.mkdir(path)
        self.fails(2, "pseudonym", "--rotate", says="not a regular file")
        os.rmdir(path)
        os.mkfifo(path, 0o600)
        self.fails(2, "pseudonym", ADDRESS, says="not a regular file")

    def test_a_place_that_cannot_be_written(self):
        config = self.write("c.toml", f'[privacy]\nkey_file = "{self.path("missing", "keys")}"\n')
        self.fails(1, "--config", config, "pseudonym", "--rotate", says=["missing/keys", "No such file"])
        self.ok("pseudonym", "--rotate")
        before = self.keys()

        def no_space():
            import resource
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

        self.fails(1, "pseudonym", "--rotate", preexec=no_space, says="cannot be written")
        self.assertEqual(self.keys(), before)
        self.assertEqual(os.listdir(self.dir).count("store.db.keys"), 1)
        self.assertEqual([name for name in os.listdir(self.dir) if name.startswith("store.db.keys.")], [])

    def test_many_at_once(self):
        """Every rotation is kept, whoever else rotates or makes the file at the same time."""
        children = [self.start("pseudonym", "--rotate", stdout=subprocess.PIPE) for _ in range(24)]
        numbers = sorted(int(re.search(rb"key (\d+) ", child.communicate()[0])[1]) for child in children)
        self.assertEqual([child.returncode for child in children], [0] * 24)
        self.assertEqual(numbers, list(range(1, 25)))
        keys = self.keys()
        self.assertEqual([number for number, _ in keys], numbers)
        self.assertEqual(len({key for _, key in keys}), 24)
        self.assertEqual(os.listdir(self.dir), ["store.db.keys"])

    def test_readers_see_whole_files(self):
        self.ok("pseudonym", "--rotate")
        stop = threading.Event()

        def rotate():
            while not stop.is_set():
                self.ok("pseudonym", "--rotate")

        thread = threading.Thread(target=rotate)
        thread.start()
        try:
            counts = [len(self.listing("pseudonym", ADDRESS)) for _ in range(40)]
        finally:
            stop.set()
            thread.join()
        self.assertEqual(counts, sorted(counts))
        self.assertGreater(counts[-1], 1)

    def test_a_link_to_the_file(self):
        os.mkdir(self.path("secret"))
        os.symlink(self.path("secret", "keys"), self.store + ".keys")
        config = self.write("c.toml", f'[privacy]\nkey_file = "{self.path("secret", "keys")}"\n')
        self.ok("--config", config, "pseudonym", "--rotate")
        self.ok("pseudonym", "--rotate")
        self.assertTrue(os.path.islink(self.store + ".keys"))
        self.assertEqual(len(self.keys(self.path("secret", "keys"))), 2)

    def test_settings(self):
        values = tomllib.loads(self.ok("config", "show").out)
        self.assertEqual(values["privacy"], {"mode": "pseudonymous", "key_file": self.store + ".keys"})
        config = self.write("c.toml", f'[privacy]\nmode = "drop"\nkey_file = "{self.path("k")}"\n')
        done = self.ok("--config", config, "config", "show")
        self.assertEqual(tomllib.loads(done.out)["privacy"], {"mode": "drop", "key_file": self.path("k")})
        self.assertIn(f'mode = "drop"  # {config}:2', done.out)
        self.assertIn(f"# {config}:3", done.out)
        self.assertEqual(tomllib.loads(self.ok("config", "show", "--store", "sqlite:/x/y").out)["privacy"]["key_file"], "/x/y.keys")
        # what is stored was made under another mode, perhaps
        self.ok("--config", config, "pseudonym", "--rotate")
        self.assertEqual(self.ok("--config", config, "pseudonym", "--format", "json", ADDRESS).json[0]["pseudonym"],
                         pseudonym(1, self.keys(self.path("k"))[0][1], ADDRESS))
        for text, says in (('mode = "none"', ':2: `mode` must be "pseudonymous", "full" or "drop"'), ("mode = 1", "`mode` must be text"),
                           ('keyfile = "x"', "did you mean `key_file`?"), ('key_file = ""', "names no file"), ("key_file = 5", "must be text")):
            self.fails(2, "--config", self.write("wrong.toml", "[privacy]\n" + text + "\n"), "config", "show", says=["wrong.toml:2", says])
        self.fails(2, "--config", self.write("wrong.toml", 'privacy = "drop"\n'), "config", "show", says=["wrong.toml:1", "[privacy]"])


if __name__ == "__main__":
    unittest.main()
