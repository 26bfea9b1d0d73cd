"""Results of looking at plans and runs side by side, as data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.envelope import Part, ValueLists, View


class ComparedPersonView(Part):
    """One person of whom two plans do not want the same. ``adds`` is what the new plan gives and the old one
    does not, ``drops`` the reverse: by itself that takes nothing from anybody. What is taken away stands in
    a plan's removals: ``takes`` in the new one's only, ``spares`` in the old one's only.
    """

    principal: str
    state: Literal["added", "gone", "changed"]
    adds: ValueLists = {}
    drops: ValueLists = {}
    keeps: ValueLists = {}
    takes: ValueLists = {}
    spares: ValueLists = {}
    expires_before: list[str] = []
    expires: list[str] = []
    app_only: str = ""
    """``added`` or ``gone`` where it is about having the app without a value."""


class RuleView(Part):
    """Something a plan says that is about no single person; null where it does not stand."""

    rule: str
    old: str | None
    new: str | None


class CompareView(View):
    schema_: Annotated[Literal["okta-plan/compare/v1"], Field(alias="schema")] = "okta-plan/compare/v1"
    command: Literal["compare"] = "compare"
    old: str = ""
    new: str = ""
    old_digest: str = ""
    """The plan_digest of the old plan; that of the new one is ``plan_digest``."""
    okta_app: str = ""
    people: list[ComparedPersonView] = []
    same: int = 0
    """People of whom both plans want the same."""
    values_added: ValueLists = {}
    values_gone: ValueLists = {}
    rules: list[RuleView] = []
    privileged: list[str] = []
    """Values that one of the plans calls privileged, as ``Entitlement/value``."""
