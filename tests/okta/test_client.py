from __future__ import annotations

import asyncio
import socket
import ssl
from functools import partial

import httpx
import pytest

from pipeline.changes.snapshot import EntitlementManagement, OktaApp
from pipeline.errors import CredentialError, ErrorCode, TenantError
from pipeline.okta.answers import Accepted, Lost, NotSent, Refused
from pipeline.okta.client import BODY_BYTES_MAX, Answer, Call, CallRecord, Connection, OktaClient
from pipeline.okta.orns import NamedGrantBody
from pipeline.okta.pages import Listed, list_all
from pipeline.okta.reads import Reads
from pipeline.okta.sign_in import ApiToken
from pipeline.okta.wire import AppBody, AppUserBody, GrantBody, UserBody, WholeEntitlementBody
from pipeline.okta.writes import Writes
from pipeline.plan.model import OktaAppRef
from tests.okta.wired import ORIGIN, TOKEN, Answering, with_client

GET = Call("GET", "/api/v1/users/{}", ("00u1",))
POST = Call("POST", "/governance/api/v1/grants", body={})


def in_turn(*answers: httpx.Response | Exception) -> tuple[Answering, list[httpx.Request]]:
    """Answers one after another; the last one again and again."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        given = answers[min(len(seen), len(answers) - 1)]
        seen.append(request)
        if isinstance(given, Exception):
            raise given
        return httpx.Response(given.status_code, headers=given.headers, content=given.content)

    return answer, seen


def refusal(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"errorCode": code, "errorSummary": "no", "errorCauses": []})


GOOD = httpx.Response(200, json={"id": "x"})
LOST = httpx.ReadTimeout("late")
UNSENT = httpx.ConnectError("no route")


@pytest.mark.parametrize(
    ("call", "answers", "tries", "status"),
    [
        (GET, [httpx.Response(503), GOOD], 2, 200),
        (GET, [LOST, httpx.Response(502, text="<html>"), GOOD], 3, 200),
        (GET, [httpx.Response(200, text="no json"), GOOD], 2, 200),
        (GET, [httpx.Response(500)], 5, 500),
        (GET, [refusal(404, "E0000007")], 1, 404),
        (GET, [refusal(429, "E0000047"), GOOD], 2, 200),
        (POST, [refusal(429, "E0000047"), refusal(429, "E0000047"), GOOD], 3, 200),
        (POST, [UNSENT, GOOD], 2, 200),
        (POST, [LOST], 1, None),
        (POST, [httpx.RemoteProtocolError("dropped")], 1, None),
        (GET, [httpx.Response(520, text="<html>"), GOOD], 2, 200),
        (GET, [refusal(501, "E0000060")], 1, 501),
        (POST, [httpx.Response(524, text="<html>")], 1, None),
        (POST, [refusal(501, "E0000060")], 1, 501),
        (POST, [httpx.Response(500)], 1, None),
        (POST, [httpx.Response(504, text="<html>")], 1, None),
        (POST, [httpx.Response(200, text="no json")], 1, None),
        (POST, [refusal(400, "E0000001")], 1, 400),
        (POST, [refusal(409, "E0000112"), GOOD], 2, 200),
        (POST, [httpx.Response(302, headers={"location": "https://evil.example/"})], 1, 302),
    ],
)
def test_what_is_tried_again_and_what_never_is(
    call: Call, answers: list[httpx.Response | Exception], tries: int, status: int | None
) -> None:
    answering, seen = in_turn(*answers)
    answer = with_client(answering, lambda client: client.send(call))
    assert (len(seen), answer.status) == (tries, status)
    assert {request.url.host for request in seen} == {"acme.okta.com"}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refusal(401, "E0000011"), ErrorCode.CREDENTIAL_REFUSED),
        (refusal(401, "E0000015"), ErrorCode.PERMISSION_MISSING),
        (refusal(403, "E0000004"), ErrorCode.PERMISSION_MISSING),
        (refusal(403, "E0000006"), ErrorCode.PERMISSION_MISSING),
        (
            httpx.Response(403, json={"errorCode": "E0000006", "errorCauses": None}),
            ErrorCode.PERMISSION_MISSING,
        ),
    ],
)
def test_a_refused_credential_ends_everything_and_is_not_shown(
    answer: httpx.Response, code: ErrorCode
) -> None:
    answering, seen = in_turn(answer)
    with pytest.raises(CredentialError) as refused:
        with_client(answering, lambda client: client.send(POST))
    assert refused.value.code is code
    assert len(seen) == 1
    assert (
        TOKEN
        not in f"{refused.value.detail} {refused.value.next_step} {Connection(ORIGIN, ApiToken(TOKEN))!r}"
    )


def caused(failure: httpx.HTTPError, *causes: OSError) -> httpx.HTTPError:
    """As httpx raises it: what the operating system said lies at the end of a chain."""
    last: BaseException = failure
    for cause in causes:
        last.__cause__ = cause
        last = cause
    return failure


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (caused(httpx.ConnectError("x"), socket.gaierror(-2, "Name not known")), "no such host"),
        (caused(httpx.ConnectError("x"), OSError("all failed"), ConnectionRefusedError(111, "y")), "refused"),
        (caused(httpx.ConnectError("x"), ssl.SSLCertVerificationError(1, "self-signed")), "certificate"),
        (httpx.ProxyError("407"), "proxy"),
        (httpx.ReadTimeout("late"), "in time"),
        (httpx.RemoteProtocolError("dropped"), "RemoteProtocolError"),
        (httpx.Response(200, text="<html>Sign in to the guest network"), "no JSON"),
    ],
)
def test_a_tenant_out_of_reach_is_named_with_the_cause(
    failure: httpx.Response | Exception, words: str
) -> None:
    answering, _ = in_turn(failure)

    async def use(client: OktaClient) -> None:
        with pytest.raises(TenantError) as caught:
            await Reads(client).organization()
        assert caught.value.code is ErrorCode.TENANT_UNREACHABLE
        assert words in caught.value.detail
        assert "acme.okta.com" in caught.value.detail
        assert caught.value.next_step

    with_client(answering, use)


@pytest.mark.parametrize("hostile", ["../users/x", "a/b", "a?b=c", "a#b", "..", ".", "%2e%2e", "a b", "ü"])
def test_no_id_changes_the_path(hostile: str) -> None:
    answering, seen = in_turn(GOOD)
    with_client(answering, lambda client: client.send(Call("GET", "/api/v1/apps/{}/users", (hostile,))))
    [request] = seen
    segments = request.url.raw_path.decode().split("/")
    assert segments[:4] == ["", "api", "v1", "apps"]
    assert segments[5:] == ["users"]
    assert segments[4] not in ("", ".", "..")


def test_records_of_calls_hold_no_secret_and_no_query() -> None:
    records: list[CallRecord] = []
    answering, seen = in_turn(GOOD)
    call = Call("GET", "/api/v1/users", query=(("search", 'profile.login eq "ann@x"'),))
    with_client(answering, lambda client: client.send(call), on_call=records.append)
    assert seen[0].headers["authorization"] == f"SSWS {TOKEN}"
    assert TOKEN not in repr(records)
    assert "ann@x" not in repr(records)


def test_an_endless_answer_is_cut() -> None:
    answering, seen = in_turn(httpx.Response(200, content=b" " * (BODY_BYTES_MAX + 1)))
    answer = with_client(answering, lambda client: client.send(GET))
    assert answer.status is None
    assert len(seen) == 5


RATE_HEADERS = {"x-rate-limit-limit": "50", "x-rate-limit-remaining": "0", "x-rate-limit-reset": "1790000030"}
DATE = {"date": "Mon, 21 Sep 2026 14:13:20 GMT"}


@pytest.mark.parametrize(
    ("headers", "least_s", "most_s"),
    [
        ({**RATE_HEADERS, **DATE}, 31, 32),
        (RATE_HEADERS, 61, 62),
        ({}, 2, 10),
        ({"retry-after": "7"}, 7, 8),
        ({**RATE_HEADERS, **DATE, "retry-after": "7"}, 31, 32),
        ({"retry-after": "soon"}, 2, 10),
        ({"x-rate-limit-limit": "0", "x-rate-limit-remaining": "0", "x-rate-limit-reset": "1"}, 1, 2),
    ],
    ids=["window", "no date", "bare", "retry-after", "both", "unreadable", "concurrency"],
)
def test_a_429_is_repeated_only_after_the_wait_it_tells_or_a_pause(
    headers: dict[str, str], least_s: float, most_s: float
) -> None:
    answering, seen = in_turn(httpx.Response(429, headers=headers, text="<html>"), GOOD)

    async def use(client: OktaClient) -> float:
        started_s = asyncio.get_running_loop().time()
        assert (await client.send(GET)).is_good
        return asyncio.get_running_loop().time() - started_s

    assert least_s <= with_client(answering, use) <= most_s
    assert len(seen) == 2


def user(number: int) -> dict[str, object]:
    return {"id": f"00u{number}", "status": "ACTIVE", "profile": {"login": f"u{number}@x", "email": None}}


USERS = Call("GET", "/api/v1/users", query=(("limit", "2"), ("search", "status pr")))
ADMIN = "https://acme-admin.okta.com"


def page(users: list[dict[str, object]], *links: str) -> httpx.Response:
    return httpx.Response(200, json=users, headers=[("link", each) for each in links])


def listed(*pages: httpx.Response) -> tuple[Listed[UserBody], list[httpx.Request]]:
    answering, seen = in_turn(*pages)
    return with_client(answering, lambda client: list_all(client, USERS, UserBody, "users")), seen


def test_pages_are_followed_on_the_own_origin_with_the_own_parameters() -> None:
    first = page(
        [user(1), user(2)],
        f'<{ADMIN}/api/v1/users>; rel="self"',
        f'<{ADMIN}/api/v1/users?after=c1>; rel="next"',
    )
    found, seen = listed(first, page([user(2), user(3)]))
    assert [each.id for each in found.items] == ["00u1", "00u2", "00u3"]
    assert found.listing.complete
    assert [request.url.host for request in seen] == ["acme.okta.com"] * 2
    assert dict(seen[1].url.params) == {"limit": "2", "search": "status pr", "after": "c1"}


@pytest.mark.parametrize(
    "pages",
    [
        [page([user(1)], '<https://acme.okta.com/api/v1/groups?after=c1>; rel="next"')],
        [page([user(1)], f'<{ADMIN}/api/v1/users?after=c1>; rel="next"')],
        [page([user(1)], f'<{ADMIN}/api/v1/users?after=c1>; rel="next"'), httpx.Response(500)],
        [page([user(1)], f'<{ADMIN}/api/v1/users?after=c1>; rel="next"'), httpx.Response(400)],
        [page([user(1)], f'<{ADMIN}/api/v1/users>; rel="next"')],
        [httpx.Response(200, json={"error": "?"})],
        [httpx.Response(200, json={"data": {}})],
        [httpx.Response(200, json={"data": ""})],
        [page([{"id": "00u1"}])],
    ],
    ids=[
        "other path",
        "repeated cursor",
        "page fails",
        "page refused",
        "no cursor",
        "no list",
        "empty object",
        "empty text",
        "bad item",
    ],
)
def test_a_chain_that_does_not_close_is_never_complete(pages: list[httpx.Response]) -> None:
    found, _ = listed(*pages)
    assert not found.listing.complete
    assert found.listing.problem


@pytest.mark.parametrize(
    "link",
    [
        f"<{ADMIN}/api/v1/users?after=c1>; rel=next",
        f'<{ADMIN}/api/v1/users?after=c1>; rel="Next"',
        f'<{ADMIN}/api/v1/users?after=c1>; rel="last next"',
        f'<{ADMIN}/api/v1/users>; rel="self", </api/v1/users?after=c1>; rel="next"',
    ],
)
def test_the_next_page_is_known_however_its_link_is_written(link: str) -> None:
    found, seen = listed(page([user(1)], link), page([user(2)]))
    assert len(found.items) == len(seen) == 2
    assert seen[1].url.params["after"] == "c1"


def test_the_next_page_that_a_body_names_is_followed() -> None:
    link = f"{ADMIN}/governance/api/v1/grants?after=c1"
    first = httpx.Response(200, json={"data": [], "_links": {"next": {"href": link}}})
    answering, seen = in_turn(first, httpx.Response(200, json={"data": []}))
    call = Call("GET", "/governance/api/v1/grants", query=(("limit", "2"),))
    found = with_client(answering, lambda client: list_all(client, call, GrantBody, "grants"))
    assert (found.listing.complete, found.listing.pages) == (True, 2)
    assert [dict(request.url.params) for request in seen] == [{"limit": "2"}, {"limit": "2", "after": "c1"}]


@pytest.mark.parametrize("following", [{"hints": {}}, {"href": None}, [{"href": "/x"}], "/x"])
def test_a_next_page_whose_address_cannot_be_read_is_not_the_end(following: object) -> None:
    body = {"data": [], "_links": {"next": following}}
    answering, _ = in_turn(httpx.Response(200, json=body))
    call = Call("GET", "/governance/api/v1/grants")
    found = with_client(answering, lambda client: list_all(client, call, GrantBody, "grants"))
    assert not found.listing.complete


@pytest.mark.parametrize("links", [None, [], {"next": None}])
def test_a_page_without_a_next_one_is_the_last(links: object) -> None:
    answering, _ = in_turn(httpx.Response(200, json={"data": [], "_links": links, "metadata": None}))
    call = Call("GET", "/governance/api/v1/grants")
    found = with_client(answering, lambda client: list_all(client, call, GrantBody, "grants"))
    assert found.listing.complete


def test_null_says_no_more_than_absence_where_a_key_may_be_missing() -> None:
    app = AppBody.model_validate({**okta_app(1, "ERP"), "settings": None, "features": None, "orn": None})
    assert app.value().entitlement_management is EntitlementManagement.UNKNOWN
    row = {"id": "00u1", "scope": "USER", "status": "ACTIVE", "_embedded": None}
    assert AppUserBody.model_validate(row).value().is_assigned
    principal = {"externalId": "00u1"}
    grant = {"id": "gra1", "grantType": "CUSTOM", "targetPrincipal": principal}
    absent = {"scheduleSettings": None, "entitlementBundleId": None}
    for model in (GrantBody, NamedGrantBody):
        assert model.model_validate({**grant, **absent}).value().values == frozenset()
        assert model.model_validate({**grant, "entitlements": None}).value().expires is None
    whole = {"id": "esp1", "name": "R", "externalValue": "R", "multiValue": True, "values": []}
    assert WholeEntitlementBody.model_validate({**whole, "metadata": None}).is_whole


@pytest.mark.parametrize("model", [GrantBody, NamedGrantBody])
@pytest.mark.parametrize("held", [{"id": "esp1", "values": None}, {"id": "esp1"}])
def test_values_that_a_grant_does_not_tell_are_not_none(
    model: type[GrantBody], held: dict[str, object]
) -> None:
    """So nothing counts as taken from the person, and the grant is not known in full."""
    grant = {"id": "gra1", "grantType": "CUSTOM", "targetPrincipal": {"externalId": "00u1"}}
    assert model.model_validate({**grant, "entitlements": [held]}).value().values == {("esp1", "")}
    told = {"id": "esp1", "values": []}
    assert model.model_validate({**grant, "entitlements": [told]}).value().values == frozenset()


def test_values_of_which_it_is_not_told_whose_they_are_are_no_complete_listing() -> None:
    value = {"id": "ent1", "name": "Admin", "externalValue": "Admin"}
    answering, _ = in_turn(
        httpx.Response(200, json={"data": []}), httpx.Response(200, json={"data": [value]})
    )
    _, listings = with_client(answering, lambda client: Reads(client).entitlements("0oa1"))
    assert [each.complete for each in listings] == [True, False]


@pytest.mark.parametrize(("status", "is_told"), [(400, False), (404, False), (429, True), (503, True)])
def test_only_a_no_says_that_an_org_does_not_tell_its_risk_rules(status: int, *, is_told: bool) -> None:
    """Where it may tell them the next time, nobody may conclude that there are none."""
    answering, _ = in_turn(refusal(status, "E0000000"))
    app = AppBody.model_validate(okta_app(1, "ERP")).value()
    _, listing, why = with_client(answering, lambda client: Reads(client).risk_rules(app))
    assert bool(why) is not is_told
    assert (listing is not None and not listing.complete) is is_told


def test_fewer_items_than_okta_counts_are_not_complete() -> None:
    body = {"data": [], "_links": {"self": {"href": "x"}}, "metadata": {"total": 1}}
    answering, _ = in_turn(httpx.Response(200, json=body))
    call = Call("GET", "/governance/api/v1/grants")
    found = with_client(answering, lambda client: list_all(client, call, GrantBody, "grants"))
    assert not found.listing.complete


def okta_app(number: int, label: str, **settings: object) -> dict[str, object]:
    return {
        "id": f"0oa{number:017}",
        "label": label,
        "status": "ACTIVE",
        "features": [],
        "settings": settings,
    }


def test_an_app_is_found_by_its_exact_label_only() -> None:
    apps = [okta_app(1, "ERP 2"), okta_app(2, "ERP", emOptInStatus="ENABLED"), okta_app(3, "erp")]
    answering, _ = in_turn(httpx.Response(200, json=apps))
    found = with_client(answering, lambda client: Reads(client).okta_app(OktaAppRef(label="ERP")))
    assert found.id == "0oa00000000000000002"
    for label in ("ER", "None"):
        ref = OktaAppRef(label=label)
        with pytest.raises(TenantError) as refused:
            with_client(answering, partial(_okta_app, ref=ref))
        assert refused.value.code is ErrorCode.APP_NOT_FOUND


async def _okta_app(client: OktaClient, *, ref: OktaAppRef) -> OktaApp:
    return await Reads(client).okta_app(ref)


def test_an_id_and_a_label_that_disagree_are_refused() -> None:
    answering, _ = in_turn(httpx.Response(200, json=okta_app(1, "Payroll", emOptInStatus="ENABLED")))
    ref = OktaAppRef(id="0oa00000000000000001", label="ERP")
    with pytest.raises(TenantError):
        with_client(answering, lambda client: Reads(client).okta_app(ref))


@pytest.mark.parametrize(("status", "state"), [(200, "ENABLED"), (404, "UNKNOWN")])
def test_an_app_that_does_not_say_is_asked_for_its_entitlements(status: int, state: str) -> None:
    probe = httpx.Response(status, json={"data": []} if status == 200 else {"errorCode": "E0000007"})
    answering, seen = in_turn(httpx.Response(200, json=okta_app(1, "ERP")), probe)
    ref = OktaAppRef(id="0oa00000000000000001")
    found = with_client(answering, lambda client: Reads(client).okta_app(ref))
    assert found.entitlement_management == state
    assert seen[1].url.path == "/governance/api/v1/entitlements"


def grant_write(answer: httpx.Response | Exception, not_after_s: float | None = None) -> object:
    answering, _ = in_turn(answer)
    pairs = frozenset({("esp1", "ent1")})
    return with_client(
        answering,
        lambda client: Writes(client).post_custom_grant("0oa1", "00u1", pairs, None, not_after_s=not_after_s),
    )


def test_a_write_ends_accepted_refused_lost_or_not_sent() -> None:
    assert isinstance(grant_write(httpx.Response(201, json={"id": "gra1"})), Accepted)
    refused = grant_write(refusal(400, "E0000001"))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.causes) == ("E0000001", ())
    causes = [{"errorSummary": "grantType: unknown"}, {}]
    body = {"errorCode": "E0000001", "errorSummary": "no", "errorCauses": causes}
    refused = grant_write(httpx.Response(400, json=body))
    assert isinstance(refused, Refused)
    assert refused.causes == ("grantType: unknown", "")
    assert isinstance(grant_write(LOST), Lost)
    assert isinstance(grant_write(GOOD, not_after_s=1.0), NotSent)


def test_a_put_sends_the_object_as_it_was_but_for_its_values() -> None:
    answering, seen = in_turn(GOOD)
    grant = {"id": "gra1", "created": "c", "_links": {"self": {}}, "entitlements": [], "unknown": [1]}
    with_client(answering, lambda client: Writes(client).put_grant(grant, frozenset({("esp1", "ent1")})))
    sent = httpx.Response(200, content=seen[0].content).json()
    assert sent == {**grant, "entitlements": [{"id": "esp1", "values": [{"id": "ent1"}]}]}


def test_an_answer_of_no_status_is_never_good() -> None:
    assert not Answer(None).is_good
