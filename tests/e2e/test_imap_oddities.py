"""Mail servers as they really are, and as an attacker would make one, played by a script: an oddity costs a retry, and nothing else."""

import re
import threading
import time
import unittest

import scripted_imap
from daemon import wait_until
from harness import SANITIZED
from imap_case import ImapCase, damaged, not_a_report, report
from scripted_imap import Script, ScriptedServer

MAILS = [report(f"r{n}") for n in range(12)] + [not_a_report("n"), damaged("d")]
EVERY = [mail.content for mail in MAILS]


class OddityCase(ImapCase):
    def server(self, script=None, messages=EVERY, **options):
        server = ScriptedServer(messages, script, **options)
        server.folders.setdefault("Archive", [])

        def ended():
            server.close()
            self.assertEqual(server.errors, [], "the script itself went wrong")

        self.addCleanup(ended)
        return server

    def configuration(self, server, **keys):
        security = "tls" if server.tls else "insecure-plain"
        return self.imap(**{"port": server.port, "user": server.user, "security": security, "password": self.secret("scripted.password", server.password), "deadline": "1s",
                            "processed": "move:Archive", "chunk_messages": 4, **keys})

    def assert_collected(self, server, mails=MAILS):
        """Stored once each, and each where it belongs: reports in Archive, the rest in INBOX."""
        self.assert_stored(mails)
        reports = sorted(mail.content for mail in mails if mail.kind == "processed")
        self.assertEqual(sorted(server.contents("Archive")), reports)
        self.assertEqual(sorted(server.contents()), sorted(mail.content for mail in mails if mail.kind != "processed"))

    def costs(self, script, rounds, mails=MAILS, **keys):
        """`rounds`: how many may fail before one ends well: a number, or (least, most)."""
        server = self.server(script, [mail.content for mail in mails])
        failed = self.place(None).collect_until_done(self.configuration(server, **keys))
        least, most = rounds if isinstance(rounds, tuple) else (rounds, rounds)
        self.assertTrue(least <= len(failed) <= most, f"{len(failed)} rounds failed: {failed}; commands {server.names()}")
        self.assert_collected(server, mails)
        return server


def first_time(hook):
    """The oddity happens on the first connection alone."""
    return lambda self, session, *rest: hook(self, session, *rest) if session.number == 1 else getattr(Script, hook.__name__)(self, session, *rest)


