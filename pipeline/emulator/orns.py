"""Okta resource names, as the recordings write them (okta-api.md 2.3).

In a preview org those of apps and users say `oktapreview`, those of entitlement values and bundles `okta`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.emulator.tenant import Row, Tenant


def app_orn(tenant: Tenant, okta_app: Row) -> str:
    return f"orn:{tenant.partition}:idp:{tenant.org_id}:apps:{okta_app['name']}:{okta_app['id']}"


def user_orn(tenant: Tenant, user_id: str) -> str:
    return f"orn:{tenant.partition}:directory:{tenant.org_id}:users:{user_id}"


def value_orn(tenant: Tenant, value_id: str) -> str:
    return f"orn:okta:governance:{tenant.org_id}:entitlement-values:{value_id}"


def bundle_orn(tenant: Tenant, bundle_id: str) -> str:
    return f"orn:okta:governance:{tenant.org_id}:entitlement-bundles:{bundle_id}"


def last_part(orn: str) -> str:
    return orn.rsplit(":", 1)[-1]
