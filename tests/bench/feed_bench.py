"""The feed, for scripts/bench: `whosent serve` on a warm store, one client on loopback that counts lines (whosent_feed_client).

run() streams the whole store of the corpus as NDJSON and CEF in turn; run_first() takes the time to the first byte of the answer at random places of a store with 10 million records,
unfiltered and filtered. Both answer what is wrong. The stores are made once and kept in build/bench.
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
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
LEAST_NDJSON, LEAST_CEF = 400_000, 250_000  # events a second
MOST_FIRST_MS = 50
LARGE_RECORDS = 10_000_000
REPORT_RECORDS = 3_000    # of a report of the large store
REPORTS_AT_ONCE = 150     # made and ingested together, so that the disk holds few of them
PLACES = 20
MOST_LIMIT = 1_000_000    # of a page


def _module(name):
    """A script of this folder, whose name says no .py."""
    loader = importlib.machinery.SourceFileLoader(name, str(HERE / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


class Place:
    """What the daemon of the end-to-end tests asks of a test: a folder of the benchmark's, and a store that is there or not."""

    def __init__(self, folder, store=None):
        self.folder, self.store = folder, store or folder / "store.db"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def path(self, *names):
        return str(self.folder.joinpath(*names))

    def write(self, name, text):
        self.folder.joinpath(name).write_text(text)
        return self.path(name)

    def environment(self):
        return dict(os.environ, WHOSENT_STORE=f"sqlite:{self.store}", WHOSENT_DNS="off")


def whosent_out(whosent, place, *arguments):
    done = subprocess.run([str(whosent), *map(str, arguments)], env=place.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"bench: exit {done.returncode}: whosent {' '.join(map(str, arguments))}\n{done.stderr[-2000:]}")
    return done.stdout


def forget(store):
    for suffix in ("", "-wal", "-shm", ".lock", ".keys"):
        store.with_name(store.name + suffix).unlink(missing_ok=True)


def corpus_store(work, whosent, folder):
    """The store of the corpus, made once."""
    store = work / f"feed-{folder.name}.db"
    if not store.exists():
        for stale in work.glob("feed-corpus-*"):
            stale.unlink()
        making = store.with_name("making-" + store.name)
        forget(making)
        print(f"making a store of {folder.name} ...", flush=True)
        whosent_out(whosent, Place(work / "feed", making), "ingest", "--summary", "json", folder)
        rename(making, store)
    return store


def rename(making, store):
    """With what belongs to it; the name is given when it is whole."""
    for suffix in (".keys", "-wal", ""):
        part = making.with_name(making.name + suffix)
        if part.exists():
            part.rename(store.with_name(store.name + suffix))
    forget(making)


def _write_report(item):
    universe, styles, first_day, folder, room = _write_report.shared
    number, = item
    rng = random.Random(f"large {number}")
    receiver = styles.RECEIVERS[number % 8]
    domain = rng.choices(range(len(room)), room)[0]
    records = min(REPORT_RECORDS, room[domain] // 2)
    begin = first_day + number % 60 * 86_400
    report = styles.Report(receiver, universe.domains[domain], f"{begin}.large.{number:07d}", begin, begin + 86_399,
                           [(universe.streams[index], rng.randrange(1, 200)) for index in universe.pick(rng, number % 8, domain, records)])
    (folder / f"{number:07d}.xml").write_text(receiver.xml(report))
    return records


def large_store(work, whosent):
    """One of ten million records, from large reports: quicker made than mails of all kinds, and the same to a reader."""
    version = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in ("make_corpus", "report_styles.py"))).hexdigest()[:8]
    store = work / f"feed-large-{LARGE_RECORDS}-{version}.db"
    if store.exists():
        return store
    for stale in work.glob("feed-large-*"):
        stale.unlink()
    print(f"making a store of {LARGE_RECORDS:,} records ...", flush=True)
    making, folder = store.with_name("making-" + store.name), work / "feed-large"
    forget(making)
    place = Place(work / "feed", making)
    sys.path.insert(0, str(HERE))
    import report_styles
    make_corpus = _module("make_corpus")
    universe = make_corpus.Universe("large", 20_000)
    room = [after - before for before, after in zip(universe.first, universe.first[1:])]
    _write_report.shared = (universe, report_styles, make_corpus.FIRST_DAY, folder, room)
    made, number, began = 0, 0, time.perf_counter()
    with multiprocessing.get_context("fork").Pool() as pool:
        while made < LARGE_RECORDS:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            made += sum(pool.imap_unordered(_write_report, [(n,) for n in range(number, number + REPORTS_AT_ONCE)], chunksize=4))
            number += REPORTS_AT_ONCE
            whosent_out(whosent, place, "ingest", "--summary", "json", folder)
            print(f"\r  {made:,} records, {time.perf_counter() - began:.0f} s", end="", flush=True)
    print()
    shutil.rmtree(folder)
    rename(making, store)
    return store


class Served:
    """`whosent serve` on a store, with a token for the feed, and its client."""

    def __init__(self, work, whosent, client, store, text=""):
        os.environ["WHOSENT_BINARY"] = str(whosent)
        from daemon import Daemon
        self.client = client
        place = Place(work / "feed", store)
        self.token = whosent_out(whosent, place, "token", "create", "--name", "bench", "--scope", "feed").strip()
        self.daemon = Daemon(place, "[feed]\nrequests_per_minute = 1_000_000\n" + text, level="warning")

    def __enter__(self):
        self.daemon.start()
        return self

    def __exit__(self, *_):
        self.daemon.close()

    def ask(self, query, part=""):
        done = subprocess.run([str(self.client), self.daemon.http, "/v1/events?" + query, self.token, *([part] if part else [])], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"bench: {done.stderr}{self.daemon.log()[-2000:]}")
        told = json.loads(done.stdout)
        if told["status"] != 200:
            sys.exit(f"bench: {told['status']} for {query}: {self.daemon.log()[-2000:]}")
        return told


