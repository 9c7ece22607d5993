"""Events while attribution is slow, and what changes later: DNS, the catalogue; and that the order of intake changes nothing."""

import json
import os
import random
import select
import signal
import subprocess
import time
import unittest

from attribution_case import (GOOGLE, HOSTED, IMPROVMX, LIAR, LIST, MAILCHIMP, MAILGUN, MICROSOFT, NOBODY, SENDGRID, SES, VENDORS, Attribution, key, merge, row, selector_cname, txt)
from dns_server import DROPPED, Nsd, Proxy, delayed
from harness import BEGIN, DAY, SANITIZED

DKIM = {"dkim_eval": "pass"}
PASS = {"dkim_eval": "pass", "spf_eval": "pass"}
DOMAIN = "firm.example"
ZONE = merge(
    txt(DOMAIN, "v=spf1 include:sendgrid.net include:_spf.google.com ip4:203.0.113.128/28 -all"), selector_cname(DOMAIN, "s1", "s1.domainkey.u1.wl1.sendgrid.net"), key(f"google._domainkey.{DOMAIN}"),
    selector_cname(DOMAIN, "k2", "dkim2.mcsv.net"), key(f"k1._domainkey.{DOMAIN}"),
)


def rows(count=1):
    """One of each kind, with different counts."""
    made = [
        (SENDGRID, dict(dkim=[(DOMAIN, "s1", "pass")], spf=[("bounces.sendgrid.net", "pass")], **DKIM)),
        (GOOGLE, dict(dkim=[(DOMAIN, "google", "pass")], spf=[(DOMAIN, "pass")], **PASS)),
        (MAILCHIMP, dict(dkim=[("mcsv.net", "k1", "pass")], spf=[("mail40.suw11.rsgsv.net", "pass")])),
        (MAILCHIMP, dict(dkim=[(DOMAIN, "k2", "pass")], spf=[("mail40.suw11.rsgsv.net", "pass")], **DKIM)),
        (SES, dict(dkim=[("amazonses.com", "ug7nbtf4gccmlpwj322ax3p6ow6yfsug", "pass")], spf=[("eu-west-1.amazonses.com", "pass")])),
        (MICROSOFT, dict(spf=[(DOMAIN, "fail")])),
        (MAILGUN, dict(dkim=[(DOMAIN, "k1", "pass")], spf=[(DOMAIN, "softfail")], **DKIM)),
        (NOBODY, dict(dkim=[(DOMAIN, "k1", "pass")], spf=[(DOMAIN, "softfail")], **DKIM)),
        (NOBODY, dict(spf=[(DOMAIN, "fail")])),
        (LIAR, dict(spf=[(DOMAIN, "fail")])),
        (HOSTED, dict(spf=[(DOMAIN, "fail")], dkim=[("evil.example", "s1", "pass")])),
        (IMPROVMX, dict(dkim=[(DOMAIN, "google", "fail")], spf=[("x.improvmx.com", "pass")])),
        (LIST, dict(dkim=[(DOMAIN, "google", "fail"), ("lists.example.net", "list", "pass")], spf=[("lists.example.net", "pass")])),
        ("203.0.113.130", dict(spf=[(DOMAIN, "pass")], spf_eval="pass")),
        ("2001:db8:60::41", dict(dkim=[(DOMAIN, "google", "pass")], **DKIM)),
    ]
    return [row(ip, count + n, header_from=DOMAIN, **results) for n, (ip, results) in enumerate(made)]


