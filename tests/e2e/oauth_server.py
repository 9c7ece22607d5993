"""An OAuth 2.0 token server on loopback, over HTTPS, that refuses by default: a token is given only when every field is as the vendor's page asks, and nothing else is there.

Three endpoints give tokens, as the three kinds of mailbox have them:
 /TENANT/oauth2/v2.0/token   Microsoft, client credentials
   https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow (first case: access token request with a shared secret)
   https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth (the scope)
 /token with grant_type=refresh_token   Google, an installed or web application
   https://developers.google.com/identity/protocols/oauth2/web-server#offline (refreshing an access token)
 /token with grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer   Google, a service account
   https://developers.google.com/identity/protocols/oauth2/service-account#httprest (the JWT: header, claim set, signature)
   https://developers.google.com/gmail/imap/xoauth2-protocol (the scope)
/introspect tells whose a token is, for the mail server (Dovecot's passdb oauth2).
"""

import base64
import binascii
import hashlib
import http.server
import json
import re
import secrets
import ssl
import threading
import time
import urllib.parse

import certificates

TENANT = "11111111-2222-3333-4444-555555555555"
MICROSOFT_SCOPE = "https://outlook.office365.com/.default"
GOOGLE_SCOPE = "https://mail.google.com/"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# The DER of DigestInfo of SHA-256 (RFC 8017 section 9.2, note 1)
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


class Refused(Exception):
    """`error` of RFC 6749 section 5.2, and words."""

    def __init__(self, error, description, status=400):
        super().__init__(f"{error}: {description}")
        self.error, self.description, self.status = error, description, status


def new_rsa_key():
    """(PEM of the private key as PKCS #8, modulus); the exponent is 65537."""
    pem = certificates.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    modulus = certificates.openssl("rsa", "-noout", "-modulus", stdin=pem).decode()
    return pem.decode(), int(re.fullmatch(r"Modulus=([0-9A-F]+)\s*", modulus)[1], 16)


