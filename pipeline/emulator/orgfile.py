"""The org file: a YAML description of an Okta org (CONTRACTS section 4), read strictly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetPydanticSchema,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError, core_schema

from pipeline.emulator.csvfiles import (
    CsvFileError,
    Sheet,
    open_csv,
    read_assignments,
    read_grants,
    read_users,
)
from pipeline.emulator.fault_kinds import FaultSet
from pipeline.emulator.jwks import BadKeyError, public_keys, read_key_file
from pipeline.emulator.limits import LimitsError, limits_by_bucket
from pipeline.emulator.orgchecks import OrgFileError, check_references
from pipeline.emulator.problems import first_problems
from pipeline.emulator.times import parse_instant

__all__ = ["OrgFile", "OrgFileError", "load_org_file", "org_file_from"]

UserStatus = Literal[
    "STAGED",
    "PROVISIONED",
    "ACTIVE",
    "RECOVERY",
    "PASSWORD_EXPIRED",
    "LOCKED_OUT",
    "SUSPENDED",
    "DEPROVISIONED",
]
GrantType = Literal["CUSTOM", "POLICY", "ENTITLEMENT", "ENTITLEMENT-BUNDLE"]
GrantStatus = Literal["ACTIVE", "SCHEDULED", "INACTIVE", "EXPIRED"]
Actor = Literal["API", "ACCESS_REQUEST", "ADMIN", "NONE"]


def _instant(value: str) -> str:
    parse_instant(value)
    return value


Instant = Annotated[str, AfterValidator(_instant)]
OktaId = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{20}$")]
Text255 = Annotated[str, Field(min_length=1, max_length=255)]


def _or_sheet(entries: Any) -> GetPydanticSchema:  # noqa: ANN401  a type
    """Validates a list of entries. A sheet in its place checks itself, line by line; dumped, it is a hash."""

    def schema(_annotated: Any, build: Any) -> core_schema.CoreSchema:  # noqa: ANN401  pydantic's types
        as_list = build(entries)
        return core_schema.no_info_wrap_validator_function(
            lambda given, check: given if isinstance(given, Sheet) else check(given),
            as_list,
            serialization=core_schema.wrap_serializer_function_ser_schema(
                lambda given, dump: given.sha256 if isinstance(given, Sheet) else dump(given), schema=as_list
            ),
        )

    return GetPydanticSchema(schema)


class Strict(BaseModel):
    """Unknown keys are errors, and text stays text: 0012 without quotes is refused, not turned into 10."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Org(Strict):
    subdomain: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    id: OktaId | None = None
    preview: bool = False
    """At oktapreview.com, where the names of apps and users differ (okta-api.md 2.3)."""


def _attribute(value: object) -> object:
    items = value if isinstance(value, list) else [value]
    if value is None or all(isinstance(item, str) for item in items):
        return value
    raise PydanticCustomError("attribute", "Input should be a valid string, or a list of strings")


Attribute = Annotated[object, AfterValidator(_attribute)]


