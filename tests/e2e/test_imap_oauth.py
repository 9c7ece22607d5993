"""Logins with tokens: a token server that refuses by default, and a Dovecot that asks it whose each token is."""

import base64
import json
import socket
import time
import unittest
import urllib.parse

import certificates
import imap_server
from daemon import wait_until
from imap_case import ImapCase, report
from oauth_server import GOOGLE_SCOPE, MICROSOFT_SCOPE, TokenServer, new_rsa_key
from scripted_imap import ScriptedServer

USER = "reports@example.com"


class OAuthCase(ImapCase):
    def setUp(self):
        super().setUp()
        self.tokens = TokenServer(USER)
        self.addCleanup(self.tokens.close)

    def grant(self, kind, **changes):
        """`oauth` of the configuration, as the vendors' pages ask for it."""
        ca = {"ca_file": certificates.authority().file}
        if kind == "client-credentials":
            keys = {"grant": kind, "token_url": self.tokens.microsoft_url, "client_id": self.tokens.client_id, "client_secret": self.secret("client.secret", self.tokens.client_secret),
                    "scope": MICROSOFT_SCOPE, **ca}
        elif kind == "refresh-token":
            keys = {"grant": kind, "token_url": self.tokens.google_url, "client_id": self.tokens.google_client_id,
                    "client_secret": self.secret("google.secret", self.tokens.google_client_secret), "refresh_token": self.secret("refresh.token", self.tokens.refresh_token), **ca}
        else:
            keys = {"grant": kind, "token_url": self.tokens.google_url, "service_account": self.secret("account.json", self.tokens.key_file()), "subject": USER, "scope": GOOGLE_SCOPE, **ca}
        return {name: value for name, value in {**keys, **changes}.items() if value is not None}

    def secrets(self):
        """Everything that nobody may tell, as it is and as it goes over the wire."""
        plain = [self.tokens.client_secret, self.tokens.google_client_secret, self.tokens.refresh_token, *self.tokens.given]
        plain += [line for line in self.tokens.private_key.splitlines() if not line.startswith("-")]
        plain += [fields["assertion"] for _, fields in self.tokens.requests if "assertion" in fields]
        plain += [urllib.parse.quote(text, safe="") for text in plain]
        return {text for text in plain if len(text) > 8}

    def assert_no_secret(self, *texts):
        for text in texts:
            for secret in self.secrets():
                self.assertNotIn(secret, text)
                self.assertNotIn(secret[:24], text)
                self.assertNotIn(base64.b64encode(secret.encode()).decode()[:32], text)


