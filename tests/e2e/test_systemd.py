"""The unit of systemd: hardened, and in order."""

import os
import re
import shutil
import subprocess
import unittest

from harness import BINARY, Case

UNIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "systemd", "whosent.service")
MOST_EXPOSURE = 1.5  # of 10; what the issue asks for is "below"


class Unit(Case):
    def analyze(self, *arguments):
        tool = shutil.which("systemd-analyze")
        self.assertIsNotNone(tool, "systemd-analyze is not installed: scripts/install-dependencies --with tests")
        return subprocess.run([tool, "--no-pager", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, env={**os.environ, "SYSTEMD_COLORS": "0"})

    def exposure(self, path):
        done = self.analyze("security", "--offline=true", path)
        figure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
        self.assertIsNotNone(figure, done.stdout)
        return float(figure[1]), done.stdout

    def test_hardened(self):
        figure, told = self.exposure(UNIT)
        self.assertLess(figure, MOST_EXPOSURE, told)
        # the tool tells what is open: without its restrictions the same unit is far from it
        with open(UNIT) as file:
            bare = "".join(line for line in file if not re.match(r"(Protect|Private|Restrict|SystemCall|Capability|NoNew|DynamicUser|User)", line))
        self.assertGreater(self.exposure(self.write("whosent.service", bare))[0], MOST_EXPOSURE + 2)

    def test_in_order(self):
        with open(UNIT) as file:
            text = file.read()
        self.assertIn("/usr/bin/whosent serve --config", text)
        good = self.analyze("verify", self.write("whosent.service", text.replace("/usr/bin/whosent", BINARY)))
        self.assertEqual((good.returncode, [line for line in good.stdout.splitlines() if "whosent" in line]), (0, []), good.stdout)
        bad = self.analyze("verify", self.write("whosent.service", text.replace("/usr/bin/whosent", self.path("nothing"))))
        self.assertIn("not executable", bad.stdout)

    def test_what_the_daemon_needs(self):
        with open(UNIT) as file:
            keys = dict(line.strip().split("=", 1) for line in file if re.match(r"[A-Z]\w+=", line))
        self.assertEqual((keys["Type"], keys["ExecReload"], keys["DynamicUser"], keys["StateDirectory"]), ("notify", "/bin/kill -HUP $MAINPID", "yes", "whosent"))
        self.assertEqual(set(keys["RestrictAddressFamilies"].split()), {"AF_INET", "AF_INET6", "AF_UNIX"})
        self.assertGreater(int(keys["WatchdogSec"]), 0)
        # the longest `drain` that the configuration takes fits in
        self.assertGreater(int(keys["TimeoutStopSec"]), 80)
        self.fails(2, "--config", self.write("drain.toml", f"[serve]\ndrain = '{keys['TimeoutStopSec']}s'\n"), "config", "show", says="`drain` must be from 1s to 80s")
        # where the unit says that its state is, the store is looked for
        self.assertEqual(keys["Environment"], "XDG_STATE_HOME=%S")
        shown = self.ok("config", "show", env=self.environment(WHOSENT_STORE=None, XDG_STATE_HOME="/var/lib"))
        self.assertIn('store = "sqlite:/var/lib/whosent/whosent.db"', shown.out)


if __name__ == "__main__":
    unittest.main()
