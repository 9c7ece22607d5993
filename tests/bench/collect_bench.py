"""Collecting over IMAP, for scripts/bench: `whosent collect --once` from a Dovecot on loopback, over TLS, against `whosent ingest` of the same files.

Dovecot reads its Maildir once beforehand, as it would have when the messages came in. run() and run_large() answer what is wrong.
"""
import imaplib
import json
import os
import pathlib
import shutil
import sqlite3
import ssl
import statistics
import subprocess
import sys
import threading
import time

LEAST_RATIO = 0.5      # of the rate of ingest
MOST_BYTES = 300e6     # peak memory, whatever the mailbox holds
MOST_FIRST_SECONDS = 10  # until the first of a large mailbox is stored
USER = "reports@example.com"
MEASURE = pathlib.Path(__file__).resolve().parent.parent / "e2e" / "measure.py"


class Mailbox:
    """A Dovecot with the files of a folder in INBOX."""

    def __init__(self, folder):
        import imap_server
        self.server = imap_server.Dovecot()
        try:
            self.server.add_user(USER)
            self.files = 0
            for path in sorted(folder.iterdir()):
                self.server.put(USER, [path.read_bytes()], first=self.files)
                self.files += 1
            self.read_once(imap_server.PASSWORD)
        except BaseException:
            self.close()
            raise

    def read_once(self, password):
        import certificates
        link = imaplib.IMAP4_SSL("localhost", self.server.tls_port, ssl_context=ssl.create_default_context(cafile=certificates.authority().file))
        link.login(USER, password)
        told = int(link.select("INBOX")[1][0])
        if told != self.files:
            sys.exit(f"bench: Dovecot knows {told} messages, not {self.files}")
        link.uid("FETCH", "1:*", "(RFC822.SIZE)")
        link.logout()

    def configuration(self, folder):
        import certificates
        import imap_server
        secret = folder / "imap.password"
        secret.touch(0o600)
        secret.write_text(imap_server.PASSWORD)
        path = folder / "collect.toml"
        path.write_text(f'[[collect.imap]]\nname = "bench"\nhost = "localhost"\nport = {self.server.tls_port}\nca_file = "{certificates.authority().file}"\nuser = "{USER}"\n'
                        f'password = {{ file = "{secret}" }}\n')
        return path

    def close(self):
        self.server.close()


def measured(folder, whosent, store, *arguments):
    """(seconds, peak bytes) of a run that ends well."""
    peak = folder / "peak"
    env = dict(os.environ, WHOSENT_STORE=f"sqlite:{store}", WHOSENT_DNS="off")
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-S", str(MEASURE), str(peak), str(whosent), *map(str, arguments)], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"bench: exit {done.returncode}: whosent {' '.join(map(str, arguments))}\n{done.stderr[-2000:]}")
    return seconds, int(peak.read_text())


def stored(whosent, store):
    """(messages, reports, records) that a store holds."""
    with sqlite3.connect(store) as database:
        messages = database.execute("SELECT count(*) FROM message").fetchone()[0]
    database.close()
    listed = subprocess.run([str(whosent), "--store", f"sqlite:{store}", "reports", "--limit", "0", "--format", "json"], stdout=subprocess.PIPE, check=True)
    reports = json.loads(listed.stdout)
    return messages, len(reports), sum(report["rows"] for report in reports)


def forget(store):
    for suffix in ("", "-wal", "-shm", ".lock", ".keys"):
        store.with_name(store.name + suffix).unlink(missing_ok=True)


