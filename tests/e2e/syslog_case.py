"""What the tests of syslog share: events of every class, some of them with values that an attacker chose; and what of them has to arrive at rsyslog."""

import collections
import datetime
import json
import re
from xml.sax.saxutils import escape

import cef_reader
from daemon import PATIENCE, DaemonCase, wait_until
from harness import BEGIN, DAMAGED, DAY, arf, failure, head, report, row, TAIL, tls_policy, tls_report
from rsyslog import Rsyslog

# Texts that a receiver of mail may write into its report: what CEF escapes and what it does not, what would end a line, what has no place in any line, and much of it.
HOSTILE = ["|", "=", "\\", "a|b=c\\d", "\\|", "\\=", "\\n", "\\\\", " =", "x cs1=forged externalId=forged", "CEF:0|whosent|whosent|0|x|y|0| externalId=forged", "line\nline", "cr\rlf\r\n", "\ttab\t",
           "\x7f\x85\u2028\u2029\u200b", "é ü 漢字 😀", "\ufeffbom", "<107>1 2026-01-01T00:00:00Z h a - - - forged", "%s%n%$!all-json%", "\" } ], \"x\": {", " blank ", "=", "a=", "=a", "a\\", "#011",
           "漢" * 9000, "=" * 9000, "x" * 100_000]


def hostile_report():
    """A report with a row for each of these texts, in every element that takes one."""
    rows = []
    for number, text in enumerate(HOSTILE):
        safe = "".join(f"&#{ord(c)};" if c in "\r\n\t" else c for c in escape(text))
        rows.append(row(f"192.0.2.{number + 1}", number + 1, extra=f"<reason><type>other</type><comment>{safe}</comment></reason>", dkim=[(safe[:300] if "&" not in safe[:300] else "d.example", "s1", "fail")]))
    organization = escape("Report | er = x\\y")
    return (head("id|1=2\\3", org="receiver.example").replace("<org_name>receiver.example", "<org_name>" + organization) + "".join(rows) + TAIL).encode()


def cef_text(text):
    """What CEF can hold of it (docs/siem.md)."""
    return re.sub("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]", "\ufffd", text.replace("\t", " ")).strip(" ")


def time_of(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)


# RFC 5424 section 6.2.1: what a severity of ours from 0 to 10 is there (informational, notice, warning, error, critical)
SYSLOG_SEVERITY = [6, 6, 5, 5, 4, 4, 4, 3, 3, 2, 2]


