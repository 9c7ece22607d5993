"""`whosent serve` as a service: readiness, its end, what it tells of itself, and the command line beside it."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

import certificates
import lmtp
from daemon import PATIENCE, DaemonCase, free_port, wait_until
from harness import DAMAGED, DAY, OUT_OF_OFFICE, SANITIZED, arf, failure, mail, report, report_mail, row, tls_report

RECIPIENTS = 'recipients = { "dmarc@example.com" = "any" }'


class ServiceCase(DaemonCase):
    def lmtp(self, more="", text="", **options):
        """A daemon with an LMTP listener, not started."""
        self.address = f"127.0.0.1:{free_port()}"
        return self.daemon(f'{text}[[collect.lmtp]]\nname = "mta"\nlisten = "{self.address}"\n{RECIPIENTS}\n{more}\n', **options)

    def deliver(self, *messages):
        with lmtp.Client(self.address) as client:
            client.hello()
            for message in messages:
                self.assertEqual(client.deliver(message, "dmarc@example.com"), [250])


class Life(ServiceCase):
    def test_readiness_and_end(self):
        daemon = self.lmtp(watchdog=1.5).start()
        self.assertEqual(daemon.notifications.when("STOPPING=1"), [])
        self.deliver(report_mail("r1"))  # ready means that it takes what comes
        wait_until(lambda: len(daemon.notifications.when("WATCHDOG=1")) >= 6, "the watchdog is told six times")
        told = daemon.notifications.when("WATCHDOG=1")
        self.assertLess(max(b - a for a, b in zip(told, told[1:])), 1.5 * (4 if SANITIZED else 1))
        self.assertLess(daemon.terminate(), 5)
        self.assertEqual(len(daemon.notifications.when("STOPPING=1")), 1)
        self.assertEqual(len(daemon.notifications.when("READY=1")), 1)
        self.assertEqual(self.report_ids(), ["r1"])

    def test_no_watchdog_where_none_is_asked_for(self):
        daemon = self.lmtp().start()
        self.deliver(report_mail("r1"))
        daemon.terminate()
        self.assertEqual(daemon.notifications.when("WATCHDOG=1"), [])

    def test_interrupt_ends_it_too(self):
        daemon = self.lmtp().start()
        daemon.signal(signal.SIGINT)
        self.assertEqual(daemon.process.wait(PATIENCE), 0)

    def test_end_under_load(self):
        """SIGTERM while mail comes by LMTP and a Maildir is worked off: ends in time, and what was acknowledged is there."""
        for name in ("new", "cur", "tmp"):
            os.makedirs(self.path("box", name))
        for number in range(3000):
            self.write(f"box/new/{number}", report_mail(f"m{number:04}"))
        daemon = self.lmtp(text=f'[[collect.maildir]]\nname = "box"\npath = "{self.path("box")}"\n').start()
        acknowledged, others, stop = [], [], threading.Event()

        def work(worker):
            number = 0
            try:
                with lmtp.Client(self.address) as client:
                    client.hello()
                    while not stop.is_set():
                        name = f"l{worker}-{number:05}"
                        number += 1
                        codes = client.deliver(report_mail(name), "dmarc@example.com")
                        (acknowledged if codes == [250] else others).append(name)
            except (OSError, EOFError, AssertionError):
                pass

        workers = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
        for worker in workers:
            worker.start()
        # one that is in the middle of a message, and says nothing more
        silent = lmtp.Client(self.address)
        self.addCleanup(silent.close)
        silent.hello()
        silent.envelope("dmarc@example.com")
        silent.send(b"From: a@b.example\r\n")
        wait_until(lambda: len(acknowledged) > 30 and len(os.listdir(self.path("box", "cur"))) > 100, "some of both are acknowledged", pause=0.001)
        self.assertTrue(os.listdir(self.path("box", "new")), "the Maildir was done before the end")
        took = daemon.terminate(within=10)
        stop.set()
        for worker in workers:
            worker.join()
        print(f"ended in {took:.1f} s; {len(acknowledged)} acknowledged, {len(os.listdir(self.path('box', 'cur')))} of the Maildir in cur")
        there = self.report_ids()
        self.assertEqual(len(there), len(set(there)))
        self.assertEqual([name for name in acknowledged if name not in set(there)], [])
        done = [f"m{int(name.split(':')[0]):04}" for name in os.listdir(self.path("box", "cur"))]
        self.assertEqual([name for name in done if name not in set(there)], [])
        self.assertEqual(len(os.listdir(self.path("box", "cur"))) + len(os.listdir(self.path("box", "new"))), 3000)
        self.assertFalse(os.path.exists(self.store + "-wal") and os.path.getsize(self.store + "-wal") > 0, "the write-ahead log was not folded in")
        # and it goes on where it was
        daemon.start()
        wait_until(lambda: not os.listdir(self.path("box", "new")), "the Maildir is done", seconds=2 * PATIENCE)
        there = self.report_ids()
        self.assertEqual(len(there), len(set(there)))
        self.assertEqual(len([name for name in there if name.startswith("m")]), 3000)

    def test_a_second_one_on_the_same_store(self):
        daemon = self.lmtp().start()
        second = self.daemon("", name="second").launch()
        self.assertEqual(second.process.wait(PATIENCE), 1)
        last = second.log().splitlines()[-1]
        for text in ("whosent", str(daemon.process.pid), "store.db"):
            self.assertIn(text, last)
        self.assertEqual(second.notifications.when("READY=1"), [])
        self.deliver(report_mail("r1"))  # the first is none the worse
        self.assertEqual(self.ingest(self.write("r2.eml", report_mail("r2")))["reports"]["aggregate"], 1)

    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for name, options, text in (
                ("status", {"listen": f"127.0.0.1:{port}"}, ""),
                ("lmtp", {}, f'[[collect.lmtp]]\nname = "mta"\nlisten = "127.0.0.1:{port}"\n{RECIPIENTS}\n'),
                ("https", {}, f'[[collect.https]]\nname = "in"\nlisten = "127.0.0.1:{port}"\ninsecure_plain = true\n'),
            ):
                with self.subTest(name):
                    daemon = self.daemon(text, name=name, **options).launch()
                    self.assertEqual(daemon.process.wait(PATIENCE), 1)
                    last = daemon.log().splitlines()[-1]
                    self.assertIn(f"127.0.0.1:{port}", last)
                    self.assertRegex(last, "(?i)in use")
                    self.assertEqual(daemon.notifications.when("READY=1"), [])
                    daemon.close()

    def test_a_store_far_below(self):
        """The path of a Unix socket holds some 100 bytes; a store's may be longer."""
        folder = self.path(*["a-folder-with-a-long-name"] * 6)
        os.makedirs(folder)
        self.store = os.path.join(folder, "store.db")
        daemon = self.daemon("").launch()
        wait_until(lambda: not daemon.running or daemon.notifications.when("READY=1"), "ready or ended")
        if not daemon.running:
            self.assertEqual(daemon.process.returncode, 2, daemon.log())
            self.assertIn("control", daemon.log())
        daemon.close()
        short = self.serve(name="short", serve=f'control = "{self.path("control")}"')
        self.assertEqual(self.ingest("--config", short.configuration, self.write("r.xml", report("r1")))["records"], 1)
        self.assertEqual(self.report_ids(), ["r1"])

    def test_bad_configurations(self):
        for name, text, says in (
            ("unknown", "[collect]\nimapp = 3\n", ["unknown.toml:", "imap"]),
            ("kind", '[[collect.pop3]]\nname = "x"\n', ["kind.toml:", "pop3", "imap, lmtp, https, maildir, folder"]),
            ("nameless", '[[collect.lmtp]]\nlisten = "127.0.0.1:1"\n', ["nameless.toml:", "name"]),
            ("twice", f'[[collect.lmtp]]\nname = "x"\nlisten = "127.0.0.1:1"\n{RECIPIENTS}\n[[collect.lmtp]]\nname = "x"\nlisten = "127.0.0.1:2"\n{RECIPIENTS}\n', ["twice.toml:", "x"]),
            ("none", '[[collect.lmtp]]\nname = "x"\nlisten = "127.0.0.1:1"\n', ["none.toml:", "recipients"]),
            ("recipient", '[[collect.lmtp]]\nname = "x"\nlisten = "127.0.0.1:1"\nrecipients = { "nobody" = "any" }\n', ["recipient.toml:", "recipients"]),
            ("what", '[[collect.lmtp]]\nname = "x"\nlisten = "127.0.0.1:1"\nrecipients = { "a@b.example" = "everything" }\n', ["what.toml:", "aggregate"]),
            ("everywhere", f'[[collect.lmtp]]\nname = "x"\nlisten = "0.0.0.0:2424"\n{RECIPIENTS}\n', ["everywhere.toml:", "allow_remote"]),
            ("bare", '[[collect.imap]]\nname = "x"\nhost = "imap.example.com"\nuser = "u"\npassword = "hunter2hunter2"\n', ["bare.toml:", "password", "file", "env", "credential"]),
            ("address", f'[[collect.lmtp]]\nname = "x"\nlisten = "localhost"\n{RECIPIENTS}\n', ["address.toml:", "localhost"]),
            ("path", '[[collect.maildir]]\nname = "x"\n', ["path.toml:", "path"]),
            ("plain", '[[collect.https]]\nname = "x"\nlisten = "127.0.0.1:1"\n', ["plain.toml:", "certificate", "insecure_plain"]),
            ("time", f'[[collect.lmtp]]\nname = "x"\nlisten = "127.0.0.1:1"\ndeadline = "soon"\n{RECIPIENTS}\n', ["time.toml:", "soon"]),
        ):
            with self.subTest(name):
                daemon = self.daemon(text, name=name).launch()
                self.assertEqual(daemon.process.wait(PATIENCE), 2, daemon.log())
                lines = daemon.log().splitlines()
                self.assertLessEqual(len(lines), 3, daemon.log())
                for said in says:
                    self.assertIn(said, daemon.log())
                self.assertRegex(daemon.log(), rf"{name}\.toml:\d+")
                self.assertNotIn("hunter2", daemon.log())
                daemon.close()
        self.assertFalse(os.path.exists(self.store))
        done = self.fails(1, "--config", self.path("none-such.toml"), "serve", says="none-such.toml")
        self.assertEqual(len(done.err.splitlines()), 1)

    def test_without_a_collector(self):
        daemon = self.serve()
        self.assertRegex(daemon.log(), "(?i)no collector")
        self.assertEqual(daemon.get("/readyz").status, 200)
        daemon.terminate()


