"""An IMAP server of the tests' own: small, correct, and odd where a Script makes it so.

It holds folders of messages in memory and does what RFC 3501 asks of what a collector needs, with IDLE, MOVE, UIDPLUS, ID, SASL-IR and LITERAL+. A `Script` overrides hooks; what it does not
touch is as it should be, so that a test of one oddity tests one oddity.
"""

import base64
import contextlib
import re
import select
import socket
import ssl
import threading

import certificates

CAPABILITIES = "IMAP4rev1 SASL-IR LITERAL+ ID IDLE MOVE UIDPLUS AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER"


class Gone(Exception):
    """This connection is over."""


class Message:
    def __init__(self, uid, content, flags=()):
        self.uid, self.content, self.flags = uid, content, set(flags)


class Script:
    """What a server does otherwise. Every hook gets the session; `session.number` counts connections from 1. Hooks run in the session's thread."""

    capabilities = CAPABILITIES

    def accepted(self, session):
        """Before the greeting (and before TLS)."""

    def greeting(self, session):
        session.send(f"* OK [CAPABILITY {self.capabilities}] ready\r\n")

    def command(self, session, tag, name, rest):
        """True: it is answered."""
        return False

    def fetch(self, session, messages, items):
        """The messages that a FETCH answers, of those that it asks for."""
        return messages

    def size(self, session, message):
        return len(message.content)

    def body(self, session, message):
        """As it goes out: the literal's announced length and its bytes."""
        return len(message.content), message.content

    def idle(self, session):
        """Just after "+ idling"."""


class ScriptedServer:
    """`commands`: [(connection, name, arguments)] as they came. With `tls` it begins with TLS; STARTTLS is offered otherwise where the script's capabilities say so."""

    def __init__(self, messages=(), script=None, tls=False, certificate=None, user="reports@example.com", password="secret"):
        self.script, self.tls, self.user, self.password = script or Script(), tls, user, password
        self.token = None  # of XOAUTH2 and OAUTHBEARER: token → whether it is taken
        self.uid_validity = 1000
        self._next = {}
        self.folders = {"INBOX": []}
        self.lock = threading.RLock()
        self.commands, self.connections, self.errors = [], 0, []
        self.stopped = threading.Event()
        self.add(messages)
        pair = certificate or certificates.localhost()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pair.certificate, pair.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def add(self, contents, folder="INBOX", flags=()):
        with self.lock:
            for content in contents:
                uid = self._next.get(folder, 1)
                self._next[folder] = uid + 1
                self.folders.setdefault(folder, []).append(Message(uid, content, flags))

    def remove(self, uids, folder="INBOX"):
        with self.lock:
            self.folders[folder] = [message for message in self.folders[folder] if message.uid not in uids]

    def renumber(self, uid_validity):
        """A restore from a backup: other UIDs under another validity."""
        with self.lock:
            self.uid_validity = uid_validity
            for uid, message in enumerate(self.folders["INBOX"], 1):
                message.uid = uid
            self._next["INBOX"] = len(self.folders["INBOX"]) + 1

    def contents(self, folder="INBOX"):
        with self.lock:
            return [message.content for message in self.folders.get(folder, [])]

    def names(self, connection=None):
        return [name for number, name, _ in self.commands if connection in (None, number)]

    def _accept(self):
        while not self.stopped.is_set():
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(link, self.connections), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, link, number):
        session = Session(self, link, number)
        try:
            session.run()
        except (Gone, OSError):
            pass
        except Exception as error:  # a mistake of these tests: told by the test's end
            self.errors.append(repr(error))
        finally:
            session.link.close()


