"""No address and no name of a person leaves a failure, feedback, TLS or aggregate report: not into the store's files, not into what any
command prints, not into events. A mark stands in every field that can hold one, and is searched for in every form."""

import base64
import gzip
import json
import os
import re
import sqlite3
import unittest
import zlib

from harness import BEGIN, Case, arf, head, mail, mbox, row, ses_complaint, tls_policy, tls_report

MARK = "zqmark17"


class Marks:
    """Marked local parts, each of its own, so that one that is found says where it came from."""

    def __init__(self):
        self.places = []

    def __call__(self, place):
        self.places.append(place)
        return f"{MARK}x{len(self.places) - 1:04}"

    def address(self, place, domain="provider.example"):
        return f"{self(place)}@{domain}"

    def named(self, found):
        number = re.match(rb"(?i)" + MARK.encode() + rb"x(\d{4})", found)
        return self.places[int(number[1])] if number else found.decode(errors="replace")


def forms(mark):
    """The mark as other encodings spell it: (name, pattern)."""
    for word in (mark, mark.upper(), mark.capitalize()):
        raw = word.encode()
        for fill in range(3):
            # what does not depend on the bytes around it
            encoded = base64.b64encode(b"\0" * fill + raw)
            first, last = (0, 2, 3)[fill], (len(raw) + fill) * 4 // 3
            yield "base64", re.escape(encoded[first:last])
            yield "base64url", re.escape(base64.urlsafe_b64encode(b"\0" * fill + raw)[first:last])
        yield "hex", re.escape(raw.hex().encode())
        yield "percent", re.escape("".join(f"%{c:02x}" for c in raw).encode())
        yield "quoted-printable", re.escape("".join(f"={c:02x}" for c in raw).encode())
        yield "utf-16", re.escape(word.encode("utf-16-le"))
    yield "plain", re.escape(mark.encode()) + rb"(x\d{4})?"


PATTERNS = [(name, re.compile(pattern, re.IGNORECASE if not name.startswith("base64") else 0)) for name, pattern in forms(MARK)]


def search(data, marks):
    """What is found in bytes, as {"form: place of the mark"}."""
    return {f"{name}: {marks.named(found[0])}" for name, pattern in PATTERNS for found in pattern.finditer(data)}


def gzip_streams(data):
    """What can be inflated of every gzip or zlib stream that begins anywhere in the data, as far as its pages hang together."""
    for begin in re.finditer(rb"\x1f\x8b\x08", data):
        try:
            yield zlib.decompressobj(31).decompress(data[begin.start():begin.start() + 1_000_000], 1 << 20)
        except zlib.error:
            part = b""
            inflater = zlib.decompressobj(31)
            for at in range(begin.start(), min(begin.start() + 100_000, len(data)), 64):
                try:
                    part += inflater.decompress(data[at:at + 64])
                except zlib.error:
                    break
            yield part


def encoded_word(text):
    return f"=?utf-8?B?{base64.b64encode(text.encode()).decode()}?= =?utf-8?Q?{''.join(f'={c:02X}' for c in text.encode())}?="


def percent(text):
    return "".join(f"%{c:02X}" for c in text.encode())


def quoted_printable(text):
    return "".join(f"={c:02X}" for c in text.encode())


def without(header, *names):
    """A header without the fields of these names."""
    fields = re.split(r"(?m)^(?=\S)", header)
    return "".join(field for field in fields if not field.lower().startswith(tuple(name.lower() + ":" for name in names)))


