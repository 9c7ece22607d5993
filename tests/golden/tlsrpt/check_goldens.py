#!/usr/bin/env python3
"""Checks every expected.json beside this file with a reader of its own: Python's JSON parser, RFC 8460's tables written down anew, and for
documents that are cut or broken the edit that a person would make. Standard library only. Fails when it has checked nothing
(golden_check.py)."""

import datetime
import ipaddress
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import golden_check  # noqa: E402

# What makes a broken input well-formed: from where it is cut off, and what closes it then. A case that is missing here must be
# well-formed as it stands, but for what follows the document.
CUT = {
    "raw-newline-in-string": ("{\n          \"result-type\": \"certificate-\n", "]}]}"),
    "syntax-error": (",\n    {\n      \"policy\": {\n        \"policy-type\": no-policy-found", "]}"),
    "too-deep": (", \"x\"", "}"),
    "truncated-after-policies": (None, "}"),
    "truncated-in-detail": (",\n        {\n          \"result-type\": \"starttls-not-supported\"", "]}]}"),
    "truncated-in-policy": (",\n    {\n      \"policy\": {\n        \"policy-type\": \"tlsa\"", "]}"),
}
ERRORS = {
    "empty": "truncated", "truncated-in-metadata": "truncated", "truncated-in-first-policy": "truncated", "members-only": "corrupt",
    "report-in-array": "corrupt", "not-a-report-json": "not_a_report", "not-a-report-array": "not_a_report", "not-a-report-text": "not_a_report",
}
# A part of a report stands there as something else, or is beyond reach.
INCOMPLETE = set(CUT) | {"policies-odd-items"}

POLICY_TYPES = {"tlsa", "sts", "no-policy-found"}
RESULT_TYPES = {
    "starttls-not-supported", "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted", "validation-failure", "tlsa-invalid",
    "dnssec-invalid", "dane-required", "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid",
}


class Members(dict):
    """An object of which the first member of a name counts, but for lists, which are joined."""

    def __init__(self, pairs):
        super().__init__()
        for name, value in pairs:
            if isinstance(value, list) and isinstance(self.get(name), list):
                self[name] = self[name] + value
            else:
                self.setdefault(name, value)


def text(value):
    """What a string member holds: a string, or a number as it was written."""
    return value.strip() if isinstance(value, str) else ""


def put(into, name, value):
    if value not in ("", None, []):
        into[name] = value


def put_word(into, name, value, words):
    if text(value):
        word = text(value).lower()
        into[name] = word if word in words else {"raw": text(value)}


def seconds(value):
    value = text(value)
    if re.fullmatch(r"\d+(\.\d+)?", value):
        moments = [int(value.split(".")[0]) // scale for scale in (1, 10**3, 10**6, 10**9)]
    else:
        try:
            moment = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return None
        moments = [int(moment.replace(tzinfo=moment.tzinfo or datetime.timezone.utc).timestamp())]
    return next((m for m in moments if 946684800 <= m < 4102444800), None)


def count(value):
    value = text(value)
    if not re.fullmatch(r"\d+(\.0+)?|-0\.0", value):
        return None
    number = int(float(value)) if "." in value else int(value)
    return number if number <= 10**12 else None


def address(value):
    value = re.sub(r"^\[(?:IPv6:)?(.*)\](:\d+)?$", r"\1", value)
    value = re.sub(r"^([\d.]+):\d+$", r"\1", value)
    try:
        ip = ipaddress.ip_address(value)
    except ValueError:
        return None
    return str(getattr(ip, "ipv4_mapped", None) or ip)


def put_address(into, name, value):
    ip = address(text(value))
    put(into, name if ip else name + "_raw", ip or text(value))


def put_count(into, name, value):
    number = count(value)
    if number is not None:
        into[name] = number


def strings(value):
    return [text(item) for item in (value if isinstance(value, list) else [value]) if text(item)]


def objects(value):
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]


def read_detail(detail):
    out = {}
    put_word(out, "result_type", detail.get("result-type"), RESULT_TYPES)
    put_address(out, "sending_mta_ip", detail.get("sending-mta-ip"))
    put_address(out, "receiving_ip", detail.get("receiving-ip"))
    put(out, "receiving_mx_hostname", text(detail.get("receiving-mx-hostname")))
    put(out, "receiving_mx_helo", text(detail.get("receiving-mx-helo")))
    put_count(out, "failed_session_count", detail.get("failed-session-count"))
    put(out, "additional_information", text(detail.get("additional-information")))
    put(out, "failure_reason_code", text(detail.get("failure-reason-code")))
    return out


def read_policy(entry):
    out = {}
    policy = entry.get("policy") or {}
    put_word(out, "policy_type", policy.get("policy-type"), POLICY_TYPES)
    put(out, "policy_string", strings(policy.get("policy-string")))
    put(out, "policy_domain", text(policy.get("policy-domain")))
    put(out, "mx_host", strings(policy.get("mx-host", policy.get("mx-host-pattern"))))
    summary = entry.get("summary") or {}
    put_count(out, "total_successful_session_count", summary.get("total-successful-session-count"))
    put_count(out, "total_failure_session_count", summary.get("total-failure-session-count"))
    put(out, "failure_details", [read_detail(detail) for detail in objects(entry.get("failure-details"))])
    return out


def read_report(report):
    out = {}
    put(out, "organization_name", text(report.get("organization-name")))
    dates = report.get("date-range") or {}
    put(out, "start_datetime", seconds(dates.get("start-datetime")))
    put(out, "end_datetime", seconds(dates.get("end-datetime")))
    put(out, "contact_info", text(report.get("contact-info")))
    put(out, "report_id", text(report.get("report-id")))
    return out


def well_formed(name, data):
    try:
        document = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        document = data.decode("cp1252")
    if name in CUT:
        start, end = CUT[name]
        # The start of what is cut off, whatever the indentation
        pattern = r"\s*".join(re.escape(word) for word in start.split()) if start else r"\Z"
        found = re.search(r"\s*" + pattern, document)
        if not found:
            raise ValueError(f"{start!r} is not there")
        document = document[:found.start()].rstrip().rstrip(",") + end
    return document


def read(name, data):
    decoder = json.JSONDecoder(object_pairs_hook=Members, parse_int=str, parse_float=str)
    report, _ = decoder.raw_decode(well_formed(name, data))
    return {
        "report": read_report(report),
        "complete": name not in INCOMPLETE,
        "policies": [read_policy(entry) for entry in objects(report.get("policies"))],
    }


if __name__ == "__main__":
    sys.exit(golden_check.run(Path(__file__).parent, "input.json", read, ERRORS.get))
