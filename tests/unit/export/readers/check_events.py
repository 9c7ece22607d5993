"""Checks encoded events against what went in, with readers that share no code with the encoders.

    check_events.py json|cef|ecs|lognorm PRINT_EVENTS SOURCE_DIR SEED COUNT

json     Python's JSON reader gives back the values, and the document fits schemas/event.schema.json
cef      a CEF reader written from the standard gives back the values, within its lengths and keys
ecs      Python's JSON reader gives back the values, and each field is as ECS defines it (ecs_fields.py)
lognorm  liblognorm's cef type gives back what that reader does

What should have been sent is worked out here from docs/siem.md, not from the encoders.
"""
import datetime
import ipaddress
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[3] / "e2e"))
import cef_reader
import ecs_fields

CEF_INT_MAX = 2**31 - 1
NO_STREAM = "0" * 32

# Lengths of the extension dictionary; keys that are not here must not be sent.
LENGTHS = {"externalId": 40, "act": 63, "outcome": 63, "cat": 1023, "reason": 1023, "msg": 1023, "suser": 1023, "duser": 1023, "fname": 1023,
           "dhost": 1023, "request": 1023, "requestClientApplication": 1023, "requestContext": 2048, "fileId": 1023,
           "sourceServiceName": 1023, "sourceDnsDomain": 255,
           "flexString1": 1023, "flexString2": 1023, **{f"cs{i}": 4000 for i in range(1, 7)}}
LABELLED = {"c6a2", "c6a3", "deviceCustomDate1", "cn1", "cn2", "cn3", "flexString1", "flexString2", *(f"cs{i}" for i in range(1, 7))}
NUMBERS = {"rt", "start", "end", "cnt", "cn1", "cn2", "cn3", "type", "deviceCustomDate1"}
OTHERS = {"src", "c6a2", "dst", "c6a3"}


def text_of(hexadecimal):
    return bytes.fromhex(hexadecimal).decode("utf-8", errors="replace")


def domain_of(hexadecimal):
    return text_of(hexadecimal).rsplit("@", 1)[-1]


def time_of(seconds):
    try:
        return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
    except OverflowError:
        return None


def present(members):
    return {key: value for key, value in members.items() if value is not None and value != "" and value != []}


# ---- what the JSON should hold ----

VERDICTS = {"authorized": 1, "forwarded": 3, "misaligned": 5, "unapproved-pass": 6, "unapproved-sender": 6, "spoofed": 7}
MANY_MESSAGES = 1000


def with_volume(severity, messages):
    return severity + (1 if severity >= 5 and (messages or 0) >= MANY_MESSAGES else 0)


def policy_of(event):
    """The published policy for the domain of the From header."""
    below = event["header_from"] and domain_of(event["header_from"]).lower() != domain_of(event["domain"]).lower()
    return event["sp"] if below and "sp" in event else event.get("p")


def severity_of(event):
    kind = text_of(event["class"])
    if kind == "report.quarantined":
        return 3
    if kind == "tls.failure":
        return with_volume(5 if text_of(event["policy_type"]) in ("sts", "tlsa") else 3, event.get("failed_sessions"))
    if kind == "source.reclassified":
        return with_volume(max(3, VERDICTS.get(event["after"]["verdict"], 3)), event["messages"])
    if kind.startswith("finding."):
        return min(10, max(0, event["finding_severity"]))
    verdict = event["attribution"]["verdict"]
    if kind == "feedback.complaint":
        return with_volume(max(7 if text_of(event["feedback_type"]) in ("fraud", "virus") else 5, VERDICTS.get(verdict, 0)), event.get("incidents"))
    stopped = {"reject": 4, "spam": 5, "policy": 5}.get(text_of(event["delivery_result"])) if kind == "dmarc.failure" else (
        {"reject": 4, "quarantine": 5}.get(event.get("disposition")))
    unauthenticated = verdict == "spoofed" or verdict not in VERDICTS and event.get("judgement", "fail") == "fail"
    if unauthenticated and stopped:
        return stopped
    messages = event.get("count") if kind == "dmarc.record" else event.get("incidents")
    explained = {"pass": 1, "forwarded": 3, "mailing_list": 3}.get(event.get("judgement"), 6)
    overridden = (unauthenticated and kind == "dmarc.record" and event.get("disposition") in ("none", "pass") and policy_of(event) in ("quarantine", "reject")
                  and event.get("pct", 100) >= 100)
    return with_volume(VERDICTS.get(verdict, explained), messages) + overridden


def attribution_of(attribution):
    """What the JSON says of an attribution and its verdict, in one object."""
    return present({**{key: attribution[key] for key in ("revision", "state", "confidence", "verdict")}, "candidates": texts_of(attribution["candidates"]),
                    **{key: text_of(attribution[key]) for key in ("sender", "sender_name", "carrier", "via", "host", "reason", "remedy")}})


