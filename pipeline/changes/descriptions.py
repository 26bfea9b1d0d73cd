"""Descriptions that the plan states and the tenant has otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.address import Address, Kind
from pipeline.changes.model import Action, Change, EntitlementTarget, Rewording
from pipeline.changes.snapshot import OktaEntitlement, OktaValue
from pipeline.plan.model import Entitlement, Value

TEXTS_SHOWN = 3


def describe(
    wanted: Entitlement, existing: OktaEntitlement, found: Iterable[tuple[Value, OktaValue]]
) -> Change | None:
    """The change of the entitlement's description and those of the values ``found`` for it, or None. What the
    plan does not describe stays as it is.
    """
    texts = [Rewording(description=wanted.description)] if _differs(wanted, existing) else []
    texts += [
        Rewording(value=value.external_value, description=each.description)
        for each, value in sorted(found, key=lambda pair: pair[1].external_value)
        if _differs(each, value)
    ]
    if not texts:
        return None
    shown = ", ".join(f'{each.value or "itself"} as "{each.description}"' for each in texts[:TEXTS_SHOWN])
    more = f" and {len(texts) - TEXTS_SHOWN} more" if len(texts) > TEXTS_SHOWN else ""
    return Change(
        address=Address(Kind.DESCRIPTION, wanted.external_value),
        action=Action.DESCRIBE,
        message=f"describe in {existing.name}: {shown}{more}",
        before=(),
        after=(),
        entitlement=EntitlementTarget(
            id=existing.id,
            name=existing.name,
            external_value=existing.external_value,
            description=wanted.description,
            multi_value=existing.multi_value,
            new_values=(),
            rewordings=tuple(texts),
        ),
    )


def _differs(wanted: Entitlement | Value, existing: OktaEntitlement | OktaValue) -> bool:
    """Whether the tenant's differs in more than blanks around it, which Okta may cut off."""
    return (
        wanted.description is not None and wanted.description.strip() != (existing.description or "").strip()
    )
