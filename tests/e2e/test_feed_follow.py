"""The feed while things happen: ingest at full speed with attribution that lags, and sources that are judged anew behind a filter."""

import json
import threading
import time
import unittest
import urllib.parse

import lmtp
from attribution_case import GOOGLE, SENDGRID, SES, VENDORS, key, merge, selector_cname, txt
from daemon import PATIENCE, free_port, wait_until
from dns_server import Nsd, Proxy, delayed
from feed_case import FeedCase
from harness import BEGIN, DAY, SANITIZED, report, report_mail, row
from lmtp_case import listener

DOMAIN = "firm.example"
ZONE = merge(VENDORS, txt(DOMAIN, "v=spf1 include:sendgrid.net include:_spf.google.com -all"), selector_cname(DOMAIN, "s1", "s1.domainkey.u1.wl1.sendgrid.net"), key(f"google._domainkey.{DOMAIN}"))
MESSAGES = 150 if SANITIZED else 600
HANDED = 10  # reports of an ingest beside the daemon, with many rows each


class Follower(threading.Thread):
    """Reads the unfiltered feed from the beginning as a SIEM would, until `enough` says so and nothing more comes; keeps the bytes."""

    def __init__(self, case, limit, wait):
        super().__init__()
        self.case, self.limit, self.wait, self.stop, self.pages, self.error = case, limit, wait, threading.Event(), [], None

    def run(self):
        target = "/v1/events?" + urllib.parse.urlencode({"format": "ndjson", "limit": self.limit, "wait": self.wait})
        try:
            while True:
                stopping = self.stop.is_set()  # what was there then comes with the page
                answer = self.case.ask(target, check=False)
                if answer.status in (429, 503):
                    time.sleep(min(int(answer.headers["retry-after"]), 5))
                    continue
                if answer.status != 200:
                    raise AssertionError(f"{answer.status} {answer.text}")
                self.pages.append(answer.body)
                target = self.case.link(answer)
                if stopping and not answer.body:
                    return
        except BaseException as error:
            self.error = error

    def end(self):
        self.stop.set()
        self.join(PATIENCE * 4)
        if self.error:
            raise self.error
        return b"".join(self.pages)


class Lagging(FeedCase):
    MODE = None

    def setUp(self):
        super().setUp()
        self.dns = Nsd(ZONE).start()
        self.addCleanup(self.dns.stop)
        self.slow = Proxy(self.dns.port, [(lambda name, kind: True, delayed(0.4))])
        self.addCleanup(self.slow.stop)
        self.address = f"127.0.0.1:{free_port()}"

    def environment(self, **changes):
        return super().environment(**{"WHOSENT_DNS_SERVERS": self.slow.address, **changes})

    def rows(self, number):
        """Some that everybody knows, some that nobody has seen."""
        ip = f"203.0.113.{number % 250}"
        return [row(SENDGRID, 1 + number, header_from=DOMAIN, dkim=[(DOMAIN, "s1", "pass")], dkim_eval="pass"), row(GOOGLE, 2, header_from=DOMAIN, spf=[(DOMAIN, "pass")], spf_eval="pass"),
                row(ip, 3, header_from=DOMAIN, spf=[(DOMAIN, "fail")]), row(f"198.51.100.{number % 200}", 1, header_from=f"s{number}.{DOMAIN}", spf=[(f"bounce{number}.example.net", "pass")])]

    def run_it(self, deadline):
        self.served(listener(self.address, recipients=f'"dmarc@{DOMAIN}" = "aggregate"') + f'[dns]\nattribution_deadline = "{deadline}"\ndeadline = "60s"\n[feed]\nrequests_per_minute = 1_000_000\n', ingest=False)
        followers = [Follower(self, 100_000, 5), Follower(self, 97, 1)]
        for follower in followers:
            follower.start()
        mails = [report_mail(f"m{number}", rows=self.rows(number), domain=DOMAIN, org=f"r{number % 7}.example", begin=BEGIN + number % 5 * DAY) for number in range(MESSAGES)]
        refused, lock = [], threading.Lock()

        def deliver():
            with lmtp.Client(self.address, timeout=120) as client:
                client.hello()
                while True:
                    with lock:
                        if not mails:
                            return
                        mail = mails.pop()
                    codes = client.deliver(mail, f"dmarc@{DOMAIN}")
                    if codes != [250]:
                        refused.append(codes)

        for number in range(HANDED):
            some = [part for n in range(100) for part in self.rows(1000 + number * 100 + n)]
            self.write(f"in/{number}.xml", report(f"h{number}", some, domain=DOMAIN, org="handed.example", begin=BEGIN + number * DAY))
        workers = [threading.Thread(target=deliver) for _ in range(8)]
        for worker in workers:
            worker.start()
        # and a command that hands its messages over meanwhile
        self.ok("ingest", self.path("in"), timeout=300)
        for worker in workers:
            worker.join()
        self.assertEqual(refused, [])
        rows = 4 * MESSAGES + 400 * HANDED
        counted = lambda: sum(page.count(b'"class":"dmarc.record"') for page in followers[0].pages)
        wait_until(lambda: counted() >= rows or followers[0].error, lambda: f"{rows} records; {counted()} came", seconds=PATIENCE * 8, pause=0.2)
        self.settled()
        seen = followers[0].end()
        self.assertEqual(followers[1].end(), seen, "the two followers read different bytes")
        events = [json.loads(line) for line in seen.splitlines()]
        self.assertEqual([event["sequence"] for event in events], list(range(1, len(events) + 1)))
        self.assertEqual(len({event["id"] for event in events}), len(events))
        self.assertEqual(sum(event["class"] == "dmarc.record" for event in events), rows)
        # the same bytes at replay: from the beginning, in pages of another size, by the command, and after a restart
        replay = lambda limit: b"".join(body.body for body in self.followed(f"/v1/events?format=ndjson&limit={limit}"))
        self.assertEqual(replay(1_000_000), seen)
        self.assertEqual(replay(5_000), seen)
        self.assertEqual(self.ok("events").out.encode(), seen)
        self.server.kill()
        self.server.start()
        self.assertEqual(replay(1_000_000), seen)
        return events

    def settled(self):
        """Until attribution has nothing to do any more."""
        def done():
            sources = self.listing("sources", "--limit", "0")
            return sources and all(source["attribution_state"] == "final" for source in sources)

        wait_until(done, "every source is attributed", seconds=PATIENCE * 8, pause=0.5)

    def test_events_wait_for_their_attribution(self):
        events = self.run_it("300s")
        self.assertEqual({event["attribution"]["state"] for event in events if event["class"] == "dmarc.record"}, {"final"})

    def test_events_leave_before_it_and_are_told_again(self):
        events = self.run_it("1s")
        states = [event["attribution"]["state"] for event in events if event["class"] == "dmarc.record"]
        self.assertIn("provisional", states)
        changes = [event for event in events if event["class"] == "source.reclassified"]
        self.assertTrue(changes)
        self.assertGreaterEqual(self.slow.most_in_flight, 1)


