"""A real Dovecot on loopback, with Maildirs that tests fill and read as files.

It runs from a temporary folder, without the rights of root: as the user who runs the tests, or as `nobody` where that is root (Dovecot serves no mail to user 0). Every user name logs in with
PASSWORD, and has a Maildir of its own, so tests that share a server do not meet. Written for Dovecot 2.3 (Debian 12, Ubuntu 24.04), and for 2.4 (Debian 13) by its documentation.
"""

import collections
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import certificates
from daemon import free_port, wait_until

DOVECOT = next((path for path in ("/usr/sbin/dovecot", "/usr/local/sbin/dovecot", shutil.which("dovecot") or "") if os.access(path, os.X_OK)), None)
PASSWORD = "correct horse \"battery\" \\staple"  # with what a quoted string has to escape (RFC 3501 section 4.3)
NOBODY = 65534

Stored = collections.namedtuple("Stored", "digest flags")  # flags: \\Seen and the like, and keywords


def digest(message):
    """Of a message, however its lines end: Dovecot sends CRLF for the LF of a file."""
    return hashlib.sha256(message.replace(b"\r\n", b"\n")).hexdigest()


CONFIGURATION_23 = """
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
protocols = imap
listen = 127.0.0.1
instance_name = whosent-test
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_location = maildir:{dir}/mail/%u
disable_plaintext_auth = no
auth_mechanisms = plain login {mechanisms}
auth_verbose = yes
auth_failure_delay = 0
auth_cache_size = 0
mail_fsync = never
maildir_very_dirty_syncs = no
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
mail_max_userip_connections = 1000
{capability}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  service_count = 0
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN username_format=any {dir}/passwd
}}
{oauth}
userdb {{
  driver = static
  args = uid={user} gid={group} home={dir}/home/%u
}}
"""

OAUTH_23 = """
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {dir}/oauth2
}}
"""