def attribution_and_verdict(event):
    attribution = attribution_of(event["attribution"])
    verdict = {"name": attribution.pop("verdict"), **{key: attribution.pop(key) for key in ("reason", "remedy") if key in attribution}}
    return {"attribution": attribution, "verdict": verdict}


def expected_json(event):
    expected = {"id": text_of(event["id"]), "sequence": event["sequence"], "class": text_of(event["class"]), "time": time_of(event["published"]),
                "severity": severity_of(event)}
    if expected["class"] == "report.quarantined":
        expected["quarantine"] = present({
            "number": event["number"], "bytes": event["bytes"], **{key: text_of(event[key]) for key in ("collector", "name", "reason_code", "reason")}})
        return expected
    if expected["class"].startswith("finding."):
        expected["finding"] = present({
            "number": event["number"], "state": event["state"], "domain": domain_of(event["domain"]),
            **{key: text_of(event[key]) for key in ("rule", "key", "subject", "text")},
            "evidence": [present({"name": text_of(name), "value": text_of(value)}) for name, value in event["evidence"]],
            "first_seen": optional_time(event, "first_seen"), "last_seen": optional_time(event, "last_seen")})
        return expected
    if expected["class"] == "tls.failure":
        expected["report"] = present({
            "number": event["report"], "organization_name": text_of(event["organization_name"]), "report_id": text_of(event["report_id"]),
            "begin": optional_time(event, "begin"), "end": optional_time(event, "end"), "authenticity": event["authenticity"]})
        expected["policy"] = present({
            "ordinal": event["policy_ordinal"], "type": text_of(event["policy_type"]), "domain": domain_of(event["policy_domain"]),
            "mx_host": texts_of(event["mx_host"]), "successful_sessions": event.get("successful_sessions"), "failed_sessions": event.get("policy_failed_sessions")})
        expected["failure"] = present({
            "ordinal": event["ordinal"], "failed_sessions": event.get("failed_sessions"), "sending_mta_ip": address_of(event, "sending_mta_ip"),
            "receiving_ip": address_of(event, "receiving_ip"),
            **{key: text_of(event[key]) for key in ("result_type", "receiving_mx_hostname", "failure_reason_code", "additional_information")}})
        return expected
    if expected["class"] in ("dmarc.failure", "feedback.complaint"):
        expected["report"] = present({
            "number": event["report"], "reporter": domain_of(event["reporter"]), "authenticity": event["authenticity"], "incidents": event.get("incidents"),
            **{key: optional_time(event, key) for key in ("reported_at", "arrival_date")},
            **{key: texts_of(event[key]) for key in ("derived", "identity_alignment", "original_rcpt_to")},
            **{key: domains_of(event[key]) for key in ("reported_domain", "reported_uri_host")},
            **{key: text_of(event[key]) for key in ("feedback_type", "auth_failure", "delivery_result", "user_agent", "original_mail_from", "subject", "message_id")},
            "authentication_results": [present({"method": text_of(method), "result": text_of(result), "domain": domain_of(domain), "selector": text_of(selector)})
                                       for method, result, domain, selector in event["authentication_results"]]})
        expected["campaign"] = present({"source": event["campaign_source"], "value": text_of(event["campaign"])})
        expected["stream"] = stream_of(event)
        return expected | attribution_and_verdict(event)
    if expected["class"] == "source.reclassified":
        expected["change"] = present({
            "streams": event["streams"], "rows": event["rows"], "messages": event["messages"], "domain": domain_of(event["domain"]), "cause": text_of(event["cause"]),
            "begin": optional_time(days_of(event), "begin"), "end": optional_time(days_of(event), "end")})
        if "stream" in event:
            expected["stream"] = present({"id": event["stream"], "source_ip": address_of(event), "header_from": domain_of(event["header_from"])})
        return expected | {"before": attribution_of(event["before"]), "after": attribution_of(event["after"])}
    aggregate = event["rows"] > 1
    expected["report"] = present({
        "number": event["report"] or (None if aggregate else 0), "org_name": text_of(event["org_name"]), "report_id": text_of(event["report_id"]), "domain": domain_of(event["domain"]),
        "begin": time_of(event["begin"]), "end": time_of(event["end"]), "authenticity": event["authenticity"], "superseded": event["superseded"],
        **{key: event.get(key) for key in ("p", "sp", "np", "pct")}})
    expected["row"] = present({
        "ordinal": None if aggregate else event["ordinal"], "rows": event["rows"] if aggregate else None, **{key: event.get(key) for key in ("count", "disposition", "evaluated_dkim", "evaluated_spf")},
        "reasons": [present({"type": text_of(kind), "comment": text_of(comment)}) for kind, comment in event["reasons"]],
        "envelope_to": domain_of(event["envelope_to"]), "detail": json.loads(text_of(event["detail"]) or "null")})
    expected["stream"] = stream_of(event) | {"adkim": event["adkim"], "aspf": event["aspf"]}
    if aggregate and event["stream"] == NO_STREAM:
        del expected["stream"]["id"]
    expected["judgement"] = event["judgement"]
    expected["alignment"] = {"dkim": event["aligned_dkim"], "spf": event["aligned_spf"]}
    expected |= attribution_and_verdict(event)
    if aggregate and event["attribution"]["revision"] == 0:
        del expected["attribution"]["revision"]
    return expected


