"""Bodies that are wrong: Okta's error, never a 500, and nothing has changed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.emulator.orgfile import org_file_from
from tests.effort import examples
from tests.emulator.furnished import (
    ADMIN,
    AUDITOR,
    BUNDLE,
    GOLD,
    GONE,
    ROLE,
    SILVER,
    TIER,
    USER,
    WITH_BODY,
    WRITES,
    Furnished,
    broken,
    places,
    without,
)
from tests.emulator.org_room import OFF, Json, assert_refused

UNKNOWN = "xyz9example0000000x7"
LONG = "ä" * 2001
Place = tuple[str | int, ...]


@pytest.fixture(scope="module")
def org() -> Iterator[Furnished]:
    found = Furnished()
    yield found
    found.close()


@pytest.mark.parametrize("name", WRITES)
def test_each_request_that_is_broken_below_is_valid(org: Furnished, name: str) -> None:
    write = WRITES[name]
    answer = org.ask(write.method, write.path, json=write.body)
    assert answer.status_code < 300, answer.text
    assert not org.is_untouched()


NOT_JSON = {
    "cut": b'{"id": ',
    "nothing": b"",
    "no object": b"5",
    "text": b'"text"',
    "null": b"null",
    "not a number": b'{"a": NaN}',
    "no end of a number": b'{"a": -Infinity}',
    "beyond a double": b'{"a": 1e999}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "half a surrogate pair as a name": b'{"\\udfff": 1}',
    "not UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": "b"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "deep": b'{"a": ' + b"[" * 101 + b"]" * 101 + b"}",
    "deep beyond the parser": b"[" * 200_000,
    "a number of 5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "more after the end": b"{} {}",
}


@pytest.mark.parametrize("name", WITH_BODY)
def test_what_is_no_json_is_malformed(org: Furnished, name: str) -> None:
    write = WRITES[name]
    whole = json.dumps(write.body)
    twice = whole.replace('"name"', '"name": "x", "name"', 1).replace('"id"', '"id": "x", "id"', 1)
    wrong = {**NOT_JSON, "the other kind": b"{}" if isinstance(write.body, list) else b"[]"}
    if twice != whole:
        wrong["a name twice"] = twice.encode()
    for what, raw in wrong.items():
        answer = org.ask(write.method, write.path, content=raw, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "E0000003"), (what, answer.text)
        assert_refused(answer)
    assert org.is_untouched()


MISSING, TYPE, ENUM = "REQUIRED_PROPERTY_MISSING", "INVALID_DATA_TYPE", "INVALID_ENUM_VALUE"
SHORT, OVER, FORMAT = (
    "INVALID_STRING_LENGTH_UNDER_MIN",
    "INVALID_STRING_LENGTH_OVER_MAX",
    "STRING_FORMAT_INVALID",
)
ID, FEW, MANY = "IDENTIFIER_NOT_FOUND", "INVALID_ARRAY_LENGTH_UNDER_MIN", "INVALID_ARRAY_LENGTH_OVER_MAX"
TWO_OF_ONE = [{"id": TIER, "values": [{"id": GOLD}, {"id": SILVER}]}]
TWO_ENTRIES = [{"id": TIER, "values": [{"id": GOLD}]}, {"id": TIER, "values": [{"id": SILVER}]}]

WRONG: list[tuple[str, Place, Json, str]] = [
    ("create entitlement", ("name",), None, MISSING),
    ("create entitlement", ("name",), "", SHORT),
    ("create entitlement", ("name",), "n" * 256, OVER),
    ("create entitlement", ("externalValue",), "n" * 256, OVER),
    ("create entitlement", ("externalValue",), "role", FORMAT),
    ("create entitlement", ("description",), "n" * 1001, OVER),
    ("create entitlement", ("description",), "", SHORT),
    ("create entitlement", ("multiValue",), "true", TYPE),
    ("create entitlement", ("multiValue",), None, MISSING),
    ("create entitlement", ("dataType",), "String", ENUM),
    ("create entitlement", ("parent", "type"), "APP", ENUM),
    ("create entitlement", ("parent", "externalId"), 7, TYPE),
    ("create entitlement", ("values",), None, MISSING),
    ("create entitlement", ("values",), {}, TYPE),
    ("create entitlement", ("values", 0), "Admin", TYPE),
    ("create entitlement", ("values", 0, "name"), "n" * 256, OVER),
    ("create entitlement", ("values", 0, "externalValue"), "n" * 2001, OVER),
    ("create entitlement", ("values", 0, "description"), "n" * 1025, OVER),
    ("create entitlement", ("values",), [{"name": "a", "externalValue": "a"}] * 2, FORMAT),
    ("create entitlement", ("values",), [{"name": "a", "externalValue": "a"}] * 1001, MANY),
    ("patch entitlement", (), [], FEW),
    ("patch entitlement", (), [{"op": "ADD"}] * 101, MANY),
    ("patch entitlement", (3, "op"), "add", ENUM),
    ("patch entitlement", (3, "op"), "REMOVE", FORMAT),
    ("patch entitlement", (3, "path"), "/externalValue", FORMAT),
    ("patch entitlement", (3, "refType"), "VALUE", ENUM),
    ("patch entitlement", (3, "value"), "n" * 256, OVER),
    ("patch entitlement", (1, "path"), f"/values/{GOLD}", ID),
    ("patch entitlement", (2, "path"), "/values/-", ID),
    ("patch entitlement", (0, "path"), "/values", FORMAT),
    ("patch entitlement", (0, "value", "externalValue"), "Auditor", FORMAT),
    ("put entitlement", ("id",), TIER, FORMAT),
    ("put entitlement", ("multiValue",), False, FORMAT),
    ("put entitlement", ("externalValue",), "tier", FORMAT),
    ("put entitlement", ("values", 0, "id"), GOLD, ID),
    ("put entitlement", ("values",), None, MISSING),
    ("put entitlement", ("values", 1, "externalValue"), "Admin", FORMAT),
    ("grant custom", ("grantType",), "custom", ENUM),
    ("grant custom", ("action",), "GRANT", ENUM),
    ("grant custom", ("action",), "DENY", ENUM),
    ("grant custom", ("actor",), "ROBOT", ENUM),
    ("grant custom", ("target",), None, MISSING),
    ("grant custom", ("target", "type"), "GROUP", ENUM),
    ("grant custom", ("target", "externalId"), UNKNOWN, ID),
    ("grant custom", ("target", "externalId"), OFF, ID),
    ("grant custom", ("targetPrincipal",), [], TYPE),
    ("grant custom", ("targetPrincipal", "type"), "GROUP", ENUM),
    ("grant custom", ("targetPrincipal", "externalId"), UNKNOWN, ID),
    ("grant custom", ("targetPrincipal", "externalId"), "two@acme.example.com", ID),
    ("grant custom", ("targetPrincipal", "externalId"), "u" * 256, OVER),
    ("grant custom", ("entitlements", 0, "id"), UNKNOWN, ID),
    ("grant custom", ("entitlements", 0, "id"), TIER, ID),
    ("grant custom", ("entitlements", 0, "values"), [], FEW),
    ("grant custom", ("entitlements", 0, "values"), [{"id": ADMIN}] * 1001, MANY),
    ("grant custom", ("entitlements", 0, "values", 1, "id"), UNKNOWN, ID),
    ("grant custom", ("entitlements",), TWO_OF_ONE, MANY),
    ("grant custom", ("entitlements",), TWO_ENTRIES, MANY),
    ("grant custom", ("scheduleSettings", "expirationDate"), "2030-01-01", FORMAT),
    ("grant custom", ("scheduleSettings", "expirationDate"), "20300101T000000Z", FORMAT),
    ("grant custom", ("scheduleSettings", "expirationDate"), "2030-01-01 00:00:00Z", FORMAT),
    ("grant custom", ("scheduleSettings", "expirationDate"), "2030-02-30T00:00:00Z", FORMAT),
    ("grant custom", ("scheduleSettings", "expirationDate"), 1893456000, TYPE),
    ("grant custom", ("scheduleSettings", "timeZone"), "z" * 65, OVER),
    ("grant more", ("entitlements",), [], "MISSING_ENTITLEMENTS"),
    ("grant more", ("entitlements",), None, MISSING),
    ("grant bundle", ("entitlementBundleId",), None, MISSING),
    ("grant bundle", ("entitlementBundleId",), UNKNOWN, ID),
    ("put grant", ("status",), None, MISSING),
    ("put grant", ("createdBy",), None, MISSING),
    ("put grant", ("grantType",), "POLICY", FORMAT),
    ("put grant", ("target", "externalId"), OFF, FORMAT),
    ("put grant", ("entitlements",), TWO_ENTRIES, MANY),
    ("put grant", ("entitlements", 0, "values", 0, "id"), UNKNOWN, ID),
    ("patch grant", ("id",), None, MISSING),
    ("patch grant", ("id",), BUNDLE, FORMAT),
    ("patch grant", ("entitlements",), [], FORMAT),
    ("patch grant", ("scheduleSettings",), None, MISSING),
    ("patch grant", ("scheduleSettings", "expirationDate"), "tomorrow", FORMAT),
    ("create bundle", ("name",), None, "MISSING_NAME"),
    ("create bundle", ("name",), "Basics", FORMAT),
    ("create bundle", ("name",), "n" * 256, OVER),
    ("create bundle", ("entitlements",), [], "MISSING_ENTITLEMENTS"),
    ("create bundle", ("entitlements",), TWO_ENTRIES, MANY),
    ("create bundle", ("target", "externalId"), UNKNOWN, ID),
    ("put bundle", ("status",), None, MISSING),
    ("put bundle", ("status",), "DELETED", ENUM),
    ("put bundle", ("id",), UNKNOWN, FORMAT),
    ("create rule", ("type",), "SOD", ENUM),
    ("create rule", ("name",), "Both", "INVALID_RULE_NAME"),
    ("create rule", ("resources", 0, "resourceOrn"), USER, "INVALID_RESOURCE_ORN"),
    ("create rule", ("conflictCriteria", "and"), [], FEW),
    ("create rule", ("conflictCriteria", "and", 0, "operation"), "CONTAINS_NONE", ENUM),
    ("put rule", ("id",), UNKNOWN, FORMAT),
    ("opt out", ("status",), "OUT", ENUM),
    ("opt out", ("status",), "OPTED_IN", "OPERATION_STATUS_CONFLICT"),
]


@pytest.mark.parametrize(("name", "place", "value", "reason"), WRONG)
def test_a_governance_body_is_refused_with_its_reason(
    org: Furnished, name: str, place: Place, value: Json, reason: str
) -> None:
    write = WRITES[name]
    answer = org.ask(write.method, write.path, json=broken(write.body, place, value))
    assert_refused(answer)
    (cause,) = answer.json()["errorCauses"]
    assert (answer.status_code, cause["reason"]) == (400, reason), answer.text
    assert {"domain", "errorSummary", "location", "locationType", "reason"} == set(cause)
    assert org.is_untouched()


CORE_WRONG: list[tuple[str, Place, Json, int, str]] = [
    ("assign", ("id",), None, 400, "E0000001"),
    ("assign", ("id",), UNKNOWN, 404, "E0000007"),
    ("assign", ("id",), "two@acme.example.com", 404, "E0000007"),
    ("assign", ("id",), "two", 404, "E0000007"),
    ("assign", ("id",), GONE, 403, "E0000038"),
    ("assign", ("scope",), "ALL", 400, "E0000001"),
    ("assign", ("credentials",), "two", 400, "E0000001"),
    ("assign", ("credentials", "userName"), "u" * 101, 400, "E0000001"),
    ("assign", ("profile",), [1], 400, "E0000001"),
    ("assign", ("shoeSize",), 44, 400, "E0000001"),
    ("update app user", ("scope",), "GROUP", 400, "E0000001"),
    ("update app user", ("id",), GONE, 400, "E0000001"),
    ("grant custom", ("targetPrincipal", "externalId"), GONE, 403, "E0000038"),
    ("create entitlement", ("parent", "externalId"), UNKNOWN, 404, "E0000007"),
    ("create entitlement", ("parent", "externalId"), OFF, 404, "E0000007"),
    ("revoke", ("principalOrn",), USER, 400, "E0000001"),
    ("revoke", ("principalOrn",), None, 400, "E0000001"),
    ("revoke", ("revokeOrns",), [], 400, "E0000001"),
    ("revoke", ("revokeOrns",), ["orn:okta:x"] * 6, 400, "E0000001"),
    ("revoke", ("revokeOrns", 0), AUDITOR, 400, "E0000001"),
]


@pytest.mark.parametrize(("name", "place", "value", "status", "code"), CORE_WRONG)
def test_other_refusals(org: Furnished, name: str, place: Place, value: Json, status: int, code: str) -> None:
    write = WRITES[name]
    answer = org.ask(write.method, write.path, json=broken(write.body, place, value))
    assert_refused(answer)
    assert (answer.status_code, answer.json()["errorCode"]) == (status, code), answer.text
    assert org.is_untouched()


@pytest.mark.parametrize("name", WRITES)
def test_an_unknown_id_in_the_path_changes_nothing(org: Furnished, name: str) -> None:
    write = WRITES[name]
    known = [part for part in write.path.split("/") if part.rsplit(":", 1)[-1][4:].startswith("example")]
    for part in known:
        answer = org.ask(
            write.method, write.path.replace(part, part.replace("example", "nowhere")), json=write.body
        )
        assert_refused(answer)
        assert answer.status_code in (400, 404), answer.text
    assert org.is_untouched()


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(
        ["", " ", "\x00", LONG, UNKNOWN, USER, ROLE, ADMIN, BUNDLE, "DENY", "GROUP", "2030-01-01"]
    ),
    st.recursive(st.just([]) | st.just({}), lambda inner: st.lists(inner, max_size=2), max_leaves=3),
)


@settings(max_examples=examples(250), deadline=None)
@given(case=st.data())
def test_a_body_broken_anywhere_is_taken_or_refused_whole(org: Furnished, case: st.DataObject) -> None:
    name = case.draw(st.sampled_from(WITH_BODY))
    write, body = WRITES[name], WRITES[name].body
    for _ in range(case.draw(st.integers(1, 2))):
        place, drop = case.draw(st.sampled_from(places(body))), case.draw(st.booleans())
        value = case.draw(ODD)
        body = without(body, place) if place and drop else broken(body, place, value)
    answer = org.ask(write.method, write.path, json=body)
    if answer.status_code < 300:
        org_file_from(org.state())
        org.is_untouched()
        assert org.state() == org.begun, "what was taken cannot be undone by a reset"
        return
    assert_refused(answer)
    assert org.is_untouched()


@settings(max_examples=examples(60), deadline=None)
@given(name=st.sampled_from(list(WRITES)), raw=st.binary(max_size=30))
def test_a_body_of_any_bytes_is_refused(org: Furnished, name: str, raw: bytes) -> None:
    write = WRITES[name]
    if write.body is None:
        raw = b"\xff" + raw
    answer = org.ask(write.method, write.path, content=raw)
    assert_refused(answer)
    assert org.is_untouched()
