"""Months of the liability book: which are closed, and until when the loaded tables tell all."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from spaaza_source.errors import SettingsError
from spaaza_source.model.dataset import Dataset
from spaaza_source.views import literal

CLOSINGS = "liability_closings"
#: A month closes by itself once so many days have passed since its end.
GRACE_DAYS = 10
#: What is said for the month to leave all months open that are.
NONE = "none"


def read_zone(name: str) -> str:
    """A time zone's name, once it is known.

    Raises:
        SettingsError: There is no such zone.
    """
    try:
        return ZoneInfo(name).key
    except (KeyError, OSError, ValueError):
        raise SettingsError(
            f"{name[:40]!r} is no time zone",
            where="--time-zone",
            hint="Name one as in Europe/Amsterdam.",
        ) from None


def known_until(dataset: Dataset, tables: list[str]) -> dt.datetime:
    """The moment until which all of the tables are loaded, by the ledger; else now.

    What has not happened by then is not in the book: a voucher that expires after the last load may
    have been redeemed before.
    """
    now = dt.datetime.now(dt.UTC)
    ledger = dataset.tables.get("export_jobs", {})
    # A file that somebody had downloaded has no window and no job.
    ends = [name for name in ("window_end", "created_at", "loaded_at") if name in ledger]
    if not ends or not tables:
        return now
    listed = ", ".join(literal(table) for table in tables)
    found = dataset.rows(
        f"SELECT max(coalesce({', '.join(ends)})) FROM {dataset.loaded('export_jobs')}"
        f" WHERE loaded_at IS NOT NULL AND table_name IN ({listed}) GROUP BY table_name"
    )
    moments = [moment for (moment,) in found if moment is not None]
    return min(moments, default=now).astimezone(dt.UTC)


def kept_since(dataset: Dataset, tables: list[str]) -> dt.datetime | None:
    """From when on all of the tables have rows, as older ones were removed; None for ever."""
    if not tables or "kept_since" not in dataset.tables.get("export_jobs", {}):
        return None
    listed = ", ".join(literal(table) for table in tables)
    ((moment,),) = dataset.rows(
        f"SELECT max(kept_since) FROM {dataset.loaded('export_jobs')}"
        f" WHERE loaded_at IS NOT NULL AND table_name IN ({listed})"
    )
    return None if moment is None else moment.astimezone(dt.UTC)


def closed_through(dataset: Dataset, zone: str) -> dt.date | None:
    """The first day of the last month that is closed; None for none.

    Raises:
        SettingsError: The months that are closed have days of another time zone.
    """
    if not dataset.has(CLOSINGS):
        return None
    rows = dataset.rows(f"SELECT month, time_zone FROM {dataset.modelled(CLOSINGS)} ORDER BY month")
    if not rows:
        return None
    month, its_zone = rows[-1]
    if its_zone != zone:
        raise SettingsError(
            f"the closed months of the liability book have days of {its_zone}",
            where="--time-zone",
            hint=f"Keep to it: --time-zone {its_zone}.",
        )
    return dt.date(month.year, month.month, month.day)


def month_to_close(asked: str | None, today: dt.date, closed: dt.date | None) -> dt.date | None:
    """The first day of the last month that is to be closed now; None if none is.

    Args:
        asked: A month as `2026-05`, `none`, or None for each that ended long enough ago.
        today: The last day that the loaded tables tell of.
        closed: The first day of the last month that is closed.

    Raises:
        SettingsError: There is no such month, or it is not over in the loaded tables.
    """
    if asked == NONE:
        return None
    if asked is None:
        month = month_before(today - dt.timedelta(days=GRACE_DAYS))
    else:
        try:
            month = dt.datetime.strptime(asked, "%Y-%m").replace(tzinfo=dt.UTC).date()
        except ValueError:
            raise SettingsError(
                f"{asked[:40]!r} is no month", where="--close-through", hint="Write 2026-05."
            ) from None
        if month_after(month) > today:
            raise SettingsError(
                f"{asked} is not over in what is loaded, which ends on {today}",
                where="--close-through",
                hint="Load first, or name an earlier month.",
            )
    return month if closed is None or month > closed else None


def month_before(day: dt.date) -> dt.date:
    """The first day of the month before a day's."""
    return (day.replace(day=1) - dt.timedelta(days=1)).replace(day=1)


def month_after(day: dt.date) -> dt.date:
    """The first day of the month after a day's."""
    return (day.replace(day=1) + dt.timedelta(days=31)).replace(day=1)
