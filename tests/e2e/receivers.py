"""Receivers of pushed events on loopback, of the tests' own: Splunk HEC with indexer acknowledgement, Elasticsearch and OpenSearch _bulk, a webhook with a signature.

They reject by default: a path, method, header, credential, media type or body that is not what the vendor's published example allows gets the vendor's error, and stands in `refused`.
What they took stands in `taken`, in the order in which it came. A test tells them to fail with `script` (the next data requests, one fault each) or `rule` (asked about each of the others).

The published examples:
 HEC     https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/format-events-for-http-event-collector (keys of an event)
         https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/http-event-collector-examples (requests, batches: objects one behind the other)
         https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/about-http-event-collector-indexer-acknowledgment (channel, ackId, /ack)
         https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/troubleshoot-http-event-collector (codes and statuses)
 _bulk   https://www.elastic.co/guide/en/elasticsearch/reference/8.11/docs-bulk.html (actions, answer, items that failed)
         https://www.elastic.co/guide/en/elasticsearch/reference/8.11/use-a-data-stream.html (a data stream takes `create` alone, and documents with @timestamp)
         https://docs.opensearch.org/latest/api-reference/document-apis/bulk/
 webhook docs/sinks.md; the scheme of the signature is that of https://docs.stripe.com/webhooks?verify=verify-manually
"""

import base64
import collections
import dataclasses
import hashlib
import hmac
import http.server
import itertools
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse

import certificates


@dataclasses.dataclass
class Taken:
    """An event as it was taken. `sequence` is 0 where the event does not say it."""
    id: str
    sequence: int
    text: str      # the event alone, without what the vendor wants around it
    event: object  # parsed: an object, or for CEF the text
    around: dict   # what stood around it
    request: int   # number of the request that brought it, from 0


@dataclasses.dataclass
class Fault:
    """kind: "status" (answered with it, nothing is taken), "cut-before" (closed without an answer, nothing is taken), "cut-after" (taken, and closed without an answer), "stall" (no answer before
    `until` is set or the client goes away; nothing is taken), "stall-after" (the same, but taken), "garbage" (200 with something that is no answer; nothing is taken), "items" (of a bulk request
    these positions fail, the others are taken), "lost" (HEC: an ackId, but the events are never indexed), "unacknowledged" (HEC: indexed, but the ackId never becomes true), "slow" (HEC: the
    ackId becomes true at the `polls`th asking)."""
    kind: str
    status: int = 0
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""
    until: threading.Event = None
    items: dict = None  # position -> (status, type, reason)
    polls: int = 0


def status(code, headers=None, body=b""):
    return Fault("status", code, headers or {}, body)


def busy(seconds):
    return status(429, {"Retry-After": str(seconds)})


CUT_BEFORE, CUT_AFTER, GARBAGE, LOST, UNACKNOWLEDGED = (Fault(kind) for kind in ("cut-before", "cut-after", "garbage", "lost", "unacknowledged"))


def stall(until, after=False):
    return Fault("stall-after" if after else "stall", until=until)


def items(failures):
    return Fault("items", items=failures)


def slow(polls):
    return Fault("slow", polls=polls)


class Refusal(Exception):
    """What is not as the example allows: the vendor's status and body, and for the test the reason."""

    def __init__(self, code, reason, body=None):
        super().__init__(reason)
        self.code, self.body = code, body if body is not None else {"error": reason}


