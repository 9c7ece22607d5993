"""LMTP: what the listener answers, and that a 250 means durable."""

import gzip
import os
import socket
import sqlite3
import threading
import time
import unittest

import lmtp
from daemon import PATIENCE, SmallDisk, wait_until
from harness import DAMAGED, OUT_OF_OFFICE, SANITIZED, arf, failure, mail, report, report_mail, row, tls_report
from lmtp_case import LmtpCase


class Conversation(LmtpCase):
    def setUp(self):
        super().setUp()
        self.served = self.lmtp().start()

    def test_greeting(self):
        client = self.client(hello=False)
        self.assertEqual(client.greeting.code, 220)
        self.assertTrue(client.greeting.text.startswith("lmtp.example.com "), client.greeting)
        # RFC 2033 section 4.1: neither HELO nor EHLO
        for line in ("EHLO client.example", "HELO client.example"):
            self.assertEqual(client.command(line).code, 500, line)
        hello = client.hello()
        self.assertEqual(hello.code, 250)
        offered = [line[4:] for line in hello.lines[1:]]
        for extension in ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"):
            self.assertIn(extension, offered)
        self.assertIn(f"SIZE {64 << 20}", offered)  # limits.message_bytes
        self.assertEqual(client.command("QUIT").code, 221)
        self.assertTrue(client.closed())

    def test_commands(self):
        """Each row on a connection of its own: what is said, and the codes of the replies."""
        begin = "MAIL FROM:<noreply@receiver.example>"
        long_line = "NOOP " + "x" * 5000
        for said, codes in (
            # wrong
            (["MAIL"], [501]),
            (["MAIL FROM:noreply@receiver.example"], [501]),
            (["MAIL FROM:<noreply@receiver.example"], [501]),
            (["MAIL FROM:<a@b@c>"], [501]),
            (["MAIL FROM:<a@b.example> FUTURE=1"], [555]),
            (["MAIL FROM:<a@b.example> SIZE=many"], [501]),
            (["MAIL FROM:<a@b.example> BODY=BINARYMIME"], [501]),
            (["MAIL FROM:<a@b.example> SIZE=99999999999"], [552]),
            (["MAIL FROM:<j\u00f6rg@b.example>"], [553]),
            (["RCPT TO:<dmarc@example.com>"], [503]),
            (["DATA"], [503]),
            ([begin, begin], [250, 503]),
            ([begin, "DATA"], [250, 503]),
            ([begin, "RCPT TO:dmarc@example.com"], [250, 501]),
            ([begin, "RCPT TO:<>"], [250, 501]),
            ([begin, "RCPT TO:<dmarc@example.com> NOTIFY=NEVER"], [250, 555]),
            ([begin, "RCPT TO:<nobody@example.com>", "DATA"], [250, 550, 503]),
            # never a relay, whatever the address is made to look like
            ([begin, "RCPT TO:<user@elsewhere.example>"], [250, 550]),
            ([begin, "RCPT TO:<user%elsewhere.example@example.com>"], [250, 550]),
            ([begin, "RCPT TO:<dmarc@example.com@elsewhere.example>"], [250, 501]),
            ([begin, "RCPT TO:<@elsewhere.example:user@elsewhere.example>"], [250, 550]),
            ([begin, "RCPT TO:<elsewhere.example!user>"], [250, 550]),
            ([begin, "RCPT TO:<user@sub.reports.example.com>"], [250, 550]),
            ([begin, "RCPT TO:<postmaster>"], [250, 550]),
            (["VRFY dmarc@example.com"], [252]),
            (["EXPN list"], [502]),
            (["AUTH PLAIN AGFkbWluAHNlY3JldA=="], [502]),
            (["STARTTLS"], [502]),
            (["BDAT 5 LAST"], [502]),
            (["WHATEVER"], [500]),
            ([""], [500]),
            (["NOOP a\0b"], [500]),
            (["NOOP a\rb"], [500]),
            ([long_line, "NOOP"], [500, 250]),
            # right
            (["NOOP"], [250]),
            (["noop"], [250]),
            (["RSET"], [250]),
            (["MAIL FROM:<>"], [250]),
            (["mail from:<a@b.example> size=1000 body=8bitmime"], [250]),
            (['MAIL FROM:<"a b"@receiver.example>'], [250]),
            ([begin, "RSET", begin], [250, 250, 250]),
            ([begin, "LHLO again.example", begin], [250, 250, 250]),
            ([begin, "RCPT TO:<dmarc@example.com>"], [250, 250]),
            ([begin, "RCPT TO:<DMARC@Example.COM>"], [250, 250]),
            ([begin, "RCPT TO:<dmarc+acme@example.com>"], [250, 250]),
            ([begin, "RCPT TO:<anything@reports.example.com>"], [250, 250]),
            ([begin, "RCPT TO:<nobody@example.com>", "RCPT TO:<dmarc@example.com>"], [250, 550, 250]),
        ):
            with self.subTest(said[-1][:60], said=len(said)):
                client = self.client()
                self.assertEqual([client.command(line).code for line in said], codes)
                client.close()
        self.assertEqual(self.report_ids(), [])

    def test_before_lhlo(self):
        client = self.client(hello=False)
        for line in ("MAIL FROM:<>", "RCPT TO:<dmarc@example.com>", "DATA"):
            self.assertEqual(client.command(line).code, 503, line)

    def test_enhanced_status_codes(self):
        client = self.client()
        for line in ("NOOP", "MAIL FROM:<a@b.example>", "RCPT TO:<x@example.com>", "RCPT TO:<dmarc@example.com>", "WHATEVER", "RSET"):
            reply = client.command(line)
            self.assertRegex(reply.text, rf"^{str(reply.code)[0]}\.\d+\.\d+ ", line)

    def test_one_reply_a_recipient(self):
        client = self.client()
        replies = client.envelope("dmarc@example.com", "nobody@example.com", "a@reports.example.com", "tls@example.com")
        self.assertEqual([reply.code for reply in replies], [250, 250, 550, 250, 250, 354])
        self.assertEqual([reply.code for reply in client.content(report_mail("three"), accepted=3)], [250, 250, 250])
        self.assertEqual(client.command("NOOP").code, 250)  # nothing is left over
        self.assertEqual(self.report_ids(), ["three"])

    def test_every_outcome_is_acknowledged(self):
        client = self.client()
        self.assertEqual(client.deliver(report_mail("r1"), "dmarc@example.com"), [250])
        self.assertEqual(client.deliver(report_mail("r1"), "dmarc@example.com"), [250])  # a duplicate
        self.assertEqual(client.deliver(OUT_OF_OFFICE, "dmarc@example.com"), [250])
        self.assertEqual(client.deliver(DAMAGED, "dmarc@example.com"), [250])
        self.assertEqual(client.deliver(b"\r\n", "dmarc@example.com"), [250])
        self.assertEqual(client.deliver(mail(tls_report("t1"), "receiver.example!example.com!1!2.json", "application/tlsrpt+json"), "tls@example.com"), [250])
        self.assertEqual(client.deliver(arf(), "fbl@example.com"), [250])
        self.assertEqual(client.deliver(failure(), "ruf@example.com"), [250])
        # what is no aggregate report is one all the same in a mailbox for these
        self.assertEqual(client.deliver(arf(message_id="m2", recipient="other@provider.example"), "dmarc@example.com"), [250])
        self.assertEqual(self.report_ids(), ["r1"])
        self.assertEqual(len(self.listing("quarantine", "list")), 1)
        self.assertEqual(len(self.listing("complaints", "--list")), 2)
        self.assertEqual(len(self.listing("failures")), 1)
        self.assertEqual(sum(entry["reports"] for entry in self.listing("tls")), 1)
        entry = self.listing("quarantine", "list")[0]
        self.assertEqual(entry["collector"], "lmtp:mta")
        self.assertTrue(self.listing("reports")[0]["origin"].startswith("lmtp:mta"), self.listing("reports"))

    def test_the_bytes_are_those_that_were_sent(self):
        """Dots, 8 bit, no end of line at the end, bare CR and LF: as the quarantine keeps it."""
        for number, tail in enumerate((b".\r\n..\r\n.a\r\n", b"\xff\xfe\x80 8 bit\r\n", b"bare \n.\n and \r. and \r\r\n.x\r\n", b"\r\n" * 5, b"x" * 200_000 + b"\r\n")):
            with self.subTest(number):
                message = DAMAGED + str(number).encode() + b"\r\n" + tail
                self.assertEqual(self.client().deliver(message, "dmarc@example.com"), [250])
                entry = self.listing("quarantine", "list")[-1]
                child = self.start("quarantine", "show", str(entry["id"]), "--raw", stdout=-1)
                raw, _ = child.communicate(timeout=PATIENCE)
                self.assertEqual(raw, message)

    def test_no_second_message_is_smuggled_in(self):
        """Only CR LF . CR LF ends a message; anything else that looks like it is content."""
        inner = b"MAIL FROM:<>\r\nRCPT TO:<dmarc@example.com>\r\nDATA\r\n" + report_mail("smuggled")
        ends = (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\0.\0")
        for number, end in enumerate(ends):
            with self.subTest(end):
                client = self.client()
                client.envelope("dmarc@example.com")
                client.send(OUT_OF_OFFICE + str(number).encode() + end + inner + b"\r\n.\r\n")
                client.reply()  # 250 or a refusal, and only one
                self.assertEqual(client.command("NOOP").code, 250)
                client.close()
        self.assertEqual(self.served.metrics().total("whosent_messages_total"), len(ends))

    def test_a_message_that_does_not_end_is_not_there(self):
        for cut in (10, 200, -30):
            client = self.client()
            client.envelope("dmarc@example.com")
            client.send(lmtp.stuffed(report_mail("cut"))[:cut])
            client.close()
        client = self.client()  # and those who come later are served
        self.assertEqual(client.deliver(report_mail("whole"), "dmarc@example.com"), [250])
        self.assertEqual(self.report_ids(), ["whole"])
        self.assertEqual(self.listing("quarantine", "list"), [])

    def test_a_client_that_goes_before_its_reply(self):
        """The message was handed over: it is stored, or comes again and is known."""
        for number in range(5):
            client = self.client()
            client.envelope("dmarc@example.com")
            client.send(lmtp.stuffed(report_mail(f"gone{number}")) + b".\r\n")
            client.close()
        client = self.client()
        for number in range(5):
            self.assertEqual(client.deliver(report_mail(f"gone{number}"), "dmarc@example.com"), [250])
        self.assertEqual(self.report_ids(), [f"gone{number}" for number in range(5)])

    def test_pipelining_of_several_messages(self):
        """All commands at once, the messages as they are asked for."""
        client = self.client()
        for number in range(50):
            self.assertEqual(client.deliver(report_mail(f"p{number:02}"), "dmarc@example.com"), [250])
        client.send("RSET\r\nNOOP\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\n")
        self.assertEqual([client.reply().code for _ in range(5)], [250, 250, 250, 250, 221])
        self.assertEqual(self.report_ids(), [f"p{number:02}" for number in range(50)])

    def test_garbage_ends_the_session_and_nothing_else(self):
        for garbage in (os.urandom(20_000), b"\0" * 100_000, b"x" * 1_000_000, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500), b"NOPE\r\n" * 5000):
            with self.subTest(garbage[:12]):
                client = self.client(hello=False)
                try:
                    client.send(garbage)
                    client.socket.shutdown(socket.SHUT_WR)
                    while client.socket.recv(65536):
                        pass
                except OSError:
                    pass  # closed while it was sent
                client.close()
        self.assertEqual(self.client().deliver(report_mail("after"), "dmarc@example.com"), [250])
        self.assertLess(self.served.memory()[1], (300 << 20) * (4 if SANITIZED else 1))


