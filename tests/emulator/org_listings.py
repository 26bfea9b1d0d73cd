"""Every listing of one app, read page by page and compared with the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.emulator.org_model import Grant, OrgModel
from tests.emulator.org_room import GOV, Json, principal


@dataclass(frozen=True)
class Listings:
    get: Callable[..., Json]
    model: OrgModel
    app: str
    now_s: float

    def pages(self, path: str, size: int, **params: str) -> tuple[list[Json], set[int | None]]:
        """All items, each once, and every total that a page told."""
        asked: dict[str, Any] = {**params, "limit": size}
        items: list[Json] = []
        totals: set[int | None] = set()
        while True:
            page = self.get(f"{GOV}/{path}", **asked)
            assert len(page["data"]) <= size
            items += page["data"]
            keys = [item["id"] for item in items]
            assert len(keys) == len(set(keys)), f"{path}: an item is shown twice: {keys}"
            totals.add(page.get("metadata", {}).get("total"))
            if "next" not in page["_links"]:
                break
            assert len(page["data"]) == size
            asked = dict(parse_qsl(urlsplit(page["_links"]["next"]["href"]).query))
        return items, totals

    def named(self, kind: str) -> str:
        return f'{kind}.externalId eq "{self.app}" AND {kind}.type eq "APPLICATION"'

    def grants(self, size: int) -> list[Json]:
        return self.pages("grants", size, filter=self.named("target"), include="full_entitlements")[0]

    def everything(self) -> list[Json]:
        """Whatever clients read of the app."""
        return [
            *self.pages("entitlements", 200, filter=self.named("parent")),
            *self.pages("entitlements/values", 200, filter=self.named("parent")),
            *self.pages("entitlement-bundles", 200, filter=self.named("target"), include="full_entitlements"),
            self.grants(200),
            self.get(f"/api/v1/apps/{self.app}/users", expand="user"),
        ]

    def check(self, size: int) -> None:
        self._check_entitlements(size)
        self._check_bundles(size)
        self._check_grants(size)
        shown = self.get(f"/api/v1/apps/{self.app}/users", limit=500)
        assigned = {user: scope for (app, user), scope in self.model.assigned.items() if app == self.app}
        assert {row["id"]: row["scope"] for row in shown} == assigned

    def _check_entitlements(self, size: int) -> None:
        mine = {key: each for key, each in self.model.entitlements.items() if each.app == self.app}
        items, totals = self.pages("entitlements", size, filter=self.named("parent"))
        assert {item["id"] for item in items} == set(mine)
        assert totals == {len(mine)}
        items, totals = self.pages("entitlements/values", size, filter=self.named("parent"))
        assert {item["id"] for item in items} == set(self.model.values_of(self.app))
        assert totals == {None}
        for key, entitlement in mine.items():
            items, totals = self.pages(f"entitlements/{key}/values", size)
            named = {item["id"]: (item["name"], item["externalValue"]) for item in items}
            assert named == entitlement.values
            assert totals == {len(named)}
            whole = self.get(f"{GOV}/entitlements/{key}")
            assert (len(whole["values"]), whole["metadata"]["total"]) == (len(named), len(named))

    def _check_bundles(self, size: int) -> None:
        living = {
            key: each for key, each in self.model.bundles.items() if each.app == self.app and not each.deleted
        }
        items, totals = self.pages(
            "entitlement-bundles", size, filter=self.named("target"), include="full_entitlements"
        )
        shown = {item["id"]: (item["name"], _value_ids(item)) for item in items}
        assert shown == {key: (each.name, each.values) for key, each in living.items()}
        assert totals == {len(living)}

    def _check_grants(self, size: int) -> None:
        living = self.model.live_grants(self.app, self.now_s)
        shown = {item["id"]: item for item in self.grants(size)}
        assert {key: _facts(item) for key, item in shown.items()} == {
            key: self._facts(grant) for key, grant in living.items()
        }
        for key, item in shown.items():
            for held in item["entitlements"]:
                known = self.model.entitlements[held["id"]].values
                assert {value["id"] for value in held["values"]} <= set(known), (
                    f"{key} holds what is not there"
                )

    def _facts(self, grant: Grant) -> tuple[Any, ...]:
        held = self.model.held_by(grant)
        return grant.pair[1], grant.kind, grant.action, grant.expires, grant.bundle, held

    def check_effective(self, user: str) -> None:
        """principal-entitlements shows what the grants give."""
        shown = self.get(f"{GOV}/principal-entitlements", filter=self.about(user))["data"]
        held = {value["id"] for item in shown for value in item["values"]}
        assert held == self.model.effective((self.app, user), self.now_s)
        for item in shown:
            assert item["multiValue"] or len(item["values"]) == 1

    def check_what_counts(self, user: str) -> None:
        """principal-access says which of the values granted have effect."""
        access = self.get(f"{GOV}/principal-access", filter=self.about(user))
        grants = [*access.get("additional", []), *([access["base"]] if "base" in access else [])]
        counted = {
            value["id"]
            for grant in grants
            for item in grant["entitlements"]
            for value in item["values"]
            if value["effective"]
        }
        assert counted == self.model.effective((self.app, user), self.now_s)

    def about(self, user: str) -> str:
        return f"{self.named('parent')} AND {principal(user)}"


def _facts(item: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        item["targetPrincipal"]["externalId"],
        *(item["grantType"], item["action"], item.get("scheduleSettings", {}).get("expirationDate")),
        *(item.get("entitlementBundleId"), _value_ids(item)),
    )


def _value_ids(item: Mapping[str, Any]) -> set[str]:
    return {value["id"] for held in item["entitlements"] for value in held["values"]}