def days_of(event):
    """First and last second of the days of a change."""
    times = {}
    if "first_day" in event:
        times["begin"] = event["first_day"] * 86400
    if "last_day" in event:
        times["end"] = event["last_day"] * 86400 + 86399
    return times


def stream_of(event):
    return present({
        "id": event["stream"], "source_ip": address_of(event), "header_from": domain_of(event["header_from"]), "envelope_from": domain_of(event["envelope_from"]),
        "dkim": [present({"domain": domain_of(domain), "selector": text_of(selector), "result": text_of(result)}) for domain, selector, result in event["dkim"]],
        "spf_domain": domain_of(event["spf_domain"]), "spf_scope": text_of(event["spf_scope"]), "spf_result": text_of(event["spf_result"])})


def texts_of(texts):
    return [text_of(text) for text in texts if text]


def domains_of(texts):
    return [domain for domain in map(domain_of, texts) if domain]


def optional_time(event, key):
    return time_of(event[key]) if key in event else None


def address_of(event, key="source_ip"):
    return str(ipaddress.ip_address(bytes.fromhex(event[key]))) if key in event else None


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"a key twice: {keys}"
    return dict(pairs)


# ---- what the CEF should hold ----

def cef_text(text):
    """What a value may hold: no control characters but line feed and carriage return, and no blanks around it."""
    text = re.sub("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]", "\ufffd", text.replace("\t", " "))
    return text.strip(" ")


def width_of(text):
    """The length of a value as it stands in the line."""
    return len(text) + len(re.findall("[\\\\=\n\r\U00010000-\U0010ffff]", text))


def cut(text, limit):
    text = cef_text(text)[:limit]
    while width_of(text) > limit:
        text = text[:-1]
    return cef_text(text)


def joined(elements, limit):
    """Whole elements, as many as fit; only a first one that is too long is cut."""
    elements = [element for element in elements if element]
    # A blank is nothing where a value begins, and something inside of it.
    while elements and not cef_text(elements[0]):
        elements.pop(0)
    if not elements:
        return ""
    taken = elements[0].lstrip(" \t")
    if width_of(cef_unstripped(taken)) > limit:
        return cut(taken, limit)
    for element in elements[1:]:
        if width_of(cef_unstripped(taken + "," + element)) > limit:
            break
        taken += "," + element
    return cef_text(taken)


def cef_unstripped(text):
    return cef_text("x" + text + "x")[1:-1]


def result_of(domain, detail, result):
    return domain_of(domain) + ("/" + text_of(detail) if detail else "") + (":" + text_of(result) if result else "")


def words_of_attribution(attribution):
    host = text_of(attribution["host"])
    return [("attribution_state", attribution["state"], 300), ("confidence", attribution["confidence"], 300), ("carrier", text_of(attribution["carrier"]), 63),
            ("via", text_of(attribution["via"]), 63), ("candidates", texts_of(attribution["candidates"]), 100),
            ("network", "" if DOMAIN.fullmatch(host) else host, 100), ("remedy", text_of(attribution["remedy"]), 1023)]


DOMAIN = re.compile(r"[-A-Za-z0-9_.]*\.[-A-Za-z0-9_.]*")


def with_words(msg, words):
    """Words of texts at the end of msg, each as far as its own limit and msg's allow."""
    for word, value, limit in words:
        start = f" {word}:" if msg else f"{word}:"
        limit = min(limit, 1023 - width_of(msg + start))
        value = (joined(value, limit) if isinstance(value, list) else cut(value, limit)) if limit > 0 else ""
        if value:
            msg += start + value
    return msg


def texts_of_attribution(attribution):
    host = text_of(attribution["host"])
    return {"sourceServiceName": text_of(attribution["sender"]), "sourceDnsDomain": host if DOMAIN.fullmatch(host) else "",
            "flexString1": attribution["verdict"], "reason": text_of(attribution["reason"])}


def words_of(words):
    return " ".join(f"{word}:{str(value).lower() if isinstance(value, bool) else value}" for word, value in words.items() if value is not None)