def original_header(m, kind):
    """The header of a mail, with a mark wherever a person can be named."""
    n = lambda place: m(f"{kind} original {place}")
    a = lambda place, domain="provider.example": m.address(f"{kind} original {place}", domain)
    verp = f"bounce-{n('VERP')}=provider.example@mail.sender.example"
    return (
        f"Return-Path: <{verp}>\r\n"
        f"Received: from out1.sender.example (out1.sender.example [192.0.2.10])\r\n\t(envelope-from <{a('Received envelope-from', 'mail.sender.example')}>)\r\n"
        f"\tby mx.provider.example with ESMTPS id a1\r\n\tfor <{a('Received for')}>; Fri, 21 Nov 2025 10:15:00 +0000\r\n"
        f"Received: by app ({a('Received comment')}) id {n('Received id')}; Fri, 21 Nov 2025 10:14:00 +0000\r\n"
        f"Authentication-Results: mx.provider.example; spf=pass smtp.mailfrom={a('A-R mailfrom', 'mail.sender.example')};\r\n"
        f" dkim=pass header.i={a('A-R header.i', 'sender.example')} header.d=sender.example header.s=s1; dmarc=pass ({a('A-R comment')}) header.from={a('A-R from', 'sender.example')}\r\n"
        f"DKIM-Signature: v=1; a=rsa-sha256; d=sender.example; s=s1; i={a('DKIM i=', 'sender.example')};\r\n h=from:to; bh=eA==; b=eA==; z=To:{a('DKIM z=')}\r\n"
        f"From: \"{n('From name')} Person\" <{a('From', 'sender.example')}>\r\nSender: {n('Sender name')} <{a('Sender', 'sender.example')}>\r\n"
        f"To: \"{n('To name')}\" <{a('To')}>, {encoded_word(n('To encoded name'))} <{a('To second')}>\r\nCc: <{a('Cc')}>\r\nBcc: <{a('Bcc')}>\r\n"
        f"Reply-To: <{a('Reply-To')}>\r\nDelivered-To: {a('Delivered-To')}\r\nX-Original-To: {a('X-Original-To')}\r\nX-Apparently-To: {a('X-Apparently-To')}\r\n"
        f"Errors-To: {a('Errors-To')}\r\nDisposition-Notification-To: {a('Disposition-Notification-To')}\r\n"
        f"Subject: Dear {n('Subject')}, {encoded_word(n('Subject encoded'))}\r\nThread-Topic: {n('Thread-Topic')}\r\nComments: {n('Comments')}\r\n"
        f"Message-ID: <{a('Message-ID', 'mail.sender.example')}>\r\nIn-Reply-To: <{a('In-Reply-To')}>\r\nReferences: <{a('References')}>\r\n"
        f"List-Id: for {a('List-Id')} <news.sender.example>\r\n"
        f"List-Unsubscribe: <mailto:unsub-{n('List-Unsubscribe mailto')}=provider.example@mail.sender.example?subject={a('List-Unsubscribe subject')}>,\r\n"
        f" <https://u.sender.example/x/{percent(n('List-Unsubscribe percent'))}?e={a('List-Unsubscribe URL')}&f={n('List-Unsubscribe encoded at')}%40provider.example>\r\n"
        f"Feedback-ID: spring:{a('Feedback-ID')}:news:mailer\r\nX-Mailgun-Variables: {{\"to\": \"{a('X-Mailgun-Variables')}\"}}\r\nX-MC-User: {a('X-MC-User')}\r\n"
        f"X-SG-EID: {base64.b64encode(n('X-SG-EID').encode()).decode()}\r\nX-Rcpt: {a('X-Rcpt')}\r\nX-Authenticated-Sender: {a('X-Authenticated-Sender')}\r\n"
        f"Date: Fri, 21 Nov 2025 10:14:55 +0000\r\n"
    )


