"""Reports by POST: curl as the sender, TLS, tokens, limits, and that 2xx means durable."""

import gzip
import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import unittest
import warnings

import certificates
from daemon import PATIENCE, DaemonCase, SmallDisk, free_port, wait_until
from harness import DAMAGED, OUT_OF_OFFICE, SANITIZED, arf, failure, report, report_mail, row, tls_report, zipped

GZIP_TLS, JSON_TLS = "application/tlsrpt+gzip", "application/tlsrpt+json"


class HttpsCase(DaemonCase):
    def intake(self, more="", text="", plain=False, certificate=None, **options):
        """A daemon with one intake, not started."""
        self.port = free_port()
        if plain:
            security = "insecure_plain = true"
        else:
            pair = certificate or certificates.localhost()
            security = f'certificate = "{pair.certificate}"\nkey = "{pair.key}"'
        return self.daemon(text + f'[[collect.https]]\nname = "intake"\nlisten = "127.0.0.1:{self.port}"\n{security}\n{more}\n', **options)

    def curl(self, body, kind, *arguments, path="/report", token=None, fails=None):
        """(status, text) of a POST by curl, which verifies the certificate; with `fails`, curl's own exit status."""
        command = ["curl", "--silent", "--show-error", "--cacert", certificates.authority().file, "--max-time", "60", "--write-out", "\n%{http_code}", "--data-binary", "@-"]
        command += ["--header", f"Content-Type: {kind}" if kind else "Content-Type:"]
        if token:
            command += ["--header", f"Authorization: Bearer {token}"]
        done = subprocess.run([*command, *arguments, f"https://localhost:{self.port}{path}", "--resolve", f"localhost:{self.port}:127.0.0.1"], input=body, capture_output=True)
        if fails is not None:
            self.assertEqual(done.returncode, fails, done.stdout + done.stderr)
            return None
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        text, _, status = done.stdout.decode().rpartition("\n")
        return int(status), text

    def post(self, body, kind, **options):
        return self.curl(body, kind, **options)[0]

    def connection(self, plain=False, version=None, timeout=30):
        """A connection of Python's own, for what curl does not do."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout)
        if not plain:
            connection = self.context(version).wrap_socket(connection, server_hostname="localhost")
        self.addCleanup(connection.close)
        return connection

    @staticmethod
    def context(version=None):
        context = ssl.create_default_context(cafile=certificates.authority().file)
        if version:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # which is what is asked about
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.minimum_version = context.maximum_version = version
        return context


class Kinds(HttpsCase):
    def test_each_kind(self):
        self.intake().start()
        for kind, body in (
            (GZIP_TLS, gzip.compress(tls_report("t1"))),
            (JSON_TLS, tls_report("t2")),
            (JSON_TLS + "; charset=utf-8", tls_report("t3")),
            ("application/xml", report("a1")),
            ("text/xml; charset=utf-8", report("a2")),
            ("application/gzip", gzip.compress(report("a3"))),
            ("application/zip", zipped(report("a4"))),
            ("message/rfc822", report_mail("a5")),
            ("message/rfc822", arf()),
            ("message/rfc822", failure()),
            ("APPLICATION/XML", report("a6")),
            # content decides
            ("application/xml", gzip.compress(report("a7"))),
            ("application/gzip", report("a8")),
        ):
            with self.subTest(kind, start=body[:20]):
                self.assertEqual(self.post(body, kind), 200)
        self.assertEqual(self.report_ids(), [f"a{n}" for n in range(1, 9)])
        self.assertEqual(sum(entry["reports"] for entry in self.listing("tls")), 3)
        self.assertEqual((len(self.listing("complaints", "--list")), len(self.listing("failures"))), (1, 1))
        self.assertTrue(self.listing("reports")[0]["origin"].startswith("https:intake"))

    def test_again(self):
        """RFC 8460 section 5.4: senders try again for a day."""
        self.intake().start()
        for _ in range(3):
            self.assertEqual(self.post(gzip.compress(tls_report("t1"), mtime=0), GZIP_TLS), 200)
            self.assertEqual(self.post(report("a1"), "application/xml"), 200)
        self.assertEqual(self.report_ids(), ["a1"])
        self.assertEqual(sum(entry["reports"] for entry in self.listing("tls")), 1)

    def test_what_is_not_taken(self):
        self.intake().start()
        xml, large = report("no"), report("large", [row(f"10.1.{n // 250}.{n % 250}") for n in range(5)])
        for wanted, body, kind, options in (
            (415, xml, "text/html", ()),
            (415, xml, "multipart/form-data; boundary=x", ()),
            (415, xml, "application/x-www-form-urlencoded", ()),
            (415, xml, "", ()),
            (415, xml, "application/xml", ("--header", "Content-Encoding: br")),
            (400, b"", "application/xml", ()),
            (400, b"{}", "application/json", ()),
            (400, OUT_OF_OFFICE, "message/rfc822", ()),
            (405, xml, "application/xml", ("--request", "PUT")),
            (405, xml, "application/xml", ("--request", "DELETE")),
        ):
            with self.subTest(status=wanted, kind=kind, options=options):
                self.assertEqual(self.curl(body, kind, *options)[0], wanted)
        for path in ("/", "/reports", "/report/", "/report/../report/x", "/metrics", "/healthz"):
            with self.subTest(path):
                self.assertIn(self.curl(xml, "application/xml", "--path-as-is", path=path)[0], (400, 404, 405))
        self.assertEqual(self.report_ids(), [])
        self.assertEqual(self.listing("quarantine", "list"), [])
        # damage that bears the mark of a report is kept, and 202 says so
        self.assertEqual(self.post(gzip.compress(large)[:80], "application/gzip"), 202)
        self.assertEqual(self.post(DAMAGED, "message/rfc822"), 202)
        self.assertEqual(self.post(b"not a report", JSON_TLS), 202)
        self.assertEqual(len(self.listing("quarantine", "list")), 3)
        self.assertEqual(self.post(large, "application/xml"), 200)

    def test_a_bomb_is_cut(self):
        """What was whole before the limit may be kept; more than the limit is not unpacked."""
        daemon = self.intake(text="[limits]\npayload_bytes = 5_000_000\n").start()
        bomb = gzip.compress(report("bomb")[:-12] + b" " * 200_000_000)
        self.assertIn(self.post(bomb, "application/gzip"), (200, 202, 400))
        self.assertEqual(self.post(report("after"), "application/xml"), 200)
        self.assertLess(daemon.memory()[1], (300 << 20) * (4 if SANITIZED else 1))

    def test_encoded_content(self):
        self.intake().start()
        self.assertEqual(self.curl(gzip.compress(report("a1")), "application/xml", "--header", "Content-Encoding: gzip")[0], 200)
        self.assertEqual(self.report_ids(), ["a1"])

    def test_chunked_and_kept_alive(self):
        self.intake().start()
        self.assertEqual(self.curl(report("a1"), "application/xml", "--header", "Transfer-Encoding: chunked")[0], 200)
        connection = http.client.HTTPSConnection("localhost", self.port, context=self.context(), timeout=30)
        for number in range(2, 12):
            connection.request("POST", "/report", report(f"a{number}"), {"Content-Type": "application/xml"})
            response = connection.getresponse()
            response.read()
            self.assertEqual(response.status, 200)
        connection.close()
        self.assertEqual(len(self.report_ids()), 11)
        # `Expect: 100-continue`, which curl says before large bodies
        self.assertEqual(self.curl(report("a12", [row(f"10.{n // 250}.{n % 250}.1") for n in range(6000)]), "application/xml", "--header", "Expect: 100-continue")[0], 200)


class Tokens(HttpsCase):
    def setUp(self):
        super().setUp()
        self.acme, self.other = "acme-" + "s3cret" * 6, "other-" + "s3cret" * 6
        os.chmod(self.write("acme.token", self.acme + "\n"), 0o600)
        os.chmod(self.write("other.token", self.other), 0o600)
        self.more = 'sources = [ { name = "acme", token = { file = "%s" } }, { name = "other", token = { env = "OTHER_TOKEN" } } ]\n' % self.path("acme.token")
        self.env = self.environment(OTHER_TOKEN=self.other)

    def test_tokens(self):
        daemon = self.intake(self.more, env=self.env).start()
        body = report("no")
        for token in (None, "wrong", self.acme[:-1], self.acme + "x", self.acme.upper()):
            with self.subTest(token):
                self.assertEqual(self.post(body, "application/xml", token=token), 401)
        status = self.curl(body, "application/xml", "--header", f"Authorization: Basic {self.acme}")[0]
        self.assertEqual(status, 401)
        _, text = self.curl(body, "application/xml", "--include")
        self.assertRegex(text, r"(?im)^WWW-Authenticate: Bearer")
        self.assertEqual(self.curl(body, "application/xml", path=f"/report?token={self.acme}")[0], 401)
        self.assertEqual(self.report_ids(), [])
        # who guesses is slowed down, and others are not
        self.assertIn(429, [self.post(body, "application/xml", token="guess") for _ in range(12)])
        self.assertEqual(self.post(report("a1"), "application/xml", token=self.acme), 200)
        self.assertEqual(self.post(report("a2"), "application/xml", token=self.other), 200)
        self.assertEqual(self.report_ids(), ["a1", "a2"])
        for secret in (self.acme, self.other, "guess"):
            self.assertNotIn(secret, daemon.log())
            self.assertNotIn(secret, daemon.metrics().text)
            self.assertNotIn(secret, open(f"/proc/{daemon.process.pid}/cmdline").read())

    def test_401_before_the_body(self):
        """Who has no token is not read for."""
        self.intake(self.more, env=self.env).start()
        connection = self.connection()
        connection.sendall(b"POST /report HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/xml\r\nContent-Length: 20000000\r\n\r\n")
        self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 401 "))

    def test_a_token_changed(self):
        daemon = self.intake(self.more, env=self.env).start()
        self.assertEqual(self.post(report("a1"), "application/xml", token=self.acme), 200)
        self.write("acme.token", "another-" + "t0ken" * 6)
        daemon.signal(1)
        wait_until(lambda: self.post(report("a2"), "application/xml", token="another-" + "t0ken" * 6) == 200, "the new token is taken", pause=0.5)
        self.assertEqual(self.post(report("a3"), "application/xml", token=self.acme), 401)

    def test_a_token_that_is_not_there(self):
        os.remove(self.path("acme.token"))
        daemon = self.intake(self.more, env=self.env).launch()
        self.assertIn(daemon.process.wait(PATIENCE), (1, 2))
        self.assertIn("acme.token", daemon.log())


class Limits(HttpsCase):
    def test_oversized(self):
        daemon = self.intake("body_bytes = 100_000\n").start()
        large = os.urandom(300_000)
        self.assertEqual(self.post(large, "application/gzip"), 413)
        self.assertEqual(self.curl(large, "application/gzip", "--header", "Transfer-Encoding: chunked")[0], 413)
        # before it is read, where it is announced
        connection = self.connection()
        connection.sendall(b"POST /report HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/gzip\r\nContent-Length: 100000000000\r\n\r\n")
        self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 413 "))
        for head in (b"Content-Length: 99999999999999999999999\r\n", b"Content-Length: -1\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                     b"X: " + b"x" * 100_000 + b"\r\n", b"X: y\r\n" * 20_000, b"Bad Name: x\r\n", b"\0: x\r\n"):
            with self.subTest(head[:40]):
                connection = self.connection()
                try:
                    connection.sendall(b"POST /report HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/gzip\r\n" + head + b"\r\nabcde")
                    answer = connection.recv(100)
                except OSError:
                    answer = b""
                self.assertTrue(answer == b"" or re.match(rb"HTTP/1\.1 (400|413|431) ", answer), answer)
        self.assertEqual(self.post(report("after"), "application/xml"), 200)
        self.assertEqual(self.report_ids(), ["after"])
        self.assertTrue(daemon.running)

    def test_rate(self):
        self.intake("requests_per_minute = 5\n").start()
        statuses = [self.post(report(f"a{number}"), "application/xml") for number in range(12)]
        self.assertEqual(statuses[:5], [200] * 5)
        self.assertIn(429, statuses)
        self.assertEqual(len(self.report_ids()), statuses.count(200))
        _, text = self.curl(report("b"), "application/xml", "--include")
        self.assertRegex(text, r"(?im)^Retry-After: \d+")

    def test_slow_loris(self):
        """Who sends a header by the drip is closed, and keeps nobody else out."""
        daemon = self.intake("connections = 40\n").start()
        slow = [self.connection() for _ in range(20)]
        began = time.monotonic()
        for connection in slow:
            connection.sendall(b"POST /report HTTP/1.1\r\nHost: localhost\r\n")
        # and one that says nothing, not even of TLS
        mute = self.connection(plain=True)
        ended = {}

        def drip(number):
            connection = slow[number]
            connection.settimeout(0.5)
            while time.monotonic() - began < PATIENCE:
                try:
                    connection.sendall(b"X-%d: y\r\n" % number)
                    if connection.recv(1000) == b"":
                        break
                except (socket.timeout, TimeoutError):
                    continue
                except OSError:
                    break
                else:
                    break  # 408
            else:
                return
            ended[number] = time.monotonic() - began

        threads = [threading.Thread(target=drip, args=(number,)) for number in range(len(slow))]
        for thread in threads:
            thread.start()
        for number in range(5):
            asked = time.monotonic()
            self.assertEqual(self.post(report(f"a{number}"), "application/xml"), 200)
            self.assertLess(time.monotonic() - asked, 5)
        for thread in threads:
            thread.join()
        self.assertEqual(len(ended), len(slow), "of the slow ones are still served")
        self.assertLess(max(ended.values()), 25)
        mute.settimeout(25)
        self.assertIn(mute.recv(100), (b"",))
        self.assertEqual(daemon.get("/readyz").status, 200)

    def test_too_many_connections(self):
        self.intake("connections = 10\n").start()
        many = []
        for _ in range(30):
            connection = socket.create_connection(("127.0.0.1", self.port), 30)
            self.addCleanup(connection.close)
            many.append(connection)

        def closed(connection):
            connection.setblocking(False)
            try:
                return connection.recv(1) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True

        wait_until(lambda: sum(map(closed, many)) >= 20, "those above ten are closed")
        for connection in many:
            connection.close()
        wait_until(lambda: self.curl_or_nothing(), "served again")

    def curl_or_nothing(self):
        try:
            return self.post(report("a"), "application/xml") == 200
        except AssertionError:
            return False


class Tls(HttpsCase):
    def test_versions(self):
        self.intake().start()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
        for version in old:
            with self.subTest(version), self.assertRaises(ssl.SSLError) as raised:
                self.connection(version=version)
            self.assertRegex(str(raised.exception), "(?i)protocol.version|alert", str(raised.exception))  # the server's refusal, not our own
        self.assertEqual(self.connection(version=ssl.TLSVersion.TLSv1_2).version(), "TLSv1.2")
        self.assertEqual(self.connection().version(), "TLSv1.3")
        self.curl(b"", "text/xml", "--tls-max", "1.1", fails=35)
        self.assertEqual(self.curl(report("a1"), "application/xml", "--tls-max", "1.2")[0], 200)
        # plain HTTP is no TLS
        connection = self.connection(plain=True)
        connection.sendall(b"POST /report HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        self.assertNotIn(b"HTTP/1.1 2", connection.recv(1000))

    def serial(self):
        with socket.create_connection(("127.0.0.1", self.port), 30) as connection, self.context().wrap_socket(connection, server_hostname="localhost") as tls:
            return tls.getpeercert()["serialNumber"]

    def test_certificate_reload(self):
        authority = certificates.authority()
        first, second = authority.server(), authority.server()
        own = certificates.Pair(self.path("server.pem"), self.path("server.key"))

        def put(pair):
            shutil.copy(pair.certificate, own.certificate)
            shutil.copy(pair.key, own.key)

        put(first)
        daemon = self.intake(certificate=own).start()
        before = self.serial()
        kept = http.client.HTTPSConnection("localhost", self.port, context=self.context(), timeout=30)
        kept.request("POST", "/report", report("a1"), {"Content-Type": "application/xml"})
        self.assertEqual(kept.getresponse().read() and 200, 200)
        put(second)
        self.assertEqual(self.serial(), before)  # not before it is told
        daemon.signal(1)
        wait_until(lambda: self.serial() != before, "the new certificate is shown")
        after = self.serial()
        # a connection that is open goes on
        kept.request("POST", "/report", report("a2"), {"Content-Type": "application/xml"})
        response = kept.getresponse()
        response.read()
        self.assertEqual(response.status, 200)
        kept.close()
        # a pair that does not fit, or is none, leaves the one in force, with a line in the log
        for broken in (lambda: shutil.copy(first.key, own.key), lambda: self.write("server.pem", "no certificate\n"), lambda: os.remove(own.certificate)):
            lines = len(daemon.log().splitlines())
            broken()
            daemon.signal(1)
            wait_until(lambda: len(daemon.log().splitlines()) > lines and "server." in "\n".join(daemon.log().splitlines()[lines:]), "the log names the file")
            self.assertEqual(self.serial(), after)
            self.assertTrue(daemon.running)
        self.assertEqual(self.post(report("a3"), "application/xml"), 200)
        self.assertEqual(self.report_ids(), ["a1", "a2", "a3"])

    def test_a_certificate_that_cannot_be_read(self):
        pair = certificates.localhost()
        for certificate, key in ((self.path("none.pem"), pair.key), (pair.certificate, self.path("none.key")), (self.write("text.pem", "text"), pair.key),
                                 (pair.certificate, certificates.authority().server().key)):
            daemon = self.intake(certificate=certificates.Pair(certificate, key)).launch()
            self.assertIn(daemon.process.wait(PATIENCE), (1, 2))
            said = daemon.log()
            self.assertTrue(any(os.path.basename(path) in said for path in (certificate, key)), said)
            daemon.close()

    def test_plain_only_where_it_says_so(self):
        self.port = free_port()
        bare = self.daemon(f'[[collect.https]]\nname = "intake"\nlisten = "127.0.0.1:{self.port}"\n').launch()
        self.assertEqual(bare.process.wait(PATIENCE), 2)
        self.assertIn("insecure_plain", bare.log())
        bare.close()
        self.intake(plain=True, name="plain").start()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", "/report", report("a1"), {"Content-Type": "application/xml"})
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()


class Durable(HttpsCase):
    def test_killed_behind_the_200(self):
        daemon = self.intake()
        expected = []
        for number in range(6):
            daemon.start()
            self.assertEqual(self.post(report(f"a{number}"), "application/xml"), 200)
            daemon.kill()
            expected.append(f"a{number}")
            self.assertEqual(self.report_ids(), expected)

    def test_killed_under_load(self):
        daemon = self.intake("requests_per_minute = 1_000_000\n")
        waiting = [f"r{number:03}" for number in range(300)]
        everything = list(waiting)
        acknowledged = []

        def work():
            connection = http.client.HTTPSConnection("localhost", self.port, context=self.context(), timeout=30)
            try:
                while waiting:
                    name = waiting.pop()
                    done = False
                    try:
                        connection.request("POST", "/report", gzip.compress(report(name)), {"Content-Type": "application/gzip"})
                        response = connection.getresponse()
                        done = response.status == 200
                        response.read()
                    finally:
                        (acknowledged if done else waiting).append(name)
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()

        kills = 0
        while waiting:
            daemon.start()
            workers = [threading.Thread(target=work) for _ in range(6)]
            before = len(acknowledged)
            for worker in workers:
                worker.start()
            if kills < 3:
                wait_until(lambda: len(acknowledged) >= before + 50 or not waiting, "50 more are acknowledged", pause=0.001)
                self.assertTrue(waiting, "all was delivered before it was killed")
                kills += 1
                daemon.kill()
            for worker in workers:
                worker.join()
            if not daemon.running:
                there = self.report_ids()
                self.assertEqual([name for name in acknowledged if name not in there], [])
        self.assertEqual(self.report_ids(), everything)
        self.assertEqual(sum(entry["messages"] for entry in self.listing("sources", "--limit", "0")), 300)

    def test_full_disk(self):
        disk = SmallDisk(self)
        self.store = self.path("disk", "store.db")
        daemon = self.intake('pressure = "1s"\nrequests_per_minute = 100_000\n', preexec=disk.preexec).start()
        body = lambda number: report(f"f{number:03}", [row(f"10.{number}.{n // 250}.{n % 250}", 1, dkim=[(f"d{number}-{n}.example.net", f"s{number}-{n}" * 4, "pass")]) for n in range(1000)])
        accepted = []
        for number in range(200):
            status, text = self.curl(body(number), "application/xml", "--include")
            if status != 200:
                break
            accepted.append(f"f{number:03}")
        self.assertEqual(status, 503, text)
        self.assertRegex(text, r"(?im)^Retry-After: \d+")
        self.assertGreater(len(accepted), 3)
        disk.make_room(daemon)
        wait_until(lambda: self.post(body(number), "application/xml") == 200, "reports are taken again", pause=0.3)
        self.assertEqual(self.report_ids(), [*accepted, f"f{number:03}"])


if __name__ == "__main__":
    unittest.main()