class Oddities(OddityCase):
    def test_nothing_odd(self):
        server = self.costs(Script(), 0)
        self.assertEqual(server.connections, 1)
        self.assertIn("LOGOUT", server.names())
        # RFC 2971: it says who it is
        self.assertIn("ID", server.names())

    def test_hangs_before_its_greeting(self):
        class Odd(Script):
            @first_time
            def greeting(self, session):
                session.hang()

        self.costs(Odd(), 1)

    def test_hangs_before_tls(self):
        class Odd(Script):
            @first_time
            def accepted(self, session):
                session.hang()

        server = self.server(Odd(), tls=True)
        self.assertEqual(len(self.place(None).collect_until_done(self.configuration(server))), 1)
        self.assert_collected(server)

    def test_hangs_at_the_login(self):
        class Odd(Script):
            def command(self, session, tag, name, rest):
                if name in ("LOGIN", "AUTHENTICATE") and session.number == 1:
                    session.hang()

        self.costs(Odd(), 1)

    def test_login_without_sasl(self):
        class Odd(Script):
            capabilities = "IMAP4rev1 IDLE"

        server = self.server(Odd(), EVERY[:3])
        self.collect(self.configuration(server, processed="leave"))
        self.assert_stored(MAILS[:3])
        self.assertIn("LOGIN", server.names())

    def test_a_password_that_no_quoted_string_can_hold(self):
        class Odd(Script):
            capabilities = "IMAP4rev1"  # LOGIN, and literals that have to be waited for

        server = self.server(Odd(), EVERY[:3], password="geheim-\u00fc \"\\ {5}")
        server.password = server.password.encode().decode("latin-1")  # as the script reads bytes
        text = self.configuration(server, processed="leave", password=self.secret("latin", "geheim-\u00fc \"\\ {5}"))
        self.collect(text)
        self.assert_stored(MAILS[:3])

    def test_a_throttling_server(self):
        """Microsoft 365's words: no new try before the time that it asks for."""
        times = []

        class Odd(Script):
            def greeting(self, session):
                times.append(time.monotonic())
                super().greeting(session)

            def command(self, session, tag, name, rest):
                if name == "UID FETCH" and session.number == 1:
                    session.send("* BYE Request is throttled. Suggested Backoff Time: 2500 milliseconds\r\n")
                    raise scripted_imap.Gone

        server = self.server(Odd())
        self.serve(self.configuration(server, poll="1h"))
        wait_until(lambda: len(server.contents("Archive")) == 12, lambda: f"all is collected: {server.names()}")
        self.assert_collected(server)
        self.assertEqual(server.connections, 2)
        # with retry_least and retry_most of 1 s, this much comes from the server's words alone
        self.assertGreaterEqual(times[1] - times[0], 2.4)
        self.assertLess(times[1] - times[0], 10)

    def test_an_absurd_back_off_is_not_obeyed_for_ever(self):
        class Odd(Script):
            @first_time
            def greeting(self, session):
                session.send("* BYE Suggested Backoff Time: 99999999999999999999999 milliseconds\r\n")
                raise scripted_imap.Gone

        self.costs(Odd(), 1)

    def test_logout_that_fails(self):
        for answer in ("{tag} NO not now\r\n", "{tag} BAD what\r\n", "* BYE\r\n", "", "garbage \0 garbage\r\n", None):
            with self.subTest(answer):
                class Odd(Script):
                    def command(self, session, tag, name, rest):
                        if name == "LOGOUT":
                            if answer is None:
                                session.hang()
                            session.send(answer.format(tag=tag))
                            raise scripted_imap.Gone

                self.store = self.path(f"store{hash(answer)}.db")
                self.costs(Odd(), 0)

    def test_uid_validity_changes_between_sessions(self):
        server = self.server()
        text = self.configuration(server, processed="leave")
        self.collect(text)
        server.remove({1, 2, 3})
        server.renumber(2000)
        server.add([report("new").content])
        done = self.collect(text)
        self.assertIn("UIDVALIDITY", done.err + done.out)
        self.assert_stored(MAILS + [report("new")])

    def test_uid_validity_changes_within_a_session(self):
        """Between two IDLEs nothing tells of it but the next SELECT."""
        class Odd(Script):
            @first_time
            def idle(self, session):
                session.server.renumber(2000)
                session.server.add([report("new").content])
                raise scripted_imap.Gone

        server = self.server(Odd())
        self.serve(self.configuration(server, processed="leave", poll="1h"))
        self.wait_reports([mail.report_id for mail in MAILS if mail.report_id] + ["new"])
        wait_until(lambda: self.place(None).message_count() == len(MAILS) + 1, "all are stored")
        self.assert_stored(MAILS + [report("new")])

    def test_no_uid_validity(self):
        class Odd(Script):
            def command(self, session, tag, name, rest):
                if name in ("SELECT", "EXAMINE"):
                    session.folder, session.view = "INBOX", [message.uid for message in session.server.folders["INBOX"]]
                    session.send(f"* FLAGS ()\r\n* {len(session.view)} EXISTS\r\n{tag} OK [READ-WRITE] done\r\n")
                    return True

        # RFC 3501 section 2.3.1.1: without it UIDs are of this session alone: it may collect, or refuse; never forget anything or store it twice
        server = self.server(Odd())
        for _ in range(2):
            done = self.run_whosent("--config", self.write("odd.toml", self.configuration(server, processed="leave")), "collect", "--once")
            self.assertIn(done.code, (0, 1))
        if done.code == 0:
            self.assert_stored(MAILS)
        else:
            self.assertIn("UIDVALIDITY", done.err)

    def test_closes_in_idle(self):
        """Again and again, as some do at once: new messages come in all the same, and no storm of logins."""
        class Odd(Script):
            def idle(self, session):
                raise scripted_imap.Gone

        server = self.server(Odd())
        self.serve(self.configuration(server, poll="1h"))
        wait_until(lambda: server.connections >= 3, "it comes back")
        server.add([report("late").content])
        wait_until(lambda: len(server.contents("Archive")) == 13, "what is new is collected")
        began, before = time.monotonic(), server.connections
        time.sleep(2)  # what is measured: how often it comes
        self.assertLessEqual(server.connections - before, 4 * (time.monotonic() - began) / 1.0)
        self.assert_collected(server, MAILS + [report("late")])

    def test_idle_that_is_refused(self):
        class Odd(Script):
            def command(self, session, tag, name, rest):
                if name == "IDLE":
                    session.send(f"{tag} BAD no\r\n")
                    return True

        server = self.server(Odd())
        self.serve(self.configuration(server, poll="1s"))
        wait_until(lambda: len(server.contents("Archive")) == 12, "all is collected")
        server.add([report("late").content])
        wait_until(lambda: len(server.contents("Archive")) == 13, "what is new is collected by polling")
        self.assertLess(server.names().count("IDLE"), 5)

    def test_idle_that_never_ends(self):
        """Exchange has been seen to answer DONE with nothing."""
        class Odd(Script):
            @first_time
            def idle(self, session):
                session.hang()

        server = self.server(Odd())
        self.serve(self.configuration(server, poll="1h", idle_renew="1s"))
        wait_until(lambda: server.connections >= 2, "it comes back")
        server.add([report("late").content])
        wait_until(lambda: len(server.contents("Archive")) == 13, "what is new is collected")
        self.assert_collected(server, MAILS + [report("late")])

    def test_preauth_over_tls(self):
        """RFC 3501 section 7.1.4: logged in already, as over a tunnel. Over TLS, whose certificate was checked, it may be so."""
        class Odd(Script):
            def greeting(self, session):
                session.state = "authenticated"
                session.send(f"* PREAUTH [CAPABILITY {self.capabilities}] welcome\r\n")

        server = self.server(Odd(), tls=True)
        self.collect(self.configuration(server))
        self.assert_collected(server)
        self.assertFalse({"LOGIN", "AUTHENTICATE"} & set(server.names()))

    def test_others_work_in_the_same_mailbox(self):
        """EXPUNGE and EXISTS that nobody asked for, in the middle of everything (RFC 3501 section 7.4.1)."""
        class Odd(Script):
            def fetch(self, session, messages, items):
                if "BODY" in items and not self.__dict__.setdefault("done", False):
                    self.done = True
                    with session.server.lock:
                        session.server.add([report("more").content])
                    session.send(f"* {len(session.server.folders['INBOX'])} EXISTS\r\n* 3 RECENT\r\n* FLAGS (\\Seen)\r\n* OK [HIGHESTMODSEQ 7] by the way\r\n* VANISHED\r\n* 2 FETCH (FLAGS (\\Seen))\r\n")
                    session.view.append(session.server.folders["INBOX"][-1].uid)
                return messages

            def command(self, session, tag, name, rest):
                if name == "NOOP" or name == "UID MOVE":
                    session.tell_changes()

        server = self.server(Odd())
        text = self.configuration(server)
        self.place(None).collect_until_done(text)
        self.collect(text)  # what came meanwhile may be left to the next round
        self.assert_collected(server, MAILS + [report("more")])

    def test_messages_that_go_before_they_are_fetched(self):
        """Somebody else deletes: FETCH answers nothing for them, or EXPUNGE comes."""
        class Odd(Script):
            def command(self, session, tag, name, rest):
                if name == "UID FETCH" and "BODY" in rest.upper() and not self.__dict__.setdefault("done", False):
                    self.done = True
                    session.server.remove({2, 5})
                    session.tell_changes()

        server = self.server(Odd())
        self.place(None).collect_until_done(self.configuration(server))
        left = [mail for n, mail in enumerate(MAILS, 1) if n not in (2, 5)]
        self.assert_collected(server, left)

    def test_fetch_answers_in_another_order(self):
        class Odd(Script):
            def fetch(self, session, messages, items):
                return list(reversed(messages))

        self.costs(Odd(), 0)

    def test_a_fetch_that_is_answered_twice(self):
        class Odd(Script):
            def fetch(self, session, messages, items):
                return messages + messages

        self.costs(Odd(), 0)

    def test_answers_that_nobody_asked_for(self):
        """The bodies of other messages: an attacker's, or a server's mistake. What was not asked for may be dropped, but nothing is attributed to another message."""
        class Odd(Script):
            def fetch(self, session, messages, items):
                if "BODY" in items:
                    session.send('* 1 FETCH (UID 4000000000 BODY[] {3}\r\nabc)\r\n* 7 FETCH (UID 0 BODY[] "")\r\n')
                return messages

        server = self.costs(Odd(), 0)
        self.assertFalse([rest for _, name, rest in server.commands if name == "UID MOVE" and "4000000000" in rest])