def run(work, whosent, client, corpus, records, rounds):
    wrong, rates = [], {"ndjson": [], "cef": []}
    store = corpus_store(work, whosent, corpus)
    with Served(work, whosent, client, store) as served:
        first = served.ask(f"format=ndjson&limit={MOST_LIMIT}")  # and the store into the page cache
        print(f"\nfeed: {first['lines']:,} events, {first['bytes'] / 1e6:,.0f} MB of NDJSON, in one page to one client on loopback, a store of {store.stat().st_size / 1e6:,.0f} MB in the page cache:")
        if first["lines"] < records:
            wrong.append(f"feed: {first['lines']} events of at least {records} records")
        print(f"{'round':>5} {'NDJSON s':>9} {'events/s':>10} {'first ms':>9} {'CEF s':>8} {'events/s':>10} {'first ms':>9} {'peak MB':>8}")
        for number in range(1, rounds + 1):
            told = {}
            for kind in ("ndjson", "cef") if number % 2 else ("cef", "ndjson"):
                told[kind] = served.ask(f"format={kind}&limit={MOST_LIMIT}")
                rates[kind].append(told[kind]["lines"] / told[kind]["seconds"])
                if told[kind]["lines"] != first["lines"]:
                    wrong.append(f"feed: {told[kind]['lines']} events as {kind}, {first['lines']} before")
            print(f"{number:>5} " + " ".join(f"{told[kind]['seconds']:>{width}.2f} {rates[kind][-1]:>10,.0f} {told[kind]['first_of_body_ms']:>9.1f}" for kind, width in (("ndjson", 9), ("cef", 8)))
                  + f" {served.daemon.own_memory() / 1e6:>8.0f}", flush=True)
        packed = served.daemon.get(f"/v1/events?format=ndjson&limit=1000", headers={"Authorization": "Bearer " + served.token, "Accept-Encoding": "gzip"})
        if packed.headers.get("content-encoding") != "gzip":
            wrong.append("feed: not packed for a client that asks for it")
    for kind, least in (("ndjson", LEAST_NDJSON), ("cef", LEAST_CEF)):
        rate = statistics.median(rates[kind])
        if rate < least:
            wrong.append(f"feed: {rate:,.0f} events a second as {kind}, at least {least:,} asked")
        print(f"  {kind}: median {rate:,.0f} events a second ({min(rates[kind]):,.0f} to {max(rates[kind]):,.0f}), at least {least:,} asked", flush=True)
    return wrong


def run_first(work, whosent, client):
    store, wrong = large_store(work, whosent), []
    rng = random.Random(1)
    with Served(work, whosent, client, store) as served:
        # opaque as they are, cursors of random places come by walking
        total, cursor, limit = 0, "", MOST_LIMIT
        places = sorted(rng.sample(range(LARGE_RECORDS), PLACES))
        cursors = []
        for place in places:
            while total < place:
                some = min(MOST_LIMIT, place - total)
                cursor = served.ask(f"format=ndjson&limit={some}" + (f"&cursor={cursor}" if cursor else ""), "head")["next"]
                total += some
            cursors.append(cursor)
        print(f"\nfeed, the first byte at {PLACES} random places of a store of {LARGE_RECORDS:,} records, {store.stat().st_size / 1e9:.1f} GB; milliseconds from the connection's begin to the first byte of the answer, and to its first event (where it has one):")
        print(f"  {'filter':<40} {'limit':>9} {'median':>8} {'worst':>8} {'event':>8} {'worst':>8}  events of the page")
        for name, query in (("none", ""), ("dense: min_severity=4", "&min_severity=4"), ("sparse: one domain of fifty", "&domain={domain}"), ("sparse: a class that is hardly there", "&class=report.quarantined"),
                            ("nothing: a domain that is not there", "&domain=nobody.invalid"), ("sparse: verdict and severity", "&verdict=spoofed&min_severity=7")):
            if "{domain}" in query:
                listed = json.loads(whosent_out(whosent, Place(work / "feed-listing", store), "domains", "--format", "json"))
                query = query.format(domain=min(listed, key=lambda entry: entry["messages"])["domain"])
            for limit in (1_000, MOST_LIMIT):
                times, events, lines = [], [], []
                for cursor in cursors:
                    told = served.ask(f"format=ndjson&limit={limit}&cursor={cursor}{query}", "first" if limit == MOST_LIMIT else "")
                    times.append(told["first_ms"])
                    events += [told["first_of_body_ms"]] if told["first_of_body_ms"] else []
                    lines.append(told["lines"])
                print(f"  {name:<40} {limit:>9,} {statistics.median(times):>8.1f} {max(times):>8.1f} " + (f"{statistics.median(events):>8.1f} {max(events):>8.1f}" if events else f"{'-':>8} {'-':>8}")
                      + (f"  {min(lines):,} to {max(lines):,}" if limit == 1_000 else ""), flush=True)
                if max(times) >= MOST_FIRST_MS:
                    wrong.append(f"feed: the first byte after {max(times):.0f} ms with filter {name}, limit {limit:,}; less than {MOST_FIRST_MS} asked")
    shutil.rmtree(work / "feed-listing", ignore_errors=True)
    return wrong
