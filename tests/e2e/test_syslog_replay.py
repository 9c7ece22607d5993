"""What was sent is sent once more with the same bytes: on request, and after a backup took the store's place. And what was purged before it could be sent."""

import json
import os
import time
import unittest

from daemon import wait_until
from harness import DAY, report, row
from syslog_case import SyslogCase


class Replay(SyslogCase):
    def cursor(self, limit):
        return self.ok("events", "--limit", str(limit)).err.splitlines()[-1]

    def test_twice_from_the_beginning_and_from_a_cursor(self):
        self.every_class()
        self.many(300)
        rsyslog = self.receiver()
        daemon = self.serve(self.sink(rsyslog))
        lines = self.lines()
        first = [message.raw for message in self.wait_arrived(rsyslog, len(lines))]
        self.settle()
        count = len(lines)
        for attempt in (1, 2):
            self.ok("replay", "--sink", "syslog:soc", "--from", "beginning")
            wait_until(lambda: len(self.of(rsyslog)) >= (attempt + 1) * count, lambda: f"{len(self.of(rsyslog))}\n{daemon.log()}")
            self.settle()
            self.assertEqual([message.raw for message in self.of(rsyslog)], first * (attempt + 1))
        self.ok("replay", "--sink", "syslog:soc", "--from", self.cursor(count - 20))
        wait_until(lambda: len(self.of(rsyslog)) >= 3 * count + 20, lambda: f"{len(self.of(rsyslog))}\n{daemon.log()}")
        self.settle()
        self.assertEqual([message.raw for message in self.of(rsyslog)], first * 3 + first[-20:])
        # while no daemon runs; a day on which everything was published
        daemon.terminate()
        self.ok("replay", "--sink", "syslog:soc", "--from", json.loads(self.lines("json")[0])["time"][:10])
        daemon.start()
        wait_until(lambda: len(self.of(rsyslog)) >= 4 * count + 20, lambda: f"{len(self.of(rsyslog))}\n{daemon.log()}")
        self.settle()
        self.assertEqual([message.raw for message in self.of(rsyslog)], first * 3 + first[-20:] + first)

    def test_what_cannot_be_replayed(self):
        self.many(10)
        rsyslog = self.receiver()
        self.serve(self.sink(rsyslog))
        self.wait_arrived(rsyslog, 10)
        self.settle()
        self.fails(1, "replay", "--sink", "syslog:sock", "--from", "beginning", says=["syslog:sock", "did you mean syslog:soc?"])
        self.fails(2, "replay", "--sink", "syslog:soc", "--from", "sometime", says="sometime")
        self.fails(2, "replay", "--sink", "syslog:soc", says="--from")
        cursor = self.cursor(5)
        self.fails(2, "replay", "--sink", "syslog:soc", "--from", cursor[:cursor.rindex("-") + 1] + "999999", says="cursor")
        self.assertEqual(len(self.of(rsyslog)), 10)

    def restore(self, copy):
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.store + suffix):
                os.remove(self.store + suffix)
        os.rename(copy, self.store)

    def ids(self, messages):
        return [message.cef["Extensions"]["externalId"] for message in messages]

    def test_a_store_that_came_back_from_a_backup(self):
        self.many(50, "before")
        rsyslog = self.receiver()
        daemon = self.serve(self.sink(rsyslog))
        self.wait_arrived(rsyslog, 50)
        self.settle()
        # some of it was not sent yet when the backup was made
        rsyslog.stop()
        self.many(60, "pending")
        copy = self.path("copy.db")
        self.ok("backup", copy)
        rsyslog.start()
        self.wait_arrived(rsyslog, 110)
        self.many(70, "later")
        before = self.wait_arrived(rsyslog, 180)[:]
        self.check_all_arrived(before, self.lines(), once=False)
        self.settle()
        daemon.terminate()
        self.restore(copy)
        restored = self.lines()
        self.assertEqual(len(restored), 110)
        daemon.start()
        # what was pending comes again, with the same bytes
        wait_until(lambda: len(self.of(rsyslog)) >= len(before) + 60, lambda: f"{len(self.of(rsyslog))}\n{daemon.log()}")
        self.settle()
        again = self.of(rsyslog)[len(before):]
        self.assertEqual([message.text for message in again], restored[-len(again):])
        self.assertTrue({message.raw for message in again} <= {message.raw for message in before})
        # what was lost from the store is collected once more, and has the ids that it had
        count = len(self.of(rsyslog))
        self.ingest(self.path("later"))
        wait_until(lambda: len(self.of(rsyslog)) >= count + 70, daemon.log)
        self.settle()
        self.assertEqual(self.ids(self.of(rsyslog)[count:]), self.ids(before[-70:]))
        # and what is new follows
        self.many(10, "new")
        wait_until(lambda: len(self.of(rsyslog)) >= count + 80, daemon.log)
        self.settle()
        self.assertEqual(set(self.ids(self.of(rsyslog))), {json.loads(text)["id"] for text in self.lines("json")})

    def test_a_purge_before_it_was_sent(self):
        self.many(50, "sent")
        rsyslog = self.receiver()
        daemon = self.serve(self.sink(rsyslog))
        sent = self.lines()
        self.wait_arrived(rsyslog, 50)
        self.settle()
        rsyslog.stop()
        daemon.terminate()
        self.many(60, "old")
        today = int(time.time()) // DAY * DAY
        self.ingest(self.write("new.xml", report("new", [row(f"192.0.2.{n}") for n in range(40)], begin=today - DAY)))
        new = self.lines()[-40:]
        self.ok("purge", "--kind", "aggregate", "--older-than", "200d")
        self.assertEqual(self.lines(), new)
        rsyslog.start()
        daemon.start()
        self.check_all_arrived(self.wait_arrived(rsyslog, 90), sent + new)
        self.settle()
        self.assertRegex(daemon.log(), r"the store has purged events .*syslog:soc")
        # once: whoever is not behind is not told again
        self.many(30, "after")
        self.ok("purge", "--kind", "aggregate", "--older-than", "100000d")
        self.check_all_arrived(self.wait_arrived(rsyslog, 120), sent + self.lines())
        self.assertEqual(daemon.log().count("has purged"), 1)


if __name__ == "__main__":
    unittest.main()