class Grants(OAuthCase):
    def setUp(self):
        super().setUp()
        self.dovecot = imap_server.Dovecot(introspection=self.tokens.introspection_url)
        self.addCleanup(self.dovecot.close)
        self.dovecot.add_user(USER, "Archive")

    def collector(self, oauth, **keys):
        return self.imap(**{"port": self.dovecot.tls_port, "user": USER, "login": "xoauth2", "oauth": oauth, "processed": "move:Archive", **keys})

    def test_each_grant_and_mechanism(self):
        mails = []
        for grant in ("client-credentials", "refresh-token", "service-account"):
            for login in ("xoauth2", "oauthbearer"):
                with self.subTest(f"{grant} {login}"):
                    mail = report(f"{grant}-{login}")
                    mails.append(mail)
                    self.dovecot.put(USER, [mail.content])
                    given = len(self.tokens.given)
                    done = self.collect(self.collector(self.grant(grant), login=login))
                    self.assertEqual(len(self.tokens.given), given + 1)
                    self.assert_stored(mails)
                    self.assert_no_secret(done.out, done.err)
        self.assertEqual(self.tokens.refusals, [])
        self.assertGreaterEqual(self.tokens.introspections, 6)
        self.assert_disposed(self.dovecot, USER, mails, processed="Archive")

    def test_over_starttls(self):
        mail = report("r1")
        self.dovecot.put(USER, [mail.content])
        self.collect(self.collector(self.grant("client-credentials"), security="starttls", port=self.dovecot.plain_port))
        self.assert_stored([mail])

    def test_a_token_for_another_mailbox(self):
        self.dovecot.add_user("other@example.com")
        self.dovecot.put("other@example.com", [report("r1").content])
        text = self.imap(self.dovecot.tls_port, "other@example.com", login="xoauth2", oauth=self.grant("client-credentials"))
        done = self.collect(text, code=1)
        self.assert_no_secret(done.out, done.err)
        self.assertEqual(self.place(None).message_count(), 0)

    def test_a_withdrawn_token(self):
        """The daemon holds a token that says it is good for an hour, and the server takes it no more: it gets another by itself."""
        daemon = self.serve(self.collector(self.grant("client-credentials"), poll="1h"))
        self.dovecot.put(USER, [report("r1").content])
        self.wait_reports(["r1"])
        given = len(self.tokens.given)
        self.tokens.revoke_all()
        self.dovecot.restart()
        self.dovecot.put(USER, [report("r2").content], first=10)
        self.wait_reports(["r1", "r2"])
        self.assertEqual(len(self.tokens.given), given + 1)
        daemon.terminate()
        self.assert_no_secret(daemon.log(True))

    def test_a_token_is_used_until_it_ends(self):
        """One token for many sessions, and a new one in time."""
        daemon = self.serve(self.collector(self.grant("client-credentials"), poll="1h"))
        for n in range(3):
            self.dovecot.put(USER, [report(f"r{n}").content], first=n)
            self.wait_reports([f"r{m}" for m in range(n + 1)])
            self.dovecot.restart()
        wait_until(lambda: self.dovecot.log().count("Login: user=") >= 4, "it has come back")
        self.assertEqual(len(self.tokens.given), 1)
        daemon.terminate()

    def test_tokens_of_a_short_life(self):
        """Those that end within a minute are not used twice."""
        self.tokens.token_seconds = 30
        daemon = self.serve(self.collector(self.grant("client-credentials"), poll="1h"))
        for n in range(2):
            self.dovecot.put(USER, [report(f"r{n}").content], first=n)
            self.wait_reports([f"r{m}" for m in range(n + 1)])
            if n == 0:
                self.dovecot.restart()
        self.assertEqual(len(self.tokens.given), 2)
        daemon.terminate()

    def test_a_refresh_token_that_changes(self):
        """RFC 6749 section 6: the new one is used from then on."""
        self.tokens.rotate_refresh_token, self.tokens.token_seconds = True, 30
        text = self.collector(self.grant("refresh-token"), poll="1h")
        daemon = self.serve(text)
        for n in range(3):
            self.dovecot.put(USER, [report(f"r{n}").content], first=n)
            self.wait_reports([f"r{m}" for m in range(n + 1)])
            self.dovecot.restart()
        wait_until(lambda: len(self.tokens.given) >= 4, "it has come back")
        self.assertEqual(self.tokens.refusals, [])
        daemon.terminate()
        self.assert_no_secret(daemon.log(True))


