"""LMTP under load, for scripts/bench: small distinct aggregate reports over a batch of connections to `whosent serve`, every 250 only after a synced commit.

Prints messages a second and the daemon's memory after the first of them and after all; run() answers what is wrong.
"""
import hashlib
import importlib.machinery
import importlib.util
import json
import multiprocessing
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
LEAST_RATE = 2_000        # messages a second
CONNECTIONS = 64
FEW, MANY = 5_000, 50_000  # messages after which memory is looked at
# What memory of its own (the store is mapped, too: that is the page cache) may grow by between the two: the store's page cache fills meanwhile (48 MiB), other caches grow a little. With it full, memory stays as it is.
MOST_GROWTH_BYTES = 64 << 20
RECIPIENT = "dmarc@example.com"
MOST_RECORDS = 6          # of a report


def _make(number):
    """One mail as make_corpus writes them, as it goes behind DATA."""
    universe, styles, first_day = _make.shared
    rng = random.Random(f"lmtp {number}")
    receiver_number = min(int(rng.paretovariate(0.8)) - 1, len(styles.RECEIVERS) - 1)
    receiver = styles.RECEIVERS[receiver_number]
    domain = rng.randrange(len(universe.domains))
    begin = first_day + number * 60 // MANY * 86_400
    picked = universe.pick(rng, receiver_number, domain, rng.randint(1, MOST_RECORDS))
    report = styles.Report(receiver, universe.domains[domain], f"{begin}.{number:07d}", begin, begin + 86_399, [(universe.streams[index], rng.randrange(1, 200)) for index in picked])
    mail = receiver.mail(rng, report, receiver.pack(receiver.xml(report).encode(), report.file_name()))
    if not mail.endswith(b"\r\n"):
        mail += b"\r\n"
    mail = mail.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    return struct.pack("<I", len(mail)) + mail, len(picked)


def _module(name):
    """A script of this folder, whose name says no .py."""
    loader = importlib.machinery.SourceFileLoader(name, str(HERE / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def corpus(work):
    """The file of messages, and its figures; made when there is none by this generator."""
    sources = [HERE / name for name in ("make_corpus", "report_styles.py", "lmtp_bench.py")]
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]
    path, figures = work / f"lmtp-{version}.messages", work / f"lmtp-{version}.json"
    if not figures.exists():
        for stale in work.glob("lmtp-*"):
            stale.unlink()
        print(f"making {MANY:,} mails for LMTP ...", flush=True)
        sys.path.insert(0, str(HERE))
        import report_styles
        make_corpus = _module("make_corpus")
        _make.shared = (make_corpus.Universe("lmtp", 2_000), report_styles, make_corpus.FIRST_DAY)
        records = [0, 0]  # of the first FEW messages, of all
        with open(path, "wb") as out, multiprocessing.get_context("fork").Pool() as pool:
            for number, (mail, rows) in enumerate(pool.imap(_make, range(MANY), chunksize=256)):
                out.write(mail)
                records[0] += rows if number < FEW else 0
                records[1] += rows
        figures.write_text(json.dumps({"records": records, "bytes": path.stat().st_size}))
    return path, json.loads(figures.read_text())


class Place:
    """What the daemon of the end-to-end tests asks of a test, in a folder of the benchmark's."""

    def __init__(self, folder):
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def path(self, *names):
        return str(self.folder.joinpath(*names))

    def write(self, name, text):
        self.folder.joinpath(name).write_text(text)
        return self.path(name)

    def environment(self):
        return dict(os.environ, WHOSENT_STORE="sqlite:" + self.path("store.db"), WHOSENT_DNS="off")


def run(work, whosent, load):
    os.environ["WHOSENT_BINARY"] = str(whosent)
    from daemon import Daemon, free_port

    path, figures = corpus(work)
    place = Place(work / "lmtp")
    address = f"127.0.0.1:{free_port()}"
    daemon = Daemon(place, f'[[collect.lmtp]]\nname = "load"\nlisten = "{address}"\nrecipients = {{ "{RECIPIENT}" = "aggregate" }}\n', level="warning")
    print(f"\nLMTP: {MANY:,} small aggregate reports, {figures['bytes'] / 1e6:,.0f} MB, {figures['records'][1]:,} records, over {CONNECTIONS} connections, DNS off, every 250 after a synced commit:")
    wrong, seconds, accepted, peaks = [], 0.0, 0, []
    daemon.start()
    try:
        for first, count in ((0, FEW), (FEW, MANY - FEW)):
            done = subprocess.run([str(load), address, RECIPIENT, str(CONNECTIONS), str(path), str(first), str(count)], stdout=subprocess.PIPE, text=True)
            if done.returncode:
                return [f"LMTP: the load ended with {done.returncode}: {daemon.log()[-2000:]}"]
            told = json.loads(done.stdout)
            seconds += told["seconds"]
            accepted += told["accepted"]
            peaks.append(daemon.own_memory())
            ms = told["milliseconds"]
            print(f"  {count:>6,} messages in {told['seconds']:>6.2f} s, {count / told['seconds']:>6,.0f} a second; replies {ms['median']:.1f} ms (99 %: {ms['p99']:.1f}, most {ms['most']:.1f}); "
                  f"{told['deferred']} deferred, {told['refused']} refused; memory of its own {peaks[-1] / 1e6:.0f} MB, at most {daemon.memory()[1] / 1e6:.0f} MB with the mapped store", flush=True)
            if told["refused"] or told["accepted"] != count:
                wrong.append(f"LMTP: of {count} messages {told['accepted']} accepted, {told['refused']} refused")
        daemon.kill()  # what was acknowledged is there, whatever becomes of the daemon
    finally:
        daemon.close()
    listed = subprocess.run([str(whosent), "reports", "--limit", "0", "--format", "json"], env=place.environment(), stdout=subprocess.PIPE, check=True)
    reports = json.loads(listed.stdout)
    records = sum(report["rows"] for report in reports)
    if (len(reports), records) != (MANY, figures["records"][1]):
        wrong.append(f"LMTP: {len(reports)} reports with {records} records in the store, not {MANY} with {figures['records'][1]}")
    rate = accepted / seconds
    if rate < LEAST_RATE:
        wrong.append(f"LMTP takes {rate:,.0f} messages a second, at least {LEAST_RATE:,} asked")
    if peaks[1] - peaks[0] > MOST_GROWTH_BYTES:
        wrong.append(f"LMTP: memory grew from {peaks[0] / 1e6:.0f} to {peaks[1] / 1e6:.0f} MB between {FEW:,} and {MANY:,} messages")
    print(f"  {rate:,.0f} messages a second, at least {LEAST_RATE:,} asked; memory grew by {(peaks[1] - peaks[0]) / 1e6:.0f} MB from {FEW:,} to {MANY:,} messages, at most {MOST_GROWTH_BYTES / 1e6:.0f} asked; "
          f"killed, and {len(reports):,} reports in the store" + "".join("; WRONG: " + what for what in wrong), flush=True)
    shutil.rmtree(place.folder)
    return wrong