# doc.dovecot.org/2.4.1: core/admin/rootless, core/config/auth/databases/passwd_file, core/config/auth/databases/oauth2, core/config/ssl
CONFIGURATION_24 = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
protocols {{
  imap = yes
}}
listen = 127.0.0.1
instance_name = whosent-test
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_driver = maildir
mail_path = {dir}/mail/%{{user}}
mail_home = {dir}/home/%{{user}}
mail_uid = {user}
mail_gid = {group}
auth_allow_cleartext = yes
auth_mechanisms {{
  plain = yes
  login = yes
{mechanism_lines}
}}
auth_verbose = yes
auth_failure_delay = 0
mail_fsync = never
ssl = yes
ssl_server_cert_file = {certificate}
ssl_server_key_file = {key}
mail_max_userip_connections = 1000
{capability}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  restart_request_count = unlimited
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
passdb static {{
  mechanisms_filter = plain login
  password = {quoted_password}
}}
{oauth}
userdb static {{
}}
"""

OAUTH_24 = """
passdb oauth2 {{
  mechanisms_filter = xoauth2 oauthbearer
}}
oauth2 {{
  introspection_mode = auth
  introspection_url = {introspection}
  username_attribute = email
  active_attribute = active
  active_value = true
  ssl_client_ca_file = {ca}
}}
"""


class Dovecot:
    """`tls_port` speaks TLS at once, `plain_port` offers STARTTLS and takes logins without it too. `introspection`: a URL that tells of whom a token is (oauth_server); with it there are
    XOAUTH2 and OAUTHBEARER. `capabilities`: what the server offers after the login, in the place of what it can (to see a client without MOVE, UIDPLUS or IDLE)."""

    def __init__(self, certificate=None, introspection=None, capabilities=None):
        if not DOVECOT:
            raise AssertionError("Dovecot is not installed: the tests of IMAP need the package dovecot-imapd")
        version = subprocess.run([DOVECOT, "--version"], capture_output=True, text=True).stdout
        self.version = tuple(map(int, re.match(r"(\d+)\.(\d+)", version).groups()))
        self.dir = tempfile.mkdtemp(prefix="whosent-imap-")
        os.chmod(self.dir, 0o755)
        self.user_id = os.geteuid() or NOBODY
        # a test that is killed leaves no server behind
        # may search folders all the same: those above its own, or the very root, may be closed to others
        # (access(2) asks without capabilities but under that secure bit)
        search = ["--securebits=+no_setuid_fixup", "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        self._prefix = ["setpriv", "--pdeathsig=TERM"] + ([] if os.geteuid() else [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *search])
        self._master = None
        self.tls_port = self.plain_port = 0
        for name in ("run", "state", "mail", "home"):
            os.mkdir(os.path.join(self.dir, name))
        pair = certificate or certificates.localhost()
        self._values = {"dir": self.dir, "certificate": pair.certificate, "key": pair.key, "introspection": introspection, "quoted_password": json.dumps(PASSWORD), "ca": certificates.authority().file,
                        "capability": self._offer(capabilities) if capabilities else "",
                        "user": subprocess.run([*self._prefix, "id", "-un"], capture_output=True, text=True).stdout.strip(),
                        "group": subprocess.run([*self._prefix, "id", "-gn"], capture_output=True, text=True).stdout.strip()}
        self._write("passwd", f"any:{{PLAIN}}{PASSWORD}::::::\n")
        if introspection and self.version < (2, 4):
            self._write("oauth2", "introspection_mode = auth\nintrospection_url = {introspection}\nforce_introspection = yes\nusername_attribute = email\nactive_attribute = active\n"
                                  "active_value = true\ntls_ca_cert_file = {ca}\n".format(**self._values))
        self._own(self.dir)
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def _offer(self, capabilities):
        if self.version < (2, 4):
            return f"imap_capability = {capabilities}"
        return "imap_capability {\n" + "".join(f"  {name} = yes\n" for name in capabilities.split()) + "}"

    def _write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o644)

    def _own(self, path):
        if self.user_id != os.geteuid():
            for folder, folders, files in os.walk(path):
                for name in (".", *folders, *files):
                    os.chown(os.path.join(folder, name), NOBODY, NOBODY, follow_symlinks=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- running it ----

    def start(self):
        """Again on the same ports, once it had some."""
        oauth = ""
        if self._values["introspection"]:
            oauth = (OAUTH_23 if self.version < (2, 4) else OAUTH_24).format(**self._values)
        mechanisms = ["xoauth2", "oauthbearer"] if oauth else []
        for attempt in range(5):  # a port may be gone by the time that Dovecot asks for it
            self.tls_port, self.plain_port = self.tls_port or free_port(), self.plain_port or free_port()
            template = CONFIGURATION_23 if self.version < (2, 4) else CONFIGURATION_24
            self._write("dovecot.conf", template.format(**self._values, oauth=oauth, mechanisms=" ".join(mechanisms), mechanism_lines="\n".join(f"  {name} = yes" for name in mechanisms),
                                                        tls_port=self.tls_port, plain_port=self.plain_port))
            self._master = subprocess.Popen([*self._prefix, DOVECOT, "-F", "-c", os.path.join(self.dir, "dovecot.conf")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT, cwd=self.dir)
            if self._answers():
                return
            said = self._master.stdout.read().decode() if self._master.poll() is not None else ""
            self.kill()
            if "in use" not in said + self.log() or attempt == 4:
                raise AssertionError(f"Dovecot does not start:\n{said}\n{self.log()}")
            self.tls_port = self.plain_port = 0

    def _answers(self):
        end = time.monotonic() + 15
        while time.monotonic() < end and self._master.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.plain_port), timeout=1) as link:
                if link.recv(100).startswith(b"* OK"):
                    return True
            time.sleep(0.02)
        return False

    def _processes(self):
        """Of this Dovecot: the master, and what it started, also when it is gone."""
        found, mark = [], self.dir.encode()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/stat") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    line = file.read()
                environment = b""
                if line.startswith(b"dovecot/"):
                    with open(f"/proc/{pid}/environ", "rb") as file:
                        environment = file.read()
                if mark in line or mark in environment or (self._master and parent == self._master.pid) or os.readlink(f"/proc/{pid}/cwd").startswith(self.dir):
                    found.append(int(pid))
        return [pid for pid in found if pid != os.getpid()]

    def stop(self):
        if self._master and self._master.poll() is None:
            self._master.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._master.wait(10)
        self.kill()

    def kill(self):
        """As kill -9 of everything that belongs to it."""
        def none_left():
            left = self._processes()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self._master:
                self._master.poll()
            return not left
        wait_until(none_left, "Dovecot's processes ended", 10)
        if self._master:
            self._master.wait(5)
            self._master.stdout.close()
            self._master = None
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(self.dir, "run", "master.pid"))

    def restart(self):
        self.stop()
        self.start()

    def close(self):
        try:
            self.kill()
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)

    def log(self):
        with contextlib.suppress(FileNotFoundError), open(os.path.join(self.dir, "log"), errors="replace") as file:
            return file.read()
        return ""

    # ---- its mailboxes, as files ----

    def folder(self, user, folder="INBOX"):
        path = os.path.join(self.dir, "mail", user)
        return path if folder == "INBOX" else os.path.join(path, "." + folder.replace("/", "."))

    def add_user(self, user, *folders):
        """Has these folders beside INBOX. Whoever logs in with PASSWORD is known; this one has his Maildir before."""
        for folder in ("INBOX", *folders):
            path = self.folder(user, folder)
            for name in ("", "cur", "new", "tmp"):
                os.makedirs(os.path.join(path, name), exist_ok=True)
        self._own(self.folder(user))
        return user

    def put(self, user, messages, folder="INBOX", flags="", first=0):
        """Messages as files, in the order of their arrival. `flags`: letters of the Maildir ("S": seen); with them they are old ones."""
        path = self.folder(user, folder)
        for number, message in enumerate(messages, first):
            name = f"{1_700_000_000 + number}.M{time.monotonic_ns()}P{number}.localhost,S={len(message)}"
            temporary = os.path.join(path, "tmp", name)
            with open(temporary, "wb") as file:
                file.write(message)
            if self.user_id != os.geteuid():
                os.chown(temporary, NOBODY, NOBODY)
            os.rename(temporary, os.path.join(path, "cur", f"{name}:2,{flags}") if flags else os.path.join(path, "new", name))

    def messages(self, user, folder="INBOX"):
        """[Stored(digest, flags)] of a folder, in no order; [] when there is none such. Dovecot may be at work in it: what changes while it is read is read again."""
        path, names = self.folder(user, folder), {"S": "\\Seen", "T": "\\Deleted", "R": "\\Answered", "F": "\\Flagged", "D": "\\Draft"}
        for _ in range(200):
            try:
                if not os.path.isdir(os.path.join(path, "cur")):
                    return []
                listed = lambda: {(sub, name) for sub in ("new", "cur") for name in os.listdir(os.path.join(path, sub))}
                before, found = listed(), []
                with contextlib.suppress(FileNotFoundError), open(os.path.join(path, "dovecot-keywords")) as file:
                    names |= {chr(ord("a") + int(number)): name for number, name in (line.split(maxsplit=1) for line in file.read().splitlines())}
                for sub, name in before:
                    with open(os.path.join(path, sub, name), "rb") as file:
                        found.append(Stored(digest(file.read()), frozenset(names[letter] for letter in name.partition(":2,")[2].partition(",")[0])))
                if listed() == before:
                    return found
            except (FileNotFoundError, KeyError):  # renamed meanwhile; a keyword whose name is not written yet
                pass
            time.sleep(0.02)
        raise AssertionError(f"{user} {folder} does not come to rest")

    def folders(self, user):
        """{folder: messages} of all folders that hold some."""
        every = {"INBOX", *(name[1:] for name in os.listdir(self.folder(user)) if name.startswith(".") and os.path.isdir(os.path.join(self.folder(user), name)))}
        return {folder: messages for folder in sorted(every) if (messages := self.messages(user, folder))}

    def uid_validity(self, user, folder="INBOX"):
        with open(os.path.join(self.folder(user, folder), "dovecot-uidlist")) as file:
            return int(re.search(r" V(\d+)", file.readline())[1])

    def change_uid_validity(self, user, folder="INBOX"):
        """As after a restore from a backup: every UID and their validity are other ones."""
        self.stop()
        path = self.folder(user, folder)
        before = self.uid_validity(user, folder)
        for name in os.listdir(path):
            if name.startswith("dovecot") and "keywords" not in name:
                os.remove(os.path.join(path, name))
        # validity from the clock's seconds might be the same again
        self._write(os.path.join(path, "dovecot-uidlist"), f"3 V{before + 1000} N1 G{os.urandom(16).hex()}\n")
        if self.user_id != os.geteuid():
            os.chown(os.path.join(path, "dovecot-uidlist"), NOBODY, NOBODY)
        self.start()
