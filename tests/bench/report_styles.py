"""Some sixty receivers, each with its own style of XML, packing and mail. Used by make_corpus."""
import base64
import dataclasses
import email.utils
import gzip
import io
import random
import zipfile
import zlib


@dataclasses.dataclass
class Report:
    receiver: "Receiver"
    domain: str
    report_id: str
    begin: int
    end: int
    rows: list  # (stream, count)

    def file_name(self):
        return f"{self.receiver.host}!{self.domain}!{self.begin}!{self.end}.xml"


def element(name, text):
    return f"<{name}>{text}</{name}>" if text != "" else ""


class Receiver:
    """How one receiver writes. The choices are drawn from its own seed, but for the known habits of the largest."""

    def __init__(self, number, org_name, host, **habits):
        rng = random.Random(f"receiver {number}")
        self.org_name, self.host = org_name, host
        self.email = f"dmarc-{rng.choice(['noreply', 'reports', 'support'])}@{host}"
        self.indent = habits.get("indent", rng.choice(["  ", "  ", "\t", "    ", ""]))
        self.newline = habits.get("newline", rng.choice(["\n", "\n", "\n", "\r\n", ""]))
        self.declaration = rng.choice(['<?xml version="1.0" encoding="UTF-8" ?>', '<?xml version="1.0"?>', "<?xml version='1.0' encoding='utf-8'?>", ""])
        self.modern = habits.get("modern", rng.random() < 0.2)  # RFC 9990
        self.namespace = ' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"' if self.modern else habits.get("namespace", rng.choice(
            ["", "", ' xmlns="http://dmarc.org/dmarc-xml/0.1"', ' xmlns:xs="http://www.w3.org/2001/XMLSchema"', ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"']))
        self.version = rng.choice(["1.0", "1.0", ""])
        self.identifiers_first = rng.random() < 0.8
        self.spf_first = rng.random() < 0.3
        self.envelope_to = habits.get("envelope_to", rng.random() < 0.3)
        self.envelope_from = habits.get("envelope_from", rng.random() < 0.6)
        self.scope = rng.random() < 0.5
        self.human_result = rng.random() < 0.15
        self.metadata_order = rng.sample(range(5), 5) if self.modern else range(5)
        self.packing = habits.get("packing", rng.choice(["gzip", "gzip", "zip"]))
        self.mail_style = habits.get("mail_style", rng.choice(["single", "mixed"]))
        self.gzip_type = habits.get("type", rng.choice(["application/gzip", "application/gzip", "application/x-gzip"]))
        self.last_second_off = rng.choice([0, 1])
        self.record_formats = {}

    # XML

    def lines(self, depth, *parts):
        pad = self.newline + self.indent * depth if self.newline else ""
        return "".join(pad + part for part in parts if part)

    def block(self, depth, name, body):
        return self.lines(depth, f"<{name}>") + body + self.lines(depth, f"</{name}>")

    def record_format(self, signatures, reason):
        """The text of a <record> with places for: source, count, disposition, dkim, spf, [reason], header_from, envelope_from, results."""
        key = (signatures, reason)
        if key not in self.record_formats:
            reasons = self.block(4, "reason", self.lines(5, "<type>%s</type>", "<comment></comment>")) if reason else ""
            evaluated = self.block(3, "policy_evaluated", self.lines(4, "<disposition>%s</disposition>", "<dkim>%s</dkim>", "<spf>%s</spf>") + reasons)
            row = self.block(2, "row", self.lines(3, "<source_ip>%s</source_ip>", "<count>%d</count>") + evaluated)
            identifiers = self.block(2, "identifiers", self.lines(3, "<envelope_to>mx.%s</envelope_to>" % self.host if self.envelope_to else "",
                                                                  "<header_from>%s</header_from>", "<envelope_from>%s</envelope_from>" if self.envelope_from else ""))
            dkim = self.block(3, "dkim", self.lines(4, "<domain>%s</domain>", "<selector>%s</selector>", "<result>%s</result>", "<human_result></human_result>" if self.human_result else ""))
            spf = self.block(3, "spf", self.lines(4, "<domain>%s</domain>", "<scope>mfrom</scope>" if self.scope else "", "<result>%s</result>"))
            results = self.block(2, "auth_results", spf + dkim * signatures if self.spf_first else dkim * signatures + spf)
            self.record_formats[key] = self.block(1, "record", row + (identifiers + results if self.identifiers_first else results + identifiers))
        return self.record_formats[key]

    def record(self, stream, count, policy):
        source, header_from, signatures, spf_domain, spf_result, envelope_from, dkim, spf, reason = stream
        signature_texts = [text for signature in signatures for text in signature]
        disposition = "none" if dkim == "pass" or spf == "pass" or reason else policy
        values = [source, count, disposition, dkim, spf]
        if reason:
            values.append(reason)
        identifiers = [header_from, envelope_from] if self.envelope_from else [header_from]
        results = [spf_domain, spf_result, *signature_texts] if self.spf_first else [*signature_texts, spf_domain, spf_result]
        values += identifiers + results if self.identifiers_first else results + identifiers
        return self.record_format(len(signatures), bool(reason)) % tuple(values)

    def xml(self, report):
        policy = ("none", "quarantine", "reject")[zlib.crc32(report.domain.encode()) % 3]
        metadata = [element("org_name", self.org_name), element("email", self.email),
                    element("extra_contact_info", f"https://{self.host}/dmarc"), element("report_id", report.report_id),
                    "<date_range>" + self.lines(3, element("begin", report.begin), element("end", report.end)) + self.lines(2, "</date_range>")]
        if self.modern:
            metadata.append(element("generator", f"{self.host} reporter 2"))
        metadata = [metadata[k] for k in self.metadata_order] + metadata[5:]
        published = ["domain", report.domain, "adkim", "r", "aspf", "r", "p", policy, "sp", policy, "pct", "" if self.modern else "100", "fo", "" if self.modern else "0",
                     *(["np", "reject", "testing", "n", "discovery_method", "treewalk"] if self.modern else [])]
        return "".join([
            self.declaration, self.newline if self.declaration else "", f"<feedback{self.namespace}>", self.lines(1, element("version", self.version)),
            self.block(1, "report_metadata", self.lines(2, *metadata)),
            self.block(1, "policy_published", self.lines(2, *(element(*pair) for pair in zip(published[::2], published[1::2])))),
            *(self.record(stream, count, policy) for stream, count in report.rows),
            self.newline, "</feedback>", self.newline])

    # Packing and mail

    def pack(self, xml, name):
        """(media type, file name, bytes)"""
        if self.packing == "zip":
            return "application/zip", name.removesuffix(".xml") + ".zip", zip_of(name, xml)
        if self.packing == "zip called gzip":
            return "application/gzip", name + ".gz", zip_of(name, xml)
        return self.gzip_type, name + ".gz", gzip_of(xml)

    def mail(self, rng, report, attachment, style=None):
        subject = f"Report domain: {report.domain} Submitter: {self.host} Report-ID: {report.report_id}"
        heads = envelope_heads(rng, self.host, report.end + rng.randrange(600, 20_000)) + [
            f"From: {self.org_name} <{self.email}>", f"To: dmarc@{report.domain}", f"Subject: {subject}",
            f"Message-ID: <{rng.getrandbits(80):020x}@{self.host}>", "MIME-Version: 1.0"]
        part = part_of(*attachment)
        if (style or self.mail_style) == "single":
            return "\r\n".join(heads).encode() + b"\r\n" + part
        boundary = f"=_{rng.getrandbits(96):024x}"
        text = (f"This is an aggregate report from {self.org_name} about mail that used {report.domain}.\r\nIt is sent because the domain's DMARC record asks for it.\r\n")
        text_type = "text/html; charset=us-ascii" if "Microsoft" in self.mail_style else "text/plain; charset=utf-8"
        return multipart(heads, "mixed", boundary, [f"Content-Type: {text_type}\r\nContent-Transfer-Encoding: 7bit\r\n\r\n{text}".encode(), part])


def envelope_heads(rng, host, seconds):
    """What real mail carries on top: hops and a signature, some 2 KB."""
    date = email.utils.formatdate(seconds)
    heads = [f"Received: from relay{k}.{host} (relay{k}.{host} [192.0.2.{rng.randrange(1, 255)}])\r\n\tby mx{k}.example.net with ESMTPS id {rng.getrandbits(60):015x}\r\n"
             f"\t(version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256);\r\n\t{date}" for k in range(rng.randrange(2, 5))]
    signature = base64.b64encode(rng.randbytes(256)).decode()
    folded = "\r\n\t ".join(signature[k:k + 68] for k in range(0, len(signature), 68))
    return [f"Return-Path: <dmarc-noreply@{host}>", *heads,
            f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={host}; s=reports1;\r\n\th=from:to:subject:date:message-id:mime-version;\r\n\tbh={base64.b64encode(rng.randbytes(32)).decode()};\r\n\tb={folded}",
            f"Authentication-Results: mx.example.net; dkim=pass header.d={host};\r\n\tspf=pass smtp.mailfrom={host}; dmarc=pass header.from={host}", f"Date: {date}"]


def part_of(media_type, name, data, encoded=None):
    head = f'Content-Type: {media_type}; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    return head.encode() + (encoded or base64.encodebytes(data).replace(b"\n", b"\r\n"))


def multipart(heads, subtype, boundary, parts):
    mark = f"--{boundary}".encode()
    body = b"".join(mark + b"\r\n" + part.rstrip(b"\r\n") + b"\r\n" for part in parts)
    return "\r\n".join([*heads, f'Content-Type: multipart/{subtype};\r\n\tboundary="{boundary}"']).encode() + b"\r\n\r\nThis is a multi-part message in MIME format.\r\n" + body + mark + b"--\r\n"


def gzip_of(data):
    return gzip.compress(data, 6, mtime=0)


def zip_of(name, data):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, 6)
    return packed.getvalue()


# The largest eight have the habits of the largest real ones; the names are invented.
RECEIVERS = [
    Receiver(0, "gobble.example", "gobble.example", packing="zip", mail_style="single", indent="  ", newline="\n", namespace="", modern=False, envelope_to=False, envelope_from=False),
    Receiver(1, "Macrosoft Outlook", "protection.macrosoft.example", packing="gzip", mail_style="mixed Microsoft", indent="  ", newline="\r\n", type="application/gzip", envelope_to=True, envelope_from=True),
    Receiver(2, "Yodel", "yodel.example", packing="gzip", mail_style="mixed", indent="  ", newline="\n", type="application/gzip"),
    Receiver(3, "Macrosoft Enterprise", "enterprise.macrosoft.example", packing="gzip", mail_style="mixed Microsoft", indent="  ", newline="\n", envelope_to=True, envelope_from=True),
    Receiver(4, "Mimewall", "mimewall.example", packing="zip called gzip", mail_style="single"),
    Receiver(5, "Amazing SES", "ses.amazing.example", packing="gzip", mail_style="mixed", type="application/octet-stream"),
    Receiver(6, "Mail.example.ru", "mail.example", packing="gzip", mail_style="single"),
    Receiver(7, "Fastpost", "fastpost.example", packing="gzip", mail_style="single", modern=True),
    *(Receiver(k, f"Receiver {k} Networks", f"mail.receiver{k}.example") for k in range(8, 60)),
]
