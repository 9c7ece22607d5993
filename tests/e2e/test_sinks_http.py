"""Sinks over HTTP from the real daemon into receivers that reject by default: Splunk HEC, _bulk of Elasticsearch and OpenSearch, a webhook; without faults each event once and in order,
with each fault at least once, and duplicates only with the same id."""

import datetime
import hashlib
import hmac
import http.client
import json
import os
import re
import ssl
import threading
import time
import unittest

import certificates
import receivers
from daemon import PATIENCE, DaemonCase, free_port, wait_until
from feed_case import some_reports
from harness import report, row
from receivers import CUT_AFTER, CUT_BEFORE, GARBAGE, LOST, UNACKNOWLEDGED, busy, items, slow, stall, status



def quick(more=""):
    """Small batches and short times, but for the keys that `more` has."""
    keys = {"begin": '"beginning"', "select": '"all"', "batch_events": "5", "batch_age": '"1s"', "retry_least": '"1s"', "retry_most": '"2s"', "deadline": '"5s"'}
    return "".join(f"{key} = {value}\n" for key, value in keys.items() if not re.search(f"^{key} =", more, re.M)) + more


SECRET = "5ecret-" + "t0ken" * 6
GUID = "2fa1c9d0-7b5e-4f63-9c58-0d6f1b2a3c4d"


class SinkCase(DaemonCase):
    receiver = None

    def environment(self, **changes):
        return super().environment(**{"WHOSENT_DNS": "off", **changes})

    def received(self, receiver, start=True):
        """A receiver that ends with the test."""
        self.addCleanup(receiver.stop)
        self.receiver = receiver.start() if start else receiver
        return receiver

    def secret(self, name="sink.secret", text=SECRET):
        path = self.write(name, text)
        os.chmod(path, 0o600)
        return path

    def expected(self, *arguments):
        """Ids of the events, in order."""
        return [json.loads(line)["id"] for line in self.ok("events", *arguments).lines]

    def delivered(self, expected, receiver=None, seconds=PATIENCE * 2):
        receiver = receiver or self.receiver
        wait_until(lambda: len(set(receiver.ids())) >= len(expected) or receiver.errors, lambda: f"{len(expected)} events; {len(set(receiver.ids()))} came, refused: {receiver.refused[:3]}\n"
                   + "".join(daemon.log()[-3000:] for daemon in self.daemons), seconds)
        self.assertEqual(receiver.first_ids(), expected)

    def state(self, name):
        """What `whosent sinks` says of one."""
        return wait_until(lambda: {entry["name"]: entry for entry in self.listing("sinks")}.get(name), f"{name} is in the store", pause=0.2)

    def failing(self, name):
        """Its state, once that tells an error."""
        return wait_until(lambda: (lambda state: state if state["last_error"] else None)(self.state(name)), f"{name} tells an error", pause=0.2)

    def caught_up(self, name):
        """Until the store says that it has nothing to do; its state then."""
        def done():
            state = self.state(name)
            return state if state["lag_events"] == 0 and not state["failing_since"] else None

        return wait_until(done, lambda: f"{name} has delivered everything: {self.state(name)}", pause=0.2)


