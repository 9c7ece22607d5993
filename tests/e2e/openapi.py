"""Holds answers of the HTTP server against schemas/openapi.yaml: what is not documented there is wrong, be it a path, a method, a parameter, a status, a header, a media type or a body.

A Contract remembers what it has seen, so that a test can ask whether each documented status was met.
"""

import json
import pathlib
import re
import urllib.parse
import warnings

import yaml

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from jsonschema import Draft202012Validator, FormatChecker, RefResolver

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"
# Of HTTP itself: what carries a body, and what any answer may have (RFC 9110).
OF_HTTP = {"content-length", "content-type", "transfer-encoding", "connection", "date", "keep-alive"}


class Undocumented(AssertionError):
    pass


class Contract:
    def __init__(self, path=SCHEMAS / "openapi.yaml"):
        with open(path) as file:
            self.document = yaml.safe_load(file)
        if not str(self.document.get("openapi", "")).startswith("3.1."):
            raise AssertionError(f"OpenAPI {self.document.get('openapi')}: these checks know 3.1, whose schemas are those of JSON Schema 2020-12")
        # Schemas of other files become part of the document, with their references turned to where they stand then: what a relative reference means there, validators do not agree upon.
        for other in SCHEMAS.glob("*.schema.json"):
            content = self.moved(json.loads(other.read_text()), "#/x-files/" + other.name)
            content.pop("$id", None)
            self.document.setdefault("x-files", {})[other.name] = content
        self.document = self.joined(self.document)
        self.resolver = RefResolver("", self.document)
        self.seen = set()  # (path, status)

    @classmethod
    def moved(cls, thing, to):
        """Its own references, "#/...", from another place."""
        if isinstance(thing, list):
            return [cls.moved(part, to) for part in thing]
        if not isinstance(thing, dict):
            return thing
        return {name: to + part[1:] if name == "$ref" and isinstance(part, str) and part.startswith("#") else cls.moved(part, to) for name, part in thing.items()}

    @classmethod
    def joined(cls, thing):
        """References to other files, as those to what has become of them."""
        if isinstance(thing, list):
            return [cls.joined(part) for part in thing]
        if not isinstance(thing, dict):
            return thing
        return {name: "#/x-files/" + part if name == "$ref" and isinstance(part, str) and not part.startswith("#") else cls.joined(part) for name, part in thing.items()}

    def resolved(self, thing):
        while isinstance(thing, dict) and "$ref" in thing:
            thing = self.resolver.resolve(thing["$ref"])[1]
        return thing

    def operation(self, method, path):
        """(documented path, operation)"""
        for template, item in self.document["paths"].items():
            pattern = "".join(f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", template))
            if re.fullmatch(pattern, path):
                found = item.get("get" if method == "HEAD" else method.lower())
                if found is None:
                    # which is what 405 says; it stands beside the answers of a method that is there
                    found = next(({"responses": {"405": operation["responses"]["405"]}} for operation in item.values() if "405" in operation.get("responses", ())), None)
                if found is None:
                    raise Undocumented(f"{method} {path}: the method is not documented")
                return template, found
        raise Undocumented(f"{path}: not documented")

    def statuses(self, path, method="get"):
        return {int(status) for status in self.document["paths"][path][method]["responses"]}

    def validate(self, schema, value, where):
        """By the schema; `where` is for people."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            errors = sorted(Draft202012Validator(schema, resolver=self.resolver, format_checker=FormatChecker()).iter_errors(value), key=lambda error: list(map(str, error.path)))
        if errors:
            deepest = min(errors[0].context, key=lambda error: -len(error.path), default=errors[0])
            raise AssertionError(f"{where}: at /{'/'.join(map(str, deepest.absolute_path))}: {deepest.message[:600]}")

    @staticmethod
    def plain(schema, text):
        """What the text of a parameter or header stands for."""
        kinds = schema.get("type", "string")
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            if kind == "integer" and re.fullmatch(r"-?\d+", text):
                return int(text)
            if kind == "boolean" and text in ("true", "false"):
                return text == "true"
        return text

    def check_query(self, operation, item, query):
        """The parameters of a request that was answered well are documented, and have documented values."""
        known = {parameter["name"]: parameter for parameter in map(self.resolved, [*item.get("parameters", ()), *operation.get("parameters", ())]) if parameter["in"] == "query"}
        given = {}
        for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
            if name not in known:
                raise Undocumented(f"parameter {name} is not documented")
            given.setdefault(name, []).append(value)
        for name, values in given.items():
            schema = self.resolved(known[name]["schema"])
            if schema.get("type") == "array":
                # several, or with commas between
                values = [[self.plain(self.resolved(schema["items"]), part) for value in values for part in value.split(",")]]
            elif len(values) > 1:
                raise Undocumented(f"parameter {name} stands {len(values)} times")
            else:
                values = [self.plain(schema, values[0])]
            self.validate(known[name]["schema"], values[0], f"parameter {name}")

    def check(self, method, target, answer):
        """`answer` has status, headers (names in lower case) and body, decoded of any Content-Encoding."""
        path, _, query = target.partition("?")
        template, operation = self.operation(method, path)
        where = f"{method} {path} {answer.status}"
        responses = {str(status): response for status, response in operation["responses"].items()}
        if str(answer.status) not in responses:
            raise Undocumented(f"{where}: the status is not documented\n{answer.body[:500]!r}")
        response = self.resolved(responses[str(answer.status)])
        if answer.status == 200:
            self.check_query(operation, self.document["paths"][template], query)

        headers = {name.lower(): self.resolved(header) for name, header in response.get("headers", {}).items()}
        for name in answer.headers:
            if name not in headers and name not in OF_HTTP:
                raise Undocumented(f"{where}: the header {name} is not documented")
        for name, header in headers.items():
            if name not in answer.headers:
                if header.get("required"):
                    raise AssertionError(f"{where}: no header {name}")
                continue
            schema = self.resolved(header.get("schema", {}))
            self.validate(header.get("schema", {}), self.plain(schema, answer.headers[name]), f"{where}: header {name}")

        contents = response.get("content", {})
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        if not contents:
            if answer.body:
                raise Undocumented(f"{where}: a body of {kind}, and none is documented")
        elif kind not in contents:
            raise Undocumented(f"{where}: {kind or 'no media type'} is not documented")
        elif method != "HEAD":
            self.check_body(contents[kind], kind, answer.body, where)
        self.seen.add((template, answer.status))
        return answer

    def check_body(self, content, kind, body, where):
        # a sequence of documents, one a line: itemSchema as of OpenAPI 3.2, under a name that 3.1 allows
        of_line = content.get("itemSchema") or content.get("x-itemSchema")
        if of_line is not None:
            text = body.decode()
            if text and not text.endswith("\n"):
                raise AssertionError(f"{where}: the last line does not end")
            for number, line in enumerate(text.splitlines()):
                self.validate(of_line, json.loads(line) if "json" in kind else line, f"{where}: line {number + 1}")
        elif "schema" not in content:
            raise Undocumented(f"{where}: {kind} has no schema")
        else:
            self.validate(content["schema"], json.loads(body) if kind.endswith("json") and "ndjson" not in kind else body.decode(), where)


