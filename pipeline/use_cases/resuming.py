"""Going on with an unfinished run: which run is meant, and whether it may go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace

from pipeline.address import principal_key
from pipeline.changes.codec import changes_digest, from_json
from pipeline.changes.model import Change, ChangeSet
from pipeline.changes.permissions import Guard, Permissions
from pipeline.changes.protection import against_taking
from pipeline.changes.snapshot import Lookup, Snapshot
from pipeline.changes.targets import strangers
from pipeline.changes.wanted import resolve
from pipeline.errors import ErrorCode, RefusedError
from pipeline.okta.people import find_people
from pipeline.okta.reads import Reads
from pipeline.plan.digest import plan_digest
from pipeline.plan.model import Plan
from pipeline.run.entries import Header
from pipeline.run.fold import RunState
from pipeline.run.folder import RunFolder, find_run
from pipeline.run.journal import Journal
from pipeline.run.result import EarlierRun
from pipeline.run.resume import close, settle_open, unfinished_run
from pipeline.run.tenant import Tenant
from pipeline.use_cases.apply_request import ApplyRequest
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.leasing import Leased
from pipeline.use_cases.reviewing import TAKING_AWAY, bad_option, read_json

AFRESH = "Apply the plan without --resume: it is compared with the tenant afresh."


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that can go on: its change set, what of it was reviewed, and where it stands."""

    folder: RunFolder
    header: Header
    changes: ChangeSet
    reviewed: ChangeSet
    state: RunState


def to_resume(desk: Desk, request: ApplyRequest, plan: Plan) -> ApplyRequest:
    """``request`` for the part that the run was asked for. What cannot go on is refused before any call."""
    for option, given in (("--changes", request.changes), ("--only", request.only)):
        if given is not None:
            raise bad_option(
                option, str(given), ("it without --resume, which goes on with the old change set",)
            )
    unfinished = find_unfinished(desk, str(request.resume), plan)
    return replace(request, only=unfinished.header.only)


def find_unfinished(desk: Desk, run: str, plan: Plan) -> Unfinished:
    """The run of that id, for ``plan``. Raises RefusedError where it is closed, was for another plan, or its
    papers do not belong together; InputError where there is none or its journal is damaged.
    """
    folder = find_run(desk.runtime.runs_dir, run)
    state = folder.state()
    header = state.header
    if header is None:
        raise _refused(
            ErrorCode.OTHER_RUN, run, "it ended before its journal had a first line, so it had sent nothing"
        )
    if state.closed is not None:
        raise _refused(ErrorCode.RUN_CLOSED, run, "it is closed: it finished, or a later run settled it")
    if header.plan_digest != plan_digest(plan):
        raise _refused(
            ErrorCode.OTHER_RUN, run, "it was of another plan, or the plan was edited since it started"
        )
    changes = _stored(desk, folder, folder.changes.name, header.changes_digest)
    is_whole = header.reviewed_digest == header.changes_digest
    reviewed = changes if is_whole else _stored(desk, folder, folder.reviewed.name, header.reviewed_digest)
    return Unfinished(folder, header, changes, reviewed, state)


def refuse_elsewhere(header: Header, snapshot: Snapshot) -> None:
    """Raises RefusedError where the run was on another org or app than ``snapshot``."""
    if header.org_id != snapshot.org_id:
        raise RefusedError(
            ErrorCode.OTHER_ORG,
            "The run cannot go on here",
            f"Run {header.run_id} was on {header.org_host} ({header.org_id}), not on {snapshot.org_host}.",
            next_step="Check OKTA_DOMAIN.",
        )
    if header.okta_app_id != snapshot.okta_app.id:
        found = f"the plan's app is now {snapshot.okta_app.id}, not {header.okta_app_id}"
        raise _refused(ErrorCode.OTHER_RUN, header.run_id, found)


