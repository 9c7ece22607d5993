"""DNS on loopback for the tests: a real authoritative server, faults in front of it, and a server that knows no name.

`Nsd` runs NSD with one root zone, so that a name that stands in no test's zone is NXDOMAIN, as on the public DNS. `Proxy` hands questions on to it and is slow, deaf or wrong where a
test asks for it; it counts what it is asked. `NothingServer` answers NXDOMAIN to everything.
"""

import base64
import collections
import heapq
import ipaddress
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

NSD = next((path for path in ("/usr/sbin/nsd", "/usr/local/sbin/nsd", shutil.which("nsd") or "") if os.access(path, os.X_OK)), None)
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5


# ---- zones: {name: [(type, value)…]}, names without the final dot ----


def merge(*zones):
    out = {}
    for zone in zones:
        for name, records in zone.items():
            out.setdefault(name.lower(), []).extend(record for record in records if record not in out.get(name.lower(), ()))
    return out


def txt(name, *texts):
    return {name: [("TXT", text) for text in texts]}


def cname(name, target):
    return {name: [("CNAME", target)]}


def chain(*names, end=None):
    """A CNAME from each name to the next; `end` are the last one's records."""
    return merge(*(cname(a, b) for a, b in zip(names, names[1:])), {names[-1]: end or []})


def address(name, *ips):
    return {name: [("AAAA" if ":" in ip else "A", ip) for ip in ips]}


def host(ip, name, confirmed=True):
    """The reverse name of an address; unless it is a lie, the name leads back."""
    zone = {ipaddress.ip_address(ip).reverse_pointer: [("PTR", name)]}
    return merge(zone, address(name, ip)) if confirmed else zone


