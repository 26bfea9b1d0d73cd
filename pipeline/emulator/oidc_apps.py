"""What an OpenID Connect app shows beside what every app shows (recording TestAccDataSourceOktaApp_read)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.emulator.ids import okta_id

if TYPE_CHECKING:
    from pipeline.emulator.tenant import Tenant

NAME = "oidc_client"


def credentials(tenant: Tenant, app_id: str) -> dict[str, Any]:
    client = {
        "autoKeyRotation": True,
        "client_id": app_id,
        "token_endpoint_auth_method": "client_secret_basic",
        "pkce_required": False,
    }
    return {"signing": {"kid": okta_id("kid", 0, tenant.seed)}, "oauthClient": client}


def settings() -> dict[str, Any]:
    return {
        "client_uri": None,
        "logo_uri": None,
        "redirect_uris": [],
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "application_type": "web",
        "consent_method": "TRUSTED",
        "issuer_mode": "ORG_URL",
        "idp_initiated_login": {"mode": "DISABLED", "default_scope": []},
        "wildcard_redirect": "DISABLED",
        "dpop_bound_access_tokens": False,
        "participate_slo": False,
    }


def links(tenant: Tenant, app_id: str) -> dict[str, Any]:
    app = f"{tenant.origin}/api/v1/apps/{app_id}"
    policies = f"{tenant.origin}/api/v1/policies"
    home = f"{tenant.origin}/home/{NAME}/{app_id}/{okta_id('aln', 0, tenant.seed)}"
    logo = f"{tenant.origin}/assets/img/logos/default.png"
    return {
        "uploadLogo": {"href": f"{app}/logo", "hints": {"allow": ["POST"]}},
        "appLinks": [{"name": f"{NAME}_link", "href": home, "type": "text/html"}],
        "profileEnrollment": {"href": f"{policies}/{okta_id('rst', 0, tenant.seed)}"},
        "policies": {"href": f"{app}/policies", "hints": {"allow": ["PUT"]}},
        "logo": [{"name": "medium", "href": logo, "type": "image/png"}],
        "clientCredentials": [{"name": "secrets", "href": f"{app}/credentials/secrets"}],
        "accessPolicy": {"href": f"{policies}/{okta_id('rst', 1, tenant.seed)}"},
        "deactivate": {"href": f"{app}/lifecycle/deactivate"},
    }