def marked_arf(m, kind, damaged=False, whole=True):
    """A feedback report with a mark in every field. Damaged: with one in every value that cannot be read."""
    n = lambda place: m(f"{kind} {place}")
    a = lambda place, domain="provider.example": m.address(f"{kind} {place}", domain)
    b64 = lambda text: base64.b64encode(text.encode()).decode()
    odd = damaged and (lambda place, good: a(place + " unreadable")) or (lambda place, good: good)
    body = (f"Content-Type: text/plain\r\n\r\nHello {n('original body')} <{a('original body address')}>\r\n{quoted_printable(n('original body quoted-printable'))}\r\n" if whole else "")
    original = original_header(m, kind)
    text = f"{n('text name')} complained about {a('text')}: https://x.example/?u={percent(a('text percent'))}\r\n{b64(n('text base64'))}\r\n"
    feedback = (
        f"Feedback-Type: {odd('Feedback-Type', 'auth-failure' if 'failure' in kind else 'abuse')}\r\nUser-Agent: SomeFBL/1.0 (contact {a('User-Agent')})\r\nVersion: {odd('Version', '1')}\r\n"
        f"Original-Mail-From: <{a('Original-Mail-From', 'mail.sender.example')}>\r\nOriginal-Rcpt-To: <{a('Original-Rcpt-To')}>\r\n"
        f"Original-Rcpt-To: {n('Original-Rcpt-To name')} <{a('Original-Rcpt-To second')}>\r\nOriginal-Envelope-Id: {n('Original-Envelope-Id')}\r\n"
        f"Arrival-Date: {odd('Arrival-Date', 'Fri, 21 Nov 2025 10:15:00 +0000')}\r\nReporting-MTA: dns; {odd('Reporting-MTA', 'mx.provider.example')}\r\n"
        f"Source-IP: {odd('Source-IP', '192.0.2.10 (' + a('Source-IP comment') + ')')}\r\nSource-Port: {odd('Source-Port', '4001')}\r\nIncidents: {odd('Incidents', '2')}\r\n"
        f"Reported-Domain: {a('Reported-Domain', 'sender.example')}\r\nReported-URI: https://u.sender.example/x?e={a('Reported-URI')}\r\n"
        f"Reported-URI: https://{a('Reported-URI user', 'u.sender.example')}/{percent(n('Reported-URI percent'))}\r\nReported-URI: mailto:{a('Reported-URI mailto', 'sender.example')}\r\n"
        f"Authentication-Results: mx.provider.example; spf=fail smtp.mailfrom={a('A-R mailfrom', 'mail.sender.example')};\r\n"
        f" dkim=fail ({a('A-R comment')}) header.i={a('A-R header.i', 'sender.example')} header.s=s1; {odd('A-R', 'dmarc=fail')} header.from=sender.example\r\n"
        f"Auth-Failure: {odd('Auth-Failure', 'dmarc')}\r\nDelivery-Result: {odd('Delivery-Result', 'reject')}\r\nIdentity-Alignment: {odd('Identity-Alignment', 'none')}\r\n"
        f"DKIM-Domain: {a('DKIM-Domain', 'sender.example')}\r\nDKIM-Selector: {odd('DKIM-Selector', 's1')}\r\nDKIM-Identity: {a('DKIM-Identity', 'sender.example')}\r\n"
        f"DKIM-Canonicalized-Header: {b64(n('DKIM-Canonicalized-Header') + ' x')}\r\nDKIM-Canonicalized-Body: {b64('To ' + n('DKIM-Canonicalized-Body'))}\r\n"
        f"DKIM-Selector-DNS: v=DKIM1; n={a('DKIM-Selector-DNS')}\r\nSPF-DNS: txt : sender.example : \"v=spf1 exp={a('SPF-DNS')}\"\r\n"
        f"Source: {a('Source')}\r\nRemoval-Recipient: {a('Removal-Recipient')}\r\nRedacted-Address: {n('Redacted-Address')}\r\nSubscription-Link: https://x.example/{a('Subscription-Link')}\r\n"
        f"X-Unknown: {a('unknown field')}\r\n{a('a line that is no field')}\r\n"
    )
    return (
        f"Return-Path: <{a('outer Return-Path')}>\r\nDelivered-To: {a('outer Delivered-To', 'example.com')}\r\nReceived: from x (x [192.0.2.77]) by y for <{a('outer Received for', 'example.com')}>;\r\n"
        f" Fri, 21 Nov 2025 11:00:00 +0000\r\nFrom: \"{n('outer From name')}\" <{a('outer From')}>\r\nTo: {n('outer To name')} <{a('outer To', 'example.com')}>\r\n"
        f"Reply-To: <{a('outer Reply-To')}>\r\nSubject: FW: {n('outer Subject')} {encoded_word(a('outer Subject encoded'))}\r\nDate: Fri, 21 Nov 2025 11:00:00 +0000\r\n"
        f"Message-ID: <{a('outer Message-ID')}>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=\"b1\"\r\n\r\n"
        f"--b1\r\nContent-Type: text/plain; name=\"{n('part name')}.txt\"\r\nContent-Description: {a('part description')}\r\n\r\n{text}"
        f"--b1\r\nContent-Type: message/feedback-report; name=\"{a('feedback part name')}\"\r\n\r\n{feedback}\r\n"
        f"--b1\r\nContent-Type: {'message/rfc822' if whole else 'text/rfc822-headers'}\r\nContent-Disposition: attachment; filename=\"{a('original part name')}.eml\"\r\n\r\n{original}{body}\r\n--b1--\r\n"
    ).encode()


