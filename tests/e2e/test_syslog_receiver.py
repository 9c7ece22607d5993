"""share/siem/rsyslog by itself: what whosent prints as CEF, sent by a client of the test's over each transport, arrives as the fields that a reader by the standard sees. And what the receiver cannot take."""

import json
import socket
import ssl
import unittest

import cef_reader
import certificates
from rsyslog import PEER, Rsyslog
from syslog_case import HOSTILE, SYSLOG_SEVERITY, SyslogCase


def counted(message):
    """RFC 6587 section 3.4.1"""
    return b"%d %s" % (len(message), message)


def line(message):
    return message + b"\n"


class Receiver(SyslogCase):
    def send(self, rsyslog, messages, transport, framing=counted, pair=None):
        """Sends, and waits until rsyslog has closed in order, which it does when it has read everything."""
        if transport == "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                for message in messages:
                    client.sendto(message, ("127.0.0.1", rsyslog.udp))
            return
        with socket.create_connection(("127.0.0.1", rsyslog.tls if transport == "tls" else rsyslog.tcp), timeout=30) as client:
            if transport == "tls":
                context = ssl.create_default_context(cafile=certificates.authority().file)
                if pair:
                    context.load_cert_chain(pair.certificate, pair.key)
                client = context.wrap_socket(client, server_hostname="localhost")
            with client:
                client.sendall(b"".join(map(framing, messages)))
                socket.socket.shutdown(client, socket.SHUT_WR)
                while socket.socket.recv(client, 4096):
                    pass

    def test_every_value_arrives_as_it_is_over_each_transport(self):
        self.every_class()
        lines, events = self.lines(), [json.loads(text) for text in self.lines("json")]
        self.assertEqual(len(lines), len(events))
        self.assertEqual({event["class"] for event in events}, {"dmarc.record", "dmarc.failure", "feedback.complaint", "tls.failure", "report.quarantined"})
        # the texts of attackers are in there, as far as they fit
        comments = [cef_reader.read(text).extension.get("requestContext", "") for text in lines]
        for text in HOSTILE:
            if len(text) < 100 and not set(text) & set("\r\n\t\x7f\x85\u2028\u2029\u200b\ufeff") and text.strip() == text:
                self.assertTrue(any(comment == "other:" + text for comment in comments), text)
        headers = [f"<{13 * 8 + SYSLOG_SEVERITY[event['severity']]}>1 {event['time']} whosent.example.com client - {event['class']} - " for event in events]
        messages = [(header + text).encode() for header, text in zip(headers, lines)]
        client = certificates.authority().client(PEER)
        for driver, transport, framing in (("gtls", "udp", None), ("gtls", "tcp", counted), ("gtls", "tcp", line), ("gtls", "tls", counted), ("ossl", "tls", counted)):
            with self.subTest(driver=driver, transport=transport, framing=framing):
                rsyslog = Rsyslog(self, driver=driver, name=f"{driver}-{transport}-{framing.__name__ if framing else 'datagram'}")
                fit = [n for n, message in enumerate(messages) if transport != "udp" or len(message) <= 60_000]
                self.send(rsyslog, [messages[n] for n in fit], transport, framing, client)
                found = rsyslog.wait_messages(len(fit))
                self.assertEqual(len(found), len(fit))
                for message, n in zip(found, fit):
                    self.assertEqual(message.raw, messages[n].decode())
                    self.check_agrees(message, lines[n], events[n])
                rsyslog.stop()

    def test_what_is_not_cef_is_kept_as_it_came(self):
        """The bad ones that liblognorm has to refuse, so that the test above can fail."""
        rsyslog = Rsyslog(self)
        good = b"<107>1 2026-11-22T06:30:00Z h client - x - CEF:0|whosent|whosent|0|x|y|5| externalId=1 msg=ok"
        bad = [good.replace(b"- CEF", b"- \xef\xbb\xbfCEF"), good + b"\\|", good.replace(b"=ok", b"="), good.replace(b"- CEF", b"-  CEF"), good.replace(b"|5|", b"|"), good + b"\\x"]
        self.send(rsyslog, [*bad, good], "tcp")
        found = rsyslog.wait_messages(len(bad) + 1)
        self.assertEqual([message.cef is not None for message in found], [False] * len(bad) + [True])
        self.assertEqual([message.raw.encode() for message in found], [*bad, good])
        self.assertEqual(found[0].written["unparsed-data"].encode(), b"\xef\xbb\xbf" + good.split(b" ", 7)[7])

    def test_a_frame_that_was_cut_off_is_no_message(self):
        rsyslog = Rsyslog(self)
        good = b"<107>1 2026-11-22T06:30:00Z h client - x - CEF:0|whosent|whosent|0|x|y|5| externalId=1 msg=ok"
        for framing in (counted, line):
            with socket.create_connection(("127.0.0.1", rsyslog.tcp), timeout=30) as client:
                client.sendall(framing(good) + framing(good)[:-20])
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(client.recv(1), b"")
        # behind a line feed there is no telling: the beginning counts as a message (README.md of share/siem says so)
        self.assertEqual([len(message.raw) for message in rsyslog.messages()], [len(good), len(good), len(good) - 19])

    def test_the_longest(self):
        """What is longer than the sizes of share/siem comes in pieces, and spoils what follows."""
        rsyslog = Rsyslog(self)
        head = b"<107>1 2026-11-22T06:30:00Z h client - x - CEF:0|whosent|whosent|0|x|y|5| externalId=1 msg="
        longest = head + b"x" * (256 * 1024 - len(head))
        self.send(rsyslog, [longest, head + b"behind"], "tcp")
        self.send(rsyslog, [head + b"x" * 60_000], "udp")
        found = rsyslog.wait_messages(3)
        self.assertEqual([message.raw.encode() for message in found], [longest, head + b"behind", head + b"x" * 60_000])
        self.assertEqual(len(found[0].cef["Extensions"]["msg"]), 256 * 1024 - len(head))
        self.send(rsyslog, [longest + b"x", head + b"behind"], "tcp")
        self.assertNotIn(longest + b"x", [message.raw.encode() for message in rsyslog.messages()])

    def test_who_shows_no_certificate_or_that_of_another_gets_nothing_in(self):
        rsyslog = Rsyslog(self)
        good = b"<107>1 2026-11-22T06:30:00Z h client - x - CEF:0|whosent|whosent|0|x|y|5| externalId=%s msg=ok"
        authority = certificates.authority()
        for number, pair in enumerate((None, authority.client("other.example.com"), certificates.Authority("Another").client(PEER), authority.client(PEER))):
            try:
                self.send(rsyslog, [good % b"%d" % number], "tls", pair=pair)
            except OSError:  # refused before or while it was sent
                self.assertLess(number, 3)
        self.assertEqual([message.cef["Extensions"]["externalId"] for message in rsyslog.wait_messages(1)], ["3"])

    def test_a_receiver_that_is_stopped_has_written_what_it_read(self):
        """What whosent builds on: an orderly end of the connection means that everything is in the file, whatever becomes of rsyslog then."""
        for number in range(3):
            rsyslog = Rsyslog(self, name=f"rsyslog{number}")
            texts = [b"<107>1 2026-11-22T06:30:00Z h client - x - CEF:0|whosent|whosent|0|x|y|5| externalId=%d msg=%s" % (n, b"x" * 500) for n in range(2000)]
            self.send(rsyslog, texts, "tcp")
            rsyslog.kill()
            self.assertEqual([message.raw.encode() for message in rsyslog.messages()], texts)


if __name__ == "__main__":
    unittest.main()
