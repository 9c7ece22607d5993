"""A TCP proxy on loopback that fails where a test asks for it.

`Proxy` hands each connection on to a server. With a `Fault` it does something bad to one connection, at a phase of the conversation; the next connections are handed on untouched. It counts in
two ways: it reads the IMAP of plain connections (and of STARTTLS ones, until that begins), so phases are those of the protocol; of TLS it sees bytes alone, so the phase is `bytes`.

Phases: `connect`, `greeting`; `capability`, `starttls`, `login` (AUTHENTICATE too), `select`, `fetch`, `literal`, `idle`, `store`, `move` (COPY too), `expunge`, `logout`: at the client's command;
`handshake`: the server's first bytes of TLS; `bytes`: after `after` bytes from the server.
At the command, `when` says whether the server has seen it: `before` (it never gets it) or `reply` (it has done it, and its reply is what gets lost or late: the harder case).
"""

import contextlib
import dataclasses
import os
import re
import select
import socket
import struct
import threading
import time

COMMANDS = {
    "capability": ("CAPABILITY",), "starttls": ("STARTTLS",), "login": ("LOGIN", "AUTHENTICATE"), "select": ("SELECT", "EXAMINE"), "fetch": ("FETCH",), "idle": ("IDLE",),
    "store": ("STORE",), "move": ("MOVE", "COPY"), "expunge": ("EXPUNGE",), "logout": ("LOGOUT",),
}


@dataclasses.dataclass
class Fault:
    phase: str
    action: str          # close (in order), reset, stall, drip, garbage
    when: str = "reply"  # or before
    nth: int = 1         # the how manieth such command of the connection
    after: int = 0       # bytes of the literal, or of the connection, that still go through
    drips: int = 150     # bytes, one at a time, 10 ms apart; then all the rest
    connection: int = 1  # the how manieth connection

    def __str__(self):
        return f"{self.action} at {self.phase}{'' if self.when == 'reply' else ' before'}{f' {self.nth}' if self.nth > 1 else ''}{f' after {self.after}' if self.after else ''}"


class _Gone(Exception):
    pass


class Proxy:
    """`port` is where the client goes. `done`: how many faults happened; a test that sees none of its own has tested nothing. `commands`: names of what clients sent in the clear, in order; `literals`: how many came from
    the server so; `hide_capability`: takes the CAPABILITY code out of greeting and login, so that the client has to ask."""

    def __init__(self, port, *faults, hide_capability=True):
        self._target, self.faults, self._hide = port, list(faults), hide_capability
        self.done, self.connections, self.commands, self.literals = 0, 0, [], 0
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self):
        while not self._stopped.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            faults = [fault for fault in self.faults if fault.connection == self.connections]
            thread = threading.Thread(target=self._serve, args=(client, faults), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client, faults):
        # small segments are what faults are about
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client:
            with contextlib.suppress(OSError, _Gone):
                _Conversation(self, client, faults).run()

    def count(self):
        with self._lock:
            self.done += 1