def marked_note(m):
    """A failure told in words only, as mail servers with Exim do."""
    return (
        f"From: {m.address('note outer From')}\r\nTo: {m.address('note outer To', 'example.com')}\r\nSubject: DMARC Forensic Report for sender.example from IP 203.0.113.68\r\n"
        "Date: Fri, 21 Nov 2025 11:16:09 +0100\r\nMessage-Id: <note@gw.provider.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; boundary=\"n1\"\r\n\r\n"
        "--n1\r\nContent-Type: text/plain; charset=\"us-ascii\"\r\n\r\nA message claiming to be from you has failed the published DMARC\r\npolicy for your domain.\r\n\r\n"
        f"  Sender Domain: sender.example\r\n  Sender IP Address: 203.0.113.68\r\n  Received Date: Fri, 21 Nov 2025 11:16:09 +0100\r\n  SPF Alignment: no\r\n  DKIM Alignment: no\r\n"
        f"  DMARC Results: None, Accept\r\n  User: {m.address('note line')}\r\n\r\n------ This is a copy of the headers that were received before the error\r\n       was detected.\r\n\r\n"
        + without(original_header(m, "note"), "X-Apparently-To") + "\r\n--n1--\r\n"
    ).encode()


# Fields of the original that a report is completed from, one way after the other: what is left out makes it take the next.
SPARSE = (("X-Apparently-To",), ("X-Apparently-To", "Received", "Return-Path"), ("X-Apparently-To", "Received", "Return-Path", "To", "Feedback-ID", "From"),
          ("Feedback-ID", "X-SG-EID", "X-MC-User", "DKIM-Signature"), ("Feedback-ID", "X-SG-EID", "DKIM-Signature"), ("Feedback-ID", "X-MC-User", "DKIM-Signature"),
          ("Feedback-ID", "X-SG-EID", "X-MC-User", "DKIM-Signature", "Return-Path"), ("Feedback-ID", "X-SG-EID", "X-MC-User", "DKIM-Signature", "Return-Path", "List-Id"),
          ("Feedback-ID", "X-SG-EID", "X-MC-User", "DKIM-Signature", "Return-Path", "List-Id", "List-Unsubscribe", "Authentication-Results"))


def marked_sparse(m, number):
    """A complaint that says nothing itself: all is taken from the mail that it holds."""
    kind = f"sparse {number}"
    return (
        f"From: fbl@provider.example\r\nTo: complaints@example.com\r\nSubject: FW: {m(kind + ' outer Subject')}\r\nDate: Fri, 21 Nov 2025 11:00:00 +0000\r\nMessage-ID: <{kind[7:]}@provider.example>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: message/feedback-report\r\n\r\n"
        "Feedback-Type: abuse\r\nVersion: 1\r\nUser-Agent: x\r\n\r\n--b1\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        + without(original_header(m, kind), *SPARSE[number]) + "\r\n--b1--\r\n"
    ).encode()


