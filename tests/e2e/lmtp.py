"""LMTP as a test speaks it, and a proxy that comes between a mail server and the daemon at a chosen reply."""

import socket
import threading


def connect(address, timeout=30):
    """"127.0.0.1:2424" or "unix:/PATH"."""
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        connection.connect(address[5:])
        return connection
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout)


def stuffed(message):
    """A message as it goes behind DATA (RFC 5321 section 4.5.2), with the dot that ends it."""
    return message.replace(b"\r\n.", b"\r\n..") if not message.startswith(b".") else b"." + message.replace(b"\r\n.", b"\r\n..")


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[-1][:3])
        self.text = "\n".join(line[4:] for line in lines)

    def __repr__(self):
        return "\n".join(self.lines)


class Client:
    """A connection whose greeting is read. Each command returns its reply."""

    def __init__(self, address, timeout=30):
        self.socket = connect(address, timeout)
        self._file = self.socket.makefile("rb")
        self.greeting = self.reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def reply(self):
        lines = []
        while True:
            line = self._file.readline(8192)
            if not line:
                raise EOFError("the connection was closed" + (f" behind {lines}" if lines else ""))
            if not line.endswith(b"\r\n"):
                raise AssertionError(f"a reply that does not end with CR LF: {line!r}")
            text = line[:-2].decode("ascii")
            if not text[:3].isdigit() or text[3:4] not in ("", " ", "-"):
                raise AssertionError(f"no reply: {text!r}")
            lines.append(text)
            if text[3:4] != "-":
                return Reply(lines)

    def closed(self):
        """Whether the other side has closed, which is waited for."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True

    def command(self, line):
        self.send(line + "\r\n")
        return self.reply()

    def hello(self):
        return self.command("LHLO client.example")

    def envelope(self, *recipients, sender="noreply@receiver.example"):
        """MAIL, every RCPT and DATA in one go (PIPELINING); their replies."""
        self.send(f"MAIL FROM:<{sender}>\r\n" + "".join(f"RCPT TO:<{recipient}>\r\n" for recipient in recipients) + "DATA\r\n")
        return [self.reply() for _ in range(len(recipients) + 2)]

    def content(self, message, accepted=1):
        """The message and its end; one reply for each accepted recipient (RFC 2033 section 4.2)."""
        self.send(stuffed(message) + (b"" if message.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        return [self.reply() for _ in range(accepted)]

    def deliver(self, message, *recipients, sender="noreply@receiver.example"):
        """A whole transaction; the codes behind the final dot."""
        replies = self.envelope(*recipients, sender=sender)
        accepted = sum(reply.code == 250 for reply in replies[1:-1])
        if replies[-1].code != 354:
            raise AssertionError(f"DATA refused: {replies}")
        return [reply.code for reply in self.content(message, accepted)]


class Proxy:
    """Passes everything between clients and `upstream`, but for what is asked of the test: `on_end(number)` when the end of a message was seen and before it is passed on, `on_reply(number,
    line)` about each reply to one, before it is passed back; numbers go from 0 over all connections. Each answers "pass", or "cut": what it was asked about is not passed, and both sides
    are closed."""

    def __init__(self, upstream, on_reply=lambda number, line: "pass", on_end=lambda number: "pass"):
        self.upstream, self.on_reply, self.on_end = upstream, on_reply, on_end
        self.replies, self.ends = 0, 0
        self._lock = threading.Lock()
        self._open = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.errors = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._shut(self._listener)  # which wakes who waits in accept()
        self._listener.close()
        for connection in list(self._open):
            self._shut(connection)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = connect(self.upstream)
            except OSError:
                client.close()
                continue
            for connection in (client, server):
                connection.settimeout(None)
                if connection.family != socket.AF_UNIX:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open |= {client, server}
            # data: between 354 and the end of the message; asked: what replies are still to come for
            state = {"data": False, "asked": [b"greeting"], "recipients": 0, "running": 2}
            threading.Thread(target=self._guarded, args=(self._up, client, server, state), daemon=True).start()
            threading.Thread(target=self._guarded, args=(self._down, client, server, state), daemon=True).start()

    def _shut(self, *connections):
        for connection in connections:
            self._open.discard(connection)
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _guarded(self, work, client, server, state):
        try:
            work(client, server, state)
        except OSError:
            pass
        except Exception as error:  # the test shall see it
            self.errors.append(error)
        finally:
            self._shut(client, server)
            with self._lock:
                state["running"] -= 1
                last = state["running"] == 0
            if last:
                client.close()
                server.close()

    def _up(self, client, server, state):
        rest = b""
        while data := client.recv(65536):
            whole = rest + data
            if state["data"]:
                end = whole.find(b"\r\n.\r\n")
                if end < 0:
                    rest = whole[-4:]
                    server.sendall(data)
                    continue
                with self._lock:
                    number, self.ends = self.ends, self.ends + 1
                state["data"] = False
                state["asked"] += [b"."] * state["recipients"]
                if self.on_end(number) == "cut":
                    return
                whole = whole[end + 5:]
            *lines, rest = whole.split(b"\r\n")
            state["asked"] += [line[:4].upper() for line in lines]
            server.sendall(data)

    def _down(self, client, server, state):
        with server.makefile("rb") as lines:
            for line in lines:
                if line[3:4] != b"-":
                    asked = state["asked"].pop(0) if state["asked"] else b""
                    if asked == b"MAIL":
                        state["recipients"] = 0
                    elif asked == b"RCPT" and line.startswith(b"2"):
                        state["recipients"] += 1
                    elif asked == b"DATA" and line.startswith(b"354"):
                        state["data"] = True
                    elif asked == b".":
                        with self._lock:
                            number, self.replies = self.replies, self.replies + 1
                        if self.on_reply(number, line) == "cut":
                            return
                client.sendall(line)
