"""Builds Spaaza's segment filters, and adds the window of a load to them.

Vendor documents: "Filtering exports with segments" and the segment filter reference. Every
function returns the vendor's own JSON as a plain dict, so rules written by hand can be mixed with
these. No rule is checked, for the vendor has operators that no public page lists.

    >>> all_of("vouchers", date("date_time_redeemed").within(7, "day"))["rules"][0]["operator"]
    'relative_less_than'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from spaaza_source.errors import SettingsError
from spaaza_source.windows import MARGIN, Window, iso, parse_instant

Rule = Mapping[str, Any]
Instant = str | datetime


@dataclass(frozen=True)
class DateField:
    """A field of type `date`; instants are ISO text or datetimes, UTC if they name no zone."""

    name: str

    def _rule(self, operator: str, **value: Any) -> Rule:
        return {
            "field_name": self.name,
            "field_type": "date",
            "operator": operator,
            **value,
        }

    def within(self, amount: int, factor: str = "day") -> Rule:
        """In the last `amount` days (of a past field), or the next (of a future one)."""
        return self._rule("relative_less_than", time_factor=factor, time_amount=amount)

    def between(self, start: Instant, end: Instant) -> Rule:
        """From `start` to `end`; the vendor's examples read as if both were included."""
        return self._rule("is_between_date", start_date=_text(start), end_date=_text(end))

    def after(self, start: Instant) -> Rule:
        """After `start`."""
        return self._rule("is_after_date", start_date=_text(start))

    def before(self, end: Instant) -> Rule:
        """Before `end`."""
        return self._rule("is_before_date", end_date=_text(end))

    def on(self, day: Instant) -> Rule:
        """On that date."""
        return self._rule("is_date", value=_text(day))


@dataclass(frozen=True)
class KeywordField:
    """A field of type `keyword`: text, compared whole unless the operator says otherwise."""

    name: str

    def _rule(self, operator: str, value: Any) -> Rule:
        return {
            "field_name": self.name,
            "field_type": "keyword",
            "operator": operator,
            "value": value,
        }

    def equals(self, value: Any) -> Rule:
        """Equal to `value`."""
        return self._rule("is", value)

    def differs(self, value: Any) -> Rule:
        """Not equal to `value`."""
        return self._rule("is_not", value)

    def contains(self, value: Any) -> Rule:
        """Contains `value`."""
        return self._rule("contains", value)

    def lacks(self, value: Any) -> Rule:
        """Does not contain `value`."""
        return self._rule("does_not_contain", value)


def date(name: str) -> DateField:
    """The date field of that name."""
    return DateField(name)


def keyword(name: str) -> KeywordField:
    """The keyword field of that name."""
    return KeywordField(name)


def all_of(index: str, *rules: Rule) -> dict[str, Any]:
    """A segment of the rows that meet every rule; the chain is added when it is sent."""
    return _join("all", index, rules)


def any_of(index: str, *rules: Rule) -> dict[str, Any]:
    """A segment of the rows that meet at least one rule; the chain is added when it is sent."""
    return _join("any", index, rules)


def _join(join: Literal["all", "any"], index: str, rules: Sequence[Rule]) -> dict[str, Any]:
    return {
        "entity": "people",
        "index": index,
        "join": join,
        "rules": [dict(rule) for rule in rules],
    }


def selection_for(
    segment: object,
    *,
    index: str,
    chain_id: int,
    time_fields: Sequence[str],
    window: Window | None,
    margin: timedelta = MARGIN,
) -> dict[str, Any]:
    """The part of an export's `trigger` that selects rows: a segment, its id, or nothing.

    Args:
        segment: The user's: a saved segment's id, a list of rules, a dict with `rules`, or None.
        index: The vendor's name of the index.
        chain_id: The chain whose rows are exported.
        time_fields: The fields that `window` is taken by: a row is in it by any of them. Without
            fields the window is ignored.
        window: The window to export; None for all rows.
        margin: How much more is asked for on both of its sides.

    Raises:
        SettingsError: The segment is none of these, or cannot be narrowed to a window.
    """
    where = f"segments[{index!r}]"
    rules: list[Any] = []
    own: dict[str, Any] = {}
    match segment:
        case None:
            pass
        case str() if segment.strip():
            if window is not None:
                raise SettingsError(
                    "a saved segment cannot be narrowed to a window",
                    where=where,
                    hint="Leave out start_date, or give the segment's rules instead of its id.",
                )
            return {"segment_id": segment.strip()}
        case list() | tuple() if all(isinstance(rule, Mapping) for rule in segment):
            rules = list(segment)
        case Mapping() if isinstance(segment.get("rules"), list | tuple):
            own, rules = dict(segment), list(segment["rules"])
        case _:
            raise SettingsError(
                "a segment is a saved segment's id, a list of rules, or a dict with 'rules'",
                where=where,
            )
    if window is not None and time_fields:
        if rules and (own.get("join", "all") != "all" or len(time_fields) > 1):
            raise SettingsError(
                "rules joined by 'any' cannot be narrowed to a window",
                where=where,
                hint="Leave out start_date, or join the rules by 'all'.",
            )
        rules += [_window_rule(date(name), window, margin) for name in time_fields]
        if len(time_fields) > 1:
            own["join"] = "any"
    if not rules and not own:
        return {}
    segment_body = {"entity": "people", "index": index, "join": "all", "chain_id": chain_id}
    return {"segment": {**segment_body, **own, "rules": [dict(rule) for rule in rules]}}


def moves_with_time(segment: object) -> bool:
    """Whether rows leave a segment as time passes: one of its rules is relative to the export.

    Args:
        segment: The user's. What the rules of a saved segment are, nobody knows here.
    """
    rules = segment.get("rules") if isinstance(segment, Mapping) else segment
    if not isinstance(rules, list | tuple):
        return False
    return any(
        isinstance(rule, Mapping) and str(rule.get("operator")).startswith("relative_")
        for rule in rules
    )


def filter_text(selection: Mapping[str, Any]) -> str:
    """A selection in short: fields and operators, without values, as these may be personal.

    Args:
        selection: As `selection_for` returns it.
    """
    segment_id = selection.get("segment_id")
    if segment_id:
        return f"segment {segment_id}"
    segment = selection.get("segment") or {}
    join = " or " if segment.get("join") == "any" else ", "
    return join.join(
        f"{rule.get('field_name')} {rule.get('operator')}" for rule in segment.get("rules", [])
    )


def _window_rule(field: DateField, window: Window, margin: timedelta) -> Rule:
    """The rule for a window, with a margin: whether its bounds are inclusive is undocumented."""
    end = window.end + margin
    return field.between(window.start - margin, end) if window.start else field.before(end)


def _text(instant: Instant) -> str:
    return instant if isinstance(instant, str) else iso(parse_instant(instant, "a rule's date"))