def marked_old_form(m):
    """Microsoft's form before 2024: the mail alone."""
    return (
        f"Date: Fri, 21 Nov 2025 10:20:30 +0000\r\nFrom: <staff@hotmail.com>\r\nSubject: complaint about message from 192.0.2.222\r\nTo: {m.address('old form To', 'example.com')}\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: message/rfc822\r\n\r\n"
        f"X-HmXmrOriginalRecipient: {m.address('X-HmXmrOriginalRecipient')}\r\nX-SID-PRA: {m.address('X-SID-PRA', 'sender.example')}\r\n"
        + original_header(m, "old form") + f"\r\nHello {m('old form body')}\r\n\r\n--b1--\r\n"
    ).encode()


def marked_ses(m):
    notification = json.loads(ses_complaint(m.address("SES recipient")))
    notification["complaint"] |= {"userAgent": "FBL " + m.address("SES userAgent"), "feedbackId": m("SES feedbackId"), "complaintSubType": m.address("SES subtype")}
    notification["complaint"]["complainedRecipients"].append({"emailAddress": f"{m('SES recipient name')} <{m.address('SES second recipient')}>"})
    notification["mail"] |= {"source": f"{m('SES source name')} <{m.address('SES source', 'example.com')}>", "destination": [m.address("SES destination")],
                             "messageId": m("SES messageId"), "callerIdentity": m("SES callerIdentity"), "sourceArn": f"arn:aws:ses:x:1:identity/{m.address('SES sourceArn')}",
                             "tags": {"user": [m.address("SES tag")]}}
    notification["mail"]["headers"] = [{"name": name.strip(), "value": value.strip()} for name, _, value in
                                       (line.partition(":") for line in re.sub(r"\r\n[ \t]", " ", original_header(m, "SES")).splitlines())]
    notification["mail"]["commonHeaders"] = {"from": [m.address("SES common from")], "to": [m.address("SES common to")], "subject": m("SES common subject"), "messageId": m.address("SES common id")}
    return json.dumps(notification).encode()


def marked_tls(m, kind, damaged=False):
    a = lambda place: m.address(f"{kind} {place}")
    policy = tls_policy(successful=10, failed=2, details=[("certificate-expired", 2)])
    policy["policy"]["policy-string"] = ["version: STSv1", f"mx: {a('policy-string')}"]
    policy["failure-details"][0] |= {"additional-information": f"https://x.example/?who={a('additional-information')}&p={percent(a('additional-information percent'))}",
                                     "failure-reason-code": f"told {a('failure-reason-code')}", "receiving-mx-helo": a("receiving-mx-helo")}
    policy["x-note"] = a("unknown member")
    if damaged:
        policy["policy"]["policy-type"] = a("policy-type")
        policy["policy"]["policy-domain"] = a("policy-domain")
        policy["policy"]["mx-host"] = a("mx-host")
        policy["summary"]["total-failure-session-count"] = a("count")
        policy["failure-details"][0] |= {"result-type": a("result-type"), "sending-mta-ip": a("sending-mta-ip"), "receiving-ip": a("receiving-ip"),
                                         "receiving-mx-hostname": a("receiving-mx-hostname"), "failed-session-count": a("failed-session-count")}
    report = json.loads(tls_report(kind, org=f"Receiver {a('organization-name')}", policies=[policy]))
    report |= {"contact-info": f"{m(kind + ' contact name')} <{a('contact-info')}>", "x-more": a("unknown top member")}
    if damaged:
        report["date-range"] = {"start-datetime": a("start-datetime"), "end-datetime": a("end-datetime")}
    return json.dumps(report).encode()