class Request:
    def __init__(self, number, method, target, headers, body):
        self.number, self.method, self.headers, self.body = number, method, headers, body
        self.path, _, query = target.partition("?")
        self.query = urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
        self.at = time.monotonic()
        self.answer = None  # status; 0: cut off

    def header(self, name):
        """The only value; None: absent."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        if len(found) > 1:
            raise Refusal(400, f"{name} stands {len(found)} times")
        return found[0] if found else None


def no_name_twice(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def no_constant(name):
    raise ValueError(f"{name} is no JSON")


STRICT = json.JSONDecoder(object_pairs_hook=no_name_twice, parse_constant=no_constant)


def strict_json(text):
    return json.loads(text, object_pairs_hook=no_name_twice, parse_constant=no_constant)


def cef_values(text):
    """Header and extension of a CEF record, as far as the receivers ask: externalId and the sequence."""
    if not text.startswith("CEF:"):
        raise ValueError("no CEF")
    fields = re.split(r"(?<!\\)(?:\\\\)*\|", text, maxsplit=7)
    if len(fields) != 8:
        raise ValueError("no whole CEF header")
    found = re.search(r"(?:^| )externalId=(\S+)", fields[7])
    number = re.search(r"(?:^| )cn3=(\d+)", fields[7])
    if not found:
        raise ValueError("CEF without externalId")
    return found.group(1), int(number.group(1)) if number else 0


def identified(event):
    """(id, sequence) of an event in JSON, ECS or CEF."""
    if isinstance(event, str):
        return cef_values(event)
    inner = event.get("event") if isinstance(event.get("event"), dict) else event  # ECS has them under event.*
    if not isinstance(inner.get("id"), str) or not 1 <= len(inner["id"]) <= 40:
        raise ValueError("no id of at most 40 characters")
    sequence = inner.get("sequence", 0)
    if not isinstance(sequence, int):
        raise ValueError("sequence is no integer")
    return inner["id"], sequence


class Receiver:
    """An HTTP/1.1 server; TLS by the tests' authority unless `tls` is False. `pair`: another certificate; `client_ca`: clients must show a certificate of it.
    stop() closes everything, and start() listens on the same port again: a receiver that is down for a while."""

    # What a request may have; kinds add theirs. Anything else is refused, so that nothing is sent unnoticed.
    HEADERS = {"host", "user-agent", "content-type", "content-length", "authorization", "accept", "connection"}

    def __init__(self, tls=True, pair=None, client_ca=None, port=0):
        self.tls, self.pair, self.client_ca, self.port = tls, pair, client_ca, port
        self.script, self.rule = collections.deque(), lambda request: None
        self.requests, self.refused, self.taken, self.errors = [], [], [], []
        self.lock = threading.RLock()
        self._server, self._links = None, set()
        if not port:
            with socket.socket() as probe:  # known before it is listened on, for a receiver that is down at first
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    def start(self):
        outer = self

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request, client_address):
                pass  # connections that break are what many tests are about; what the handler itself does wrong is kept there

            def finish_request(self, request, client_address):
                with outer.lock:
                    outer._links.add(request)
                try:
                    if outer.tls:
                        request.settimeout(30)
                        request = outer._context.wrap_socket(request, server_side=True)
                        with outer.lock:
                            outer._links.add(request)
                        request.settimeout(None)
                    self.RequestHandlerClass(request, client_address, self)
                except (ssl.SSLError, OSError):
                    pass
                finally:
                    with outer.lock:
                        outer._links.discard(request)
                    if outer.tls and isinstance(request, ssl.SSLSocket):
                        request.close()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def handle_any(self):
                try:
                    outer._handle(self)
                except OSError:
                    self.close_connection = True
                except Exception as error:  # the test shall see it
                    outer.errors.append(error)
                    self.close_connection = True
                    raise

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = handle_any

        if self.tls:
            pair = self.pair or certificates.localhost()
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(pair.certificate, pair.key)
            if self.client_ca:
                self._context.verify_mode = ssl.CERT_REQUIRED
                self._context.load_verify_locations(self.client_ca)
        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self):
        if self._server is None:
            return
        server, self._server = self._server, None
        server.shutdown()
        server.socket.close()
        with self.lock:
            links = list(self._links)
        for link in links:
            try:
                link.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # What a test asks

    def ids(self):
        """Of what was taken, in order, duplicates included."""
        with self.lock:
            return [taken.id for taken in self.taken]

    def first_ids(self):
        """The same, each at its first appearance."""
        return list(dict.fromkeys(self.ids()))

    def duplicates(self):
        found = self.ids()
        return len(found) - len(set(found))

    def check_duplicates(self):
        """What has the same id is the same event."""
        with self.lock:
            texts = {}
            for taken in self.taken:
                if texts.setdefault(taken.id, taken.text) != taken.text:
                    raise AssertionError(f"two events have the id {taken.id}:\n{texts[taken.id]}\n{taken.text}")

    def check(self):
        """Nothing was refused, and nothing went wrong here."""
        if self.errors:
            raise self.errors[0]
        if self.refused:
            raise AssertionError("refused: " + "; ".join(self.refused[:5]))
        self.check_duplicates()

    # One request

    def _handle(self, handler):
        size = handler.headers.get_all("Content-Length") or []
        body, framing = b"", None
        if handler.headers.get("Transfer-Encoding"):
            framing = "Transfer-Encoding"
        elif len(size) > 1 or (size and not re.fullmatch(r"\d{1,12}", size[0])):
            framing = "Content-Length"
        elif size:
            body = handler.rfile.read(int(size[0]))
            if len(body) < int(size[0]):
                handler.close_connection = True
                return
        with self.lock:
            request = Request(len(self.requests), handler.command, handler.path, list(handler.headers.items()), body)
            self.requests.append(request)
        try:
            if framing:
                handler.close_connection = True
                raise Refusal(400, f"{framing} is not as the examples have it")
            unknown = {name.lower() for name, _ in request.headers} - self.HEADERS - self.more_headers()
            if unknown:
                raise Refusal(400, f"headers that no example has: {sorted(unknown)}")
            if request.header("Host") not in (f"localhost:{self.port}", f"127.0.0.1:{self.port}"):
                raise Refusal(400, "Host is not that of the address")
            answer = self.answer(request)
        except Refusal as refusal:
            with self.lock:
                self.refused.append(f"{request.method} {request.path}: {refusal}")
            answer = refusal.code, {"Content-Type": "application/json"}, json.dumps(refusal.body).encode()
        if answer is None:
            request.answer = 0
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        code, headers, out = answer
        request.answer = code
        handler.send_response_only(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        if request.method == "HEAD":
            out = b""
        handler.send_header("Content-Length", str(len(out)))
        handler.end_headers()
        handler.wfile.write(out)
        handler.wfile.flush()

    def more_headers(self):
        return set()

    def fault_of(self, request):
        with self.lock:
            return self.script.popleft() if self.script else self.rule(request)

    def faulty(self, fault, take):
        """(answered, what): whether the fault is the whole answer. `take` takes what the request holds."""
        if fault is None or fault.kind in ("items", "lost", "unacknowledged", "slow"):
            return False, None
        if fault.kind == "status":
            return True, (fault.status, fault.headers, fault.body)
        if fault.kind == "garbage":
            return True, (200, {"Content-Type": "application/json"}, b'{"took": 3, "items": [{"crea')
        if fault.kind in ("cut-after", "stall-after"):
            take()
        if fault.kind in ("stall", "stall-after"):
            fault.until.wait(120)
        return True, None


def json_answer(body, code=200):
    return code, {"Content-Type": "application/json; charset=UTF-8"}, json.dumps(body).encode()


class Hec(Receiver):
    """Splunk's HTTP Event Collector. The token wants acknowledgement unless `acknowledge` is False, hence a channel with each request."""

    KEYS = {"time", "host", "source", "sourcetype", "index", "event", "fields"}
    CODES = {2: (401, "Token is required"), 3: (401, "Invalid authorization"), 4: (403, "Invalid token"), 5: (400, "No data"), 6: (400, "Invalid data format"), 7: (400, "Incorrect index"),
             9: (503, "Server is busy"), 10: (400, "Data channel is missing"), 11: (400, "Invalid data channel"), 12: (400, "Event field is required"), 13: (400, "Event field cannot be blank"),
             14: (400, "ACK is disabled")}

    def __init__(self, token, acknowledge=True, indexes=(), encoding="json", **options):
        super().__init__(**options)
        self.token, self.acknowledge, self.indexes, self.encoding = token, acknowledge, indexes, encoding
        self.numbers = collections.defaultdict(itertools.count)  # ackIds count by channel
        self.pending = {}                # (channel, ackId) -> askings that are still answered false; None: all of them
        self.ack_script, self.polled = collections.deque(), 0

    def more_headers(self):
        return {"x-splunk-request-channel"}

    def code(self, number, why="", **more):
        status_code, text = self.CODES[number]
        return Refusal(status_code, f"{text} ({why})" if why else text, {"text": text, "code": number, **more})

    def answer(self, request):
        authorization = request.header("Authorization")
        if authorization is None:
            raise self.code(2)
        scheme, _, token = authorization.partition(" ")
        if scheme != "Splunk":
            raise self.code(3)
        if token != self.token:
            raise self.code(4)
        if request.path not in ("/services/collector/event", "/services/collector/event/1.0", "/services/collector", "/services/collector/ack"):
            raise Refusal(404, f"no such path: {request.path}", {"text": "The requested URL was not found on this server.", "code": 404})
        if request.method != "POST":
            raise Refusal(405, f"{request.method} is not POST")
        if (request.header("Content-Type") or "").partition(";")[0] != "application/json":
            raise Refusal(415, f"Content-Type is {request.header('Content-Type')!r}")
        query = dict(request.query)
        if set(query) - {"channel"}:
            raise Refusal(400, f"parameters that no example has: {sorted(query)}")
        channel = request.header("X-Splunk-Request-Channel") or query.get("channel")
        if self.acknowledge or channel is not None:
            if channel is None:
                raise self.code(10)
            if not re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", channel):
                raise self.code(11)
        return self.acks(request, channel) if request.path.endswith("/ack") else self.events(request, channel)

    def events(self, request, channel):
        found = self.parse(request)
        fault = self.fault_of(request)
        answered, what = self.faulty(fault, lambda: self.taken.extend(found))
        if answered:
            return what
        kind = fault.kind if fault else ""
        with self.lock:
            if kind != "lost":
                self.taken.extend(found)
            body = {"text": "Success", "code": 0}
            if self.acknowledge:
                body["ackId"] = next(self.numbers[channel])
                self.pending[channel, body["ackId"]] = None if kind in ("lost", "unacknowledged") else fault.polls if kind == "slow" else 0
        return json_answer(body)

    def parse(self, request):
        try:
            text = request.body.decode()
        except UnicodeDecodeError as error:
            raise self.code(6, str(error)) from None
        if not text.strip():
            raise self.code(5)
        at, found = 0, []
        while at < len(text):
            number = len(found)
            try:
                one, end = STRICT.raw_decode(text, at)
            except ValueError as error:
                raise self.code(6, str(error), **{"invalid-event-number": number}) from None
            found.append(self.one(one, number, request))
            while end < len(text) and text[end] in " \r\n\t":
                end += 1
            at = end
        return found

    def one(self, one, number, request):
        wrong = lambda code, why="": self.code(code, why, **{"invalid-event-number": number})
        if not isinstance(one, dict) or set(one) - self.KEYS:
            raise wrong(6, f"keys {sorted(set(one) - self.KEYS) if isinstance(one, dict) else one}")
        if "event" not in one:
            raise wrong(12)
        event = one["event"]
        if event in ("", None, {}, []):
            raise wrong(13)
        # the example's time is epoch seconds, with a fraction where wanted
        if not re.fullmatch(r"\d{9,10}(\.\d{1,9})?", str(one.get("time", ""))):
            raise wrong(6, f"time {one.get('time')!r}")
        for name in ("host", "source", "sourcetype", "index"):
            if name in one and (not isinstance(one[name], str) or not one[name]):
                raise wrong(6, name)
        if self.indexes and one.get("index") not in self.indexes or not self.indexes and "index" in one:
            raise wrong(7, str(one.get("index")))
        fields = one.get("fields", {})
        if not isinstance(fields, dict) or any(isinstance(value, dict) for value in fields.values()):
            raise wrong(6, "fields are flat")
        if isinstance(event, str) != (self.encoding == "cef"):
            raise wrong(6, f"the event is not {self.encoding}")
        try:
            identity, sequence = identified(event)
        except (ValueError, AttributeError) as error:
            raise wrong(6, str(error)) from None
        return Taken(identity, sequence, event if isinstance(event, str) else json.dumps(event), event, {name: value for name, value in one.items() if name != "event"}, request.number)

    def acks(self, request, channel):
        if not self.acknowledge:
            raise self.code(14)
        try:
            asked = strict_json(request.body)
            numbers = asked["acks"]
            if set(asked) != {"acks"} or not numbers or any(type(number) is not int for number in numbers):
                raise ValueError("acks")
        except (ValueError, KeyError, TypeError) as error:
            raise self.code(6, str(error)) from None
        with self.lock:
            self.polled += 1
            fault = self.ack_script.popleft() if self.ack_script else None
        answered, what = self.faulty(fault, lambda: None)
        if answered:
            return what
        told = {}
        with self.lock:
            for number in numbers:
                left = self.pending.get((channel, number))
                told[str(number)] = left == 0
                if left == 0:
                    del self.pending[channel, number]  # "true" is told once
                elif left:
                    self.pending[channel, number] = left - 1
        return json_answer({"acks": told})

    def restart(self):
        """As after a restart: what was not told is not known any more."""
        with self.lock:
            self.pending.clear()
            self.numbers.clear()


