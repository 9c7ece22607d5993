"""What the end-to-end tests share: running the real binary against stores of their own, and making input for it.

Nothing here knows how whosent works inside; reports and mails are built with Python's own libraries.
"""

import base64
import dataclasses
import datetime
import email.utils
import fcntl
import functools
import gzip
import io
import json
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import unittest
import zipfile

import dns_server

BINARY = os.environ.get("WHOSENT_BINARY", "")
# AddressSanitizer and ThreadSanitizer multiply memory and time; what a build with them takes says nothing about the product.
SANITIZED = bool(os.environ.get("WHOSENT_SANITIZED", ""))
DAY = 86400
BEGIN = 1763683200  # 2025-11-21T00:00:00Z


@functools.cache
def nothing_server():
    """One a process: every test asks it unless the test has a server of its own. Reports name domains and addresses that are somebody's, and servers that answer
    differently from day to day: a test that asked them would tell the world what it tests, and depend on the world's answer. Here nobody has a name."""
    return dns_server.NothingServer()


@dataclasses.dataclass
class Done:
    code: int
    out: str
    err: str
    peak_bytes: int = 0

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return self.out.splitlines()


class Case(unittest.TestCase):
    """A folder and a store of its own for each test."""

    maxDiff = 4000

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="whosent-e2e-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.store = self.path("store.db")

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, content):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def environment(self, **changes):
        env = {k: v for k, v in os.environ.items() if k not in ("WHOSENT_STORE", "WHOSENT_DNS", "XDG_STATE_HOME", "COLUMNS")}
        env["WHOSENT_STORE"] = "sqlite:" + self.store
        env["WHOSENT_DNS_SERVERS"] = nothing_server().address
        env["TMPDIR"] = self.dir
        for name, value in changes.items():
            env.pop(name, None) if value is None else env.__setitem__(name, value)
        return env

    def start(self, *arguments, env=None, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([BINARY, *arguments], env=env or self.environment(), **options)

    def run_whosent(self, *arguments, stdin=b"", env=None, preexec=None, measured=False, as_user=False, unprivileged=False, timeout=120):
        """Runs to the end. With `measured`, peak_bytes is of this child alone. `as_user`: as another than root. `unprivileged`: without
        the right of root to read everything."""
        prefix, binary = (), BINARY
        if as_user and os.geteuid() == 0:
            # may search folders all the same: those above the binary and its libraries may be closed to others
            search = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
            prefix = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *search)
        elif unprivileged and os.geteuid() == 0:
            prefix = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
        if measured:
            peak = self.path("peak")
            prefix = (sys.executable, "-S", os.path.join(os.path.dirname(os.path.abspath(__file__)), "measure.py"), peak, *prefix)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as source:
            source.write(stdin)
            source.seek(0)
            child = subprocess.run([*prefix, binary, *arguments], env=env or self.environment(), stdin=source, stdout=out, stderr=err,
                                   preexec_fn=preexec, timeout=timeout * (4 if SANITIZED else 1))
            out.seek(0)
            err.seek(0)
            done = Done(child.returncode, out.read().decode(), err.read().decode())
        if measured:
            with open(peak) as file:
                done.peak_bytes = int(file.read())
        # a crash is never an answer
        self.assertIn(done.code, (0, 1, 2), f"{arguments}\n{done.err}")
        return done

    def ok(self, *arguments, **options):
        done = self.run_whosent(*arguments, **options)
        self.assertEqual(done.code, 0, f"{arguments}\n{done.out}\n{done.err}")
        return done

    def fails(self, code, *arguments, says=(), **options):
        """Ends with `code` and one line on standard error that holds every text of `says`."""
        done = self.run_whosent(*arguments, **options)
        self.assertEqual(done.code, code, f"{arguments}\n{done.out}\n{done.err}")
        lines = done.err.splitlines()
        self.assertTrue(lines and lines[-1].startswith("whosent: "), done.err)
        for text in (says,) if isinstance(says, str) else says:
            self.assertIn(text, done.err)
        return done

    def ingest(self, *paths, **options):
        """The summary of an ingest that succeeds."""
        done = self.ok("ingest", "--summary", "json", *paths, **options)
        self.assertEqual(len(done.lines), 1, done.out)
        return done.json

    def listing(self, *arguments):
        return self.ok(*arguments, "--format", "json").json

    def in_terminal(self, width, *arguments):
        """What is printed into a terminal that is so many columns wide, as lines."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
        child = self.start(*arguments, stdout=slave)
        os.close(slave)
        out = b""
        while select.select([master], [], [], 20)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:  # the terminal has no writer any more
                break
            if not data:
                break
            out += data
        os.close(master)
        self.assertEqual(child.wait(20), 0)
        return out.decode().replace("\r\n", "\n").splitlines()

    def events(self, *arguments):
        done = self.ok("events", *arguments)
        return [json.loads(line) for line in done.lines], done.err.splitlines()[-1]


def row(ip="192.0.2.1", count=1, disposition="none", header_from="example.com", dkim=(), spf=(), dkim_eval="fail", spf_eval="fail", extra=""):
    """One <record>; dkim = (domain, selector, result)…, spf = (domain, result)…"""
    results = "".join(f"<dkim><domain>{d}</domain><selector>{s}</selector><result>{r}</result></dkim>" for d, s, r in dkim)
    results += "".join(f"<spf><domain>{d}</domain><scope>mfrom</scope><result>{r}</result></spf>" for d, r in spf)
    return (
        f"<record><row><source_ip>{ip}</source_ip><count>{count}</count><policy_evaluated><disposition>{disposition}</disposition>"
        f"<dkim>{dkim_eval}</dkim><spf>{spf_eval}</spf>{extra}</policy_evaluated></row>"
        f"<identifiers><header_from>{header_from}</header_from></identifiers><auth_results>{results}</auth_results></record>\n"
    )


def head(report_id="r1", org="receiver.example", domain="example.com", begin=BEGIN, policy="none"):
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feedback><version>1.0</version>'
        f"<report_metadata><org_name>{org}</org_name><email>dmarc@{org}</email><report_id>{report_id}</report_id>"
        f"<date_range><begin>{begin}</begin><end>{begin + DAY - 1}</end></date_range></report_metadata>"
        f"<policy_published><domain>{domain}</domain><adkim>r</adkim><aspf>r</aspf><p>{policy}</p><sp>{policy}</sp><pct>100</pct></policy_published>\n"
    )


TAIL = "</feedback>\n"


def report(report_id="r1", rows=None, **metadata):
    return (head(report_id, **metadata) + "".join(rows if rows is not None else [row()]) + TAIL).encode()


def zipped(content, name="report.xml"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def mail(attachment, filename="receiver.example!example.com!1763683200!1763769599.xml.gz", kind="application/gzip", subject=None, message_id="1"):
    """A report as receivers send it: text and one attachment, base64."""
    subject = subject or "Report Domain: example.com Submitter: receiver.example Report-ID: 1"
    body = base64.encodebytes(attachment).decode().replace("\n", "\r\n")
    return (
        f"From: dmarc@receiver.example\r\nTo: reports@example.com\r\nSubject: {subject}\r\nMessage-ID: <{message_id}@receiver.example>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b1"\r\n\r\n'
        "--b1\r\nContent-Type: text/plain\r\n\r\nA report is attached.\r\n"
        f'--b1\r\nContent-Type: {kind}; name="{filename}"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="{filename}"\r\n\r\n{body}--b1--\r\n'
    ).encode()


def report_mail(report_id="r1", **metadata):
    return mail(gzip.compress(report(report_id, **metadata), mtime=0), message_id=report_id)


def arf(kind="abuse", recipient="user@provider.example", ip="192.0.2.10", domain="example.com", when=BEGIN + 36000, message_id="m1", fields="", headers="",
        reporter="provider.example", selector="s1"):
    """A feedback report (RFC 5965) about a mail of a day; `fields` and `headers` are further lines of the report and of the mail's header."""
    date = email.utils.formatdate(when)
    return (
        f"From: Feedback <fbl@{reporter}>\r\nTo: complaints@example.com\r\nSubject: FW: Offers\r\nDate: {email.utils.formatdate(when + 3600)}\r\n"
        f'Message-ID: <report.{message_id}@{reporter}>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary="b1"\r\n\r\n'
        "--b1\r\nContent-Type: text/plain\r\n\r\nThis is a report about a mail.\r\n"
        f"--b1\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: {kind}\r\nUser-Agent: Reporter/1\r\nVersion: 1\r\n"
        f"Original-Mail-From: <news@bounce.{domain}>\r\nOriginal-Rcpt-To: <{recipient}>\r\nArrival-Date: {date}\r\nSource-IP: {ip}\r\nReported-Domain: {domain}\r\n"
        f"DKIM-Domain: {domain}\r\nDKIM-Selector: {selector}\r\n{fields}\r\n"
        f"--b1\r\nContent-Type: text/rfc822-headers\r\n\r\nReturn-Path: <news@bounce.{domain}>\r\n{headers}"
        f"From: News <news@{domain}>\r\nTo: {recipient}\r\nDate: {date}\r\nSubject: Offers\r\nMessage-ID: <{message_id}@{domain}>\r\n\r\n--b1--\r\n"
    ).encode()