def cef_times(**times):
    return {key: value * 1000 for key, value in times.items() if value is not None and value >= 0 and time_of(value)}


def cef_count(count):
    return {} if count is None else {"cnt" if 0 <= count <= CEF_INT_MAX else "cn1": count}


def cef_address(address, v4, v6):
    return {} if address is None else {v6 if ":" in address else v4: address}


def expected_cef(event):
    quarantined = text_of(event["class"]) == "report.quarantined"
    texts = {"externalId": text_of(event["id"])}
    numbers = {"rt": event["published"] * 1000, "cn3": event["sequence"]}
    labels = {"cn3": "sequence"}
    if quarantined:
        numbers |= {"type": 0, "cn1": event["number"], "cn2": event["bytes"]}
        labels |= {"cn1": "quarantine_number", "cn2": "bytes", "cs1": "collector"}
        texts |= {"cs1": text_of(event["collector"]), "fname": text_of(event["name"]), "reason": text_of(event["reason_code"]), "msg": text_of(event["reason"]),
                  "act": "quarantined", "outcome": "failure"}
        name = "Report could not be read"
    elif text_of(event["class"]).startswith("finding."):
        numbers |= {"type": 0, "cn1": event["number"], **cef_times(start=event["first_seen"], end=event["last_seen"])}
        labels |= {"cn1": "finding_number", "cs1": "subject", "cs2": "policy_domain", "cs3": "evidence", "cs4": "finding_state", "flexString2": "finding_key"}
        texts |= {"cat": text_of(event["rule"]), "flexString2": text_of(event["key"]), "cs4": event["state"], "cs1": text_of(event["subject"]),
                  "cs2": domain_of(event["domain"]), "msg": text_of(event["text"]),
                  "cs3": joined([text_of(name) + (":" + text_of(value) if value else "") for name, value in event["evidence"]], 4000)}
        name = "Finding " + text_of(event["class"]).removeprefix("finding.")
    elif text_of(event["class"]) == "tls.failure":
        numbers |= {"type": 1, **cef_times(start=event.get("begin"), end=event.get("end")), **cef_count(event.get("failed_sessions"))}
        labels |= {"cn1": "count", "cs1": "policy_type", "cs2": "policy_domain", "cs3": "mx_host", "cs4": "additional_information", "cs5": "reporter",
                   "flexString2": "report_id"}
        texts |= {
            "outcome": "failure", "cs1": text_of(event["policy_type"]), "cs2": domain_of(event["policy_domain"]), "cs3": joined(texts_of(event["mx_host"]), 4000),
            "cs4": text_of(event["additional_information"]), "cs5": text_of(event["organization_name"]), "flexString2": text_of(event["report_id"]),
            "cat": text_of(event["result_type"]), "reason": text_of(event["failure_reason_code"]), "dhost": text_of(event["receiving_mx_hostname"]),
            **cef_address(address_of(event, "sending_mta_ip"), "src", "c6a2"), **cef_address(address_of(event, "receiving_ip"), "dst", "c6a3")}
        labels |= {"c6a2": "Source IPv6 Address", "c6a3": "Destination IPv6 Address"}
        texts["msg"] = words_of({
            "report": event["report"], "authenticity": event["authenticity"], "policy": event["policy_ordinal"],
            "successful_sessions": event.get("successful_sessions"), "failed_sessions": event.get("policy_failed_sessions"), "failure": event["ordinal"]})
        name = "TLS failure reported"
    elif text_of(event["class"]) in ("dmarc.failure", "feedback.complaint"):
        failure = text_of(event["class"]) == "dmarc.failure"
        numbers |= {"type": 0, "cn2": event["attribution"]["revision"], **cef_times(start=event.get("arrival_date"), deviceCustomDate1=event.get("reported_at")), **cef_count(event.get("incidents"))}
        labels |= {"cn1": "count", "cn2": "attribution_revision", "cs1": "header_from", "cs2": "reported_domain", "cs3": "dkim", "cs4": "spf", "cs5": "reporter",
                   "cs6": "stream_id", "flexString1": "verdict", "flexString2": "campaign", "c6a2": "Source IPv6 Address", "deviceCustomDate1": "reported_at"}
        texts |= {
            "outcome": "failure" if failure else "", "cs1": domain_of(event["header_from"]), "cs2": joined(domains_of(event["reported_domain"]), 4000),
            "cs3": joined([result_of(*dkim) for dkim in event["dkim"]], 4000), "cs4": result_of(event["spf_domain"], event["spf_scope"], event["spf_result"]),
            "cs5": domain_of(event["reporter"]), "cs6": event["stream"], "flexString2": text_of(event["campaign"]),
            "cat": (text_of(event["auth_failure"]) if failure else "") or text_of(event["feedback_type"]), "act": text_of(event["delivery_result"]),
            "suser": text_of(event["original_mail_from"]) or domain_of(event["envelope_from"]), "duser": joined(texts_of(event["original_rcpt_to"]), 1023),
            "request": joined(domains_of(event["reported_uri_host"]), 1023), "requestClientApplication": text_of(event["user_agent"]),
            "fileId": text_of(event["message_id"]), **texts_of_attribution(event["attribution"]), **cef_address(address_of(event), "src", "c6a2")}
        texts["msg"] = with_words(words_of({"report": event["report"], "authenticity": event["authenticity"]}), [
            ("derived", texts_of(event["derived"]), 300), ("campaign_source", event["campaign_source"], 300), *words_of_attribution(event["attribution"])])
        name = "Authentication failure reported" if failure else "Complaint about a mail"
    elif text_of(event["class"]) == "source.reclassified":
        before, after, days = event["before"], event["after"], days_of(event)
        numbers |= {"type": 1, "cn2": after["revision"], **cef_times(start=days.get("begin"), end=days.get("end")), **cef_count(event["messages"])}
        labels |= {"cn1": "count", "cn2": "attribution_revision", "cs1": "header_from", "cs2": "policy_domain", "cs3": "before_sender", "cs4": "before_reason",
                   "cs5": "before_host", "cs6": "stream_id", "flexString1": "verdict", "flexString2": "before_verdict", "c6a2": "Source IPv6 Address"}
        texts |= {"cs2": domain_of(event["domain"]), "cat": text_of(event["cause"]), "cs3": text_of(before["sender"]), "cs4": text_of(before["reason"]),
                  "cs5": text_of(before["host"]), "flexString2": before["verdict"], **texts_of_attribution(after)}
        if "stream" in event:
            texts |= {"cs6": event["stream"], "cs1": domain_of(event["header_from"]), **cef_address(address_of(event), "src", "c6a2")}
        texts["msg"] = with_words(words_of({"streams": event["streams"], "rows": event["rows"], "before_revision": before["revision"]}), [
            ("before_state", before["state"], 300), ("before_confidence", before["confidence"], 300), *words_of_attribution(after)])
        name = "Source reclassified"
    else:
        numbers |= {"type": 1, "cn2": event["attribution"]["revision"], "start": event["begin"] * 1000, "end": event["end"] * 1000}
        if "count" in event:
            numbers["cnt" if 0 <= event["count"] <= CEF_INT_MAX else "cn1"] = event["count"]
        numbers = {key: value for key, value in numbers.items() if key not in ("start", "end") or (value >= 0 and time_of(value // 1000))}
        labels |= {"cn1": "count", "cn2": "attribution_revision", "cs1": "header_from", "cs2": "policy_domain", "cs3": "dkim", "cs4": "spf", "cs5": "reporter",
                   "cs6": "stream_id", "flexString1": "verdict", "flexString2": "report_id", "c6a2": "Source IPv6 Address"}
        address = address_of(event)
        if address:
            texts["c6a2" if ":" in address else "src"] = address
        texts |= {
            "act": event.get("disposition", ""), "cat": event["judgement"], "outcome": "success" if event["aligned_dkim"] or event["aligned_spf"] else "failure",
            "suser": domain_of(event["envelope_from"]), "duser": domain_of(event["envelope_to"]), "cs1": domain_of(event["header_from"]),
            "cs2": domain_of(event["domain"]), "cs5": text_of(event["org_name"]), "cs6": event["stream"],
            "flexString2": text_of(event["report_id"]), "cs4": result_of(event["spf_domain"], event["spf_scope"], event["spf_result"])}
        texts["cs3"] = joined([result_of(*dkim) for dkim in event["dkim"]], 4000)
        texts["requestContext"] = joined([text_of(kind) + (":" + text_of(comment) if comment else "") for kind, comment in event["reasons"]], 2048)
        texts |= texts_of_attribution(event["attribution"])
        aggregate = event["rows"] > 1
        if aggregate and event["stream"] == NO_STREAM:
            del texts["cs6"]
        if aggregate and event["attribution"]["revision"] == 0:
            del numbers["cn2"]
        words = {"report": event["report"] or (None if aggregate else 0), "authenticity": event["authenticity"], "superseded": event["superseded"],
                 **{key: event.get(key) for key in ("p", "sp", "np", "pct")}, "row": None if aggregate else event["ordinal"],
                 "rows": event["rows"] if aggregate else None,
                 **{key: event.get(key) for key in ("evaluated_dkim", "evaluated_spf", "adkim", "aspf", "aligned_dkim", "aligned_spf")}}
        texts["msg"] = with_words(words_of(words), words_of_attribution(event["attribution"]))
        name = {"pass": "DMARC pass", "forwarded": "DMARC fail, forwarded", "mailing_list": "DMARC fail, mailing list", "fail": "DMARC fail"}[event["judgement"]]
    extension = {key: cut(value, LENGTHS.get(key, 1023)) for key, value in texts.items()}
    extension |= {key: str(value) for key, value in numbers.items()}
    extension = present(extension)
    extension |= {key + "Label": label for key, label in labels.items() if key in extension}
    return [text_of(event["class"]), name, str(severity_of(event))], extension


# ---- a CEF reader, from the standard ----

def read_cef(line):
    """Header fields and extension of one line."""
    record = cef_reader.read(line)
    return [record.vendor, record.product, record.version, record.class_id, record.name, str(record.severity)], [(key, value, record.raw[key]) for key, value in record.extension.items()]


def check_cef(event, line):
    fields, pairs = read_cef(line)
    assert fields[:2] == ["whosent", "whosent"] and re.fullmatch(r"\d+\.\d+\.\d+", fields[2]), fields
    header, expected = expected_cef(event)
    assert fields[3:] == header, (fields, header)
    extension = no_duplicates([(key, value) for key, value, _ in pairs])
    assert extension == expected, {key: (extension.get(key), expected.get(key)) for key in extension.keys() | expected.keys()
                                   if extension.get(key) != expected.get(key)}
    for key, value, raw in pairs:
        base = key.removesuffix("Label")
        assert base in LENGTHS or base in NUMBERS or base in OTHERS, f"key {key} is not one of the dictionary that we use"
        if key.endswith("Label"):
            assert base in LABELLED and base in extension and len(raw) <= 1023
            continue
        assert (base in LABELLED) == (key + "Label" in extension), key
        assert value and value == value.strip(" "), key
        assert len(raw.encode("utf-16-le")) // 2 <= LENGTHS.get(key, 45), f"{key} is too long"
        if key in NUMBERS:
            assert re.fullmatch(r"-?\d+", value) and abs(int(value)) < 2**63
        if key == "cnt":
            assert int(value) <= CEF_INT_MAX
        if key in ("src", "dst"):
            ipaddress.IPv4Address(value)
        if key in ("c6a2", "c6a3"):
            ipaddress.IPv6Address(value)
    assert not re.search("[\0-\x1f\x7f-\x9f\u2028\u2029]", line), "a control character"


# ---- what the ECS document should hold ----

# Where a member of the JSON goes, by class; what is not here stands below `whosent`. None: shown there as something else.
ECS_NAMES = {
    "id": "event.id", "sequence": "event.sequence", "class": "event.action", "time": "@timestamp", "severity": "event.severity",
    "report.begin": "event.start", "report.end": "event.end", "stream.source_ip": "source.ip", "verdict.reason": "event.reason", "row.detail": None,
    "report.user_agent": "user_agent.original", "report.arrival_date": "email.delivery_timestamp", "report.subject": "email.subject",
    "report.message_id": "email.message_id",
    "failure.result_type": "error.type", "failure.failure_reason_code": "error.code", "failure.sending_mta_ip": "source.ip",
    "failure.receiving_ip": "destination.ip", "failure.receiving_mx_hostname": "destination.domain",
    "quarantine.reason_code": "error.code", "quarantine.reason": "error.message",
    "change.begin": "event.start", "change.end": "event.end", "after.reason": "event.reason", "after.verdict": "whosent.verdict.name",
    "after.remedy": "whosent.verdict.remedy",
    **{f"after.{name}": f"whosent.attribution.{name}" for name in ("revision", "state", "sender", "sender_name", "confidence", "carrier", "via", "candidates", "host")},
    "finding.rule": "rule.name", "finding.text": "message", "finding.first_seen": "event.start", "finding.last_seen": "event.end",
}


def flat(document, before=""):
    """Paths and values, down to what is no object."""
    for key, value in document.items():
        if isinstance(value, dict) and before + key != "row.detail":
            yield from flat(value, before + key + ".")
        else:
            yield before + key, value


def hosts_of(*texts):
    return [text for text in map(domain_of, texts) if DOMAIN.fullmatch(text)]


def mailboxes_of(texts):
    return [text for text in map(text_of, texts) if "@" in text[1:] and DOMAIN.fullmatch(text.rsplit("@", 1)[1])]


def once(elements):
    return list(dict.fromkeys(elements))


def expected_ecs(event):
    document = expected_json(event)
    kind = document["class"]
    expected = {ECS_NAMES.get(path, "whosent." + path): value for path, value in flat(document)}
    expected.pop(None, None)
    expected |= {"ecs.version": "9.3.0", "observer.vendor": "whosent", "observer.product": "whosent", "observer.type": "sensor", "event.module": "whosent",
                 "event.dataset": "whosent", "event.kind": "alert" if kind.startswith("finding.") else "event",
                 "event.category": ["configuration"] if kind.startswith("finding.") else ["email", "network"] if kind == "tls.failure" else ["email"],
                 "event.type": ["info"]}
    if not kind.startswith("finding."):
        expected["message"] = expected_cef(event)[0][1]
    hosts, addresses = [], [address_of(event)]
    attribution = event.get("attribution") or event.get("after")
    if kind == "source.reclassified":
        addresses = addresses if "stream" in event else []
        hosts = hosts_of(event["domain"], *([event["header_from"]] if "stream" in event else []), attribution["host"])
    elif kind.startswith("finding."):
        hosts = hosts_of(event["domain"])
    elif kind == "tls.failure":
        addresses = [address_of(event, "sending_mta_ip"), address_of(event, "receiving_ip")]
        hosts = hosts_of(event["policy_domain"], *event["mx_host"], event["receiving_mx_hostname"])
        expected |= {"event.outcome": "failure", "network.protocol": "smtp", "network.transport": "tcp"}
    elif kind == "report.quarantined":
        expected["event.outcome"] = "failure"
    else:
        if kind == "dmarc.record":
            hosts = hosts_of(event["domain"], event["envelope_to"])
            expected["event.outcome"] = "success" if event["aligned_dkim"] or event["aligned_spf"] else "failure"
            expected["whosent.row.detail"] = text_of(event["detail"])
        else:
            hosts = hosts_of(*event["reported_domain"], *event["reported_uri_host"], event["reporter"])
            expected |= {"event.outcome": "failure" if kind == "dmarc.failure" else None, "event.start": expected.get("email.delivery_timestamp"),
                         "email.sender.address": next(iter(mailboxes_of([event["original_mail_from"]])), None),
                         "email.to.address": once(mailboxes_of(event["original_rcpt_to"]))}
        hosts += hosts_of(event["header_from"], event["envelope_from"], event["spf_domain"], *(dkim[0] for dkim in event["dkim"]), attribution["host"])
    if attribution:
        host = text_of(attribution["host"])
        expected["source.domain" if DOMAIN.fullmatch(host) else "source.as.organization.name"] = host
    expected |= {"related.hosts": once(hosts), "related.ip": once(filter(None, addresses))}
    return present(expected)


def check_documented_names(documentation):
    """The column ECS of the tables says what ECS_NAMES does: each name that a member goes to, and of the rest none but in addition ("and ...")."""
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in documentation.split("\n") if re.match(r"\| `[^`|]+` \|", line)]
    cells = [(row[0].strip("`"), row[2]) for row in rows if len(row) == 4]
    for path, cell in cells:
        name = ECS_NAMES.get(path)
        assert name in re.findall("`([^`]+)`", cell) if name else not cell or cell.startswith(("and ", "as one text")), f"docs/siem.md has {cell!r} for {path}"
    missing = ECS_NAMES.keys() - {path for path, _ in cells}
    assert not missing, f"docs/siem.md has no row for {sorted(missing)}"


def check_ecs_line(event, line):
    assert not re.search("[\0-\x1f]", line), "a control character"
    document = json.loads(line, object_pairs_hook=no_duplicates)
    fields = dict(flat(document))
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields.pop("observer.version")), line[:200]
    expected = expected_ecs(event)
    assert fields == expected, {key: (fields.get(key), expected.get(key)) for key in fields.keys() | expected.keys() if fields.get(key) != expected.get(key)}
    errors = ecs_fields.errors_of(document)
    assert not errors, errors
    return fields


# ---- the checks ----

def check_json_line(event, line, validator):
    assert not re.search("[\0-\x1f]", line), "a control character"
    document = json.loads(line, object_pairs_hook=no_duplicates)
    expected = expected_json(event)
    assert document == expected, (document, expected)
    errors = [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(document)]
    assert not errors, errors
    return document


def paths_of(document, before=""):
    for key, value in document.items():
        if isinstance(value, dict) and key != "detail":
            yield from paths_of(value, before + key + ".")
        else:
            yield before + key
            if isinstance(value, list):
                for element in filter(lambda element: isinstance(element, dict), value):
                    yield from paths_of(element, before + key + "[].")


def main():
    mode, program, source, seed, count = sys.argv[1:]
    documentation = pathlib.Path(source, "docs/siem.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([^`]+)`", documentation))
    output = subprocess.run([program, seed, count], stdout=subprocess.PIPE, check=True).stdout
    lines = output.decode("utf-8").split("\n")  # strict: damaged UTF-8 ends the test here
    assert lines.pop() == "" and len(lines) % 4 == 0, "an event that is not one line"
    events = [(json.loads(lines[i]), *lines[i + 1:i + 4]) for i in range(0, len(lines), 4)]
    assert len(events) > int(count)

    seen = set()
    if mode == "json":
        import jsonschema
        schema = json.loads(pathlib.Path(source, "schemas/event.schema.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        for event, line, _, _ in events:
            seen |= set(paths_of(check_json_line(event, line, validator)))
        # The schema must be able to say no.
        document = json.loads(events[0][1])
        for broken in ({**document, "extra": 1}, {**document, "stream": {**document["stream"], "extra": 1}}, {**document, "class": "other"},
                       {**document, "sequence": "1"}, {**document, "stream": {**document["stream"], "id": "0"}}, {**document, "id": "x" * 41},
                       {**document, "verdict": {**document["verdict"], "name": "fine"}}, {**document, "attribution": {**document["attribution"], "confidence": 1}},
                       *({key: value for key, value in document.items() if key != left_out} for left_out in ("attribution", "verdict"))):
            assert not validator.is_valid(broken), f"the schema accepts {broken}"
        aggregate = next(json.loads(line) for _, line, _, _ in events if "rows" in json.loads(line).get("row", {}))
        assert validator.is_valid(aggregate)
        for part, name in (("report", "number"), ("row", "ordinal"), ("stream", "id"), ("attribution", "revision")):
            broken = {**document, part: {key: value for key, value in document[part].items() if key != name}}
            assert not validator.is_valid(broken), f"the schema accepts a row without {part}.{name}"
        for row in ({"rows": 1}, {"rows": 77, "ordinal": 0}):
            assert not validator.is_valid({**aggregate, "row": {**aggregate["row"], **row}}), f"the schema accepts {row}"
        for kind, group, number in (("dmarc.failure", "stream", ("report", "number")), ("feedback.complaint", "campaign", ("report", "number")),
                                    ("tls.failure", "policy", ("report", "number")), ("source.reclassified", "before", ("change", "rows")),
                                    ("source.reclassified", "after", ("before", "revision")),
                                    ("finding.updated", "finding", ("finding", "number"))):
            document = next(json.loads(line) for _, line, _, _ in events if json.loads(line)["class"] == kind)
            for broken in ({**document, "extra": 1}, {**document, group: {**document[group], "extra": 1}},
                           {**document, number[0]: {**document[number[0]], number[1]: "1"}},
                           {key: value for key, value in document.items() if key != group}, {**document, "class": "dmarc.record"}):
                assert not validator.is_valid(broken), f"the schema accepts {broken}"
    elif mode == "cef":
        for event, _, line, _ in events:
            check_cef(event, line)
            seen |= {key for key, _, _ in read_cef(line)[1]}
        seen = {key.removesuffix("Label") for key in seen}
    elif mode == "ecs":
        kinds = {}
        for event, _, _, line in events:
            for name, value in check_ecs_line(event, line).items():
                # An index knows one type for a field, whatever the class.
                kind = ecs_fields.kind_of(value)
                assert kinds.setdefault(name, kind) == kind, f"{name} is {kind} here and {kinds[name]} elsewhere"
        groups = {name.rsplit(".", parts)[0] for name in kinds for parts in range(1, name.count(".") + 1)}
        assert not groups & kinds.keys(), f"a value here and an object elsewhere: {sorted(groups & kinds.keys())}"
        seen = {name for name in kinds if not name.startswith("whosent.")} | {"observer.version"}
        check_documented_names(documentation)
        ecs_fields.check_itself(json.loads(events[0][3]))
    else:
        program = shutil.which("lognormalizer")
        assert program, "lognormalizer is not installed (Debian: liblognorm-utils)"
        with tempfile.NamedTemporaryFile("w", suffix=".rulebase") as rules:
            rules.write("version=2\nrule=:%f:cef%\n")
            rules.flush()
            text = "".join(line + "\n" for _, _, line, _ in events)
            parsed = subprocess.run([program, "-r", rules.name, "-e", "json"], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
        parsed = [json.loads(line, object_pairs_hook=no_duplicates) for line in parsed.decode("utf-8").split("\n") if line.strip()]
        assert len(parsed) == len(events), (len(parsed), len(events))
        for (event, _, line, _), result in zip(events, parsed):
            assert "f" in result, f"liblognorm does not take {line!r}"
            header, expected = expected_cef(event)
            result = result["f"]
            assert [result["SignatureID"], result["Name"], result["Severity"]] == header, result
            assert result["Extensions"] == expected, {key: (result["Extensions"].get(key), expected.get(key))
                                                      for key in result["Extensions"].keys() | expected.keys()
                                                      if result["Extensions"].get(key) != expected.get(key)}
    undocumented = seen - documented
    assert not undocumented, f"docs/siem.md says nothing of {sorted(undocumented)}"
    print(f"{len(events)} events agree")


main()
