"""What the tests of the LMTP listener share: a daemon with one, and a client of it."""

import lmtp
from daemon import DaemonCase, free_port

RECIPIENTS = '"dmarc@example.com" = "aggregate", "tls@example.com" = "tls", "fbl@example.com" = "feedback", "ruf@example.com" = "failure", "@reports.example.com" = "any"'


def listener(listen, more="", recipients=RECIPIENTS, name="mta"):
    return f'[[collect.lmtp]]\nname = "{name}"\nlisten = "{listen}"\nhostname = "lmtp.example.com"\nrecipients = {{ {recipients} }}\n{more}\n'


class LmtpCase(DaemonCase):
    def lmtp(self, more="", text="", unix=False, **options):
        """A daemon with one listener, not started; `address` is the listener's."""
        self.address = "unix:" + self.path("lmtp.sock") if unix else f"127.0.0.1:{free_port()}"
        return self.daemon(text + listener(self.address, more), **options)

    def client(self, hello=True, **options):
        client = lmtp.Client(self.address, **options)
        self.addCleanup(client.close)
        if hello:
            self.assertEqual(client.hello().code, 250)
        return client