class Rejections(unittest.TestCase):
    """The receivers themselves: what is not as the example has it is refused, with the vendor's status and code."""

    def post(self, receiver, path, body, method="POST", **headers):
        link = http.client.HTTPSConnection("localhost", receiver.port, timeout=20, context=ssl.create_default_context(cafile=certificates.authority().file))
        try:
            link.putrequest(method, path, skip_accept_encoding=True)
            content = body if isinstance(body, bytes) else body.encode()
            for name, value in {**headers, "Content_Length": str(len(content))}.items():
                link.putheader(name.replace("_", "-"), value)
            link.endheaders(content)
            answer = link.getresponse()
            return answer.status, answer.read().decode()
        finally:
            link.close()

    def test_hec(self):
        with receivers.Hec(GUID) as hec:
            event = {"time": 1426279439, "host": "localhost", "source": "random-data-generator", "sourcetype": "my_sample_data", "event": {"id": "a1", "message": "Something happened", "severity": 3}}
            good = {"Authorization": "Splunk " + GUID, "X_Splunk_Request_Channel": GUID, "Content_Type": "application/json"}
            without = lambda name: {key: value for key, value in good.items() if key != name}
            changed = lambda **more: json.dumps({**event, **more})
            path = "/services/collector/event"
            for headers, where, body, code, number in (
                (without("Authorization"), path, json.dumps(event), 401, 2),
                ({**good, "Authorization": "Bearer " + GUID}, path, json.dumps(event), 401, 3),
                ({**good, "Authorization": "Splunk x"}, path, json.dumps(event), 403, 4),
                (good, path, " ", 400, 5),
                (good, path, "{", 400, 6),
                (good, path, json.dumps(event) + ",", 400, 6),
                (good, path, json.dumps([event]), 400, 6),
                (good, path, changed(unknown=1), 400, 6),
                (good, path, changed(time="yesterday"), 400, 6),
                (good, path, changed(time=1426279439000), 400, 6),
                (good, path, changed(fields={"a": {"b": 1}}), 400, 6),
                (good, path, changed(event="text"), 400, 6),
                (good, path, b'{"time": 1426279439, "event": {"id": "a"}, "event": {"id": "b"}}', 400, 6),
                (good, path, b'{"event": {"id": "\xff"}}', 400, 6),
                (good, path, changed(index="main"), 400, 7),
                (without("X_Splunk_Request_Channel"), path, json.dumps(event), 400, 10),
                ({**good, "X_Splunk_Request_Channel": "1"}, path, json.dumps(event), 400, 11),
                (good, path, json.dumps({"time": 1426279439}), 400, 12),
                (good, path, changed(event=""), 400, 13),
                ({**good, "Content_Type": "text/plain"}, path, json.dumps(event), 415, None),
                ({**good, "X_Other": "x"}, path, json.dumps(event), 400, None),
                (good, "/services/collector/raw", json.dumps(event), 404, None),
                (good, path + "?index=main", json.dumps(event), 400, None),
                (good, "/services/collector/ack", json.dumps({"acks": ["0"]}), 400, 6),
                (good, "/services/collector/ack", json.dumps({"acks": []}), 400, 6),
            ):
                with self.subTest(where=where, body=body[:40], code=code, number=number):
                    found, text = self.post(hec, where, body, **headers)
                    self.assertEqual((found, json.loads(text).get("code") if number else None), (code, number), text)
            self.assertEqual(hec.taken, [])
            self.assertEqual(self.post(hec, path, json.dumps(event), "PUT", **good)[0], 405)
            # as the example has it, two in one request
            self.assertEqual(self.post(hec, path, json.dumps(event) + changed(event={"id": "a2"}), **good), (200, '{"text": "Success", "code": 0, "ackId": 0}'))
            self.assertEqual(hec.ids(), ["a1", "a2"])
            asked = lambda *numbers: json.loads(self.post(hec, "/services/collector/ack?channel=" + GUID, json.dumps({"acks": numbers}), **without("X_Splunk_Request_Channel"))[1])["acks"]
            self.assertEqual(asked(0, 1), {"0": True, "1": False})
            self.assertEqual(asked(0), {"0": False})  # told once

    def test_bulk(self):
        with receivers.Bulk(receivers.Bulk.api_key("a2V5")) as bulk:
            source = {"@timestamp": "2026-11-22T10:00:00Z", "ecs": {"version": "9.0.0"}, "event": {"id": "a1", "sequence": 1}}
            pair = lambda action, document: json.dumps(action) + "\n" + json.dumps(document) + "\n"
            create = lambda **more: {"create": {"_index": "logs-whosent-default", "_id": "a1", **more}}
            good = {"Authorization": "ApiKey a2V5", "Content_Type": "application/x-ndjson"}
            for headers, path, body, code in (
                ({"Content_Type": "application/x-ndjson"}, "/_bulk", pair(create(), source), 401),
                ({**good, "Authorization": "ApiKey x"}, "/_bulk", pair(create(), source), 401),
                ({**good, "Authorization": "Bearer a2V5"}, "/_bulk", pair(create(), source), 401),
                ({**good, "Content_Type": "text/plain"}, "/_bulk", pair(create(), source), 406),
                (good, "/bulk", pair(create(), source), 404),
                (good, "/_bulk?refresh=maybe", pair(create(), source), 400),
                (good, "/_bulk", "", 400),
                (good, "/_bulk", pair(create(), source)[:-1], 400),
                (good, "/_bulk", json.dumps(create()) + "\n", 400),
                (good, "/_bulk", pair({"index": {"_index": "logs-whosent-default", "_id": "a1"}}, source), 400),
                (good, "/_bulk", pair(create(_type="doc"), source), 400),
                (good, "/_bulk", pair(create(_id="a2"), source), 400),
                (good, "/_bulk", pair({"create": {"_index": "logs-whosent-default"}}, source), 400),
                (good, "/_bulk", pair(create(_index="other"), source), 404),
                (good, "/_bulk", pair(create(), {**source, "@timestamp": "yesterday"}), 400),
                (good, "/_bulk", pair(create(), {"ecs": source["ecs"], "event": source["event"]}), 400),
                (good, "/_bulk", pair(create(), {**source, "event": {}}), 400),
                (good, "/_bulk", pair(create(), {"@timestamp": source["@timestamp"], "event": source["event"]}), 400),
            ):
                with self.subTest(path=path, body=body[:60], code=code):
                    found, text = self.post(bulk, path, body, **headers)
                    self.assertEqual(found, code, text)
                    self.assertEqual(json.loads(text)["status"], code)
            self.assertEqual(bulk.taken, [])
            code, text = self.post(bulk, "/_bulk", pair(create(), source), **good)
            self.assertEqual((code, json.loads(text)["errors"], json.loads(text)["items"][0]["create"]["status"]), (200, False, 201))
            code, text = self.post(bulk, "/_bulk", pair(create(), source), **good)
            self.assertEqual((code, json.loads(text)["errors"], json.loads(text)["items"][0]["create"]["status"]), (200, True, 409))
            self.assertEqual(bulk.ids(), ["a1"])

    def test_webhook(self):
        with receivers.Webhook(key=b"key", bearer="t", extra={"X-Tenant": "acme"}) as hook:
            body = json.dumps([{"id": "a1", "sequence": 1}])
            now = int(time.time())
            sign = lambda text, key=b"key", at=now: f"t={at},v1=" + hmac.new(key, f"{at}.{text}".encode(), hashlib.sha256).hexdigest()
            good = {"Authorization": "Bearer t", "X_Tenant": "acme", "Content_Type": "application/json", "Whosent_Signature": sign(body)}
            for changes, path, text, code in (
                ({"Whosent_Signature": sign(body, b"other")}, "/hook", body, 401),
                ({"Whosent_Signature": sign(body + " ")}, "/hook", body, 401),
                ({"Whosent_Signature": sign(body, at=now - 3600)}, "/hook", body, 401),
                ({"Whosent_Signature": sign(body).replace(f"t={now}", f"t={now + 1}")}, "/hook", body, 401),
                ({"Whosent_Signature": "v1=" + "0" * 64}, "/hook", body, 401),
                ({"Whosent_Signature": "t=" + str(now) + ",v1=" + hmac.new(b"key", body.encode(), hashlib.sha256).hexdigest()}, "/hook", body, 401),
                ({"Authorization": "Bearer x"}, "/hook", body, 401),
                ({"X_Tenant": "other"}, "/hook", body, 400),
                ({"X_Other": "x"}, "/hook", body, 400),
                ({"Content_Type": "text/plain"}, "/hook", body, 415),
                ({}, "/other", body, 404),
                ({"Whosent_Signature": sign("[]")}, "/hook", "[]", 400),
                ({"Whosent_Signature": sign("{}")}, "/hook", "{}", 400),
                ({"Whosent_Signature": sign('[{"id": ""}]')}, "/hook", '[{"id": ""}]', 400),
            ):
                with self.subTest(changes=str(changes)[:60], path=path, text=text[:20]):
                    self.assertEqual(self.post(hook, path, text, **{**good, **changes})[0], code)
            self.assertEqual(hook.taken, [])
            self.assertEqual(self.post(hook, "/hook", body, **good)[0], 200)
            self.assertEqual(hook.ids(), ["a1"])


