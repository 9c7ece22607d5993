"""A receiver that stands still for a whole minute, with every wait as it is by default: nobody else is held up, and nothing is lost."""

import time
import unittest

from daemon import wait_until
from syslog_case import SyslogCase

MINUTE = 60


class Stall(SyslogCase):
    def test_a_minute(self):
        rsyslog, other = self.receiver(), self.receiver(name="other")
        defaults = {"deadline": "30s", "batch_age": "1s", "retry_least": "1s", "retry_most": "5m"}
        daemon = self.serve(self.sink(rsyslog, "stalled", **defaults) + self.sink(other, "other", **defaults))
        self.many(100, "first")
        self.wait_arrived(rsyslog, 100, "stalled")
        began = time.monotonic()
        with rsyslog.stalled():
            stored = 100
            while time.monotonic() - began < MINUTE:
                # everybody else goes on: reports are stored, the other sink gets them, the daemon answers
                asked = time.monotonic()
                self.many(500, f"at{stored}")
                stored += 500
                self.wait_arrived(other, stored, "other", seconds=15)
                self.assertEqual(daemon.get("/healthz").status, 200)
                self.assertLess(daemon.own_memory(), 200_000_000)
                # some rounds over the whole minute, and not a loop
                wait_until(lambda: time.monotonic() - asked > 5 or time.monotonic() - began > MINUTE, "the next round", pause=0.2)
            self.assertEqual(self.state("syslog:other")["lag_events"], 0)
            self.assertEqual((self.state("syslog:stalled")["state"], self.state("syslog:stalled")["delivered"]), ("failing", 100))
        lines = self.lines()
        self.assertEqual(len(lines), stored)
        self.wait_arrived(rsyslog, stored, "stalled", seconds=40)
        wait_until(lambda: self.state("syslog:stalled")["lag_events"] == 0, lambda: self.state("syslog:stalled"))
        self.check_all_arrived(self.of(rsyslog, "stalled"), lines, once=False)
        self.check_all_arrived(self.of(other, "other"), lines)


if __name__ == "__main__":
    unittest.main()
