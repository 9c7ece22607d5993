"""The fields of the Elastic Common Schema that we use, as its reference defines them, and a check of documents against them.

Version 9.3: https://www.elastic.co/docs/reference/ecs/ecs-field-reference, one page a field set; the allowed values and which types go with which category:
https://www.elastic.co/docs/reference/ecs/ecs-category-field-values-reference. Custom fields stand in a namespace of their own:
https://www.elastic.co/docs/reference/ecs/ecs-custom-fields-in-ecs
"""
import copy
import datetime
import ipaddress
import re

VERSION = "9.3.0"
NAMESPACE = "whosent"  # custom fields

# Name: type, and whether the reference asks for an array. keyword, text and wildcard take a string.
FIELDS = {
    "@timestamp": ("date", False),
    "message": ("text", False),
    "ecs.version": ("keyword", False),
    **{f"event.{name}": ("keyword", False) for name in ("action", "code", "dataset", "id", "kind", "module", "outcome", "provider", "reason")},
    **{f"event.{name}": ("keyword", True) for name in ("category", "type")},
    **{f"event.{name}": ("date", False) for name in ("created", "end", "start")},
    **{f"event.{name}": ("long", False) for name in ("sequence", "severity")},
    **{f"observer.{name}": ("keyword", False) for name in ("product", "type", "vendor", "version")},
    "source.ip": ("ip", False),
    "source.domain": ("keyword", False),
    "source.as.organization.name": ("keyword", False),
    "destination.ip": ("ip", False),
    "destination.domain": ("keyword", False),
    "network.protocol": ("keyword", False),
    "network.transport": ("keyword", False),
    "email.delivery_timestamp": ("date", False),
    "email.from.address": ("mailbox", True),  # a keyword by type; "the email address" by its description, and so are the next two
    "email.sender.address": ("mailbox", False),
    "email.to.address": ("mailbox", True),
    "email.message_id": ("wildcard", False),
    "email.subject": ("keyword", False),
    "error.code": ("keyword", False),
    "error.type": ("keyword", False),
    "error.message": ("text", False),
    "related.hosts": ("host", True),  # a keyword by type; "hostnames or other host identifiers"
    "related.ip": ("ip", True),
    "rule.name": ("keyword", False),
    "user_agent.original": ("keyword", False),
}
REQUIRED = ["@timestamp", "ecs.version", "event.kind", "event.category", "event.type"]
ALLOWED = {
    # `signal` is Kibana's own: "data ingestion pipelines must not populate" it
    "event.kind": {"alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error"},
    "event.category": {"api", "authentication", "configuration", "database", "driver", "email", "file", "host", "iam", "intrusion_detection", "library", "malware",
                       "network", "package", "process", "registry", "session", "threat", "vulnerability", "web"},
    "event.type": {"access", "admin", "allowed", "change", "connection", "creation", "deletion", "denied", "device", "end", "error", "group", "indicator", "info",
                   "installation", "protocol", "start", "user"},
    "event.outcome": {"failure", "success", "unknown"},
}
# The types that the reference expects of a category, for those that we use.
EXPECTED_TYPES = {
    "configuration": {"access", "change", "creation", "deletion", "info"},
    "email": {"info"},
    "network": {"access", "allowed", "connection", "denied", "end", "info", "protocol", "start"},
    "threat": {"indicator"},
}
LONG = range(-2**63, 2**63)
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def kind_of(value):
    """What a mapping makes of a value: an array is what its elements are."""
    if isinstance(value, list):
        kinds = {kind_of(element) for element in value}
        assert len(kinds) == 1, f"{value} holds {kinds}"
        return kinds.pop()
    return type(value).__name__


def is_of_type(value, kind):
    if kind == "long":
        return isinstance(value, int) and not isinstance(value, bool) and value in LONG
    if not isinstance(value, str) or not value:
        return False
    if kind == "date":
        if not DATE.fullmatch(value):
            return False
        try:
            datetime.datetime.fromisoformat(value.removesuffix("Z").replace("0000-", "0004-"))  # a leap year that Python knows
            return True
        except ValueError:
            return False
    if kind == "ip":
        try:
            return bool(ipaddress.ip_address(value))
        except ValueError:
            return False
    if kind == "mailbox":
        return bool(re.fullmatch(r"(?s).+@[-\w.]+", value))
    if kind == "host":
        return bool(re.fullmatch(r"[-A-Za-z0-9_.]+", value))
    return True