class Common:
    """What every kind of sink has to stand; `make` gives its receiver, `section` its configuration. NAME is the sink's full name."""

    NAME, DEFAULT = "", "json"

    def make(self, **options):
        raise NotImplementedError

    def section(self, receiver, more=""):
        raise NotImplementedError

    def begun(self, receiver=None, more="", text="", start=True, **options):
        """A daemon with the sink, and events in its store from the beginning; the ids of these."""
        self.received(receiver or self.make())
        self.ingest(some_reports(self))
        self.server = self.daemon(text + self.section(self.receiver, quick(more)), **options)
        if start:
            self.server.start()
        return self.expected()

    def test_each_event_once_and_in_order(self):
        expected = self.begun()
        self.delivered(expected)
        state = self.caught_up(self.NAME)
        self.assertEqual(self.receiver.ids(), expected)
        self.assertEqual((state["delivered"], state["dead"], state.get("last_error")), (len(expected), 0, None))
        # as the store has them
        with_line = {json.loads(line)["id"]: line for line in self.ok("events", "--format", self.DEFAULT).lines} if self.DEFAULT == "json" else {}
        for taken in self.receiver.taken:
            if with_line:
                self.assertEqual(taken.event, json.loads(with_line[taken.id]))
        # what comes while it runs
        self.ingest(self.write("later/1.xml", report("later", [row(f"192.0.2.{n}", n) for n in range(1, 30)])))
        expected = self.expected()
        self.delivered(expected)
        self.caught_up(self.NAME)
        # a restart sends nothing again
        self.server.terminate()
        self.server.start()
        self.ingest(self.write("later/2.xml", report("again", [row("192.0.2.99", 1)])))
        self.delivered(self.expected())
        self.caught_up(self.NAME)
        self.assertEqual(self.receiver.ids(), self.expected())
        self.receiver.check()

    def test_only_failing_by_default_and_only_from_now_on(self):
        self.received(self.make())
        self.ingest(some_reports(self))
        section = "".join(line + "\n" for line in self.section(self.receiver, quick()).splitlines() if not re.match("(begin|select) =", line))
        self.server = self.serve(section)
        self.state(self.NAME)  # it has a place
        before = set(self.expected())
        passing = row("192.0.2.50", 2, header_from="example.com", dkim=[("example.com", "s1", "pass")], dkim_eval="pass", spf_eval="pass")
        self.ingest(self.write("later/1.xml", report("later", [row("192.0.2.99", 3), passing, row("192.0.2.98", 4)])))
        new = [json.loads(line) for line in self.ok("events").lines if json.loads(line)["id"] not in before]
        self.assertEqual(len(new), 3)
        self.delivered([event["id"] for event in new if event["severity"] > 1])
        self.caught_up(self.NAME)
        self.assertEqual(len(self.receiver.ids()), 2)
        self.receiver.check()

    def test_faults(self):
        """Each fault in turn, with good requests in between: nothing is lost, the order of first appearance holds, what comes twice is the same."""
        receiver = self.make()
        receiver.script.extend([status(503), None, busy(1), None, status(500), CUT_BEFORE, None, CUT_AFTER, None, GARBAGE, status(502, {"Content-Type": "text/html"}, b"<h1>Bad Gateway</h1>"), None,
                                status(200, {"Content-Type": "text/html"}, b""), CUT_BEFORE, CUT_BEFORE, None, CUT_AFTER])
        expected = self.begun(receiver)
        self.delivered(expected)
        state = self.caught_up(self.NAME)
        self.assertFalse(receiver.script, "there were not enough requests")
        self.assertEqual(state["dead"], 0)
        self.assertGreater(state["retried"], 5)
        self.taken_twice(receiver)
        receiver.check()

    def taken_twice(self, receiver):
        self.assertTrue(0 < receiver.duplicates() <= 10, receiver.duplicates())  # of two answers that were lost, at most five each

    def test_429_with_retry_after(self):
        """The receiver's own wish is heard, also where it is longer than the back-off."""
        receiver = self.make()
        receiver.script.extend([None, busy(4), busy(1)])
        expected = self.begun(receiver, 'retry_most = "5s"\n')
        self.delivered(expected)
        data = [request for request in receiver.requests if request.answer in (429, 200) and not request.path.endswith("/ack")]
        refused = [at for at, request in enumerate(data) if request.answer == 429]
        self.assertEqual(len(refused), 2)
        self.assertGreaterEqual(data[refused[0] + 1].at - data[refused[0]].at, 3.95)
        self.assertGreaterEqual(data[refused[1] + 1].at - data[refused[1]].at, 0.95)
        self.assertEqual(len(receiver.ids()), len(expected))
        receiver.check()

    def test_a_stall(self):
        """No answer within the deadline: the connection is given up, and the batch is sent again."""
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        receiver = self.make()
        receiver.script.extend([None, stall(go_on), None, stall(go_on, after=True)])
        expected = self.begun(receiver, 'deadline = "1s"\n')
        self.delivered(expected)
        self.caught_up(self.NAME)
        go_on.set()
        receiver.check()

    def test_a_receiver_that_is_down_at_first(self):
        receiver = self.make()
        self.addCleanup(receiver.stop)
        self.receiver = receiver
        self.ingest(some_reports(self))
        self.server = self.serve(self.section(receiver, quick()))
        expected = self.expected()
        state = self.failing(self.NAME)
        self.assertEqual(state["lag_events"], len(expected))
        self.assertEqual(state["delivered"], 0)
        self.assertTrue(state["failing_since"])
        # nobody is held up meanwhile
        self.ingest(self.write("later/1.xml", report("later", [row("192.0.2.99", 1)])))
        self.assertEqual(self.server.get("/readyz").status, 200)
        receiver.start()
        self.delivered(self.expected())
        state = self.caught_up(self.NAME)
        self.assertEqual(receiver.duplicates(), 0)
        # down and up again
        receiver.stop()
        self.ingest(self.write("later/2.xml", report("down", [row("192.0.2.98", 1)])))
        wait_until(lambda: self.state(self.NAME)["lag_events"] >= 1, "it lags", pause=0.2)
        receiver.start()
        self.delivered(self.expected())
        receiver.check()

    def test_killed_in_the_middle(self):
        """kill -9 of whosent, again and again: none lost, duplicates only with the same id, and in order of first appearance."""
        receiver = self.received(self.make())
        self.write("in/large.xml", report("large", [row(f"10.1.{n // 250}.{n % 250}", 1) for n in range(600)]))
        self.ingest(self.path("in"))
        expected = self.expected()
        self.server = self.daemon(self.section(receiver, quick()))
        for part in range(1, 5):
            self.server.start()
            wait_until(lambda: len(set(receiver.ids())) >= 100 * part, lambda: f"{100 * part} events; refused: {receiver.refused[:3]}\n{self.server.log()[-2000:]}", pause=0.002)
            self.server.kill()
        self.assertLess(len(set(receiver.ids())), len(expected), "everything was delivered before it was killed")
        self.server.start()
        self.delivered(expected)
        self.caught_up(self.NAME)
        receiver.check()

    def test_replay(self):
        """The same ids once more, from where it is asked for."""
        expected = self.begun()
        self.delivered(expected)
        self.caught_up(self.NAME)
        before = len(self.receiver.requests)
        self.ok("replay", "--sink", self.NAME, "--from", "beginning")
        wait_until(lambda: sum(len(re.findall(expected[-1].encode(), request.body)) > 0 for request in self.receiver.requests[before:]), "the last event is sent again", pause=0.1)
        again = b"".join(request.body for request in self.receiver.requests[before:])
        self.assertEqual([identity for identity in expected if identity.encode() not in again], [])
        self.caught_up(self.NAME)
        self.receiver.check()
        self.fails(1, "replay", "--sink", "hec:nobody", "--from", "beginning", says="hec:nobody")
        self.assertNotEqual(self.run_whosent("replay", "--sink", self.NAME, "--from", "someday").code, 0)

    def test_wrong_credentials(self):
        """Nothing is lost, the error is told without the secret, and with the right one it goes on."""
        receiver = self.received(self.make())
        self.ingest(some_reports(self))
        section = self.section(receiver, quick())
        path = self.path("sink.secret")
        with open(path, "w") as file:
            file.write("wr0ng-" + "t0ken" * 6)
        self.server = self.serve(section, level="debug")
        state = self.failing(self.NAME)
        self.assertRegex(state["last_error"], "40[13]")
        self.assertEqual(receiver.ids(), [])
        self.assertEqual(state["dead"], 0)
        for text in (self.server.log(), json.dumps(state)):
            self.assertNotIn("wr0ng-", text)
        # who mends it needs no restart
        with open(path, "w") as file:
            file.write(SECRET)
        self.delivered(self.expected())
        self.caught_up(self.NAME)
        self.assertEqual([refused for refused in receiver.refused if not re.search("(?i)invalid token|authenticate|authorization", refused)], [])
        receiver.check_duplicates()

    def test_secrets_stay_secret(self):
        receiver = self.make()
        receiver.script.extend([status(503), CUT_BEFORE, status(400, {}, f"token {SECRET} is bad".encode()), busy(1)])
        expected = self.begun(receiver, level="debug")
        wait_until(lambda: len(receiver.requests) > 8, "some requests", pause=0.1)
        told = self.ok("config", "show").out + self.ok("sinks").out + self.ok("sinks", "--format", "json").out + self.server.metrics().text + self.server.log()
        told += self.ok("--config", self.server.configuration, "config", "show").out + self.ok("--config", self.server.configuration, "sinks", "--dead", self.NAME).out
        with open(f"/proc/{self.server.process.pid}/cmdline") as file:
            told += file.read()
        self.assertTrue(expected)
        self.assertNotIn(SECRET, told)
        for folder, _, names in os.walk(self.dir):
            for name in names:
                if name != "sink.secret" and os.path.isfile(os.path.join(folder, name)):
                    with open(os.path.join(folder, name), "rb") as file:
                        self.assertNotIn(SECRET.encode(), file.read(), name)

    def test_a_server_that_cannot_be_trusted(self):
        """Nothing is said to it, not even the secret."""
        for number, pair in enumerate((certificates.authority().expired(), certificates.authority().server("other.example.com"), certificates.Authority("Another").server())):
            with self.subTest(pair.certificate):
                receiver = self.received(self.make(pair=pair))
                if not os.path.exists(self.store):
                    self.ingest(some_reports(self))
                server = self.serve(self.section(receiver, quick()), name=f"server{number}")
                server.wait_log(rf"(?i){self.NAME}.*(certificate|verif|host)")
                wait_until(lambda: re.search("(?i)certificate|verif|host", self.state(self.NAME)["last_error"] or ""), "the error is told", pause=0.2)
                self.assertEqual(receiver.requests, [])
                server.terminate()
                receiver.stop()

    def test_a_client_certificate(self):
        clients = certificates.Authority("Authority of clients")
        pair = clients.client("whosent.example.com")
        expected = self.begun(self.make(client_ca=clients.file), f'certificate = "{pair.certificate}"\nkey = "{pair.key}"\n')
        self.delivered(expected)
        self.receiver.check()

    def test_the_lag_is_told(self):
        receiver = self.make()
        receiver.rule = lambda request: status(503)
        expected = self.begun(receiver)
        metrics = lambda: self.server.metrics()
        wait_until(lambda: self.state(self.NAME)["lag_events"] == len(expected) and self.state(self.NAME).get("last_error"), lambda: str(self.state(self.NAME)), pause=0.2)
        self.assertIn("503", self.state(self.NAME)["last_error"])
        self.assertIn(self.NAME, self.ok("sinks").out)
        self.assertIn(self.NAME, metrics().text)
        receiver.rule = lambda request: None
        self.delivered(expected)
        self.caught_up(self.NAME)
        self.assertEqual(receiver.duplicates(), 0)