class User(Strict):
    """Keys beside these are profile attributes, as an Okta profile is open."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, Attribute]

    login: str = Field(min_length=1, max_length=100)
    email: str | None = None
    firstName: str | None = None  # noqa: N815  Okta's profile attribute
    lastName: str | None = None  # noqa: N815  Okta's profile attribute
    status: UserStatus = "ACTIVE"
    id: OktaId | None = None
    created: Instant | None = None

    def profile(self) -> dict[str, object]:
        named = {
            "firstName": self.firstName,
            "lastName": self.lastName,
            "mobilePhone": None,
            "secondEmail": None,
        }
        return {**named, **self.__pydantic_extra__, "login": self.login, "email": self.email or self.login}


class Value(Strict):
    external_value: str = Field(min_length=1, max_length=2000)
    name: Text255
    description: str | None = Field(default=None, min_length=1, max_length=1024)
    id: OktaId | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, raw: object) -> object:
        if isinstance(raw, str):
            return {"name": raw, "external_value": raw}
        return {"name": raw.get("external_value"), **raw} if isinstance(raw, dict) else raw


class Entitlement(Strict):
    name: Text255
    external_value: Text255
    description: str | None = Field(default=None, min_length=1, max_length=1000)
    multi_value: bool = True
    required: bool = False
    values: list[Value] = []
    id: OktaId | None = None

    @model_validator(mode="before")
    @classmethod
    def _default_external_value(cls, raw: object) -> object:
        return {"external_value": raw.get("name"), **raw} if isinstance(raw, dict) else raw


class Bundle(Strict):
    name: Text255
    description: str | None = Field(default=None, min_length=1, max_length=1000)
    values: dict[str, list[str]]
    status: Literal["ACTIVE", "DELETED"] = "ACTIVE"
    id: OktaId | None = None
    created: Instant | None = None
    """Lists of bundles are in this order."""


class Criterion(Strict):
    name: Text255
    operation: Literal["CONTAINS_ONE", "CONTAINS_ALL"] = "CONTAINS_ONE"
    values: dict[str, list[str]]


class RiskRule(Strict):
    """Separation of duties: who meets both criteria is in conflict."""

    name: Text255
    description: str | None = Field(default=None, min_length=1, max_length=1000)
    notes: str | None = Field(default=None, min_length=1, max_length=1000)
    criteria: list[Criterion] = Field(min_length=2, max_length=2)
    status: Literal["ACTIVE", "INVALID"] = "ACTIVE"
    id: OktaId | None = None


class Grant(Strict):
    user: str
    type: GrantType = "CUSTOM"
    values: dict[str, list[str]] = {}
    bundle: str | None = None
    expires: Instant | None = None
    time_zone: str | None = None
    action: Literal["ALLOW", "DENY"] = "ALLOW"
    actor: Actor = "API"
    status: GrantStatus = "ACTIVE"
    id: OktaId | None = None


class Assignment(Strict):
    user: str
    scope: Literal["USER", "GROUP"] = "USER"
    user_name: str | None = Field(default=None, min_length=1, max_length=100)
    """The name in the app; the login when absent."""
    profile: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _from_login(cls, raw: object) -> object:
        return {"user": raw} if isinstance(raw, str) else raw


class OktaApp(Strict):
    label: str = Field(min_length=1)
    id: OktaId | None = None
    name: str = "oidc_client"
    status: Literal["ACTIVE", "INACTIVE"] = "ACTIVE"
    features: list[str] = []
    entitlement_management: bool | Literal["ENABLING", "DISABLING", "DISABLED"] = True
    implicit_assignment: bool = False
    assigned: Annotated[list[Assignment] | Sheet[Assignment], _or_sheet(list[Assignment])] = []
    entitlements: list[Entitlement] = []
    bundles: list[Bundle] = []
    risk_rules: list[RiskRule] = []
    grants: Annotated[list[Grant] | Sheet[Grant], _or_sheet(list[Grant])] = []

    def given_ids(self) -> Iterator[str]:
        values = (value.id for entitlement in self.entitlements for value in entitlement.values)
        others = (*(bundle.id for bundle in self.bundles), *_ids(self.grants))
        others = (*others, *(rule.id for rule in self.risk_rules))
        entitlements = (entitlement.id for entitlement in self.entitlements)
        yield from (given for given in (self.id, *entitlements, *values, *others) if given)


def _ids(entries: list[User] | Sheet[User] | list[Grant] | Sheet[Grant]) -> Iterator[str | None]:
    if isinstance(entries, list) or entries.gives_ids:
        yield from (entry.id for entry in entries)


class Switches(Strict):
    """Where Okta's behaviour is unproven or differs between orgs (okta-api.md sections 5.2 and 5.3)."""

    custom_post_replaces_additive: bool = True
    custom_post_assigns_app: bool = True
    grant_needs_assignment: bool = False
    additive_entitlements: bool = False
    search_lag_s: float = Field(default=0, ge=0)
    search_ceiling: int = Field(default=50_000, ge=1)
    revoke_ends_empty_custom: bool = False
    opt_in_s: float = Field(default=3, ge=0)
    """How long turning entitlement management on or off takes."""


class Operation(Strict):
    """Turning entitlement management of an app on or off, begun or done."""

    id: OktaId
    okta_app: OktaId
    target: Literal["OPTED_IN", "OPTED_OUT"]
    status: Literal["RUNNING", "COMPLETED"]
    created: Instant
    due: Instant


