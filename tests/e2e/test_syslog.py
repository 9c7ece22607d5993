"""[[export.syslog]] of the real daemon, received by a real rsyslog: every event over each transport, what a selection sends, formats, what is too large for a datagram."""

import contextlib
import json
import sqlite3
import unittest

import cef_reader
import certificates
from daemon import wait_until
from dns_server import Proxy, delayed
from harness import DAMAGED, nothing_server, report, row
from rsyslog import PEER
from syslog_case import SyslogCase

OWN = '[[domain]]\nname = "example.com"\nnetworks = ["198.51.100.9"]\n[[domain]]\nname = "example.net"\nnetworks = ["198.51.100.9"]\n'


class Syslog(SyslogCase):
    def test_every_event_over_each_transport(self):
        self.every_class()
        rsyslog = self.receiver()
        pair, authority = certificates.authority().client(PEER), certificates.authority().file
        tls = {"transport": "tls", "ca_file": authority, "server_name": "localhost", "certificate": pair.certificate, "key": pair.key}
        ossl = self.receiver(driver="ossl", name="ossl")
        self.serve("".join((self.sink(rsyslog, "udp", "udp"), self.sink(rsyslog, "counted"), self.sink(rsyslog, "lines", framing="lf", facility=1, hostname="other.example.com"),
                            self.sink(rsyslog, "tls", **tls), self.sink(ossl, "ossl", **tls))))
        lines, events = self.lines(), [json.loads(text) for text in self.lines("json")]
        self.assertGreater(len({event["class"] for event in events}), 4)
        # a second report while they run, of many rows
        self.many(700)
        lines, events = self.lines(), [json.loads(text) for text in self.lines("json")]
        for name, receiver in (("counted", rsyslog), ("lines", rsyslog), ("tls", rsyslog), ("ossl", ossl)):
            with self.subTest(name):
                found = self.wait_arrived(receiver, len(lines), name)
                self.check_all_arrived(found, lines)
                for message, line, event in zip(found, lines, events):
                    self.check_agrees(message, line, event, *((1, "other.example.com") if name == "lines" else ()))
        # of datagrams the system may throw some away, and says how many
        fit = [n for n, line in enumerate(lines) if len(line.encode()) < 59_000]
        wait_until(lambda: len(self.of(rsyslog, "udp")) + rsyslog.udp_drops() >= len(fit), lambda: f"{len(self.of(rsyslog, 'udp'))} datagrams and {rsyslog.udp_drops()} dropped")
        found = self.of(rsyslog, "udp")
        self.assertEqual(len(found) + rsyslog.udp_drops(), len(fit))
        place = {line: n for n, line in enumerate(lines)}
        numbers = [place[message.text] for message in found]
        self.assertEqual(numbers, sorted(set(numbers)))
        for message, n in zip(found, numbers):
            self.check_agrees(message, lines[n], events[n])
        self.assertGreater(len(found), 80)  # what the least buffer of a system holds

    def test_what_a_selection_sends(self):
        self.every_class()
        self.ingest(self.write("more.xml", report("more", [row("198.51.100.9", 5, header_from="www.example.net", dkim=[("example.net", "s1", "pass")], dkim_eval="pass"),
                                                           row("203.0.113.9", 900, header_from="www.example.net", disposition="quarantine")],
                                                  domain="example.net")), "--config", self.write("own.toml", OWN))
        rsyslog = self.receiver()
        failing = lambda event: event["class"] != "dmarc.record" or event["severity"] > 1
        domain = lambda event: (event.get("report") or {}).get("domain") or (event.get("stream") or {}).get("header_from") or (event.get("policy") or {}).get("domain") or ""
        # of a change, what was before counts too
        verdicts = lambda event: {event.get("verdict", {}).get("name"), event.get("before", {}).get("verdict"), event.get("after", {}).get("verdict")}
        choices = {
            "default": ({}, failing),
            "findings": ({"select": "findings"}, lambda event: event["class"].startswith("finding.")),
            "classes": ({"select": "all", "classes": ["tls.failure", "report.quarantined"]}, lambda event: event["class"] in ("tls.failure", "report.quarantined")),
            "severe": ({"select": "all", "min_severity": 6}, lambda event: event["severity"] >= 6),
            "domains": ({"select": "all", "domains": ["example.net"]}, lambda event: domain(event) == "example.net" or domain(event).endswith(".example.net")),
            "verdicts": ({"select": "all", "verdicts": ["authorized"]}, lambda event: "authorized" in verdicts(event)),
            "several": ({"verdicts": ["authorized", "undetermined"], "domains": ["example.net"], "classes": ["dmarc.record"]},
                        lambda event: event["class"] == "dmarc.record" and failing(event) and domain(event) == "example.net" and event["verdict"]["name"] in ("authorized", "undetermined")),
            "everything": ({"select": "all"}, lambda event: True),
        }
        # the key is left out where the default is meant
        text = "".join(self.sink(rsyslog, name, **keys) if "select" in keys else self.sink(rsyslog, name, **keys).replace('select = "all"\n', "") for name, (keys, _) in choices.items())
        self.serve(OWN + text)
        self.ingest(self.write("end.xml", report("end", [row("203.0.113.77", 60_000, header_from="example.net", disposition="none")], domain="example.net")))
        lines, events = self.lines(), [json.loads(text) for text in self.lines("json")]
        expected = {name: [line for line, event in zip(lines, events) if wanted(event)] for name, (_, wanted) in choices.items()}
        self.assertEqual(expected["findings"], [])
        for name in choices:
            if name != "findings":
                self.assertGreater(len(expected[name]), 0, name)
            if name != "everything":
                self.assertLess(len(expected[name]), len(lines), name)
        for name in choices:
            with self.subTest(name):
                found = self.wait_arrived(rsyslog, len(expected[name]), name)
                # none of those that are not wanted comes later: its place has gone beyond all of them
                wait_until(lambda: self.state("syslog:" + name)["lag_events"] == 0, lambda: self.state("syslog:" + name))
                self.check_all_arrived(self.of(rsyslog, name), expected[name])
                self.assertEqual(self.state("syslog:" + name)["delivered"], len(expected[name]))

    def test_a_row_that_turns_bad_is_told_although_it_was_not_before(self):
        self.ingest(self.write("a.xml", report("a", [row("198.51.100.9", 6, dkim=[("example.com", "s1", "pass")], dkim_eval="pass")])), "--config",
                    self.write("before.toml", OWN))
        self.assertEqual({json.loads(text)["severity"] for text in self.lines("json")}, {1})
        rsyslog = self.receiver()
        self.serve(self.sink(rsyslog).replace('select = "all"\n', ""))
        self.ok("attribute", "--all")
        wait_until(lambda: len(self.lines()) > 1, "a reclassification")
        lines = [line for line in self.lines() if cef_reader.read(line).class_id == "source.reclassified"]
        self.check_all_arrived(self.wait_arrived(rsyslog, len(lines)), lines)

    def test_no_event_leaves_before_it_is_known_who_sent_it(self):
        """DNS is slow: a sink waits as every reader does, and skips nothing over it."""
        slow = Proxy(nothing_server().port, [(lambda name, kind: True, delayed(1.0))])
        self.addCleanup(slow.stop)
        self.environment = lambda **changes: super(Syslog, self).environment(**{"WHOSENT_DNS": "on", "WHOSENT_DNS_SERVERS": slow.address, **changes})
        rsyslog = self.receiver()
        self.serve(self.sink(rsyslog, format="json"))
        for number in range(3):  # known addresses among new ones
            self.ingest(self.write(f"{number}.xml", report(f"r{number}", [row(f"192.0.2.{n + 1}") for n in range(10 + 15 * number)])))
        wait_until(lambda: len(self.of(rsyslog)) >= 75, lambda: f"{len(self.of(rsyslog))}\n{self.daemons[0].log()}")
        self.settle()
        lines = self.lines("json")
        self.assertEqual([json.loads(line)["class"] for line in lines], ["dmarc.record"] * 75)
        self.check_all_arrived(self.of(rsyslog), lines)
        self.assertEqual({json.loads(message.text)["attribution"]["state"] for message in self.of(rsyslog)}, {"final"})

    def test_a_day_in_one_line(self):
        """aggregate = "daily": the first row of a kind at once, the others together when the day is over. The days of publication are moved back in the store, as no test lasts a day."""
        kind = lambda count: row("192.0.2.7", count, spf=[("example.net", "fail")])
        for number, rows in enumerate(([kind(1), kind(2), kind(3)], [kind(4), row("192.0.2.8", 50)], [kind(5), kind(6)])):
            self.ingest(self.write(f"{number}.xml", report(f"r{number}", rows)))
        self.write("r.eml", DAMAGED)
        self.ingest(self.path("r.eml"))
        with contextlib.closing(sqlite3.connect(self.store)) as database, database:
            for report_id, days in (("r0", 3), ("r1", 3), ("r2", 2)):
                self.assertEqual(database.execute("UPDATE report SET stored = stored - ? WHERE report_id = ?", (days * 86400, report_id)).rowcount, 1)
        rsyslog = self.receiver()
        self.serve(self.sink(rsyslog, aggregate="daily"))
        events = [json.loads(line) for line in self.lines("json")]
        found = self.wait_arrived(rsyslog, 6)
        self.settle()
        counts = [(m.cef["SignatureID"], m.cef["Extensions"].get("src"), m.cef["Extensions"].get("cnt")) for m in self.of(rsyslog)]
        expected = [("dmarc.record", "192.0.2.7", "1"), ("dmarc.record", "192.0.2.8", "50"), ("dmarc.record", "192.0.2.7", str(2 + 3 + 4)), ("dmarc.record", "192.0.2.7", "5"),
                    ("dmarc.record", "192.0.2.7", "6"), ("report.quarantined", None, None)]
        self.assertEqual(counts, expected)
        # the first are events of the store; those that tell of several have ids of their own, which are the same each time
        ids = [m.cef["Extensions"]["externalId"] for m in found]
        self.assertEqual([ids[0], ids[1], ids[3], ids[5]], [events[n]["id"] for n in (0, 4, 5, 7)])
        self.assertFalse({ids[2], ids[4]} & {event["id"] for event in events})
        self.assertLessEqual(max(map(len, ids)), 40)
        # today's wait for the end of the day
        self.ingest(self.write("today.xml", report("today", [kind(7), kind(8), kind(9)])))
        self.assertEqual(self.wait_arrived(rsyslog, 7)[6].cef["Extensions"]["cnt"], "7")
        self.ok("replay", "--sink", "syslog:soc", "--from", "beginning")
        wait_until(lambda: len(self.of(rsyslog)) >= 14, lambda: f"{len(self.of(rsyslog))}\n{self.daemons[0].log()}")
        self.assertEqual([m.raw for m in self.of(rsyslog)[7:]], [m.raw for m in self.of(rsyslog)[:7]])

    def test_one_that_is_new_begins_now(self):
        self.many(50)
        rsyslog = self.receiver()
        daemon = self.serve(self.sink(rsyslog, begin="now"))
        wait_until(lambda: [entry for entry in self.listing("sinks") if entry["position"] is not None], lambda: self.listing("sinks"))
        old = self.lines()
        self.many(60, "new")
        self.check_all_arrived(self.wait_arrived(rsyslog, 60), self.lines()[len(old):])
        # and, when it is no longer new, where it was
        daemon.terminate()
        self.many(70, "meanwhile")
        daemon.start()
        self.check_all_arrived(self.wait_arrived(rsyslog, 130), self.lines()[len(old):])

    def test_other_formats_are_the_lines_that_events_prints(self):
        self.every_class()
        rsyslog = self.receiver()
        self.serve(self.sink(rsyslog, "json", format="json") + self.sink(rsyslog, "ecs", format="ecs"))
        for form in ("json", "ecs"):
            with self.subTest(form):
                lines = self.lines(form)
                found = self.wait_arrived(rsyslog, len(lines), form)
                self.check_all_arrived(found, lines)
                self.assertEqual({message.cef for message in found}, {None})
                self.assertEqual({type(json.loads(message.text)) for message in found}, {dict})

    def test_what_no_datagram_holds_is_a_dead_letter(self):
        self.every_class()
        rsyslog = self.receiver()
        lines, events = self.lines(), [json.loads(text) for text in self.lines("json")]
        self.serve(self.sink(rsyslog, transport="udp", message_bytes=2000))
        wait_until(lambda: any(entry["position"] is not None and entry["lag_events"] == 0 for entry in self.listing("sinks")), lambda: self.listing("sinks"))
        state = self.state("syslog:soc")
        letters = self.listing("sinks", "--dead", "syslog:soc", "--limit", "0")
        dead = {letter["event_id"] for letter in letters}
        self.assertGreater(len(dead), 2)
        self.assertEqual((state["dead"], state["delivered"]), (len(dead), len(lines) - len(dead)))
        self.check_all_arrived(self.wait_arrived(rsyslog, len(lines) - len(dead)), [line for line, event in zip(lines, events) if event["id"] not in dead])
        self.assertLessEqual(max(len(message.raw.encode()) for message in self.of(rsyslog)), 2000)
        for event, line in zip(events, lines):
            if event["id"] in dead:
                self.assertGreater(len(line.encode()), 1800)
        self.assertEqual({letter["sequence"] for letter in letters}, {event["sequence"] for event in events if event["id"] in dead})
        for letter in letters:
            self.assertRegex(letter["reason"], r"^[0-9]+ bytes .*2000")

    def test_a_receiver_that_is_not_there_yet(self):
        self.many(300)
        rsyslog = self.receiver(start=False)
        daemon = self.serve(self.sink(rsyslog) + self.sink(rsyslog, "datagrams", "udp"))
        wait_until(lambda: len([entry for entry in self.listing("sinks") if entry["state"] == "failing"]) == 2, lambda: self.listing("sinks"))
        for name in ("syslog:soc", "syslog:datagrams"):
            state = self.state(name)
            self.assertEqual((state["delivered"], state["lag_events"], state["last_success"]), (0, 300, None))
            self.assertIn("refused", state["last_error"])
            self.assertIsNotNone(state["failing_since"])
        self.assertIn("refused", daemon.log())
        rsyslog.start()
        lines = self.lines()
        self.check_all_arrived(self.wait_arrived(rsyslog, 300), lines)
        self.check_all_arrived(self.wait_arrived(rsyslog, 300, "datagrams"), lines, once=False)
        for name in ("syslog:soc", "syslog:datagrams"):
            wait_until(lambda: (self.state(name)["state"], self.state(name)["lag_events"]) == ("works", 0), lambda: self.state(name))
            self.assertIsNone(self.state(name)["failing_since"])


if __name__ == "__main__":
    unittest.main()