class Order(Attribution):
    ZONE = ZONE

    def taken(self, name, batches):
        """What is said after an ingest of each batch: of streams, of sources, of senders."""
        self.store = self.path(name + ".db")
        for batch in batches:
            self.ingest("--wait-dns", "--jobs", "2", *batch)
        said = self.conclusions()
        self.assertEqual({len(s) for s in said.values()}, {1}, said)
        return said, self.sources(), self.listing("senders")

    def test_the_order_of_intake_changes_nothing(self):
        draw = random.Random(7489)
        paths = []
        for n in range(12):
            some = rows(1 + n)
            draw.shuffle(some)
            paths.append(self.report_file(DOMAIN, *some[: draw.randrange(4, len(some) + 1)], begin=BEGIN + (n % 4) * DAY, org=f"receiver{n % 3}.example"))
        # two streams of one address with as many messages each
        paths.append(self.report_file(DOMAIN, row("203.0.113.77", 500, header_from=DOMAIN, spf=[(DOMAIN, "fail")]), org="a.example"))
        paths.append(self.report_file(DOMAIN, row("203.0.113.77", 500, header_from=DOMAIN, dkim=[("mcsv.net", "k1", "pass")]), org="b.example"))
        expected = self.taken("first", [paths])
        self.assertGreaterEqual(len({tuple(s)[0][6] for s in expected[0].values()}), 5)  # of the seven verdicts
        for attempt in range(5):
            order = paths[:]
            draw.shuffle(order)
            at = draw.randrange(1, len(order))
            batches = [order] if attempt == 0 else [order[::-1]] if attempt == 1 else [order[:at], order[at:]] if attempt < 4 else [[path] for path in order]
            found = self.taken(f"order{attempt}", batches)
            for part, a, b in zip(("streams", "sources", "senders"), expected, found):
                self.assertEqual(a, b, (part, attempt))

    def test_without_waiting_and_then_completed(self):
        paths = [self.report_file(DOMAIN, *rows(1)), self.report_file(DOMAIN, *rows(50), org="second.example")]
        expected = self.taken("waited", [paths])
        self.store = self.path("late.db")
        for path in paths:
            self.ingest("--dns", "off", path)
        self.ok("attribute")
        self.assertEqual((self.sources(), self.listing("senders")), expected[1:])