def marked_aggregate(m, kind, damaged=False):
    a = lambda place: m.address(f"{kind} {place}")
    text = head(kind).replace("dmarc@receiver.example", a("email")).replace(
        "</email>", f"</email><extra_contact_info>mailto:{a('extra_contact_info')}</extra_contact_info><error>bounced at {a('error')}</error>")
    text = text.replace("</feedback>", "")
    rows = row("192.0.2.1", 3, dkim=[("example.com", "s1", "fail")], spf=[("example.com", "fail")],
               extra=f"<reason><type>other</type><comment>told by {a('comment')}</comment></reason><reason><type>{a('reason type')}</type></reason>")
    rows = rows.replace("<identifiers>", f"<identifiers><envelope_to>{a('envelope_to')}</envelope_to><envelope_from>{a('envelope_from')}</envelope_from>")
    rows = rows.replace("<result>fail</result></dkim>", f"<result>fail</result><human_result>no key, {a('human_result')}</human_result></dkim>")
    rows = rows.replace("<row>", f"<row><x_note>{a('unknown element')}</x_note>")
    if damaged:
        rows = rows.replace("192.0.2.1", a("source_ip")).replace("<count>3", "<count>" + a("count")).replace("<disposition>none", "<disposition>" + a("disposition"))
        rows = rows.replace("<header_from>example.com", "<header_from>" + a("header_from")).replace("<result>fail</result></spf>", f"<result>{a('spf result')}</result></spf>")
        rows += f"<record><row><source_ip>{a('cut record')}</source_ip>"
        text = text.replace("<begin>", "<begin>" + a("begin")).replace("<p>none", "<p>" + a("p")).replace("<pct>100", "<pct>" + a("pct")).replace("<adkim>r", "<adkim>" + a("adkim"))
        return (text + rows).encode()
    return (text + rows + "</feedback>\n").encode()


def inputs(m):
    """{path: content}. What is damaged beyond reading is in "unread/"."""
    unread = marked_arf(m, "unread")
    unread = unread[:unread.index(b"Feedback-Type:")] + f"\x00\x01 {m.address('unread part')}\r\n\r\n--b1--\r\n".encode()
    cut_zip = mail(gzip.compress(marked_aggregate(m, "cut aggregate"))[:40], filename=f"{m.address('quarantined attachment name')}.xml.gz", subject="Report Domain: example.com Submitter: " + m.address("quarantined subject"),
                   message_id=m("quarantined Message-ID"))
    folder = m.address("folder")
    return {
        **{f"in/sparse{number}.eml": marked_sparse(m, number) for number in range(len(SPARSE))},
        "in/failure.eml": marked_arf(m, "failure", whole=False),
        "in/complaint.eml": marked_arf(m, "complaint"),
        "in/damaged-complaint.eml": marked_arf(m, "damaged complaint", damaged=True),
        "in/damaged-failure.eml": marked_arf(m, "damaged failure", damaged=True, whole=False),
        "in/note.eml": marked_note(m),
        "in/old.eml": marked_old_form(m),
        "in/ses.json": marked_ses(m),
        "in/tls.json": marked_tls(m, "tls"),
        "in/damaged-tls.json": marked_tls(m, "damaged tls", damaged=True),
        "in/cut-tls.json": marked_tls(m, "cut tls")[:-60],
        "in/aggregate.xml": marked_aggregate(m, "aggregate"),
        "in/damaged-aggregate.xml": marked_aggregate(m, "damaged aggregate", damaged=True),
        "in/aggregate.eml": mail(gzip.compress(marked_aggregate(m, "mailed aggregate")), filename=f"{m.address('attachment name')}.xml.gz", subject="Report " + m.address("subject"), message_id=m("Message-ID")),
        f"in/{folder}/{m.address('file name')}.eml": arf(message_id="in a folder"),
        f"in/{folder}/{m.address('quarantined file name')}.eml": unread,
        "in/unread.eml": unread + b"\r\n",
        f"in/{m.address('mbox name')}.mbox": mbox(arf(message_id="in a box"), cut_zip).replace(b"From MAILER-DAEMON", f"From {m.address('mbox From_ line')}".encode()),
    }