class Hec(Common, SinkCase):
    NAME = "hec:splunk"

    def make(self, token=SECRET, **options):
        return receivers.Hec(token, **options)

    def section(self, receiver, more=""):
        return (f'[[export.hec]]\nname = "splunk"\nurl = "{receiver.url}"\ntoken = {{ file = "{self.secret()}" }}\nca_file = "{certificates.authority().file}"\nacknowledge_deadline = "5s"\n'
                if "acknowledge_deadline" not in more else
                f'[[export.hec]]\nname = "splunk"\nurl = "{receiver.url}"\ntoken = {{ file = "{self.secret()}" }}\nca_file = "{certificates.authority().file}"\n') + more

    def taken_twice(self, receiver):
        self.assertGreater(receiver.duplicates(), 0)  # everything that is not acknowledged comes again

    def test_what_stands_around_an_event(self):
        expected = self.begun(self.make(indexes=("dmarc",)), 'index = "dmarc"\nsource = "mail"\nsourcetype = "dmarc:event"\nevent_host = "gate.example.com"\n')
        self.delivered(expected)
        times = {json.loads(line)["id"]: json.loads(line)["time"] for line in self.ok("events").lines}
        for taken in self.receiver.taken:
            self.assertEqual({name: taken.around[name] for name in ("host", "source", "sourcetype", "index")}, {"host": "gate.example.com", "source": "mail", "sourcetype": "dmarc:event", "index": "dmarc"})
            self.assertEqual(float(taken.around["time"]), datetime.datetime.fromisoformat(times[taken.id].replace("Z", "+00:00")).timestamp())
        self.receiver.check()

    def test_formats(self):
        for name in ("cef", "ecs"):
            with self.subTest(name):
                receiver = self.received(self.make(encoding=name))
                if not os.path.exists(self.store):
                    self.ingest(some_reports(self))
                server = self.serve(self.section(receiver, quick(f'format = "{name}"\n')).replace('"splunk"', f'"{name}"'), name=name)
                self.delivered(self.expected())
                lines = self.ok("events", "--format", name).lines
                self.assertEqual([taken.text if name == "cef" else taken.event for taken in receiver.taken], lines if name == "cef" else list(map(json.loads, lines)))
                receiver.check()
                server.terminate()

    def test_without_acknowledgement(self):
        expected = self.begun(self.make(acknowledge=False), "acknowledge = false\n")
        self.delivered(expected)
        self.assertEqual(self.receiver.polled, 0)
        self.receiver.check()

    def test_a_batch_that_is_never_indexed(self):
        """An ackId is a promise, and not kept here: what "was taken" is sent again until it is acknowledged."""
        receiver = self.make()
        receiver.script.extend([None, LOST, None, LOST])
        expected = self.begun(receiver, 'acknowledge_deadline = "1s"\n')
        wait_until(lambda: len(set(receiver.ids())) >= len(expected), lambda: f"{len(expected)} events, {len(set(receiver.ids()))} came\n{self.server.log()[-2000:]}")
        self.assertEqual(set(receiver.ids()), set(expected))
        self.caught_up(self.NAME)
        self.assertFalse(receiver.script)
        receiver.check()

    def test_an_acknowledgement_that_never_comes(self):
        """Indexed, but never told so: it comes again with the same ids."""
        receiver = self.make()
        receiver.script.extend([None, UNACKNOWLEDGED, None])
        expected = self.begun(receiver, 'acknowledge_deadline = "1s"\n')
        self.delivered(expected)
        state = self.caught_up(self.NAME)
        self.assertGreaterEqual(receiver.duplicates(), 5)
        self.assertGreaterEqual(state["retried"], 1)
        receiver.check()

    def test_the_place_does_not_move_before_the_acknowledgement(self):
        receiver = self.make()
        receiver.rule = lambda request: UNACKNOWLEDGED
        expected = self.begun(receiver, 'acknowledge_deadline = "60s"\n')
        wait_until(lambda: receiver.polled >= 3, "it asks", pause=0.05)
        self.server.terminate(within=20)
        state = self.state(self.NAME)
        self.assertEqual((state["lag_events"], state["delivered"]), (len(expected), 0))
        receiver.rule = lambda request: None
        receiver.restart()
        self.server.start()
        self.delivered(expected)
        receiver.check()

    def test_slow_acknowledgements(self):
        receiver = self.make()
        receiver.rule = lambda request: slow(3)
        expected = self.begun(receiver, 'acknowledge_deadline = "60s"\n')
        self.delivered(expected)
        self.caught_up(self.NAME)
        self.assertEqual(receiver.duplicates(), 0)
        receiver.check()

    def test_lost_answers_about_acknowledgements(self):
        """Told once, and the answer was lost: Splunk will never say it again."""
        receiver = self.make()
        receiver.ack_script.extend([CUT_BEFORE, status(503), GARBAGE, busy(1), CUT_BEFORE])
        expected = self.begun(receiver, 'acknowledge_deadline = "1s"\n')
        self.delivered(expected)
        self.caught_up(self.NAME)
        self.assertFalse(receiver.ack_script)
        receiver.check()

    def test_a_restart_forgets_acknowledgements(self):
        receiver = self.make()
        receiver.script.extend([None, slow(1000)])
        expected = self.begun(receiver, 'acknowledge_deadline = "2s"\n')
        wait_until(lambda: receiver.polled >= 2, "it asks", pause=0.05)
        receiver.restart()
        self.delivered(expected)
        self.caught_up(self.NAME)
        receiver.check()


