"""What the tests of the IMAP collector share: mails of every kind, a configuration, and what store and mailbox have to hold afterwards."""

import collections
import contextlib
import dataclasses
import functools
import json
import os
import sqlite3
import threading

import certificates
import harness
import imap_server
from daemon import DaemonCase

PASSWORD = imap_server.PASSWORD
DEADLINE = "8s" if harness.SANITIZED else "2s"
CHUNK = 8  # messages, so that a small mailbox takes several
# Of a command: what happens, and whether the server has seen it
BEFORE_AND_AFTER = [(action, when) for action in ("close", "reset", "stall", "garbage") for when in ("before", "reply")] + [("drip", "reply")]


@dataclasses.dataclass(frozen=True)
class Mail:
    kind: str       # processed, not_a_report, quarantined: the key of the configuration that says what is done with it
    content: bytes
    report_id: str = ""

    @functools.cached_property
    def digest(self):
        return imap_server.digest(self.content)


def report(name, filler=0):
    """A mail with one report of one row; `filler` bytes of text before it."""
    content = harness.report_mail(name)
    if filler:
        content = content.replace(b"A report is attached.", b"\r\n".join([b"A report is attached." + b"." * 50] * (filler // 73 + 1)), 1)
    return Mail("processed", content, name)


def not_a_report(name):
    return Mail("not_a_report", harness.OUT_OF_OFFICE + f"Number {name}.\r\n".encode())


def damaged(name):
    return Mail("quarantined", harness.DAMAGED.replace(b"<damaged@", f"<damaged.{name}@".encode(), 1))


def sent_again(mail, name):
    """The same report in another mail: a duplicate by what is in it."""
    return Mail("processed", mail.content.replace(b"Message-ID: <", f"Message-ID: <again.{name}.".encode(), 1), mail.report_id)


def mixture(count, prefix="r"):
    """Of every kind, in a fixed order: of twenty, one came twice byte for byte, one was sent again, one is no report and one is damaged."""
    mails = []
    for n in range(count):
        name = f"{prefix}{n}"
        if n % 20 == 7:
            mails.append(mails[n - 5])
        elif n % 20 == 11:
            mails.append(sent_again(mails[n - 3], name))
        elif n % 20 == 13:
            mails.append(not_a_report(name))
        elif n % 20 == 17:
            mails.append(damaged(name))
        else:
            mails.append(report(name))
    return mails


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(inner)}" for name, inner in value.items()) + " }"
    return json.dumps(value)


class ImapCase(DaemonCase):
    def secret(self, name, text):
        """A file with a secret in it, as the configuration names it. Put there whole: another thread's child may be about to read it."""
        path = self.write(f"{name}.{threading.get_ident()}", text)
        os.chmod(path, 0o600)
        os.rename(path, self.path(name))
        return {"file": self.path(name)}

    def imap(self, port, user="reports@example.com", **keys):
        """A [[collect.imap]]; a key that is None is left out. Without waiting: what fails is tried again after a second, and nothing is silent for longer than three."""
        keys = {"name": "reports", "host": "localhost", "port": port, "security": "tls", "ca_file": certificates.authority().file, "user": user, "deadline": "3s", "retry_least": "1s",
                "retry_most": "1s", **keys}
        if keys.get("login", "password") == "password" and "password" not in keys:
            keys["password"] = self.secret("imap.password", PASSWORD)
        if keys["security"] == "insecure-plain":
            del keys["ca_file"]
        return "[[collect.imap]]\n" + "".join(f"{name} = {toml(value)}\n" for name, value in keys.items() if value is not None) + "\n"

    def place(self, name):
        return Place(self, name)

    def collect(self, text, *arguments, **options):
        return Place(self, None).collect(text, *arguments, **options)

    def assert_stored(self, mails, **options):
        Place(self, None).assert_stored(mails, **options)

    def assert_mailbox(self, server, user, expected):
        """`expected`: {folder: [(mail, {flags…})…]} of every folder that holds something; the flags are all there are."""
        wanted = {folder: collections.Counter((mail.digest, frozenset(flags)) for mail, flags in mails) for folder, mails in expected.items() if mails}
        found = {folder: collections.Counter(map(tuple, messages)) for folder, messages in server.folders(user).items()}
        if found != wanted:
            lines = []
            for folder in sorted({*found, *wanted}):
                more, less = found.get(folder, collections.Counter()), wanted.get(folder, collections.Counter())
                kinds = lambda counter: dict(collections.Counter((names.get(digest, "unknown"), *sorted(flags)) for digest, flags in counter.elements()))
                names = {mail.digest: mail.kind for mails in expected.values() for mail, _ in mails}
                lines.append(f"{folder}: too much {kinds(more - less)}, missing {kinds(less - more)}")
            self.fail(f"{user}: " + "; ".join(lines))

    def assert_disposed(self, server, user, mails, processed="INBOX", not_a_report="INBOX", quarantined="INBOX", flags=None):
        """Each mail in the folder of its outcome (None: gone), with the flags of its outcome."""
        flags = flags or {}
        where = {"processed": processed, "not_a_report": not_a_report, "quarantined": quarantined}
        expected = collections.defaultdict(list)
        for mail in mails:
            if where[mail.kind]:
                expected[where[mail.kind]].append((mail, flags.get(mail.kind, ())))
        self.assert_mailbox(server, user, expected)


class FaultCase(ImapCase):
    """Mailboxes of one Dovecot, with outcomes that end in different places, and what has to be true of them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dovecot = imap_server.Dovecot()
        cls.addClassCleanup(cls.dovecot.close)

    DISPOSALS = {"processed": "move:Archive", "not_a_report": "delete", "quarantined": "keyword:$Damaged"}

    def mailbox(self, name, count, prefix="r"):
        user, mails = self.dovecot.add_user(f"{name}.{self._testMethodName}@example.com", "Archive"), mixture(count, prefix)
        self.dovecot.put(user, [mail.content for mail in mails])
        return user, mails

    def assert_done(self, user, mails, place):
        place.assert_stored(mails)
        self.assert_disposed(self.dovecot, user, mails, processed="Archive", not_a_report=None, flags={"quarantined": {"$Damaged"}})

    def assert_nothing_lost(self, user, mails, place):
        """In the middle of it: what is no longer where it was is in the store."""
        left = {message.digest for message in self.dovecot.messages(user) if "$Damaged" not in message.flags}
        gone = {mail.digest for mail in mails} - left
        self.assertLessEqual(len(gone), place.message_count(), "gone from INBOX, and not stored")


class Place:
    """A store of its own, for tests that run several side by side; without a name it is the test's."""

    def __init__(self, case, name):
        self.case, self.name = case, name or "whosent"
        self.store = case.path(name, "store.db") if name else case.store
        os.makedirs(os.path.dirname(self.store), exist_ok=True)

    def environment(self, **changes):
        return self.case.environment(WHOSENT_STORE="sqlite:" + self.store, **changes)

    def configure(self, text):
        return self.case.write(f"{self.name}.toml", text)

    def collect(self, text, *arguments, code=0, env=None, timeout=60, **options):
        """`whosent collect --once`; its exit status has to be `code`."""
        done = self.case.run_whosent("--config", self.configure(text), "collect", "--once", *arguments, env=env or self.environment(), timeout=timeout, **options)
        self.case.assertEqual(done.code, code, f"{done.out}\n{done.err}")
        return done

    def collect_until_done(self, text, most=4, **options):
        """Rounds until one ends well: what those said that failed before."""
        failed = []
        while len(failed) <= most:
            done = self.case.run_whosent("--config", self.configure(text), "collect", "--once", env=self.environment(), timeout=60, **options)
            if done.code == 0:
                return failed
            self.case.assertEqual(done.code, 1, done.err)
            failed.append(done.err)
        raise AssertionError(f"{self.name}: {len(failed)} rounds failed:\n" + "".join(failed))

    def listing(self, *arguments):
        return self.case.ok(*arguments, "--format", "json", env=self.environment()).json

    def message_count(self):
        if not os.path.exists(self.store):
            return 0
        with contextlib.closing(sqlite3.connect(self.store, timeout=20)) as database:
            try:
                return database.execute("SELECT count(*) FROM message").fetchone()[0]
            except sqlite3.OperationalError as error:  # killed before the first table was made
                if "no such table" in str(error):
                    return 0
                raise

    def assert_stored(self, mails):
        """Each message once, and nothing else."""
        self.case.assertEqual(self.message_count(), len({mail.digest for mail in mails}), "messages in the store")
        ids = collections.Counter(entry["report_id"] for entry in self.listing("reports", "--limit", "0"))
        self.case.assertEqual([f"{name} stored {count} times" for name, count in ids.items() if count != 1], [])
        wanted = {mail.report_id for mail in mails if mail.report_id}
        self.case.assertEqual((sorted(wanted - set(ids))[:5], sorted(set(ids) - wanted)[:5]), ([], []), "reports missing and too much")
        quarantined = {mail.digest for mail in mails if mail.kind == "quarantined"}
        self.case.assertEqual(len(self.listing("quarantine", "list")), len(quarantined), "in quarantine")
        total = sum(source["messages"] for source in self.listing("sources", "--limit", "0"))
        self.case.assertEqual(total, len(wanted), "rows in the totals")
        with contextlib.closing(sqlite3.connect(self.store)) as database:
            self.case.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
