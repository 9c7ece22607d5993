#!/usr/bin/env python3
"""check_schema SCHEMA CATALOGUE: the catalogue is valid by the schema, and the schema refuses what it should."""
import copy
import json
import sys

import jsonschema

schema = json.load(open(sys.argv[1], encoding="utf-8"))
text = open(sys.argv[2], encoding="utf-8").read()
catalogue = json.loads(text)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
errors = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(catalogue)]


def broken(change):
    other = {**catalogue, "senders": copy.deepcopy(catalogue["senders"][:2])}
    change(other)
    return other


BAD = {
    "an unknown key": lambda c: c["senders"][0].update(colour="red"),
    "no category": lambda c: c["senders"][0].pop("category"),
    "an unknown basis": lambda c: c["senders"][0].update(ptr={"hearsay": ["mail.example.net"]}),
    "an unknown strength": lambda c: c["senders"][0].update(dkim_selector={"sourced": {"huge": ["a"]}}),
    "an empty list": lambda c: c["senders"][0].update(ptr={"sourced": []}),
    "a weight over 1": lambda c: c.update(weights={**c["weights"], "fcrdns-ptr": 2}),
    "a missing weight": lambda c: c.update(weights={k: v for k, v in c["weights"].items() if k != "fcrdns-ptr"}),
    "an upper-case suffix": lambda c: c["senders"][0].update(ptr={"sourced": ["Mail.example.net"]}),
    "a suffix of one label": lambda c: c["senders"][0].update(ptr={"sourced": ["net"]}),
    "an ASN as text": lambda c: c["senders"][0].update(asn={"dedicated": ["64500"]}),
}
errors += [f"the schema takes {what}" for what, change in BAD.items() if validator.is_valid(broken(change))]
if not text.isascii():
    errors.append("the catalogue is not ASCII: it is cut into pieces at build")
if max(map(len, text.splitlines())) > 12_000:
    errors.append("a line of the catalogue is over 12,000 characters: differences cannot be read")
for error in errors:
    print(error)
print(f"{len(catalogue['senders'])} senders, {len(catalogue['networks'])} networks, {len(errors)} errors")
sys.exit(1 if errors else 0)
