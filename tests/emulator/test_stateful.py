"""Random valid requests against an org in a file, each step compared with a model that knows no SQL."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from pipeline.emulator.orgfile import org_file_from
from tests.effort import examples
from tests.emulator.org_listings import Listings
from tests.emulator.org_model import BASE, Grant, OrgModel, Refused, told_by
from tests.emulator.org_room import GOV, Json
from tests.emulator.org_steps import APP, APPS, PICKS, SEVERAL, OrgSteps, picked

REVOKE = "/governance/api/v2/revoke-principal-access"
DELAYS_S = st.none() | st.integers(1, 40)


class OrgMachine(OrgSteps):
    """Grants, time and restarts; and what must be true after every step."""

    # Grants.

    @rule(app=APP, pick=PICKS, picks=SEVERAL, delay_s=DELAYS_S, split=st.booleans())
    def grant_custom(self, app: str, pick: int, picks: list[int], delay_s: int | None, split: bool) -> None:
        values = set(self.values(app, picks, only_single=split))
        self.grant_on_app(Grant(self.pair(app, pick), "CUSTOM", values), delay_s, split)

    @rule(
        app=APP,
        pick=PICKS,
        picks=st.lists(PICKS, min_size=1, max_size=2),
        delay_s=DELAYS_S,
        split=st.booleans(),
    )
    def grant_more(self, app: str, pick: int, picks: list[int], delay_s: int | None, split: bool) -> None:
        values = set(self.values(app, picks, only_single=split))
        self.grant_on_app(Grant(self.pair(app, pick), "ENTITLEMENT", values), delay_s, split)

    @rule(app=APP, pick=PICKS, delay_s=DELAYS_S)
    def give_to_policy(self, app: str, pick: int, delay_s: int | None) -> None:
        self.grant_on_app(Grant(self.pair(app, pick), "POLICY", set()), delay_s)

    @rule(app=APP, pick=PICKS)
    def deny(self, app: str, pick: int) -> None:
        self.grant_on_app(Grant(self.pair(app, pick), "CUSTOM", set(), action="DENY"), None)

    def grant_on_app(self, made: Grant, delay_s: int | None, split: bool = False) -> None:
        self.post_grant(
            made,
            delay_s,
            target={"externalId": made.pair[0], "type": "APPLICATION"},
            action=made.action,
            entitlements=self.groups(sorted(made.values), split=split),
        )

    @precondition(lambda self: self.model.bundles)
    @rule(bundle=PICKS, pick=PICKS, delay_s=DELAYS_S)
    def grant_bundle(self, bundle: int, pick: int, delay_s: int | None) -> None:
        key = picked(sorted(self.model.bundles), bundle)
        pair = self.pair(self.model.bundles[key].app, pick)
        self.post_grant(
            Grant(pair, "ENTITLEMENT-BUNDLE", set(), bundle=key), delay_s, entitlementBundleId=key
        )

    def post_grant(self, made: Grant, delay_s: int | None, **more: Json) -> None:
        made.expires, made.ends_at, schedule = self.schedule(delay_s)
        who = {"externalId": made.pair[1], "type": "OKTA_USER"}
        body = {"grantType": made.kind, "targetPrincipal": who, "scheduleSettings": schedule, **more}

        def change(model: OrgModel, answer: Json) -> None:
            if made.bundle and model.bundles[made.bundle].deleted:
                raise Refused(400)
            model.grant(answer["id"], made)

        self.write("POST", f"{GOV}/grants", body, change, 201)

    def schedule(self, delay_s: int | None) -> tuple[str | None, float | None, dict[str, str]]:
        if delay_s is None:
            return None, None, {}
        ends_at = self.room.now_s + delay_s
        expires = datetime.fromtimestamp(ends_at, UTC).isoformat().replace("+00:00", "Z")
        return expires, ends_at, {"expirationDate": expires}

    @precondition(lambda self: self.model.grants)
    @rule(pick=PICKS, picks=SEVERAL, split=st.booleans())
    def put_grant(self, pick: int, picks: list[int], split: bool) -> None:
        key = picked(sorted(self.model.grants), pick)
        values = self.values(self.model.grants[key].pair[0], picks, only_single=split)
        read = self.get(f"{GOV}/grants/{key}")
        body = {**read, "entitlements": self.groups(values, split=split)}
        now = self.room.now_s
        self.write("PUT", f"{GOV}/grants/{key}", body, lambda model, _: model.put_grant(key, values, now))

    @precondition(lambda self: self.model.grants)
    @rule(pick=PICKS, delay_s=DELAYS_S)
    def patch_expiry(self, pick: int, delay_s: int | None) -> None:
        key = picked(sorted(self.model.grants), pick)
        expires, ends_at, schedule = self.schedule(delay_s)
        body = {"id": key, "scheduleSettings": schedule}
        now = self.room.now_s
        self.write(
            "PATCH", f"{GOV}/grants/{key}", body, lambda model, _: model.retime(key, expires, ends_at, now)
        )

    @rule(
        app=APP,
        pick=PICKS,
        what=st.sampled_from(["values", "bundles", "app"]),
        picks=st.lists(PICKS, min_size=1, max_size=3),
    )
    def revoke(self, app: str, pick: int, what: str, picks: list[int]) -> None:
        app, user = self.pair(app, pick)
        bundles = [
            k for k, each in sorted(self.model.bundles.items()) if each.app == app and not each.deleted
        ]
        keys = {"values": self.values(app, picks), "app": [app]}.get(what) or (
            sorted({picked(bundles, n) for n in picks}) if bundles else []
        )
        if not keys:
            return
        now = self.room.now_s

        def change(model: OrgModel, _: Json) -> None:
            for key in keys:
                if key == app:
                    model.take_away((app, user))
                elif key in bundles:
                    model.revoke_bundle(user, key, now)
                else:
                    model.revoke_value(user, key, now)

        body = {"principalOrn": self.orn(user), "actor": "API", "revokeOrns": [self.orn(key) for key in keys]}
        self.write("POST", REVOKE, body, change)

    def orn(self, key: str) -> str:
        org_id = self.get("/.well-known/okta-organization")["id"]
        service, kind = {
            "0oa": ("idp", "apps:oidc_client"),
            "00u": ("directory", "users"),
            "ent": ("governance", "entitlement-values"),
            "enb": ("governance", "entitlement-bundles"),
        }[key[:3]]
        return f"orn:okta:{service}:{org_id}:{kind}:{key}"

    # Time, restarts, reading.

    @rule(seconds=st.integers(1, 30))
    def later(self, seconds: int) -> None:
        self.room.now_s += seconds

    @rule()
    def restart(self) -> None:
        """The file is all that is kept, and it is enough."""
        shown = self.listings(APPS[0]).everything()
        kept = {path: self.get(f"/_emulator/{path}") for path in ("state", "requests", "changes")}
        now_s = self.room.now_s
        self.close(self.room)
        self.room = self.opened()
        self.room.now_s = now_s
        assert {path: self.get(f"/_emulator/{path}") for path in kept} == kept
        assert self.listings(APPS[0]).everything() == shown

    @precondition(lambda self: len(self.model.grants) > 2)
    @rule()
    def reset(self) -> None:
        """Back to the org file, where the same users have the same ids."""
        assert self.run(self.room.client.post("/_emulator/reset")).status_code == 200
        self.model = OrgModel(self.model.rules, APPS, self.model.users)

    def listings(self, app: str) -> Listings:
        return Listings(self.get, self.model, app, self.room.now_s)

    @rule(app=APP, size=st.integers(1, 5))
    def page_through(self, app: str, size: int) -> None:
        self.listings(app).check(size)

    def check_at_the_end(self) -> None:
        for app in APPS:
            for size in (1, 3):
                self.listings(app).check(size)
            for user in self.user_ids:
                self.listings(app).check_effective(user)
                self.listings(app).check_what_counts(user)

    # What is true after every step.

    @invariant()
    def state_is_what_was_done(self) -> None:
        state = self.get("/_emulator/state")
        for okta_app in state["okta_apps"]:
            assert_one_each(grant["user"] for grant in okta_app["grants"] if grant["type"] in BASE)
        assert told_by(state) == self.model.told()
        org_file_from(state)

    @invariant()
    def access_is_what_the_grants_give(self) -> None:
        for app, user in self.touched[-1:]:
            listings = self.listings(app)
            listings.check_effective(user)
            bases = [each for each in listings.grants(200) if each["grantType"] in BASE]
            assert_one_each(each["targetPrincipal"]["externalId"] for each in bases)


def assert_one_each(people: Iterable[str]) -> None:
    found = sorted(people)
    assert not [one for one, other in pairwise(found) if one == other], "two base grants of one person"


def test_random_stories() -> None:
    run_state_machine_as_test(
        OrgMachine, settings=settings(max_examples=examples(20), stateful_step_count=40, deadline=None)
    )