def errors_of_custom(value, path):
    """Any field may stand there, but none without a value."""
    if isinstance(value, dict):
        if not value:
            yield f"{path} is an empty object"
        for key, inner in value.items():
            if not re.fullmatch("[a-z][a-z0-9_]*", key):
                yield f"{path}.{key} is no name"
            yield from errors_of_custom(inner, f"{path}.{key}")
    elif isinstance(value, list):
        if not value:
            yield f"{path} is an empty array"
        for element in value:
            # An element of a list may lack all members: a signature of which nothing is known.
            if element != {}:
                yield from errors_of_custom(element, path)
    elif value is None:
        yield f"{path} is null"


def errors_of_fields(document, before=""):
    for key, value in document.items():
        path = before + key
        if path == NAMESPACE:
            yield from errors_of_custom(value, path)
        elif path in FIELDS:
            kind, array = FIELDS[path]
            if isinstance(value, list) != array:
                yield f"{path} is {'no' if array else 'an'} array"
            values = value if isinstance(value, list) else [value]
            if not values or len(values) != len({str(one) for one in values}):
                yield f"{path} is empty or says something twice"
            for one in values:
                if not is_of_type(one, kind):
                    yield f"{path}: {one!r:.100} is no {kind}"
                if one not in ALLOWED.get(path, {one}):
                    yield f"{path}: {one!r:.100} is not allowed"
        elif isinstance(value, dict) and value:
            yield from errors_of_fields(value, path + ".")
        else:
            yield f"{path} is no field of ours"


def errors_of(document):
    errors = list(errors_of_fields(document))

    def field(path):
        value = document
        for part in path.split("."):
            value = value.get(part, {}) if isinstance(value, dict) else {}
        return value

    errors += [f"{path} is missing" for path in REQUIRED if not field(path)]
    if field("ecs.version") != VERSION:
        errors.append(f"ecs.version is {field('ecs.version')}")
    if not errors:
        categories, types = field("event.category"), field("event.type")
        errors += [f"{category} does not go with {types}" for category in categories if not EXPECTED_TYPES[category] & set(types)]
        errors += [f"type {kind} goes with none of {categories}" for kind in types if not any(kind in EXPECTED_TYPES[category] for category in categories)]
    return errors


def check_itself(document):
    """The check must be able to say no."""
    assert not errors_of(document)

    def broken(**changes):
        copied = copy.deepcopy(document)
        for path, value in changes.items():
            *groups, name = path.replace("__", ".").split(".")
            inner = copied
            for group in groups:
                inner = inner.setdefault(group, {})
            if value is None:
                inner.pop(name, None)
            else:
                inner[name] = value
        return copied

    for case in (broken(extra=1), broken(event__extra="x"), broken(event__kind="signal"), broken(event__kind=None), broken(event__category="email"),
                 broken(event__category=[]), broken(event__category=["threat"]), broken(event__type=["denied"]), broken(event__type=["info", "info"]),
                 broken(event__outcome="fail"), broken(event__severity="6"), broken(event__severity=True), broken(event__sequence=2**63), broken(event__start="2026-09-20"),
                 broken(event__start="2026-13-20T00:00:00Z"), broken(event__id=""), broken(source__ip="192.0.2.256"), broken(source__ip=["192.0.2.1"]), broken(related__ip="192.0.2.1"),
                 broken(related__hosts=["a b.example"]), broken(email__from__address=["example.com"]), broken(email__to__address="a@example.com"), broken(ecs__version="1.0.0"),
                 broken(source={}), broken(whosent__report={}), broken(whosent__texts=[]), broken(**{"whosent__no name": 1})):
        assert errors_of(case), f"the definitions allow {case}"