class Sizes(OddityCase):
    def size_case(self, size, rounds=0):
        class Odd(Script):
            def size(self, session, message):
                return size(len(message.content))

        return self.costs(Odd(), rounds)

    def test_rfc822_size_is_too_small(self):
        self.size_case(lambda real: real // 2)

    def test_rfc822_size_is_too_large(self):
        self.size_case(lambda real: real * 3 + 100)

    def test_rfc822_size_is_zero(self):
        self.size_case(lambda real: 0)

    def test_rfc822_size_is_enormous(self):
        """As if every message were 4 GB: they are fetched one by one, by what comes."""
        self.size_case(lambda real: 4294967295)

    def test_the_literal_is_longer_than_said(self):
        """The announced length ends in the middle: what follows is no protocol. It costs a retry; nothing of the torn message is stored."""
        class Odd(Script):
            def body(self, session, message):
                if session.number == 1 and message.uid == 3:
                    return len(message.content) - 100, message.content
                return len(message.content), message.content

        self.costs(Odd(), 1)

    def test_the_literal_is_shorter_than_said(self):
        """What follows is taken for the message until the server has nothing more to say: a deadline, a retry."""
        class Odd(Script):
            def body(self, session, message):
                if session.number == 1 and message.uid == len(MAILS):
                    return len(message.content) + 10_000, message.content
                return len(message.content), message.content

        self.costs(Odd(), 1)

    def test_nothing_for_large_chunks(self):
        """Stalwart has been seen to answer nothing when asked for many at once. Smaller chunks, down to one, get them."""
        class Odd(Script):
            def fetch(self, session, messages, items):
                return [] if "BODY" in items and len(messages) > 2 else messages

        self.costs(Odd(), (0, 1))

    def test_some_of_a_chunk_only(self):
        class Odd(Script):
            def fetch(self, session, messages, items):
                return messages[:2] if "BODY" in items else messages

        self.costs(Odd(), (0, 2))

    def test_no_for_a_chunk(self):
        class Odd(Script):
            def command(self, session, tag, name, rest):
                if name == "UID FETCH" and "BODY" in rest.upper() and re.match(r"\d+[:,]", rest):
                    session.send(f"{tag} NO too many at once\r\n")
                    return True

        self.costs(Odd(), (0, 2))

    def test_only_body_without_peek_answers(self):
        """iCloud: BODY.PEEK[] gives nothing, BODY[] does (and marks as seen)."""
        class Odd(Script):
            def fetch(self, session, messages, items):
                return [] if "BODY.PEEK[" in items else messages

        self.costs(Odd(), (0, 1))

    def test_one_message_that_cannot_be_fetched(self):
        """The server refuses one for ever: the others come in, the one stays, and it is said."""
        class Odd(Script):
            def fetch(self, session, messages, items):
                return [message for message in messages if message.uid != 5 or "BODY" not in items]

        server = self.server(Odd())
        self.run_whosent("--config", self.write("odd.toml", self.configuration(server)), "collect", "--once")
        done = self.run_whosent("--config", self.path("odd.toml"), "collect", "--once")
        self.assert_stored([mail for n, mail in enumerate(MAILS, 1) if n != 5])
        self.assertIn(MAILS[4].content, server.contents())
        self.assertRegex(done.err + done.out, r"\b5\b")

    def test_nil_and_quoted_bodies(self):
        """BODY[] NIL, BODY[] \"\", and a message as a quoted string."""
        class Odd(Script):
            def command(self, session, tag, name, rest):
                if name == "UID FETCH" and "BODY" in rest.upper() and session.number == 1:
                    session.send(f'* 1 FETCH (UID 1 BODY[] NIL)\r\n* 2 FETCH (UID 2 BODY[] "")\r\n{tag} OK done\r\n')
                    return True

        server = self.server(Odd())
        self.place(None).collect_until_done(self.configuration(server))
        self.place(None).collect_until_done(self.configuration(server))
        self.assertTrue({mail.content for mail in MAILS if mail.kind == "processed" and mail not in MAILS[:2]} <= set(server.contents("Archive")))
        # nothing: lost: what gave no text is still there, or was stored after all
        self.assertEqual(sorted(server.contents("Archive") + server.contents()), sorted(EVERY))


class Hostile(OddityCase):
    """Whoever answers at that address may be anybody's, up to the certificate. Memory and time stay bounded, and no answer crashes it."""

    def refused(self, script, says=(), code=1, **options):
        server = self.server(script, **options)
        done = self.run_whosent("--config", self.write("hostile.toml", self.configuration(server)), "collect", "--once", measured=True)
        self.assertEqual(done.code, code, done.err)
        for text in (says,) if isinstance(says, str) else says:
            self.assertRegex(done.err, text)
        if not SANITIZED:
            self.assertLess(done.peak_bytes, 150e6)
        return server, done

    def test_an_endless_line(self):
        class Odd(Script):
            def greeting(self, session):
                session.send("* OK ")
                while True:
                    session.send("x" * 65536)

        began = time.monotonic()
        self.refused(Odd())
        self.assertLess(time.monotonic() - began, 20)

    def test_an_endless_list(self):
        class Odd(Script):
            def command(self, session, tag, name, rest):
                if name == "CAPABILITY" or name in ("LOGIN", "AUTHENTICATE"):
                    session.send("* CAPABILITY IMAP4rev1")
                    while True:
                        session.send(" X" * 30_000)

        self.refused(Odd())

    def test_endless_lines(self):
        """Each of them harmless, and never an end of the command."""
        class Odd(Script):
            def command(self, session, tag, name, rest):
                if name == "SELECT":
                    end = time.monotonic() + 3
                    while time.monotonic() < end:
                        session.send("* 3 EXISTS\r\n* FLAGS (\\Seen)\r\n" * 1000)
                    raise scripted_imap.Gone

        self.refused(Odd())

    def test_a_literal_of_four_gigabytes(self):
        """Announced in a greeting, where no literal belongs, and for a message."""
        class Greeting(Script):
            def greeting(self, session):
                session.send("* OK {4294967295}\r\n")
                for _ in range(400):
                    session.send("x" * 65536)
                session.hang()

        self.refused(Greeting())

        class Body(Script):
            def body(self, session, message):
                if message.uid == 1 and session.number == 1:
                    return 4294967295, message.content + b"x" * 50_000_000
                return len(message.content), message.content

        self.refused(Body())

    def test_a_literal_beyond_all_numbers(self):
        for number in ("4294967296", "18446744073709551615", "18446744073709551616", "99999999999999999999999999", "-1", "0x10"):
            with self.subTest(number):
                class Odd(Script):
                    def fetch(self, session, messages, items):
                        session.send(f"* 1 FETCH (UID 1 BODY[] {{{number}}}\r\nabc")
                        session.hang()

                self.store = self.path(f"store{number}.db")
                self.refused(Odd())

    def test_a_message_larger_than_the_limit(self):
        """limits.message_bytes: the message is told, kept where it is, and the others come in."""
        big = report("big", filler=3_000_000)
        server = self.server(messages=EVERY[:3] + [big.content] + EVERY[3:])
        text = "[limits]\nmessage_bytes = 1000000\n" + self.configuration(server)
        self.run_whosent("--config", self.write("big.toml", text), "collect", "--once")
        reports = [mail for mail in MAILS if mail.kind == "processed"]
        self.assertEqual(sorted(server.contents("Archive")), sorted(mail.content for mail in reports))
        self.assertIn(big.content, server.contents())
        self.assertEqual(self.report_ids(), sorted(mail.report_id for mail in reports))

    def test_deep_nesting(self):
        class Odd(Script):
            def fetch(self, session, messages, items):
                session.send("* 1 FETCH " + "(" * 60_000 + "\r\n")
                session.hang()

        self.refused(Odd())

    def test_garbage(self):
        answers = [b"\0" * 1000 + b"\r\n", bytes(range(256)) * 50, b"* \r\n", b"*\r\n", b"\r\n" * 5000, b"+ \r\n" * 50, b"* FETCH\r\n", b"* 0 FETCH ()\r\n", b"* 99999999999999999999 EXISTS\r\n",
                   b"* -1 EXISTS\r\n", b"* 1 FETCH (UID\r\n", b'* 1 FETCH (BODY[] "\r\n', b"* OK [\r\n", b"* OK [UIDVALIDITY 99999999999]\r\n", b"220 smtp.example.com ESMTP\r\n",
                   b"HTTP/1.1 400 Bad Request\r\n\r\n", b"* LIST ((((\r\n", b"* 1 FETCH (UID 1 BODY[] {5}\r\nab", b"* CAPABILITY " + b"A" * 3000 + b"\r\n", b"A1 OK\r\n" * 20, b"* BYE\r\n"]
        for phase in ("greeting", "SELECT", "UID FETCH"):
            wrong = []

            def one(number, answer):
                class Odd(Script):
                    def greeting(self, session):
                        if phase == "greeting":
                            session.send(answer)
                            raise scripted_imap.Gone
                        super().greeting(session)

                    def command(self, session, tag, name, rest):
                        if name == phase:
                            session.send(answer)
                            raise scripted_imap.Gone

                try:
                    server = self.server(Odd())
                    place = self.place(f"{phase.replace(' ', '')}{number}")
                    done = self.run_whosent("--config", place.configure(self.configuration(server)), "collect", "--once", env=place.environment())
                    self.assertEqual(done.code, 1, done.err)
                    self.assertNotRegex(done.err, r"[\x00-\x09\x0b-\x1f\x7f]", "control characters of a server in our log")
                    self.assertEqual(len(server.contents()), len(EVERY))
                except Exception as error:
                    wrong.append(f"{phase} {answer[:40]}: {error}")

            with self.subTest(phase):
                for at in range(0, len(answers), 4):
                    threads = [threading.Thread(target=one, args=(n, answers[n])) for n in range(at, min(at + 4, len(answers)))]
                    for thread in threads:
                        thread.start()
                    for thread in threads:
                        thread.join()
                self.assertEqual(wrong, [])

    def test_a_keyword_that_is_refused(self):
        """No keyword can be set there. It is said; the message is stored and not forgotten."""
        class Odd(Script):
            def command(self, session, tag, name, rest):
                if name == "UID STORE":
                    session.send(f"{tag} NO [CANNOT] no keywords here\r\n")
                    return True

        server = self.server(Odd())
        done = self.run_whosent("--config", self.write("odd.toml", self.configuration(server, processed="keyword:$Reported")), "collect", "--once")
        self.assert_stored(MAILS)
        self.assertIn("cannot be marked", done.err)
        self.assertEqual(len(server.contents()), len(EVERY))


if __name__ == "__main__":
    unittest.main()
