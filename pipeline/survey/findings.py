"""What a reviewer should know about the rows: conflicts, repeats, values that only look different."""

from __future__ import annotations

import polars as pl

from pipeline.findings import Finding, FindingCode, Severity
from pipeline.lookalike import look
from pipeline.plan.model import Mapping
from pipeline.source.frame import ROW, Frame
from pipeline.survey.cells import KEY, PERSON, USER
from pipeline.survey.columns import Column
from pipeline.survey.content import IS_EMPTY
from pipeline.survey.damage import damage_of, fix_of, misread_of, without_zeros
from pipeline.survey.packs import Role
from pipeline.survey.rows import DENIED, ENTITLEMENT, OVERRULED, TITLE, USED, VALUE, VERDICT, Rows
from pipeline.survey.sets import ValueSets
from pipeline.survey.status import unheeded_statuses
from pipeline.survey.systems import several_systems
from pipeline.survey.validity import unjudged

_OUTCOMES = {
    "filter": "granted, though",
    "deny_wins": "not granted, as",
    "latest": "granted where the newest row permits them;",
}
SHEET_ROWS = (65_536, 1_048_576)
"""The most rows that a sheet of Excel holds, before 2007 and since."""
CONFLICTS_SHOWN_MAX = 1_000
"""Up to so many conflicts have a finding each; more have one for each entitlement."""


def find_problems(
    frame: Frame, columns: tuple[Column, ...], mapping: Mapping, rows: Rows
) -> tuple[Finding, ...]:
    """All findings, ordered by code and content."""
    return (
        *frame.findings,
        *_cut_off(frame),
        *_doubts(columns),
        *unjudged(mapping, rows.cells),
        *_unheeded_access(columns),
        *unheeded_statuses(frame, columns, rows),
        *several_systems(columns, rows),
        *_repeated_headers(frame, rows),
        *_duplicates(frame, rows),
        *_texts_for_nothing(mapping),
        *_damage(frame, rows),
        *_misread(frame, rows),
        *_odd_users(frame, rows),
        *_collisions(frame, rows, mapping),
        *_conflicts(frame, rows, mapping),
    )


def _cut_off(frame: Frame) -> list[Finding]:
    """Spreadsheets drop what is behind their last row without a word."""
    rows = frame.rows + 1
    if rows not in SHEET_ROWS:
        return []
    detail = (
        f"With its header the source has {rows:,} rows, exactly as many as a spreadsheet holds. Compare the "
        "count with the system it comes from; what was cut off is granted to nobody."
    )
    return [Finding(FindingCode.SHEET_LIMIT, Severity.WARNING, "The source may be cut off", detail)]


def _unheeded_access(columns: tuple[Column, ...]) -> list[Finding]:
    """Columns called as access whose cells speak against it: what they give, nobody gets."""
    return [
        Finding(
            FindingCode.COLUMN_UNHEEDED,
            Severity.WARNING,
            "A column is not heeded",
            f"{each.name} gives nobody anything: {each.reason}. If it is access, say it with 'entitlements' "
            "in a mapping file.",
        )
        for each in sorted(columns, key=lambda each: each.name)
        if each.role is Role.IGNORED and each.confidence == "likely" and not each.reason.endswith(IS_EMPTY)
    ]


def _doubts(columns: tuple[Column, ...]) -> list[Finding]:
    return [
        Finding(
            FindingCode.SEPARATOR,
            Severity.WARNING,
            "How cells are split needs a look",
            f"{each.name}: {each.doubt}. Say it with 'separator' in a mapping file if it is otherwise.",
        )
        for each in sorted(columns, key=lambda each: each.name)
        if each.doubt
    ]


def _texts_for_nothing(mapping: Mapping) -> list[Finding]:
    return [
        Finding(
            FindingCode.NO_VALUE_TEXT,
            Severity.WARNING,
            "A text is read as no value",
            f"{each.column}: {', '.join(map(repr, each.nothing))} give nobody anything (any case). If one is "
            "a value, give it another name in the source.",
        )
        for each in mapping.entitlements
        if each.nothing
    ]


def suggestions(rows: Rows) -> dict[str, dict[str, str]]:
    """By entitlement, values and what they may be meant to be: for a person to decide, never applied."""
    found: dict[str, dict[str, str]] = {}
    for entitlement, values in rows.granted().items():
        meant = dict(without_zeros(values))
        meant |= {value: fix for value in values if (fix := fix_of(value)) is not None}
        first: dict[str, str] = {}
        for value in values:
            if first.setdefault(look(value), value) != value:
                meant.setdefault(value, first[look(value)])
        if meant:
            found[entitlement] = meant
    return found


def _damage(frame: Frame, rows: Rows) -> list[Finding]:
    """Values as a spreadsheet leaves them: granted as they stand, with what they may have been."""
    found: list[Finding] = []
    for entitlement, values in sorted(rows.granted().items()):
        wrong = {value: damage_of(value) for value in values}
        wrong |= {
            short: f"may be what is left of {long!r}, which is there too, without its zeros"
            for short, long in without_zeros(values)
        }
        found.extend(
            Finding(
                FindingCode.SPREADSHEET_DAMAGE,
                Severity.WARNING,
                "A value looks damaged by a spreadsheet",
                f"{entitlement}: {value!r} {what}. It is granted as it stands{_may_be(value)}.",
                rows=tuple(frame.lines.of(rows.rows_listing(entitlement, [value]).to_list())),
            )
            for value, what in wrong.items()
            if what
        )
    return found


