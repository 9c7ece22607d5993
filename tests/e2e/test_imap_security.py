"""What the IMAP collector must not do, whoever is at the other end: log in where it is not certain of the server, believe what was said in the clear, or tell a secret."""

import base64
import json
import os
import re
import ssl
import unittest

import certificates
import scripted_imap
from daemon import wait_until
from imap_case import ImapCase, report
from scripted_imap import CAPABILITIES, Script, ScriptedServer

PASSWORD = "Tr0ub4dor&3-and-more"
MAILS = [report(f"r{n}") for n in range(3)]


class SecurityCase(ImapCase):
    def server(self, script=None, **options):
        server = ScriptedServer([mail.content for mail in MAILS], script, **{"password": PASSWORD, **options})

        def ended():
            server.close()
            # what the client does to a handshake is no mistake of the script
            self.assertEqual([error for error in server.errors if "SSL" not in error], [])

        self.addCleanup(ended)
        return server

    def collector(self, server, **keys):
        return self.imap(**{"port": server.port, "user": server.user, "password": self.secret("imap.password", PASSWORD), "deadline": "2s", **keys})

    def refused(self, server, says, **keys):
        """Nothing of a login was sent, nothing stored, and the error says why."""
        done = self.collect(self.collector(server, **keys), code=1)
        for pattern in (says,) if isinstance(says, str) else says:
            self.assertRegex(done.err, pattern)
        self.assertFalse({"LOGIN", "AUTHENTICATE"} & set(server.names()), f"it logged in: {server.names()}")
        self.assertNotIn("SELECT", server.names())
        self.assertEqual(self.place(None).message_count(), 0)
        self.assertNotIn(PASSWORD, done.out + done.err)
        return done


class Certificates(SecurityCase):
    AUTHORITY = certificates.authority()

    def bad(self):
        """(name, certificate, further keys, what the error says)"""
        other = certificates.Authority("Somebody else's authority")
        return [
            ("of another name", self.AUTHORITY.server("imap.example.net", "192.0.2.1"), {}, "(?i)host ?name|name"),
            ("of a name that only begins so", self.AUTHORITY.server("localhost.example.com"), {}, "(?i)host ?name|name"),
            ("of a name below", self.AUTHORITY.server("*.localhost"), {}, "(?i)host ?name|name"),
            ("expired", self.AUTHORITY.expired(), {}, "(?i)expired"),
            ("not valid yet", self.AUTHORITY.not_yet_valid(), {}, "(?i)not yet valid"),
            ("self-signed", self.AUTHORITY.self_signed(), {}, "(?i)self.signed"),
            ("of another authority", other.server(), {}, "(?i)issuer|unable to|unknown|self.signed"),
            ("of an authority that the system does not know", self.AUTHORITY.server(), {"ca_file": None}, "(?i)issuer|unable to|unknown|self.signed"),
            ("of another name than the one that is asked for", self.AUTHORITY.server(), {"server_name": "imap.example.com"}, "(?i)host ?name|name|IP"),
            ("without the address that is asked for", self.AUTHORITY.server("localhost"), {"host": "127.0.0.1"}, "(?i)IP|address|name"),
        ]

    def test_refused_by_default(self):
        for name, pair, keys, says in self.bad():
            for security in ("tls", "starttls"):
                with self.subTest(f"{name}, {security}"):
                    script = Script()
                    script.capabilities = CAPABILITIES + ("" if security == "tls" else " STARTTLS")
                    server = self.server(script, tls=security == "tls", certificate=pair)
                    self.refused(server, ("(?i)certificate", says), security=security, **keys)

    def test_only_an_option_that_says_so_turns_it_off(self):
        for name, pair, keys, _ in self.bad():
            with self.subTest(name):
                server = self.server(tls=True, certificate=pair)
                place = self.place(f"insecure {name}".replace(" ", "-"))
                place.collect(self.collector(server, insecure_skip_verification=True, **keys))
                place.assert_stored(MAILS)

    def test_good_ones(self):
        for name, pair, keys in [("of the host", self.AUTHORITY.server("localhost"), {}), ("of the address", self.AUTHORITY.server("127.0.0.1"), {"host": "127.0.0.1"}),
                                 ("of the name that is asked for", self.AUTHORITY.server("imap.example.com"), {"server_name": "imap.example.com"}),
                                 ("with a star", self.AUTHORITY.server("*.example.com"), {"server_name": "imap.example.com"})]:
            with self.subTest(name):
                server = self.server(tls=True, certificate=pair)
                place = self.place(name.replace(" ", "-"))
                place.collect(self.collector(server, **keys))
                place.assert_stored(MAILS)

    def test_old_tls(self):
        server = self.server(tls=True)
        server.context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        server.context.maximum_version = ssl.TLSVersion.TLSv1_1
        server.context.set_ciphers("ALL:@SECLEVEL=0")
        self.refused(server, "(?i)tls|protocol")

    def test_no_tls_at_all(self):
        """Plain where TLS is expected, TLS where STARTTLS is: an error, and nothing sent."""
        self.refused(self.server(), "(?i)tls|wrong version")
        self.refused(self.server(tls=True), "(?i)within|greeting|closed|deadline", security="starttls")

    def test_a_ca_file_that_is_none(self):
        for name, path in (("missing", self.path("nowhere.pem")), ("empty", self.write("empty.pem", ""))):
            with self.subTest(name):
                done = self.run_whosent("--config", self.write("ca.toml", self.collector(self.server(tls=True), ca_file=path)), "collect", "--once")
                self.assertIn(done.code, (1, 2))
                self.assertIn(os.path.basename(path), done.err)