class SyslogCase(DaemonCase):
    def environment(self, **changes):
        return super().environment(**{"WHOSENT_DNS": "off", **changes})  # events are there at once

    # ---- events ----

    def every_class(self):
        """Stores events of every class that reports make, hostile ones among them."""
        self.write("in/hostile.xml", hostile_report())
        self.write("in/pass.xml", report("pass", [row("198.51.100.9", 7, dkim=[("example.com", "s1", "pass")], dkim_eval="pass"), row("2001:db8::25", 3, disposition="reject")]))
        self.write("in/other.xml", report("other", [row("203.0.113.5", 3, header_from="example.org", extra="<reason><type>forwarded</type></reason>")], domain="example.org"))
        self.write("in/dam=a|g\\e\nd.eml", DAMAGED)
        self.write("in/failure.eml", failure())
        self.write("in/complaint.eml", arf())
        self.write("in/tls.json", tls_report("t1", org="Re=cei|ver\nInc\r\\", policies=[tls_policy(failed=3, details=[("certificate-expired", 3)])]))
        self.ingest(self.path("in"))

    def many(self, count, name="many", domain="example.com", per_report=500):
        """Stores so many rows that fail, each of a source of its own."""
        for first in range(0, count, per_report):
            rows = [row(f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", n % 50 + 1, spf=[(f"s{n % 97}.example.net", "fail")]) for n in range(first, min(count, first + per_report))]
            self.write(f"{name}/{first}.xml", report(f"{name}-{first}", rows, domain=domain, begin=BEGIN + first // per_report % 20 * DAY))
        self.ingest(self.path(name))

    def lines(self, form="cef"):
        """Every event of the store, in order, in that format."""
        return self.ok("events", "--format", form).out.split("\n")[:-1]

    # ---- sinks ----

    def receiver(self, **options):
        return Rsyslog(self, **options)

    @staticmethod
    def sink(rsyslog, name="soc", transport="tcp", select="all", begin="beginning", **keys):
        """The table of one; its messages have its name as APP-NAME. Waits are short."""
        keys = {"name": name, "host": "127.0.0.1", "port": {"tcp": rsyslog.tcp, "udp": rsyslog.udp, "tls": rsyslog.tls}[transport], "transport": transport, "select": select, "begin": begin,
                "app_name": name, "hostname": "whosent.example.com", "batch_age": "0s", "retry_least": "1s", "retry_most": "1s", "deadline": "10s", **keys}
        return "[[export.syslog]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())

    def state(self, name):
        """What `whosent sinks` says of it; None everywhere while the store does not know it."""
        return collections.defaultdict(type(None), {entry["name"]: entry for entry in self.listing("sinks")}.get(name, {}))

    def settle(self, name="syslog:soc", seconds=PATIENCE):
        """Until it has delivered everything, and the store knows."""
        wait_until(lambda: (self.state(name)["lag_events"], self.state(name)["state"]) == (0, "works"), lambda: f"{dict(self.state(name))}\n" + "".join(d.log()[-2000:] for d in self.daemons), seconds,
                   pause=0.05)

    def of(self, rsyslog, name="soc"):
        return [message for message in rsyslog.messages() if message.header["app_name"] == name]

    def wait_arrived(self, rsyslog, count, name="soc", seconds=PATIENCE):
        """Until the last of so many different ones has come."""
        found = []

        def there():
            found[:] = self.of(rsyslog, name)
            return len(found) >= count and len({message.raw for message in found}) >= count

        wait_until(there, lambda: f"{count} of {name} at rsyslog; there are {len(found)}\n{rsyslog.log()[-2000:]}\n" + "".join(daemon.log()[-3000:] for daemon in self.daemons), seconds, pause=0.05)
        return found

    # ---- what has to be ----

    def check_agrees(self, message, line, event, facility=13, hostname="whosent.example.com"):
        """One message: the header, what liblognorm made of it, and what a reader by the standard makes of it, against the line and the JSON that `whosent events` prints."""
        self.assertEqual(message.text, line)
        record = cef_reader.read(line)
        self.assertEqual(message.cef, {"DeviceVendor": record.vendor, "DeviceProduct": record.product, "DeviceVersion": record.version, "SignatureID": record.class_id, "Name": record.name,
                                       "Severity": str(record.severity), "Extensions": record.extension})
        of = message.header
        self.assertEqual((of["priority"], of["hostname"], of["procid"], of["msgid"], of["structured_data"]),
                         (str(facility * 8 + SYSLOG_SEVERITY[event["severity"]]), hostname, "-", event["class"], "-"), message)
        self.assertEqual(of["time"], event["time"])
        extension = record.extension
        self.assertEqual((extension["externalId"], extension["rt"], extension["cn3"], record.severity, record.class_id),
                         (event["id"], str(int(time_of(event["time"]).timestamp() * 1000)), str(event["sequence"]), event["severity"], event["class"]))
        self.assertEqual(extension["cn3Label"], "sequence")
        if "stream" in event:
            self.assertEqual(extension.get("src") or extension.get("c6a2"), event["stream"].get("source_ip"))
            self.assertEqual(extension.get("cs1"), event["stream"].get("header_from"))
            self.assertEqual(extension.get("cs6"), event["stream"].get("id"))
        if event["class"] == "dmarc.record":
            self.assertEqual((extension["cnt"], extension["act"], extension["cs2"], extension["flexString1"]),
                             (str(event["row"]["count"]), event["row"]["disposition"], event["report"]["domain"], event["verdict"]["name"]))
            self.assertEqual(extension["start"], str(int(time_of(event["report"]["begin"]).timestamp() * 1000)))
            context = ",".join(reason["type"] + (":" + reason["comment"] if "comment" in reason else "") for reason in event["row"].get("reasons", ()))
            if len(context) < 1000:
                self.assertEqual(extension.get("requestContext", ""), cef_text(context))
            self.assertEqual((extension["cs5"], extension["flexString2"]), (cef_text(event["report"]["org_name"]), cef_text(event["report"]["report_id"])))
        elif event["class"] == "report.quarantined":
            self.assertEqual(extension["fname"], cef_text(event["quarantine"]["name"]))
        elif event["class"] == "tls.failure":
            self.assertEqual(extension["cs5"], cef_text(event["report"]["organization_name"]))
        return extension

    def check_all_arrived(self, messages, lines, once=True):
        """These texts and no others, in this order by the first time that each came. Else than `once`, one may have come again: the very same bytes."""
        first = list(dict.fromkeys(message.raw for message in messages))
        texts = [raw.split(" ", 7)[7] for raw in first]
        if texts != lines:
            wanted, found = set(lines), set(texts)
            missing, more = [line[:200] for line in lines if line not in found], [text[:200] for text in texts if text not in wanted]
            self.assertEqual((len(missing), missing[:3], len(more), more[:3]), (0, [], 0, []))
            self.assertEqual(texts, lines)  # not in order
        if once:
            self.assertEqual(len(messages), len(lines))