class Bulk(Receiver):
    """POST /_bulk of Elasticsearch and OpenSearch, `create` alone; an index "logs-…" is a data stream, whose documents have @timestamp. `stored` is what there is, by _id: what comes again is answered with 409.
    `authorization`: the whole header."""

    def __init__(self, authorization, index="logs-whosent-default", encoding="ecs", **options):
        super().__init__(**options)
        self.authorization, self.index, self.encoding = authorization, index, encoding
        self.stored, self.conflicts = {}, 0

    @staticmethod
    def api_key(text):
        return "ApiKey " + text

    @staticmethod
    def basic(user, password):
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    @staticmethod
    def error(code, kind, reason):
        cause = {"type": kind, "reason": reason}
        return Refusal(code, f"{kind}: {reason}", {"error": {"root_cause": [cause], **cause}, "status": code})

    def answer(self, request):
        if request.header("Authorization") != self.authorization:
            raise self.error(401, "security_exception", "unable to authenticate" if request.header("Authorization") else "missing authentication credentials for REST request [/_bulk]")
        if request.path not in ("/_bulk", f"/{self.index}/_bulk"):
            raise self.error(404, "index_not_found_exception", f"no such path {request.path}")
        if request.method != "POST":
            raise self.error(405, "method_not_allowed", request.method)
        if request.query:
            raise self.error(400, "illegal_argument_exception", f"request [/_bulk] contains unrecognized parameter: {request.query}")
        if (request.header("Content-Type") or "").partition(";")[0] not in ("application/x-ndjson", "application/json"):
            raise self.error(406, "media_type_header_exception", f"Content-Type {request.header('Content-Type')!r} is not supported")
        found = self.parse(request)
        fault = self.fault_of(request)
        answered, what = self.faulty(fault, lambda: self.store(found, {}))
        if answered:
            return what
        results = self.store(found, fault.items if fault else {})
        return json_answer({"took": 3, "errors": any(result["create"]["status"] >= 300 for result in results), "items": results})

    def parse(self, request):
        if not request.body.endswith(b"\n"):
            raise self.error(400, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]")
        lines = request.body[:-1].split(b"\n")
        if len(lines) % 2 or not lines[0]:
            raise self.error(400, "illegal_argument_exception", f"{len(lines)} lines are no pairs of action and source")
        found = []
        for action_line, source_line in zip(lines[::2], lines[1::2]):
            try:
                action, source = strict_json(action_line.decode()), strict_json(source_line.decode())
            except ValueError as error:
                raise self.error(400, "x_content_parse_exception", str(error)) from None
            if not isinstance(action, dict) or list(action) != ["create"]:
                raise self.error(400, "illegal_argument_exception", f"only write ops with an op_type of create are allowed in data streams: {action_line[:80]!r}")
            meta = action["create"]
            if set(meta) - {"_index", "_id"} or not isinstance(meta.get("_id"), str) or not 1 <= len(meta["_id"].encode()) <= 512:
                raise self.error(400, "illegal_argument_exception", f"the action's line is {action_line[:120]!r}")
            if meta.get("_index", self.index) != self.index or (request.path == "/_bulk" and "_index" not in meta):
                raise self.error(404, "index_not_found_exception", f"no such index [{meta.get('_index')}]")
            if not isinstance(source, dict):
                raise self.error(400, "x_content_parse_exception", "a document is an object")
            if self.index.startswith("logs-") and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", str(source.get("@timestamp", ""))):
                raise self.error(400, "mapper_parsing_exception", f"data stream timestamp field [@timestamp] is missing: {source_line[:120]!r}")
            try:
                identity, sequence = identified({name: value for name, value in source.items() if name != "@timestamp"})
            except (ValueError, AttributeError) as error:
                raise self.error(400, "mapper_parsing_exception", str(error)) from None
            if identity != meta["_id"]:
                raise self.error(400, "illegal_argument_exception", f"_id {meta['_id']} is not the event's {identity}")
            if self.encoding == "ecs" and "ecs" not in source:
                raise self.error(400, "mapper_parsing_exception", "no ecs.version")
            found.append(Taken(identity, sequence, source_line.decode(), source, meta, request.number))
        return found

    def store(self, found, failures):
        results = []
        with self.lock:
            for position, taken in enumerate(found):
                result = {"_index": ".ds-" + self.index + "-2026.11.22-000001", "_id": taken.id}
                if position in (failures or {}):
                    code, kind, reason = failures[position]
                    result |= {"status": code, "error": {"type": kind, "reason": reason}}
                elif taken.id in self.stored:
                    self.conflicts += 1
                    if self.stored[taken.id] != taken.text:
                        self.errors.append(AssertionError(f"another event with the id {taken.id}"))
                    result |= {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": f"[{taken.id}]: version conflict, document already exists (current version [1])",
                                                        "index_uuid": "oeEjvUhZQtCuBVBLIdbdXA", "shard": "0", "index": result["_index"]}}
                else:
                    self.stored[taken.id] = taken.text
                    self.taken.append(taken)
                    result |= {"_version": 1, "result": "created", "_shards": {"total": 2, "successful": 1, "failed": 0}, "_seq_no": len(self.stored), "_primary_term": 1, "status": 201}
                results.append({"create": result})
        return results


