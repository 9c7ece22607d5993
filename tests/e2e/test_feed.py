"""GET /v1/events against the real daemon: parameters, formats, cursors, waiting, limits; every answer is held against schemas/openapi.yaml."""

import datetime
import gzip
import json
import os
import shutil
import signal
import socket
import threading
import time
import unittest
import urllib.parse

import lmtp
from daemon import PATIENCE, free_port, wait_until
from feed_case import FeedCase, contract
from harness import BEGIN, DAY, report, report_mail, row
from lmtp_case import listener

JSON, NDJSON, CEF = "application/json", "application/x-ndjson", "text/plain"


def target(**parameters):
    return "/v1/events" + ("?" + urllib.parse.urlencode(parameters, doseq=True) if parameters else "")


class Formats(FeedCase):
    def test_each_format(self):
        self.served()
        json_lines, cef, ecs = (self.ok("events", "--format", name).out for name in ("json", "cef", "ecs"))
        self.assertGreater(len(json_lines.splitlines()), 30)
        for wanted, parameters, accept, kind in (
            (json_lines, {"format": "ndjson"}, None, NDJSON),
            (json_lines, {}, NDJSON, NDJSON),
            (json_lines, {"format": "ndjson"}, JSON, NDJSON),  # the parameter decides
            (cef, {"format": "cef"}, None, CEF),
            (cef, {}, CEF, CEF),
            (ecs, {"format": "ecs"}, None, NDJSON),
        ):
            with self.subTest(**parameters, accept=accept):
                answer = self.ask(target(**parameters), **({"Accept": accept} if accept else {}))
                self.assertEqual(answer.headers["content-type"].partition(";")[0], kind)
                self.assertEqual(answer.text, wanted)
        for parameters, accept in (({}, None), ({"format": "json"}, None), ({}, JSON), ({}, "*/*"), ({}, "text/html, */*;q=0.1"), ({"format": "json"}, NDJSON)):
            with self.subTest(**parameters, accept=accept):
                answer = self.ask(target(**parameters), **({"Accept": accept} if accept else {}))
                self.assertEqual(answer.headers["content-type"].partition(";")[0], JSON)
                self.assertEqual(json.loads(answer.body)["events"], [json.loads(line) for line in json_lines.splitlines()])

    def test_head(self):
        self.served()
        head, get = self.ask(method="HEAD"), self.ask()
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["x-next-cursor"], get.headers["x-next-cursor"])

    def test_gzip(self):
        self.served()
        plain = self.ask(target(format="ndjson"), Accept_Encoding="identity")
        self.assertNotIn("content-encoding", plain.headers)
        packed = self.ask(target(format="ndjson"), Accept_Encoding="gzip")
        self.assertEqual(packed.headers.get("content-encoding"), "gzip")
        self.assertEqual(packed.body, plain.body)
        self.assertEqual(self.curl(target(format="ndjson"), "--compressed"), plain.body)
        # as it comes over the wire
        raw = self.curl(target(format="ndjson"), "--header", "Accept-Encoding: gzip", "--raw", "--http1.0")
        self.assertLess(len(raw), len(plain.body) / 3)
        self.assertEqual(gzip.decompress(raw), plain.body)
        for refused in ("gzip;q=0", "br", "identity;q=1, *;q=0"):
            self.assertNotIn("content-encoding", self.ask(target(format="ndjson"), Accept_Encoding=refused).headers, refused)

    def test_a_large_page_is_streamed(self):
        """More than a page's worth of memory, to clients of both versions of HTTP."""
        self.write("in/large.xml", report("large", [row(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 1) for n in range(30_000)]))
        self.served()
        expected = self.ok("events").out.encode()
        self.assertGreater(len(expected), 20 << 20)
        answer = self.ask(target(format="ndjson", limit=1_000_000), check=False)
        self.assertEqual(answer.body, expected)
        self.assertEqual(answer.headers.get("transfer-encoding"), "chunked")
        self.assertEqual(self.curl(target(format="ndjson", limit=1_000_000), "--http1.0"), expected)
        self.assertEqual(self.curl(target(format="ndjson", limit=1_000_000), "--compressed"), expected)
        self.assertEqual(self.page(target(cursor=answer.headers["x-next-cursor"])), ([], answer.headers["x-next-cursor"], False))
        as_json = json.loads(self.ask(target(limit=1_000_000), check=False).body)
        self.assertEqual([event["sequence"] for event in as_json["events"]], [json.loads(line)["sequence"] for line in expected.splitlines()])


