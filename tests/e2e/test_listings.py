"""sources, domains, reports, report: what they say in each format, and how they refuse."""

import csv
import io
import os
import subprocess
import unittest

from harness import BEGIN, BINARY, DAY, Case, report, row

ALIGNED = dict(dkim=[("example.com", "s1", "pass")], spf=[("example.com", "pass")], dkim_eval="pass", spf_eval="pass")


class Listings(Case):
    def setUp(self):
        super().setUp()
        self.write("in/1.xml", report("r1", [
            row("192.0.2.1", 10, **ALIGNED),
            row("198.51.100.7", 4, disposition="quarantine", spf=[("bulk.example.net", "pass")]),
        ]))
        rows = [row("192.0.2.1", 5, **ALIGNED), row("2001:db8::5", 1, disposition="reject")]
        self.write("in/2.xml", report("r2", rows, org="other.example", begin=BEGIN + 3 * DAY))
        rows = [row("203.0.113.9", 2, header_from="example.org", disposition="reject")]
        self.write("in/3.xml", report("r3", rows, domain="example.org", policy="reject"))
        summary = self.ingest(self.path("in"))
        self.assertEqual((summary["reports"]["aggregate"], summary["records"], summary["quarantined"]), (3, 5, 0))

    def test_sources(self):
        rows = self.listing("sources")
        self.assertEqual([(r["domain"], r["source_ip"], r["messages"], r["pass"], r["fail"]) for r in rows], [
            ("example.com", "192.0.2.1", 15, 15, 0),
            ("example.com", "198.51.100.7", 4, 0, 4),
            ("example.org", "203.0.113.9", 2, 0, 2),
            ("example.com", "2001:db8::5", 1, 0, 1),
        ])
        first = rows[0]
        self.assertEqual((first["dkim_aligned"], first["spf_aligned"], first["none"]), (15, 15, 15))
        self.assertEqual((first["first_day"], first["last_day"]), ("2025-11-21", "2025-11-24"))
        self.assertTrue(any("s1" in selector for selector in first["selectors"]), first)
        self.assertEqual(first["envelope_domains"], ["example.com"])
        self.assertEqual((rows[1]["quarantine"], rows[1]["envelope_domains"]), (4, ["bulk.example.net"]))

    def test_sources_filters(self):
        ips = lambda *arguments: [r["source_ip"] for r in self.listing("sources", *arguments)]
        self.assertEqual(ips("--failing"), ["198.51.100.7", "203.0.113.9", "2001:db8::5"])
        self.assertEqual(ips("--limit", "1"), ["192.0.2.1"])
        self.assertEqual(len(ips("--limit", "0")), 4)
        self.assertEqual(ips("--domain", "EXAMPLE.org."), ["203.0.113.9"])
        self.assertEqual(ips("--domain", "nobody.example"), [])
        self.assertEqual(ips("--since", "2025-11-22"), ["192.0.2.1", "2001:db8::5"])
        self.assertEqual(ips("--until", "2025-11-22", "--domain", "example.com"), ["192.0.2.1", "198.51.100.7"])
        self.assertEqual([r["messages"] for r in self.listing("sources", "--since", "2025-11-24")], [5, 1])

    def test_domains(self):
        com, org = sorted(self.listing("domains"), key=lambda r: r["domain"])
        self.assertEqual((com["domain"], com["messages"], com["pass"], com["p"], com["reports"], com["reporters"], com["days"]),
                         ("example.com", 20, 15, "none", 2, 2, 2))
        self.assertAlmostEqual(com["pass_rate"], 0.75)
        self.assertEqual((org["messages"], org["pass_rate"], org["p"], org["pct"]), (2, 0, "reject", 100))

    def test_reports_and_pages(self):
        rows = self.listing("reports")
        self.assertEqual([(r["report_id"], r["domain"], r["rows"], r["messages"], r["pass"]) for r in rows],
                         [("r1", "example.com", 2, 14, 10), ("r2", "example.com", 2, 6, 5), ("r3", "example.org", 1, 2, 0)])
        self.assertIn("in/1.xml", rows[0]["origin"])
        self.assertEqual([r["report_id"] for r in self.listing("reports", "--limit", "1")], ["r1"])
        self.assertEqual([r["report_id"] for r in self.listing("reports", "--limit", "1", "--after", str(rows[0]["id"]))], ["r2"])
        self.assertEqual([r["report_id"] for r in self.listing("reports", "--domain", "example.org")], ["r3"])
        self.assertEqual([r["report_id"] for r in self.listing("reports", "--since", "2025-11-22")], ["r2"])

    def test_report(self):
        number = str(self.listing("reports")[0]["id"])
        shown = self.listing("report", number)
        self.assertEqual((shown["org_name"], shown["report_id"], shown["p"], shown["rows"]), ("receiver.example", "r1", "none", 2))
        self.assertEqual(shown["diagnostics"], [])
        self.assertEqual(len(shown["records"]), 2)
        self.assertEqual({event["class"] for event in shown["records"]}, {"dmarc.record"})
        table = self.ok("report", number).out
        for text in ("receiver.example", "192.0.2.1", "198.51.100.7", "quarantine", "bulk.example.net=pass", "s1._domainkey.example.com=pass"):
            self.assertIn(text, table)
        rows = list(csv.DictReader(io.StringIO(self.ok("report", number, "--format", "csv").out)))
        self.assertEqual([(r["source_ip"], r["count"], r["judgement"]) for r in rows], [("192.0.2.1", "10", "pass"), ("198.51.100.7", "4", "fail")])

    def test_report_tells_what_was_odd(self):
        self.write("odd.xml", report("odd", [row("192.0.2.300", 1), row("192.0.2.1", -4)]))
        self.ingest(self.path("odd.xml"))
        number = str(self.listing("reports", "--limit", "0")[-1]["id"])
        diagnostics = self.listing("report", number)["diagnostics"]
        self.assertTrue(any("192.0.2.300" in d["message"] and d["row"] == 0 for d in diagnostics), diagnostics)
        self.assertTrue(any("-4" in d["message"] and d["row"] == 1 for d in diagnostics), diagnostics)
        self.assertIn("192.0.2.300", self.ok("report", number).out)

    def test_every_listing_in_every_format(self):
        for command in (["sources"], ["domains"], ["reports"], ["quarantine", "list"]):
            keys = None
            for name in ("table", "json", "csv"):
                out = self.ok(*command, "--format", name).out
                self.assertTrue(out.endswith("\n"), (command, name))
                if name == "json" and command[0] != "quarantine":
                    keys = list(self.listing(*command)[0])
                if name == "csv":
                    rows = list(csv.reader(io.StringIO(out, newline="")))
                    self.assertEqual({len(r) for r in rows}, {len(rows[0])}, command)
                    self.assertTrue(keys is None or rows[0] == keys, (command, rows[0], keys))
                    self.assertEqual(out.count("\r\n"), out.count("\n"))

    def test_empty_results(self):
        self.assertEqual(self.listing("sources", "--domain", "nobody.example"), [])
        self.assertEqual(self.ok("sources", "--domain", "nobody.example").out, "No source.\n")
        self.assertEqual(len(self.ok("sources", "--domain", "nobody.example", "--format", "csv").lines), 1)
        self.assertEqual(self.ok("quarantine", "list").out, "The quarantine is empty.\n")

    def test_a_strangers_text_is_only_text(self):
        org = 'a,"b" &#27;[31m&#10;=1+1'
        self.write("evil.xml", report("evil", org=org))
        self.ingest(self.path("evil.xml"))
        table = self.ok("reports").out
        self.assertNotIn("\x1b", table)
        self.assertEqual(len(table.splitlines()), 5)
        stored = self.listing("reports")[-1]["org_name"]
        self.assertTrue(stored.startswith('a,"b"'), stored)
        rows = list(csv.DictReader(io.StringIO(self.ok("reports", "--format", "csv").out, newline="")))
        self.assertEqual(rows[-1]["org_name"], stored)

    def test_a_table_fits_the_terminal_and_is_whole_elsewhere(self):
        self.write("wide.xml", report("x" * 120, [row("192.0.2.1", 1, **ALIGNED)], org="o" * 90 + ".example"))
        self.ingest(self.path("wide.xml"))
        self.assertIn("x" * 120, self.ok("reports").out)
        for width in (60, 80, 120):
            for command in ("reports", "sources", "domains"):
                lines = self.in_terminal(width, command)
                self.assertTrue(lines)
                self.assertLessEqual(max(map(len, lines)), width, (command, lines))
            self.assertIn("…", "".join(self.in_terminal(width, "reports")))

    def test_a_reader_that_goes_away(self):
        child = self.start("reports", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdout.close()
        self.assertEqual(child.wait(20), 0)
        self.assertEqual(child.stderr.read(), b"")
        child.stderr.close()

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            child = self.start("reports", "--format", "json", stdout=full, stderr=subprocess.PIPE)
            _, err = child.communicate(timeout=20)
        self.assertEqual(child.returncode, 1)
        self.assertIn(b"standard output", err)


class Refusals(Case):
    def test_wrong_usage(self):
        for arguments in (
            [], ["nonsense"], ["sources", "--nonsense"], ["ingest"], ["report"], ["report", "x"], ["report", "-1"], ["quarantine"],
            ["quarantine", "nonsense"], ["quarantine", "show"], ["quarantine", "drop"], ["config"], ["backup"], ["purge"],
            ["sources", "--format", "xml"], ["events", "--format", "csv"], ["ingest", "--summary", "xml", "x"], ["ingest", "--jobs", "-1", "x"],
            ["ingest", "--jobs", "9999", "x"], ["sources", "--limit", "many"], ["sources", "--limit", "-3"], ["sources", "extra"],
            ["sources", "--since", "31/12/2026"], ["sources", "--until", "soon"], ["sources", "--since", "2026-01-02", "--until", "2026-01-01"],
            ["sources", "--domain", "no domain"], ["reports", "--since", "x"], ["purge", "--older-than", "0d"], ["purge", "--older-than", "old"],
            ["report", "99999999999999999999"], ["report", "9999999999999999999"], ["events", "--after", "not-a-cursor"],
            ["complaints", "--by", "sender"], ["complaints", "--list", "--by", "ip"], ["complaints", "--list", "--daily"], ["complaints", "--all"],
            ["failures", "--since", "x"], ["tls", "--domain", "no domain"], ["purge", "--kind", "all", "--older-than", "1d"], ["purge", "--kind", "tls"],
            ["purge", "--dry-run"], ["--store", "mysql:x", "sources"], ["--store", "nothing", "sources"],
        ):
            with self.subTest(arguments=arguments):
                self.fails(2, *arguments)

    def test_help_everywhere(self):
        commands = ["ingest", "sources", "domains", "reports", "failures", "complaints", "tls", "report", "quarantine", "events", "purge", "backup", "pseudonym",
                    "config", "version"]
        out = self.ok("--help").out
        for command in commands:
            self.assertIn(f"  {command}", out)
        for command in [[c] for c in commands] + [["quarantine", c] for c in ("list", "show", "retry", "drop")] + [["config", "show"]]:
            out = self.ok(*command, "--help").out
            self.assertIn("--store", out)
            self.assertIn(command[-1], out)

    def test_version(self):
        self.assertRegex(self.ok("version").out, r"^whosent \d+\.\d+\.\d+\n.*SQLite \d")
        self.assertEqual(self.ok("--version").out, self.ok("version").out)

    def test_no_store_yet(self):
        for command in (["sources"], ["domains"], ["reports"], ["failures"], ["complaints"], ["complaints", "--list"], ["tls"], ["tls", "--failures"], ["report", "1"],
                        ["quarantine", "list"], ["quarantine", "retry"], ["quarantine", "drop", "1"],
                        ["events"], ["purge", "--older-than", "1d"], ["backup", self.path("copy.db")]):
            with self.subTest(command=command):
                self.fails(1, *command, says=("store.db", "whosent ingest"))
                self.assertEqual(os.listdir(self.dir), [])

    def test_unknown_numbers(self):
        self.ingest(self.write("r.xml", report()))
        self.fails(1, "report", "77", says="77")
        for command in ("show", "retry", "drop"):
            self.fails(1, "quarantine", command, "77", says="77")


if __name__ == "__main__":
    unittest.main()