class StartTls(SecurityCase):
    def test_not_offered(self):
        """Stripped on the way, perhaps."""
        self.refused(self.server(), "STARTTLS", security="starttls")

    def test_refused_by_the_server(self):
        class Odd(Script):
            capabilities = CAPABILITIES + " STARTTLS"

            def command(self, session, tag, name, rest):
                if name == "STARTTLS":
                    session.send(f"{tag} NO not today\r\n")
                    return True

        self.refused(self.server(Odd()), "STARTTLS", security="starttls")

    def test_injected_responses(self):
        """What comes behind the answer to STARTTLS, before TLS begins, was put there by somebody between (CVE-2011-0411 and its kin, NO STARTTLS)."""
        for name, injected in [("a greeting", "* PREAUTH hello\r\n"), ("an answer to the login", "a OK logged in\r\nA2 OK logged in\r\n* PREAUTH\r\n"), ("capabilities", "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"),
                               ("half a line", "* OK"), ("one byte", "\r")]:
            with self.subTest(name):
                class Odd(Script):
                    capabilities = CAPABILITIES + " STARTTLS"

                    def command(self, session, tag, name, rest):
                        if name == "STARTTLS":
                            session.send(f"{tag} OK begin\r\n{injected}")
                            session.start_tls()
                            return True

                self.refused(self.server(Odd()), "(?i)STARTTLS", security="starttls")

    def test_preauth_before_tls(self):
        """It would keep a client from asking for TLS."""
        class Odd(Script):
            def greeting(self, session):
                session.send(f"* PREAUTH [CAPABILITY {CAPABILITIES} STARTTLS] welcome\r\n")

        self.refused(self.server(Odd()), "PREAUTH", security="starttls")

    def test_what_was_said_in_the_clear_is_forgotten(self):
        """Capabilities of before TLS: it asks again."""
        class Odd(Script):
            capabilities = CAPABILITIES + " STARTTLS"

            def greeting(self, session):
                session.send("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hello\r\n")

        server = self.server(Odd())
        self.collect(self.collector(server, security="starttls"))
        self.assert_stored(MAILS)
        names = server.names()
        self.assertLess(names.index("STARTTLS"), names.index("CAPABILITY", names.index("STARTTLS")))
        self.assertNotIn("LOGIN", names[:names.index("STARTTLS")])

    def test_a_login_that_is_not_allowed(self):
        class Odd(Script):
            capabilities = "IMAP4rev1 LOGINDISABLED"

        done = self.collect(self.collector(self.server(Odd(), tls=True)), code=1)
        self.assertIn("LOGINDISABLED", done.err)


