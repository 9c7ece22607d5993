"""A real Postfix in front of the LMTP listener: mail that comes by SMTP is stored exactly once, whatever happens to the daemon, and nothing is relayed."""

import gzip
import unittest

import lmtp
from daemon import SmallDisk, wait_until
from harness import DAMAGED, OUT_OF_OFFICE, arf, failure, mail, report, report_mail, row, tls_report
from lmtp_case import LmtpCase
from postfix import Postfix


class WithPostfix(LmtpCase):
    def mails(self):
        """(recipient, message) of many kinds, and what of them has to be in the store."""
        mails = [("dmarc@example.com", report_mail(f"a{number:03}")) for number in range(140)]
        mails += [("dmarc@example.com", report_mail(f"a{number:03}")) for number in range(0, 140, 7)]  # 20 come twice
        mails += [("dmarc@example.com", DAMAGED.replace(b"Report-ID: 1", b"Report-ID: damaged%d" % number)) for number in range(10)]
        mails += [("dmarc@example.com", OUT_OF_OFFICE.replace(b"Monday", b"%d May" % number)) for number in range(5)]
        mails += [("tls@example.com", mail(gzip.compress(tls_report(f"t{number}")), "receiver.example!example.com!1!2.json.gz", "application/tlsrpt+gzip")) for number in range(15)]
        mails += [("fbl@example.com", arf(message_id=f"m{number}", recipient=f"user{number}@provider.example")) for number in range(10)]
        mails += [("ruf@example.com", failure(message_id=f"f{number}", recipient=f"user{number}@provider.example")) for number in range(5)]
        mails += [("any.thing@reports.example.com", report_mail(f"b{number}")) for number in range(5)]
        return mails

    def check(self, mails):
        self.assertEqual(self.report_ids(), sorted([*(f"a{number:03}" for number in range(140)), *(f"b{number}" for number in range(5))]))
        self.assertEqual(len(self.listing("quarantine", "list")), 10)
        self.assertEqual(len(self.listing("complaints", "--list", "--limit", "0")), 10)
        self.assertEqual(len(self.listing("failures", "--limit", "0")), 5)
        self.assertEqual(sum(entry["reports"] for entry in self.listing("tls")), 15)
        self.assertEqual(sum(entry["messages"] for entry in self.listing("sources", "--limit", "0")), 145)

    def deliver_all(self, unix):
        daemon = self.lmtp('socket_mode = "0666"\n' if unix else "", unix=unix).start()
        postfix = Postfix(self, "lmtp:" + (self.address if unix else "inet:" + self.address))
        mails = self.mails()
        self.assertGreater(len(mails), 200)
        running = []
        for recipient, message in mails:
            running.append(postfix.swaks(message, recipient))
            if len(running) >= 6:
                postfix.finish(running.pop(0))
        for child in running:
            postfix.finish(child)
        postfix.wait_empty()
        self.assertEqual(len(postfix.deliveries("sent")), len(mails))
        self.assertEqual(postfix.deliveries("deferred"), [])
        self.assertEqual(postfix.deliveries("bounced"), [])
        self.check(mails)
        metrics = daemon.metrics()
        self.assertEqual(metrics.total("whosent_messages_total", collector="lmtp:mta"), len(mails), metrics.text)

    def test_delivers_by_tcp(self):
        self.deliver_all(unix=False)

    def test_delivers_by_unix_socket(self):
        self.deliver_all(unix=True)

    def test_recipients_that_are_not_configured_bounce(self):
        self.lmtp().start()
        postfix = Postfix(self, "lmtp:inet:" + self.address)
        postfix.send(report_mail("r1"), "nobody@example.com", "dmarc@example.com", "also.nobody@example.com")
        postfix.wait_empty()
        self.assertEqual(sorted((recipient, status) for recipient, status, _ in postfix.deliveries()),
                         [("also.nobody@example.com", "bounced"), ("dmarc@example.com", "sent"), ("nobody@example.com", "bounced")])
        for recipient, status, text in postfix.deliveries("bounced"):
            self.assertIn("550 5.1.1", text)
        self.assertEqual(len(postfix.bounces()), 1)
        for text in ("Status: 5.1.1", "nobody@example.com", "also.nobody@example.com"):
            self.assertIn(text, postfix.bounces()[0])
        self.assertEqual(self.report_ids(), ["r1"])

    def test_a_daemon_that_is_down_is_waited_for(self):
        daemon = self.lmtp()
        postfix = Postfix(self, "lmtp:inet:" + self.address)
        names = [f"r{number:02}" for number in range(20)]
        postfix.send_all([report_mail(name) for name in names[:10]], "dmarc@example.com")
        wait_until(lambda: len(postfix.deliveries("deferred")) >= 10, "Postfix tried")
        self.assertEqual(len(postfix.queue()), 10)
        daemon.start()
        postfix.flush()
        postfix.wait_empty()
        self.assertEqual(self.report_ids(), names[:10])
        # stopped in order, and started again
        daemon.terminate()
        postfix.send_all([report_mail(name) for name in names[10:]], "dmarc@example.com")
        self.assertEqual(self.report_ids(), names[:10])
        daemon.start()
        postfix.flush()
        postfix.wait_empty()
        self.assertEqual(self.report_ids(), names)
        self.assertEqual(postfix.deliveries("bounced"), [])
        self.assertEqual(postfix.bounces(), [])

    def killed(self, at):
        """The daemon is killed three times: `at` "end", when it has not got the end of a message yet; `at` "reply", when its 250 is on the way. Postfix delivers again."""
        daemon = self.lmtp().start()
        kills = []

        def kill(number, line=b""):
            if number not in (2, 11, 19):
                return "pass"
            kills.append(line)
            daemon.kill()
            daemon.start()
            return "cut"

        hooks = {"on_end": kill} if at == "end" else {"on_reply": kill}
        proxy = lmtp.Proxy(self.address, **hooks)
        self.addCleanup(proxy.close)
        postfix = Postfix(self, "lmtp:inet:" + proxy.address, more="lmtp_destination_concurrency_limit = 2")
        names = [f"r{number:02}" for number in range(25)]
        postfix.send_all([report_mail(name) for name in names], "dmarc@example.com")
        postfix.wait_empty()
        self.assertEqual(proxy.errors, [])
        self.assertEqual(len(kills), 3)
        if at == "reply":
            self.assertEqual([line[:3] for line in kills], [b"250"] * 3)
        self.assertTrue(postfix.deliveries("deferred"))
        self.assertEqual(len(postfix.deliveries("sent")), 25)
        self.assertEqual(postfix.deliveries("bounced"), [])
        self.assertEqual(self.report_ids(), names)
        self.assertEqual(sum(entry["messages"] for entry in self.listing("sources", "--limit", "0")), 25)
        self.assertEqual(len(self.events()[0]), 25)

    def test_killed_before_the_message_was_whole(self):
        self.killed("end")

    def test_killed_before_the_250_arrived(self):
        self.killed("reply")

    def test_full_disk(self):
        """Postfix keeps what is refused for now, and all is delivered once there is room."""
        disk = SmallDisk(self)
        self.store = self.path("disk", "store.db")
        daemon = self.lmtp('pressure = "1s"\n', preexec=disk.preexec).start()
        postfix = Postfix(self, "lmtp:inet:" + self.address)
        names = [f"r{number:02}" for number in range(40)]
        rows = lambda number: [row(f"10.{number}.{n // 250}.{n % 250}", 1, dkim=[(f"d{number}-{n}.example.net", f"s{number}-{n}" * 4, "pass")]) for n in range(1000)]
        for number, name in enumerate(names):
            postfix.send(mail(gzip.compress(report(name, rows(number))), message_id=name), "dmarc@example.com")
        wait_until(lambda: postfix.deliveries("deferred"), lambda: "Postfix was asked to wait\n" + postfix.log()[-3000:])
        self.assertEqual(postfix.deliveries("bounced"), [])
        for _, _, text in postfix.deliveries("deferred"):
            self.assertRegex(text, r"said: 4\d\d 4\.|lost connection|timed out")
        self.assertTrue(daemon.running)
        self.assertLess(len(self.report_ids()), 40)
        disk.make_room(daemon)
        postfix.flush()
        postfix.wait_empty()
        self.assertEqual(self.report_ids(), names)
        self.assertEqual(sum(entry["rows"] for entry in self.listing("reports", "--limit", "0")), 40_000)
        self.assertEqual(postfix.deliveries("bounced"), [])


if __name__ == "__main__":
    unittest.main()
