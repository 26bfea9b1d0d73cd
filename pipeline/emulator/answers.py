"""What a view receives and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None
    """Parsed JSON; None without a body."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """The variable parts of the path."""
    origin: str = ""
    """Scheme and host as the caller addressed the org."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    form: Mapping[str, str] = field(default_factory=dict)
    """A body of the type application/x-www-form-urlencoded."""
    client_id: str | None = None
    """The service app that calls; None for an API token."""


@dataclass(frozen=True, slots=True)
class Answer:
    body: Any
    """JSON; None leaves the answer empty."""
    status: int = 200
    links: tuple[tuple[str, str], ...] = ()
    """(rel, url): each becomes one `Link` header line of its own, as recorded."""
    location: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers of this answer alone."""


def management_url(origin: str, path: str, params: Mapping[str, str]) -> str:
    """Core links: blanks as +, the cursor first (recording TestAccDataSourceOktaUser_read)."""
    ordered = sorted(params.items(), key=lambda pair: (pair[0] not in ("after", "limit"), pair[0]))
    return (
        origin + path + _query("&".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in ordered))
    )


_GOVERNANCE_ORDER = ("filter", "include", "after", "limit", "orderBy")


def governance_url(origin: str, path: str, params: Mapping[str, str]) -> str:
    """Governance links: blanks as %20 (recording entitlements__list_entitlements)."""
    ordered = [(key, params[key]) for key in _GOVERNANCE_ORDER if key in params]
    return origin + path + _query("&".join(f"{key}={quote(value, safe='')}" for key, value in ordered))


def _query(text: str) -> str:
    return f"?{text}" if text else ""


def link(href: str) -> dict[str, Any]:
    """A link inside a governance body."""
    return {"href": href, "hints": {}}
