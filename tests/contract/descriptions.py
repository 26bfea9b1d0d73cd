"""Okta's API descriptions (OpenAPI 3.0) as judges of exchanges.

OpenAPI 3.0 has a dialect of JSON Schema of its own; what differs is translated here, so that `jsonschema` can
judge. Two things are read more strictly than the standard asks: a key that the description does not name is a
fault, and so is a word outside `x-okta-known-values`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError, relevance

from tests.contract.exchanges import REFERENCE, Exchange

FOLDER = REFERENCE / "openapi"
METHODS = ("get", "post", "put", "patch", "delete")
Schema = dict[str, Any]

FORMATS = FormatChecker(formats=())
"""The library's own checks need packages that are not installed, and would then pass everything."""
UNCHECKED = {
    "password": "a hint for forms, no syntax",
    "scim-filter": "the emulator parses filters; that one is answered with 200 shows that it could be read",
    "int32": "a size, no syntax",
    "order-by": "the emulator refuses what it cannot sort by",
}
"""Formats of the descriptions that nothing here looks at, and why."""


@FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    """RFC 3339: a zone is part of it."""
    return not isinstance(value, str) or ("T" in value and datetime.fromisoformat(value).tzinfo is not None)


@FORMATS.checks("email")
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None


def _id_of(prefix: str) -> re.Pattern[str]:
    return re.compile(prefix + "[0-9A-Za-z]{17}")


_SHAPES = {
    "okta-user-id": _id_of("00u"),
    "okta-resource-id": _id_of("[0-9A-Za-z]{3}"),
    "entitlement-bundle-id": _id_of("enb"),
    "collection-id": _id_of("col"),
    "grant-id": _id_of("[0-9A-Za-z]{3}"),
    "okta-resource-orn": re.compile("orn:[^:]+(:[^:]+){3,}"),
    "okta-user-orn": re.compile("orn:[^:]+:directory:[^:]+:users:00u[0-9A-Za-z]{17}"),
}


def _check_shape(name: str, shape: re.Pattern[str]) -> None:
    @FORMATS.checks(name)
    def _has_shape(value: object) -> bool:
        return not isinstance(value, str) or shape.fullmatch(value) is not None


for _name, _shape in _SHAPES.items():
    _check_shape(_name, _shape)


@dataclass(frozen=True)
class Operation:
    """One method of one described path."""

    method: str
    template: str
    described: Schema
    parameters: tuple[Schema, ...]
    document: Document

    def __str__(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def statuses(self) -> frozenset[int]:
        return frozenset(int(status) for status in self.described["responses"])

    def matches(self, method: str, path: str) -> dict[str, str] | None:
        """The variable parts of ``path`` by name; None where it is another operation's."""
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.template))
        found = re.fullmatch(pattern, path) if method == self.method else None
        return found.groupdict() if found else None

    def answer_faults(self, exchange: Exchange) -> list[str]:
        """What the description does not allow about an answer."""
        if exchange.status not in self.statuses:
            return [f"status {exchange.status} is not documented"]
        answer = self.document.resolved(self.described["responses"][str(exchange.status)])
        content = answer.get("content", {})
        if not content:
            return ["a body where none is documented"] if exchange.answer else []
        if exchange.answer_type not in content:
            return [f"media type {exchange.answer_type!r} is not documented"]
        schema = content[exchange.answer_type]["schema"]
        return self.document.faults(schema, exchange.answer_json, of_request=False)

    def request_faults(self, exchange: Exchange) -> list[str]:
        """What the description does not allow about a request: parameters and body."""
        in_path = self.matches(exchange.method, exchange.path) or {}
        return [*self._parameter_faults(exchange, in_path), *self._sent_body_faults(exchange)]

    def _parameter_faults(self, exchange: Exchange, in_path: dict[str, str]) -> Iterator[str]:
        given = {("query", key): value for key, value in exchange.query}
        if len(given) != len(exchange.query):
            yield f"a query parameter stands twice: {exchange.query}"
        given |= {("path", key): value for key, value in in_path.items()}
        for parameter in self.parameters:
            where = (parameter["in"], parameter["name"])
            if where not in given:
                if parameter.get("required") and where[0] == "query":
                    yield f"the query parameter {where[1]} is missing"
                continue
            value = _typed(given.pop(where), self.document.resolved(parameter["schema"]))
            for fault in self.document.faults(parameter["schema"], value, of_request=True):
                yield f"{where[0]} parameter {where[1]}: {fault}"
        yield from (f"{place} parameter {name} is not described" for place, name in given)

    def _sent_body_faults(self, exchange: Exchange) -> list[str]:
        described = self.described.get("requestBody")
        if described is None:
            return ["a body where none is described"] if exchange.sent else []
        described = self.document.resolved(described)
        if not exchange.sent:
            return ["the body is missing"] if described.get("required") else []
        if exchange.sent_type not in described["content"]:
            return [f"media type {exchange.sent_type!r} is not described"]
        schema = described["content"][exchange.sent_type]["schema"]
        return self.document.faults(schema, exchange.sent_json, of_request=True)


def _typed(text: str, schema: Schema) -> object:
    """A parameter is text on the wire; its schema may want a number or a flag."""
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if schema.get("type") == "boolean" and text in ("true", "false"):
        return text == "true"
    return text.split(",") if schema.get("type") == "array" else text