def der(tag, content):
    size = len(content)
    length = bytes([size]) if size < 128 else (lambda b: bytes([128 + len(b)]) + b)(size.to_bytes((size.bit_length() + 7) // 8, "big"))
    return bytes([tag]) + length + content


def dkim_key(seed, bits=2048, tags="v=DKIM1; k=rsa"):
    """A key record as of RFC 6376 section 3.6.1: a SubjectPublicKeyInfo whose modulus nobody knows the factors of; the same for the same seed."""
    modulus = random.Random(f"key {seed}").getrandbits(bits) | 1 << (bits - 1) | 1
    numbers = b"".join(der(2, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in (modulus, 65537))
    algorithm = der(0x30, der(6, bytes.fromhex("2a864886f70d010101")) + der(5, b""))
    info = der(0x30, algorithm + der(3, b"\0" + der(0x30, numbers)))
    return f"{tags}; p={base64.b64encode(info).decode()}"


def key(name, seed=None, **options):
    return txt(name, dkim_key(seed or name, **options))


def quoted(text):
    """As character-strings of at most 255 bytes (RFC 1035 section 3.3.14)."""
    data = text.encode("latin-1")
    strings = [data[at:at + 255] for at in range(0, len(data), 255)] or [b""]
    escape = lambda byte: f"\\{byte:03d}" if byte < 32 or byte > 126 or byte in b'"\\' else chr(byte)
    return " ".join('"' + "".join(map(escape, string)) + '"' for string in strings)


def zone_file(zone, serial, ttl):
    lines = [f"$ORIGIN .\n$TTL {ttl}\n. SOA ns.invalid. hostmaster.invalid. {serial} 3600 600 86400 {ttl}\n. NS ns.invalid.\nns.invalid. A 127.0.0.1"]
    for name, records in zone.items():
        for kind, value in records:
            if kind == "TXT":
                value = quoted(value)
            elif kind in ("CNAME", "PTR"):
                value += "."
            elif kind == "MX":
                value = "{} {}.".format(*value)
            lines.append(f"{name}. {kind} {value}")
    return "\n".join(lines) + "\n"


# ---- messages ----


def question(name, kind, number=0):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label)
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", TYPES[kind], 1)


def asked(message):
    """(name, type, end of the question) of a question."""
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1").lower())
        at += 1 + message[at]
    kind = struct.unpack_from(">H", message, at + 1)[0]
    return ".".join(labels), TYPE_NAMES.get(kind, str(kind)), at + 5


def response(message, code, truncated=False):
    """To a question, without records."""
    flags = 0x8000 | (struct.unpack_from(">H", message, 2)[0] & 0x0100) | 0x0400 | (0x0200 if truncated else 0) | code
    return message[:2] + struct.pack(">HHHHH", flags, 1, 0, 0, 0) + message[12:asked(message)[2]]


def nothing(message, ttl=60):
    """NXDOMAIN with the SOA of the root that says for how long (RFC 2308 section 3)."""
    out = bytearray(response(message, NXDOMAIN))
    struct.pack_into(">H", out, 8, 1)
    return bytes(out) + b"\0" + struct.pack(">HHIH", TYPES["SOA"], 1, ttl, 22) + b"\0\0" + struct.pack(">IIIII", 1, 3600, 600, 86400, ttl)


def ask(port, name, kind="TXT", timeout=1.0):
    """(code, number of answers, whether truncated) by UDP; None without an answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(timeout)
        try:
            link.sendto(question(name, kind, 77), ("127.0.0.1", port))
            data = link.recv(65535)
        except (socket.timeout, ConnectionRefusedError):
            return None
    flags, _, answers = struct.unpack_from(">HHH", data, 2)
    return flags & 15, answers, bool(flags & 0x0200)


def serial_of(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(0.2)
        try:
            link.sendto(question("", "SOA", 78), ("127.0.0.1", port))
            data = link.recv(65535)
        except (socket.timeout, ConnectionRefusedError):
            return None
    # the record follows the question: root, type, class, TTL, length; its numbers come last, before authority and additional records, so names are walked
    at = asked(data)[2]
    if struct.unpack_from(">H", data, 6)[0] == 0:
        return None
    at += 1 + 10 if data[at] == 0 else 2 + 10
    for _ in range(2):
        while data[at] and data[at] < 192:
            at += 1 + data[at]
        at += 2 if data[at] >= 192 else 1
    return struct.unpack_from(">I", data, at)[0]


# ---- servers ----


class Nsd:
    """NSD with `zone`, on a free port, its files in a folder of its own. start() returns when it answers; `ttl` is that of all records and of what is not there."""

    def __init__(self, zone, ttl=300):
        self.zone, self.ttl, self.serial, self.process = zone, ttl, 1, None
        self.dir = tempfile.mkdtemp(prefix="whosent-nsd-")

    def start(self):
        if NSD is None:
            raise RuntimeError("nsd is not installed: scripts/install-dependencies --with tests")
        self.write_zone()
        for _ in range(5):  # another may take the port in between
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
                try:
                    stream.bind(("127.0.0.1", self.port))
                except OSError:
                    continue
            if self.launch():
                return self
        raise RuntimeError("nsd does not start:\n" + self.log())

    def launch(self):
        with open(os.path.join(self.dir, "nsd.conf"), "w") as file:
            file.write(
                f'server:\n  ip-address: 127.0.0.1@{self.port}\n  username: ""\n  chroot: ""\n  zonesdir: "{self.dir}"\n  pidfile: "{self.dir}/nsd.pid"\n'
                f'  database: ""\n  zonelistfile: "{self.dir}/zone.list"\n  xfrdfile: "{self.dir}/xfrd.state"\n  xfrdir: "{self.dir}"\n  logfile: "{self.dir}/nsd.log"\n'
                '  server-count: 1\n  zonefiles-check: yes\n  hide-version: yes\n  tcp-count: 200\n'
                '  rrl-ratelimit: 0\n  rrl-whitelist-ratelimit: 0\n'  # else it drops answers beyond 200 a second
                f'remote-control:\n  control-enable: no\nzone:\n  name: "."\n  zonefile: "{self.dir}/root.zone"\n')
        # a group of its own, so that its children end with it; and it ends with this process, however that ends
        self.process = subprocess.Popen(["setpriv", "--pdeathsig=TERM", NSD, "-d", "-c", os.path.join(self.dir, "nsd.conf")], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(os.path.join(self.dir, "stderr"), "wb"), start_new_session=True)
        if self.wait():
            return True
        self.end()
        return False

    def wait(self):
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            if serial_of(self.port) == self.serial:
                return True
            time.sleep(0.02)
        return False

    def log(self):
        return "".join(open(path, errors="replace").read() for path in (os.path.join(self.dir, n) for n in ("nsd.log", "stderr")) if os.path.exists(path))

    def write_zone(self):
        new = os.path.join(self.dir, "new.zone")
        with open(new, "w") as file:
            file.write(zone_file(self.zone, self.serial, self.ttl))
        os.replace(new, os.path.join(self.dir, "root.zone"))

    def change(self, zone):
        """Serves another zone from now on."""
        self.zone, self.serial = zone, self.serial + 1
        self.write_zone()
        self.process.send_signal(signal.SIGHUP)
        if not self.wait():
            raise RuntimeError("nsd does not take the new zone:\n" + self.log())

    def end(self):
        if self.process is not None:
            for sent in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(self.process.pid, sent)
                    self.process.wait(5)
                    break
                except ProcessLookupError:
                    break
                except subprocess.TimeoutExpired:
                    pass
            self.process.wait()
            self.process = None

    def stop(self):
        self.end()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"


class NothingServer:
    """NXDOMAIN for every name, by UDP, from a thread of its own that ends with the process. Keeps what it was asked: (name, type)…"""

    def __init__(self, keep=100_000):
        self.link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.link.bind(("127.0.0.1", 0))
        self.port = self.link.getsockname()[1]
        self.questions = collections.deque(maxlen=keep)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                data, peer = self.link.recvfrom(65535)
                self.questions.append(asked(data)[:2])
                self.link.sendto(nothing(data), peer)
            except (IndexError, struct.error):  # no question
                continue
            except OSError:
                if self.link.fileno() < 0:
                    return

    def stop(self):
        self.link.close()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"


# What a proxy does with a question. By UDP and TCP alike, but for `truncated`, which is only of UDP.
def delayed(seconds):
    return ("delay", seconds)


def failing(code):
    return ("code", code)


DROPPED, GARBAGE, TRUNCATED, OTHER_ID, OTHER_NAME, CUT = (("drop",), ("garbage",), ("truncate",), ("other-id",), ("other-name",), ("cut",))


class Proxy:
    """In front of a server on loopback: hands questions on, but for what the rules say. rules: [(function of name and type -> whether, what)…], the first that holds counts."""

    def __init__(self, upstream_port, rules=()):
        self.upstream = ("127.0.0.1", upstream_port)
        self.rules = list(rules)
        self.questions = []     # (name, type) in order, each time that it came
        self.in_flight = 0      # asked and not answered; those that are dropped count until somebody asks again or drop_life is over
        self.most_in_flight = 0
        self.drop_life = 1.0
        for _ in range(20):
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind(("127.0.0.1", 0))
            self.port = self.udp.getsockname()[1]
            self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                self.tcp.bind(("127.0.0.1", self.port))
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
        self.tcp.listen(100)
        self.tcp_questions = 0
        self.behind = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.behind.connect(self.upstream)
        for link in (self.udp, self.behind):
            link.setblocking(False)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.bell, self.ring = socket.socketpair()
        self.waiting, self.open = {}, {}  # our id -> (client's id, peer, question, delay), (question, peer, id) -> until when it counts as in flight at the latest
        self.later, self.order, self.next_id, self.closed = [], 0, 0, False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.serve_udp, daemon=True), threading.Thread(target=self.serve_tcp, daemon=True)]
        for thread in self.threads:
            thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def rule(self, name, kind):
        return next((what for holds, what in self.rules if holds(name, kind)), None)

    def asked_for(self, name, kind=None):
        """How often."""
        with self.lock:
            return sum(1 for n, k in self.questions if n == name and kind in (None, k))

    def count(self):
        with self.lock:
            return len(self.questions)

    # in order of time, from the UDP thread
    def at(self, seconds, action):
        self.order += 1
        heapq.heappush(self.later, (time.monotonic() + seconds, self.order, action))

    def arrived(self, flight):
        with self.lock:
            self.questions.append(flight[0])
        # the same question again is a try, not another
        self.open[flight[0]] = self.open.get(flight[0], 0) + 1
        self.in_flight = len(self.open)
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def answered(self, flight):
        left = self.open.get(flight[0], 0) - 1
        if left > 0:
            self.open[flight[0]] = left
        else:
            self.open.pop(flight[0], None)
        self.in_flight = len(self.open)

    def reply(self, peer, data, flight):
        self.answered(flight)
        try:
            self.udp.sendto(data, peer)
        except OSError:
            pass

    def serve_udp(self):
        poll = select.poll()
        for link in (self.udp, self.behind, self.bell):
            poll.register(link, select.POLLIN)
        while not self.closed:
            now = time.monotonic()
            while self.later and self.later[0][0] <= now:
                heapq.heappop(self.later)[2]()
            wait = max(0.0, self.later[0][0] - now) * 1000 if self.later else 1000
            for fd, _ in poll.poll(wait + 0.5 if wait else 0):
                if fd == self.udp.fileno():
                    self.take_questions()
                elif fd == self.behind.fileno():
                    self.take_answers()

    def take_questions(self):
        while True:
            try:
                data, peer = self.udp.recvfrom(65535)
            except BlockingIOError:
                return
            except OSError:
                continue
            try:
                name, kind, _ = asked(data)
            except (IndexError, struct.error):
                continue
            flight = ((name, kind), peer)
            self.arrived(flight)
            what = self.rule(name, kind) or ("delay", 0)
            if what[0] == "delay":
                self.next_id = (self.next_id + 1) % 65536
                self.waiting[self.next_id] = (data[:2], peer, flight, what[1])
                try:
                    self.behind.send(struct.pack(">H", self.next_id) + data[2:])
                except OSError:
                    self.reply(peer, response(data, SERVFAIL), flight)
            elif what[0] == "drop":
                self.at(self.drop_life, lambda flight=flight: self.answered(flight))
            elif what[0] == "truncate":
                self.reply(peer, response(data, NOERROR, truncated=True), flight)
            else:
                self.reply(peer, self.spoil(what, data), flight)

    @staticmethod
    def spoil(what, data):
        if what[0] == "code":
            return response(data, what[1])
        if what[0] == "garbage":
            return data[:2] + b"\x85\x80" + random.Random(data).randbytes(60)
        if what[0] == "cut":  # announces an answer that is not there
            out = bytearray(response(data, NOERROR))
            struct.pack_into(">H", out, 6, 3)
            return bytes(out)
        if what[0] == "other-id":
            return struct.pack(">H", struct.unpack(">H", data[:2])[0] ^ 0x5555) + nothing(data)[2:]
        return nothing(data[:12] + b"\x05other\x07invalid\0" + data[asked(data)[2] - 4:])  # other-name

    def take_answers(self):
        while True:
            try:
                data = self.behind.recv(65535)
            except BlockingIOError:
                return
            except OSError:
                continue
            found = self.waiting.pop(struct.unpack(">H", data[:2])[0], None)
            if found is None:
                continue
            number, peer, flight, seconds = found
            whole = number + data[2:]
            if seconds:
                self.at(seconds, lambda peer=peer, whole=whole, flight=flight: self.reply(peer, whole, flight))
            else:
                self.reply(peer, whole, flight)

    def serve_tcp(self):
        while not self.closed:
            try:
                link, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_stream, args=(link,), daemon=True).start()

    def serve_stream(self, link):
        def exactly(source, size):
            out = b""
            while len(out) < size:
                data = source.recv(size - len(out))
                if not data:
                    raise ConnectionError
                out += data
            return out

        with link:
            try:
                while True:
                    data = exactly(link, struct.unpack(">H", exactly(link, 2))[0])
                    name, kind, _ = asked(data)
                    with self.lock:
                        self.questions.append((name, kind))
                        self.tcp_questions += 1
                    what = self.rule(name, kind) or ("delay", 0)
                    if what[0] == "drop":
                        continue
                    if what[0] in ("delay", "truncate"):
                        time.sleep(what[1] if what[0] == "delay" else 0)
                        with socket.create_connection(self.upstream, 5) as behind:
                            behind.sendall(struct.pack(">H", len(data)) + data)
                            out = exactly(behind, struct.unpack(">H", exactly(behind, 2))[0])
                    else:
                        out = self.spoil(what, data)
                    link.sendall(struct.pack(">H", len(out)) + out)
            except (OSError, IndexError, struct.error):
                return

    def stop(self):
        if self.closed:
            return
        self.closed = True
        try:
            self.tcp.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.ring.send(b"x")
        for thread in self.threads:
            thread.join(5)
        for link in (self.udp, self.tcp, self.behind, self.bell, self.ring):
            link.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
