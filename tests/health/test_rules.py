"""The rules of `spaaza health`: each broken and kept, and silent where nothing can be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spaaza_source.audit import LoadedExport
from spaaza_source.errors import SettingsError
from spaaza_source.health.findings import HealthRules, parse_age
from spaaza_source.health.rules import (
    check_discrepancies,
    check_failed,
    check_freshness,
    check_nulls,
    check_rejected,
    check_volume,
)
from spaaza_source.health.table_loads import TableLoad, loads_of_table
from spaaza_source.windows import Window

#: A Tuesday.
NOW = datetime(2026, 6, 30, 4, 15, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = HealthRules()


def export(ago: float = 0, rows: int = 1_000, **given: Any) -> LoadedExport:
    """One of all rows, so many days ago."""
    at = NOW - ago * DAY
    facts: dict[str, Any] = {
        "job_id": str(ago),
        "account": "1743",
        "window": None,
        "fingerprint": "",
        "created_at": at,
        "finished_at": at,
        "loaded_at": at,
        "rows": rows,
        "duplicates": 0,
        "open_discrepancy": False,
        "superseded": False,
        "load": str(at.timestamp()),
        "schema": "",
        "loaded": rows,
        **given,
    }
    return LoadedExport(**facts)


def daily(ago: float, rows: int, **given: Any) -> LoadedExport:
    """One of a day and a lookback of a day, so many days ago."""
    at = NOW - ago * DAY
    return export(ago, rows, window=Window(at - 2 * DAY, at), **given)


def loads(*exports: LoadedExport) -> list[TableLoad]:
    return loads_of_table(sorted(exports, key=lambda each: float(each.load)))


def test_what_is_loaded_may_be_as_old_as_is_allowed() -> None:
    assert check_freshness("t", loads(export(1.05)), RULES, NOW).level == "ok"
    old = check_freshness("t", loads(export(1.2)), RULES, NOW)
    assert (old.level, old.measured) == ("broken", "28.8 h old, 2026-06-28T23:27:00Z")
    assert old.expected == "at most 26.0 h old"
    assert old.value == pytest.approx(28.8 * 3600)


def test_a_table_is_as_old_as_the_end_of_its_windows_whenever_they_were_loaded() -> None:
    late = export(0, window=Window(NOW - 4 * DAY, NOW - 2 * DAY))
    assert check_freshness("t", loads(late), RULES, NOW).level == "broken"
    young = daily(0.5, 10)
    assert check_freshness("t", loads(young, late), RULES, NOW).level == "ok"


def test_a_table_that_was_never_loaded_is_not_fresh() -> None:
    assert check_freshness("t", [], RULES, NOW).measured == "never loaded"


def test_nobody_knows_how_old_a_file_of_the_users_is() -> None:
    given = check_freshness("t", loads(export(is_given=True)), RULES, NOW)
    assert (given.level, given.value) == ("unknown", None)


@pytest.mark.parametrize(
    ("rows", "level"), [(1_000, "ok"), (501, "ok"), (499, "broken"), (1_600, "broken")]
)
def test_the_last_loads_rows_are_compared_with_the_usual(rows: int, level: str) -> None:
    before = [export(ago, usual) for ago, usual in ((4, 900), (3, 1_000), (2, 1_000), (1, 1_100))]
    found = check_volume("t", loads(*before, export(0, rows)), RULES)
    assert (found.level, found.value) == (level, rows)
    assert found.expected == "500 to 1,500, usually 1,000"


def test_loads_of_windows_are_compared_with_those_of_their_weekday() -> None:
    days = [daily(ago, 5_000 if ago % 7 else 100) for ago in range(1, 29)]
    assert check_volume("t", loads(*days, daily(0, 100)), RULES).level == "ok"
    assert check_volume("t", loads(*days, daily(0, 5_000)), RULES).level == "broken"


def test_a_first_load_of_all_history_is_no_measure_for_a_day() -> None:
    history = export(40, 1_000_000)
    found = check_volume("t", loads(history, *(daily(7 * n, 100) for n in range(3))), RULES)
    assert found.level == "unknown"
    assert found.reason == "too little history: 2 loads of a Tuesday like it, 3 needed"


def test_a_few_rows_more_or_less_are_no_difference() -> None:
    before = [export(ago, 3) for ago in range(1, 5)]
    assert check_volume("t", loads(*before, export(0, 0)), RULES).level == "ok"
    assert check_volume("t", loads(*before, export(0, 23)), RULES).level == "ok"
    assert check_volume("t", loads(*before, export(0, 24)), RULES).level == "broken"


def with_nulls(*emails: int) -> list[TableLoad]:
    """Loads with so many rows without an address, of a thousand; the oldest first."""
    count = len(emails)
    return loads(
        *(
            export(count - number, nulls={"id": 0, "email": nulls})
            for number, nulls in enumerate(emails)
        )
    )


def test_a_column_that_has_lost_its_values_is_told() -> None:
    [found] = check_nulls("t", with_nulls(100, 110, 90, 100, 350), RULES)
    assert (found.level, found.column, found.value) == ("broken", "email", 0.35)
    assert (found.measured, found.expected) == ("35% NULL in email", "at most 30%")
    [kept] = check_nulls("t", with_nulls(100, 110, 90, 100, 290), RULES)
    assert (kept.level, kept.measured) == ("ok", "2 columns as before")


def test_a_column_that_is_gone_is_all_null() -> None:
    before = with_nulls(100, 110, 90, 100)
    [found] = check_nulls("t", [*before, *loads(export(nulls={"id": 0}))], RULES)
    assert (found.level, found.column, found.value) == ("broken", "email", 1.0)


def test_a_column_that_was_always_empty_may_stay_so() -> None:
    [found] = check_nulls("t", with_nulls(1_000, 1_000, 1_000, 1_000), RULES)
    assert found.level == "ok"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (with_nulls(100, 100, 900), "too little history: 2 loads, 3 needed"),
        (loads(export(0, 5, nulls={})), "too few rows: 5, 20 needed"),
        (loads(export(0)), "not counted"),
    ],
)
def test_of_nulls_nothing_is_said_without_enough_to_go_by(
    found: Sequence[TableLoad], reason: str
) -> None:
    [unknown] = check_nulls("t", found, RULES)
    assert unknown.level == "unknown"
    assert unknown.reason.startswith(reason)


def test_rows_kept_apart_are_those_of_the_last_load() -> None:
    bad, good = export(2, 90, rejected=10), export(1, 995, rejected=5)
    assert check_rejected("t", loads(bad, good), RULES).level == "ok"
    found = check_rejected("t", loads(good, export(0, 90, rejected=10)), RULES)
    assert (found.level, found.measured) == ("broken", "10 of 100 rows")
    assert (found.value, found.expected) == (0.1, "at most 1.00%")
    assert check_rejected("t", loads(export(0, 0)), RULES).level == "ok"


def test_open_discrepancies_are_counted() -> None:
    assert check_discrepancies("t", [export()]).level == "ok"
    found = check_discrepancies("t", [export(), export(1, open_discrepancy=True)])
    assert (found.level, found.measured) == ("broken", "1 open")


def test_failed_exports_count_until_a_good_load() -> None:
    errors = [(NOW - 3 * DAY, "ExportFailedError"), (NOW - DAY, "MalformedFileError")]
    found = check_failed("t", loads(export(2)), errors)
    assert (found.level, found.measured) == ("broken", "1 not loaded (MalformedFileError)")
    assert check_failed("t", loads(export(0)), errors).level == "ok"
    assert check_failed("t", [], errors).value == 2


@pytest.mark.parametrize(
    ("text", "seconds"), [("26h", 93_600), ("90m", 5_400), ("2d", 172_800), ("1.5H", 5_400)]
)
def test_an_age_has_a_unit(text: str, seconds: float) -> None:
    assert parse_age(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "26", "h", "-1h", "1w", "9999999999d"])
def test_no_age_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is no time"):
        parse_age(text)


def test_rules_that_mean_nothing_are_refused() -> None:
    with pytest.raises(SettingsError):
        HealthRules(null_tolerance=2.0)
