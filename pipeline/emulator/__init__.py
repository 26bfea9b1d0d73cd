"""An Okta org in a box: the part of Okta's API that a run of this project needs, over SQLite.

It shares no code with the client on purpose: one misreading of Okta cannot make both agree.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.emulator.app import create_app
    from pipeline.emulator.fault_kinds import FaultsError, FaultSet, fault_set_from
    from pipeline.emulator.in_memory import InMemoryTransport
    from pipeline.emulator.orgfile import OrgFile, OrgFileError, load_org_file
    from pipeline.emulator.serve import serve

__all__ = [
    "FaultSet",
    "FaultsError",
    "InMemoryTransport",
    "OrgFile",
    "OrgFileError",
    "create_app",
    "fault_set_from",
    "load_org_file",
    "serve",
]

_HOMES = {
    "FaultSet": "fault_kinds",
    "FaultsError": "fault_kinds",
    "InMemoryTransport": "in_memory",
    "OrgFile": "orgfile",
    "OrgFileError": "orgfile",
    "create_app": "app",
    "fault_set_from": "fault_kinds",
    "load_org_file": "orgfile",
    "serve": "serve",
}


def __getattr__(name: str) -> object:
    # Loaded on first use: the web framework costs more to import than most commands take to run.
    if name not in _HOMES:
        raise AttributeError(name)
    value: object = getattr(import_module(f"pipeline.emulator.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
