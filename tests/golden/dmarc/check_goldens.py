#!/usr/bin/env python3
"""Checks every expected.json beside this file with a reader of its own: Python's XML parser, the standards' tables written down anew, and for
documents that are not well-formed the edit that a person would make. Standard library only. Fails when it has checked nothing (golden_check.py)."""

import calendar
import ipaddress
import re
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import golden_check  # noqa: E402

# What makes a broken input well-formed, as (old, new). A case that is missing here must be well-formed as it stands.
EDITS = {
    "broken-attribute": [("<record id=7>", "<record>"), ('<row nr="2>', "<row>")],
    "control-character": [("\x01", " "), ("&#0;", "    ")],
    "doctype-entities": [("&b; &x;", "&amp;b; &amp;x;")],
    "lost-middle": [("<result>pass</result></spf></auth_results></record>\n",
                     "<result>pass</result></policy_published>")],
    "mismatched-close": [("</dispositon>", "</disposition>"), ("</from>", "</header_from>")],
    "missing-root": [("  <report_metadata>", "<feedback><report_metadata>"), ("</record>\n", "</record></feedback>")],
    "raw-ampersand-record": [("Smith & Sons", "Smith &amp; Sons")],
    "raw-ampersand-url": [("a=1&b=2&copy=3", "a=1&amp;b=2&amp;copy=3")],
    "raw-angle-comparison": [("3 < 5 and a <b>note</b>", "3 &lt; 5 and a &lt;b>note&lt;/b>")],
    "raw-angle-email": [("<dmarc@", "&lt;dmarc@")],
    "stray-close": [("reporter.example</</email>", "reporter.example</email>")],
    "stray-close-name": [("    </source_ip>\n    </row>", "    </row>")],
    "truncated-after-record": [(None, "</feedback>")],
    "truncated-in-policy": [("<pct>1", "</policy_published></feedback>")],
    "unclosed-leaf": [("192.0.2.25\n      <count>", "192.0.2.25</source_ip>\n      <count>")],
    "unclosed-record": [("</auth_results>\n  <record>", "</auth_results>\n  </record><record>")],
    "undeclared-prefix": [("ns2:", "")],
    "unclosed-schema": [(None, "</xs:schema>")],
    "declaration-not-ended": [('"UTF-8">', '"UTF-8"?>')],
}
ENCODINGS = {
    "utf16-le-bom": "utf-16", "utf16-be-bom": "utf-16", "utf16-le-no-bom": "utf-16-le", "utf16-be-no-bom": "utf-16-be",
    "utf16-leading-newline": "utf-16-le", "bom": "utf-8-sig",
    "windows1252-declared": "cp1252", "latin1-declared": "latin-1",
}
ERRORS = {
    "truncated-in-metadata": "truncated", "empty": "truncated", "report-without-anything": "corrupt",
    "not-a-report-html": "not_a_report", "not-a-report-text": "not_a_report",
}
LOST = {"truncated-in-record": 1, "lost-middle": 1}

ALIGNMENT = {"r", "s"}
POLICY = {"none", "quarantine", "reject"}
EVALUATED = {"pass", "fail"}
DKIM = {"none", "pass", "fail", "policy", "neutral", "temperror", "permerror"}
SPF = DKIM | {"softfail"}
REASON = {"forwarded", "sampled_out", "trusted_forwarder", "mailing_list", "local_policy", "policy_test_mode", "other"}

KNOWN = {
    "": {"version", "report_metadata", "policy_published", "record"},
    "report_metadata": {"org_name", "email", "extra_contact_info", "report_id", "date_range", "error", "generator"},
    "report_metadata/date_range": {"begin", "end"},
    "policy_published": {"domain", "adkim", "aspf", "p", "sp", "np", "pct", "fo", "testing", "discovery_method"},
    "record": {"row", "identifiers", "identities", "auth_results"},
    "record/row": {"source_ip", "count", "policy_evaluated"},
    "record/row/policy_evaluated": {"disposition", "dkim", "spf", "reason"},
    "record/row/policy_evaluated/reason": {"type", "comment"},
    "record/identifiers": {"header_from", "envelope_from", "envelope_to"},
    "record/identities": {"header_from", "envelope_from", "envelope_to"},
    "record/auth_results": {"dkim", "spf"},
    "record/auth_results/dkim": {"domain", "selector", "result", "human_result"},
    "record/auth_results/spf": {"domain", "scope", "result", "human_result"},
}


