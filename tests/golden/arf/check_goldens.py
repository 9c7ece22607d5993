#!/usr/bin/env python3
"""Checks every expected.json beside this file with a reader of its own: Python's email and json modules, and the standards' tables written down
anew. For a mangled block it holds the edit that a person would make. Standard library only. Fails when it has checked nothing (golden_check.py)."""

import base64
import email
import email.utils
import ipaddress
import json
import re
import sys
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import golden_check  # noqa: E402

TYPES = {"abuse", "fraud", "other", "virus", "not-spam", "auth-failure", "opt-out"}
COMPLAINTS = {"abuse", "fraud", "virus"}
AUTH_FAILURES = {"adsp", "bodyhash", "revoked", "signature", "spf", "dmarc"}
DELIVERY = {"delivered", "spam", "policy", "reject", "other"}
PRIVATE = [ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]
ZONES = {"JST": "+0900", "EST": "-0500"}

ERRORS = {"block-unreadable": "corrupt", "ses-json-no-complaint": "corrupt"}  # and every not-a-report-*
# What a person would do to the fields of the report, before reading them.
FIELD_EDITS = {
    "block-bare-cr": lambda text: text.replace("\r", "\n"),
    "block-quoted": lambda text: re.sub(r"(?m)^> ", "", text),
    "block-indented": lambda text: re.sub(r"(?m)^    ", "", text),
    "block-unfolded": lambda text: re.sub(r"\n(dkim=|dmarc=|https:)", r"\n \1", text),
    "block-blank-lines": lambda text: text.split("\n____")[0].strip().replace("\n\n", "\n"),
}


def put(into, name, value):
    if value not in ("", None, [], {}):
        into[name] = value


def word(value, words):
    return value.lower() if value.lower() in words else {"raw": value}


