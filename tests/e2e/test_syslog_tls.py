"""Syslog over TLS (RFC 5425): who may not be trusted is sent nothing, who does not trust us is not taken for one that has received, and what is mended goes on."""

import re
import unittest

import certificates
from daemon import wait_until
from rsyslog import PEER
from syslog_case import SyslogCase


class Tls(SyslogCase):
    def tls(self, rsyslog, name, client=None, **keys):
        keys = {"ca_file": certificates.authority().file, "server_name": "localhost", "deadline": "5s", **keys}
        if client:
            keys |= {"certificate": client.certificate, "key": client.key}
        return self.sink(rsyslog, name, "tls", **keys)

    def wait_failing(self, name, times=1, says=""):
        state = wait_until(lambda: [entry for entry in self.listing("sinks") if entry["name"] == "syslog:" + name and entry["state"] == "failing" and entry["retried"] >= times - 1],
                           lambda: f"{self.state('syslog:' + name)}\n{self.daemons[0].log()[-2000:]}")[0]
        self.assertEqual((state["delivered"], state["position"], state["last_success"]), (0, 0, None), state)
        self.assertRegex(state["last_error"], re.compile(says, re.I))

    def test_who_is_not_to_be_trusted_gets_nothing(self):
        self.many(20)
        authority = certificates.authority()
        good = authority.client(PEER)
        rsyslog, expired = self.receiver(), self.receiver(name="expired", certificate=authority.expired())
        daemon = self.serve(self.tls(rsyslog, "authority", good, ca_file=certificates.Authority("Another").file) + self.tls(rsyslog, "name", good, server_name="other.example.com")
                            + self.tls(expired, "expired", good) + self.tls(rsyslog, "system", good, ca_file="") + self.tls(rsyslog, "good", good)
                            + self.tls(rsyslog, "careless", good, server_name="other.example.com", insecure_skip_verification=True))
        for name in ("authority", "name", "expired", "system"):
            with self.subTest(name):
                self.wait_failing(name, says="certificate")
        lines = self.lines()
        for name in ("good", "careless"):
            self.check_all_arrived(self.wait_arrived(rsyslog, len(lines), name), lines)
        self.assertEqual({message.header["app_name"] for message in rsyslog.messages() + expired.messages()}, {"good", "careless"})
        self.assertNotIn("PRIVATE KEY", daemon.log())

    def test_who_does_not_trust_us_has_received_nothing(self):
        """In TLS 1.3 the server looks at our certificate when we are done, and may have closed before it has read what we sent: an end like any other, to who does not look closely."""
        self.many(40)
        authority = certificates.authority()
        rsyslog = self.receiver()
        bad = {"none": None, "other": authority.client("other.example.com"), "stranger": certificates.Authority("Another").client(PEER)}
        daemon = self.daemon("".join(self.tls(rsyslog, name, client, batch_events=5) for name, client in bad.items())
                             + self.tls(rsyslog, "good", authority.client(PEER)))
        daemon.start()
        for name in bad:
            with self.subTest(name):
                self.wait_failing(name, times=5)
        lines = self.lines()
        self.check_all_arrived(self.wait_arrived(rsyslog, len(lines), "good"), lines)
        self.assertEqual({message.header["app_name"] for message in rsyslog.messages()}, {"good"})
        # mended on this side
        daemon.terminate()
        good = authority.client(PEER)
        with open(daemon.configuration) as file:
            text = re.sub(r"^(certificate|key) = .*\n", "", file.read(), flags=re.M)
        self.write("whosent.toml", text.replace('transport = "tls"\n', f'transport = "tls"\ncertificate = "{good.certificate}"\nkey = "{good.key}"\n'))
        daemon.start()
        for name in bad:
            self.check_all_arrived(self.wait_arrived(rsyslog, len(lines), name), lines)

    def test_what_is_mended_on_the_other_side_goes_on_by_itself(self):
        self.many(20)
        authority = certificates.authority()
        rsyslog = self.receiver(certificate=authority.server("other.example.com"))
        daemon = self.serve(self.tls(rsyslog, "soc", authority.client(PEER)))
        self.wait_failing("soc", says="certificate")
        rsyslog.certificate = certificates.localhost()
        rsyslog.restart()
        lines = self.lines()
        self.check_all_arrived(self.wait_arrived(rsyslog, len(lines)), lines)
        # and through a restart, as over plain TCP
        self.many(3000, "more")
        lines = self.lines()
        wait_until(lambda: len(self.of(rsyslog)) > 200, daemon.log, pause=0.002)
        rsyslog.restart()
        self.check_all_arrived(self.wait_arrived(rsyslog, len(lines)), lines, once=False)

    def test_files_that_cannot_be_used_are_told_at_the_start(self):
        good = certificates.authority().client(PEER)
        rsyslog = self.receiver(start=False)
        for name, code, keys in (("ca_file", 1, {"ca_file": self.path("none.pem")}), ("certificate", 1, {"certificate": self.path("none.pem"), "key": good.key}),
                                 ("key", 2, {"certificate": good.certificate, "key": certificates.authority().client(PEER).key})):
            with self.subTest(name):
                path = self.write(name + ".toml", self.sink(rsyslog, "soc", "tls", **keys))
                self.fails(code, "--config", path, "serve", says="syslog:soc")


if __name__ == "__main__":
    unittest.main()