class _Conversation:
    def __init__(self, proxy, client, faults):
        self.proxy, self.client, self.faults, self.server = proxy, client, faults, None
        self.armed = None        # its action comes with the server's next bytes
        self.to_server = self.to_client = b""
        self.plain = True        # IMAP can be read
        self.greeted = False
        self.starting_tls = False
        self.handshaken = False
        self.sent = 0            # bytes to the client
        self.literal_left = self.literal_sent = 0  # of what the server sends
        self.literal_fault = None
        self.counts = {}
        self.client_literal = 0  # of what the client sends

    def take(self, phase):
        """The fault of this phase, if it is its turn."""
        self.counts[phase] = self.counts.get(phase, 0) + 1
        for fault in self.faults:
            if fault.phase == phase and fault.nth == self.counts[phase]:
                self.faults.remove(fault)
                return fault
        return None

    def happen(self, fault, rest=b""):
        """What is bad; `rest` are the server's bytes that it happens to. Returns what of them is still to be sent."""
        self.proxy.count()
        if fault.action == "close":
            raise _Gone
        if fault.action == "reset":  # RST in the place of FIN
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _Gone
        if fault.action == "stall":
            # until the client gives up; the server is kept waiting too
            while not self.proxy._stopped.is_set():
                if select.select([self.client], [], [], 0.05)[0] and not self.client.recv(65536):
                    break
            raise _Gone
        if fault.action == "garbage":
            with contextlib.suppress(OSError):
                self.client.sendall(bytes(range(128, 256)) + b"* \0\r)(\r\n{9\r\n" + os.urandom(300) + b"\r\n")
            raise _Gone
        assert fault.action == "drip", fault.action
        rest = self.wait_for_more(rest, fault.drips)
        for byte in rest[:fault.drips]:
            self.client.sendall(bytes([byte]))
            if self.proxy._stopped.wait(0.01):
                raise _Gone
        return rest[fault.drips:]

    def wait_for_more(self, rest, size):
        """Of a reply in parts, so that there is something to drip; not for long, for it may be all."""
        end = time.monotonic() + 0.1
        while self.server and len(rest) < size and select.select([self.server], [], [], max(0, end - time.monotonic()))[0]:
            data = self.server.recv(65536)
            if not data:
                break
            rest += data
        return rest

    def run(self):
        fault = self.take("connect")
        if fault:
            self.happen(fault)
        self.server = socket.create_connection(("127.0.0.1", self.proxy._target))
        with self.server:
            self.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not self.proxy._stopped.is_set():
                ready = select.select([self.client, self.server], [], [], 0.05)[0]
                if self.client in ready:
                    data = self.client.recv(65536)
                    if not data:
                        return
                    self.from_client(data)
                if self.server in ready:
                    data = self.server.recv(65536)
                    if not data:
                        if self.to_client:
                            self.send(self.to_client)
                        return
                    self.from_server(data)

    # ---- the client's commands ----

    def from_client(self, data):
        if not self.plain:
            data, self.to_server = self.to_server + data, b""
            return self.server.sendall(data)
        self.to_server += data
        while self.to_server and self.plain:
            if self.client_literal:
                part = self.to_server[:self.client_literal]
                self.to_server = self.to_server[len(part):]
                self.client_literal -= len(part)
                self.server.sendall(part)
                continue
            if b"\n" not in self.to_server:
                if not re.match(rb"[\x20-\x7e\r]*\Z", self.to_server):  # TLS: nothing to read
                    break
                return
            line, _, self.to_server = self.to_server.partition(b"\n")
            line += b"\n"
            if not re.match(rb"[\x09\x20-\xff]*\r?\n\Z", line) or line[:2] == b"\x16\x03":
                self.to_server = line + self.to_server
                break
            literal = re.search(rb"\{(\d+)\+?\}\r?\n\Z", line)
            self.client_literal = int(literal[1]) if literal else 0
            self.command(line)
        if self.to_server:
            self.plain = False
            self.server.sendall(self.to_server)
            self.to_server = b""

    def command(self, line):
        words = line.upper().split()
        name = (words[2] if len(words) > 2 and words[1] == b"UID" else words[1] if len(words) > 1 else b"").decode("latin-1")
        # STARTTLS is the last in the clear
        self.starting_tls = self.starting_tls or name == "STARTTLS"
        if name.isalpha():
            self.proxy.commands.append(name)
        for phase, names in COMMANDS.items():
            if name in names and (fault := self.take(phase)):
                if fault.when == "before":
                    self.happen(fault)
                else:
                    self.armed = fault
        self.server.sendall(line)

    # ---- the server's replies ----

    def from_server(self, data):
        if not self.greeted:
            self.greeted = True
            fault = self.take("greeting")
            if fault:
                data = self.happen(fault, data)
        if self.armed:
            fault, self.armed = self.armed, None
            data = self.happen(fault, data)
        if self.starting_tls and not self.handshaken and data[:1] == b"\x16":
            self.handshaken, self.plain = True, False
            fault = self.take("handshake")
            if fault:
                data = self.happen(fault, data)
        if not self.plain:
            return self.send(data)
        self.to_client += data
        self.lines()

    def lines(self):
        while self.to_client:
            if self.literal_left:
                part = self.to_client[:self.literal_left]
                fault = self.literal_fault
                if fault and len(part) > fault.after - self.literal_sent:
                    self.literal_fault = None
                    cut = max(0, fault.after - self.literal_sent)
                    self.send(part[:cut])
                    rest, self.to_client = self.to_client[cut:], b""
                    self.literal_left -= cut
                    self.to_client = self.happen(fault, rest)
                    # a drip has sent some; what it sent may reach beyond the literal, so count no more
                    self.plain = False
                    self.send(self.to_client)
                    self.to_client = b""
                    return
                self.to_client = self.to_client[len(part):]
                self.literal_left -= len(part)
                self.literal_sent += len(part)
                self.send(part)
                continue
            if b"\n" not in self.to_client:
                if len(self.to_client) > 65536:
                    self.plain = False
                    self.send(self.to_client)
                    self.to_client = b""
                return
            line, _, self.to_client = self.to_client.partition(b"\n")
            line += b"\n"
            if self.proxy._hide:
                line = re.sub(rb"\[CAPABILITY [^]]*\] ?", b"", line)
            literal = re.search(rb"\{(\d+)\}\r?\n\Z", line)
            self.send(line)
            if literal:
                self.literal_left, self.literal_sent, self.literal_fault = int(literal[1]), 0, self.take("literal")
                self.proxy.literals += 1

    def send(self, data):
        for fault in [fault for fault in self.faults if fault.phase == "bytes"]:
            if self.sent + len(data) > fault.after:
                self.faults.remove(fault)
                self.client.sendall(data[:fault.after - self.sent])
                rest = data[fault.after - self.sent:]
                self.sent = fault.after
                data = self.happen(fault, rest)
        self.client.sendall(data)
        self.sent += len(data)
