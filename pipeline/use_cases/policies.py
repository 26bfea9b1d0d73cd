"""The policies of the workspace: which values nobody may hold together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.plan.policy import is_policy
from pipeline.use_cases.desk import Desk

if TYPE_CHECKING:
    from pipeline.plan.duties import Rule

FOLDER = "policies"


def read_policies(desk: Desk) -> tuple[Rule, ...]:
    """The rules of separation of duties in ``policies/`` of the workspace; none without that folder. Raises
    InputError where a file of them cannot be used.
    """
    folder = desk.inside(desk.workspace / FOLDER)
    if not folder.exists():
        return ()
    from pipeline.plan.file import load_policies

    return load_policies(folder, shown_as=FOLDER)


def policy_files(desk: Desk) -> dict[str, bytes]:
    """The files of `read_policies`, by name; for another workspace that is to have the same rules."""
    folder = desk.inside(desk.workspace / FOLDER)
    if not folder.is_dir():
        return {}
    return {each.name: each.read_bytes() for each in sorted(folder.iterdir()) if is_policy(each.name)}
