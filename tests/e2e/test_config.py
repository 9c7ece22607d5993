"""Where settings come from, and what is said of a wrong one."""

import os
import tomllib
import unittest

from harness import Case, report, row


class Config(Case):
    def show(self, *arguments, **options):
        out = self.ok(*arguments, "config", "show", **options).out
        return out, tomllib.loads(out)

    def test_precedence(self):
        file = self.write("whosent.toml", 'store = "sqlite:/from/file"\njobs = 3\n\n[limits]\nrows = 77\n')
        default = self.environment(WHOSENT_STORE=None, XDG_STATE_HOME="/state")
        out, values = self.show(env=default)
        self.assertEqual((values["store"], values["jobs"]), ("sqlite:/state/whosent/whosent.db", 0))
        self.assertRegex(out, r'(?m)^store = .* # default$')
        out, values = self.show("--config", file, env=default)
        self.assertEqual((values["store"], values["jobs"], values["limits"]["rows"]), ("sqlite:/from/file", 3, 77))
        self.assertIn(f"# {file}:1", out)
        self.assertIn(f"rows = 77  # {file}:5", out)
        self.assertRegex(out, r"(?m)^mime_depth = \d+  # default$")
        out, values = self.show("--config", file, env=self.environment(WHOSENT_STORE="sqlite:/from/environment"))
        self.assertEqual(values["store"], "sqlite:/from/environment")
        self.assertIn("# WHOSENT_STORE", out)
        out, values = self.show("--config", file, "--store", "sqlite:/from/flag", env=self.environment(WHOSENT_STORE="sqlite:/from/environment"))
        self.assertEqual(values["store"], "sqlite:/from/flag")
        self.assertIn("# --store", out)

    def test_options_before_and_behind_the_command(self):
        for arguments in (["--store", "sqlite:/x", "config", "show"], ["config", "show", "--store", "sqlite:/x"]):
            self.assertEqual(tomllib.loads(self.ok(*arguments).out)["store"], "sqlite:/x")

    def test_default_places(self):
        environment = self.environment(WHOSENT_STORE=None)
        if os.geteuid() == 0:
            self.assertEqual(self.show(env=environment)[1]["store"], "sqlite:/var/lib/whosent/whosent.db")
        environment["HOME"] = "/home/somebody"
        done = self.run_whosent("config", "show", env=environment, as_user=True)
        self.assertEqual(tomllib.loads(done.out)["store"], "sqlite:/home/somebody/.local/state/whosent/whosent.db", done.err)
        del environment["HOME"]
        self.fails(2, "config", "show", env=environment, as_user=True, says="--store")

    def test_the_default_store_is_made_for_its_owner_alone(self):
        environment = self.environment(WHOSENT_STORE=None, XDG_STATE_HOME=self.path("state"))
        self.fails(1, "sources", env=environment, says="whosent ingest")
        self.assertFalse(os.path.exists(self.path("state")))
        self.ok("ingest", self.write("r.xml", report()), env=environment)
        self.assertEqual(os.stat(self.path("state", "whosent")).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(self.path("state", "whosent", "whosent.db")).st_mode & 0o777, 0o600)
        self.assertEqual(len(self.ok("sources", "--format", "json", env=environment).json), 1)

    def test_what_is_shown_can_be_read(self):
        out, values = self.show()
        self.assertEqual(self.show("--config", self.write("copy.toml", out))[1], values)
        hostile = self.environment(WHOSENT_STORE='sqlite:/a "b"\\c\n')
        self.assertEqual(self.show(env=hostile)[1]["store"], 'sqlite:/a "b"\\c\n')

    def test_wrong_files(self):
        for name, text, says in (
            ("unknown", "jobs = 1\nstroe = 'x'\n", ["unknown.toml:2", "`stroe`", "did you mean `store`?"]),
            ("far", "colour = 'x'\n", ["far.toml:1", "known keys are store, jobs, commit_rows, privacy, retention, limits"]),
            ("limit", "[limits]\nrow = 3\n", ["limit.toml:2", "did you mean `rows`?"]),
            ("section", "[limit]\nrows = 3\n", ["section.toml:1", "did you mean `limits`?"]),
            ("type", "\n\njobs = 'many'\n", ["type.toml:3", "whole number", "not text"]),
            ("fraction", "[limits]\nrows = 1.5\n", ["fraction.toml:2", "not a fraction"]),
            ("negative", "[limits]\nrows = -1\n", ["negative.toml:2", "at least 1, not -1"]),
            ("zero", "[limits]\nmime_depth = 0\n", ["zero.toml:2", "at least 1, not 0"]),
            ("much", "jobs = 100000\n", ["much.toml:1", "from 0 to 256, not 100000"]),
            ("store", "store = 5\n", ["store.toml:1", "`store` must be text"]),
            ("table", "limits = 5\n", ["table.toml:1", "[limits]"]),
            ("twice", "jobs = 1\njobs = 2\n", ["twice.toml:2"]),
            ("syntax", "jobs = 1\nstore = \n", ["syntax.toml:2"]),
        ):
            with self.subTest(name):
                path = self.write(name + ".toml", text)
                done = self.fails(2, "--config", path, "config", "show", says=says)
                self.assertEqual(len(done.err.splitlines()), 1, done.err)

    def test_files_that_cannot_be_read(self):
        self.fails(1, "--config", self.path("none.toml"), "config", "show", says=["none.toml", "No such file"])
        self.fails(1, "--config", self.dir, "config", "show", says=self.dir)

    def test_limits_hold(self):
        config = self.write("small.toml", "[limits]\nrows = 2\n")
        path = self.write("three.xml", report("three", [row(), row("192.0.2.2"), row("192.0.2.3")]))
        summary = self.ingest("--config", config, path)
        self.assertEqual((summary["quarantined"], summary["records"]), (1, 0))
        self.assertIn("rows", self.listing("quarantine", "list")[0]["reason"])


if __name__ == "__main__":
    unittest.main()
