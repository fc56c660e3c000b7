from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from spaaza_source.errors import SettingsError
from spaaza_source.windows import Window, iso, parse_instant, parse_vendor_instant, parse_window

NOON = datetime(2026, 5, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "instant"),
    [
        ("2026-05-26T12:00:00Z", NOON),
        ("2026-05-26T12:00:00", NOON),
        ("2026-05-26 14:00:00+02:00", NOON),
        ("2026-05-26T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
        ("2026-05-26t12:00:00.0000009z", NOON),
        ("2026-05-26", NOON - timedelta(hours=12)),
        (date(2026, 5, 26), NOON - timedelta(hours=12)),
        (NOON.replace(tzinfo=None), NOON),
        (NOON.astimezone(timezone(timedelta(hours=9))), NOON),
    ],
)
def test_a_date_becomes_an_instant_in_utc(given: object, instant: datetime) -> None:
    parsed = parse_instant(given, "start_date")
    assert parsed == instant
    assert parsed.utcoffset() == timedelta(0)


@pytest.mark.parametrize("given", ["yesterday", "2026-13-01", "26-05-2026", "", 20260526, None])
def test_what_is_no_date_is_refused_by_its_setting(given: object) -> None:
    with pytest.raises(SettingsError, match=r"^start_date: .* is not a date"):
        parse_instant(given, "start_date")


def test_a_window_needs_its_start_before_its_end() -> None:
    with pytest.raises(SettingsError, match="holds no time"):
        Window(NOON, NOON)


def test_instants_are_written_as_the_vendor_writes_them() -> None:
    assert iso(NOON) == "2026-05-26T12:00:00Z"
    assert iso(NOON + timedelta(microseconds=1)) == "2026-05-26T12:00:00.000001Z"


@pytest.mark.parametrize("start", [NOON, None])
def test_a_window_can_be_read_from_its_text(start: datetime | None) -> None:
    window = Window(start, NOON + timedelta(hours=1, microseconds=5))
    assert parse_window(str(window)) == window


@pytest.mark.parametrize("text", ["", "[*, *)", "[x, 2026-01-01)", "[2026-01-02, 2026-01-01)", "a"])
def test_other_text_is_no_window(text: str) -> None:
    assert parse_window(text) is None


def test_a_window_holds_what_lies_inside_it() -> None:
    hour = timedelta(hours=1)
    window = Window(NOON, NOON + 2 * hour)
    assert window.covers(window)
    assert window.covers(Window(NOON + hour, NOON + 2 * hour))
    assert not window.covers(Window(NOON - hour, NOON + hour))
    assert not window.covers(Window(None, NOON + hour))
    assert Window(None, NOON + hour).covers(Window(None, NOON))


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00"])
def test_a_date_that_is_in_no_year_of_utc_is_none(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a date"):
        parse_instant(text, "start_date")
    assert parse_vendor_instant(text) is None


@pytest.mark.parametrize(
    "value", [None, "", " ", "today", 5, {}, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+02:00"]
)
def test_what_a_vendor_tells_may_be_no_time_yet(value: object) -> None:
    assert parse_vendor_instant(value) is None


def test_what_a_vendor_tells_is_a_time_else() -> None:
    assert parse_vendor_instant("2026-05-26T12:00:00Z") == NOON


def test_windows_overlap_where_they_share_an_instant() -> None:
    hour = timedelta(hours=1)
    window = Window(NOON, NOON + 2 * hour)
    assert window.overlaps(Window(NOON + hour, NOON + 3 * hour))
    assert window.overlaps(Window(None, NOON + hour))
    assert not window.overlaps(Window(NOON + 2 * hour, NOON + 3 * hour))
    assert not window.overlaps(Window(None, NOON))


def test_gaps_are_what_no_other_window_covers() -> None:
    def hours(start: int | None, end: int) -> Window:
        return Window(
            None if start is None else NOON + timedelta(hours=start), NOON + timedelta(hours=end)
        )

    assert hours(0, 10).gaps([]) == [hours(0, 10)]
    assert hours(0, 10).gaps([hours(4, 6), hours(2, 5)]) == [hours(0, 2), hours(6, 10)]
    assert hours(0, 10).gaps([hours(-2, 1), hours(9, 12)]) == [hours(1, 9)]
    assert hours(0, 10).gaps([hours(11, 12), hours(-2, -1)]) == [hours(0, 10)]
    assert hours(0, 10).gaps([hours(None, 4), hours(4, 10)]) == []
    assert hours(None, 10).gaps([hours(2, 4)]) == [hours(None, 2), hours(4, 10)]


def test_since_an_instant_there_is_all_of_a_window_the_rest_of_it_or_nothing() -> None:
    window = Window(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
    middle = datetime(2026, 5, 9, tzinfo=UTC)
    assert window.since(None) == window.since(window.begin) == window
    assert window.since(middle) == Window(middle, window.end)
    assert window.since(window.end) is None
    assert Window(None, window.end).since(middle) == Window(middle, window.end)