def failure(message_id="f1", **more):
    return arf(kind="auth-failure", message_id=message_id, fields="Auth-Failure: dmarc\r\nDelivery-Result: reject\r\nIdentity-Alignment: none\r\n", **more)


def ses_complaint(recipient="buyer@customer.example", message_id="s1", domain="example.com", when="2025-11-21T10:00:00.000Z"):
    headers = [{"name": "From", "value": f"Shop <orders@{domain}>"}, {"name": "To", "value": recipient}, {"name": "Message-ID", "value": f"<{message_id}@{domain}>"}]
    return json.dumps({
        "notificationType": "Complaint",
        "complaint": {"feedbackId": "f", "complaintFeedbackType": "abuse", "timestamp": when, "arrivalDate": when, "complainedRecipients": [{"emailAddress": recipient}]},
        "mail": {"timestamp": when, "source": f"orders@{domain}", "sourceIp": "198.51.100.77", "messageId": "x", "destination": [recipient], "headers": headers},
    }).encode()


def tls_policy(domain="example.com", kind="sts", successful=100, failed=0, details=()):
    """details = (result type, sessions)..."""
    policy = {"policy": {"policy-type": kind, "policy-domain": domain, "mx-host": ["*." + domain]},
              "summary": {"total-successful-session-count": successful, "total-failure-session-count": failed}}
    if details:
        policy["failure-details"] = [{"result-type": result, "sending-mta-ip": "192.0.2.200", "receiving-mx-hostname": "mx1." + domain, "receiving-ip": "192.0.2.25",
                                      "failed-session-count": sessions} for result, sessions in details]
    return policy


def tls_report(report_id="t1", org="Receiver", day=BEGIN, policies=None, **members):
    time = lambda seconds: datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"organization-name": org, "date-range": {"start-datetime": time(day), "end-datetime": time(day + DAY - 1)},
                       "contact-info": "tls-reports@receiver.example", "report-id": report_id, "policies": policies or [tls_policy()], **members}).encode()


def mbox(*messages):
    return b"".join(b"From MAILER-DAEMON Fri Nov 21 08:00:00 2025\n" + message.replace(b"\r\n", b"\n") + b"\n" for message in messages)


OUT_OF_OFFICE = (
    b"From: someone@example.org\r\nTo: reports@example.com\r\nSubject: Out of office\r\nContent-Type: text/plain\r\n\r\nBack on Monday.\r\n"
)
# Looks like a report by every name, and is not to be read.
DAMAGED = mail(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + bytes(range(200, 250)) * 3, message_id="damaged")