def rs256_holds(signed, signature, modulus):
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3, RFC 8017 section 8.2.2)."""
    size = (modulus.bit_length() + 7) // 8
    tail = SHA256_PREFIX + hashlib.sha256(signed).digest()
    expected = b"\0\x01" + b"\xff" * (size - len(tail) - 3) + b"\0" + tail
    return len(signature) == size and pow(int.from_bytes(signature, "big"), 65537, modulus).to_bytes(size, "big") == expected


def base64url(text):
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):  # without padding (RFC 7515 section 2)
        raise Refused("invalid_grant", "a part of the JWT is not base64url")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise Refused("invalid_grant", "a part of the JWT is not base64url") from None


class TokenServer:
    """`mailbox`: whose mailbox every token opens. Fields are attributes: a test changes one to see what becomes of a wrong one.

    `given`: tokens in the order in which they were given; `refusals`: what was refused, in words; `requests`: (path, fields) of each POST. `fail_next`: a list of answers (status, headers, body)
    that go before the real ones."""

    def __init__(self, mailbox, certificate=None, token_seconds=3599):
        self.mailbox, self.token_seconds = mailbox, token_seconds
        self.client_id = "99999999-8888-7777-6666-555555555555"
        self.client_secret = "s3cr3t~" + secrets.token_urlsafe(24) + "+/&=%"  # with what a form has to escape
        self.google_client_id = "407408718192.apps.googleusercontent.example"
        self.google_client_secret = "GOCSPX-" + secrets.token_urlsafe(20)
        self.refresh_token = "1//0" + secrets.token_urlsafe(40)
        self.rotate_refresh_token = False  # RFC 6749 section 6: a new refresh token may come with the access token
        self.service_account = "whosent@project.iam.gserviceaccount.example"
        self.key_id = secrets.token_hex(20)
        self.private_key, self._modulus = new_rsa_key()
        self.given, self.refusals, self.requests, self.fail_next = [], [], [], []
        self.introspections = 0
        self._tokens = {}  # token: time of its end
        self._lock = threading.Lock()
        pair = certificate or certificates.localhost()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        handler = type("Handler", (_Handler,), {"tokens": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler, bind_and_activate=True)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # a client that does not like the certificate
        # the handshake in the thread of the connection, where a client that never says anything stops nobody else
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def microsoft_url(self):
        return f"https://localhost:{self.port}/{TENANT}/oauth2/v2.0/token"

    @property
    def google_url(self):
        return f"https://localhost:{self.port}/token"

    @property
    def introspection_url(self):
        return f"https://localhost:{self.port}/introspect"

    def key_file(self):
        """As the console gives it: https://developers.google.com/identity/protocols/oauth2/service-account#creatinganaccount"""
        return json.dumps({"type": "service_account", "project_id": "project", "private_key_id": self.key_id, "private_key": self.private_key, "client_email": self.service_account,
                           "client_id": "123456789012345678901", "auth_uri": f"https://localhost:{self.port}/auth", "token_uri": self.google_url})

    def revoke_all(self):
        """Tokens that were given are worth nothing any more, though they said otherwise."""
        with self._lock:
            self._tokens.clear()

    def holder(self, token):
        """Whose a token is; None of one that is not in force."""
        with self._lock:
            return self.mailbox if self._tokens.get(token, 0) > time.time() else None

    # ---- what each endpoint asks for ----

    def answer(self, path, headers, body):
        """What is said to a request for a token; raises Refused."""
        if headers.get_content_type() != "application/x-www-form-urlencoded":
            raise Refused("invalid_request", f"Content-Type is {headers.get('Content-Type')}")
        try:
            pairs = urllib.parse.parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
        except ValueError:
            raise Refused("invalid_request", "the body is no form") from None
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise Refused("invalid_request", "a field is there twice")  # RFC 6749 section 3.2
        self.requests.append((path, fields))
        if path == f"/{TENANT}/oauth2/v2.0/token":
            return self._client_credentials(fields)
        if path == "/token":
            return self._refresh(fields) if fields.get("grant_type") != JWT_GRANT else self._service_account(fields)
        raise Refused("invalid_request", f"no such endpoint: {path}", 404)

    @staticmethod
    def _exactly(fields, wanted, errors):
        for name in wanted:
            if name not in fields:
                raise Refused("invalid_request", f"the field {name} is missing")
        for name in fields:
            if name not in wanted:
                raise Refused("invalid_request", f"the field {name} is not asked for")
        for name, value in wanted.items():
            if value is not None and fields[name] != value:
                raise Refused(errors.get(name, "invalid_request"), f"{name} is not as registered", 401 if errors.get(name) == "invalid_client" else 400)

    def _client_credentials(self, fields):
        wanted = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.client_secret, "scope": MICROSOFT_SCOPE}
        self._exactly(fields, wanted, {"grant_type": "unsupported_grant_type", "client_id": "unauthorized_client", "client_secret": "invalid_client", "scope": "invalid_scope"})
        return {"token_type": "Bearer", "expires_in": self.token_seconds, "ext_expires_in": self.token_seconds}

    def _refresh(self, fields):
        wanted = {"grant_type": "refresh_token", "client_id": self.google_client_id, "client_secret": self.google_client_secret, "refresh_token": self.refresh_token}
        if "scope" in fields:  # may be left out; never more than was granted (RFC 6749 section 6)
            wanted["scope"] = GOOGLE_SCOPE
        self._exactly(fields, wanted, {"grant_type": "unsupported_grant_type", "client_id": "invalid_client", "client_secret": "invalid_client", "refresh_token": "invalid_grant",
                                       "scope": "invalid_scope"})
        answer = {"token_type": "Bearer", "expires_in": self.token_seconds, "scope": GOOGLE_SCOPE}
        if self.rotate_refresh_token:
            self.refresh_token = answer["refresh_token"] = "1//0" + secrets.token_urlsafe(40)
        return answer

    def _service_account(self, fields):
        self._exactly(fields, {"grant_type": JWT_GRANT, "assertion": None}, {})
        parts = fields["assertion"].split(".")
        if len(parts) != 3:
            raise Refused("invalid_grant", "the assertion is no JWT")
        try:
            head, claims = (json.loads(base64url(part)) for part in parts[:2])
        except ValueError:
            raise Refused("invalid_grant", "a part of the JWT is not JSON") from None
        if head.get("alg") != "RS256" or head.get("typ") != "JWT":
            raise Refused("invalid_grant", "alg is RS256 and typ is JWT")
        if head.get("kid", self.key_id) != self.key_id:
            raise Refused("invalid_grant", "kid names another key")
        if not rs256_holds(f"{parts[0]}.{parts[1]}".encode(), base64url(parts[2]), self._modulus):
            raise Refused("invalid_grant", "Invalid JWT Signature.")
        if claims.get("iss") != self.service_account:
            raise Refused("invalid_grant", "iss is not the service account")
        if claims.get("sub") != self.mailbox:
            raise Refused("unauthorized_client", "sub is not a mailbox that the account may act for", 401)
        if claims.get("scope") != GOOGLE_SCOPE:
            raise Refused("invalid_scope", "scope is not what the account was granted")
        if claims.get("aud") != self.google_url:
            raise Refused("invalid_grant", "aud is not this endpoint")
        issued, ends, now = claims.get("iat"), claims.get("exp"), time.time()
        if type(issued) is not int or type(ends) is not int:
            raise Refused("invalid_grant", "iat and exp are seconds as integers")
        if not now - 300 <= issued <= now + 5 or not issued < ends <= issued + 3600 or ends <= now:
            raise Refused("invalid_grant", "Token must be a short-lived token (60 minutes) and in a reasonable timeframe.")
        if set(claims) - {"iss", "sub", "scope", "aud", "iat", "exp"}:
            raise Refused("invalid_grant", "a claim that is not asked for")
        return {"token_type": "Bearer", "expires_in": self.token_seconds, "scope": GOOGLE_SCOPE}

    def give(self, answer):
        # as long as those of Microsoft, so that they fit no single line of a careless client
        token = "ya29." + secrets.token_urlsafe(1500)
        with self._lock:
            self._tokens[token] = time.time() + self.token_seconds
            self.given.append(token)
        return {**answer, "access_token": token}


