"""The odd tenth of the corpus: what is wrong with it, and what a reader must make of it. Used by make_corpus."""
import gzip
import re
import time

import report_styles

# kind: share of the odd ones
SHARES = {
    "repeated_mail": 15, "repeated_report": 15,
    "cut_gzip": 6, "cut_xml": 4,
    "mixed_case": 7, "empty_selector": 8, "iso_dates": 5, "missing_elements": 6, "wrong_type": 7, "byte_order_mark": 4, "latin1": 4, "prefixed": 4,
    "gzip_in_zip": 3, "forwarded_mail": 3, "odd_counts": 3, "odd_addresses": 3, "raw_ampersand": 2, "no_record": 2, "out_of_office": 3, "garbage": 2,
}
# What becomes of it: "all" records are read, "some" are, or none: a duplicate, not a report, quarantined.
EXPECT = {kind: "all" for kind in SHARES} | {"repeated_mail": "duplicate", "repeated_report": "duplicate", "cut_gzip": "some", "cut_xml": "some", "out_of_office": "not_a_report", "garbage": "quarantined"}


def choose(rng):
    return rng.choices(list(SHARES), list(SHARES.values()))[0]


def iso(match):
    return f"<{match[1]}>{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(int(match[2])))}</{match[1]}>"


def odd_xml(rng, xml, kind):
    if kind == "mixed_case":
        return re.sub(r"<(result|disposition|dkim|spf)>(\w+)<", lambda m: f"<{m[1]}>{rng.choice([m[2].upper(), m[2].capitalize(), ' ' + m[2] + ' '])}<", xml)
    if kind == "empty_selector":
        return re.sub(r"<selector>[^<]*</selector>", lambda m: rng.choice(["<selector></selector>", "<selector/>", ""]), xml)
    if kind == "iso_dates":
        return re.sub(r"<(begin|end)>(\d+)</\1>", iso, xml)
    if kind == "missing_elements":
        gone = rng.choice(["adkim|aspf|sp|pct|fo", "envelope_from|envelope_to|version", "extra_contact_info|email", "disposition"])
        return re.sub(rf"<({gone})>[^<]*</\1>", "", xml)
    if kind == "prefixed":
        xml = re.sub(r' xmlns(:\w+)?="[^"]*"', "", xml)
        return re.sub(r"<(/?)(\w)", r"<\1ns2:\2", xml).replace("<ns2:feedback>", '<ns2:feedback xmlns:ns2="http://dmarc.org/dmarc-xml/0.1">')
    if kind == "odd_counts":
        return re.sub(r"<count>\d+<", lambda m: rng.choice([m[0], "<count>0<", "<count><", "<count>-3<", "<count> 12 <", "<count>4294967297<"]), xml)
    if kind == "odd_addresses":
        return re.sub(r"<source_ip>([\d.]+)<", lambda m: rng.choice([f"<source_ip> {m[1]} <", f"<source_ip>::ffff:{m[1]}<", f"<source_ip>{m[1]}:25<"]), xml)
    if kind == "raw_ampersand":
        return xml.replace("<org_name>", "<org_name>Post & Packet ", 1)
    if kind == "latin1":
        return xml.replace("<org_name>", "<org_name>Büro für Post ", 1)
    if kind == "cut_xml":
        return xml[: len(xml) * rng.randrange(50, 95) // 100]
    return xml


def write(rng, report, kind):
    """The mail, and how many bytes of XML are in it."""
    receiver = report.receiver
    if kind == "out_of_office":
        heads = report_styles.envelope_heads(rng, receiver.host, report.end) + [
            f"From: Somebody <somebody@{receiver.host}>", f"To: hello@{report.domain}", "Subject: Automatic reply: I am away", "Auto-Submitted: auto-replied",
            f"Message-ID: <{rng.getrandbits(80):020x}@{receiver.host}>", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"]
        return ("\r\n".join(heads) + "\r\n\r\nThank you for your message. I am away until Monday.\r\n").encode(), 0

    xml = odd_xml(rng, receiver.xml(report), kind).encode("latin-1" if kind == "latin1" else "utf-8")
    if kind == "byte_order_mark":
        xml = b"\xef\xbb\xbf" + xml
    name = report.file_name()
    attachment = receiver.pack(xml, name)
    style = None
    if kind == "cut_gzip":
        packed = report_styles.gzip_of(xml)
        attachment = ("application/gzip", name + ".gz", packed[: len(packed) * rng.randrange(60, 97) // 100])
    elif kind == "garbage":
        attachment = ("application/gzip", name + ".gz", b"\x1f\x8b\x08\x00" + rng.randbytes(600))
    elif kind == "wrong_type":
        attachment = rng.choice([("text/plain", name + ".gz", report_styles.gzip_of(xml)), ("application/gzip", name + ".gz", report_styles.zip_of(name, xml)),
                                 ("application/octet-stream", "report", gzip.compress(xml, 6, mtime=0)), ("application/zip", name + ".zip", report_styles.gzip_of(xml)),
                                 ("application/gzip", name + ".gz", xml)])
    elif kind == "gzip_in_zip":
        attachment = ("application/zip", name + ".zip", report_styles.zip_of(name + ".gz", report_styles.gzip_of(xml)))
    mail = receiver.mail(rng, report, attachment, style)
    if kind == "forwarded_mail":
        heads = report_styles.envelope_heads(rng, report.domain, report.end) + [
            f"From: Postmaster <postmaster@{report.domain}>", f"To: dmarc@{report.domain}", "Subject: Fwd: a report", f"Message-ID: <{rng.getrandbits(80):020x}@{report.domain}>", "MIME-Version: 1.0"]
        mail = report_styles.multipart(heads, "mixed", f"fwd{rng.getrandbits(64):x}", [b"Content-Type: text/plain\r\n\r\nSee below.\r\n", b"Content-Type: message/rfc822\r\n\r\n" + mail])
    return mail, len(xml)
