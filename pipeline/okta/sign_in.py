"""Signing in as the owner of an API token; what any way of signing in offers to the client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pipeline.okta.client import Answer

TOKEN_PATH = "/oauth2/v1/token"
"""Of the org authorization server: only it gives out okta.* scopes (okta-api.md section 10)."""

Form = Mapping[str, str]
Ask = Callable[[Form, Mapping[str, str]], Awaitable["Answer"]]
"""Sends a form to the org's token endpoint, once, with these headers."""


class SignIn(Protocol):
    """How calls are signed. Nothing of it shows a secret."""

    @property
    def service_app(self) -> str | None:
        """Which service app signs in, and how; None where a user does."""

    @property
    def refused_advice(self) -> str:
        """What to check after a 401."""

    @property
    def forbidden_advice(self) -> str:
        """What to check after a 403."""

    async def prepare(self, ask: Ask) -> None:
        """Be ready to sign now. Raises CredentialError where Okta does not let us in."""

    @property
    def left_out(self) -> frozenset[str]:
        """Optional scopes that turned out not to be granted; what needs them is not asked for."""

    async def missing(self, ask: Ask) -> frozenset[str]:
        """The wanted scopes that were not granted; calls go on without them."""

    def headers(self, method: str, url: str) -> dict[str, str]:
        """The headers that sign one request; ``url`` without its query, its path decoded."""

    def signs_anew(self, answer: Answer) -> bool:
        """Learn from an answer; True where the same call, signed anew, may be let in."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """An API token acts as the administrator who owns it."""

    token: str = field(repr=False)

    service_app = None
    left_out = frozenset[str]()
    refused_advice = "Check OKTA_API_TOKEN: it may be revoked, unused for 30 days, or of another org."
    forbidden_advice = "Give the token's owner an admin role that may manage this app and its governance."

    async def prepare(self, ask: Ask) -> None:
        """Nothing to do: the token is the credential."""

    async def missing(self, ask: Ask) -> frozenset[str]:  # noqa: ARG002  nothing to ask for
        """None: a token has no scopes, its owner's roles decide."""
        return frozenset()

    def headers(self, method: str, url: str) -> dict[str, str]:  # noqa: ARG002  the same for every call
        """``Authorization: SSWS``."""
        return {"Authorization": f"SSWS {self.token}"}

    def signs_anew(self, answer: Answer) -> bool:  # noqa: ARG002  see below
        """Never: the same token would be refused again."""
        return False
