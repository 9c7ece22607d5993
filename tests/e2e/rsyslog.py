"""A real rsyslog of a test's own, on loopback: it runs share/siem/rsyslog as it stands, with other ports and paths, and a test reads what it wrote.

It runs as whoever runs the tests. What it read from a connection stands in the file before it closes that connection: that is how share/siem/rsyslog is written.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess

import certificates
from daemon import DIE_WITH_PARENT, PATIENCE, STARTER, free_port, wait_until

PROGRAM = shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin:/bin")
SHARE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "share", "siem", "rsyslog")
PEER = "whosent.example.com"  # whom share/siem/rsyslog lets in over TLS

# As Debian's own: a module before ours (without the socket of the system), a folder to work in, a place for what rsyslog says of itself.
MAIN = """module(load="imuxsock" sysSock.use="off")
$WorkDirectory {dir}
$IncludeConfig {dir}/rsyslog.d/*.conf
*.* {dir}/own.log
"""


class Message:
    """One line that rsyslog wrote."""

    def __init__(self, written):
        self.written = written
        self.raw = written["raw"]  # as it came, with the header of syslog
        self.header = written["syslog"]
        self.cef = written.get("cef")  # what liblognorm made of it; None: no CEF to it

    @property
    def text(self):
        """Without the header, in which seven blanks stand: structured data is `-`."""
        return self.raw.split(" ", 7)[7]

    def __eq__(self, other):
        return self.raw == other.raw

    def __hash__(self):
        return hash(self.raw)

    def __repr__(self):
        return self.raw


class Rsyslog:
    """`driver`: of TLS, "gtls" or "ossl". `certificate`: the server's (a certificates.Pair); `ca`: the file that clients' certificates are held against."""

    def __init__(self, case, driver="gtls", certificate=None, ca=None, name="rsyslog", start=True):
        if PROGRAM is None:
            raise AssertionError("these tests need rsyslog (packages rsyslog and rsyslog-gnutls), which is not installed")
        self.case, self.driver, self.dir = case, driver, case.path(name)
        self.certificate, self.ca = certificate or certificates.localhost(), ca or certificates.authority().file
        os.mkdir(self.dir)
        self.udp, self.tcp, self.tls = self._free_udp_port(), free_port(), free_port()
        self._process, self._starts = None, 0
        self._messages, self._read = [], {}  # what was read so far, and how far in which file
        case.addCleanup(self.close)
        if start:
            self.start()

    @staticmethod
    def _free_udp_port():
        for _ in range(100):
            port = free_port()
            with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(("127.0.0.1", port))
                return port
        raise RuntimeError("no free port for UDP on loopback")

    # ---- running it ----

    def _configuration(self):
        with open(os.path.join(SHARE, "10-whosent.conf")) as file:
            text = file.read()
        # each as often as it stands there: what is no longer there is no longer tested
        for old, new, times in (
                ('address="0.0.0.0" port="514" ruleset="whosent" rcvbufSize', f'address="127.0.0.1" port="{self.udp}" ruleset="whosent" rcvbufSize', 1),
                ('address="0.0.0.0" port="514"', f'address="127.0.0.1" port="{self.tcp}"', 1),
                ('address="0.0.0.0" port="6514"', f'address="127.0.0.1" port="{self.tls}"', 1),
                ('streamDriver.name="gtls"', f'streamDriver.name="{self.driver}"', 1),
                ('permittedPeer="whosent.example.com"', f'permittedPeer="{PEER}"', 1),
                ('"/etc/rsyslog/ca.pem"', f'"{self.ca}"', 1),
                ('"/etc/rsyslog/server.pem"', f'"{self.certificate.certificate}"', 1),
                ('"/etc/rsyslog/server.key"', f'"{self.certificate.key}"', 1),
                ('"/etc/rsyslog/whosent.rulebase"', f'"{os.path.join(SHARE, "whosent.rulebase")}"', 1),
                ('"/var/log/whosent.json"', f'"{self._written(self._starts)}"', 1)):
            if text.count(old) != times:
                raise AssertionError(f"share/siem/rsyslog holds {old} {text.count(old)} times")
            text = text.replace(old, new)
        return text

    def _written(self, start):
        return os.path.join(self.dir, f"whosent.{start}.json")  # one a start: a line that kill -9 tore stays the last of its file

    def start(self):
        """Again on the same ports, once it had some. Waits until it listens."""
        self._starts += 1
        folder, path = os.path.join(self.dir, "rsyslog.d"), os.path.join(self.dir, "rsyslog.conf")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "10-whosent.conf"), "w") as file:
            file.write(self._configuration())
        with open(path, "w") as file:
            file.write(MAIN.format(dir=self.dir))
        with open(os.path.join(self.dir, "output"), "ab") as output:
            self._process = STARTER.submit(subprocess.Popen, [*DIE_WITH_PARENT, PROGRAM, "-n", "-f", path, "-i", os.path.join(self.dir, "pid")], stdin=subprocess.DEVNULL,
                                           stdout=output, stderr=output, env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}).result()
        wait_until(self._listens, lambda: "rsyslog listens:\n" + self.log())
        return self

    def _listens(self):
        if self._process.poll() is not None:
            raise AssertionError(f"rsyslogd ended with {self._process.returncode}:\n{self.log()}")
        own = set()
        with contextlib.suppress(OSError):
            folder = f"/proc/{self._process.pid}/fd"
            own = {os.readlink(os.path.join(folder, number)) for number in os.listdir(folder)}
        # by what it holds open, without a connection that it would have to tell from others
        found = set()
        for protocol, state, ports in (("tcp", "0A", (self.tcp, self.tls)), ("udp", "07", (self.udp,))):
            with open(f"/proc/net/{protocol}") as file:
                for line in file.readlines()[1:]:
                    fields = line.split()
                    port = int(fields[1].rsplit(":", 1)[1], 16)
                    if fields[3] == state and port in ports and f"socket:[{fields[9]}]" in own:
                        found.add((protocol, port))
        return len(found) == 3

    @property
    def pid(self):
        return self._process.pid

    def udp_drops(self):
        """Datagrams that the system threw away because the socket's buffer was full."""
        with open("/proc/net/udp") as file:
            return sum(int(fields[-1]) for fields in map(str.split, file.readlines()[1:]) if int(fields[1].rsplit(":", 1)[1], 16) == self.udp)

    def stop(self):
        """In order, as a service manager does."""
        self.resume()
        self._process.terminate()
        self._process.wait(PATIENCE)

    def kill(self):
        self._process.kill()
        self._process.wait(PATIENCE)

    def restart(self):
        self.stop()
        self.start()

    def stall(self):
        """It stops reading and writing, and the system goes on taking for it what fits into its buffers."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def stalled(self):
        self.stall()
        try:
            yield
        finally:
            self.resume()

    def close(self):
        if self._process and self._process.poll() is None:
            self.kill()

    def log(self):
        """What rsyslog says of itself."""
        text = ""
        for name in ("output", "own.log"):
            with contextlib.suppress(FileNotFoundError), open(os.path.join(self.dir, name), errors="replace") as file:
                text += file.read()
        return text

    # ---- what it wrote ----

    def messages(self):
        """Every Message so far, in the order of their coming."""
        for start in range(1, self._starts + 1):
            with contextlib.suppress(FileNotFoundError), open(self._written(start), "rb") as file:
                file.seek(self._read.get(start, 0))
                data = file.read()
                whole = data[:data.rfind(b"\n") + 1]
                self._read[start] = self._read.get(start, 0) + len(whole)
                self._messages += [Message(json.loads(line)) for line in whole.decode().split("\n")[:-1]]
        return self._messages

    def written_bytes(self):
        """How much that is, without reading it."""
        total = 0
        for start in range(1, self._starts + 1):
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(self._written(start)).st_size
        return total

    def wait_messages(self, count, seconds=PATIENCE, more=lambda: ""):
        """Until there are so many."""
        wait_until(lambda: len(self.messages()) >= count, lambda: f"{count} messages at rsyslog; there are {len(self._messages)}\n{self.log()[-2000:]}\n{more()}", seconds, pause=0.05)
        return self._messages