class _Handler(http.server.BaseHTTPRequestHandler):
    tokens = None
    protocol_version = "HTTP/1.1"
    timeout = 10

    def log_message(self, *_):
        pass

    def _say(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or (("Content-Type", "application/json; charset=utf-8"), ("Cache-Control", "no-store"))):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        try:
            size = int(self.headers.get("Content-Length", ""))
        except ValueError:
            return self._say(411, {"error": "invalid_request", "error_description": "no Content-Length"})
        body = self.rfile.read(min(size, 1 << 20))
        if self.tokens.fail_next:
            status, headers, answer = self.tokens.fail_next.pop(0)
            return self._say(status, answer, headers)
        try:
            answer = self.tokens.answer(self.path, self.headers, body)
        except Refused as refused:
            self.tokens.refusals.append(str(refused))
            return self._say(refused.status, {"error": refused.error, "error_description": refused.description})
        self._say(200, self.tokens.give(answer))

    def do_GET(self):
        """Dovecot's introspection_mode = auth: the token as a bearer of this request."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.tokens.introspections += 1
        holder = self.tokens.holder(token) if self.path == "/introspect" else None
        if not holder:
            return self._say(401, {"error": "invalid_token", "active": False}, (("WWW-Authenticate", "Bearer"), ("Content-Type", "application/json")))
        self._say(200, {"active": True, "email": holder})