def _misread(frame: Frame, rows: Rows) -> list[Finding]:
    """Texts that were read in a wrong encoding before: a finding for each entitlement, and one for people."""
    users = rows.held.select(PERSON, USER).filter(
        pl.col(USER).str.len_bytes() != pl.col(USER).str.len_chars()
    )
    wrong = {person: user for person, user in users.iter_rows() if misread_of(user)}
    of_wrong = rows.judged.get_column(PERSON).is_in(list(wrong)).arg_true()
    found = [("The user column", list(wrong.values()), of_wrong)]
    for entitlement, values in sorted(rows.granted().items()):
        texts = [value for value in values if misread_of(value)]
        found.append((entitlement, texts, rows.rows_listing(entitlement, texts)))
    return [
        Finding(
            FindingCode.MOJIBAKE,
            Severity.WARNING,
            "Texts look read in a wrong encoding",
            f"{what} has UTF-8 that was read as Windows-1252: {len(texts):,} texts such as {texts[0]!r} for "
            f"{misread_of(texts[0])!r}. They are taken as they stand; export again, or correct the source.",
            rows=tuple(frame.lines.of(where.to_list())),
        )
        for what, texts, where in found
        if texts
    ]


_ODD_USER = r"^[='#]|^(?i:mailto:)|^\d[\d.,]*E\+\d+$|^[^@]+@[^@]*[;,|][^@]*@"
_IN_ODD_USERS = "[='#:+;,|]"
"""What all of these hold, and hardly anybody else: found in a fifth of the time."""
_SEVERAL_USERS = r"^[^@]+@[^@]*[;,|][^@]*@"


def _odd_users(frame: Frame, rows: Rows) -> list[Finding]:
    """Users whom nobody will be found by: as a spreadsheet leaves them, or several in one cell."""
    odd = rows.held.select(PERSON, USER).filter(pl.col(USER).str.contains(_IN_ODD_USERS))
    odd = odd.filter(pl.col(USER).str.contains(_ODD_USER))
    if odd.is_empty():
        return []
    are_several = pl.col(USER).str.contains(_SEVERAL_USERS)
    kinds = (
        (
            FindingCode.SPREADSHEET_DAMAGE,
            ~are_several,
            "A user looks damaged by a spreadsheet",
            "look damaged",
        ),
        (FindingCode.SEPARATOR, are_several, "A user cell holds several people", "hold several people"),
    )
    found = []
    for code, are_so, summary, what in kinds:
        those = odd.filter(are_so)
        if those.height:
            where = rows.judged.get_column(PERSON).is_in(those.get_column(PERSON).implode()).arg_true()
            detail = (
                f"The user column: {those.height:,} different cells {what}, such as {those.item(0, USER)!r}. "
                "Each is taken as one user, who will hardly be found. Correct the source."
            )
            lines = tuple(frame.lines.of(where.to_list()))
            found.append(Finding(code, Severity.WARNING, summary, detail, rows=lines))
    return found


def _may_be(value: str) -> str:
    fix = fix_of(value)
    return f"; 'values' in a mapping file can make it {fix!r}" if fix else ""


def _conflicts(frame: Frame, rows: Rows, mapping: Mapping) -> list[Finding]:
    """A value that the same person has in a permitted and in a denied row, and what is made of it."""
    on_conflict = mapping.rows.on_conflict if mapping.rows else "filter"
    denying = rows.listing(rows.of(DENIED))
    denied = denying.join(rows.held, on=PERSON, suffix=" held").select(
        ROW, PERSON, *(_in_both(name, each).alias(name) for each in rows.sets for name in each.names)
    )
    sizes = {
        each.entitlement: pl.sum_horizontal(_size(name, each) for name in each.names) for each in rows.sets
    }
    denied = denied.with_columns(size.alias(f"size of {name}") for name, size in sizes.items())
    denied = denied.filter(pl.any_horizontal(pl.col("^size of .*$") > 0))
    if denied.select(pl.sum_horizontal(pl.col("^size of .*$").sum())).item() > CONFLICTS_SHOWN_MAX:
        return _many_conflicts(frame, denied, sorted(sizes), _OUTCOMES[on_conflict])
    if denied.is_empty():
        return []
    persons = denied.get_column(PERSON).unique()
    concerned = rows.judged.get_column(PERSON).is_in(persons.implode()).arg_true()
    keys = [ENTITLEMENT, VALUE]
    found = (
        rows.pairs(concerned)
        .filter(pl.col(VERDICT).is_in([USED, OVERRULED, DENIED]))
        .group_by(KEY, *keys)
        .agg(pl.col(ROW).unique().sort(), (pl.col(VERDICT) == DENIED).n_unique().alias("verdicts"))
        .filter(pl.col("verdicts") > 1)
        .join(rows.held.select(KEY, USER), on=KEY)
        .join(_given(rows), on=[KEY, *keys], how="left")
        .sort(USER, *keys)
    )
    return [
        Finding(
            FindingCode.PERMITTED_AND_DENIED,
            Severity.WARNING,
            "A value is both permitted and denied",
            f"{user}: {entitlement} {value} {_outcome(on_conflict, is_given=is_given)}",
            rows=tuple(frame.lines.of(where)),
        )
        for user, entitlement, value, where, is_given in found.select(USER, *keys, ROW, "given").iter_rows()
    ]


