"""The rules that a table is held to, each from the table's loads to a finding."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from spaaza_source.audit import LoadedExport
from spaaza_source.health.findings import Finding, HealthRules, Level, Rule
from spaaza_source.health.table_loads import TableLoad, alike, loaded_until
from spaaza_source.windows import iso

#: So many of a table's last comparable loads tell what is usual.
RECENT = 12


def check_freshness(
    table: str, loads: Sequence[TableLoad], rules: HealthRules, now: datetime
) -> Finding:
    """Whether what the vendor had is loaded."""
    expected = f"at most {_age(rules.max_age)} old"
    if not loads:
        return Finding(table, "freshness", "broken", "never loaded", expected)
    until = loaded_until(loads)
    if until is None:
        reason = "nobody knows when its files were exported"
        return Finding(table, "freshness", "unknown", "", expected, reason)
    age = max(timedelta(0), now - until)
    measured = f"{_age(age)} old, {iso(until.replace(microsecond=0))}"
    level = _level(is_kept=age <= rules.max_age)
    return Finding(table, "freshness", level, measured, expected, value=age.total_seconds())


def usual_rows(loads: Sequence[TableLoad], rules: HealthRules) -> float | None:
    """The rows that a load like the last one usually has; None where too few tell."""
    before = [load.rows for load in alike(loads)][-RECENT:]
    return None if len(before) < rules.min_loads else statistics.median(before)


def check_volume(table: str, loads: Sequence[TableLoad], rules: HealthRules) -> Finding:
    """Whether the last load has as many rows as those before it."""
    last = loads[-1]
    measured = f"{last.rows:,} rows"
    before = [load.rows for load in alike(loads)][-RECENT:]
    usual = usual_rows(loads, rules)
    if usual is None:
        day = "" if last.length is None else f" of a {last.at:%A}"
        reason = f"too little history: {len(before)} loads{day} like it, {rules.min_loads} needed"
        return Finding(table, "volume", "unknown", measured, "", reason, last.rows)
    slack = max(rules.volume_tolerance * usual, rules.few_rows)
    least, most = max(0, round(usual - slack)), round(usual + slack)
    expected = f"{least:,} to {most:,}, usually {usual:,.0f}"
    level = _level(is_kept=least <= last.rows <= most)
    return Finding(table, "volume", level, measured, expected, value=last.rows)


def check_nulls(table: str, loads: Sequence[TableLoad], rules: HealthRules) -> Iterator[Finding]:
    """Whether columns have as many cells without a value as before: one finding for each broken."""

    def unknown(reason: str) -> Finding:
        return Finding(table, "nulls", "unknown", "", "", reason)

    last = loads[-1]
    if last.rows < rules.few_rows:
        yield unknown(f"too few rows: {last.rows}, {rules.few_rows} needed")
        return
    if last.nulls is None:
        yield unknown("not counted: a JSON file, or loaded by an older version")
        return
    known = [load for load in loads[:-1] if load.rows >= rules.few_rows and load.nulls is not None]
    before = [load.nulls or {} for load in known[-RECENT:]]
    if len(before) < rules.min_loads:
        yield unknown(f"too little history: {len(before)} loads, {rules.min_loads} needed")
        return
    found = []
    for column in sorted({column for load in [*before, last.nulls] for column in load}):
        usual = statistics.median([load.get(column, 1.0) for load in before])
        share = last.nulls.get(column, 1.0)
        most = min(1.0, usual + rules.null_tolerance)
        if share > most:
            found.append(_of_nulls(table, "broken", column, share, most))
    if found:
        yield from found
        return
    columns = f"{len(last.nulls)} columns as before"
    most_more = f"at most {rules.null_tolerance:.0%} more NULL in each"
    yield Finding(table, "nulls", "ok", columns, most_more, value=0)


def check_rejected(table: str, loads: Sequence[TableLoad], rules: HealthRules) -> Finding:
    """Whether the last load has few rows that could not be read."""
    last = loads[-1]
    read = last.rows + last.rejected
    share = last.rejected / read if read else 0.0
    measured = f"{last.rejected:,} of {read:,} rows"
    expected = f"at most {rules.max_rejected_share:.2%}"
    level = _level(is_kept=share <= rules.max_rejected_share)
    return Finding(table, "rejected", level, measured, expected, value=share)


def check_discrepancies(table: str, exports: Sequence[LoadedExport]) -> Finding:
    """Whether the table was counted to have the rows of its exports."""
    count = sum(each.open_discrepancy for each in exports)
    return _of_none(table, "discrepancies", count, f"{count} open")


def check_failed(
    table: str, loads: Sequence[TableLoad], errors: Sequence[tuple[datetime, str]]
) -> Finding:
    """Whether an export has failed since the last good load.

    Args:
        table: The table.
        loads: Its loads.
        errors: When each of its exports failed, and by what.
    """
    since = loads[-1].at if loads else None
    recent = Counter(error for at, error in errors if since is None or at > since)
    kinds = f" ({', '.join(sorted(recent))})" if recent else ""
    return _of_none(table, "failed", recent.total(), f"{recent.total()} not loaded{kinds}")


def check_retention(table: str, loads: Sequence[TableLoad]) -> Finding | None:
    """Whether the last load has removed what is too old; None where it was to remove nothing."""
    exports = loads[-1].exports
    since = max((each.kept_since for each in exports if each.kept_since), default=None)
    if since is None:
        return None
    removed = [each.removed for each in exports if each.removed is not None]
    at = iso(since.replace(microsecond=0))
    expected = f"none from before {at}, once a load has ended"
    if not removed:
        return Finding(table, "retention", "broken", "not removed: the load was stopped", expected)
    rows = sum(removed)
    measured = f"{rows:,} rows removed by the last load"
    return Finding(table, "retention", "ok", measured, expected, value=rows)


def _of_none(table: str, rule: Rule, count: int, measured: str) -> Finding:
    return Finding(table, rule, _level(is_kept=not count), measured, "none", value=count)


def _of_nulls(table: str, level: Level, column: str, share: float, most: float) -> Finding:
    measured, expected = f"{share:.0%} NULL in {column}", f"at most {most:.0%}"
    return Finding(table, "nulls", level, measured, expected, value=share, column=column)


def _level(*, is_kept: bool) -> Level:
    return "ok" if is_kept else "broken"


def _age(age: timedelta) -> str:
    """A time in hours, or in days where these are many."""
    hours = age.total_seconds() / 3600
    return f"{hours:.1f} h" if hours < 100 else f"{hours / 24:.1f} d"  # noqa: PLR2004 - to read