class Limits(LmtpCase):
    def test_too_large(self):
        self.lmtp(text="[limits]\nmessage_bytes = 100_000\n").start()
        client = self.client()
        self.assertEqual(client.command("MAIL FROM:<a@b.example> SIZE=100001").code, 552)
        large = report_mail("large")[:-2] + b"x" * 200_000 + b"\r\n"
        self.assertEqual(client.deliver(large, "dmarc@example.com", "a@reports.example.com"), [552, 552])
        self.assertEqual(client.deliver(report_mail("small"), "dmarc@example.com"), [250])
        self.assertEqual(self.report_ids(), ["small"])
        self.assertEqual(self.listing("quarantine", "list"), [])

    def test_connections(self):
        self.lmtp("connections = 3\n").start()
        clients = [self.client() for _ in range(3)]
        refused = lmtp.Client(self.address)
        self.assertEqual(refused.greeting.code, 421)
        self.assertTrue(refused.closed())
        refused.close()
        self.assertEqual(clients[2].deliver(report_mail("r"), "dmarc@example.com"), [250])
        clients[0].close()

        def free():
            client = lmtp.Client(self.address)
            code = client.greeting.code
            client.close()
            return code == 220

        wait_until(free, "a place is free again")

    def test_deadlines(self):
        self.lmtp('deadline = "1s"\ndata_deadline = "2s"\n').start()
        for begin in ((), ("MAIL FROM:<>",), ("MAIL FROM:<>", "RCPT TO:<dmarc@example.com>")):
            client = self.client()
            for line in begin:
                self.assertEqual(client.command(line).code, 250)
            began = time.monotonic()
            self.assertEqual(client.reply().code, 421)
            self.assertTrue(client.closed())
            self.assertGreater(time.monotonic() - began, 0.5)
        # a drip keeps neither a command line nor a message alive
        for data in (b"", b"From: a@b.example\r\n"):
            client = self.client()
            if data:
                client.envelope("dmarc@example.com")
            client.socket.settimeout(0.1)
            began = time.monotonic()
            with self.assertRaises((EOFError, OSError, AssertionError)):
                while time.monotonic() - began < PATIENCE:
                    client.send(b"x")
                    try:
                        reply = client._file.read(1)
                    except (socket.timeout, TimeoutError):
                        client._file = client.socket.makefile("rb")
                        continue
                    raise EOFError(reply)
            self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(self.client().deliver(report_mail("after"), "dmarc@example.com"), [250])


