"""What the tests of the feed and of tokens share: a daemon that has one, tokens for it, and a client that holds every answer against schemas/openapi.yaml."""

import functools
import gzip
import json
import re
import subprocess

import openapi
from daemon import Answer, DaemonCase
from harness import BEGIN, DAMAGED, DAY, arf, failure, report, row, tls_policy, tls_report


@functools.cache
def contract():
    return openapi.Contract()


def some_reports(case, reports=4, rows=6):
    """A folder with events of every class that reports make."""
    for number in range(reports):
        some = [row(f"192.0.2.{1 + n}", 1 + n, header_from="example.com", spf=[("example.com", "fail")]) for n in range(rows)]
        some.append(row("198.51.100.9", 7, disposition="reject", header_from="sub.example.com", dkim=[("example.com", "s1", "pass")], dkim_eval="pass"))
        case.write(f"in/{number}.xml", report(f"r{number}", some, begin=BEGIN + number * DAY))
    case.write("in/other.xml", report("other", [row("203.0.113.5", 3, header_from="example.org", extra="<reason><type>forwarded</type></reason>")], domain="example.org"))
    case.write("in/damaged.eml", DAMAGED)
    case.write("in/failure.eml", failure())
    case.write("in/complaint.eml", arf())
    case.write("in/tls.json", tls_report("t1", policies=[tls_policy(failed=3, details=[("certificate-expired", 3)])]))
    return case.path("in")


class FeedCase(DaemonCase):
    MODE = "off"  # of DNS, so that events are there at once; None: as usual

    def environment(self, **changes):
        return super().environment(**{"WHOSENT_DNS": self.MODE, **changes})

    def token(self, *scopes, name="test", options=()):
        """The text of a new one; by default it may read the feed."""
        done = self.ok("token", "create", "--name", name, *(part for scope in scopes or ("feed",) for part in ("--scope", scope)), *options)
        self.assertRegex(done.out, r"^whosent_[A-Za-z0-9]{12}_[A-Za-z0-9_-]{43}\n$")
        return done.out.strip()

    def served(self, text="", ingest=True, **options):
        """A daemon with some events in its store, and a token for them."""
        if ingest:
            self.ingest(some_reports(self))
        self.secret = self.token()
        self.server = self.serve(text, **options)
        return self.server

    def restart(self):
        """So that tokens are known at once, and nobody has shown a wrong one yet."""
        self.server.terminate()
        self.server.start()

    def ask(self, target="/v1/events", token=True, method="GET", server=None, check=True, timeout=60, **headers):
        """The answer, which is as documented. `token`: True: the case's; None: none; else its text. Headers with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            named["Authorization"] = "Bearer " + (self.secret if token is True else token)
        answer = (server or self.server).get(target, method, named, timeout=timeout)
        if answer.headers.get("content-encoding") == "gzip":
            answer = Answer(answer.status, answer.headers, gzip.decompress(answer.body))
        return contract().check(method, target, answer) if check else answer

    def page(self, target="/v1/events", **options):
        """(events, cursor, whether there is more) of a page of JSON."""
        answer = self.ask(target, **options)
        self.assertEqual(answer.status, 200, answer.text)
        found = json.loads(answer.body)
        self.assertEqual(answer.headers["x-next-cursor"], found["next_cursor"])
        self.assertEqual(answer.headers["x-has-more"], json.dumps(found["has_more"]))
        return found["events"], found["next_cursor"], found["has_more"]

    def link(self, answer):
        """The target of Link: rel="next", without scheme and host."""
        found = re.fullmatch(r'<(?:https?://[^/>]+)?(/[^>]*)>; rel="next"', answer.headers["link"])
        self.assertIsNotNone(found, answer.headers["link"])
        return found.group(1)

    def followed(self, target, most=10_000, **options):
        """The pages with events from `target` on, by Link, to the end."""
        pages = []
        for _ in range(most):
            answer = self.ask(target, **options)
            self.assertEqual(answer.status, 200, answer.text)
            empty = not json.loads(answer.body)["events"] if answer.headers["content-type"].startswith("application/json") else not answer.body
            if not empty:
                pages.append(answer)
            elif answer.headers["x-has-more"] == "false":
                return pages
            target = self.link(answer)
        self.fail("no end")

    def curl(self, target, *arguments, token=True):
        done = subprocess.run(["curl", "--silent", "--show-error", "--max-time", "60", *(("--header", f"Authorization: Bearer {self.secret if token is True else token}") if token else ()), *arguments,
                               f"http://{self.server.http}{target}"], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout

