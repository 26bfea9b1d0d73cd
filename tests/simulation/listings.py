"""Whether what a run went by had been read to its end, as seen on the wire (rule 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.simulation.history import ENTITLEMENTS, GRANTS
from tests.simulation.wire import Sent

NEEDED_FOR = {
    "assign": ("app_users",),
    "grant": ("grants", "risk_rules"),
    "extend": ("grants", "risk_rules"),
    "retime": ("grants",),
    "convert": ("grants", "entitlements", "values", "risk_rules"),
    "revoke": ("grants", "entitlements", "values"),
    "create": ("entitlements", "values"),
    "add": ("entitlements", "values"),
    "rename": ("entitlements", "values"),
    "describe": ("entitlements", "values"),
}
"""Which listings of the whole app a change rests on."""

RISK_RULES = "/governance/api/v1/risk-rules"
NEVER_CAME = "a page of it never came"


def kind_of(sent: Sent) -> str | None:
    """Which listing of the whole app a call is a page of."""
    if sent.path == GRANTS:
        return None if "targetPrincipal" in sent.query else "grants"
    if sent.path in (ENTITLEMENTS, f"{ENTITLEMENTS}/values"):
        return "values" if sent.path.endswith("/values") else "entitlements"
    if sent.path == RISK_RULES:
        return "risk_rules"
    is_app_users = sent.path.startswith("/api/v1/apps/") and sent.path.endswith("/users")
    return "app_users" if is_app_users else None


def incomplete(calls: Iterable[Sent]) -> dict[str, str]:
    """The listings whose last chain of pages in ``calls`` did not close, and why."""
    pages: dict[str, list[Sent]] = {}
    for sent in calls:
        kind = None if sent.is_write else kind_of(sent)
        if kind is not None:
            pages.setdefault(kind, []).append(sent)
    found = {kind: _why_open(chain) for kind, chain in pages.items()}
    return {kind: why for kind, why in found.items() if why is not None}


def _why_open(pages: list[Sent]) -> str | None:
    """None where the last chain starts at the first page and each page leads to a new one, up to the last."""
    expected: str | None = ""
    seen: set[str] = set()
    ids: set[str] = set()
    total = 0
    why: str | None = NEVER_CAME
    for sent in pages:
        after = dict(parse_qsl(sent.query)).get("after", "")
        if after == "" and expected != "":
            expected, seen, ids, total, why = "", set(), set(), 0, NEVER_CAME
        if after != expected or not sent.tells:
            continue
        body = sent.json
        items = body if isinstance(body, list) else body["data"]
        ids.update(each["id"] for each in items)
        total = (body.get("metadata") or {}).get("total", 0) if isinstance(body, dict) else 0
        seen.add(after)
        expected = next((_cursor(link) for link in _ways_on(sent, body)), None)
        if expected is None:
            why = f"the org counts {total}, its pages showed {len(ids)}" if total > len(ids) else None
        elif expected in seen:
            expected, why = None, "its pages go round in a circle"
        else:
            why = NEVER_CAME
    return why


def _ways_on(sent: Sent, body: Any) -> Iterator[str]:
    if isinstance(body, dict):
        following = (body.get("_links") or {}).get("next")
        if following:
            yield following["href"]
        return
    assert sent.answer is not None
    for line in sent.answer.headers.get_list("link"):
        address, _, rel = line.partition(";")
        if 'rel="next"' in rel:
            yield address.strip(" <>")


def _cursor(link: str) -> str:
    return dict(parse_qsl(urlsplit(link).query)).get("after", "")
