"""Receivers that are restarted, killed and stalled, and whosent killed and ended, in the middle of many events: none lost, none out of order, and what comes twice is the very same bytes."""

import random
import unittest

from daemon import wait_until
from syslog_case import SyslogCase

SEED = 20261122


class Faults(SyslogCase):
    MANY = 12_000  # some hundred milliseconds for rsyslog

    def in_the_middle(self, rsyslog, beyond, lines):
        """Stalls rsyslog when it has written more than so many, and before it has all."""
        wait_until(lambda: rsyslog.written_bytes() > beyond * 1500, lambda: f"{beyond} messages: {rsyslog.written_bytes()} bytes\n{self.daemons[0].log()}", pause=0.002)
        rsyslog.stall()
        count = len({message.raw for message in self.of(rsyslog)})
        self.assertTrue(0 < count < len(lines), f"{count} of {len(lines)}: not in the middle")

    def finish(self, rsyslog, lines, once=False):
        found = self.wait_arrived(rsyslog, len(lines), seconds=60)
        wait_until(lambda: (self.state("syslog:soc")["lag_events"], self.state("syslog:soc")["state"]) == (0, "works"), lambda: self.state("syslog:soc"))
        self.check_all_arrived(self.of(rsyslog), lines, once)
        return found

    def test_a_receiver_that_is_restarted_in_order(self):
        self.many(self.MANY)
        lines, rsyslog = self.lines(), self.receiver()
        daemon = self.serve(self.sink(rsyslog))
        for attempt in range(3):
            self.in_the_middle(rsyslog, 500 + attempt * 1500, lines)
            rsyslog.restart()
        self.finish(rsyslog, lines)
        self.assertGreater(self.state("syslog:soc")["retried"], 0)
        self.assertIn("syslog:soc", daemon.log())

    def test_a_receiver_that_is_killed(self):
        self.many(self.MANY)
        lines, rsyslog = self.lines(), self.receiver()
        self.serve(self.sink(rsyslog))
        for attempt in range(3):
            self.in_the_middle(rsyslog, 500 + attempt * 1500, lines)
            rsyslog.kill()
            rsyslog.start()
        self.finish(rsyslog, lines)

    def test_a_receiver_that_stands_still_for_a_while(self):
        """So long that what is waited for is given up, more than once."""
        self.many(200, "first")
        rsyslog = self.receiver()
        daemon = self.serve(self.sink(rsyslog, deadline="1s"))
        self.wait_arrived(rsyslog, 200)
        wait_until(lambda: self.state("syslog:soc")["lag_events"] == 0, lambda: self.state("syslog:soc"))
        with rsyslog.stalled():
            self.many(self.MANY)
            wait_until(lambda: self.state("syslog:soc")["retried"] >= 2, lambda: f"{self.state('syslog:soc')}\n{daemon.log()}")
            state = self.state("syslog:soc")
            self.assertEqual((state["state"], state["delivered"], state["lag_events"]), ("failing", 200, self.MANY))
            self.assertRegex(state["last_error"], r"127\.0\.0\.1|localhost|tcp:")
        self.finish(rsyslog, self.lines())

    def test_a_receiver_that_stands_still_and_then_dies(self):
        """Its system had taken everything, and lost it."""
        self.many(100, "first")
        rsyslog = self.receiver()
        self.serve(self.sink(rsyslog, deadline="1s"))
        self.wait_arrived(rsyslog, 100)
        wait_until(lambda: self.state("syslog:soc")["lag_events"] == 0, lambda: self.state("syslog:soc"))
        rsyslog.stall()
        self.many(30)  # so few that its system acknowledges all of them
        wait_until(lambda: self.state("syslog:soc")["state"] == "failing", lambda: self.state("syslog:soc"))
        rsyslog.kill()
        rsyslog.start()
        self.finish(rsyslog, self.lines())

    def test_whosent_killed_again_and_again(self):
        draw = random.Random(SEED)
        rsyslog = self.receiver()
        daemon = self.daemon(self.sink(rsyslog, batch_events=50))
        total = 0
        for attempt in range(6):
            self.many(2500, f"part{attempt}")
            total += 2500
            before = rsyslog.written_bytes()
            enough = draw.randrange(1, 2000) * 1500
            daemon.launch()
            wait_until(lambda: rsyslog.written_bytes() > before + enough or len({message.raw for message in self.of(rsyslog)}) == total, lambda: daemon.log(), pause=0.002)
            daemon.kill()
        daemon.start()
        found = self.finish(rsyslog, self.lines())
        self.assertEqual(total, len({message.raw for message in found}))

    def test_whosent_ended_in_order(self):
        """Nothing comes twice: it waits for what is on its way."""
        self.many(self.MANY)
        lines, rsyslog = self.lines(), self.receiver()
        daemon = self.daemon(self.sink(rsyslog))
        for attempt in range(3):
            daemon.launch()
            before = rsyslog.written_bytes()
            wait_until(lambda: rsyslog.written_bytes() > before, lambda: daemon.log(), pause=0.002)
            daemon.terminate()
        daemon.start()
        self.finish(rsyslog, lines, once=True)


if __name__ == "__main__":
    unittest.main()