class Followed(Attribution):
    ZONE = ZONE

    def follow(self):
        child = self.start("events", "--follow", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        os.set_blocking(child.stdout.fileno(), False)
        return child

    def read(self, child, seconds, lines=None):
        """What comes within the time, or until there are so many lines."""
        text, end = getattr(child, "rest", b""), time.monotonic() + seconds
        while time.monotonic() < end and (lines is None or text.count(b"\n") < lines):
            if select.select([child.stdout], [], [], 0.1)[0]:
                data = child.stdout.read()
                if data == b"":
                    break
                text += data or b""
        whole, _, child.rest = text.rpartition(b"\n")  # a line may come in parts
        return whole.decode().splitlines()

    def replayed(self):
        return self.ok("events").lines

    def paged(self, size):
        """All events, in pages, by cursor."""
        out, cursor = [], None
        while True:
            done = self.ok("events", "--limit", str(size), *(("--after", cursor) if cursor else ()))
            if not done.lines:
                return out
            out += done.lines
            cursor = done.err.splitlines()[-1]

    def check(self, seen):
        sequences = [json.loads(line)["sequence"] for line in seen]
        self.assertEqual(sequences, sorted(set(sequences)))
        self.assertEqual(len({json.loads(line)["id"] for line in seen}), len(seen))
        self.assertEqual(self.replayed(), seen)
        for size in (1, 7, 1000):
            self.assertEqual(self.paged(size), seen)

    def slow(self, config, seconds):
        proxy = Proxy(self.dns.port, [(lambda name, kind: True, delayed(seconds))])
        self.addCleanup(proxy.stop)
        self.servers = proxy.address
        self.configured(config)
        return proxy

    def some(self, reports=6):
        return [self.report_file(DOMAIN, *(row(f"203.0.113.{1 + 20 * n + k}", 1 + k, header_from=DOMAIN, spf=[(DOMAIN, "fail")]) for k in range(20)), *rows(n + 1), org=f"r{n}.example") for n in range(reports)]

    def test_a_follower_sees_each_event_once_with_its_attribution(self):
        """The deadline is far: an event leaves when its stream is known, and nothing has to be taken back."""
        self.slow('[dns]\nattribution_deadline = "60s"\n', 0.3)
        paths = self.some()
        self.ingest(paths[0], "--dns", "off")  # so that there is a store to follow
        self.ok("attribute")
        earlier = len(self.replayed())
        child = self.follow()
        self.read(child, 20, earlier)
        ingest = self.start("ingest", "--wait-dns", *paths[1:], stdout=subprocess.DEVNULL)
        seen = self.read(child, 60, 5 * 35)
        self.assertEqual(ingest.wait(60), 0)
        self.assertEqual(len(seen), 5 * 35)
        self.assertEqual(self.read(child, 1.5), [])
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(20), 0)
        for line in seen:
            event = json.loads(line)
            self.assertEqual((event["class"], event["attribution"]["state"]), ("dmarc.record", "final"), line)
        self.assertEqual(self.replayed()[earlier:], seen)

    def test_a_follower_with_an_impatient_deadline_is_told_each_change_once(self):
        """Events leave provisional after a second; DNS takes longer. Then each stream changes once, and what was told stays."""
        proxy = self.slow('[dns]\nattribution_deadline = "1s"\ndeadline = "60s"\n', 3.5)
        paths = self.some(3)
        self.ingest(paths[0], "--dns", "off")
        earlier = self.replayed()
        child = self.follow()
        seen = self.read(child, 20, len(earlier))
        self.assertEqual(seen, earlier)
        ingest = self.start("ingest", "--wait-dns", *paths[1:], stdout=subprocess.DEVNULL)
        end = time.monotonic() + (240 if SANITIZED else 60)
        while ingest.poll() is None and time.monotonic() < end:
            seen += self.read(child, 0.5)
        self.assertEqual(ingest.wait(1), 0)
        seen += self.read(child, 4)
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(20), 0)
        seen += self.read(child, 1)
        self.check(seen)
        events = [json.loads(line) for line in seen]
        records = [e for e in events if e["class"] == "dmarc.record"]
        changes = [e for e in events if e["class"] == "source.reclassified"]
        self.assertEqual(len(records), 3 * 35)
        provisional = {e["stream"]["id"] for e in records if e["attribution"]["state"] == "provisional"}
        self.assertTrue(provisional)
        self.assertTrue(changes)
        # in the end each stream that was told otherwise is told once to have changed
        told = {}
        for change in changes:
            if "stream" in change:
                told[change["stream"]["id"]] = told.get(change["stream"]["id"], 0) + 1
        self.assertEqual(set(told.values()) - {1}, set(), told)
        self.assertEqual({s["attribution_state"] for s in self.sources()}, {"final"})

    def test_a_run_that_ends_early_is_completed_later(self):
        self.slow('[dns]\nattribution_deadline = "0s"\ndeadline = "30s"\n', 20)
        self.ingest(*self.some(2))
        first = self.replayed()
        self.assertEqual([json.loads(line)["class"] for line in first], ["dmarc.record"] * 70)
        self.servers = self.dns.address
        self.ok("attribute")
        everything = self.replayed()
        self.assertEqual(everything[:70], first)
        changes = [json.loads(line) for line in everything[70:]]
        self.assertEqual({c["class"] for c in changes}, {"source.reclassified"})
        self.assertEqual(sum(c["change"]["rows"] for c in changes), 70)
        self.ok("attribute")
        self.ok("attribute", "--all")
        self.assertEqual(self.replayed(), everything)