class Secrets(SecurityCase):
    def variants(self):
        plain = f"\0reports@example.com\0{PASSWORD}"
        return [PASSWORD, PASSWORD[:12], base64.b64encode(plain.encode()).decode(), base64.b64encode(PASSWORD.encode()).decode().rstrip("=")]

    def assert_none(self, text):
        for variant in self.variants():
            self.assertNotIn(variant, text)

    def test_nowhere(self):
        """Logs at every level, command line, settings, listings, metrics, errors, the store."""
        class Odd(Script):
            def idle(self, session):
                raise scripted_imap.Gone

        server = self.server(Odd(), tls=True)
        text = self.collector(server, poll="1h")
        daemon = self.serve(text, level="debug")
        self.wait_reports([mail.report_id for mail in MAILS])
        with open(f"/proc/{daemon.process.pid}/cmdline") as file:
            self.assert_none(file.read())
        with open(f"/proc/{daemon.process.pid}/environ") as file:
            self.assert_none(file.read())
        self.assert_none(daemon.get("/metrics").text)
        self.assert_none(self.ok("collectors").out + self.ok("collectors", "--format", "json").out)
        wait_until(lambda: server.connections >= 2, "it has come back after an error")
        daemon.terminate()
        self.assertGreater(len(daemon.log(True)), 100)
        self.assert_none(daemon.log(True))
        shown = self.ok("--config", daemon.configuration, "config", "show").out
        self.assertIn("imap.password", shown, "where the secret comes from is said")
        self.assert_none(shown)
        checked = self.run_whosent("--config", daemon.configuration, "config", "check")
        self.assert_none(checked.out + checked.err)
        for name in os.listdir(self.dir):
            if name.startswith("store.db"):
                with open(self.path(name), "rb") as file:
                    self.assertNotIn(PASSWORD.encode(), file.read())

    def test_no_address_of_a_person_in_the_log(self):
        server = self.server(tls=True, user="jane.roe@example.com")
        daemon = self.serve(self.collector(server), level="debug", log="json")
        self.wait_reports([mail.report_id for mail in MAILS])
        daemon.terminate()
        self.assertNotIn("jane.roe", daemon.log(True))
        self.assertTrue(daemon.log_records())

    def test_a_server_that_shows_them_back(self):
        """In the text of its refusal, as it is and encoded."""
        for shown in (PASSWORD, base64.b64encode(f"\0reports@example.com\0{PASSWORD}".encode()).decode(), "reports@example.com", PASSWORD.upper()):
            with self.subTest(shown[:6]):
                class Odd(Script):
                    def command(self, session, tag, name, rest):
                        if name in ("LOGIN", "AUTHENTICATE"):
                            session.send(f"{tag} NO [AUTHENTICATIONFAILED] bad: {shown} for reports@example.com\r\n")
                            return True

                server = self.server(Odd(), tls=True)
                done = self.collect(self.collector(server), code=1)
                self.assertIn("AUTHENTICATIONFAILED", done.err)
                self.assert_none(done.out + done.err)
                self.assertNotIn(PASSWORD.upper(), done.err)
                self.assertNotIn("reports@", done.err)

    def test_a_server_that_sets_our_terminal(self):
        """Its words in our error: without control characters, and not for ever."""
        class Odd(Script):
            def command(self, session, tag, name, rest):
                if name == "SELECT":
                    session.send(f"{tag} NO \x1b[2J\x1b]0;owned\x07\x9b31m" + "x" * 5000 + "\r\n")
                    return True

        done = self.collect(self.collector(self.server(Odd(), tls=True)), code=1)
        self.assertNotRegex(done.err, r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]")
        self.assertLess(len(done.err), 3000)

    def test_secrets_in_the_configuration_are_refused(self):
        for keys in ({"password": PASSWORD}, {"password": None}, {"password": {"file": self.path("nowhere")}}, {"password": {"env": "NOT_THERE"}}, {"password": {"credential": "not-there"}},
                     {"password": {"file": self.write("empty", "")}}, {"password": {"files": "x"}}):
            with self.subTest(json.dumps(keys).replace(PASSWORD, "bare")):
                server = self.server(tls=True)
                done = self.run_whosent("--config", self.write("bare.toml", self.collector(server, **keys)), "collect", "--once")
                self.assertIn(done.code, (1, 2))
                self.assertNotIn(PASSWORD, done.out + done.err)
                self.assertRegex(done.err, "password|nowhere|NOT_THERE|not-there|empty")
                self.assertNotIn("AUTHENTICATE", server.names())

    def test_a_secret_that_everybody_may_read(self):
        secret = self.secret("open.password", PASSWORD)
        os.chmod(secret["file"], 0o644)
        server = self.server(tls=True)
        done = self.run_whosent("--config", self.write("open.toml", self.collector(server, password=secret)), "collect", "--once")
        self.assertIn(done.code, (1, 2))
        self.assertIn("open.password", done.err)
        self.assertNotIn("AUTHENTICATE", server.names())

    def test_a_user_name_that_would_be_a_command(self):
        """CR and LF in what is configured: refused, not sent."""
        server = self.server(tls=True)
        for name, keys in (("user", {"user": "a\r\nA1 DELETE INBOX"}), ("folder", {"folder": "INBOX\r\nA1 DELETE INBOX"}), ("target", {"processed": "move:A\r\nA1 DELETE INBOX"}),
                           ("keyword", {"processed": "keyword:a) b\r\nA1 DELETE INBOX"}), ("password", {"password": self.secret("crlf", "a\r\nA1 DELETE INBOX")})):
            with self.subTest(name):
                done = self.run_whosent("--config", self.write("crlf.toml", self.collector(server, **keys)), "collect", "--once")
                self.assertIn(done.code, (1, 2))
                self.assertNotIn("DELETE", " ".join(server.names()))
                self.assertFalse([rest for _, _, rest in server.commands if re.match("(?i)delete", rest)])


if __name__ == "__main__":
    unittest.main()
