"""The IMAP collector interrupted: servers that go, connections that fall silent, kill -9 of either side, a full disk. Nothing is lost, nothing is doubled."""

import random
import resource
import subprocess
import time
import unittest

from daemon import wait_until
from fault_proxy import Fault, Proxy
from imap_case import BEFORE_AND_AFTER, CHUNK, DEADLINE, FaultCase, mixture, report

SEED = 20261122
OFTEN = "commit_rows = 50\n"  # many transactions, so that there is something to be cut in the middle


class Serving(FaultCase):
    def wait_done(self, daemon, user, mails):
        """Until nothing is left to be moved and nothing to be stored."""
        distinct = len({mail.digest for mail in mails})
        left = {mail.digest for mail in mails if mail.kind == "quarantined"}
        wait_until(lambda: self.place(None).message_count() == distinct and {message.digest for message in self.dovecot.messages(user)} == left
                   and all("$Damaged" in message.flags for message in self.dovecot.messages(user)),
                   lambda: f"{distinct} messages stored and disposed of; stored {self.place(None).message_count()}:\n{daemon.log()[-3000:]}", 60)

    def test_in_idle(self):
        for number, (action, when) in enumerate(BEFORE_AND_AFTER):
            with self.subTest(f"{action} {when}"):
                user, mails = self.mailbox(f"idle{number}", 5, f"i{number}r")
                late = report(f"late{number}")
                self.store = self.path(f"idle{number}.db")
                with Proxy(self.dovecot.plain_port, Fault("idle", action, when)) as proxy:
                    daemon = self.serve(self.imap(proxy.port, user, security="insecure-plain", deadline=DEADLINE, idle_renew="1s", poll="1h", **self.DISPOSALS), name=f"idle{number}")
                    wait_until(lambda: proxy.done, "the fault happens")
                    self.dovecot.put(user, [late.content], first=100)
                    self.wait_done(daemon, user, mails + [late])
                    daemon.terminate()
                self.assert_done(user, mails + [late], self.place(None))

    def test_silence_in_idle(self):
        """A connection that a NAT forgot: nothing comes any more, and nothing says so. It is noticed when IDLE is renewed."""
        user, mails = self.mailbox("user", 5)
        late = report("late")
        with Proxy(self.dovecot.plain_port, Fault("idle", "stall", nth=2)) as proxy:
            daemon = self.serve(self.imap(proxy.port, user, security="insecure-plain", deadline=DEADLINE, idle_renew="1s", poll="1h", **self.DISPOSALS))
            wait_until(lambda: proxy.done, "the fault happens")
            self.dovecot.put(user, [late.content], first=100)
            self.wait_done(daemon, user, mails + [late])
            self.assertGreaterEqual(proxy.connections, 2)
            daemon.terminate()
        self.assert_done(user, mails + [late], self.place(None))

    def test_kill_of_the_server(self):
        """kill -9 of all of Dovecot while it is read from. A MOVE of many is several steps in its Maildir: what was cut in between stands in both folders, and is moved once more."""
        mails, user = [], self.dovecot.add_user(f"user.{self._testMethodName}@example.com", "Archive")
        daemon = self.serve(self.imap(self.dovecot.tls_port, user, chunk_messages=CHUNK, poll="1h", **self.DISPOSALS))
        for n in range(4):
            more = mixture(300, f"k{n}r")
            before = self.place(None).message_count()
            self.dovecot.put(user, [mail.content for mail in more], first=n * 1000)
            mails += more
            wait_until(lambda: self.place(None).message_count() > before, "some are stored")
            self.dovecot.kill()
            self.assert_nothing_lost(user, mails, self.place(None))
            self.assertTrue(daemon.running)
            self.dovecot.start()
        self.wait_done(daemon, user, mails)
        daemon.terminate()
        self.place(None).assert_stored(mails)
        archive = self.dovecot.messages(user, "Archive")
        self.assertEqual({message.digest for message in archive}, {mail.digest for mail in mails if mail.kind == "processed"})

    def test_a_server_that_comes_late(self):
        self.dovecot.stop()
        try:
            user, mails = self.mailbox("user", 20)
            daemon = self.serve(self.imap(self.dovecot.tls_port, user, **self.DISPOSALS))
            daemon.wait_log("imap:reports")
        finally:
            self.dovecot.start()
        self.wait_done(daemon, user, mails)
        daemon.terminate()
        self.assert_done(user, mails, self.place(None))

    def test_a_server_that_goes_is_told_and_taken_back(self):
        user, mails = self.mailbox("user", 5)
        daemon = self.serve(self.imap(self.dovecot.tls_port, user, poll="1h", **self.DISPOSALS))
        self.wait_done(daemon, user, mails)
        self.dovecot.stop()
        listed = lambda: next((entry for entry in self.listing("collectors") if entry["name"] == "imap:reports"), {})
        try:
            wait_until(lambda: listed().get("last_error"), "the error is told by `whosent collectors`")
        finally:
            self.dovecot.start()
        late = report("late")
        self.dovecot.put(user, [late.content], first=100)
        self.wait_done(daemon, user, mails + [late])
        daemon.terminate()