def seconds(text):
    """A date of RFC 5322, or ISO 8601; None where the calendar does not have it."""
    text = re.sub(r"\([^)]*\)", "", text).strip()
    if re.match(r"\d{4}-", text):
        return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
    for name, offset in ZONES.items():
        text = text.replace(" " + name, " " + offset)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return int((date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp())


def address(text):
    text = text.strip()
    if text.lower().startswith("rfc822;"):
        text = text[7:].strip()
    inner = re.search(r"<([^>]*)>", text)
    return inner.group(1) if inner else text


def domain(text):
    return text.rsplit("@", 1)[1].strip("<> ").lower() if "@" in text else ""


def ip(text):
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(getattr(found, "ipv4_mapped", None) or found)


def source_ip(text):
    """Out of '192.0.2.1 (host)', '[2001:db8::1]:25', '192.0.2.1:25'."""
    text = text.split(" ")[0]
    bracketed = re.fullmatch(r"\[(.*?)\](:\d+)?", text)
    if bracketed:
        return ip(bracketed.group(1))
    return ip(text) or ip(re.sub(r":\d+$", "", text))


def public(text):
    found = ipaddress.ip_address(text)
    return not (found.is_loopback or found.is_link_local or any(found in net for net in PRIVATE if found.version == net.version))


class Fields:
    """A header block; values in one line."""

    def __init__(self, text):
        message = email.message_from_string(text.lstrip("\n"))
        self.items = [(name.lower(), re.sub(r"\r?\n\s*", " ", value).strip()) for name, value in message.items()]

    def all(self, name):
        return [value for key, value in self.items if key == name.lower()]

    def get(self, name):
        return next(iter(self.all(name)), "")

    def has(self, name):
        return bool(self.all(name))


def split_mail(data):
    """(header, text, feedback or None, original or None), all as text."""
    header, _, body = data.decode("utf-8").partition("\n\n")
    content_type = Fields(header).get("Content-Type")
    boundary = re.search(r'boundary="([^"]*)"', content_type)
    if not boundary:
        return header, body, None, None
    text, feedback, original = "", None, None
    for part in body.split("--" + boundary.group(1))[1:-1]:
        part_header, _, content = part.strip("\n").partition("\n\n") if not part.startswith("\n\n") else ("", "", part)
        kind = Fields(part_header).get("Content-Type").split(";")[0]
        if "base64" in Fields(part_header).get("Content-Transfer-Encoding"):
            content = base64.b64decode(content).decode("utf-8")
        if kind == "message/feedback-report":
            feedback = content
        elif kind in ("message/rfc822", "text/rfc822-headers", "text/rfc822-header"):
            original = content
        elif kind == "text/plain":
            text = content
    return header, text, feedback, original


def results(value):
    """RFC 8601, and Yahoo's and Microsoft's ways."""
    while re.search(r"\([^()]*\)", value):
        value = re.sub(r"\([^()]*\)", "", value)
    value = re.sub(r"\s*=\s*", "=", value)
    found, signer = [], ""
    for number, segment in enumerate(re.split(r";", value)):
        words = segment.split()
        if number == 0 and words and "=" not in words[0]:
            signer = "".join(w[5:] for w in words if w.startswith("from="))
            continue
        if not words or "=" not in words[0]:
            continue
        method, result = words[0].split("=", 1)
        if method == "from":
            signer = result
            continue
        one = {"method": method.split("/")[0].lower(), "result": result.lower()}
        properties = dict(w.split("=", 1) for w in words[1:] if "=" in w)
        wanted = {"dkim": ["header.d", "header.i"], "spf": ["smtp.mailfrom", "smtp.helo"], "dmarc": ["header.from"]}.get(one["method"], [])
        names = [properties[name].strip('"').rsplit("@", 1)[-1].lower() for name in wanted if name in properties]
        put(one, "domain", next((name for name in names if name not in ("", "none")), signer))
        put(one, "selector", properties.get("header.s", ""))
        signer = ""
        found.append(one)
    return found


def tags(value):
    return {name.strip(): re.sub(r"\s", "", rest) for name, _, rest in (tag.partition("=") for tag in value.split(";"))}


def hops(original):
    """Of each Received field: address, client's name, server's name."""
    for value in original.all("Received"):
        found = re.match(r"from (\S+)(.*?)\bby (\S+)", value)
        if not found:
            continue
        client, seen, server = found.groups()
        addresses = [ip(w) for w in re.split(r"[\s()\[\]]|:\d+\]", seen) if ip(w)] or [ip(client.strip("[]"))]
        name = re.match(r"\s*\(([\w.-]+\.[a-z]\w+)\.? \[", seen)
        yield addresses[0], (name.group(1) if name else client).lower(), server.lower().rstrip(";")


def organization(name):
    return ".".join(name.rstrip(".").split(".")[-2:])


def handed_over_by(original):
    checked = re.search(r"(?:sender IP is|policy\.iprev=\"?|smtp\.remote-ip=)\s*([\d.]+\d)", original.get("Authentication-Results"))
    if not checked:
        checked = re.search(r"(?:client-ip=|designates )([\d.]+\d)", original.get("Received-SPF"))
    if checked:
        return checked.group(1)
    if original.has("X-YMailISG"):
        return original.get("X-Originating-IP").strip("[]")
    for found, client, server in hops(original):
        if found and public(found) and organization(client) != organization(server):
            return found
    return None


def vendor(original):
    if original.has("X-SES-Configuration-Set"):
        return "x-ses-configuration-set:" + original.get("X-SES-Configuration-Set")
    if original.has("X-SES-Outgoing"):
        return "x-ses-outgoing:amazonses"
    if original.has("X-SG-EID"):
        return "x-sg-eid:sendgrid"
    if original.has("X-MC-User"):
        return "x-mc-user:" + original.get("X-MC-User")
    if original.has("X-Mailgun-Sid"):
        decoded = json.loads(base64.b64decode(original.get("X-Mailgun-Sid")))
        return "x-mailgun-sid:" + (decoded[2] if len(decoded) == 3 else "mailgun")
    if original.has("X-MSFBL"):
        decoded = base64.b64decode(original.get("X-MSFBL").split("|")[-1].replace(" ", "")).decode()
        if decoded.startswith("{"):
            decoded = json.loads(decoded)
            customer = decoded.get("customer_id") or decoded.get("b") or "momentum"
            return "x-msfbl:" + customer + ("/" + decoded["subaccount_id"] if "subaccount_id" in decoded else "")
        return "x-msfbl:" + decoded.split("@")[-1].split(":")[0]
    return ""


def host(value):
    value = (re.findall(r"<([^>]*)>", value) or [value])[0]
    web = re.match(r"https?://([^/]*)", value)
    return (web.group(1) if web else value.split("?")[0].rsplit("@", 1)[-1]).lower()


def campaign(report, fields, original):
    for name in ("CFBL-Feedback-ID", "Feedback-ID"):
        value = original.get(name) or fields.get(name)
        if value:
            return {"source": name.lower(), "value": re.sub(r"[\w.]+@", "", value)}
    if vendor(original):
        return {"source": "vendor-header", "value": vendor(original)}
    signatures = report.get("dkim") or [r for r in report.get("authentication_results", []) if r["method"] == "dkim" and "domain" in r]
    author = organization(domain(report.get("header_from", "")))
    own = [s for s in signatures if report.get("dkim") and organization(s["domain"]) == author] or signatures
    if own:
        return {"source": "dkim", "value": (own[0]["selector"] + "._domainkey." if "selector" in own[0] else "") + own[0]["domain"]}
    envelope = report.get("return_path") or report.get("original_mail_from", "")
    if "=" in envelope:
        return {"source": "verp", "value": domain(envelope)}
    for name in ("List-Unsubscribe", "List-Id", "Message-ID"):
        if original.has(name):
            return {"source": "list", "value": host(original.get(name))}
    if "source_ip" in report:
        return {"source": "source-ip", "value": report["source_ip"]}
    return {"source": "none"}


def read_fields(fields, report):
    for name in ("User-Agent", "Version", "Original-Envelope-Id", "DKIM-Identity"):
        put(report, name.lower().replace("-", "_"), fields.get(name))
    put(report, "provider", fields.get("Source"))
    if fields.get("Feedback-Type"):
        report["feedback_type"] = word(fields.get("Feedback-Type"), TYPES)
    date = fields.get("Arrival-Date") or fields.get("Received-Date")
    put(report, "arrival_date", seconds(date) if date else None)
    if re.fullmatch(r"\d+", fields.get("Incidents")):
        report["incidents"] = int(fields.get("Incidents"))
    if re.fullmatch(r"\d+", fields.get("Source-Port")) and int(fields.get("Source-Port")) < 65536:
        report["source_port"] = int(fields.get("Source-Port"))
    put(report, "original_mail_from", address(fields.get("Original-Mail-From")))
    put(report, "original_rcpt_to", [address(value) for value in fields.all("Original-Rcpt-To")])
    put(report, "reporting_mta", re.sub(r"^dns;\s*", "", fields.get("Reporting-MTA")))
    stated = fields.get("Source-IP")
    put(report, "source_ip" if source_ip(stated) else "source_ip_raw", source_ip(stated) or stated)
    put(report, "reported_domain", fields.all("Reported-Domain"))
    put(report, "reported_uri", fields.all("Reported-URI"))
    put(report, "authentication_results", [one for value in fields.all("Authentication-Results") for one in results(value)])
    if fields.has("Auth-Failure"):
        report["auth_failure"] = word(fields.get("Auth-Failure"), AUTH_FAILURES)
    if fields.has("Delivery-Result"):
        report["delivery_result"] = word(fields.get("Delivery-Result"), DELIVERY)
    put(report, "identity_alignment", [w.strip() for w in fields.get("Identity-Alignment").split(",") if w.strip()])
    domains = [d.strip() for value in fields.all("DKIM-Domain") for d in value.split(";")]
    selectors = fields.all("DKIM-Selector") + [""] * len(domains)
    put(report, "dkim", [{"domain": d, **({"selector": s} if s else {})} for d, s in zip(domains, selectors)])
    put(report, "spf_dns", fields.all("SPF-DNS"))


def read_note(text, report):
    """Exim's note; returns the header that it copies."""
    text = re.sub(r"(?m)^> ?", "", text)
    said = {name: re.sub(r"\s+", " ", value).strip() for name, value in re.findall(r"(?m)^ *([A-Z][A-Za-z ]+): (.*(?:\n\d.*)?)$", text.split("------")[0])}
    report["reported_domain"] = [said["Sender Domain"]]
    report["source_ip"] = said["Sender IP Address"]
    report["arrival_date"] = seconds(said["Received Date"])
    if "SPF Alignment" in said:
        report["identity_alignment"] = [name.lower() for name in ("DKIM", "SPF") if said[name + " Alignment"] == "yes"] or ["none"]
        done = said["DMARC Results"]
        report["delivery_result"] = "delivered" if "Accept" in done else "reject" if "Reject" in done else "policy"
    return text.split("detected.")[1].lstrip("\n") if "detected." in text else ""


def read_original(original, report):
    put(report, "header_from", address(original.get("From")))
    put(report, "return_path", address(original.get("Return-Path")))
    put(report, "message_id", original.get("Message-ID"))
    put(report, "subject", original.get("Subject"))
    put(report, "original_date", seconds(original.get("Date")) if original.has("Date") else None)
    signatures = [tags(value) for value in original.all("DKIM-Signature")]
    if signatures and "dkim_identity" not in report:
        put(report, "dkim_identity", next((s["i"] for s in signatures if "i" in s), ""))
    for one in ({"domain": s["d"].lower(), "selector": s["s"].lower()} for s in signatures):
        if one not in report.setdefault("dkim", []):
            report["dkim"].append(one)


def derive(report, fields, original, said, subject, as_sent=False):
    """Fills in what is missing, by the order in the reader's headers; returns the names."""
    derived = []

    def take(name, *values):
        value = next((v for v in values if v), None)
        if name not in report and value:
            report[name] = value
            derived.append(name)

    sentence = re.sub(r"\s+", " ", said)
    stated = re.search(r"report for an email message.*? IP (?:address )?(\d[\d.]+\d)", sentence, re.I)
    in_subject = re.search(r"(?:message from|from IP|IP:) ?(\d[\d.]+\d)", subject)
    take("source_ip", stated and stated.group(1), in_subject and in_subject.group(1), None if as_sent else handed_over_by(original))
    when = re.search(r"report for an email message.*? on (\w{3}, \d.*?)(?:\.|$)", sentence)
    received = None if as_sent else original.get("Received").rpartition(";")[2]
    take("arrival_date", when and seconds(when.group(1)), received and seconds(received), report.get("original_date"))
    top = original.get("Received") if not as_sent else ""
    envelope = re.search(r"envelope-from <([^>]*)>", top)
    if not fields.has("Original-Mail-From"):
        take("original_mail_from", report.get("return_path"), None if original.has("Return-Path") else envelope and envelope.group(1))
    recipient = re.search(r"\bfor <?(\S+@[^\s;>]+)", top)
    to = [a for _, a in email.utils.getaddresses(original.all("To")) if "@" in a]
    hotmail = original.get("X-HmXmrOriginalRecipient")
    take("original_rcpt_to", hotmail and [hotmail], recipient and [recipient.group(1)], to)
    take("authentication_results", results(original.get("Authentication-Results")))
    take("reported_domain", [d for d in [domain(report.get("header_from", "")) or domain(report.get("original_mail_from", ""))] if d])
    failed = any(r["method"] == "dmarc" and r["result"] == "fail" for r in report.get("authentication_results", []))
    if report.get("feedback_type") == "auth-failure":
        take("auth_failure", "dmarc" if failed or "DMARC" in said else None)
    return derived


def read_mail(name, data):
    header, said, feedback, original = split_mail(data)
    header = Fields(header)
    report, derived, fields = {}, [], Fields("")
    type_of = None
    if name == "apple-unsubscribe":
        report["original_rcpt_to"] = [header.get("From")]
        type_of = "opt-out"
    elif name.startswith("note-"):
        original = read_note(said, report)
        type_of = "auth-failure"
    elif name == "fields-in-text":
        fields = Fields("\n".join(re.findall(r"(?m)^> (.*)$", said)))
    elif feedback is not None and feedback.strip():
        fields = Fields(FIELD_EDITS.get(name, str)(feedback))
    elif name.startswith("microsoft"):
        type_of = "abuse"
    else:
        type_of = "auth-failure" if "authentication-failure" in said else "abuse"
    read_fields(fields, report) if fields.items else None
    original = Fields(original or "")
    report["reporter"] = domain(address(header.get("From"))) or domain(header.get("Sender"))
    put(report, "reported_at", seconds(header.get("Date")))
    if "feedback_type" not in report:
        report["feedback_type"] = type_of or ("auth-failure" if fields.has("Auth-Failure") else "abuse")
        derived.append("feedback_type")
    if name == "apple-unsubscribe":
        derived.append("original_rcpt_to")
        report["campaign"] = {"source": "list", "value": domain(header.get("To"))}
    if report["reporter"] and not domain(address(header.get("From"))):
        derived.append("reporter")
    if not report["reporter"]:
        del report["reporter"]
    read_original(original, report)
    derived += derive(report, fields, original, said, header.get("Subject")) if name != "apple-unsubscribe" else []
    report.setdefault("campaign", campaign(report, fields, original))
    put(report, "derived", derived)
    return report


def read_ses(data):
    document = json.JSONDecoder().raw_decode(data.decode().partition("\n\n")[2].lstrip() if not data.startswith(b"{") else data.decode())[0]
    while "complaint" not in document:
        document = document["detail"] if "detail" in document else json.loads(document["Message"])
    complaint, sent = document["complaint"], document["mail"]
    report, derived = {"reporter": "amazonses.com"}, ["reporter"]

    def text(value):
        return value if isinstance(value, str) else ""

    iso = re.compile(r"\d{4}-\d\d-\d\dT")
    for name, value in (("reported_at", complaint.get("timestamp")), ("arrival_date", complaint.get("arrivalDate"))):
        if iso.match(text(value)):
            report[name] = int(datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp())
    put(report, "user_agent", text(complaint.get("userAgent")))
    if text(complaint.get("complaintFeedbackType")):
        report["feedback_type"] = word(complaint["complaintFeedbackType"], TYPES)
    else:
        report["feedback_type"] = "other" if complaint.get("complaintSubType") else "abuse"
        derived.append("feedback_type")
    recipients = complaint["complainedRecipients"]
    put(report, "original_rcpt_to", [address(r["emailAddress"]) for r in recipients] if isinstance(recipients, list) else [])
    report["original_mail_from"] = address(sent["source"])
    report["original_envelope_id"] = sent["messageId"]
    outgoing = sent.get("tags", {}).get("ses:outgoing-ip", [""])[0]
    put(report, "source_ip" if ip(outgoing) else "source_ip_raw", ip(outgoing) or outgoing)
    block = [(h["name"], re.sub(r"\s+", " ", h["value"])) for h in sent["headers"]] if isinstance(sent.get("headers"), list) else []
    if not block:
        common = sent.get("commonHeaders", {})
        block = [(name, common[key] if isinstance(common[key], str) else common[key][0]) for name, key in (
            ("From", "from"), ("To", "to"), ("Subject", "subject"), ("Date", "date"), ("Message-ID", "messageId")) if key in common]
    block += [("X-SES-Configuration-Set", v) for v in sent.get("tags", {}).get("ses:configuration-set", [])]
    original = Fields("\n".join(f"{name}: {value}" for name, value in block))
    read_original(original, report)
    if "original_date" not in report:
        report["original_date"] = int(datetime.fromisoformat(sent["timestamp"].replace("Z", "+00:00")).timestamp())
    derived += derive(report, Fields(""), original, "", "", as_sent=True)
    report["campaign"] = campaign(report, Fields(""), original)
    report["derived"] = derived
    return report


def people(data):
    """The local parts of the addresses in an input."""
    return {local for local in re.findall(r"([\w.+=-]{4,})@", data.decode("utf-8", "replace"))}


def names_person(data, diagnostics):
    messages = [line.partition(": ")[2] for line in diagnostics.splitlines()]
    return "@" in diagnostics or any(re.search(rf"\b{re.escape(local)}\b", message) for local in people(data) for message in messages)


def error_of(name):
    return "not_a_report" if name.startswith("not-a-report") else ERRORS.get(name)


def read(name, data):
    report = read_ses(data) if name.startswith("ses-json") else read_mail(name, data)
    kind = report["feedback_type"]
    return {"kind": "failure" if kind == "auth-failure" else "feedback", "complaint": isinstance(kind, str) and kind in COMPLAINTS, "report": report}


if __name__ == "__main__":
    sys.exit(golden_check.run(Path(__file__).parent, "input", read, error_of, names_person=names_person))
