"""`whosent serve` in a test: its configuration, its readiness, its log, what it says over HTTP, and its end.

A test case derives from DaemonCase. What a test waits for it waits for by asking again (`wait_until`), never by sleeping for a while.
"""

import concurrent.futures
import http.client
import json
import os
import random
import re
import resource
import signal
import socket
import subprocess
import threading
import time

from harness import BINARY, SANITIZED, Case

PATIENCE = 30 * (4 if SANITIZED else 1)  # seconds for what takes a moment on a machine with nothing else to do
# A test that is killed leaves no daemon behind. What is asked for so comes when the thread ends that started the process, so one thread starts them all.
DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
STARTER = concurrent.futures.ThreadPoolExecutor(1)


def free_port():
    """A port of loopback that nobody listens on. Below those that the system gives to connections, so that none takes it until it is listened on."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        above = int(file.read().split()[0])
    draw = random.SystemRandom()
    for _ in range(200):
        port = draw.randrange(max(1024, above - 20_000), above)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port on loopback")


def wait_until(condition, what, seconds=PATIENCE, pause=0.02):
    """What `condition` answers, once it is true."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still not: {what() if callable(what) else what}")
        time.sleep(pause)


class Notifications:
    """The socket of a service manager (sd_notify(3)): what is told, and when."""

    def __init__(self, path):
        self.path = path
        self.told = []  # (time.monotonic(), text)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                data = self._socket.recv(4096)
            except OSError:
                return
            if not data:
                return
            now = time.monotonic()
            self.told += [(now, line) for line in data.decode().splitlines()]

    def when(self, text):
        return [at for at, line in self.told if line == text]

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
        if os.path.exists(self.path):
            os.remove(self.path)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()