class Told(ServiceCase):
    def test_http(self):
        daemon = self.lmtp().start()
        answer = daemon.get("/healthz")
        self.assertEqual((answer.status, answer.text.strip()), (200, "ok"))
        self.assertEqual(daemon.get("/readyz").status, 200)
        answer = daemon.get("/metrics")
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["content-type"].startswith("text/plain; version=0.0.4"), answer.headers)
        for method, path, status in (("GET", "/", 404), ("GET", "/metrics/x", 404), ("GET", "/../etc/passwd", 404), ("POST", "/metrics", 405), ("DELETE", "/healthz", 405), ("GET", "/messages", 404),
                                     ("POST", "/lend", 404)):
            with self.subTest(method=method, path=path):
                self.assertIn(daemon.get(path, method).status, (status, 400) if ".." in path else (status,))
        head = daemon.get("/healthz", "HEAD")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_unix_socket(self):
        daemon = self.lmtp(listen="unix:" + self.path("http.sock")).start()
        self.assertEqual(daemon.get("/healthz").status, 200)
        self.assertEqual(os.stat(self.path("http.sock")).st_mode & 0o077, 0)

    def test_only_loopback_unless_told_otherwise(self):
        daemon = self.daemon("", listen="0.0.0.0:1", name="open").launch()
        self.assertEqual(daemon.process.wait(PATIENCE), 2)
        self.assertRegex(daemon.log(), r"open\.toml:\d+")

    def test_metrics_agree_with_the_store(self):
        daemon = self.lmtp().start()
        rows = [row(f"192.0.2.{n}") for n in range(7)]
        self.deliver(*(report_mail(f"r{n}") for n in range(20)), *(report_mail(f"r{n}") for n in range(5)), DAMAGED, OUT_OF_OFFICE, arf(), failure(),
                     mail(report("seven", rows), "r.xml", "application/xml"), mail(tls_report("t1"), "t.json", "application/tlsrpt+json"))
        metrics = daemon.metrics()
        each = lambda outcome: metrics.total("whosent_messages_total", collector="lmtp:mta", outcome=outcome)
        self.assertEqual([each(name) for name in ("stored", "duplicate", "not-a-report", "quarantined", "retry")], [24, 5, 1, 1, 0])
        kinds = {kind: metrics.total("whosent_reports_total", collector="lmtp:mta", kind=kind) for kind in ("aggregate", "failure", "feedback", "tls")}
        self.assertEqual(kinds, {"aggregate": 21, "failure": 1, "feedback": 1, "tls": 1})
        self.assertEqual(metrics.total("whosent_records_total"), 27)
        self.assertEqual(metrics.total("whosent_collector_up", collector="lmtp:mta"), 1)
        self.assertEqual(metrics.total("whosent_queue_messages"), 0)
        for name in metrics.names():
            self.assertTrue(name.startswith("whosent_"), name)
            if metrics.types[name] == "counter":
                self.assertTrue(name.endswith("_total"), name)
            self.assertTrue(metrics.helps.get(name), name)
        # what stands in the store, some seconds later
        listed = self.listing("reports", "--limit", "0")
        wait_until(lambda: daemon.metrics().total("whosent_store_reports") == len(listed), lambda: f"{len(listed)} reports: {daemon.metrics().text}", pause=0.3)
        metrics = daemon.metrics()
        self.assertEqual(metrics.total("whosent_store_records"), sum(entry["rows"] for entry in listed))
        self.assertEqual(metrics.total("whosent_store_quarantined"), len(self.listing("quarantine", "list")))
        # everything of the list is told
        text = " ".join(metrics.names())
        for subject in ("messages", "reports", "records", "queue", "dns", "store", "attribution", "http"):
            self.assertIn(subject, text)

    def test_logs_as_json(self):
        daemon = self.lmtp(log="json", level="debug").start()
        person = "jane.doe.4711"
        damaged = DAMAGED.replace(b"From: dmarc@receiver.example", f"From: {person}@receiver.example".encode())
        named = OUT_OF_OFFICE.replace(b"someone", person.encode())
        again = report_mail("first-report").replace(b"<first-report@", b"<another-mail@")
        self.deliver(report_mail("first-report"), again, damaged, named, arf(recipient=f"{person}@provider.example"), failure(recipient=f"{person}@provider.example"))
        with lmtp.Client(self.address) as client:
            client.hello()
            client.command(f"MAIL FROM:<{person}@receiver.example>")
            client.command(f"RCPT TO:<{person}@elsewhere.example>")
            client.command(f"RCPT TO:<{person}")
            client.command(f"VRFY {person}@example.com")
        daemon.terminate()
        records = daemon.log_records()
        for record in records:
            self.assertEqual({"time", "level", "message"} - set(record), set(), record)
            self.assertRegex(record["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
            self.assertIn(record["level"], ("debug", "info", "warning", "error"))
        stored = [record for record in records if "first-report" in json.dumps(record)]
        self.assertEqual([record.get("outcome") for record in stored], ["stored", "duplicate"], records)
        for record in stored:
            self.assertEqual(record["collector"], "lmtp:mta")
            self.assertIn("example.com", json.dumps(record))
        of_messages = [record for record in records if "outcome" in record]
        self.assertEqual(len(of_messages), 6, of_messages)
        self.assertTrue(any(record["message"] == "ready" for record in records))
        self.assertNotIn(person, daemon.log())

    def test_logs_as_text(self):
        daemon = self.lmtp().start()
        self.deliver(report_mail("first-report"), report_mail("line\r\n break \x1b[31m".replace("\r\n", " ")), DAMAGED)
        daemon.terminate()
        lines = daemon.log().splitlines()
        for line in lines:
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*Z \w+ +\S")
            self.assertNotIn("\x1b", line)
        named = [line for line in lines if "first-report" in line]
        self.assertEqual(len(named), 1, lines)
        self.assertIn("lmtp:mta", named[0])

    def test_in_the_journal(self):
        """Lines with their priority, and without a time: the journal has one."""
        daemon = self.lmtp(env=dict(self.environment(), JOURNAL_STREAM="8:4711")).start()
        self.deliver(report_mail("r1"), DAMAGED)
        daemon.terminate()
        for line in daemon.log().splitlines():
            self.assertRegex(line, r"^<[3-7]>[^<]")
        self.assertRegex(daemon.log(), r"(?m)^<4>.*quarantine")

    def test_no_secret_anywhere(self):
        """A mailbox that cannot be reached, and an intake with a token: neither is told of with its secret."""
        secrets = {"password": "pa55word-" + "x" * 20, "token": "t0ken-" + "y" * 30}
        for name, text in secrets.items():
            os.chmod(self.write(name, text + "\n"), 0o600)
        port = free_port()
        pair = certificates.localhost()
        daemon = self.serve(
            f'[[collect.imap]]\nname = "box"\nhost = "127.0.0.1"\nport = {port}\nuser = "jane.doe.4711@example.com"\npassword = {{ file = "{self.path("password")}" }}\nretry_least = "1s"\n'
            f'[[collect.https]]\nname = "in"\nlisten = "127.0.0.1:{free_port()}"\ncertificate = "{pair.certificate}"\nkey = "{pair.key}"\n'
            f'sources = [ {{ name = "acme", token = {{ env = "ACME" }} }} ]\n', level="debug", env=self.environment(ACME=secrets["token"]))
        daemon.wait_log("imap:box")
        self.assertEqual(daemon.get("/readyz").status, 200)  # the rest is ready
        self.assertIn("imap:box", daemon.get("/readyz").text)
        shown = self.ok("--config", daemon.configuration, "config", "show", env=self.environment(ACME=secrets["token"])).out
        self.assertIn(self.path("password"), shown)
        listed = self.ok("--config", daemon.configuration, "collectors").out
        with open(f"/proc/{daemon.process.pid}/cmdline") as file:
            arguments = file.read()
        metrics = daemon.metrics().text
        daemon.terminate()
        for where, text in (("log", daemon.log()), ("config show", shown), ("arguments", arguments), ("collectors", listed), ("metrics", metrics)):
            for secret in secrets.values():
                self.assertNotIn(secret, text, where)
        for where, text in (("log", daemon.log()), ("collectors", listed), ("metrics", metrics)):
            self.assertNotIn("jane.doe.4711", text, where)


class Beside(ServiceCase):
    """The command line beside a running daemon says and does what it does alone."""

    def make_input(self):
        now = int(time.time()) // DAY * DAY
        self.write("in/a.xml", report("a", [row("192.0.2.1", 5, dkim=[("example.com", "s1", "pass")], dkim_eval="pass"), row("192.0.2.2", 7)], begin=now - 10 * DAY))
        self.write("in/b.eml", report_mail("b", begin=now - 9 * DAY))
        self.write("in/old.xml", report("old", [row("192.0.2.9", 2)], begin=now - 500 * DAY))
        self.write("in/damaged.eml", DAMAGED)
        self.write("in/other.eml", DAMAGED.replace(b"Report-ID: 1", b"Report-ID: 2"))
        self.write("in/vacation.eml", OUT_OF_OFFICE)
        self.write("in/complaint.eml", arf(when=now - 8 * DAY))
        self.write("in/tls.json", tls_report("t1", day=now - 7 * DAY))
        self.write("more.xml", report("more", begin=now - 6 * DAY))

    COMMANDS = (
        # right and wrong, in this order
        *(("ingest", "--summary", "json", "in/" + name) for name in ("a.xml", "b.eml", "old.xml", "damaged.eml", "other.eml", "vacation.eml", "complaint.eml", "tls.json")),
        ("ingest", "--summary", "json", "in"),
        ("ingest", "--summary", "json", "missing.xml", "more.xml"),
        ("ingest", "--summary", "text", "more.xml"),
        ("sources", "--format", "json"),
        ("senders", "--format", "json"),
        ("approve", "example.com", "sendgrid", "--by", "dkim"),
        ("approve", "example.com", "sendgrid", "--by", "dkim"),
        ("approve", "example.com", "no-such-sender"),
        ("approvals",),
        ("senders", "--format", "json"),
        ("revoke", "example.com", "sendgrid"),
        ("revoke", "example.com", "sendgrid"),
        ("approvals",),
        ("attribute",),
        ("attribute", "--all"),
        ("quarantine", "retry", "1"),
        ("quarantine", "retry"),
        ("quarantine", "drop", "1"),
        ("quarantine", "drop", "1"),
        ("quarantine", "retry", "1"),
        ("purge", "--older-than", "400d", "--dry-run"),
        ("purge", "--older-than", "400d"),
        ("reports", "--format", "json"),
        ("quarantine", "list", "--format", "json"),
        ("complaints", "--list", "--format", "json"),
        ("tls", "--format", "json"),
        ("domains", "--format", "json"),
        ("events",),
    )

    # Times, the name of the store, its epoch; and of the attribution what DNS has answered by then: beside the daemon, it asks.
    CHANGING = (r'(?<="seconds":)[0-9.]+', r"(?<= in )[0-9.]+ s\b", r"[0-9,]+ a second", r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", r"^[0-9a-f]{16}(?=-\d+(-\d+)?$)", r'(?<="attribution":)\{"settled.*\}(?=\}$)')

    def clean(self, text):
        for pattern in self.CHANGING:
            text = re.sub(pattern, "*", text, flags=re.M)
        return text.replace(self.store, "STORE")

    def run_all(self):
        """What each command answers."""
        answers = []
        here = os.getcwd()
        os.chdir(self.dir)  # paths are relative to where the command runs, which is not where the daemon does
        try:
            for command in self.COMMANDS:
                done = self.run_whosent(*command)
                answers.append((command, done.code, self.clean(done.out), self.clean(done.err)))
        finally:
            os.chdir(here)
        return answers

    def test_the_same_is_said(self):
        self.make_input()
        key = self.write("key", "")
        os.remove(key)
        alone = self.run_all()
        self.assertIn(0, {code for _, code, _, _ in alone})
        self.assertIn(1, {code for _, code, _, _ in alone})
        keys = [name for name in os.listdir(self.dir) if name.endswith(".keys")]
        self.store = self.path("second.db")
        for name in keys:  # the same pseudonyms
            with open(self.path(name), "rb") as file:
                os.chmod(self.write("second.db" + name.removeprefix("store.db"), file.read()), 0o600)
        daemon = self.serve()
        beside = self.run_all()
        for one, other in zip(alone, beside):
            with self.subTest(" ".join(one[0])):
                self.assertEqual(other[1:], one[1:])
        self.assertTrue(daemon.running)
        wait_until(lambda: daemon.get("/readyz").status == 200, "ready again")
        daemon.terminate()

    def test_reads(self):
        self.lmtp().start()
        self.deliver(report_mail("r1"), arf(), DAMAGED)
        for command in (["sources"], ["senders"], ["domains"], ["reports"], ["report", "1"], ["failures"], ["complaints"], ["tls"], ["events"], ["quarantine", "list"], ["quarantine", "show", "1"],
                        ["explain", "192.0.2.1", "--domain", "example.com"], ["policy", "example.com"], ["approvals"], ["collectors"], ["findings"], ["purge", "--older-than", "1d", "--dry-run"],
                        ["pseudonym", "someone@example.org"], ["backup", self.path("copy.db")]):
            with self.subTest(command):
                self.assertTrue(self.ok(*command).out or command[0] in ("failures", "tls", "findings", "backup", "approvals"), command)
        self.assertIn("192.0.2.1", [entry["source_ip"] for entry in self.listing("sources", "--limit", "0")])

    def test_collectors(self):
        daemon = self.lmtp().start()
        self.deliver(report_mail("r1"), report_mail("r1"), DAMAGED, OUT_OF_OFFICE)

        def told():
            entries = {entry["name"]: entry for entry in self.listing("--config", daemon.configuration, "collectors")}
            entry = entries.get("lmtp:mta")
            return entry if entry and entry.get("stored") == 1 and entry.get("quarantined") == 1 else None

        entry = wait_until(told, lambda: f"the counts: {self.listing('--config', daemon.configuration, 'collectors')}", pause=0.5)
        self.assertEqual((entry["duplicates"], entry["not_reports"]), (1, 1))
        # they are kept
        daemon.terminate()
        daemon.start()
        self.deliver(report_mail("r2"))
        daemon.terminate()
        entry = [entry for entry in self.listing("--config", daemon.configuration, "collectors") if entry["name"] == "lmtp:mta"][0]
        self.assertEqual((entry["stored"], entry["duplicates"], entry["quarantined"], entry["not_reports"]), (2, 1, 1, 1))

    def test_a_message_over_the_limit(self):
        """It is not handed over: the command says so, with the name, and the rest goes on. Alone, it would be noted in the quarantine without its content."""
        large = self.write("large.eml", report_mail("large") + b"x" * 200_000)
        small = self.write("small.eml", report_mail("small"))
        config = self.write("small.toml", "[limits]\nmessage_bytes = 100_000\n")
        self.serve("[limits]\nmessage_bytes = 100_000\n")
        done = self.fails(1, "--config", config, "ingest", "--summary", "json", large, small, says=("large.eml", "limits.message_bytes"))
        self.assertEqual((done.json["messages"], done.json["reports"]["aggregate"]), (1, 1))
        self.assertEqual(self.report_ids(), ["small"])

    def test_standard_input_and_files_of_ones_own(self):
        self.serve()
        done = self.run_whosent("ingest", "--summary", "json", "-", stdin=report("piped"))
        self.assertEqual((done.code, done.json["reports"]["aggregate"]), (0, 1), done.err)
        os.chmod(self.write("mine.xml", report("mine")), 0o600)
        self.assertEqual(self.ingest(self.path("mine.xml"))["reports"]["aggregate"], 1)
        self.assertEqual(self.report_ids(), ["mine", "piped"])

    def test_a_large_mailbox(self):
        """More than one message at once, and what is read is not kept in memory."""
        daemon = self.serve()
        for number in range(1500):
            self.write(f"in/{number}.eml", report_mail(f"r{number:04}"))
        summary = self.ingest(self.path("in"))
        self.assertEqual((summary["messages"], summary["records"]), (1500, 1500))
        summary = self.ingest(self.path("in"))
        self.assertEqual((summary["messages"], summary["records"], summary["duplicates"]["messages"]), (1500, 0, 1500))
        self.assertEqual(len(self.report_ids()), 1500)
        self.assertTrue(daemon.running)

    def test_writes_under_load(self):
        """While mail comes, commands borrow the writer: no mail is lost or refused for good, and each command does what it says."""
        daemon = self.lmtp('pressure = "20s"\n').start()
        stop, acknowledged, refused = threading.Event(), [], []

        def work(worker):
            with lmtp.Client(self.address, timeout=60) as client:
                client.hello()
                number = 0
                while not stop.is_set():
                    name = f"l{worker}-{number:05}"
                    replies = client.envelope("dmarc@example.com")
                    codes = [replies[-1].code]
                    if replies[-1].code == 354:
                        codes = [reply.code for reply in client.content(report_mail(name))]
                    if codes == [250]:
                        acknowledged.append(name)
                        number += 1
                    else:
                        refused.append(codes)

        workers = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
        for worker in workers:
            worker.start()
        try:
            for number in range(3):
                wait_until(lambda before=len(acknowledged): len(acknowledged) > before + 20, "more mail is taken")
                self.ok("approve", "example.com", "sendgrid")
                self.assertEqual(self.ingest(self.write(f"f{number}.xml", report(f"f{number}")))["records"], 1)
                self.ok("revoke", "example.com", "sendgrid")
                self.ok("purge", "--older-than", "5000d")
            # two at once
            both = [self.start("approve", "example.com", sender, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for sender in ("sendgrid", "mailchimp")]
            for child in both:
                out, _ = child.communicate(timeout=60)
                self.assertEqual(child.returncode, 0, out.decode())
        finally:
            stop.set()
            for worker in workers:
                worker.join()
        self.assertFalse([codes for codes in refused if not 400 <= codes[0] < 500], refused)
        self.assertEqual(self.report_ids(), sorted([*acknowledged, "f0", "f1", "f2"]))
        self.assertEqual(len(self.listing("approvals")), 2)
        self.assertTrue(daemon.running)
        daemon.terminate()

    def test_a_command_that_is_killed_gives_the_writer_back(self):
        self.lmtp().start()
        for number in range(5):
            child = self.start("ingest", "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            child.stdin.write(report("cut")[:100])
            child.stdin.flush()
            held = self.start("attribute", "--all", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.05 * number)  # somewhere in its work
            held.kill()
            held.wait()
            child.kill()
            child.communicate()
            with lmtp.Client(self.address) as client:
                client.hello()
                wait_until(lambda: client.deliver(report_mail(f"r{number}"), "dmarc@example.com") == [250], "mail is taken again", pause=0.2)
        self.assertEqual(self.report_ids(), [f"r{number}" for number in range(5)])

    def test_the_control_socket_is_its_owners(self):
        daemon = self.serve()
        path = self.store + ".sock"
        self.assertEqual(os.stat(path).st_mode & 0o077, 0)
        daemon.kill()
        # what is left over by one that was killed misleads nobody
        self.assertEqual(self.ingest(self.write("r.xml", report("r1")))["records"], 1)
        daemon.start()
        self.assertEqual(self.ingest(self.write("r2.xml", report("r2")))["records"], 1)
        daemon.terminate()
        self.assertFalse(os.path.exists(path))
        self.assertEqual(self.report_ids(), ["r1", "r2"])

    def test_garbage_on_the_control_socket(self):
        daemon = self.serve()
        for data in (os.urandom(5000), b"\0" * 5000, b"POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde", b"POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{}\n",
                     b"POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", b"POST /lend HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(5)
                connection.connect(self.store + ".sock")
                try:
                    connection.sendall(data)
                    connection.recv(1000)
                except OSError:
                    pass
        self.assertEqual(self.ingest(self.write("r.xml", report("r1")))["records"], 1)
        self.assertTrue(daemon.running)
        self.assertEqual(self.report_ids(), ["r1"])


if __name__ == "__main__":
    unittest.main()