class Privacy(Case):
    def setUp(self):
        super().setUp()
        self.marks = Marks()
        for name, content in inputs(self.marks).items():
            self.write(name, content)
        self.stream = marked_arf(self.marks, "standard input")
        self.found = {}  # where -> what

    def look(self, where, data):
        found = search(data, self.marks)
        if found:
            self.found.setdefault(where, set()).update(found)

    def command(self, *arguments, **options):
        done = self.run_whosent("--config", self.config, *arguments, **options)
        where = "whosent " + " ".join("ID" if a.isdigit() else a for a in arguments)
        self.look(where + ": standard output", done.out.encode())
        self.look(where + ": standard error", done.err.encode())
        self.printed += done.out + done.err
        return done

    def look_at_the_files(self, path, name):
        """Every byte, and what every value of every table inflates to."""
        for suffix in ("", "-wal", "-shm", "-journal"):
            if os.path.exists(path + suffix):
                self.files.add(name + suffix)
                with open(path + suffix, "rb") as file:
                    self.look(name + suffix, file.read())
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.addCleanup(database.close)
        for table, in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            cursor = database.execute(f'SELECT * FROM "{table}"')
            for values in cursor:
                for column, value in zip(cursor.description, values):
                    if isinstance(value, bytes):
                        for inflate in (gzip.decompress, zlib.decompress, lambda data: zlib.decompress(data, -15)):
                            try:
                                self.look(f"{name}, inflated {table}.{column[0]}", inflate(value))
                            except (OSError, EOFError, zlib.error):
                                pass
        database.close()

    def run_everything(self, mode):
        self.config = self.write("c.toml", f'[privacy]\nmode = "{mode}"\n')
        self.printed, self.files = "", set()
        self.ok("--config", self.config, "ingest", self.write("first.xml", b"<feedback/>"))  # so that there is a store
        # a reader that is not done keeps the log of writes where it is
        held = sqlite3.connect(self.store)
        self.addCleanup(held.close)
        held.execute("BEGIN")
        held.execute("SELECT count(*) FROM message").fetchall()

        os.chdir(self.dir)  # names as short as a user types them
        done = self.command("ingest", "in")
        self.assertEqual(done.code, 0, done.err)
        summary = json.loads(self.command("ingest", "--summary", "json", "-", stdin=self.stream).out)
        self.assertEqual((summary["messages"], summary["reports"]["feedback"]), (1, 1))
        self.command("ingest", "in")
        with open(self.store, "rb"):
            for suffix in ("", "-wal", "-shm"):
                with open(self.store + suffix, "rb") as file:
                    self.files.add("live store" + suffix)
                    self.look("live store" + suffix, file.read())
        held.close()

        quarantine = self.command("quarantine", "retry")
        self.assertEqual(quarantine.code, 1)
        for listing in (["sources"], ["domains"], ["reports"], ["failures"], ["complaints"], ["complaints", "--by", "selector"], ["complaints", "--by", "campaign"],
                        ["complaints", "--by", "ip", "--daily"], ["complaints", "--list"], ["complaints", "--list", "--all"], ["tls"], ["tls", "--failures"], ["quarantine", "list"]):
            for form in ("table", "json", "csv"):
                done = self.command(*listing, "--format", form)
                self.assertEqual(done.code, 0, done.err)
        numbers = 0
        for number in range(1, 90):
            if self.run_whosent("report", str(number)).code == 0:
                numbers += 1
                for form in ("table", "json", "csv"):
                    self.command("report", str(number), "--format", form)
        self.assertGreater(numbers, 12)
        self.events_seen = [json.loads(line) for line in self.command("events", "--format", "json").out.splitlines()]
        self.assertEqual({e["class"] for e in self.events_seen}, {"dmarc.record", "dmarc.failure", "feedback.complaint", "tls.failure", "report.quarantined"})
        self.command("events", "--format", "cef")
        entries = self.listing("quarantine", "list")
        self.assertGreaterEqual(len(entries), 2)
        for entry in entries:
            # the beginning of the message itself comes after an empty line
            head = self.run_whosent("quarantine", "show", str(entry["id"])).out.split("\n\n")[0]
            self.look("whosent quarantine show ID: above the message", head.encode())
        self.command("purge", "--older-than", "9000d", "--dry-run")
        self.command("config", "show")
        copy = self.path("copy.db")
        self.command("backup", copy)
        self.look_at_the_files(self.store, "store")
        self.look_at_the_files(copy, "backup")

    def told(self):
        return "\n".join(f"{where}:\n" + "".join(f"    {what}\n" for what in sorted(found)) for where, found in sorted(self.found.items()))

    RAW = {"store, inflated quarantine.content", "backup, inflated quarantine.content"}

    def test_pseudonymous(self):
        self.run_everything("pseudonymous")
        self.assertEqual(set(self.found), self.RAW, "\n" + self.told())
        self.assertLessEqual({"live store", "live store-wal", "live store-shm", "store", "backup"}, self.files)
        # the same person is the same pseudonym everywhere
        address = f"{MARK}x{self.marks.places.index('complaint Original-Rcpt-To'):04}@provider.example"
        pseudonym = json.loads(self.ok("pseudonym", "--format", "json", address).out)[0]["pseudonym"]
        self.assertIn(pseudonym, self.printed)
        self.assertIn(pseudonym, json.dumps(self.events_seen))

    def test_drop(self):
        self.run_everything("drop")
        self.assertEqual(set(self.found), self.RAW, "\n" + self.told())
        self.assertIsNone(re.search(r"~\d+\.[a-z2-7]{16}", self.printed))
        self.assertFalse(os.path.exists(self.store + ".keys"))
        for path in (self.store, self.path("copy.db")):
            with open(path, "rb") as file:
                self.assertIsNone(re.search(rb"~\d+\.[a-z2-7]{16}", file.read()))

    def test_full(self):
        """The search finds what is there."""
        self.run_everything("full")
        everywhere = "\n" + self.told()
        for where in ("live store-wal", "store", "backup", "whosent failures --format json: standard output", "whosent complaints --list --format csv: standard output",
                      "whosent events --format json: standard output", "whosent events --format cef: standard output", "whosent report ID --format table: standard output",
                      "whosent tls --failures --format json: standard output", *self.RAW):
            self.assertIn(where, self.found, everywhere)
        found = {what for places in self.found.values() for what in places}
        for place in ("complaint Original-Rcpt-To", "complaint Original-Mail-From", "failure Original-Rcpt-To", "tls additional-information", "aggregate email", "aggregate comment",
                      "note original Received for", "X-HmXmrOriginalRecipient", "SES recipient"):
            self.assertIn("plain: " + place, found, everywhere)

    def look_into_freed_pages(self):
        self.found = {}
        for suffix in ("", "-wal"):
            if os.path.exists(self.store + suffix):
                with open(self.store + suffix, "rb") as file:
                    for content in gzip_streams(file.read()):
                        self.look("store" + suffix + ", inflated", content)
        return self.told()

    def test_what_left_the_quarantine_is_gone(self):
        """Not only unlinked: no part of it is left in the store's files."""
        self.ingest(self.path("in/unread.eml"))
        self.assertIn("plain: unread part", self.look_into_freed_pages())
        self.ok("quarantine", "drop", str(self.listing("quarantine", "list")[0]["id"]))
        self.assertEqual(self.look_into_freed_pages(), "")
        # nor of what a retry could read
        self.config = self.write("tight.toml", "[limits]\nheader_bytes = 100\n")
        self.ingest("--config", self.config, self.path("in/complaint.eml"))
        self.assertIn("plain: complaint original To", self.look_into_freed_pages())
        self.assertIn("stored: 1 feedback report", self.ok("quarantine", "retry").out)
        self.assertEqual(self.look_into_freed_pages(), "")

    def test_forms(self):
        """Each form of the search finds its own."""
        for text in (MARK, MARK.upper(), MARK.capitalize()):
            for before in ("", "a", "ab"):
                for data in (text.encode(), base64.b64encode((before + text + "@x").encode()), (before + text).encode().hex().encode(), percent(text).encode(), quoted_printable(text).encode(),
                             text.encode("utf-16-le")):
                    self.assertTrue(search(b"x " + data + b" y", self.marks), data)
        self.assertFalse(search(b"zqmark 17 zqmark1", self.marks))


if __name__ == "__main__":
    unittest.main()