class Daemon:
    """One process. `case` is the test, whose store it opens; `text` is added to the configuration. `listen`: of [serve]; None: a free port."""

    def __init__(self, case, text="", *, listen=None, log="text", level="info", env=None, preexec=None, arguments=(), watchdog=None, name="whosent", serve=""):
        self.case, self.name, self.process = case, name, None
        self.http = f"127.0.0.1:{free_port()}" if listen is None else listen
        # keys of the top level stand before the first table
        top, *tables = re.split(r"^(?=\[)", text, maxsplit=1, flags=re.M)
        self.configuration = case.write(name + ".toml", f'{top}\n[serve]\nlisten = "{self.http}"\n{serve}\n[log]\nlevel = "{level}"\nformat = "{log}"\n\n' + "".join(tables))
        self.log_path = case.path(name + ".log")
        self.environment = env or case.environment()
        self.watchdog, self.preexec, self.arguments = watchdog, preexec, arguments
        self.notifications, self._log_from = None, 0

    # Beginning and end

    def launch(self):
        """Starts, and does not wait."""
        if self.notifications:
            self.notifications.close()
        self.notifications = Notifications(self.case.path(self.name + ".notify"))
        env = dict(self.environment, NOTIFY_SOCKET=self.notifications.path)
        if self.watchdog:
            env["WATCHDOG_USEC"] = str(int(self.watchdog * 1e6))

        self._log_from = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        with open(self.log_path, "ab") as log:
            self.process = STARTER.submit(subprocess.Popen, [*DIE_WITH_PARENT, BINARY, "--config", self.configuration, "serve", *self.arguments], env=env,
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=self.preexec).result()
        return self

    def start(self):
        """Starts, and waits until it is ready."""
        self.launch()
        self.wait_ready()
        return self

    def wait_ready(self, seconds=PATIENCE):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"whosent serve ended with {self.process.returncode}:\n{self.log()}")
            return self.notifications.when("READY=1")

        wait_until(ready, lambda: "READY=1 was told by whosent serve:\n" + self.log(), seconds)

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def terminate(self, within=10):
        """SIGTERM; the seconds that the end took. It has to end by itself, with 0."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        try:
            code = self.process.wait(within * (3 if SANITIZED else 1))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running {within} s after SIGTERM:\n{self.log()[-4000:]}") from None
        if code:
            raise AssertionError(f"ended with {code} after SIGTERM:\n{self.log()[-4000:]}")
        return time.monotonic() - began

    def kill(self):
        """As a power cut would, but for the page cache."""
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.running:
            self.kill()
        if self.notifications:
            self.notifications.close()

    # What it tells

    def log(self, everything=False):
        """The log since the last start, or of all starts."""
        if not os.path.exists(self.log_path):
            return ""
        with open(self.log_path, "rb") as file:
            file.seek(0 if everything else self._log_from)
            return file.read().decode()

    def log_records(self):
        """The log as JSON lines; every line must be one, in which no name stands twice."""
        def no_name_twice(pairs):
            if len(dict(pairs)) != len(pairs):
                raise ValueError("a name twice")
            return dict(pairs)

        records = []
        for line in self.log().splitlines():
            try:
                record = json.loads(line, object_pairs_hook=no_name_twice)
            except ValueError as error:
                raise AssertionError(f"no good JSON ({error}): {line}") from None
            if not isinstance(record, dict):
                raise AssertionError(f"no object: {line}")
            records.append(record)
        return records

    def wait_log(self, pattern, seconds=PATIENCE):
        return wait_until(lambda: re.search(pattern, self.log()), lambda: f"/{pattern}/ in the log:\n{self.log()[-4000:]}", seconds)

    def get(self, path, method="GET", headers=(), timeout=20):
        if self.http.startswith("unix:"):
            connection = http.client.HTTPConnection("localhost", timeout=timeout)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(timeout)
            connection.sock.connect(self.http[5:])
        else:
            host, port = self.http.rsplit(":", 1)
            connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
        try:
            connection.request(method, path, headers=dict(headers))
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        finally:
            connection.close()

    def metrics(self):
        answer = self.get("/metrics")
        if answer.status != 200:
            raise AssertionError(f"/metrics: {answer.status} {answer.text}")
        return Metrics(answer.text)

    def memory(self):
        """(resident bytes, the most there ever were)"""
        with open(f"/proc/{self.process.pid}/status") as file:
            figures = dict(line.split(":", 1) for line in file)
        return tuple(int(figures[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))

    def own_memory(self):
        """Resident bytes that are no mapped file."""
        with open(f"/proc/{self.process.pid}/status") as file:
            figures = dict(line.split(":", 1) for line in file)
        return int(figures["RssAnon"].split()[0]) * 1024


class Metrics:
    """The text of a Prometheus exposition (format 0.0.4), held against its grammar."""

    NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
    LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
    SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL})(?:,{LABEL})*,?)?\}})? (\S+)(?: (-?\d+))?")
    TYPES = ("counter", "gauge", "histogram", "summary", "untyped")

    def __init__(self, text):
        self.text, self.samples, self.types, self.helps = text, {}, {}, {}
        if text and not text.endswith("\n"):
            raise AssertionError("the last line does not end")
        family, finished = None, set()
        for number, line in enumerate(text.splitlines(), 1):
            def wrong(what):
                raise AssertionError(f"/metrics line {number}: {what}: {line}")

            if not line:
                continue
            if line.startswith("#"):
                said = re.fullmatch(rf"# (HELP|TYPE) ({self.NAME})(?: (.*))?", line)
                if not said:
                    continue  # a comment
                kind, name, rest = said.groups()
                if name != family:
                    if name in finished:
                        wrong("the lines of a family do not stand together")
                    finished.add(family)
                    family = name
                where = self.helps if kind == "HELP" else self.types
                if name in where:
                    wrong(f"second {kind}")
                if kind == "TYPE" and rest not in self.TYPES:
                    wrong("unknown type")
                if kind == "TYPE" and any(sample == name for sample, _ in self.samples):
                    wrong("TYPE behind a sample")
                where[name] = rest
                continue
            found = self.SAMPLE.fullmatch(line)
            if not found:
                wrong("no sample")
            name, labels, value = found.group(1), found.group(2) or "", found.group(found.re.groups - 1)
            base = re.sub("_(bucket|sum|count)$", "", name)
            of = base if self.types.get(base) in ("histogram", "summary") else name
            if of != family:
                if of in finished:
                    wrong("the lines of a family do not stand together")
                finished.add(family)
                family = of
            pairs = re.findall(self.LABEL, labels)
            if len(dict(pairs)) != len(pairs):
                wrong("a label twice")
            unescaped = {label: re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), text) for label, text in pairs}
            key = (name, frozenset(unescaped.items()))
            if key in self.samples:
                wrong("a sample twice")
            try:
                self.samples[key] = float(value.replace("+Inf", "inf"))
            except ValueError:
                wrong("no number")
            if of not in self.types:
                wrong("a sample without a TYPE before it")
            if self.types[of] == "counter" and not self.samples[key] >= 0:
                wrong("a counter below 0")

    def total(self, name, **labels):
        """The sum of the samples with this name and, among others, these labels; None when there is none."""
        found = [value for (sample, pairs), value in self.samples.items() if sample == name and set(labels.items()) <= pairs]
        return sum(found) if found else None

    def names(self):
        return {name for name, _ in self.samples}


class DaemonCase(Case):
    def setUp(self):
        super().setUp()
        self.daemons = []

    def daemon(self, text="", **options):
        """A daemon that is not started yet, and ends with the test."""
        daemon = Daemon(self, text, **options)
        self.daemons.append(daemon)
        self.addCleanup(daemon.close)
        return daemon

    def serve(self, text="", **options):
        return self.daemon(text, **options).start()

    def report_ids(self):
        """Of every report in the store, sorted; read beside the daemon."""
        return sorted(entry["report_id"] for entry in self.listing("reports", "--limit", "0"))

    def wait_reports(self, expected, seconds=PATIENCE):
        """Until the store holds exactly these, each once."""
        expected = sorted(expected)
        found = []

        def there():
            found[:] = self.report_ids() if os.path.exists(self.store) else []
            return len(found) >= len(expected)

        wait_until(there, lambda: f"{len(expected)} reports; there are {len(found)}\n" + "".join(daemon.log()[-3000:] for daemon in self.daemons), seconds, pause=0.1)
        self.assertEqual(found, expected)


class SmallDisk:
    """A folder with little room, which make_room() ends. A mount where that is allowed; else a limit on the size of the daemon's files, which stands for it."""

    def __init__(self, case, megabytes=3):
        self.path = case.path("disk")
        os.mkdir(self.path)
        self.limit = megabytes << 20
        self.mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", self.path], capture_output=True).returncode == 0
        if self.mounted:
            case.addCleanup(subprocess.run, ["umount", "-l", self.path])

    def preexec(self):
        """For the daemon."""
        if not self.mounted:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, hard))

    def make_room(self, daemon):
        if self.mounted:
            subprocess.run(["mount", "-o", "remount,size=256m", self.path], check=True)
        else:
            _, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
