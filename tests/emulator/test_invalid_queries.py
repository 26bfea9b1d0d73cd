"""Parameters, paths, tokens and scopes that are wrong: Okta's error, never a 500."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.emulator.furnished import APP_ORN, BUNDLE, GRANT, ROLE, RULE, USER, WRITES, Furnished
from tests.emulator.org_room import APP, GOV, OFF, PARENT, TARGET, assert_refused, principal
from tests.emulator.service_app import App, client_entry

USERS, APPS, APP_USERS = "/api/v1/users", "/api/v1/apps", f"/api/v1/apps/{APP}/users"
ENTITLEMENTS, VALUES, GRANTS = f"{GOV}/entitlements", f"{GOV}/entitlements/values", f"{GOV}/grants"
ONE_S_VALUES, BUNDLES, RULES = (
    f"{GOV}/entitlements/{ROLE}/values",
    f"{GOV}/entitlement-bundles",
    f"{GOV}/risk-rules",
)
ACCESS, HELD = f"{GOV}/principal-access", f"{GOV}/principal-entitlements"
BOTH = f"{PARENT} AND {principal(USER)}"
PAST = BOTH.replace("parent.", "resource.").replace("targetPrincipal.", "principal.")

READS: dict[str, dict[str, str]] = {
    USERS: {},
    APPS: {},
    APP_USERS: {},
    f"{USERS}/{USER}": {},
    f"{APPS}/{APP}": {},
    ENTITLEMENTS: {"filter": PARENT},
    VALUES: {"filter": PARENT},
    ONE_S_VALUES: {},
    GRANTS: {"filter": TARGET},
    f"{GRANTS}/{GRANT}": {},
    BUNDLES: {},
    f"{BUNDLES}/{BUNDLE}": {},
    RULES: {},
    f"{RULES}/{RULE}": {},
    ACCESS: {"filter": BOTH},
    HELD: {"filter": BOTH},
    f"{APP_USERS}/{USER}": {},
    f"{ENTITLEMENTS}/{ROLE}": {},
    f"{HELD}/history": {"filter": f'{PAST} AND startDate eq "2026-01-01T00:00:00Z"'},
    "/api/v1/org": {},
    f"/governance/api/v2/resources/{APP_ORN}/entitlement-settings": {},
}
CORE_LISTS = (USERS, APPS, APP_USERS)
GOVERNANCE_LISTS = (ENTITLEMENTS, VALUES, ONE_S_VALUES, GRANTS, BUNDLES, RULES)
NINES = "9" * 5000
CURSOR = "Invalid paging request"


@pytest.fixture(scope="module")
def org() -> Iterator[Furnished]:
    found = Furnished(clients=[client_entry(scopes=["okta.orgs.read"])])
    yield found
    found.close()


@pytest.mark.parametrize("path", READS)
def test_each_read_that_is_broken_below_is_valid(org: Furnished, path: str) -> None:
    answer = org.ask("GET", path, params=READS[path])
    assert answer.status_code == 200, answer.text


def wrong_queries() -> list[tuple[str, dict[str, str], int, str]]:
    cases: list[tuple[str, dict[str, str], int, str]] = []
    for path in CORE_LISTS:
        cases += [
            (path, {"limit": text}, 400, "E0000001") for text in ("0", "-1", "x", "", "1.5", "٣", NINES)
        ]
        cases += [(path, {"after": text}, 400, "E0000029") for text in ("", "x", "é" * 20, NINES)]
    for path in GOVERNANCE_LISTS:
        limits = ("0", "201", "x", "", "٣", NINES)
        cases += [(path, {**READS[path], "limit": text}, 400, "E0000029") for text in limits]
        cases += [(path, {**READS[path], "after": text}, 400, "E0000029") for text in ("", "x", "é" * 20)]
    for path in (ENTITLEMENTS, VALUES, GRANTS, ACCESS, HELD):
        pin = TARGET if path == GRANTS else PARENT
        cases += [
            (path, {}, 400, "E0000053"),
            (path, {"filter": ""}, 400, "E0000053"),
            (path, {"filter": pin.replace(" AND ", " ")}, 400, "E0000053"),
            (path, {"filter": pin.replace(APP, OFF)}, 404, "E0000007"),
            (path, {"filter": pin.replace(APP, "0oa9")}, 404, "E0000007"),
            (path, {"filter": pin.replace("APPLICATION", "GROUP")}, 400, "E0000029"),
            (path, {"filter": pin.replace(" eq ", " ne ")}, 400, "E0000053"),
            (path, {"filter": f"{pin} AND {pin.replace(APP, OFF)}"}, 400, "E0000029"),
        ]
    cases += [
        *(
            (path, {"filter": f'{PARENT} AND name eq "x"'}, 400, "E0000053")
            for path in (ENTITLEMENTS, VALUES)
        ),
        *((path, {"filter": PARENT}, 400, "E0000029") for path in (ACCESS, HELD)),
        *((path, {"filter": f"{BOTH} AND {principal('00u9')}"}, 400, "E0000029") for path in (ACCESS, HELD)),
        *(
            (path, {"filter": f"{PARENT} AND {principal('00u9')}"}, 404, "E0000007")
            for path in (ACCESS, HELD)
        ),
        *((path, {**READS[path], "include": "all"}, 400, "E0000029") for path in (GRANTS, BUNDLES)),
        *(
            (path, {**READS[path], "orderBy": "age"}, 400, "E0000029")
            for path in (ENTITLEMENTS, VALUES, BUNDLES)
        ),
        (GRANTS, {"filter": f'{TARGET} AND entitlements.id eq "esp9"'}, 404, "E0000007"),
        (USERS, {"search": 'profile.login ne "x"'}, 400, "E0000031"),
        (USERS, {"search": " or ".join(['id eq "x"'] * 500)}, 400, "E0000031"),
        (USERS, {"search": "(" * 3000}, 400, "E0000031"),
        (USERS, {"search": 'created gt "yesterday"'}, 400, "E0000031"),
        (USERS, {"filter": 'profile.login sw "x"'}, 400, "E0000053"),
        (APPS, {"filter": 'label eq "ERP"'}, 400, "E0000053"),
    ]
    return cases


@pytest.mark.parametrize(("path", "params", "status", "code"), wrong_queries())
def test_a_wrong_parameter_is_refused(
    org: Furnished, path: str, params: dict[str, str], status: int, code: str
) -> None:
    answer = org.ask("GET", path, params=params)
    assert (answer.status_code, answer.json()["errorCode"]) == (status, code), answer.text
    assert_refused(answer)
    if status == 400 or path not in (ENTITLEMENTS, VALUES, GRANTS, ACCESS, HELD):
        assert answer.json()["errorCauses"]


def test_search_stops_at_its_ceiling_and_nothing_else_does() -> None:
    users = [{"login": f"user{n}@acme.example.com"} for n in range(7)]
    org = Furnished(users=users, okta_apps=[], switches={"search_ceiling": 4})
    try:
        for params, shown in (({"search": "id pr"}, 4), ({"search": "id pr", "sortBy": "id"}, 4), ({}, 7)):
            seen, answer = 0, org.ask("GET", USERS, params={**params, "limit": 2})
            while answer.status_code == 200:
                seen += len(answer.json())
                if "next" not in answer.links:
                    break
                answer = org.ask("GET", answer.links["next"]["url"].removeprefix("https://acme.okta.com"))
            assert seen == shown
            assert answer.status_code == (200 if shown == 7 else 400)
            assert shown == 7 or answer.json()["errorCode"] == "E0000031"
    finally:
        org.close()


NAMES = [
    "limit",
    "after",
    "filter",
    "search",
    "q",
    "sortBy",
    "sortOrder",
    "include",
    "orderBy",
    "fields",
    "expand",
]
WORDS = st.sampled_from(
    [PARENT, TARGET, BOTH, USER, ROLE, "profile.login", "id pr", 'id eq "x"', 'status lt "B"', "(", '"', "\\"]
) | st.sampled_from(
    [
        "name asc",
        "created desc,id desc",
        "id",
        "full_entitlements",
        "user",
        "profile:(",
        "profile.a",
        "\x00",
        "1",
    ]
)
TEXTS = st.one_of(WORDS, st.text(max_size=8), st.lists(WORDS, max_size=4).map(" ".join))


@settings(max_examples=examples(300), deadline=None)
@given(
    path=st.sampled_from(sorted(READS)),
    params=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), TEXTS, max_size=3),
    keep=st.booleans(),
)
def test_any_parameters_are_answered_or_refused(
    org: Furnished, path: str, params: dict[str, str], keep: bool
) -> None:
    answer = org.ask("GET", path, params={**(READS[path] if keep else {}), **params})
    if answer.status_code != 200:
        assert_refused(answer)


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"]
OWN_PATHS = {"state", "access", "requests", "changes", "reset", "faults"}
STARTS = ["/", "/api/v1/", "/governance/api/v1/", "/_emulator/", f"{GRANTS}/", f"{APPS}/{APP}/", f"{USERS}//"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "path",
    [
        *(
            "/",
            "//",
            "/api",
            "/api/v1/nothing",
            "/api/v1/users/",
            f"{GRANTS}/",
            "/_emulator",
            "/_emulator/state/",
        ),
        *("/a%0Ab", "/api/v1/users%0A", "/api/v1/users/a/b", "/%00", "/%ff", "/%E2%82%AC", "/..%2F", "/;x"),
        f"{ENTITLEMENTS}/{ROLE}/values/x/y",
    ],
)
def test_an_unknown_path_is_not_found(org: Furnished, method: str, path: str) -> None:
    answer = org.ask(method, path, content=b"{" if method != "HEAD" else None)
    assert answer.status_code == 404
    if method != "HEAD":
        assert answer.json()["errorCode"] == "E0000008"
        assert_refused(answer)


@settings(max_examples=examples(150), deadline=None)
@given(method=st.sampled_from(METHODS), start=st.sampled_from(STARTS), rest=st.text(max_size=12))
def test_any_path_is_answered_as_okta_answers(org: Furnished, method: str, start: str, rest: str) -> None:
    # The emulator's own paths ask for no token, and random text may hit one.
    assume(start != "/_emulator/" or rest not in OWN_PATHS)
    for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "DPoP x"}):
        answer = org.ask(method, start + quote(rest, safe=""), headers=headers)
        assert answer.status_code in (400, 401, 403, 404, 405), answer.text
        if method != "HEAD":
            assert_refused(answer)
    assert org.is_untouched()


@pytest.mark.parametrize("name", WRITES)
def test_a_known_path_with_another_method_is_no_method(org: Furnished, name: str) -> None:
    answer = org.ask("TRACE", WRITES[name].path)
    assert (answer.status_code, answer.json()["errorCode"]) == (405, "E0000022")


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "SSWS",
        "SSWS ",
        "SSWS bad",
        "SSWS good bad",
        "ssws good",
        "good",
        "Basic good",
        "Bearer good",
        "DPoP good",
    ],
)
def test_a_wrong_token_reads_and_writes_nothing(org: Furnished, authorization: str) -> None:
    for path, params in READS.items():
        answer = org.ask("GET", path, params=params, headers={"Authorization": authorization})
        assert (answer.status_code, answer.json()["errorCode"]) == (401, "E0000011"), path
        assert_refused(answer)
    for write in WRITES.values():
        answer = org.ask(write.method, write.path, json=write.body, headers={"Authorization": authorization})
        assert (answer.status_code, answer.json()["errorCode"]) == (401, "E0000011"), write
    assert org.is_untouched()


def test_a_missing_scope_reads_and_writes_nothing(org: Furnished) -> None:
    token = org.run(App(org.room).token(scope="okta.orgs.read"))
    headers = {"Authorization": f"Bearer {token}"}
    assert org.ask("GET", "/api/v1/org", headers=headers).status_code == 200
    for path, params in READS.items():
        if path != "/api/v1/org":
            answer = org.ask("GET", path, params=params, headers=headers)
            assert (answer.status_code, answer.json()["errorCode"]) == (403, "E0000006"), path
            assert_refused(answer)
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    for write in WRITES.values():
        answer = org.ask(write.method, write.path, json=write.body, headers=headers)
        assert (answer.status_code, answer.json()["errorCode"]) == (403, "E0000006"), write
    assert org.is_untouched()


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe", b"grant_type=client_credentials", b"{}", b"&&==%%%", b"a" * 5000]
)
def test_the_token_endpoint_refuses_any_form(org: Furnished, raw: bytes) -> None:
    answer = org.ask("POST", "/oauth2/v1/token", content=raw)
    assert answer.status_code in (400, 401), answer.text
    assert set(answer.json()) == {"error", "error_description"}


@pytest.mark.parametrize("since", ["x", "-1", NINES, "9" * 19])
def test_the_emulators_own_paths_refuse_bad_numbers(org: Furnished, since: str) -> None:
    for path in ("/_emulator/requests", "/_emulator/changes"):
        assert org.ask("GET", path, params={"since": since}).status_code == 400


def test_the_request_log_shows_what_was_no_json_as_text(org: Furnished) -> None:
    last = org.ask("GET", "/_emulator/requests").json()[-1]["n"]
    raws = [b'{"a": NaN}', b'{"a": "\\ud800"}', b"[" * 100_000, b"\xff", b'{"a": 1}']
    for raw in raws:
        org.ask("POST", GRANTS, content=raw)
    told = org.ask("GET", "/_emulator/requests", params={"since": last}).json()
    shown = [raw.decode("utf-8", "replace") for raw in raws[:-1]]
    assert [line["body"] for line in told] == [*shown, {"a": 1}]