class Bulk(Common, SinkCase):
    NAME, DEFAULT = "bulk:elastic", "ecs"

    def make(self, **options):
        return receivers.Bulk(options.pop("authorization", receivers.Bulk.api_key(SECRET)), **options)

    def section(self, receiver, more=""):
        return f'[[export.bulk]]\nname = "elastic"\nurl = "{receiver.url}"\napi_key = {{ file = "{self.secret()}" }}\nca_file = "{certificates.authority().file}"\n' + more

    def taken_twice(self, receiver):
        self.assertEqual(receiver.duplicates(), 0)  # `create` stores nothing twice
        self.assertTrue(0 < receiver.conflicts <= 10, receiver.conflicts)

    def dead(self):
        return self.listing("sinks", "--dead", self.NAME)

    def test_documents(self):
        expected = self.begun()
        self.delivered(expected)
        lines = self.ok("events", "--format", "ecs").lines
        self.assertEqual([taken.text for taken in self.receiver.taken], lines)
        self.receiver.check()

    def test_json_and_basic(self):
        receiver = self.received(self.make(authorization=receivers.Bulk.basic("whosent", SECRET), index="dmarc", encoding="json"))
        self.ingest(some_reports(self))
        self.server = self.serve(f'[[export.bulk]]\nname = "elastic"\nurl = "{receiver.url}"\nindex = "dmarc"\nformat = "json"\nuser = "whosent"\npassword = {{ file = "{self.secret()}" }}\n'
                                 f'ca_file = "{certificates.authority().file}"\n' + quick())
        self.delivered(self.expected())
        self.receiver.check()

    def test_items_that_cannot_be_taken_now(self):
        """A partial 429: these alone come again, and every one of them."""
        receiver = self.make()
        full = (429, "es_rejected_execution_exception", "rejected execution of coordinating operation")
        receiver.script.extend([None, items({0: full, 3: full}), items({1: full}), None, items({n: full for n in range(5)}), items({0: (503, "unavailable_shards_exception", "primary shard is not active")})])
        expected = self.begun(receiver)
        wait_until(lambda: len(receiver.stored) >= len(expected), lambda: f"{len(expected)} documents, {len(receiver.stored)} came\n{self.server.log()[-2000:]}")
        self.assertEqual(set(receiver.stored), set(expected))
        state = self.caught_up(self.NAME)
        self.assertEqual((state["dead"], receiver.conflicts), (0, 0))
        self.assertFalse(receiver.script)
        receiver.check()

    def test_items_that_will_never_be_taken(self):
        """A partial 400: these become dead letters, with what the receiver said, and nothing else is held up."""
        receiver = self.make()
        bad = (400, "document_parsing_exception", "[1:95] failed to parse field [source.ip] of type [ip]")
        receiver.script.extend([None, items({1: bad, 4: bad}), None, items({0: bad, 1: (429, "es_rejected_execution_exception", "queue is full")})])
        expected = self.begun(receiver)
        wait_until(lambda: len(receiver.stored) >= len(expected) - 3, lambda: f"{len(expected) - 3} documents, {len(receiver.stored)} came\n{self.server.log()[-2000:]}")
        state = self.caught_up(self.NAME)
        self.assertEqual(state["dead"], 3)
        dead = self.dead()
        self.assertEqual({entry["event_id"] for entry in dead}, set(expected) - set(receiver.stored))
        self.assertEqual(len(dead), 3)
        for entry in dead:
            self.assertIn("failed to parse field [source.ip]", entry["reason"])
            self.assertGreater(entry["sequence"], 0)
        self.assertEqual(state["delivered"], len(expected) - 3)
        # they stay through a restart, and are no longer tried
        self.server.terminate()
        self.server.start()
        self.caught_up(self.NAME)
        self.assertEqual(self.dead(), dead)
        # until somebody mends the mapping and replays
        self.ok("replay", "--sink", self.NAME, "--from", "beginning")
        wait_until(lambda: len(receiver.stored) == len(expected), "the dead ones are taken now", pause=0.1)
        receiver.check()

    def test_a_document_that_is_there_already(self):
        """409 is no failure: it was taken before, and only the answer was lost."""
        receiver = self.make()
        receiver.script.extend([CUT_AFTER, None, CUT_AFTER, CUT_AFTER])
        expected = self.begun(receiver)
        self.delivered(expected)
        state = self.caught_up(self.NAME)
        self.assertEqual(state["dead"], 0)
        self.assertGreaterEqual(receiver.conflicts, 10)
        receiver.check()

    def test_no_such_index(self):
        """Somebody has to mend it: nothing is lost, nothing is dead."""
        receiver = self.make(index="another")
        expected = self.begun(receiver)
        state = self.failing(self.NAME)
        self.assertIn("404", state["last_error"])
        self.assertEqual((state["lag_events"], state["dead"]), (len(expected), 0))
        receiver.index = "logs-whosent-default"
        receiver.refused.clear()
        self.server.terminate()
        self.server.start()
        self.delivered(expected)
        receiver.check()


