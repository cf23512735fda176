"""A vendor's OpenAPI description, and what in a conversation breaks it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from tests.outreach.fakes.web import Answer, Request

KINDS: Mapping[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list,
}  # fmt: skip
TYPED = {"number": r"-?\d+(\.\d+)?", "integer": r"-?\d+", "boolean": "true|false"}


class Description:
    """The part of JSON Schema and OpenAPI 3.0 that these descriptions use."""

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        self.spec: dict[str, Any] = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)

    def operation(self, request: Request) -> tuple[str, dict[str, Any]] | None:
        """Return the path as it is described, and its operation; None: there is none."""
        path = urlsplit(request.path).path
        for template, operations in self.spec["paths"].items():
            pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and request.method.lower() in operations:
                return template, operations[request.method.lower()]
        return None

    def asked(self, request: Request, operation: Mapping[str, Any]) -> Iterator[str]:
        """Yield what is wrong with a request."""
        parameters = operation.get("parameters", ())
        known = {each["name"]: each["schema"] for each in parameters if each["in"] == "query"}
        for name, value in parse_qsl(urlsplit(request.path).query):
            if known and name not in known:
                yield f"the parameter {name} is not described"
            elif not re.fullmatch(TYPED.get(known.get(name, {}).get("type", ""), ".*"), value, re.DOTALL):
                yield f"the parameter {name} is {value!r}"
        yield from self.body(request.body, operation.get("requestBody", {}).get("content", {}), "asked")

    def answered(self, answer: Answer, operation: Mapping[str, Any]) -> Iterator[str]:
        """Yield what is wrong with an answer.

        A good status that is not described is taken as the one that is; few describe every error they answer.
        """
        responses = {str(status): each for status, each in operation["responses"].items()}
        described = responses.get(str(answer.status))
        if described is None and 200 <= answer.status < 300:
            described = next(each for status, each in responses.items() if status.startswith("2"))
        yield from self.body(answer.body, (described or {}).get("content", {}), "answered")

    def body(self, body: bytes, content: Mapping[str, Any], at: str) -> Iterator[str]:
        """Yield what is wrong with a body, where JSON is described."""
        schema = content.get("application/json", {}).get("schema")
        if schema is not None and body:
            yield from self.problems(json.loads(body), schema, at)

    def problems(self, value: Any, schema: Mapping[str, Any], at: str) -> Iterator[str]:
        """Yield where a value breaks its schema."""
        if "$ref" in schema:
            schema = self.spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        for part in schema.get("allOf", ()):
            yield from self.problems(value, part, at)
        if value is None and schema.get("nullable"):
            return
        kind = schema.get("type")
        right = kind is None or (isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool)))
        if not right:
            yield f"{at} is {value!r}, not a {kind}"
        elif "enum" in schema and value not in schema["enum"]:
            yield f"{at} is {value!r}, none of {schema['enum']}"
        elif kind == "array":
            for number, item in enumerate(value):
                yield from self.problems(item, schema.get("items", {}), f"{at}[{number}]")
        elif kind == "object" or "properties" in schema:
            yield from self._members(value, schema, at)

    def _members(self, value: Mapping[str, Any], schema: Mapping[str, Any], at: str) -> Iterator[str]:
        properties, other = schema.get("properties", {}), schema.get("additionalProperties", True)
        yield from (f"{at}.{name} is missing" for name in schema.get("required", ()) if name not in value)
        for name, item in value.items():
            if name in properties:
                yield from self.problems(item, properties[name], f"{at}.{name}")
            elif other is False:
                yield f"{at}.{name} is not described"
            elif isinstance(other, dict):
                yield from self.problems(item, other, f"{at}.{name}")