def run(work, whosent, corpus, rounds):
    folder = work / "collect"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wrong, ratios, peaks = [], [], []
    mailbox = Mailbox(corpus)
    try:
        configuration = mailbox.configuration(folder)
        print(f"\nIMAP: {mailbox.files:,} messages in a Dovecot on loopback, over TLS, `collect --once` against `ingest` of the same files, DNS off:")
        print(f"{'round':>5} {'collect s':>10} {'messages/s':>11} {'peak MB':>8} {'ingest s':>9} {'messages/s':>11} {'ratio':>6}")
        for number in range(1, rounds + 1):
            found = {}
            seconds = {}
            for what in ("collect", "ingest") if number % 2 else ("ingest", "collect"):
                store = folder / f"{what}.db"
                forget(store)
                arguments = ("--config", configuration, "collect", "--once") if what == "collect" else ("ingest", "--summary", "json", corpus)
                seconds[what], peak = measured(folder, whosent, store, *arguments)
                if what == "collect":
                    peaks.append(peak)
                found[what] = stored(whosent, store)
            ratios.append(seconds["ingest"] / seconds["collect"])
            print(f"{number:>5} {seconds['collect']:>10.2f} {mailbox.files / seconds['collect']:>11,.0f} {peaks[-1] / 1e6:>8.0f} {seconds['ingest']:>9.2f} {mailbox.files / seconds['ingest']:>11,.0f} "
                  f"{ratios[-1]:>6.2f}", flush=True)
            if found["collect"] != found["ingest"]:
                wrong.append(f"collect stored {found['collect']} messages, reports and records, ingest {found['ingest']}")
    finally:
        mailbox.close()
    shutil.rmtree(folder)
    ratio = statistics.median(ratios)
    if ratio < LEAST_RATIO:
        wrong.append(f"collect runs at {ratio:.2f} times the rate of ingest, at least {LEAST_RATIO} asked")
    if max(peaks) > MOST_BYTES:
        wrong.append(f"collect takes {max(peaks) / 1e6:.0f} MB, at most {MOST_BYTES / 1e6:.0f} asked")
    print(f"  median {ratio:.2f} times the rate of ingest ({min(ratios):.2f} to {max(ratios):.2f}), at least {LEAST_RATIO} asked; peak memory {max(peaks) / 1e6:.0f} MB, at most "
          f"{MOST_BYTES / 1e6:.0f} asked" + "".join("; WRONG: " + what for what in wrong), flush=True)
    return wrong


def run_large(work, whosent, corpus):
    """A mailbox whose size is of no matter: the first message is stored at once, and memory stays."""
    folder = work / "collect-large"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    store, wrong = folder / "collect.db", []
    print("\nIMAP, a large mailbox: filling it ...", flush=True)
    mailbox = Mailbox(corpus)
    try:
        configuration = mailbox.configuration(folder)
        first = []
        began = time.perf_counter()

        def watch():
            while not first and not ended.wait(0.05):
                try:
                    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=5)
                    if database.execute("SELECT count(*) FROM (SELECT 1 FROM message LIMIT 1)").fetchone()[0]:
                        first.append(time.perf_counter() - began)
                    database.close()
                except sqlite3.OperationalError:  # not there yet
                    pass

        ended = threading.Event()
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            seconds, peak = measured(folder, whosent, store, "--config", configuration, "collect", "--once")
        finally:
            ended.set()
            watcher.join()
        messages, reports, records = stored(whosent, store)
    finally:
        mailbox.close()
    shutil.rmtree(folder)
    if not first or first[0] > MOST_FIRST_SECONDS:
        wrong.append(f"the first message was stored after {first[0] if first else seconds:.1f} s, at most {MOST_FIRST_SECONDS} asked")
    if peak > MOST_BYTES:
        wrong.append(f"a mailbox of {mailbox.files:,} messages takes {peak / 1e6:.0f} MB, at most {MOST_BYTES / 1e6:.0f} asked")
    print(f"  {mailbox.files:,} messages in {seconds:.1f} s ({mailbox.files / seconds:,.0f} a second), the first stored after {first[0] if first else seconds:.1f} s; {messages:,} distinct, {reports:,} reports, "
          f"{records:,} records; peak memory {peak / 1e6:.0f} MB, at most {MOST_BYTES / 1e6:.0f} asked" + "".join("; WRONG: " + what for what in wrong), flush=True)
    return wrong