class Unix(LmtpCase):
    def test_socket(self):
        daemon = self.lmtp('socket_mode = "0600"\n', unix=True).start()
        path = self.address[5:]
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(self.client().deliver(report_mail("r1"), "dmarc@example.com"), [250])
        # a socket left over by one that was killed is nobody's
        daemon.kill()
        self.assertTrue(os.path.exists(path))
        daemon.start()
        self.assertEqual(self.client().deliver(report_mail("r2"), "dmarc@example.com"), [250])
        daemon.terminate()
        self.assertFalse(os.path.exists(path))
        self.assertEqual(self.report_ids(), ["r1", "r2"])

    def test_what_is_no_socket_stays(self):
        path = self.write("lmtp.sock", "somebody's file")
        daemon = self.lmtp(unix=True).launch()
        self.assertIn(daemon.process.wait(PATIENCE), (1, 2))
        self.assertIn(path, daemon.log())
        self.assertEqual(open(path).read(), "somebody's file")


class Durable(LmtpCase):
    ROUNDS = 8

    def test_killed_behind_the_250(self):
        daemon = self.lmtp()
        expected = []
        for number in range(self.ROUNDS):
            daemon.start()
            client = self.client()
            self.assertEqual(client.deliver(report_mail(f"r{number}"), "dmarc@example.com"), [250])
            daemon.kill()
            client.close()
            expected.append(f"r{number}")
            self.assertEqual(self.report_ids(), expected)

    def test_killed_under_load(self):
        """Several deliver at once, the daemon is killed at any time: what was acknowledged is there, what was not is delivered again, each is there once."""
        daemon = self.lmtp()
        waiting = [f"r{number:03}" for number in range(600)]
        everything = list(waiting)
        acknowledged = []

        def work():
            try:
                with lmtp.Client(self.address) as client:
                    client.hello()
                    while waiting:
                        name = waiting.pop()
                        done = False
                        try:
                            codes = client.deliver(report_mail(name), "dmarc@example.com")
                            done = codes == [250]
                        finally:
                            (acknowledged if done else waiting).append(name)
            except (OSError, EOFError, AssertionError):
                pass  # killed; what it held waits again

        kills = 0
        while waiting:
            daemon.start()
            workers = [threading.Thread(target=work) for _ in range(6)]
            before = len(acknowledged)
            for worker in workers:
                worker.start()
            if kills < 5:
                wait_until(lambda: len(acknowledged) >= before + 60 or not waiting, "60 more are acknowledged", pause=0.001)
                self.assertTrue(waiting, "all was delivered before it was killed")
                kills += 1
                daemon.kill()
                told = list(acknowledged)
            for worker in workers:
                worker.join()
            if kills <= 5 and not daemon.running:
                there = self.report_ids()
                self.assertEqual([name for name in told if name not in there], [])
                self.assertEqual(len(there), len(set(there)))
        self.assertEqual(kills, 5)
        self.assertEqual(sorted(acknowledged), everything)
        self.assertEqual(self.report_ids(), everything)
        self.assertEqual(sum(entry["messages"] for entry in self.listing("sources", "--limit", "0")), 600)
        daemon.kill()
        database = sqlite3.connect(self.store)
        self.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
        database.close()

    def test_full_disk(self):
        disk = SmallDisk(self)
        self.store = self.path("disk", "store.db")
        daemon = self.lmtp('pressure = "1s"\n', preexec=disk.preexec).start()
        # one row a report, with texts that take room
        large = lambda number: mail(gzip.compress(report(f"f{number:04}", [row(f"10.{number // 250}.{number % 250}.{n}", 1, dkim=[(f"d{number}-{n}.example.net", f"s{number}-{n}" * 4, "pass")]) for n in range(250)])))
        accepted = []
        client = self.client()
        for number in range(3000):
            code = client.deliver(large(number), "dmarc@example.com")[0]
            if code != 250:
                break
            accepted.append(f"f{number:04}")
        refused = f"f{number:04}"
        self.assertTrue(400 <= code < 500, f"{code} after {len(accepted)}")
        self.assertGreater(len(accepted), 3)
        self.assertTrue(daemon.running)
        # it says so, in few lines; further messages find room or do not, and are answered truly
        ready = {daemon.get("/readyz").status}
        for further in range(number + 1, number + 6):
            with lmtp.Client(self.address) as other:
                other.hello()
                replies = other.envelope("dmarc@example.com")
                if replies[-1].code == 354:
                    replies = other.content(large(further))
            self.assertTrue(replies[-1].code == 250 or 400 <= replies[-1].code < 500, replies)
            if replies[-1].code == 250:
                accepted.append(f"f{further:04}")
            ready.add(daemon.get("/readyz").status)
        self.assertIn(503, ready)
        self.assertEqual(daemon.get("/healthz").status, 200)
        self.assertRegex(daemon.log(), "(?i)store failed")
        self.assertLess(len(daemon.log().splitlines()), 200 + number)
        # with room it goes on by itself
        disk.make_room(daemon)

        def taken():
            with lmtp.Client(self.address) as other:
                other.hello()
                replies = other.envelope("dmarc@example.com")
                if replies[-1].code == 354:
                    replies = other.content(large(int(refused[1:])))
                return replies[-1].code == 250

        wait_until(taken, "messages are taken again", pause=0.3)
        wait_until(lambda: daemon.get("/readyz").status == 200, "ready again")
        self.assertEqual(self.report_ids(), sorted([*accepted, refused]))
        daemon.terminate()
        database = sqlite3.connect(self.store)
        self.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
        database.close()


if __name__ == "__main__":
    unittest.main()