class Document:
    """One description file."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._definitions = {of_request: self._translate_all(of_request) for of_request in (False, True)}

    def operations(self) -> Iterator[Operation]:
        for template, item in self._document["paths"].items():
            for method in METHODS:
                if method not in item:
                    continue
                listed = [*item.get("parameters", []), *item[method].get("parameters", [])]
                parameters = tuple(self.resolved(each) for each in listed)
                yield Operation(method.upper(), template, item[method], parameters, self)

    def resolved(self, described: Schema) -> Schema:
        while "$ref" in described:
            found: Any = self._document
            for step in described["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            described = found
        return described

    def formats(self) -> set[str]:
        return {each for each in _values_of(self._document, "format") if isinstance(each, str)}

    def faults(self, schema: Schema, value: object, *, of_request: bool) -> list[str]:
        translated = {
            **_translated(schema, of_request=of_request, is_part=False),
            "$defs": self._definitions[of_request],
        }
        validator = Draft202012Validator(translated, format_checker=FORMATS)
        errors = list(validator.iter_errors(value))
        return [f"{error.json_path}: {_cause(error)}" for error in errors if not _follows(error, errors)]

    def _translate_all(self, of_request: bool) -> Schema:
        """Every schema twice: as it stands where it is used whole, and open, as a part of others."""
        schemas = self._document["components"]["schemas"]
        parts = {
            f"{name} as a part": _translated(schema, of_request=of_request, is_part=True)
            for name, schema in schemas.items()
        }
        return parts | {
            name: _translated(schema, of_request=of_request, is_part=False)
            for name, schema in schemas.items()
        }


def _follows(error: ValidationError, errors: list[ValidationError]) -> bool:
    """Keys seem unknown only because the part that names them has a fault of its own."""
    if error.validator != "unevaluatedProperties":
        return False
    at = list(error.absolute_path)
    return any(
        list(other.absolute_path)[: len(at)] == at
        and (len(other.absolute_path) > len(at) or other.validator != error.validator)
        for other in errors
    )


def _cause(error: ValidationError) -> str:
    """The alternative that came nearest, where none of several fits."""
    if not error.context:
        return error.message[:300]
    nearest = max(error.context, key=relevance)
    return f"{nearest.json_path}: {nearest.message[:300]}"


def _translated(schema: Schema, *, of_request: bool, is_part: bool) -> Schema:
    """OpenAPI 3.0 -> JSON Schema 2020-12."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2] + (" as a part" if is_part else "")
        return {"$ref": "#/$defs/" + name.replace(" ", "%20")}
    kept = {key: schema[key] for key in _AS_IT_IS if key in schema}
    if "x-okta-known-values" in schema and "enum" not in schema:
        kept["enum"] = list(schema["x-okta-known-values"])
    kept |= _composed(schema, of_request=of_request)
    kept |= _object(schema, of_request=of_request)
    if not is_part and _is_closed(schema):
        kept["unevaluatedProperties"] = False
    return _nullable(kept) if schema.get("nullable") else kept


_AS_IT_IS = (
    *("type", "enum", "format", "pattern", "minLength", "maxLength", "minItems", "maxItems"),
    *("minimum", "maximum", "uniqueItems"),
)


def _composed(schema: Schema, *, of_request: bool) -> Schema:
    """`oneOf` among answers is read as `anyOf`: their alternatives overlap, an empty list fits all of them.

    A discriminator adds nothing to a verdict: each alternative names its own word in an enum.
    """
    composed: Schema = {}
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            parts = [_translated(part, of_request=of_request, is_part=True) for part in schema[key]]
            composed["anyOf" if key == "oneOf" and not of_request else key] = parts
    return composed


def _object(schema: Schema, *, of_request: bool) -> Schema:
    """Read-only keys are required of answers alone, write-only ones of requests (OpenAPI 3.0.3)."""
    properties = schema.get("properties", {})
    hidden = "readOnly" if of_request else "writeOnly"
    found: Schema = {
        "properties": {
            key: _translated(each, of_request=of_request, is_part=False) for key, each in properties.items()
        }
    }
    required = [key for key in schema.get("required", ()) if not properties.get(key, {}).get(hidden)]
    found |= {"required": required} if required else {}
    if isinstance(schema.get("items"), dict):
        found["items"] = _translated(schema["items"], of_request=of_request, is_part=False)
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        more = _translated(more, of_request=of_request, is_part=False)
    return found if more is None else {**found, "additionalProperties": more}


def _is_closed(schema: Schema) -> bool:
    """Names keys, itself or by its parts; a schema without any says nothing about them."""
    return any(schema.get(key) for key in ("properties", "allOf", "anyOf", "oneOf"))


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [{"type": "null"}, schema]}


def _values_of(node: object, key: str) -> Iterator[object]:
    if isinstance(node, dict):
        for name, inner in node.items():
            if name == key:
                yield inner
            yield from _values_of(inner, key)
    elif isinstance(node, list):
        for inner in node:
            yield from _values_of(inner, key)


@lru_cache(maxsize=1)
def documents() -> tuple[Document, ...]:
    return tuple(Document(json.loads(path.read_text("utf-8"))) for path in sorted(FOLDER.glob("*.json")))


@lru_cache(maxsize=1)
def operations() -> tuple[Operation, ...]:
    """Fixed paths before variable ones, as the standard wants them matched."""
    found = [operation for document in documents() for operation in document.operations()]
    return tuple(sorted(found, key=lambda each: each.template.count("{")))


def operation_of(method: str, path: str) -> Operation | None:
    for operation in operations():
        if operation.matches(method, path) is not None:
            return operation
    return None
