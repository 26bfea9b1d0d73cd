"""What is read of a tenant. Every read either says all of it or raises TenantError."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from pipeline.changes.snapshot import (
    RISK_RULES,
    AppUser,
    BaseAccess,
    EntitlementManagement,
    Listing,
    OktaApp,
    OktaEntitlement,
    OktaGrant,
    OktaUser,
    OktaValue,
    RiskRule,
)
from pipeline.errors import CredentialError, ErrorCode, TenantError
from pipeline.okta.client import Answer, Call, OktaClient, failed
from pipeline.okta.orns import NamedGrantBody, NamedGrants, named_grants
from pipeline.okta.pages import Listed, list_all, require
from pipeline.okta.scopes import RISK_RULES as RISK_RULES_SCOPE
from pipeline.okta.wire import (
    AccessBody,
    AppBody,
    AppUserBody,
    EntitlementBody,
    GrantBody,
    ListedValueBody,
    OrganizationBody,
    RiskRuleBody,
    UserBody,
    WholeEntitlementBody,
    Wire,
)
from pipeline.plan.model import OktaAppRef

B = TypeVar("B", bound=Wire)
G = TypeVar("G", bound=GrantBody)
GOVERNANCE = "/governance/api/v1"
NOT_FOUND = 404


class Reads:
    """Reads through one client."""

    def __init__(self, client: OktaClient) -> None:
        self._client = client
        self._org_id: str | None = None

    async def organization(self) -> str:
        """The org's id, from the endpoint that needs no credential (okta-api.md 1.1); asked for
        once, since an origin is of one org.
        """
        if self._org_id is None:
            call = Call("GET", "/.well-known/okta-organization", is_public=True)
            self._org_id = _body(await self._client.send(call), OrganizationBody, "the organization").id
        return self._org_id

    async def me(self) -> OktaUser | None:
        """The user that owns the token; None for a credential that belongs to no user."""
        answer = await self._client.send(Call("GET", "/api/v1/users/{}", ("me",)))
        if answer.status == NOT_FOUND:
            return None
        return _body(answer, UserBody, "the credential's user").value()

    async def probe(self) -> None:
        """One cheap read of users. Raises CredentialError where the credential may not read them."""
        call = Call("GET", "/api/v1/users", query=(("limit", "1"),))
        answer = await self._client.send(call)
        if not answer.is_good:
            raise failed("Reading users", answer)

    async def okta_app(self, ref: OktaAppRef) -> OktaApp:
        """The app of ``ref``. Raises TenantError where none or several match, or id and label disagree."""
        okta_app = await (self._app_by_id(ref.id) if ref.id else self._app_by_label(ref.label or ""))
        if ref.label is not None and okta_app.label != ref.label:
            raise TenantError(
                ErrorCode.APP_NOT_FOUND,
                "The app's id and label disagree",
                f'The app {okta_app.id} is called "{okta_app.label}", not "{ref.label}".',
                next_step="Correct okta_app in the plan.",
            )
        return await self._with_management(okta_app)

    async def entitlements(self, app_id: str) -> tuple[tuple[OktaEntitlement, ...], tuple[Listing, ...]]:
        """All entitlements of the app with all values, and the proofs of both listings.

        Lists never contain values (okta-api.md 4.1); they come from the listing of the whole app's values.
        """
        entitlements = await self._entitlement_list(app_id)
        call = Call("GET", f"{GOVERNANCE}/entitlements/values", query=_of_app("parent", app_id))
        values = await list_all(self._client, call, ListedValueBody, "values")
        by_entitlement: dict[str, list[OktaValue]] = {}
        for each in values.items:
            by_entitlement.setdefault(each.entitlement_id, []).append(each.value())
        listed = tuple(
            OktaEntitlement(
                id=each.id,
                name=each.name,
                external_value=each.external_value,
                multi_value=each.multi_value,
                values=tuple(by_entitlement.get(each.id, ())),
                description=each.description,
            )
            for each in entitlements.items
        )
        return listed, (entitlements.listing, values.listing)

    async def entitlement(self, entitlement_id: str) -> OktaEntitlement | None:
        """One entitlement with all its values; None where there is none."""
        answer = await self._client.send(Call("GET", f"{GOVERNANCE}/entitlements/{{}}", (entitlement_id,)))
        if answer.status == NOT_FOUND:
            return None
        body = _body(answer, WholeEntitlementBody, "an entitlement")
        if not body.is_whole:
            raise failed("Reading an entitlement (not all values came)", answer)
        return body.value()

    async def app_users(self, app_id: str) -> tuple[dict[str, AppUser], Listing]:
        """The app's user rows by user id; 500 a page (okta-api.md 3)."""
        call = Call("GET", "/api/v1/apps/{}/users", (app_id,), (("limit", "500"),))
        listed = await list_all(self._client, call, AppUserBody, "app_users")
        return {each.id: each.value() for each in listed.items}, listed.listing

    async def app_users_and_users(
        self, app_id: str
    ) -> tuple[dict[str, AppUser], tuple[OktaUser, ...], Listing]:
        """As ``app_users``, and who these users are, which takes no call more."""
        query = (("limit", "500"), ("expand", "user"))
        call = Call("GET", "/api/v1/apps/{}/users", (app_id,), query)
        listed = await list_all(self._client, call, AppUserBody, "app_users")
        users = tuple(
            each.embedded.user.value() for each in listed.items if each.embedded and each.embedded.user
        )
        return {each.id: each.value() for each in listed.items}, users, listed.listing

    async def app_user(self, app_id: str, user_id: str) -> AppUser | None:
        """One user's row; None where there is none."""
        answer = await self._client.send(Call("GET", "/api/v1/apps/{}/users/{}", (app_id, user_id)))
        if answer.status == NOT_FOUND:
            return None
        return _body(answer, AppUserBody, "the app user").value()

    async def grants(self, app_id: str) -> tuple[dict[str, tuple[OktaGrant, ...]], Listing]:
        """All ACTIVE grants of the app by user id (okta-api.md 5.1: no other status is ever listed)."""
        listed = await self._grant_list(app_id, "", GrantBody)
        return _by_user(listed), listed.listing

    async def grants_of(self, app_id: str, user_id: str) -> tuple[OktaGrant, ...]:
        """The ACTIVE grants of one user on the app. Raises TenantError where the listing is incomplete."""
        listed = await self._grant_list(app_id, _of_user(user_id), GrantBody)
        require([listed.listing])
        return _by_user(listed).get(user_id, ())

    async def named_grants(self, app_id: str, user_id: str) -> NamedGrants:
        """As ``grants_of``, with the names by which values can be taken away."""
        listed = await self._grant_list(app_id, _of_user(user_id), NamedGrantBody)
        require([listed.listing])
        return named_grants(each for each in listed.items if each.principal.external_id == user_id)

    async def grant(self, grant_id: str) -> dict[str, Any] | None:
        """The full object of one grant, as a PUT must send it back; None where there is none."""
        answer = await self._client.send(Call("GET", f"{GOVERNANCE}/grants/{{}}", (grant_id,)))
        if answer.status == NOT_FOUND:
            return None
        if not answer.is_good or not isinstance(answer.body, dict):
            raise failed("Reading a grant", answer)
        return answer.body

    async def base_access(self, app_id: str, user_id: str) -> BaseAccess | None:
        """The base grant of one user on the app with all its values; None where there is none. Raises
        TenantError where it is not told in full, or is somebody else's.
        """
        (_, parent), _ = _of_app("parent", app_id)
        (_, principal), _ = _of_app("targetPrincipal", user_id)
        who = principal.replace('"APPLICATION"', '"OKTA_USER"')
        call = Call("GET", f"{GOVERNANCE}/principal-access", query=(("filter", f"{parent} AND {who}"),))
        answer = await self._client.send(call)
        body = _body(answer, AccessBody, "what a person has on the app")
        if (body.parent.external_id, body.principal.external_id) != (app_id, user_id):
            raise failed("Reading what a person has on the app (the answer is about another)", answer)
        return body.value()

    async def users_listed(self, search: str, *, pages_max: int | None = None) -> Listed[UserBody]:
        """All users a search finds; an incomplete listing where they take more than ``pages_max`` pages."""
        call = Call("GET", "/api/v1/users", query=(("search", search), ("limit", "200")))
        return await list_all(self._client, call, UserBody, "users", pages_max=pages_max)

    async def directory(self, pages_max: int) -> tuple[OktaUser, ...] | None:
        """All users of the org; None where that cannot be read to its end in so many pages.

        The plain list leaves the DEPROVISIONED out (okta-api.md 1.2), so they are a second one. A search
        would show both, but not beyond 50,000 results.
        """
        users: list[OktaUser] = []
        for more in ((), (("filter", 'status eq "DEPROVISIONED"'),)):
            call = Call("GET", "/api/v1/users", query=(*more, ("limit", "200")))
            listed = await list_all(self._client, call, UserBody, "users", pages_max=pages_max)
            if not listed.listing.complete:
                return None
            pages_max -= listed.listing.pages
            if pages_max < 1:
                return None
            users += [each.value() for each in listed.items]
        return tuple(users)

    async def user_by_login(self, login: str) -> OktaUser | None:
        """The user that the path answers for ``login``: the caller re-checks that it is the one meant."""
        answer = await self._client.send(Call("GET", "/api/v1/users/{}", (login,)))
        if answer.status == NOT_FOUND:
            return None
        return _body(answer, UserBody, "a user").value()

    async def risk_rules(self, okta_app: OktaApp) -> tuple[tuple[RiskRule, ...], Listing | None, str]:
        """Okta's own rules of separation of duties for the app with the proof of the listing; None, and why,
        where the credential or the org does not tell them.
        """
        if RISK_RULES_SCOPE in self._client.scopes_left_out:
            return (), None, f"The service app was not granted the scope {RISK_RULES_SCOPE}."
        # only the name that Okta itself gave the app is safe to filter by: another would find nothing
        of_app = (("filter", f'resourceOrn eq "{_quoted(okta_app.orn)}"'),) if okta_app.orn else ()
        call = Call("GET", f"{GOVERNANCE}/risk-rules", query=(*of_app, ("limit", "200")))
        try:
            listed = await list_all(self._client, call, RiskRuleBody, RISK_RULES)
        except CredentialError as error:
            if error.code not in (ErrorCode.PERMISSION_MISSING, ErrorCode.SCOPE_MISSING):
                raise
            return (), None, f"The credential may not read them. {error.detail}"
        if listed.refused_with is not None:
            return (), None, f"This org does not tell them: {listed.listing.problem}"
        rules = tuple(each.value() for each in listed.items if each.is_about(okta_app.id))
        return rules, listed.listing, ""

    async def _app_by_id(self, app_id: str) -> OktaApp:
        answer = await self._client.send(Call("GET", "/api/v1/apps/{}", (app_id,)))
        if answer.status == NOT_FOUND:
            raise _no_app(f"There is no app {app_id}, or this credential may not see it.")
        return _body(answer, AppBody, "the app").value()

    async def _app_by_label(self, label: str) -> OktaApp:
        call = Call("GET", "/api/v1/apps", query=(("q", label), ("limit", "200")))
        listed = await list_all(self._client, call, AppBody, "apps")
        require([listed.listing])
        found = [each.value() for each in listed.items if each.label == label]
        if len(found) > 1:
            ids = ", ".join(sorted(each.id for each in found))
            raise TenantError(
                ErrorCode.APP_AMBIGUOUS,
                "Several apps have this label",
                f'"{label}" is the label of {ids}.',
                next_step="Name the app by its id.",
            )
        if not found:
            near = ", ".join(f'"{each.label}"' for each in listed.items[:5])
            raise _no_app(f'No app is called exactly "{label}".' + (f" Similar: {near}." if near else ""))
        return found[0]

    async def _with_management(self, okta_app: OktaApp) -> OktaApp:
        """Old orgs do not say (okta-api.md 2.1); their entitlement listing tells: 404 or 400 means off."""
        if okta_app.entitlement_management is not EntitlementManagement.UNKNOWN:
            return okta_app
        call = Call("GET", f"{GOVERNANCE}/entitlements", query=_of_app("parent", okta_app.id))
        answer = await self._client.send(call)
        state = EntitlementManagement.ENABLED if answer.is_good else EntitlementManagement.UNKNOWN
        return OktaApp(
            id=okta_app.id,
            label=okta_app.label,
            status=okta_app.status,
            entitlement_management=state,
            implicit_assignment=okta_app.implicit_assignment,
            has_provisioning=okta_app.has_provisioning,
            orn=okta_app.orn,
        )

    async def _entitlement_list(self, app_id: str) -> Listed[EntitlementBody]:
        call = Call("GET", f"{GOVERNANCE}/entitlements", query=_of_app("parent", app_id))
        return await list_all(self._client, call, EntitlementBody, "entitlements")

    async def _grant_list(self, app_id: str, more: str, model: type[G]) -> Listed[G]:
        (_, filter_text), limit = _of_app("target", app_id)
        query = (("filter", filter_text + more), ("include", "full_entitlements"), limit)
        return await list_all(self._client, Call("GET", f"{GOVERNANCE}/grants", query=query), model, "grants")