def _given(rows: Rows) -> pl.DataFrame:
    """KEY, ENTITLEMENT, VALUE and ``given`` of what people get of whom rows disagree."""
    keys = [KEY, ENTITLEMENT, VALUE]
    if rows.decided is None:
        return pl.DataFrame(schema=dict.fromkeys(keys, pl.String) | {"given": pl.Boolean})
    return rows.decided.settled.select(*keys, pl.lit(value=True).alias("given"))


def _outcome(on_conflict: str, *, is_given: bool | None) -> str:
    if on_conflict == "latest":
        return (
            f"is {'' if is_given else 'not '}granted: of the rows that permit and deny it the newest decides."
        )
    if on_conflict == "deny_wins":
        return "is not granted, as another row denies it."
    return "is granted, though another row denies it."


def _in_both(name: str, sets: ValueSets) -> pl.Expr:
    there, held = pl.col(name), pl.col(f"{name} held")
    return there & held if sets.are_bits else there.list.set_intersection(held)


def _size(name: str, sets: ValueSets) -> pl.Expr:
    return pl.col(name).bitwise_count_ones() if sets.are_bits else pl.col(name).list.len()


def _many_conflicts(
    frame: Frame, denied: pl.DataFrame, entitlements: list[str], outcome: str
) -> list[Finding]:
    found = []
    for entitlement in entitlements:
        here = denied.filter(pl.col(f"size of {entitlement}") > 0)
        if here.height:
            detail = (
                f"{entitlement}: values of {here.get_column(PERSON).n_unique():,} people are {outcome} "
                f"{here.height:,} other rows deny them. These are the rows that deny."
            )
            found.append(
                Finding(
                    FindingCode.PERMITTED_AND_DENIED,
                    Severity.WARNING,
                    "Values are both permitted and denied",
                    detail,
                    rows=tuple(frame.lines.of(here.get_column(ROW).sort().to_list())),
                )
            )
    return found


def _repeated_headers(frame: Frame, rows: Rows) -> list[Finding]:
    lines = tuple(frame.lines.of(rows.of(TITLE).to_list()))
    if not lines:
        return []
    detail = f"{len(lines)} lines below the header repeat it."
    return [Finding(FindingCode.LINES_LEFT_OUT, Severity.NOTE, "Lines are left out", detail, rows=lines)]


def _duplicates(frame: Frame, rows: Rows) -> list[Finding]:
    """Only rows that are equal where access stands can be equal as a whole."""
    seen = pl.DataFrame(
        [rows.users.spellings, *(cells.codes.alias(f"of {name}") for name, cells in rows.cells.items())]
    ).hash_rows()
    if seen.n_unique() == len(seen):
        return []
    alike = seen.is_duplicated().arg_true()
    copies = (
        frame.scan.with_columns(pl.col(ROW).cast(pl.UInt32))
        .join(pl.LazyFrame({ROW: alike.cast(pl.UInt32)}), on=ROW, how="semi")
        .group_by(frame.columns)
        .agg(ROW)
        .filter(pl.col(ROW).list.len() > 1)
        .select(ROW)
        .collect(engine="streaming")
    )
    numbers = copies.get_column(ROW).explode().sort().to_list()
    if not copies.height:
        return []
    detail = f"{len(numbers)} rows are exact copies of one another ({copies.height} different ones)."
    lines = tuple(frame.lines.of(numbers))
    return [
        Finding(FindingCode.DUPLICATE_ROWS, Severity.NOTE, "Rows stand more than once", detail, rows=lines)
    ]


def _collisions(frame: Frame, rows: Rows, mapping: Mapping) -> list[Finding]:
    """Values of one entitlement that a person could not tell apart: they are kept apart, never merged. Which
    the mapping names has been decided.
    """
    decided = {each.column: each.values or {} for each in mapping.entitlements}
    looks: dict[tuple[str, str], list[str]] = {}
    for entitlement, values in sorted(rows.granted().items()):
        for value in values:
            if value not in decided.get(entitlement, {}):
                looks.setdefault((entitlement, look(value)), []).append(value)
    return [
        Finding(
            FindingCode.NEAR_COLLISION,
            Severity.WARNING,
            "Values differ only in case, blanks or Unicode form",
            f"{entitlement}: {', '.join(repr(each) for each in alike)} become values of their own; "
            "if they are one, say so with 'values' in a mapping file, or correct the source.",
            rows=tuple(frame.lines.of(rows.rows_listing(entitlement, alike).to_list())),
        )
        for (entitlement, _), alike in looks.items()
        if len(alike) > 1
    ]