class Client(Strict):
    """A service app: it signs in with its key (okta-api.md section 10)."""

    id: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,100}$")]
    """Usually the 20 characters of an id, but an admin may choose another client id."""
    jwk: dict[str, Any]
    """The public key, or a JWKS of several."""
    scopes: list[Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$")]] = []
    """What an admin has granted to the app."""
    dpop: bool = False
    """The app's checkbox to require DPoP in token requests."""

    @field_validator("jwk")
    @classmethod
    def _public(cls, given: dict[str, Any]) -> dict[str, Any]:
        public_keys(given)
        return given


class OrgFile(Strict):
    org: Org
    tokens: list[Annotated[str, Field(min_length=1)]] = Field(min_length=1)
    clients: list[Client] = []
    users: Annotated[list[User] | Sheet[User], _or_sheet(list[User])] = []
    okta_apps: list[OktaApp] = []
    operations: list[Operation] = []
    limits: Literal["observed", "none"] | dict[str, int] = "observed"
    latency_ms: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=2, max_length=2)] = [0, 0]
    switches: Switches = Switches()
    faults: FaultSet = FaultSet()

    def given_ids(self) -> Iterator[str]:
        """Every id the file gives itself."""
        yield from (given for given in (self.org.id, *_ids(self.users)) if given)
        yield from (client.id for client in self.clients)
        yield from (operation.id for operation in self.operations)
        for okta_app in self.okta_apps:
            yield from okta_app.given_ids()

    @field_validator("limits")
    @classmethod
    def _known_buckets(cls, limits: str | dict[str, int]) -> str | dict[str, int]:
        try:
            limits_by_bucket(limits)
        except LimitsError as error:
            raise ValueError(str(error)) from error
        return limits

    @field_validator("latency_ms")
    @classmethod
    def _ordered(cls, latency_ms: list[float]) -> list[float]:
        if latency_ms[0] > latency_ms[1]:
            raise ValueError("the first number (least) is greater than the second (most)")
        return latency_ms


def load_org_file(path: Path) -> OrgFile:
    """Read an org file with the CSV files it names. Raises OrgFileError naming the file and the key."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506  a safe loader, in C
    except OSError as error:
        raise OrgFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise OrgFileError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(raw, dict):
        raise OrgFileError(f"{path}: an org file is a mapping with the keys org, tokens, users, okta_apps")
    try:
        return org_file_from(_with_key_files(_with_csv_files(raw, path.parent), path.parent))
    except (OrgFileError, CsvFileError, BadKeyError) as error:
        raise OrgFileError(f"{path}: {error}") from error


def org_file_from(raw: dict[str, Any]) -> OrgFile:
    """Check plain data (YAML, or what /_emulator/state answers) and make an org file of it."""
    try:
        org = OrgFile.model_validate(raw)
    except ValidationError as error:
        raise OrgFileError(first_problems(error, "org file")) from error
    check_references(org)
    return org


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _with_csv_files(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    out = {**raw, "users": _from_csv(raw.get("users", []), folder, read_users, User)}
    if isinstance(raw.get("okta_apps"), list):
        out["okta_apps"] = [_app_with_csv(entry, folder) for entry in raw["okta_apps"]]
    return out


def _with_key_files(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A dumped org names no files: what `jwk_file` names is read here, once."""
    if not isinstance(raw.get("clients"), list):
        return raw
    return {**raw, "clients": [_client_with_key(entry, folder) for entry in raw["clients"]]}


def _client_with_key(entry: object, folder: Path) -> object:
    if not isinstance(entry, dict) or not isinstance(entry.get("jwk_file"), str) or "jwk" in entry:
        return entry
    others = {key: value for key, value in entry.items() if key != "jwk_file"}
    return {**others, "jwk": read_key_file(folder / entry["jwk_file"])}


def _app_with_csv(entry: object, folder: Path) -> object:
    if not isinstance(entry, dict):
        return entry
    sheets = {"assigned": (read_assignments, Assignment), "grants": (read_grants, Grant)}
    named = {key: _from_csv(entry[key], folder, *how) for key, how in sheets.items() if key in entry}
    return {**entry, **named}


def _from_csv(value: object, folder: Path, read: Any, entry: Any) -> object:  # noqa: ANN401  as Sheet has them
    if isinstance(value, dict) and set(value) == {"csv"} and isinstance(value["csv"], str):
        return Sheet(open_csv(folder / value["csv"]), read, entry)
    return value