class Filtered(FeedCase):
    """A filter matches either side: a row that was filtered out and turns bad is still told, and one that turns good, too."""
    MODE = None

    def setUp(self):
        super().setUp()
        self.dns = Nsd(ZONE, ttl=1).start()
        self.addCleanup(self.dns.stop)

    def environment(self, **changes):
        return super().environment(**{"WHOSENT_DNS_SERVERS": self.dns.address, **changes})

    def reclassified(self, cursor, **parameters):
        query = urllib.parse.urlencode({"cursor": cursor, "limit": 1000, "wait": 20, **parameters}, doseq=True)
        return [event for event in self.page("/v1/events?" + query)[0] if event["class"] == "source.reclassified"]

    def test_a_row_that_turns_bad(self):
        rows = [row(SENDGRID, 11, header_from=DOMAIN, dkim=[(DOMAIN, "s1", "pass")], dkim_eval="pass"), row(SES, 5, header_from=DOMAIN, dkim=[("amazonses.com", "x", "pass")], spf=[("amazonses.com", "pass")])]
        self.ingest("--wait-dns", self.write("in/1.xml", report("r1", rows, domain=DOMAIN)))
        self.served('[dns]\nattribution_deadline = "1s"\n', ingest=False)
        events, cursor, _ = self.page("/v1/events?limit=1000")
        before = {event["stream"]["source_ip"]: event for event in events if event["class"] == "dmarc.record"}
        self.assertEqual((before[SENDGRID]["verdict"]["name"], before[SENDGRID]["severity"]), ("authorized", 1))
        # a filter that wants bad things does not want it
        for parameters in ({"min_severity": 5}, {"verdict": "unapproved-pass"}):
            self.assertNotIn(11, [event.get("row", {}).get("count") for event in self.page("/v1/events?" + urllib.parse.urlencode({"limit": 1000, **parameters}))[0]])
        # from now on another sender is approved, and this one is not
        self.ok("approve", DOMAIN, "google-workspace")
        told = wait_until(lambda: self.reclassified(cursor), "the source is judged anew", pause=0.2)
        change = [event for event in told if event["before"]["verdict"] == "authorized"]
        self.assertTrue(change, told)
        after = change[0]["after"]["verdict"]
        self.assertNotEqual(after, "authorized")
        sequence = change[0]["sequence"]
        severity = change[0]["severity"]
        for parameters, wanted in (
            ({"verdict": after}, True),                    # what is thought now
            ({"verdict": "authorized"}, True),             # what was thought before
            ({"min_severity": severity}, True),
            ({"class": "source.reclassified"}, True),
            ({"domain": DOMAIN}, True),
            ({"verdict": "spoofed"}, after == "spoofed"),  # neither
            ({"domain": "example.org"}, False),
            ({"min_severity": 10}, False),
            ({"class": "dmarc.record"}, False),
            ({"verdict": "authorized", "domain": "example.org"}, False),
            ({"verdict": "authorized", "class": "dmarc.record"}, False),
        ):
            with self.subTest(**parameters):
                found = self.page("/v1/events?" + urllib.parse.urlencode({"cursor": cursor, "limit": 1000, **parameters}))[0]
                self.assertEqual(sequence in [event["sequence"] for event in found], wanted)
        # and what was told stays as it was told
        again = {event["stream"]["source_ip"]: event for event in self.page("/v1/events?limit=1000")[0] if event["class"] == "dmarc.record"}
        self.assertEqual(again, before)


if __name__ == "__main__":
    unittest.main()