class Session:
    def __init__(self, server, link, number):
        self.server, self.script, self.link, self.number = server, server.script, link, number
        self.read, self.state, self.folder, self.view = b"", "new", None, []
        self.secure = False

    # ---- bytes ----

    def send(self, data):
        self.link.sendall(data.encode() if isinstance(data, str) else data)

    def wait(self, seconds):
        """Readable within so many seconds?"""
        if self.read or (self.secure and self.link.pending()):
            return True
        return bool(select.select([self.link], [], [], seconds)[0])

    def hang(self):
        """Until the client closes, or the test ends."""
        while not self.server.stopped.is_set():
            if select.select([self.link], [], [], 0.05)[0] and not self.link.recv(65536):
                break
        raise Gone

    def receive(self):
        while not self.wait(0.1):
            if self.server.stopped.is_set():
                raise Gone
        data = self.link.recv(65536)
        if not data:
            raise Gone
        self.read += data

    def line(self):
        while b"\n" not in self.read:
            self.receive()
        line, _, self.read = self.read.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")

    def full_command(self):
        """One command with its literals put in their places as quoted strings."""
        text = self.line()
        while literal := re.search(r"\{(\d+)(\+?)\}$", text):
            if not literal[2]:
                self.send("+ go on\r\n")
            size = int(literal[1])
            while len(self.read) < size:
                self.receive()
            data, self.read = self.read[:size].decode("latin-1"), self.read[size:]
            text = text[:literal.start()] + '"' + data.replace("\\", "\\\\").replace('"', '\\"') + '"' + self.line()
        return text

    def start_tls(self):
        self.link = self.server.context.wrap_socket(self.link, server_side=True)
        self.secure, self.read = True, b""

    # ---- conversation ----

    def run(self):
        self.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.script.accepted(self)
        if self.server.tls:
            self.start_tls()
        self.script.greeting(self)
        while True:
            text = self.full_command()
            tag, _, rest = text.partition(" ")
            name, _, rest = rest.partition(" ")
            name = name.upper()
            if name == "UID":
                name, _, rest = rest.partition(" ")
                name = "UID " + name.upper()
            self.server.commands.append((self.number, name, rest))
            if self.script.command(self, tag, name, rest):
                continue
            handler = getattr(self, "do_" + name.lower().replace(" ", "_"), None)
            if not handler:
                self.send(f"{tag} BAD unknown command\r\n")
                continue
            handler(tag, rest)

    def done(self, tag, text):
        if self.folder and "FETCH" not in text and "STORE" not in text:
            self.tell_changes()
        self.send(f"{tag} OK {text}\r\n")

    def tell_changes(self):
        """EXPUNGE and EXISTS that this session does not know (RFC 3501 section 7)."""
        with self.server.lock:
            now = [message.uid for message in self.server.folders[self.folder]]
        for position in range(len(self.view), 0, -1):
            if self.view[position - 1] not in now:
                self.send(f"* {position} EXPUNGE\r\n")
                del self.view[position - 1]
        if len(now) > len(self.view):
            self.view = now
            self.send(f"* {len(now)} EXISTS\r\n")

    def logged_in(self, tag):
        self.state = "authenticated"
        self.done(tag, f"[CAPABILITY {self.script.capabilities}] logged in")

    def do_capability(self, tag, rest):
        self.send(f"* CAPABILITY {self.script.capabilities}\r\n")
        self.done(tag, "done")

    def do_noop(self, tag, rest):
        self.done(tag, "done")

    do_check = do_noop

    def do_id(self, tag, rest):
        self.send('* ID ("name" "scripted")\r\n')
        self.done(tag, "done")

    def do_enable(self, tag, rest):
        self.send("* ENABLED\r\n")
        self.done(tag, "done")

    def do_starttls(self, tag, rest):
        self.send(f"{tag} OK begin\r\n")
        self.start_tls()

    def do_logout(self, tag, rest):
        self.send(f"* BYE good-bye\r\n{tag} OK done\r\n")
        raise Gone

    def do_login(self, tag, rest):
        words = [re.sub(r"\\(.)", r"\1", quoted) if quoted is not None and not atom else atom for quoted, atom in re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', rest)]
        if words == [self.server.user, self.server.password]:
            return self.logged_in(tag)
        self.send(f"{tag} NO [AUTHENTICATIONFAILED] no\r\n")

    def do_authenticate(self, tag, rest):
        mechanism, _, first = rest.partition(" ")
        if not first:
            self.send("+ \r\n")
            first = self.line()
        answer = base64.b64decode(first).decode()
        if mechanism.upper() == "PLAIN":
            good = answer.split("\0")[1:] == [self.server.user, self.server.password]
        else:
            bearer = re.search(r"auth=Bearer ([^\x01]+)\x01\x01$", answer)
            good = bool(bearer and self.server.token and self.server.token(bearer[1]))
            if not good:  # a challenge with the error, which the client has to answer (RFC 7628 section 3.2.3)
                self.send("+ " + base64.b64encode(b'{"status":"401"}').decode() + "\r\n")
                self.line()
        if good:
            return self.logged_in(tag)
        self.send(f"{tag} NO [AUTHENTICATIONFAILED] no\r\n")

    def do_select(self, tag, rest):
        name = rest.partition(" (")[0].strip('"')
        with self.server.lock:
            if name not in self.server.folders:
                return self.send(f"{tag} NO [NONEXISTENT] no such folder\r\n")
            self.folder, self.view = name, [message.uid for message in self.server.folders[name]]
            self.send(f"* FLAGS (\\Seen \\Deleted)\r\n* OK [PERMANENTFLAGS (\\Seen \\Deleted \\*)] limited\r\n* {len(self.view)} EXISTS\r\n* 0 RECENT\r\n"
                      f"* OK [UIDVALIDITY {self.server.uid_validity}] is\r\n* OK [UIDNEXT {self.server._next.get(name, 1)}] is\r\n")
        self.send(f"{tag} OK [READ-WRITE] selected\r\n")

    do_examine = do_select

    def do_create(self, tag, rest):
        with self.server.lock:
            self.server.folders.setdefault(rest.strip('"'), [])
        self.done(tag, "created")

    def do_list(self, tag, rest):
        for name in self.server.folders:
            self.send(f'* LIST () "/" "{name}"\r\n')
        self.done(tag, "done")

    def do_status(self, tag, rest):
        name = rest.partition(" (")[0].strip('"')
        self.send(f"* STATUS {name} (MESSAGES {len(self.server.folders[name])} UIDNEXT {self.server._next.get(name, 1)} UIDVALIDITY {self.server.uid_validity})\r\n")
        self.done(tag, "done")

    def do_unselect(self, tag, rest):
        self.folder = None
        self.done(tag, "done")

    def chosen(self, text):
        """The messages of a UID set; `n:*` holds the last one always (RFC 3501 section 6.4.8)."""
        with self.server.lock:
            messages = [message for message in self.server.folders[self.folder] if message.uid in self.view]
        last = messages[-1].uid if messages else 0
        wanted = set()
        for part in text.split(","):
            a, _, b = part.partition(":")
            a, b = (last if end == "*" else int(end) for end in (a, b or a))
            a, b = min(a, b), max(a, b)
            wanted |= {message.uid for message in messages if a <= message.uid <= b}
        return [message for message in messages if message.uid in wanted]

    def do_uid_search(self, tag, rest):
        keys = rest.upper()
        found = []
        for message in self.chosen(match[1] if (match := re.search(r"UID ([\d:*,]+)", keys)) else "1:*"):
            if "UNSEEN" in keys and "\\Seen" in message.flags or "UNDELETED" in keys and "\\Deleted" in message.flags:
                continue
            found.append(str(message.uid))
        self.send("* SEARCH" + "".join(" " + uid for uid in found) + "\r\n")
        self.done(tag, "done")

    def do_uid_fetch(self, tag, rest):
        chosen, _, items = rest.partition(" ")
        items = items.upper()
        body = re.search(r"BODY(\.PEEK)?\[([^\]]*)\](<(\d+)\.(\d+)>)?", items)
        for message in self.script.fetch(self, self.chosen(chosen), items):
            if message.uid not in self.view:
                continue
            out = [f"UID {message.uid}"]
            if "FLAGS" in items:
                out.append(f"FLAGS ({' '.join(sorted(message.flags))})")
            if "RFC822.SIZE" in items:
                out.append(f"RFC822.SIZE {self.script.size(self, message)}")
            if "INTERNALDATE" in items:
                out.append('INTERNALDATE "21-Nov-2025 10:00:00 +0000"')
            self.send(f"* {self.view.index(message.uid) + 1} FETCH ({' '.join(out)}")
            if body and not body[2]:
                announced, content = self.script.body(self, message)
                origin = ""
                if body[3]:
                    content = content[int(body[4]):int(body[4]) + int(body[5])]
                    announced, origin = len(content), f"<{body[4]}>"
                if not body[1]:
                    message.flags.add("\\Seen")
                self.send(f" BODY[]{origin} {{{announced}}}\r\n")
                self.send(content)
            self.send(")\r\n")
        self.done(tag, "FETCH done")

    def do_uid_store(self, tag, rest):
        chosen, how, flags = rest.split(" ", 2)
        flags = set(flags.strip("()").split())
        for message in self.chosen(chosen):
            message.flags = message.flags | flags if how[0] == "+" else message.flags - flags if how[0] == "-" else flags
            if "SILENT" not in how.upper():
                self.send(f"* {self.view.index(message.uid) + 1} FETCH (UID {message.uid} FLAGS ({' '.join(sorted(message.flags))}))\r\n")
        self.done(tag, "STORE done")

    def copy(self, tag, rest):
        chosen, _, target = rest.partition(" ")
        target = target.strip('"')
        with self.server.lock:
            if target not in self.server.folders:
                self.send(f"{tag} NO [TRYCREATE] no such folder\r\n")
                return None
            messages = self.chosen(chosen)
            first = self.server._next.get(target, 1)
            for message in messages:
                self.server.add([message.content], target, message.flags)
        code = f"[COPYUID {self.server.uid_validity} {','.join(str(m.uid) for m in messages)} {first}:{first + len(messages) - 1}]" if messages else ""
        return messages, code

    def do_uid_copy(self, tag, rest):
        copied = self.copy(tag, rest)
        if copied:
            self.done(tag, f"{copied[1]} copied")

    def do_uid_move(self, tag, rest):
        copied = self.copy(tag, rest)
        if copied:
            self.send(f"* OK {copied[1]} moved\r\n" if copied[1] else "")
            self.server.remove({message.uid for message in copied[0]}, self.folder)
            self.done(tag, "moved")

    def do_uid_expunge(self, tag, rest):
        self.server.remove({message.uid for message in self.chosen(rest) if "\\Deleted" in message.flags}, self.folder)
        self.done(tag, "expunged")

    def do_expunge(self, tag, rest):
        self.server.remove({message.uid for message in self.chosen("1:*") if "\\Deleted" in message.flags}, self.folder)
        self.done(tag, "expunged")

    def do_idle(self, tag, rest):
        self.send("+ idling\r\n")
        self.script.idle(self)
        while not self.wait(0.03):
            if self.server.stopped.is_set():
                raise Gone
            self.tell_changes()
        self.line()
        self.done(tag, "idled")
