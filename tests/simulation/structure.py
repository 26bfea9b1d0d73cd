"""Entitlements of a small plan and a small org: values that lack, are called otherwise, are described."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

Pair = tuple[str, str]
"""Entitlement and value, by their external values."""

ENTITLEMENTS: Mapping[str, tuple[bool, tuple[str, ...]]] = {
    "Role": (True, ("Admin", "Clerk", "Guest", "Owner")),
    "Level": (False, ("High", "Low")),
    "Team": (True, ("Blue", "Red")),
}
"""External value -> whether a person may hold several of its values, and these."""
OLD_NAME = "Boss"
"""What an org may call a role that the plan calls otherwise."""


def plan_entitlements(rng: random.Random) -> list[dict[str, Any]]:
    return [
        {"name": name, "external_value": name, "multi_value": multi, "values": list(values)}
        for name, (multi, values) in ENTITLEMENTS.items()
        if name == "Role" or rng.random() < 0.5
    ]


def with_planned_texts(rng: random.Random, entitlements: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the plan says of some entitlements and values beside their names."""
    if rng.random() < 0.75:
        return list(entitlements)
    found: list[dict[str, Any]] = []
    for each in entitlements:
        values = [
            {"name": value, "description": f"may be {value}"} if rng.random() < 0.3 else value
            for value in each["values"]
        ]
        texts = {"description": "as planned"} if rng.random() < 0.5 else {}
        found.append({**each, "values": values, **texts})
    return found


def value_name(planned: str | Mapping[str, str]) -> str:
    """A value of the plan, however it is written."""
    return planned if isinstance(planned, str) else planned["name"]


def tenant_entitlements(rng: random.Random) -> tuple[list[dict[str, Any]], dict[Pair, Pair]]:
    """What the app has, and which of its values the plan moves to which of its own."""
    entitlements: list[dict[str, Any]] = []
    moves: dict[Pair, Pair] = {}
    for number, (name, (multi, values)) in enumerate(ENTITLEMENTS.items()):
        if rng.random() < 0.25:
            continue
        known = [
            {"id": f"ent{number}{n}{'v':0<15}", "name": value, "external_value": value, **_texts(rng)}
            for n, value in enumerate(values)
            if rng.random() < 0.7
        ]
        if known and rng.random() < 0.05:
            known[0] |= {"name": f"{known[0]['name']} ", "external_value": f"{known[0]['name']} "}
        elif known and name == "Role" and rng.random() < 0.2:
            moves[name, OLD_NAME] = (name, known[0]["external_value"])
            known += _move_back(rng, known[0])
        is_multi = multi if rng.random() < 0.95 else not multi
        about = {"id": f"esp{number}{'e':0<16}", "name": name, "external_value": name, **_texts(rng)}
        entitlements.append({**about, "multi_value": is_multi, "values": known})
    return entitlements, moves


def _texts(rng: random.Random) -> dict[str, str]:
    return {"description": "as it was"} if rng.random() < 0.2 else {}


def _move_back(rng: random.Random, value: dict[str, Any]) -> list[dict[str, Any]]:
    """Give ``value`` its old name; at times another is there that stands in the way of the new one."""
    new = value["external_value"]
    value |= {"name": rng.choice([OLD_NAME, "The boss"]), "external_value": OLD_NAME}
    return [{"id": f"ent09{'v':0<15}", "name": f"{new} ", "external_value": f"{new} "}] * (rng.random() < 0.2)
