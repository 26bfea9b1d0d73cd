"""The policy file ``policies/*.yaml`` (``okta-plan-policy/v1``): which values nobody may hold together."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline.plan.model import Name, OktaAppRef, Part

SCHEMA: Literal["okta-plan-policy/v1"] = "okta-plan-policy/v1"
ID_CHARS_MAX = 100


def is_policy(name: str) -> bool:
    """Whether a file of this name in the folder of policies is one."""
    return name.endswith((".yaml", ".yml")) and not name.startswith(".")


def _duty(given: object) -> object:
    return (given,) if isinstance(given, str) else given


def _in_full(text: str) -> str:
    entitlement, slash, value = text.partition("/")
    if not (slash and entitlement.strip() and value.strip()):
        raise ValueError('name the value as "Entitlement/value"; * stands for any text')
    return text


def _usable_id(text: str) -> str:
    if len(text) > ID_CHARS_MAX or not all(each.isalnum() or each in "._-" for each in text):
        raise ValueError(f"letters, digits, dot, underscore and dash, at most {ID_CHARS_MAX} of them")
    return text


def _not_empty(given: tuple[str, ...]) -> tuple[str, ...]:
    if not given:
        raise ValueError("name at least one value")
    return given


def _two_or_more(given: tuple[object, ...]) -> tuple[object, ...]:
    if len(given) < 2:  # noqa: PLR2004 - together takes two
        raise ValueError("name two or more that nobody may hold together")
    return given


# Lengths are judged after the entries, so that a bad entry is not also told as one too few.
Duty = Annotated[
    tuple[Annotated[Name, AfterValidator(_in_full)], ...],
    BeforeValidator(_duty, json_schema_input_type=str | list[str]),
    AfterValidator(_not_empty),
]
"""Values that are one duty: whoever holds any of them has it."""


class PolicyRule(Part):
    """Nobody may hold values of two of the duties under ``together``."""

    id: Annotated[Name, AfterValidator(_usable_id)]
    why: Name
    okta_app: OktaAppRef | None = None
    severity: Literal["error", "warning"] = "error"
    together: Annotated[
        tuple[Duty, ...], AfterValidator(_two_or_more), Field(json_schema_extra={"minItems": 2})
    ]


class Policy(Part):
    """One policy file; ``okta_app`` is for rules that name none themselves."""

    schema_: Annotated[Literal["okta-plan-policy/v1"], Field(alias="schema")]
    okta_app: OktaAppRef | None = None
    rules: tuple[PolicyRule, ...]
