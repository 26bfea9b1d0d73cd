"""Tools that read a tenant and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from pipeline.mcp_server.answers import ROWS, Answer, Cursor, Rows, Shape, page_of, paged
from pipeline.mcp_server.door import Door
from pipeline.mcp_server.file_tools import Next
from pipeline.mcp_server.offers import READS_OKTA, offered

if TYPE_CHECKING:
    from pipeline.use_cases.looking import Found

AppId = Annotated[str, Field(description="App id (0oa...) or exact label", min_length=1, max_length=100)]
Concurrency = Annotated[int, Field(description="Without effect: limits set the pace")]
VALUES_SHOWN = 15
USERS_SHOWN = 5
SEARCHES_MAX = 200
NOT_BLANK = r"\S"


class BucketRow(Shape):
    bucket: str
    limit_per_min: int
    remaining: int
    reset_s: float


class ConnectionAnswer(Answer):
    headline: ClassVar[str] = "The tenant answers."
    org_id: str = ""
    org_host: str = ""
    credential: str = ""
    clock_skew_s: float | None = None
    missing_scopes: list[str] = []
    csv_files: int = 0
    s3_enabled: bool = False
    read_only: bool = False
    unfinished_runs: list[str] = []


class EntitlementRow(Shape):
    id: str
    name: str
    external_value: str
    multi_value: bool
    values_total: int
    values: list[str]


class EntitlementsAnswer(Rows):
    headline: ClassVar[str] = "Entitlements of the app."
    okta_app_id: str = ""
    okta_app: str = ""
    entitlement_management: str = ""
    rows: list[EntitlementRow] = []


class ValueRow(Shape):
    id: str
    name: str
    external_value: str


class ValuesAnswer(Rows):
    headline: ClassVar[str] = "Values of an entitlement."
    entitlement: str = ""
    multi_value: bool = False
    rows: list[ValueRow] = []


class UserRow(Shape):
    id: str
    login: str
    email: str
    first_name: str
    last_name: str
    status: str


class UsersAnswer(Rows):
    headline: ClassVar[str] = "Users found."
    is_whole: bool = True
    rows: list[UserRow] = []


class SearchRow(Shape):
    attribute: str
    value: str
    found: int
    users: list[UserRow]


class SearchesAnswer(Rows):
    headline: ClassVar[str] = "Searches."
    found: int = 0
    not_found: int = 0
    ambiguous: int = 0
    failed: int = 0
    blank: int = 0
    rows: list[SearchRow] = []


class RatesAnswer(Answer):
    headline: ClassVar[str] = "Rate limits as the tenant tells them now."
    buckets: list[BucketRow] = []
    share_used: float = 0.0


class Search(BaseModel):
    model_config = ConfigDict(extra="forbid")
    value: Annotated[str, Field(max_length=500)]
    attribute: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=100)] = "email"


class TenantTools:
    def __init__(self, door: Door) -> None:
        self.door = door

    @offered("Test the connection", READS_OKTA)
    async def okta_test(self) -> ConnectionAnswer:
        """Which org is connected, as whom, what is missing, and which runs wait to go on."""
        from pipeline.source.s3 import is_enabled
        from pipeline.use_cases import online, run_standing, sources

        view = await self.door.ask_okta("okta_test", None, lambda desk: online.check(desk, None))
        files = await self.door.look("files", None, sources.files)
        runs = await self.door.look("unfinished", None, lambda desk: run_standing.unfinished(desk, ROWS))
        is_s3 = await self.door.look("s3", None, lambda desk: is_enabled(desk.settings))
        return ConnectionAnswer(
            org_id=view.org_id,
            org_host=view.org_host,
            credential=view.credential,
            clock_skew_s=view.clock_skew_s,
            missing_scopes=[each.scope for each in view.scopes if not each.granted],
            csv_files=len(files.files),
            s3_enabled=is_s3,
            read_only=self.door.read_only,
            unfinished_runs=runs,
            next="Call list_csv_files.",
        )

    @offered("List entitlements of an app", READS_OKTA)
    async def okta_iga_list_entitlements(self, appId: AppId, cursor: Next = None) -> EntitlementsAnswer:
        """Every entitlement of an app in Okta, read to the end, with the first of its values."""
        from pipeline.use_cases import looking

        place = Cursor.parse(cursor)
        okta_app, found = await self.door.ask_okta(
            "okta_iga_list_entitlements", appId, lambda desk: looking.app_entitlements(desk, appId)
        )
        answer = EntitlementsAnswer(
            okta_app_id=okta_app.id,
            okta_app=okta_app.label,
            entitlement_management=okta_app.entitlement_management.value,
            total=len(found),
            rows=[
                EntitlementRow(
                    id=each.id,
                    name=each.name,
                    external_value=each.external_value,
                    multi_value=each.multi_value,
                    values_total=len(each.values),
                    values=[value.external_value for value in each.values[:VALUES_SHOWN]],
                )
                for each in page_of(found, place)
            ],
            next="Call okta_iga_list_entitlement_values for all values of one.",
        )
        return paged(answer, place)

    @offered("List values of an entitlement", READS_OKTA)
    async def okta_iga_list_entitlement_values(self, entitlementId: str, cursor: Next = None) -> ValuesAnswer:
        """Every value of one entitlement in Okta, read to the end."""
        from pipeline.use_cases import looking

        place = Cursor.parse(cursor)
        found = await self.door.ask_okta(
            "okta_iga_list_entitlement_values",
            entitlementId,
            lambda desk: looking.one_entitlement(desk, entitlementId),
        )
        rows = [
            ValueRow(id=each.id, name=each.name, external_value=each.external_value)
            for each in page_of(found.values, place)
        ]
        answer = ValuesAnswer(
            entitlement=found.external_value,
            multi_value=found.multi_value,
            total=len(found.values),
            rows=rows,
            next="Call generate_plan or prepare_entitlement_structure to plan changes.",
        )
        return paged(answer, place)

    @offered("Search a user", READS_OKTA)
    async def okta_user_search(
        self,
        attribute: Annotated[str, Field(description="login, email, id, or another profile attribute")],
        value: Annotated[str, Field(pattern=NOT_BLANK, max_length=500, description="Exact value")],
        cursor: Next = None,
    ) -> UsersAnswer:
        """Users whose attribute has exactly this value."""
        from pipeline.use_cases import looking

        place = Cursor.parse(cursor)
        [found] = await self.door.ask_okta(
            "okta_user_search",
            [attribute, value],
            lambda desk: looking.find_users(desk, [(attribute, value)]),
        )
        answer = UsersAnswer(
            total=len(found.users),
            is_whole=found.is_whole,
            rows=_users(found, named=not self.door.mask().on)[place.first : place.first + ROWS],
            next=_after_search(found),
        )
        return paged(answer, place)

    @offered("Search many users", READS_OKTA)
    async def okta_batch_user_search(
        self,
        searches: Annotated[list[Search], Field(min_length=1, max_length=SEARCHES_MAX)],
        concurrency: Concurrency = 5,
        cursor: Next = None,
    ) -> SearchesAnswer:
        """Search up to 200 users; a failed search is never told as not found."""
        from pipeline.use_cases import looking

        place = Cursor.parse(cursor)
        wanted = [(each.attribute, each.value.strip()) for each in searches if each.value.strip()]
        found = await self.door.ask_okta(
            "okta_batch_user_search", wanted, lambda desk: looking.find_users(desk, wanted)
        )
        named = not self.door.mask().on
        answer = SearchesAnswer(
            total=len(found),
            found=sum(len(each.users) == 1 for each in found),
            not_found=sum(not each.users and not each.failed for each in found),
            ambiguous=sum(len(each.users) > 1 for each in found),
            failed=sum(each.failed for each in found),
            blank=len(searches) - len(wanted),
            rows=[
                SearchRow(
                    attribute=each.attribute,
                    value=each.value,
                    found=len(each.users),
                    users=_users(each, named=named)[:USERS_SHOWN],
                )
                for each in page_of(found, place)
            ],
            next="People of a plan are looked up by diff_plan itself.",
        )
        return paged(answer, place)

    @offered("Rate limits", READS_OKTA)
    async def okta_get_rate_status(self) -> RatesAnswer:
        """What the tenant allows a minute and what is left, by bucket, as the headers of fresh calls say."""
        from pipeline.use_cases import looking
        from pipeline.use_cases.apply_request import RATE_SHARE

        statuses = await self.door.ask_okta("okta_get_rate_status", None, looking.rates_of_workspace)
        return RatesAnswer(
            buckets=[
                BucketRow(
                    bucket=each.bucket,
                    limit_per_min=each.limit,
                    remaining=each.remaining,
                    reset_s=round(each.reset_s, 1),
                )
                for each in statuses
            ],
            share_used=RATE_SHARE,
            next="A run keeps to its share of these by itself; nothing has to be set.",
        )


def _users(found: Found, *, named: bool) -> list[UserRow]:
    """Without first and last name unless ``named``: a mask knows only what people are called in plans."""
    return [
        UserRow(
            id=each.id,
            login=each.login,
            email=each.email,
            first_name=each.first_name if named else "",
            last_name=each.last_name if named else "",
            status=each.status,
        )
        for each in found.users
    ]


def _after_search(found: Found) -> str:
    if found.failed:
        return (
            "The search failed, so it is not known whether there is such a user. Call it again in a minute."
        )
    return "" if found.users else "Nobody has this value. Ask the person for the login or e-mail."