class Killed(FaultCase):
    KILLS = 10

    def test_kill_and_go_on(self):
        """kill -9 of ourselves at random moments."""
        draw = random.Random(SEED)
        user, mails = self.mailbox("undisturbed", 600)
        keys = dict(self.DISPOSALS, chunk_messages=CHUNK)
        place = self.place("undisturbed")
        began = time.monotonic()
        place.collect(OFTEN + self.imap(self.dovecot.tls_port, user, **keys))
        duration = time.monotonic() - began
        self.assert_done(user, mails, place)

        interrupted = partly = 0
        for attempt in range(5 * self.KILLS):
            if interrupted >= self.KILLS and partly >= 3:
                break
            if attempt % 5 == 0:  # a mailbox is soon empty
                user, mails = self.mailbox(f"killed{attempt}", 600)
                place = self.place(f"killed{attempt}")
            configuration = place.configure(OFTEN + self.imap(self.dovecot.tls_port, user, **keys))
            child = self.start("--config", configuration, "collect", "--once", env=place.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(draw.uniform(0.05, 0.8) * duration)
            if child.poll() is None:
                interrupted += 1
            else:
                duration *= 0.8  # the undisturbed run was a slow one
            child.kill()
            child.wait()
            partly += 0 < place.message_count() < len({mail.digest for mail in mails})
            self.assert_nothing_lost(user, mails, place)
            if attempt % 5 == 4:
                place.collect(OFTEN + self.imap(self.dovecot.tls_port, user, **keys))
                self.assert_done(user, mails, place)
        print(f"seed {SEED}: {interrupted} killed at work, {partly} left a part; undisturbed {duration:.2f} s")
        self.assertGreaterEqual(interrupted, self.KILLS)
        place.collect(OFTEN + self.imap(self.dovecot.tls_port, user, **keys))
        self.assert_done(user, mails, place)

    def test_kill_of_the_daemon(self):
        user, mails = self.mailbox("user", 600)
        place = self.place(None)
        daemon = self.daemon(OFTEN + self.imap(self.dovecot.tls_port, user, chunk_messages=CHUNK, poll="1h", **self.DISPOSALS))
        for n in range(4):
            daemon.start()
            before = place.message_count()
            wait_until(lambda: place.message_count() > before, lambda: f"more is stored:\n{daemon.log()[-2000:]}")
            daemon.kill()
            self.assert_nothing_lost(user, mails, place)
            more = mixture(200, f"k{n}r")
            self.dovecot.put(user, [mail.content for mail in more], first=(n + 1) * 1000)
            mails += more
        daemon.start()
        wait_until(lambda: place.message_count() == len({mail.digest for mail in mails}) and len(self.dovecot.messages(user)) == sum(mail.kind == "quarantined" for mail in mails),
                   lambda: f"all is stored and moved:\n{daemon.log()[-2000:]}", 60)
        daemon.terminate()
        self.assert_done(user, mails, place)

    def test_sigterm_in_the_middle(self):
        """It ends within its time, and what it took is stored and moved."""
        user, mails = self.mailbox("user", 2000)
        place = self.place(None)
        daemon = self.serve(OFTEN + self.imap(self.dovecot.tls_port, user, chunk_messages=CHUNK, poll="1h", **self.DISPOSALS))
        wait_until(lambda: place.message_count() > 0, "something is stored")
        daemon.terminate()
        self.assert_nothing_lost(user, mails, place)
        self.assertLess(place.message_count(), len({mail.digest for mail in mails}), "the test was too late")
        place.collect(OFTEN + self.imap(self.dovecot.tls_port, user, chunk_messages=CHUNK, **self.DISPOSALS))
        self.assert_done(user, mails, place)

    def test_full_disk(self):
        user, mails = self.mailbox("user", 3000)
        place = self.place(None)
        small_disk = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
        text = OFTEN + self.imap(self.dovecot.tls_port, user, **self.DISPOSALS)
        done = place.collect(text, code=1, preexec=small_disk, timeout=120)
        self.assertTrue(done.err)
        self.assert_nothing_lost(user, mails, place)
        self.assertLess(place.message_count(), len({mail.digest for mail in mails}), "the disk was not full")
        place.collect(text)
        self.assert_done(user, mails, place)


if __name__ == "__main__":
    unittest.main()
