"""Builds Voucherify's export filters, and adds the window of a load to them.

Vendor documents: the export guide ("Pagination and example request") and `exports.json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from spaaza_source.errors import SettingsError
from spaaza_source.settings import require_name
from spaaza_source.windows import MARGIN, Window, parse_instant

Filters = dict[str, Any]

JUNCTION = "junction"
AFTER, BEFORE = "$after", "$before"


def where(field: str, operator: str, *values: Any) -> Filters:
    """One condition: `where("campaign_id", "$is", "camp_1")`.

    Args:
        field: The field, such as `created_at` or `metadata.tier`.
        operator: The vendor's operator, with or without its dollar.
        values: What the field is compared with.

    Raises:
        SettingsError: The field or the operator is no text, or an empty one.
    """
    require_name("field", field)
    require_name("operator", operator)
    name = operator if operator.startswith("$") else f"${operator}"
    return {field: {"conditions": {name: list(values)}}}


def all_of(*filters: Mapping[str, Any]) -> Filters:
    """A filter for the rows that match all of these.

    Raises:
        SettingsError: One is no filter, or has a junction of its own; or two contradict each other.
    """
    return _join("and", filters)


def any_of(*filters: Mapping[str, Any]) -> Filters:
    """A filter for the rows that match at least one of these.

    Raises:
        SettingsError: As `all_of`.
    """
    return _join("or", filters)


def _join(junction: str, filters: Sequence[Mapping[str, Any]]) -> Filters:
    joined: Filters = {JUNCTION: junction}
    for one in filters:
        if not isinstance(one, Mapping):
            raise _no_filter()
        if JUNCTION in one:
            raise SettingsError(
                "filters cannot be nested: Voucherify joins all conditions by one junction",
                where="filters",
            )
        for field, condition in one.items():
            given = condition.get("conditions") if isinstance(condition, Mapping) else None
            if not isinstance(given, Mapping):
                raise _no_filter()
            conditions = joined.setdefault(field, {"conditions": {}})["conditions"]
            if conditions.keys() & given.keys():
                raise SettingsError(
                    f"the field {field!r} has two conditions with the same operator",
                    where="filters",
                )
            conditions.update(given)
    return joined


def _no_filter() -> SettingsError:
    # What was given may be personal.
    return SettingsError(
        "one of them is no filter", where="filters", hint="Make each with where, and list them."
    )


def check_filters(filters: Any, table: str) -> Filters | None:
    """A user's filters of one table, unchanged.

    Raises:
        SettingsError: They are no dict, or an empty one.
    """
    if not isinstance(filters, Mapping) or not filters:
        raise SettingsError(
            "filters must be a dict, such as where('campaign_id', '$is', 'camp_1')",
            where=f"filters of {table}",
        )
    return dict(filters)


def can_be_narrowed(filters: Filters | None, time_filters: Sequence[str]) -> bool:
    """Whether a window can be added to a user's filters.

    There is one junction for all conditions. So a window by one field can be added where all
    conditions must match, a window by one field or another cannot.
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
    """A user's filters with a window added; None for neither.

    Args:
        filters: The user's; they can be narrowed.
        time_filters: The fields that the window is taken by: a row is in it by any of them.
        window: The window; None for all rows. A margin is added on both sides, for it is
            undocumented whether the bounds are inclusive.
    """
    if window is None:
        return filters
    conditions = {BEFORE: [_instant(window.end + MARGIN)]}
    if window.start is not None:
        conditions = {AFTER: [_instant(window.start - MARGIN)], **conditions}
    junction = "or" if len(time_filters) > 1 else "and"
    return {
        JUNCTION: junction,
        **{field: one for field, one in (filters or {}).items() if field != JUNCTION},
        **{field: {"conditions": dict(conditions)} for field in time_filters},
    }


def window_of(filters: Any, time_filters: Sequence[str]) -> Window | None:
    """The window that `add_window` added to filters; None if there is none."""
    if not isinstance(filters, Mapping) or not time_filters:
        return None
    first, *others = [filters.get(field) for field in time_filters]
    if not isinstance(first, Mapping) or any(other != first for other in others):
        return None
    conditions = first.get("conditions")
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
    """An export's filters in short: fields and operators, without values: these may be personal."""
    filters = selection.get("filters") or {}
    conditions = [
        f"{field} {' '.join(name.removeprefix('$') for name in one.get('conditions', {}))}"
        for field, one in filters.items()
        if isinstance(one, Mapping)
    ]
    text = (" or " if filters.get(JUNCTION) == "or" else ", ").join(conditions)
    campaign = selection.get("campaign_id")
    return "; ".join(filter(None, (text, f"campaign {campaign}" if campaign else "")))


def _bound(values: Any) -> datetime | None:
    value = values[0] if isinstance(values, list) and len(values) == 1 else values
    return None if value is None else parse_instant(value, "bound")


def _instant(instant: datetime) -> str:
    """An instant as the vendor writes it: UTC, with milliseconds."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"