class Webhook(Receiver):
    """POST of a JSON array, or of lines, to one path. `key`: bytes of the signature's key; None: there must be no signature. `extra`: headers that must stand there."""

    TOLERANCE = 300  # seconds between the signature's time and now

    def __init__(self, path="/hook", key=None, bearer=None, extra=None, lines=False, encoding="json", **options):
        super().__init__(**options)
        self.path, self.key, self.bearer, self.extra, self.lines, self.encoding = path, key, bearer, extra or {}, lines, encoding
        self.deliveries = {}

    @property
    def hook(self):
        return self.url + self.path

    def more_headers(self):
        return {name.lower() for name in self.extra} | {"whosent-delivery"} | ({"whosent-signature"} if self.key else set())

    def answer(self, request):
        if request.path != self.path or request.query:
            raise Refusal(404, f"no such path: {request.path}")
        if request.method != "POST":
            raise Refusal(405, f"{request.method} is not POST")
        if request.header("Authorization") != (f"Bearer {self.bearer}" if self.bearer else None):
            raise Refusal(401, "wrong or missing Authorization")
        for name, value in self.extra.items():
            if request.header(name) != value:
                raise Refusal(400, f"{name} is {request.header(name)!r}")
        if self.key:
            self.verify(request)
        wanted = "text/plain" if self.encoding == "cef" else "application/x-ndjson" if self.lines else "application/json"
        if (request.header("Content-Type") or "").partition(";")[0] != wanted:
            raise Refusal(415, f"Content-Type is {request.header('Content-Type')!r}, not {wanted}")
        found = self.parse(request)
        delivery = request.header("Whosent-Delivery")
        if delivery is not None:
            # the same for the same events, and for them alone
            with self.lock:
                if not re.fullmatch("[0-9a-f]{32}", delivery) or self.deliveries.setdefault(delivery, [taken.id for taken in found]) != [taken.id for taken in found]:
                    raise Refusal(400, f"Whosent-Delivery {delivery}")
        fault = self.fault_of(request)
        answered, what = self.faulty(fault, lambda: self.taken.extend(found))
        if answered:
            return what
        with self.lock:
            self.taken.extend(found)
        return 200, {}, b""

    def verify(self, request):
        parts = (request.header("Whosent-Signature") or "").split(",")
        pairs = dict(part.split("=", 1) for part in parts if "=" in part)
        if set(pairs) != {"t", "v1"} or not pairs["t"].isdigit():
            raise Refusal(401, "no signature")
        if abs(time.time() - int(pairs["t"])) > self.TOLERANCE:
            raise Refusal(401, "the signature is of another time")
        expected = hmac.new(self.key, pairs["t"].encode() + b"." + request.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, pairs["v1"]):
            raise Refusal(401, "wrong signature")

    def parse(self, request):
        try:
            text = request.body.decode()
            if self.encoding == "cef" or self.lines:
                if not text.endswith("\n") or "\n\n" in text or text.startswith("\n"):
                    raise ValueError("lines end with a line feed each")
                events = text[:-1].split("\n")
                texts = events
                events = events if self.encoding == "cef" else [strict_json(line) for line in events]
            else:
                events = strict_json(text)
                if not isinstance(events, list) or not events:
                    raise ValueError("no array with events")
                texts = [json.dumps(event) for event in events]
            return [Taken(*identified(event), text, event, {}, request.number) for event, text in zip(events, texts)]
        except (ValueError, AttributeError) as error:
            raise Refusal(400, str(error)) from None