def _of_app(subject: str, app_id: str) -> tuple[tuple[str, str], tuple[str, str]]:
    text = f'{subject}.externalId eq "{_quoted(app_id)}" AND {subject}.type eq "APPLICATION"'
    return ("filter", text), ("limit", "200")


def _of_user(user_id: str) -> str:
    principal = f' AND targetPrincipal.externalId eq "{_quoted(user_id)}"'
    return f'{principal} AND targetPrincipal.type eq "OKTA_USER"'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _by_user(listed: Listed[GrantBody]) -> dict[str, tuple[OktaGrant, ...]]:
    found: dict[str, list[OktaGrant]] = {}
    for each in listed.items:
        grant = each.value()
        found.setdefault(grant.user_id, []).append(grant)
    return {user_id: tuple(grants) for user_id, grants in found.items()}


def _body(answer: Answer, model: type[B], what: str) -> B:
    if not answer.is_good:
        raise failed(f"Reading {what}", answer)
    try:
        return model.model_validate(answer.body)
    except ValidationError as error:
        raise failed(f"Reading {what} (unexpected shape)", answer) from error


def _no_app(detail: str) -> TenantError:
    return TenantError(
        ErrorCode.APP_NOT_FOUND,
        "The app was not found",
        detail,
        next_step="Check the app's id or exact label, and that this credential may see it.",
    )