async def refuse_strangers(
    reads: Reads, plan: Plan, snapshot: Snapshot, run: str, changes: Iterable[Change]
) -> None:
    """Raises RefusedError where ``changes``, as the run's folder has them, go to others than those whom the
    plan names. No approval covers the ids that stand there, so the people are looked for again.
    """
    rest = tuple(changes)
    people = await _people_of(reads, plan, snapshot, rest)
    found = next(strangers(plan, replace(snapshot, people=people), rest), None)
    if found is not None:
        raise _refused(
            ErrorCode.OTHER_RUN,
            run,
            f"what its folder says of {found.address} is not what the plan and the tenant say",
        )


def still_allowed(header: Header, permissions: Permissions) -> Permissions:
    """``permissions``, and from whom something may be taken as was allowed when the run began."""
    named = (each.value.casefold() for each in header.allowed if each.guard == Guard.PROTECTED)
    return permissions | Permissions(protected=frozenset(named))


async def refuse_protected(
    reads: Reads, plan: Plan, snapshot: Snapshot, run: str, changes: Iterable[Change]
) -> None:
    """Raises RefusedError where one of ``changes`` takes something from whom ``snapshot`` protects: somebody
    may have been named since the run compared.
    """
    taking = [each for each in changes if each.person is not None and each.action in TAKING_AWAY]
    if not taking or not snapshot.protected:
        return
    people = await _people_of(reads, plan, snapshot, taking)
    found = resolve(plan, replace(snapshot, people=people)).people
    protected = {person.key for person in found if against_taking(snapshot, person)}
    for change in taking:
        if change.address.key in protected or _names_of(change) & snapshot.protected:
            raise _refused(
                ErrorCode.OTHER_RUN,
                run,
                f"{change.address} would take something from who is protected by now",
            )


def _names_of(change: Change) -> set[str]:
    person = change.person
    return {person.user_id, *map(principal_key, (person.login, *person.principals))} if person else set()


async def _people_of(
    reads: Reads, plan: Plan, snapshot: Snapshot, changes: Iterable[Change]
) -> dict[str, Lookup]:
    """Those of the plan whom ``changes`` concern, looked for again."""
    keys = {each.address.key for each in changes if each.person is not None}
    names = {user for cohort in (*plan.access, *plan.removals) for user in cohort.users}
    wanted = sorted(each for each in names | {*plan.assignments.users} if principal_key(each) in keys)
    match = plan.mapping.user.match if plan.mapping else ("login", "email")
    return await find_people(reads, wanted, match, limits=dict(snapshot.bucket_limits)) if wanted else {}


async def settle_earlier(
    desk: Desk, plan: Plan, leased: Leased, tenant: Tenant, places: Callable[[], Awaitable[Snapshot]]
) -> list[EarlierRun]:
    """Read back what unfinished runs of this plan had begun, and close them: before anything is compared, so
    that one reading serves. ``places`` reads the entitlements, where something was begun.
    """
    settled: list[EarlierRun] = []
    while folder := unfinished_run(
        desk.runtime.runs_dir,
        plan_name=plan.name,
        plan_digest=plan_digest(plan),
        org_id=leased.org_id,
        app_id=leased.app_id,
    ):
        state = folder.state()
        entitlements = (await places()).entitlements if state.open else ()
        changes = from_json(read_json(folder.changes), desk.shown(folder.changes))
        journal, _ = Journal.reopen(folder.journal, desk.runtime.clock)
        with journal:
            earlier = await settle_open(state, changes, journal, tenant, entitlements, desk.runtime.clock)
            close(journal, earlier)
        settled.append(earlier)
    return settled


def _stored(desk: Desk, folder: RunFolder, name: str, digest: str) -> ChangeSet:
    path = folder.path / name
    found = from_json(read_json(path), desk.shown(path))
    if changes_digest(found) != digest:
        raise _refused(ErrorCode.OTHER_RUN, folder.run_id, f"{name} is not what its journal names")
    return found


def _refused(code: ErrorCode, run: str, why: str) -> RefusedError:
    return RefusedError(
        code, "The run cannot be resumed", f"Run {run} cannot go on: {why}.", next_step=AFRESH
    )
