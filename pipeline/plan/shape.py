"""What pydantic says about a plan's shape, as findings for people: file:line, plain words, a suggestion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from pipeline.findings import Finding, FindingCode, Location, Severity
from pipeline.plan.model import Plan
from pipeline.plan.wording import did_you_mean, listed, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

    from pipeline.plan.problem import Path
    from pipeline.plan.yaml_events import YamlDocument

_SUMMARIES = {
    FindingCode.UNKNOWN_KEY: "A key is unknown.",
    FindingCode.MISSING_KEY: "A key is missing.",
    FindingCode.WRONG_TYPE: "A value is of the wrong type.",
    FindingCode.BAD_VALUE: "A value cannot be used.",
    FindingCode.TOO_LONG: "A text is too long.",
}
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
}
_PATTERNS = {
    "id": "An app's id is '0oa' and 17 letters or digits; for a label write 'label:'",
    "sha256": "A sha256 is 64 digits and lower-case letters a to f",
    "name": "A plan's name starts with a letter or digit; dots, dashes and underscores may follow",
}


def shape_findings(
    errors: list[ErrorDetails], document: YamlDocument, shown_as: str, model: type[BaseModel] = Plan
) -> Iterator[Finding]:
    """One finding for each of pydantic's ``errors`` about a ``model``, except on paths reported already."""
    reported = {error["loc"] for error in errors}
    for error in errors:
        path = error["loc"]
        if any(path[:length] in document.spoilt for length in range(1, len(path) + 1)):
            continue
        if _is_derived(path, document, reported):
            continue
        code, detail = _explained(error, model)
        yield Finding(
            code, Severity.ERROR, _SUMMARIES[code], detail, Location(shown_as, document.lines(path))
        )


def _is_derived(path: Path, document: YamlDocument, reported: set[Path]) -> bool:
    """A value's external_value that is not in the file is its name, which has the same error."""
    return (
        path[-1:] == ("external_value",) and not document.lines.has(path) and (*path[:-1], "name") in reported
    )


def _explained(error: ErrorDetails, model: type[BaseModel]) -> tuple[FindingCode, str]:
    kind, path, context = error["type"], error["loc"], error.get("ctx", {})
    where = _where(path)
    if kind == "extra_forbidden":
        return FindingCode.UNKNOWN_KEY, _unknown_key(path, model)
    if kind == "missing":
        owner = _where(path[:-1])
        return FindingCode.MISSING_KEY, f"The key {shown(str(path[-1]))} is missing {owner}. Add it."
    if kind in _EXPECTED:
        return FindingCode.WRONG_TYPE, f"Expected {_EXPECTED[kind]} {where}, found {_found(error['input'])}."
    if kind == "string_too_long":
        return FindingCode.TOO_LONG, f"The text {where} is longer than {context['max_length']} characters."
    return FindingCode.BAD_VALUE, _bad_value(kind, path, context, error["input"])


def _bad_value(kind: str, path: Path, context: dict[str, Any], given: object) -> str:
    where, found = _where(path), _found(given)
    texts: dict[str, Callable[[], str]] = {
        "literal_error": lambda: _not_a_choice(context["expected"], where, given),
        "string_pattern_mismatch": lambda: (
            f"{_PATTERNS.get(str(path[-1]), f'The text {where} has the wrong form')}; found {found}."
        ),
        "string_too_short": lambda: _empty_text(path, where),
        "too_short": lambda: f"The list {where} is empty. Name at least one.",
        "greater_than_equal": lambda: f"Expected {context['ge']} or more {where}, found {found}.",
        "finite_number": lambda: f"Expected a number with an end {where}, found {found}.",
        "value_error": lambda: f"This does not fit {where}: {context['error']}.",
    }
    return texts.get(kind, lambda: f"{found} cannot be used {where}.")()


def _not_a_choice(expected: str, where: str, given: object) -> str:
    choices = expected.replace(" or ", ", ").replace("'", "").split(", ")
    hint = did_you_mean(given, choices) if isinstance(given, str) else ""
    return f"Expected {listed(choices, last='or')} {where}, found {_found(given)}.{hint}"


def _empty_text(path: Path, where: str) -> str:
    if path[-1] == "[key]":
        return f"An empty key {_where(path[:-2])} names nothing. Give it a name or remove it."
    return f"The text {where} is empty. Fill it in."


def _unknown_key(path: Path, model: type[BaseModel]) -> str:
    key = str(path[-1])
    known = _known_keys(path[:-1], model)
    hint = did_you_mean(key, known) or f" Known keys are {listed(known)}."
    return f"{shown(key)} is not a key {_where(path[:-1])}.{hint}"


def _where(path: Path) -> str:
    """``in 'access' entry 2, 'expires'``; entries count from 1, as people do."""
    words: list[str] = []
    for step in path:
        if isinstance(step, int) and words:
            words[-1] += f" entry {step + 1}"
        elif step != "[key]":
            words.append(f"'{str(step)[:60]}'")
    return f"in {', '.join(words)}" if words else "in the file"


def _found(given: object) -> str:
    match given:
        case None:
            return "nothing (null)"
        case str():
            return shown(given)
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return shown(str(given))


def _known_keys(path: Path, model: type[BaseModel]) -> list[str]:
    """The keys of the model that stands at ``path`` of ``model``."""
    for step in path:
        field = next((f for key, f in _fields(model).items() if key == step), None)
        if field is not None:
            model = _model_in(field) or model
    return list(_fields(model))


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
