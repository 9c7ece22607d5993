#!/usr/bin/env python3
"""run_suite.py EVALUATE [FOLDER]: holds check_host() and the coverage to the public test suite of RFC 7208.

EVALUATE is the program of evaluate.cpp. FOLDER holds rfc7208-tests.yml; the default is $WHOSENT_SHARED/rfc7208-tests, else the folder `shared` beside the
checkout. Without it: a word, and status 77 (skipped). Every case is decided and right, or stands in LEFT_OUT with its reason. It fails when a case is wrong, when one
of LEFT_OUT is right after all or is none, and when the suite has fewer cases than it had.
"""
import os
import pathlib
import subprocess
import sys

CASES = 203  # in the release of 2014.04
TYPES = ("a", "aaaa", "mx", "ptr", "txt")
SKIPPED = 77

# "scenario: case" -> why it is not decided, or decided otherwise.
LEFT_OUT = {}


def find_suite(argument):
    top = pathlib.Path(__file__).resolve().parent.parent.parent
    folder = pathlib.Path(argument) if argument else pathlib.Path(os.environ.get("WHOSENT_SHARED") or top.parent / "shared") / "rfc7208-tests"
    return folder / "rfc7208-tests.yml"


def to_hex(text):
    data = text if isinstance(text, bytes) else text.encode("latin-1")
    return data.hex() or "-"


def plain(name):
    return name.lower().removesuffix(".")


class Zone:
    """The zone of a scenario. Records of type SPF stand for TXT records where a name has no TXT of its own (the head of the suite says so); TIMEOUT: whatever the
    name has no record for gets no answer."""

    def __init__(self, data):
        self.names = {plain(name): entries for name, entries in data.items()}

    def own(self, name, kind):
        """The records at the name itself; None: no answer."""
        wanted = [kind.upper()]
        entries = self.names[name]
        keys = [key for entry in entries if isinstance(entry, dict) for key in entry]
        if kind == "txt" and "TXT" not in keys:
            wanted = ["SPF"]
        values = [entry[key] for entry in entries if isinstance(entry, dict) for key in entry if key in wanted]
        values = [value for value in values if value != "NONE"]
        return None if not values and "TIMEOUT" in entries else values

    def answer(self, name, kind):
        """(status, texts) after following CNAMEs; a loop of them is a failure."""
        seen = set()
        while True:
            if name in seen:
                return "failed", []
            seen.add(name)
            if name not in self.names:
                return "no_data", []
            alias = [entry["CNAME"] for entry in self.names[name] if isinstance(entry, dict) and "CNAME" in entry]
            if not alias:
                break
            name = plain(alias[0])
        values = self.own(name, kind)
        if values is None:
            return "failed", []
        if kind == "mx":
            return ("found" if values else "no_data"), [plain(host) for _, host in sorted(values, key=lambda value: value[0])]
        if kind == "ptr":
            return ("found" if values else "no_data"), [plain(value) for value in values]
        return ("found" if values else "no_data"), ["".join(value) if isinstance(value, list) else str(value) for value in values]

    def lines(self):
        yield "clear"
        for name in self.names:
            for kind in TYPES:
                status, texts = self.answer(name, kind)
                yield " ".join(["answer", to_hex(name), kind, status, *map(to_hex, texts)])


def check_line(case):
    helo, sender = case["helo"], case["mailfrom"]
    # RFC 7208 section 2.4: without a sender it is postmaster at the HELO name
    local, _, domain = sender.rpartition("@") if sender else ("postmaster", "@", helo)
    return " ".join(["check", case["host"], *map(to_hex, (domain, local, domain, helo))])


def judge(case, line):
    """What is wrong with the answer, or None."""
    result, _, _, explanation, coverage = line.split(" ")
    expected = case["result"] if isinstance(case["result"], list) else [case["result"]]
    if result not in expected:
        return f"{result} instead of {' or '.join(expected)}"
    told = bytes.fromhex(explanation.replace("-", "")).decode("latin-1")
    if "explanation" in case:
        wanted = "" if case["explanation"] == "DEFAULT" else case["explanation"]
        if told != wanted:
            return f"explanation {told!r} instead of {wanted!r}"
    covered = "unusable" if result in ("temperror", "permerror") else result
    if coverage not in (covered, "undecided"):
        return f"coverage says {coverage}, check_host() {result}"
    return None


def main():
    suite = find_suite(sys.argv[2] if len(sys.argv) > 2 else None)
    if not suite.is_file():
        print(f"skipped: the RFC 7208 test suite is not there ({suite}); set WHOSENT_SHARED to the folder that holds rfc7208-tests")
        return SKIPPED
    import yaml

    lines, cases = [], []
    with open(suite, encoding="utf-8") as file:
        for scenario in yaml.safe_load_all(file):
            lines += Zone(scenario["zonedata"]).lines()
            for name, case in scenario["tests"].items():
                cases.append((f"{scenario['description']}: {name}", case))
                lines.append(check_line(case))
    run = subprocess.run([sys.argv[1]], input="\n".join(lines) + "\n", text=True, capture_output=True, check=False)
    if run.returncode != 0:
        print(f"evaluate ended with status {run.returncode}: {run.stderr}")
        return 1
    answers = run.stdout.splitlines()
    failures = []
    if len(answers) != len(cases) or len(cases) < CASES:
        failures.append(f"{len(cases)} cases, {len(answers)} answers; the suite has {CASES}")
    failures += [f"left out, but no case: {name}" for name in LEFT_OUT if name not in dict(cases)]
    right = undecided = 0
    for (name, case), answer in zip(cases, answers):
        wrong = judge(case, answer)
        right += wrong is None
        undecided += answer.endswith(" undecided")
        if wrong and name not in LEFT_OUT:
            failures.append(f"{name}: {wrong}")
        elif not wrong and name in LEFT_OUT:
            failures.append(f"{name}: right, and need not be left out any longer ({LEFT_OUT[name]})")
    print(f"{right} of {len(cases)} cases decided and right; of {len(cases) - undecided} the coverage of all addresses decides the same")
    for name, reason in LEFT_OUT.items():
        print(f"left out: {name}: {reason}")
    for failure in failures:
        print(f"WRONG: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