class Pages(FeedCase):
    def test_followed_to_the_end(self):
        self.served()
        expected = self.ok("events").lines
        for size in (1, 7, len(expected) - 1, len(expected), len(expected) + 1):
            with self.subTest(size=size):
                bodies = self.followed(target(limit=size, format="ndjson"))
                self.assertEqual("".join(body.text for body in bodies).splitlines(), expected)
                self.assertEqual({body.text.count("\n") for body in bodies[:-1]} - {size}, set())
                self.assertEqual(len(bodies), -(-len(expected) // size))
        # Link keeps the parameters
        for parameters in ({"class": "dmarc.record"}, {"min_severity": 5}, {"domain": "example.org"}):
            bodies = self.followed(target(limit=3, **parameters))
            found = [event for body in bodies for event in json.loads(body.body)["events"]]
            self.assertEqual([event["sequence"] for event in found], [event["sequence"] for event in self.page(target(limit=1000, **parameters))[0]])
            self.assertTrue(0 < len(found) < len(expected))

    def test_envelope(self):
        self.served()
        total = len(self.ok("events").lines)
        events, cursor, more = self.page(target(limit=total - 1))
        self.assertEqual((len(events), more), (total - 1, True))
        events, last, more = self.page(target(cursor=cursor, limit=5))
        self.assertEqual((len(events), more), (1, False))
        for _ in range(2):
            self.assertEqual(self.page(target(cursor=last)), ([], last, False))
        # by the command line, too
        self.assertEqual(self.events("--after", cursor)[0], events)
        self.assertEqual(self.events("--after", last), ([], last))

    def test_a_cursor_lives_on(self):
        self.served()
        everything = self.ok("events").lines
        _, cursor, _ = self.page(target(limit=10))
        self.server.kill()
        self.server.start()
        self.ingest(self.write("later/1.xml", report("later", [row("192.0.2.77", 1)])))
        answer = self.ask(target(cursor=cursor, format="ndjson"))
        lines = answer.text.splitlines()
        self.assertEqual(lines[:len(everything) - 10], everything[10:])
        self.assertEqual(len(lines), len(everything) - 10 + 1)
        self.server.terminate()
        self.server.start()
        self.assertEqual(self.ask(target(cursor=cursor, format="ndjson")).body, answer.body)

    def test_an_empty_store(self):
        self.served(ingest=False)
        events, cursor, more = self.page()
        self.assertEqual((events, more), ([], False))
        for name, kind in (("ndjson", NDJSON), ("cef", CEF), ("ecs", NDJSON)):
            answer = self.ask(target(format=name))
            self.assertEqual((answer.body, answer.headers["content-type"].partition(";")[0], answer.headers["x-next-cursor"]), (b"", kind, cursor))
        self.ingest(self.write("in/1.xml", report("r1")))
        self.assertEqual(len(self.page(target(cursor=cursor))[0]), 1)

    def test_two_listeners_and_the_switch(self):
        self.served("[feed]\nenabled = false\n")
        answer = self.ask(check=False)
        self.assertEqual(answer.status, 404)
        self.assertEqual(self.ask("/healthz", token=None, check=False).status, 200)


class Parameters(FeedCase):
    def setUp(self):
        super().setUp()
        self.served()
        self.all = [json.loads(line) for line in self.ok("events").lines]

    def chosen(self, **parameters):
        return [event["sequence"] for event in self.page(target(limit=1000, **parameters))[0]]

    def expect(self, condition, **parameters):
        wanted = [event["sequence"] for event in self.all if condition(event)]
        with self.subTest(**parameters):
            self.assertEqual(self.chosen(**parameters), wanted)
            self.assertTrue(0 < len(wanted) < len(self.all), wanted)

    @staticmethod
    def domain(event):
        return event.get("report", {}).get("domain") or event.get("policy", {}).get("domain") or event.get("stream", {}).get("header_from", "") or event.get("domain", "")

    @staticmethod
    def verdict(event):
        return event.get("verdict", {}).get("name")

    def test_class(self):
        classes = sorted({event["class"] for event in self.all})
        self.assertGreaterEqual(len(classes), 5)
        for name in classes:
            self.expect(lambda event: event["class"] == name, **{"class": name})
        self.expect(lambda event: event["class"] in classes[1:3], **{"class": classes[1:3]})
        self.expect(lambda event: event["class"] in classes[1:3], **{"class": ",".join(classes[1:3])})
        self.assertEqual(self.chosen(**{"class": "finding.opened"}), [])

    def test_min_severity(self):
        for least in sorted({event["severity"] for event in self.all})[1:]:
            self.expect(lambda event: event["severity"] >= least, min_severity=least)
        self.assertEqual(self.chosen(min_severity=0), [event["sequence"] for event in self.all])
        self.assertEqual(self.chosen(min_severity=10), [])

    def test_domain(self):
        self.expect(lambda event: self.domain(event) == "example.org", domain="example.org")
        self.expect(lambda event: self.domain(event) == "example.org", domain="EXAMPLE.org.")
        self.expect(lambda event: self.domain(event).endswith("example.com"), domain="example.com")
        self.expect(lambda event: self.domain(event) != "", domain=["example.org", "example.com"])
        self.expect(lambda event: self.domain(event) != "", domain="example.org,example.com")
        self.expect(lambda event: self.domain(event).endswith(".com"), domain="com")
        self.assertEqual(self.chosen(domain="ample.com"), [])

    def test_verdict(self):
        verdicts = {self.verdict(event) for event in self.all} - {None}
        self.assertGreaterEqual(len(verdicts), 2)
        for name in verdicts:
            self.expect(lambda event: self.verdict(event) == name, verdict=name)
        self.expect(lambda event: self.verdict(event) is not None, verdict=",".join(verdicts))

    def test_together(self):
        self.expect(lambda event: event["class"] == "dmarc.record" and event["severity"] >= 5 and self.domain(event) == "example.com", **{"class": "dmarc.record", "min_severity": 5, "domain": "example.com"})
        # as on the command line
        for given in (["--class", "dmarc.record"], ["--min-severity", "5"], ["--domain", "example.org"], ["--verdict", "undetermined"]):
            parameters = {given[0][2:].replace("-", "_"): given[1]}
            self.assertEqual([event["sequence"] for event in self.events(*given)[0]], self.chosen(**parameters), given)

    def test_time(self):
        """By publication, not by the window of a report."""
        second = datetime.datetime.fromisoformat(self.all[-1]["time"].replace("Z", "+00:00"))
        wait_until(lambda: datetime.datetime.now(datetime.timezone.utc) > second + datetime.timedelta(seconds=2), "another second")
        self.ingest(self.write("later/1.xml", report("later", [row("192.0.2.77", 1)], begin=BEGIN - 30 * DAY)))
        earlier, self.all = self.all, [json.loads(line) for line in self.ok("events").lines]
        new = self.all[len(earlier):]
        self.assertEqual(len(new), 1)
        at = new[0]["time"]
        self.expect(lambda event: event["time"] >= at, since=at)
        self.expect(lambda event: event["time"] < at, until=at)
        with_zone = datetime.datetime.fromisoformat(at.replace("Z", "+00:00")).astimezone(datetime.timezone(datetime.timedelta(hours=5))).isoformat()
        self.expect(lambda event: event["time"] >= at, since=with_zone)
        today = datetime.datetime.now(datetime.timezone.utc).date()
        tomorrow = today + datetime.timedelta(days=1)
        self.assertEqual(self.chosen(since=str(tomorrow)), [])
        self.assertEqual(len(self.chosen(until=str(tomorrow))), len(self.all))
        self.assertEqual(len(self.chosen(since="2020-01-01")), len(self.all))
        self.assertEqual(self.chosen(until="2020-01-01"), [])
        # to the end, and no further when more comes
        page, cursor, more = self.page(target(until=at))
        self.assertEqual((len(page), more), (len(earlier), False))
        self.assertEqual(self.page(target(until=at, cursor=cursor))[0], [])

    def test_400(self):
        good = self.page(target(limit=3))[1]
        for name, values in (
            ("cursor", ("", "x", good + "x", good[:-1], "0-0", "é", "9" * 5000)),
            ("since", ("", "yesterday", "2026-13-01", "2026-02-30", "12:00", "2026-11-22T25:00:00Z", "1700000000x")),
            ("until", ("", "tomorrow", "2026-11-22T10:00:00")),
            ("limit", ("", "0", "-1", "x", "1.5", "1000001", "99999999999999999999", " 5", "0x10")),
            ("class", ("", "dmarc", "dmarc.record,", "DMARC.RECORD", "dmarc.record,spoofed")),
            ("min_severity", ("", "-1", "11", "high", "5.5")),
            ("domain", ("", "a..b", "exa mple.com", "x" * 300 + ".com", "192.0.2.1/24")),
            ("verdict", ("", "bad", "spoofed,", "Spoofed")),
            ("format", ("", "xml", "JSON", "json,cef")),
            ("wait", ("", "-1", "x", "1h", "99999999999999999999")),
            ("limits", ("5",)),
            ("token", ("x",)),
            ("access_token", ("x",)),
        ):
            for value in values:
                with self.subTest(name, value=value[:40]):
                    answer = self.ask(target(**{name: value}))
                    self.assertEqual(answer.status, 400, answer.text)
                    self.assertEqual(answer.headers["content-type"].partition(";")[0], "application/problem+json")
                    self.assertIn(name, json.dumps(json.loads(answer.body)))
                    self.assertLess(len(answer.body), 1000)
        for query in ("limit=5&limit=6", "cursor=" + good + "&since=2026-01-01", "limit", "=5", "limit=%zz", "limit=5%00", "%6cimit=x", "&".join(f"domain=d{n}.example" for n in range(200))):
            with self.subTest(query[:40]):
                answer = self.ask("/v1/events?" + query, check=False)
                self.assertIn(answer.status, (400, 414, 431), answer.text)
        self.assertTrue(self.server.running)
        self.assertEqual(self.chosen(), [event["sequence"] for event in self.all])


class Gone(FeedCase):
    def gone(self, cursor, **parameters):
        answer = self.ask(target(cursor=cursor, **parameters))
        self.assertEqual(answer.status, 410, answer.text)
        self.assertEqual(answer.headers["content-type"].partition(";")[0], "application/problem+json")
        resume = json.loads(answer.body)["resume_cursor"]
        self.assertIn("cursor=" + urllib.parse.quote(resume, safe=""), self.link(answer))
        for name, value in parameters.items():
            self.assertIn(f"{name}={value}", self.link(answer))
        return resume, self.link(answer)

    def test_purge(self):
        """Events behind the cursor are gone: it is said once, and everything that is left is there."""
        self.served()
        everything = [json.loads(line) for line in self.ok("events").lines]
        begin = self.page(target(limit=2))[1]
        at_end = self.page(target(limit=1000))[1]
        # the window of the first report lies before the others
        age = int(time.time()) - (BEGIN + DAY) - 60
        self.ok("purge", "--kind", "aggregate", "--older-than", f"{age}s")
        left = [json.loads(line) for line in self.ok("events").lines]
        self.assertTrue(0 < len(left) < len(everything))
        resume, link = self.gone(begin, limit=7)
        found = [event for body in self.followed(link) for event in json.loads(body.body)["events"]]
        after_two = everything[1]["sequence"]
        self.assertEqual(found, [event for event in left if event["sequence"] > after_two])
        self.assertEqual(self.page(target(cursor=resume, limit=1000))[0], found)
        # who had read everything has lost nothing
        events, again, more = self.page(target(cursor=at_end))
        self.assertEqual((events, more), ([], False))
        self.assertEqual(self.page(target(cursor=again)), ([], again, False))
        # and from the beginning what is there is there
        self.assertEqual(self.page(target(limit=1000))[0], left)

    def test_restore(self):
        """A backup that takes the store's place is another epoch: every cursor of before is told where to go on, and nothing is skipped."""
        self.served()
        everything = self.ok("events").lines
        self.ok("backup", self.path("copy.db"))
        self.ingest(self.write("later/1.xml", report("later", [row("192.0.2.77", 1)])))
        ahead = self.page(target(limit=1000))[1]
        early = self.page(target(limit=10))[1]
        self.server.terminate()
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.store + suffix):
                os.remove(self.store + suffix)
        shutil.copy(self.path("copy.db"), self.store)
        self.server.start()
        # a token of the backup is a token still
        self.assertEqual(self.ask(target(format="ndjson", limit=1000)).text.splitlines(), everything)
        for cursor in (early, ahead):
            with self.subTest(cursor=cursor):
                resume, link = self.gone(cursor)
                read = [json.loads(line)["sequence"] for line in everything]
                found = [event["sequence"] for body in self.followed(link) for event in json.loads(body.body)["events"]]
                # the place to go on loses nothing: what comes is a tail of what there is, and holds all that the reader cannot have seen
                self.assertEqual(found, read[len(read) - len(found):])
                if cursor == early:
                    self.assertGreaterEqual(len(found), len(read) - 10)
        resume, _ = self.gone(ahead)
        self.ingest(self.write("later/2.xml", report("again", [row("192.0.2.78", 1)])))
        events = self.page(target(cursor=resume, limit=1000))[0]
        self.assertIn("again", [event.get("report", {}).get("report_id") for event in events])


class Waiting(FeedCase):
    def setUp(self):
        super().setUp()
        self.address = f"127.0.0.1:{free_port()}"
        self.served(listener(self.address))
        self.cursor = self.page(target(limit=1000))[1]

    def deliver(self, report_id):
        with lmtp.Client(self.address) as client:
            client.hello()
            self.assertEqual(client.deliver(report_mail(report_id), "dmarc@example.com"), [250])

    def waiting(self, count=1):
        wait_until(lambda: (self.server.metrics().total("whosent_feed_waiting") or 0) >= count, "the long poll waits")

    def asked(self, **parameters):
        """The answer and the seconds that it took, of a request in a thread of its own; a function that waits for both."""
        found = []

        def work():
            began = time.monotonic()
            try:
                found.append((self.ask(target(cursor=self.cursor, **parameters)), time.monotonic() - began))
            except BaseException as error:
                found.append((error, time.monotonic() - began))

        thread = threading.Thread(target=work)
        thread.start()

        def result():
            thread.join(PATIENCE + 60)
            answer, seconds = found[0]
            if isinstance(answer, BaseException):
                raise answer
            return answer, seconds

        return result

    def test_a_message_wakes(self):
        for number, parameters in enumerate(({}, {"format": "ndjson"}, {"class": "dmarc.record"}, {"limit": 1})):
            with self.subTest(**parameters):
                result = self.asked(wait=50, **parameters)
                self.waiting()
                sent = time.monotonic()
                self.deliver(f"w{number}")
                answer, _ = result()
                self.assertLess(time.monotonic() - sent, PATIENCE / 3)
                self.assertEqual(answer.status, 200)
                self.assertIn(f"w{number}", answer.text)
                self.cursor = answer.headers["x-next-cursor"]

    def test_who_waits_in_vain(self):
        answer, seconds = self.asked(wait=2)()
        self.assertEqual((answer.status, json.loads(answer.body)), (200, {"events": [], "next_cursor": self.cursor, "has_more": False}))
        self.assertGreaterEqual(seconds, 1.9)
        # not beside what is there already
        answer, seconds = self.asked(wait=0)()
        self.assertLess(seconds, 1.5)
        self.cursor = self.page(target(limit=3))[1]
        answer, seconds = self.asked(wait=30)()
        self.assertLess(seconds, 10)
        self.assertTrue(json.loads(answer.body)["events"])

    def test_what_the_filter_does_not_want_wakes_nobody(self):
        result = self.asked(wait=50, domain="example.org")
        self.waiting()
        self.deliver("unwanted")
        self.wait_events("unwanted")
        with lmtp.Client(self.address) as client:
            client.hello()
            self.assertEqual(client.deliver(report_mail("wanted", domain="example.org"), "dmarc@example.com"), [250])
        answer, _ = result()
        self.assertEqual([event["report"]["report_id"] for event in json.loads(answer.body)["events"]], ["wanted"])

    def wait_events(self, report_id):
        wait_until(lambda: report_id in self.ok("events").out, report_id, pause=0.1)

    def test_many_wait(self):
        """More than may be sent at once: who waits holds no place."""
        results = [self.asked(wait=50) for _ in range(40)]
        self.waiting(40)
        self.deliver("all")
        for result in results:
            answer, _ = result()
            self.assertIn(answer.status, (200, 503))
        self.assertTrue(any(result()[0].status == 200 and "all" in result()[0].text for result in results))

    def test_the_end(self):
        """Who waits when the daemon ends is answered."""
        result = self.asked(wait=50)
        self.waiting()
        self.assertLess(self.server.terminate(), 8)
        answer, _ = result()
        self.assertEqual((answer.status, json.loads(answer.body)["events"]), (200, []))
        self.assertEqual(answer.headers["x-next-cursor"], self.cursor)


class Limits(FeedCase):
    def test_429(self):
        self.served("[feed]\nrequests_per_minute = 5\n")
        other = self.token(name="other")
        answers = [self.ask(target(limit=1)) for _ in range(12)]
        statuses = [answer.status for answer in answers]
        self.assertEqual(statuses[:5], [200] * 5)
        self.assertIn(429, statuses)
        refused = answers[statuses.index(429)]
        self.assertRegex(refused.headers["retry-after"], r"^[1-9]\d*$")
        self.assertLessEqual(int(refused.headers["retry-after"]), 60)
        # another token has a measure of its own
        wait_until(lambda: self.ask(target(limit=1), token=other).status == 200, "the new token is known", pause=0.3)

    def test_503(self):
        """Pages under way are limited; who reads slowly holds a place and keeps nobody out for ever."""
        self.write("in/large.xml", report("large", [row(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 1) for n in range(30_000)]))
        self.served("[feed]\nat_once = 1\n")
        slow = self.slow_reader()
        answer = wait_until(lambda: (lambda answer: answer if answer.status == 503 else None)(self.ask(target(limit=1))), "503 beside a page under way", pause=0.1)
        self.assertRegex(answer.headers["retry-after"], r"^[1-9]\d*$")
        slow.close()
        wait_until(lambda: self.ask(target(limit=1)).status == 200, "the place is free again", pause=0.1)

    def slow_reader(self):
        """Asks for everything and reads the header alone."""
        host, port = self.server.http.rsplit(":", 1)
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect((host, int(port)))
        self.addCleanup(link.close)
        link.sendall(f"GET /v1/events?limit=1000000&format=ndjson HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.secret}\r\n\r\n".encode())
        self.assertTrue(link.recv(100).startswith(b"HTTP/1.1 200 "))
        return link

    def test_memory_beside_slow_readers(self):
        """Sixteen who take nothing of a page of 30 MB: the daemon does not hold it for them."""
        self.write("in/large.xml", report("large", [row(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 1) for n in range(30_000)]))
        self.served()
        self.ask(target(limit=1_000_000, format="ndjson"), check=False)
        before = self.server.own_memory()
        links = [self.slow_reader() for _ in range(16)]
        self.assertEqual(len(links), 16)
        self.assertLess(self.server.own_memory() - before, 120 << 20)
        # and who goes away is noticed
        for link in links:
            link.close()
        wait_until(lambda: self.ask(target(limit=1)).status == 200, "places are free again", pause=0.1)

    def test_sighup_leaves_readers_alone(self):
        self.served()
        self.server.signal(signal.SIGHUP)
        self.assertEqual(self.ask().status, 200)


class Statuses(FeedCase):
    def test_every_documented_status(self):
        """Each one that schemas/openapi.yaml names is produced here."""
        self.write("in/large.xml", report("large", [row(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 1) for n in range(30_000)]))
        self.served("[feed]\nat_once = 1\nrequests_per_minute = 60\n")
        begin = self.page(target(limit=2))[1]
        met = {self.ask().status, self.ask(target(limit="x")).status, self.ask(token=None).status}
        without = self.token("ingest", name="without")
        busy = self.token(name="busy")
        wait_until(lambda: self.ask(token=without).status == 403, "the new token is known", pause=0.2)
        met.add(403)
        slow = Limits.slow_reader(self)
        wait_until(lambda: self.ask(target(limit=1), token=busy).status == 503, "503", pause=0.3)
        met.add(503)
        slow.close()
        wait_until(lambda: self.ask(target(limit=1), token=busy).status == 200, "200", pause=0.3)
        self.ok("purge", "--kind", "aggregate", "--older-than", f"{int(time.time()) - (BEGIN + DAY) - 60}s")
        met.add(self.ask(target(cursor=begin)).status)
        met |= {self.ask(target(limit=1)).status for _ in range(100)}
        documented = contract().statuses("/v1/events")
        extra = documented - met
        if 405 in extra:
            met.add(self.ask(method="POST").status)
        if 406 in extra:
            met.add(self.ask(token=busy, Accept="image/png").status)
        self.assertEqual(documented - met, set())
        self.assertEqual(documented - {status for path, status in contract().seen if path == "/v1/events"}, set())


if __name__ == "__main__":
    unittest.main()
