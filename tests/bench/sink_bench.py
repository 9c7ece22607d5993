"""Sinks, for scripts/bench: syslog over TCP into a receiver that counts frames (whosent_sink_receiver), and what ingest keeps of its rate beside one. run() answers what is wrong."""
import json
import os
import shutil
import signal
import statistics
import subprocess
import time

import feed_bench

LEAST_RATE = 150_000  # events a second
LEAST_RATIO = 0.85    # of the rate of ingest into a daemon without a sink
PATIENCE = 300        # seconds for a whole store


class Receiver:
    """Takes `frames`, or as many as come until it is ended."""

    def __init__(self, binary, frames=0):
        self.process = subprocess.Popen([str(binary), str(frames)], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def result(self, seconds=PATIENCE):
        out, _ = self.process.communicate(timeout=seconds)
        if self.process.returncode:
            raise SystemExit("bench: the receiver of syslog found an error")
        return json.loads(out)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.result(30)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def section(name, port):
    return f'[[export.syslog]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {port}\ntransport = "tcp"\nformat = "cef"\nselect = "all"\nbegin = "beginning"\n'


def run(work, whosent, binary, corpus, rounds):
    wrong, rates = [], []
    source = feed_bench.corpus_store(work, whosent, corpus)
    os.environ["WHOSENT_BINARY"] = str(whosent)
    from daemon import Daemon

    events = 0
    for number in range(1, rounds + 1):
        place = feed_bench.Place(work / "sinks")
        for suffix in ("", "-wal", ".keys"):
            part = source.with_name(source.name + suffix)
            if part.exists():
                shutil.copy(part, place.path("store.db" + suffix))
        if not events:
            events = feed_bench.whosent_out(whosent, place, "events", "--format", "cef").count("\n")
            print(f"\nsinks: {events:,} events as CEF by syslog over TCP, octet counting, to a receiver on loopback:", flush=True)
        receiver = Receiver(binary, events)
        daemon = Daemon(place, section("bench", receiver.port), level="warning")
        try:
            daemon.start()
            told = receiver.result()
            rates.append(told["frames"] / told["seconds"])
            print(f"  round {number}: {told['seconds']:.2f} s, {rates[-1]:,.0f} events a second, {told['bytes'] / 1e6:,.0f} MB, {told['connections']} connections, own memory {daemon.own_memory() / 1e6:.0f} MB",
                  flush=True)
            if told["frames"] != events or told["cut"]:
                wrong.append(f"sinks: {told['frames']} frames of {events} events, {told['cut']} cut")
        except subprocess.TimeoutExpired:
            return [*wrong, f"sinks: not delivered within {PATIENCE} s: {daemon.log()[-2000:]}"]
        finally:
            daemon.close()
            receiver.close()
    rate = statistics.median(rates)
    if rate < LEAST_RATE:
        wrong.append(f"sinks: {rate:,.0f} events a second by syslog over TCP, at least {LEAST_RATE:,} asked")
    print(f"  median {rate:,.0f} events a second, at least {LEAST_RATE:,} asked", flush=True)
    return wrong + beside_ingest(work, whosent, binary, corpus, rounds, Daemon)


def beside_ingest(work, whosent, binary, corpus, rounds, Daemon):
    """The same files handed to a running daemon, with a sink that sends every event and without."""
    print("\nsinks: the corpus handed to a running daemon (`ingest` beside it), with one syslog sink that sends every event and without one:")
    print(f"{'round':>5} {'without s':>10} {'records/s':>10} {'with s':>8} {'records/s':>10} {'ratio':>6} {'sent meanwhile':>15} {'all sent after s':>17}")
    wrong, ratios = [], []
    for number in range(1, rounds + 1):
        seconds, records, sent = {}, 0, (0, 0.0)
        for mode in ("without", "with") if number % 2 else ("with", "without"):
            place = feed_bench.Place(work / "sinks")
            receiver = Receiver(binary)
            daemon = Daemon(place, section("bench", receiver.port) if mode == "with" else "", level="warning")
            try:
                daemon.start()
                began = time.perf_counter()
                summary = json.loads(feed_bench.whosent_out(whosent, place, "ingest", "--summary", "json", corpus))
                seconds[mode] = time.perf_counter() - began
                records = summary["records"]
                if mode == "with":
                    sent = drained(whosent, place, began + seconds[mode])
            finally:
                daemon.close()
                told = receiver.end()
                receiver.close()
            if mode == "with" and told["frames"] < records:
                wrong.append(f"sinks: {told['frames']} frames of {records} records")
        ratios.append(seconds["without"] / seconds["with"])
        print(f"{number:>5} {seconds['without']:>10.2f} {records / seconds['without']:>10,.0f} {seconds['with']:>8.2f} {records / seconds['with']:>10,.0f} {ratios[-1]:>6.2f} {sent[0]:>15,} {sent[1]:>17.1f}", flush=True)
    ratio = statistics.median(ratios)
    if ratio < LEAST_RATIO:
        wrong.append(f"sinks: ingest keeps {ratio:.2f} of its rate beside a sink, at least {LEAST_RATIO} asked")
    print(f"  median {ratio:.2f} of the rate without a sink ({min(ratios):.2f} to {max(ratios):.2f}), at least {LEAST_RATIO} asked", flush=True)
    shutil.rmtree(work / "sinks", ignore_errors=True)
    return wrong


def drained(whosent, place, ended):
    """(events that had been delivered when ingest ended, seconds from there until all were)"""
    first = None
    while time.perf_counter() < ended + PATIENCE:
        states = json.loads(feed_bench.whosent_out(whosent, place, "sinks", "--format", "json"))
        if states:
            first = states[0]["delivered"] if first is None else first
            if states[0]["lag_events"] == 0:
                return first, time.perf_counter() - ended
        time.sleep(0.2)
    return first or 0, float("nan")