def local(tag):
    return tag.rsplit("}", 1)[-1].rsplit(":", 1)[-1]


def text(element):
    if element is None:
        return ""
    return "".join([element.text or ""] + [child.tail or "" for child in element]).strip()


def find(element, *names):
    """The first element at the path of names, or None."""
    for name in names:
        if element is None:
            return None
        element = next((child for child in element if local(child.tag) in name.split("|")), None)
    return element


def every(element, name):
    return [] if element is None else [child for child in element if local(child.tag) == name]


def put(into, name, value):
    if value not in ("", None, [], {}):
        into[name] = value


def put_word(into, name, element, words):
    if element is None:
        return
    value = text(element)
    word = value.lower()
    if words is SPF and word == "hardfail":
        word = "fail"
    into[name] = word if word in words else {"raw": value}


def seconds(element):
    value = text(element)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        value += "T00:00:00Z"
    date = re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)Z?", value)
    if date:
        return calendar.timegm(time.strptime(" ".join(date.groups()), "%Y-%m-%d %H:%M:%S"))
    if not re.fullmatch(r"\d+(\.\d+)?", value):
        return None
    number = int(value.split(".")[0])
    for scale in (1, 10**3, 10**6, 10**9):
        if 365 * 86400 <= number // scale < 4102444800:
            return number // scale
    return None


def count(element):
    value = text(element)
    return int(value) if re.fullmatch(r"\d+", value) and int(value) <= 10**12 else None


def address(value):
    """The address in `value`, whatever is around it, or None."""
    bracketed = re.fullmatch(r"\[(.*)\](:\d+)?", value)
    if bracketed:
        value = bracketed.group(1)
    elif re.fullmatch(r"[\d.]+:\d+", value):
        value = value.split(":")[0]
    try:
        ip = ipaddress.ip_address(value)
    except ValueError:
        return None
    return str(getattr(ip, "ipv4_mapped", None) or ip)


def subtree(element, path, found):
    found.extend([f"{path}@{name}", value] for name, value in element.attrib.items() if name != "lang")
    for child in element:
        subtree(child, f"{path}/{local(child.tag)}", found)
    if len(element) == 0 or text(element):
        found.append([path, text(element)])


def extensions(element, path, skip, found):
    """Unknown elements below `element`, whose own path is `path`; their paths begin after `skip`."""
    for child in element:
        name = local(child.tag)
        child_path = f"{path}/{name}" if path else name
        if name not in KNOWN[path]:
            subtree(child, child_path[len(skip):], found)
        elif child_path in KNOWN and child_path != "record":
            extensions(child, child_path, skip, found)
    return sorted(found)


