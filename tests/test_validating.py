"""What validate answers: the findings of each plan, and for scripts one error."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema

from pipeline.envelope import to_json
from pipeline.errors import ErrorCode
from tests.in_process import Tenant

GOOD = "schema: okta-plan/v1\nname: a\nokta_app: {label: ERP}\n"
SCHEMA = Path(__file__).parents[1] / "schemas" / "validate.schema.json"


def test_of_plans_with_problems_one_error_tells_the_first(tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir()
    (tmp_path / "org.yaml").write_text(
        "org: {subdomain: acme}\ntokens: [t0ken-1234]\nusers: []\nokta_apps: [{label: ERP}]\n"
    )
    for name, text in (("a", GOOD), ("b", f"{GOOD}acces: []\n"), ("c", f"{GOOD}x: 1\ny: 2\n")):
        (tmp_path / "plans" / f"{name}.yaml").write_text(text, "utf-8")
    tenant = Tenant(tmp_path, tmp_path / "org.yaml")
    good = tenant.validate("a")
    assert (good.ok, good.exit_code, good.error) == (True, 0, None)
    view = tenant.validate("a", "b", "c")
    assert (view.ok, view.exit_code, [each.ok for each in view.plans]) == (False, 1, [True, False, False])
    assert view.error is not None
    assert (view.error.code, view.error.location) == (ErrorCode.PLAN_INVALID, "plans/b.yaml")
    assert view.error.detail.startswith("3 problems in plans/b.yaml, plans/c.yaml. The first: ")
    assert "plans/b.yaml:4" in view.error.detail
    jsonschema.validate(json.loads(to_json(view)), json.loads(SCHEMA.read_text("utf-8")))