class Webhook(Common, SinkCase):
    NAME = "webhook:hook"

    def make(self, **options):
        return receivers.Webhook(**{"bearer": SECRET, **options})

    def section(self, receiver, more=""):
        return f'[[export.webhook]]\nname = "hook"\nurl = "{receiver.hook}"\nbearer = {{ file = "{self.secret()}" }}\nca_file = "{certificates.authority().file}"\n' + more

    def test_faults(self):
        """As the others, but for what an answer's body says: only its status counts."""
        receiver = self.make()
        receiver.script.extend([status(503), None, busy(1), None, status(500), CUT_BEFORE, None, CUT_AFTER, None, status(502, {"Content-Type": "text/html"}, b"<h1>Bad Gateway</h1>"), status(408), CUT_BEFORE,
                                CUT_BEFORE, None, CUT_AFTER])
        expected = self.begun(receiver)
        self.delivered(expected)
        state = self.caught_up(self.NAME)
        self.assertFalse(receiver.script, "there were not enough requests")
        self.assertEqual(state["dead"], 0)
        self.taken_twice(receiver)
        receiver.check()

    def test_signature_and_headers(self):
        key = self.secret("hmac.key", "another-" + SECRET)
        expected = self.begun(self.make(key=("another-" + SECRET).encode(), extra={"X-Tenant": "acme"}), f'hmac_key = {{ file = "{key}" }}\nheaders = {{ "X-Tenant" = "acme" }}\n')
        self.delivered(expected)
        self.receiver.check()

    def test_lines_and_formats(self):
        for number, (options, more) in enumerate((({"lines": True}, "lines = true\n"), ({"encoding": "ecs"}, 'format = "ecs"\n'), ({"encoding": "ecs", "lines": True}, 'format = "ecs"\nlines = true\n'),
                                                  ({"encoding": "cef"}, 'format = "cef"\n'))):
            with self.subTest(more):
                receiver = self.received(self.make(**options))
                if not os.path.exists(self.store):
                    self.ingest(some_reports(self))
                server = self.serve(self.section(receiver, quick(more)).replace('"hook"', f'"hook{number}"', 1), name=f"server{number}")
                self.delivered(self.expected())
                lines = self.ok("events", "--format", options.get("encoding", "json")).lines
                self.assertEqual([taken.text if isinstance(taken.event, str) else taken.event for taken in receiver.taken], lines if options.get("encoding") == "cef" else list(map(json.loads, lines)))
                receiver.check()
                server.terminate()

    def test_plain_http_only_where_it_says_so(self):
        for url, more, good in (("http://siem.example.com/hook", "", False), ("http://siem.example.com/hook", "insecure_plain = true\n", True), (f"http://127.0.0.1:{free_port()}/hook", "", True),
                                ("ftp://siem.example.com/", "", False), ("https://user:secret@siem.example.com/", "", False)):
            with self.subTest(url, more=more):
                path = self.write("check.toml", f'[[export.webhook]]\nname = "hook"\nurl = "{url}"\n{more}')
                self.assertEqual(self.run_whosent("--config", path, "config", "check").code == 0, good)


if __name__ == "__main__":
    unittest.main()