def read_record(record):
    out = {}
    row = find(record, "row")
    ip_text = text(find(row, "source_ip"))
    ip = address(ip_text)
    put(out, "source_ip" if ip else "source_ip_raw", ip or ip_text)
    number = count(find(row, "count"))
    if number is not None:
        out["count"] = number
    evaluated = find(row, "policy_evaluated")
    put_word(out, "disposition", find(evaluated, "disposition"), POLICY | {"pass"})
    put_word(out, "dkim", find(evaluated, "dkim"), EVALUATED)
    put_word(out, "spf", find(evaluated, "spf"), EVALUATED)
    reasons = []
    for reason in every(evaluated, "reason"):
        one = {}
        put_word(one, "type", find(reason, "type"), REASON)
        put(one, "comment", text(find(reason, "comment")))
        reasons.append(one)
    put(out, "reasons", reasons)
    for name in ("header_from", "envelope_from", "envelope_to"):
        put(out, name, text(find(record, "identifiers|identities", name)))
    results = []
    for dkim in every(find(record, "auth_results"), "dkim"):
        one = {}
        for name in ("domain", "selector", "human_result"):
            put(one, name, text(find(dkim, name)))
        put_word(one, "result", find(dkim, "result"), DKIM)
        results.append(one)
    put(out, "dkim_results", results)
    results = []
    for spf in every(find(record, "auth_results"), "spf"):
        one = {}
        for name in ("domain", "human_result"):
            put(one, name, text(find(spf, name)))
        put_word(one, "scope", find(spf, "scope"), {"mfrom", "helo"})
        put_word(one, "result", find(spf, "result"), SPF)
        results.append(one)
    put(out, "spf_results", results)
    put(out, "extensions", extensions(record, "record", "record/", []))
    return out


def read_report(feedback):
    out = {}
    namespace = re.match(r"\{(.*)\}", feedback.tag)
    put(out, "xml_namespace", namespace.group(1) if namespace else "")
    put(out, "version", text(find(feedback, "version")))
    metadata = find(feedback, "report_metadata")
    for name in ("org_name", "email", "extra_contact_info", "report_id", "generator"):
        put(out, name, text(find(metadata, name)))
    put(out, "error", [text(error) for error in every(metadata, "error")])
    put(out, "begin", seconds(find(metadata, "date_range", "begin")))
    put(out, "end", seconds(find(metadata, "date_range", "end")))
    policy = find(feedback, "policy_published")
    published = {}
    put(published, "domain", text(find(policy, "domain")))
    for name, words in (("adkim", ALIGNMENT), ("aspf", ALIGNMENT), ("p", POLICY), ("sp", POLICY), ("np", POLICY), ("testing", {"y", "n"}),
                        ("discovery_method", {"psl", "treewalk"})):
        put_word(published, name, find(policy, name), words)
    pct = text(find(policy, "pct"))
    if re.fullmatch(r"\d+", pct):
        published["pct"] = int(pct)
    put(published, "fo", text(find(policy, "fo")))
    put(out, "policy_published", published)
    put(out, "extensions", extensions(feedback, "", "", []))
    return out


def well_formed(name, data):
    encoding = ENCODINGS.get(name)
    if encoding is None:
        try:
            document = data.decode("utf-8")
            encoding = "utf-8"
        except UnicodeDecodeError:
            encoding = "cp1252"
    document = data.decode(encoding)
    for old, new in EDITS.get(name, []):
        if old is None:
            document += new
            continue
        if old not in document:
            raise ValueError(f"the edit {old!r} does not apply")
        document = document.replace(old, new)
    if name == "truncated-in-record":
        document = document[:document.rindex("<record>")] + "</feedback>"
    document = re.sub(r"<!DOCTYPE.*?\]>", "", document, flags=re.S)
    start = document.find("<?xml")
    if start >= 0:  # Python has decoded it already, and wants it first
        document = document[document.index(">", start) + 1:]
    return document.strip()


def read(name, data):
    root = ElementTree.fromstring(well_formed(name, data))
    feedback = root if local(root.tag) == "feedback" else find(root, "feedback")
    sections = [local(section.tag) for section in feedback]
    late = "record" in sections and sections.index("record") < sections.index("policy_published")
    return {
        "report": read_report(feedback),
        "records_lost": LOST.get(name, 0),
        "policy_came_late": late,
        "records": [read_record(record) for record in every(feedback, "record")],
    }


def sort_extensions(expected):
    for part in [expected["report"], *expected["records"]]:
        if "extensions" in part:
            part["extensions"].sort()


if __name__ == "__main__":
    sys.exit(golden_check.run(Path(__file__).parent, "input", read, ERRORS.get, prepare=sort_extensions))