class Refusals(OAuthCase):
    """A token server that says no, or nonsense: an error that names the endpoint and what it said, no login, and no secret told. The mailbox must not be asked at all."""

    def setUp(self):
        super().setUp()
        self.server = ScriptedServer([report("r1").content], tls=True, user=USER)
        self.server.token = self.tokens.holder
        self.addCleanup(self.server.close)

    def collector(self, oauth, **keys):
        return self.imap(self.server.port, USER, login="xoauth2", oauth=oauth, **keys)

    def refused(self, oauth, says=(), tokens=0, timeout=60):
        done = self.collect(self.collector(oauth), code=1, timeout=timeout)
        for text in (says,) if isinstance(says, str) else says:
            self.assertIn(text, done.err)
        self.assertEqual(len(self.tokens.given), tokens)
        self.assertNotIn("AUTHENTICATE", self.server.names())
        self.assertEqual(self.place(None).message_count(), 0)
        self.assert_no_secret(done.out, done.err)
        return done

    def test_nothing_wrong(self):
        self.collect(self.collector(self.grant("client-credentials")))
        self.assert_stored([report("r1")])
        self.assertEqual(self.tokens.refusals, [])

    def test_fields_that_the_server_does_not_know(self):
        other_key, _ = new_rsa_key()
        account = json.loads(self.tokens.key_file())
        table = [
            ("client id", self.grant("client-credentials", client_id="another"), "unauthorized_client"),
            ("client secret", self.grant("client-credentials", client_secret=self.secret("wrong1", "wrong wrong wrong")), "invalid_client"),
            ("scope", self.grant("client-credentials", scope="https://graph.microsoft.com/.default"), "invalid_scope"),
            ("refresh token", self.grant("refresh-token", refresh_token=self.secret("wrong2", "1//0wrongwrongwrong")), "invalid_grant"),
            ("client of the refresh token", self.grant("refresh-token", client_id="another"), "invalid_client"),
            ("key", self.grant("service-account", service_account=self.secret("wrong3", json.dumps({**account, "private_key": other_key}))), "Invalid JWT Signature"),
            ("subject", self.grant("service-account", subject="other@example.com"), "unauthorized_client"),
            ("issuer", self.grant("service-account", service_account=self.secret("wrong4", json.dumps({**account, "client_email": "another@project.example"}))), "invalid_grant"),
            ("scope of the account", self.grant("service-account", scope="https://www.googleapis.com/auth/gmail.readonly"), "invalid_scope"),
        ]
        for name, oauth, says in table:
            with self.subTest(name):
                before = len(self.tokens.refusals)
                done = self.refused(oauth, (says, "localhost"))
                self.assertGreater(len(self.tokens.refusals), before)
                self.assertNotIn("wrong wrong wrong", done.err)
                self.assertNotIn("1//0wrongwrongwrong", done.err)

    def test_key_files_that_are_none(self):
        account = json.loads(self.tokens.key_file())
        for name, content in [("empty", " "), ("no JSON", "{"), ("no object", "[]"), ("no key", json.dumps({**account, "private_key": None})), ("no PEM", json.dumps({**account, "private_key": "x"})),
                              ("no mail", json.dumps({name: value for name, value in account.items() if name != "client_email"})),
                              ("a key of the wrong kind", json.dumps({**account, "private_key": certificates.openssl("genpkey", "-algorithm", "ed25519").decode()}))]:
            with self.subTest(name):
                done = self.refused(self.grant("service-account", service_account=self.secret("bad.json", content)))
                self.assertIn("bad.json", done.err)
                self.assertEqual(self.tokens.requests, [])

    def test_answers_that_are_none(self):
        form = (("Content-Type", "application/json"),)
        answers = [
            ("503", (503, form, b"")), ("429", (429, (("Retry-After", "1"), *form), b'{"error":"temporarily_unavailable"}')), ("500 with HTML", (500, (("Content-Type", "text/html"),), b"<html>no</html>")),
            ("200 without a token", (200, form, b'{"token_type":"Bearer","expires_in":3600}')), ("200 with a token of another kind", (200, form, b'{"access_token":"abc","token_type":"mac","expires_in":3600}')),
            ("200 that is no JSON", (200, form, b"access_token=abc")), ("200 and nothing", (200, form, b"")), ("a token that is no string", (200, form, b'{"access_token":7,"token_type":"Bearer"}')),
            ("a token that would break the login", (200, form, b'{"access_token":"abc\\u0001\\r\\nA1 LOGOUT","token_type":"Bearer"}')), ("JSON without end", (200, form, b"[" * 100_000)),
            ("an answer too large", (200, form, b'{"access_token":"' + b"x" * 5_000_000 + b'","token_type":"Bearer"}')),
            ("a redirect", (302, (("Location", self.tokens.google_url),), b"")), ("a redirect that keeps the request", (307, (("Location", self.tokens.microsoft_url),), b"")),
        ]
        for name, answer in answers:
            with self.subTest(name):
                self.tokens.fail_next = [answer] * 4
                done = self.refused(self.grant("client-credentials"), "localhost")
                self.assertNotRegex(done.err, r"[\x00-\x09\x0b-\x1f\x7f]")
                self.assertLess(len(done.err), 4000)
                self.tokens.fail_next = []

    def test_an_error_that_shows_a_secret_back(self):
        secret = self.tokens.client_secret
        self.tokens.fail_next = [(400, (("Content-Type", "application/json"),), json.dumps({"error": "invalid_client", "error_description": f"client_secret={secret} is wrong"}).encode())] * 4
        self.refused(self.grant("client-credentials"), "invalid_client")

    def test_a_token_server_that_hangs(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        began = time.monotonic()
        self.refused(self.grant("client-credentials", token_url=f"https://localhost:{listener.getsockname()[1]}/token"), "localhost", timeout=90)
        self.assertLess(time.monotonic() - began, 60)

    def test_a_token_server_whose_certificate_is_not_trusted(self):
        authority = certificates.authority()
        for name, pair in [("self-signed", authority.self_signed()), ("expired", authority.expired()), ("of another name", authority.server("token.example.com")),
                           ("of another authority", certificates.Authority("Another").server())]:
            with self.subTest(name):
                with TokenServer(USER, certificate=pair) as tokens:
                    self.refused(self.grant("client-credentials", token_url=tokens.microsoft_url), "certificate")
                    self.assertEqual((tokens.requests, tokens.given), ([], []), "the client's secret was sent")

    def test_a_token_server_without_tls(self):
        done = self.collect(self.collector(self.grant("client-credentials", token_url="http://localhost:1/token")), code=2)
        self.assertIn("https", done.err)

    def test_a_mailbox_that_refuses_every_token(self):
        self.server.token = lambda token: False
        done = self.collect(self.collector(self.grant("client-credentials")), code=1)
        self.assertIn("AUTHENTICATIONFAILED", done.err)
        # once more with a new one, and no further
        self.assertLessEqual(len(self.tokens.given), 2)
        self.assert_no_secret(done.out, done.err)


if __name__ == "__main__":
    unittest.main()
