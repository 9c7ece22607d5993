"""The IMAP collector when its conversation breaks, at every phase: afterwards each message is stored exactly once, and each mailbox is where it should be."""

import concurrent.futures
import random
import threading
import time
import traceback
import unittest

from fault_proxy import Fault, Proxy
from imap_case import BEFORE_AND_AFTER, CHUNK, DEADLINE, FaultCase

SIDE_BY_SIDE = 4  # most of a fault is waiting
SEED = 20261122

FROM_SERVER = [(action, "reply") for action in ("close", "reset", "stall", "garbage", "drip")]


def plain_faults():
    yield from (Fault("connect", action) for action in ("close", "reset", "stall", "garbage"))
    yield from (Fault("greeting", action) for action, _ in FROM_SERVER)
    for phase in ("capability", "login", "select", "fetch", "store", "move", "expunge", "logout"):
        yield from (Fault(phase, action, when) for action, when in BEFORE_AND_AFTER)
    yield from (Fault(phase, "close", when, nth=2) for phase in ("fetch", "store") for when in ("before", "reply"))
    for nth, after in ((1, 0), (1, 100), (CHUNK + 2, 300)):
        yield from (Fault("literal", action, nth=nth, after=after) for action, _ in FROM_SERVER)


class Matrix(FaultCase):
    def each(self, faults, port, **keys):
        """All faults, several side by side; those that came out wrong are told together."""
        wrong, lock = [], threading.Lock()

        def one(number, fault):
            try:
                self.one(f"{fault.action}{number}", fault, port, **keys)
            except Exception:
                with lock:
                    wrong.append(f"{fault}: {traceback.format_exc(limit=-2)}")

        faults = list(faults)
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(one, range(len(faults)), faults))
        print(f"{len(faults)} faults in {time.monotonic() - began:.1f} s")
        self.assertEqual(len(wrong), 0, f"{len(wrong)} of {len(faults)} faults\n" + "\n".join(wrong))

    def one(self, name, fault, port, **keys):
        user, mails = self.mailbox(name, 40)
        place = self.place(name)
        with Proxy(port, fault) as proxy:
            failed = place.collect_until_done(self.imap(proxy.port, user, **{"chunk_messages": CHUNK, "deadline": DEADLINE, **self.DISPOSALS, **keys}))
            self.assertEqual(proxy.done, 1, f"{fault} did not happen: {proxy.commands}")
        # slowness is no failure, and who fails to say good-bye has said everything else
        self.assertLessEqual(len(failed), 0 if fault.action == "drip" or fault.phase == "logout" else 1, f"{fault}: rounds that failed: {failed}")
        self.assert_done(user, mails, place)

    def test_in_the_clear(self):
        self.each(plain_faults(), self.dovecot.plain_port, security="insecure-plain")

    def test_inside_tls(self):
        places = [0, 60, 1200, 2500, 4000, 9000, 25_000]  # bytes from the server: in the handshake, in the login, in the messages
        self.each((Fault("bytes", action, after=after) for after in places for action in ("close", "reset", "stall", "garbage")), self.dovecot.tls_port)
        # of a record of TLS nothing is known to have come before all of it has
        self.each((Fault("bytes", "drip", after=after) for after in places), self.dovecot.tls_port, deadline="20s")

    def test_at_starttls(self):
        faults = [Fault("starttls", action, when) for action, when in BEFORE_AND_AFTER] + [Fault("handshake", action) for action in ("close", "reset", "stall", "garbage")]
        self.each(faults, self.dovecot.plain_port, security="starttls")
        self.each([Fault("handshake", "drip")], self.dovecot.plain_port, security="starttls", deadline="20s")

    def test_one_fault_after_the_other(self):
        """A line so bad that nearly every connection breaks somewhere else: still it comes to an end."""
        draw = random.Random(SEED)
        user, mails = self.mailbox("user", 200)
        place = self.place("place")
        faults = [Fault("bytes", draw.choice(("close", "reset")), after=draw.randrange(3000, 40_000), connection=n) for n in range(1, 13)]
        with Proxy(self.dovecot.tls_port, *faults) as proxy:
            place.collect_until_done(self.imap(proxy.port, user, chunk_messages=CHUNK, **self.DISPOSALS), most=14)
        self.assertGreaterEqual(proxy.done, 2)
        self.assert_done(user, mails, place)


if __name__ == "__main__":
    unittest.main()
