"""Voucherify's filters: what narrows an export, and how a window of time is put among it.

Vendor document: the export guide ("Pagination and example request") and `exports.json`. Which
windows are asked for is left to the road's `plan`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from spaaza_source.errors import SettingsError
from spaaza_source.windows import MARGIN, Window, parse_instant

Filters = dict[str, Any]

JUNCTION = "junction"
AFTER, BEFORE = "$after", "$before"


def where(field: str, operator: str, *values: Any) -> Filters:
    """One condition: `where("campaign_id", "$is", "camp_1")`.

    Args:
        field: What is looked at, such as `created_at` or `metadata.tier`.
        operator: The vendor's, with or without its dollar.
        values: What it is held against.
    """
    name = operator if operator.startswith("$") else f"${operator}"
    return {field: {"conditions": {name: list(values)}}}


def all_of(*filters: Mapping[str, Any]) -> Filters:
    """What fits every one of them."""
    return _joined("and", filters)


def any_of(*filters: Mapping[str, Any]) -> Filters:
    """What fits at least one of them."""
    return _joined("or", filters)


def _joined(junction: str, filters: Sequence[Mapping[str, Any]]) -> Filters:
    joined: Filters = {JUNCTION: junction}
    for each in filters:
        if JUNCTION in each:
            raise SettingsError(
                "Voucherify joins all conditions by one junction, no groups of them",
                where="filters",
            )
        for field, told in each.items():
            conditions = joined.setdefault(field, {"conditions": {}})["conditions"]
            if conditions.keys() & told["conditions"]:
                raise SettingsError(
                    f"the field {field!r} has one condition of each operator at most",
                    where="filters",
                )
            conditions.update(told["conditions"])
    return joined


def check_filters(filters: Any, table: str) -> Filters | None:
    """A user's filters of one table; passed through as they are.

    Raises:
        SettingsError: They are no dict, or an empty one.
    """
    if not isinstance(filters, Mapping) or not filters:
        raise SettingsError(
            "filters are a dict, such as where('campaign_id', '$is', 'camp_1')",
            where=f"filters of {table}",
        )
    return dict(filters)


def can_be_narrowed(filters: Filters | None, time_filters: Sequence[str]) -> bool:
    """Whether a window can be put among a user's filters.

    There is one junction for all conditions: beside a user's, a window by one field can stand if
    all must fit, and a window by one field or another cannot.
    """
    if not time_filters:
        return False
    if filters is None:
        return True
    junction = str(filters.get(JUNCTION, "and")).lower()
    return junction == "and" and len(time_filters) == 1 and time_filters[0] not in filters


def add_window(
    filters: Filters | None, time_filters: Sequence[str], window: Window | None
) -> Filters | None:
    """A user's filters and a window; None for neither.

    Args:
        filters: The user's; the window can be put among them.
        time_filters: The fields by which a row is of the window: by one of them at least.
        window: The span of time; None for all. It is asked for with a margin on both sides: no
            document tells whether the bounds count.
    """
    if window is None:
        return filters
    conditions = {BEFORE: [_instant(window.end + MARGIN)]}
    if window.start is not None:
        conditions = {AFTER: [_instant(window.start - MARGIN)], **conditions}
    junction = "or" if len(time_filters) > 1 else "and"
    return {
        JUNCTION: junction,
        **{field: told for field, told in (filters or {}).items() if field != JUNCTION},
        **{field: {"conditions": dict(conditions)} for field in time_filters},
    }


def window_of(filters: Any, time_filters: Sequence[str]) -> Window | None:
    """The window that `narrowed` put among filters; None where there is none."""
    if not isinstance(filters, Mapping) or not time_filters:
        return None
    told = [filters.get(field) for field in time_filters]
    if not isinstance(told[0], Mapping) or any(each != told[0] for each in told):
        return None
    conditions = told[0].get("conditions")
    if not isinstance(conditions, Mapping):
        return None
    try:
        after, before = (_bound(conditions.get(name)) for name in (AFTER, BEFORE))
        if before is None or conditions.keys() - {AFTER, BEFORE}:
            return None
        return Window(None if after is None else after + MARGIN, before - MARGIN)
    except (SettingsError, OverflowError):
        return None


def filter_text(selection: Mapping[str, Any]) -> str:
    """A request's filters in short: fields and operators, no values: one may be a person's.

    Args:
        selection: The parameters of an export.
    """
    filters = selection.get("filters") or {}
    told = [
        f"{field} {' '.join(name.removeprefix('$') for name in each.get('conditions', {}))}"
        for field, each in filters.items()
        if isinstance(each, Mapping)
    ]
    joined = (" or " if filters.get(JUNCTION) == "or" else ", ").join(told)
    campaign = selection.get("campaign_id")
    return "; ".join(filter(None, (joined, f"campaign {campaign}" if campaign else "")))


def _bound(values: Any) -> datetime | None:
    value = values[0] if isinstance(values, list) and len(values) == 1 else values
    return None if value is None else parse_instant(value, "bound")


def _instant(instant: datetime) -> str:
    """As the vendor writes it: UTC, with milliseconds."""
    return f"{instant.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"
