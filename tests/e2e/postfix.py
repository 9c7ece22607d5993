"""A real Postfix of a test's own, on loopback: it takes mail by SMTP and delivers what is for example.com and reports.example.com by LMTP. Nothing leaves it: there is no SMTP client in it.

Its configuration, queue and data stand in a folder below the test's. Postfix runs as several users and has to be started as root.
"""

import json
import os
import pwd
import re
import shutil
import subprocess

from daemon import free_port, wait_until

PROGRAM = shutil.which("postfix", path="/usr/sbin:/usr/bin:/sbin:/bin")
SENDER = "dmarc-noreply@sender.example"  # bounces to it come into a Maildir of the test's

# Retries in seconds instead of minutes: a test waits for them.
MAIN = """compatibility_level = 3.6
queue_directory = {dir}/spool
data_directory = {dir}/data
maillog_file = {dir}/mail.log
maillog_file_prefixes = {dir}
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mta.example.org
mynetworks = 127.0.0.0/8
mydestination =
local_recipient_maps =
relay_domains = example.com, reports.example.com
transport_maps = inline:{{ {{ example.com = {transport} }}, {{ reports.example.com = {transport} }} }}
default_transport = error:5.7.1 nothing leaves this test
virtual_mailbox_domains = sender.example
virtual_mailbox_base = {dir}/bounces
virtual_mailbox_maps = static:box/
virtual_mailbox_limit = 0
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
lmtp_dns_support_level = disabled
lmtp_host_lookup = native
lmtp_data_done_timeout = {patience}s
lmtp_destination_recipient_limit = 50
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
message_size_limit = 60000000
enable_long_queue_ids = yes
{more}
"""
MASTER = """127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """`transport`: "lmtp:inet:[127.0.0.1]:2424" or "lmtp:unix:/PATH"; `more`: further lines of main.cf."""

    def __init__(self, case, transport, more="", patience=30):
        if PROGRAM is None:
            raise AssertionError("these tests need Postfix (package postfix), which is not installed")
        if os.geteuid() != 0:
            raise AssertionError("these tests start a Postfix of their own, which has to be done as root")
        self.case, self.dir, self.port = case, case.path("postfix"), free_port()
        # Postfix's users reach what is theirs through the test's folder, and read none of it
        os.chmod(case.dir, 0o711)
        user = pwd.getpwnam("postfix")
        nobody = pwd.getpwnam("nobody")
        for name, mode, owner in (("", 0o755, 0), ("etc", 0o755, 0), ("spool", 0o755, 0), ("data", 0o700, user.pw_uid), ("bounces", 0o700, nobody.pw_uid)):
            path = os.path.join(self.dir, name)
            os.makedirs(path, exist_ok=True)
            os.chmod(path, mode)
            os.chown(path, owner, 0)
        case.write("postfix/etc/main.cf", MAIN.format(dir=self.dir, transport=transport, uid=nobody.pw_uid, gid=nobody.pw_gid, patience=patience, more=more))
        case.write("postfix/etc/master.cf", MASTER.format(port=self.port))
        self._run("postfix", "check")
        master = os.path.join(self._run("postconf", "-h", "daemon_directory").stdout.strip(), "master")
        # The shell ends Postfix when its own input ends: when stop() closes it, and when the test is killed
        script = '"$0" -c "$1" -s & master=$!; read -r _; kill "$master"; { wait "$master"; } 2>/dev/null'
        # where the very root is closed to others, Postfix's own user can open nothing: its processes keep their rights then
        keeps = [] if os.stat("/").st_mode & 0o001 else ["setpriv", "--securebits=+no_setuid_fixup"]
        self._process = subprocess.Popen([*keeps, "sh", "-c", script, master, os.path.join(self.dir, "etc")], stdin=subprocess.PIPE)
        case.addCleanup(self.stop)
        wait_until(lambda: "daemon started" in self.log(), lambda: "Postfix started:\n" + self.log())

    def _run(self, program, *arguments):
        path = os.path.join(os.path.dirname(PROGRAM), program)
        done = subprocess.run([path, "-c", os.path.join(self.dir, "etc"), *arguments], capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"{program} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}{self.log()}")
        return done

    def stop(self):
        if self._process.stdin:
            self._process.stdin.close()
            self._process.stdin = None
            self._process.wait()

    def log(self):
        path = os.path.join(self.dir, "mail.log")
        if not os.path.exists(path):
            return ""
        with open(path, errors="replace") as file:
            return file.read()

    def swaks(self, message, *recipients, sender=SENDER):
        """Starts swaks, which hands one message in by SMTP; the process, to be waited for."""
        path = message
        if isinstance(message, bytes):
            self.count = getattr(self, "count", 0) + 1
            path = self.case.write(f"swaks/{self.count}.eml", message)
        return subprocess.Popen(["swaks", "--server", "127.0.0.1", "--port", str(self.port), "--from", sender, "--to", ",".join(recipients), "--data", "@" + path, "--suppress-data"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def send(self, message, *recipients, code=0, **options):
        """One message, taken by Postfix; or, with `code`, refused as swaks's exit status says."""
        child = self.swaks(message, *recipients, **options)
        out, _ = child.communicate(timeout=60)
        self.case.assertEqual(child.returncode, code, out)
        return out

    def send_all(self, messages, recipient, at_once=6):
        """Each of (message, …) by a swaks of its own, some at once."""
        running = []
        for message in messages:
            running.append(self.swaks(message, recipient))
            if len(running) >= at_once:
                self.finish(running.pop(0))
        for child in running:
            self.finish(child)

    def finish(self, child):
        out, _ = child.communicate(timeout=60)
        self.case.assertEqual(child.returncode, 0, out)

    def queue(self):
        """What waits, as `postqueue -j` tells."""
        return [json.loads(line) for line in self._run("postqueue", "-j").stdout.splitlines()]

    def flush(self):
        self._run("postqueue", "-f")

    def wait_empty(self, seconds=60):
        """Until all is delivered or bounced."""
        wait_until(lambda: not self.queue(), lambda: f"the queue is empty: {len(self.queue())} wait, {self.queue()[:2]}\n{self.log()[-2000:]}", seconds, pause=0.2)

    def deliveries(self, status=None):
        """(recipient, status, text) of each attempt by LMTP."""
        found = re.findall(r"postfix/lmtp\[\d+\]: \S+: to=<([^>]*)>,.* status=(\w+) \((.*)\)$", self.log(), re.M)
        return [entry for entry in found if status in (None, entry[1])]

    def bounces(self):
        folder = os.path.join(self.dir, "bounces", "box", "new")
        if not os.path.isdir(folder):
            return []
        return [open(os.path.join(folder, name), errors="replace").read() for name in sorted(os.listdir(folder))]
