"""Reads CEF as the OpenText CEF Implementation Standard (v27) describes it, and nothing else. It shares no code with the encoder, and takes nothing that the standard does not."""

import dataclasses
import re

KEY = re.compile(r"(?:^|(?<= ))([A-Za-z0-9_]+)=")


class Wrong(ValueError):
    pass


@dataclasses.dataclass
class Record:
    vendor: str
    product: str
    version: str
    class_id: str
    name: str
    severity: int
    extension: dict  # key: value, in their order
    raw: dict        # the same as it stands in the line, with its escapes


def unescaped(text, allowed, what):
    """`allowed`: what may stand behind a backslash, and what it means."""
    out, at = [], 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
            if at == len(text) or text[at] not in allowed:
                raise Wrong(f"an escape that {what} does not know: {text[at - 1:at + 1]!r}")
            character = allowed[text[at]]
        out.append(character)
        at += 1
    return "".join(out)


def header_fields(line):
    """The seven fields, as they stand there, and what is behind the last pipe: an escaped pipe ends none."""
    fields, begin, at = [], 0, 0
    while len(fields) < 7:
        if at >= len(line):
            raise Wrong(f"a header of {len(fields)} fields")
        if line[at] == "\\":
            at += 2
            continue
        if line[at] == "|":
            fields.append(line[begin:at])
            begin = at + 1
        at += 1
    return fields, line[begin:]


def read(line):
    """One record without its newline."""
    if re.search(r"[\0-\x1f\x7f-\x9f\u2028\u2029]", line):
        raise Wrong("a control character")
    fields, rest = header_fields(line)
    if fields[0] not in ("CEF:0", "CEF:1"):
        raise Wrong(f"no CEF: {fields[0]!r}")
    fields = [unescaped(field, {"\\": "\\", "|": "|"}, "the header") for field in fields]
    if not re.fullmatch(r"10|[0-9]", fields[6]):
        raise Wrong(f"severity {fields[6]!r}")
    extension, raw = {}, {}
    # an equals sign that no backslash stands before belongs to a key, always: in values they are escaped
    keys = [match for match in KEY.finditer(rest)]
    if rest[:keys[0].start() if keys else len(rest)].strip(" "):
        raise Wrong("text before the first key")
    for match, following in zip(keys, [*keys[1:], None]):
        text = rest[match.end():following.start() if following else len(rest)]
        if following:
            if not text.endswith(" "):
                raise Wrong(f"no blank behind the value of {match[1]}")
            text = text[:-1]  # the one that parts the pairs
        if re.search(r"(?<!\\)(?:\\\\)*=", text):
            raise Wrong(f"an equals sign without a backslash in {match[1]}")
        if match[1] in extension:
            raise Wrong(f"{match[1]} stands there twice")
        extension[match[1]] = unescaped(text, {"\\": "\\", "=": "=", "n": "\n", "r": "\r"}, "the extension")
        raw[match[1]] = text
    return Record(*fields[1:6], int(fields[6]), extension, raw)
