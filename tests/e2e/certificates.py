"""Certificates for servers on loopback, made at run time with openssl: by an authority of the tests' own, and each kind that a client has to refuse."""

import atexit
import dataclasses
import functools
import os
import shutil
import subprocess
import tempfile


@dataclasses.dataclass(frozen=True)
class Pair:
    certificate: str  # PEM files; the certificate's may be read by all, as the others are no secret of anybody's
    key: str


def openssl(*arguments, stdin=b""):
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode()}")
    return done.stdout


class Authority:
    """Signs servers' certificates. `file` is what a client names as ca_file."""

    def __init__(self, name="Authority of the tests"):
        self.dir = tempfile.mkdtemp(prefix="whosent-ca-")
        atexit.register(shutil.rmtree, self.dir, ignore_errors=True)
        os.chmod(self.dir, 0o755)  # servers of other users read here
        self.file = os.path.join(self.dir, "ca.pem")
        self._count = 0
        self._key = self._make_key("ca")
        openssl("req", "-x509", "-new", "-key", self._key, "-subj", f"/CN={name}", "-days", "30", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", self.file)

    def _make_key(self, name):
        path = os.path.join(self.dir, name + ".key")
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
        os.chmod(path, 0o644)
        return path

    def _path(self, kind):
        self._count += 1
        return f"{kind}{self._count}"

    def server(self, *names, first="20260101000000Z", last="20560101000000Z"):
        """For DNS names and addresses; none: localhost, 127.0.0.1 and ::1."""
        return self._signed("server", names or ("localhost", "127.0.0.1", "::1"), first, last)

    def client(self, *names, first="20260101000000Z", last="20560101000000Z"):
        """Of one that connects to a server."""
        return self._signed("client", names, first, last)

    def _signed(self, kind, names, first, last):
        stem = self._path(kind)
        key, path = self._make_key(stem), os.path.join(self.dir, stem)
        alternatives = ",".join(("IP:" if name.replace(".", "").isdigit() or ":" in name else "DNS:") + name for name in names)
        # `openssl x509` of 3.0 cannot say when a certificate begins; `openssl ca` can.
        with open(path + ".cnf", "w") as file:
            file.write(f"[ca]\ndefault_ca = it\n[it]\ndatabase = {path}.db\nnew_certs_dir = {self.dir}\nserial = {path}.serial\ndefault_md = sha256\npolicy = any\nunique_subject = no\n"
                       "[any]\ncommonName = supplied\n"
                       f"[{kind}]\nsubjectAltName = {alternatives}\nextendedKeyUsage = {kind}Auth\nbasicConstraints = CA:FALSE\n")
        with open(path + ".serial", "w") as file:
            file.write(f"{4096 + self._count:X}\n")
        open(path + ".db", "w").close()
        openssl("req", "-new", "-key", key, "-subj", f"/CN={names[0]}", "-out", path + ".csr")
        openssl("ca", "-batch", "-notext", "-config", path + ".cnf", "-extensions", kind, "-cert", self.file, "-keyfile", self._key, "-startdate", first, "-enddate", last,
                "-in", path + ".csr", "-out", path + ".pem")
        return Pair(path + ".pem", key)

    def expired(self):
        return self.server(first="20200101000000Z", last="20210101000000Z")

    def not_yet_valid(self):
        return self.server(first="20500101000000Z", last="20560101000000Z")

    def self_signed(self):
        stem = self._path("self")
        key, certificate = self._make_key(stem), os.path.join(self.dir, stem + ".pem")
        openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=localhost", "-days", "30", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", certificate)
        return Pair(certificate, key)


@functools.cache
def authority():
    """One a process: tests that do not ask about certificates trust it."""
    return Authority()


@functools.cache
def localhost():
    return authority().server()