class Changes(Attribution):
    """Each test has a name server of its own."""

    @classmethod
    def setUpClass(cls):
        pass

    def setUp(self):
        self.dns = Nsd(merge(VENDORS, ZONE), ttl=1).start()
        self.addCleanup(self.dns.stop)
        super().setUp()

    def changes(self, cursor):
        events, cursor = self.events("--after", cursor)
        self.assertEqual({e["class"] for e in events} - {"source.reclassified"}, set())
        return events, cursor

    def test_dns(self):
        self.take(DOMAIN, *rows())
        before = self.ok("events").lines
        cursor = self.events()[1]
        self.expects(DOMAIN, SES, "amazon-ses", "high", "unapproved-sender")
        self.expects(DOMAIN, SENDGRID, "sendgrid", "high", "authorized")
        # SES is included, the key of SendGrid is taken away
        zone = merge(VENDORS, ZONE)
        zone[DOMAIN] = [("TXT", "v=spf1 include:amazonses.com include:_spf.google.com ip4:203.0.113.128/28 -all")]
        del zone[f"s1._domainkey.{DOMAIN}"]
        self.dns.change(zone)
        time.sleep(2.2)  # older than its TTL
        self.ok("attribute", "--all")
        self.assertEqual(self.source(DOMAIN, SES)["verdict"], "misaligned")
        self.assertIn("SPF record", self.source(DOMAIN, SES)["reason"])
        events, cursor = self.changes(cursor)
        found = {e["stream"]["source_ip"]: e for e in events if "stream" in e}
        self.assertEqual((found[SES]["before"]["verdict"], found[SES]["after"]["verdict"], found[SES]["change"]["cause"]), ("unapproved-sender", "misaligned", "dns-change"))
        self.assertEqual(found[SES]["change"]["messages"], 5)
        # as before again
        self.dns.change(merge(VENDORS, ZONE))
        time.sleep(2.2)
        self.ok("attribute", "--all")
        self.expects(DOMAIN, SES, "amazon-ses", "high", "unapproved-sender")
        self.assertEqual(len(self.changes(cursor)[0]), len(events))
        self.assertEqual(self.ok("events").lines[:len(before)], before)
        # nothing has changed: nothing is told
        after = self.ok("events").lines
        time.sleep(1.2)
        self.ok("attribute", "--all")
        self.assertEqual(self.ok("events").lines, after)

    def test_without_all_nothing_is_asked_again(self):
        self.take(DOMAIN, *rows())
        after = self.ok("events").lines
        zone = merge(VENDORS, ZONE)
        zone[DOMAIN] = [("TXT", "v=spf1 -all")]
        self.dns.change(zone)
        time.sleep(1.2)
        self.ok("attribute")
        self.assertEqual(self.ok("events").lines, after)

    def test_a_server_that_is_gone_takes_nothing_back(self):
        self.take(DOMAIN, *rows())
        said, after = self.sources(), self.ok("events").lines
        self.dns.end()
        time.sleep(1.2)
        self.configured('[dns]\ndeadline = "1s"\n')
        self.ok("attribute", "--all")
        self.assertEqual([(s["source_ip"], s["sender"], s["verdict"]) for s in self.sources()], [(s["source_ip"], s["sender"], s["verdict"]) for s in said])
        self.assertEqual(self.ok("events").lines, after)

    def test_the_catalogue(self):
        self.take(DOMAIN, *rows())
        cursor = self.events()[1]
        self.expects(DOMAIN, HOSTED, None, "unknown", "spoofed")
        sender = '[[sender]]\nid = "our-crm"\nname = "Our CRM"\nnetworks = ["203.0.113.24/29"]\ndkim_domains = ["evil.example"]\n'
        self.configured(sender)
        self.ok("attribute")
        found = self.expects(DOMAIN, HOSTED, "our-crm", "high", "unapproved-sender", reason="Our CRM")
        self.assertEqual(found["sender_name"], "Our CRM")
        events, cursor = self.changes(cursor)
        self.assertEqual([(e["stream"]["source_ip"], e["before"]["verdict"], e["after"]["sender"], e["after"]["verdict"], e["change"]["cause"]) for e in events],
                         [(HOSTED, "spoofed", "our-crm", "unapproved-sender", "catalogue")])
        # with an approval of the configuration, which ingest notices too
        self.configured(sender + f'[[approve]]\ndomain = "{DOMAIN}"\nsender = "our-crm"\n')
        self.ingest("--wait-dns", self.report_file("other.example", row("203.0.113.9", 1, header_from="other.example")))
        self.assertEqual(self.source(DOMAIN, HOSTED)["verdict"], "misaligned")
        self.assertEqual(self.source(DOMAIN, SENDGRID)["verdict"], "unapproved-pass")
        # and without them all is as it was
        self.config = None
        self.ok("attribute")
        self.expects(DOMAIN, HOSTED, None, "unknown", "spoofed")

    def test_many_streams_that_change_alike_are_one_event(self):
        self.take(DOMAIN, *(row(f"203.0.113.{n}", 1, header_from=DOMAIN, dkim=[("campaigns.invalid", "x", "pass")]) for n in range(1, 120)))
        cursor = self.events()[1]
        self.configured('[[sender]]\nid = "campaigns"\nname = "Campaigns"\ndkim_domains = ["campaigns.invalid"]\n')
        self.ok("attribute")
        events, _ = self.changes(cursor)
        self.assertEqual(sum(e["change"]["streams"] for e in events), 119)
        self.assertLess(len(events), 10)
        self.assertEqual({e["after"]["sender"] for e in events}, {"campaigns"})


if __name__ == "__main__":
    unittest.main()
