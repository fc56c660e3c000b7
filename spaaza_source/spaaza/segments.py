"""Builds Spaaza's segment filters, and adds the window of a load to them.

Vendor documents: "Filtering exports with segments" and the segment filter reference. Every
function returns the vendor's own JSON as a plain dict, so rules written by hand can be mixed with
these. Names of keys, units of time and indexes are checked; an operator is not, for the vendor has
some that no public page lists.

    >>> all_of("vouchers", date("date_time_redeemed").within(7, "day"))["rules"][0]["operator"]
    'relative_less_than'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, Literal

from dlt.common import logger

from spaaza_source.errors import SettingsError, not_among
from spaaza_source.settings import require_name, require_number
from spaaza_source.spaaza.indexes import index_named
from spaaza_source.windows import MARGIN, Window, iso, parse_instant

Rule = Mapping[str, Any]
Instant = str | datetime

#: What a rule may have, by the vendor's table of them, and a segment.
RULE_KEYS = (
    *("field_name", "field_type", "operator", "value", "start_date", "end_date", "time_factor"),
    *("time_amount", "min", "max", "nested", "nesting_path"),
)
SEGMENT_KEYS = ("entity", "index", "join", "chain_id", "rules")
JOINS = ("all", "any")
#: "Within the last ...", of a field of the past.
LAST = "relative_less_than"
#: The documents show `day`; of the others the vendor decides.
UNITS = ("minute", "hour", "day", "week", "month", "year")
#: Of these units; more than a century of any.
MOST = 10_000_000


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
        """In the last `amount` days (of a past field), or the next (of a future one).

        Raises:
            SettingsError: The factor is no unit of time, or the amount no whole number.
        """
        _check_relative(factor, amount, f"within of {self.name}")
        return self._rule(LAST, time_factor=factor, time_amount=amount)

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
    """The date field of that name.

    Raises:
        SettingsError: It is no text, or an empty one.
    """
    return DateField(require_name("date", name))


def keyword(name: str) -> KeywordField:
    """The keyword field of that name.

    Raises:
        SettingsError: It is no text, or an empty one.
    """
    return KeywordField(require_name("keyword", name))


def all_of(index: str, *rules: Rule) -> dict[str, Any]:
    """A segment of the rows that meet every rule; the chain is added when it is sent.

    Raises:
        SettingsError: There is no such index, or a rule has a key that no rule has.
    """
    return _join("all", index, rules)


def any_of(index: str, *rules: Rule) -> dict[str, Any]:
    """A segment of the rows that meet at least one rule; the chain is added when it is sent.

    Raises:
        SettingsError: As `all_of`.
    """
    return _join("any", index, rules)


def _join(join: Literal["all", "any"], index: str, rules: Sequence[Rule]) -> dict[str, Any]:
    name = index_named(index).export_index
    return {"entity": "people", "index": name, "join": join, "rules": _read_rules(rules, index)}


def selection_for(
    segment: object,
    *,
    index: str,
    chain_id: int,
    time_fields: Sequence[str],
    window: Window | None,
    margin: timedelta = MARGIN,
    as_range: bool = False,
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
        as_range: Whether the window is a range of the past, which takes the place of a rule "within
            the last ..." about the same field: together they would leave out what is asked for.

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
                    hint="Leave out start_date, and end_date with it, or give the segment's rules"
                    " instead of its id.",
                )
            return {"segment_id": segment.strip()}
        case list() | tuple():
            rules = _read_rules(segment, where)
        case Mapping() if isinstance(segment.get("rules"), list | tuple):
            own = _read_segment(segment, index, chain_id, where)
            rules = _read_rules(segment["rules"], where)
        case _:
            raise SettingsError(
                "a segment is a saved segment's id, a list of rules, or a dict with 'rules'",
                where=where,
                hint="docs/settings.md has an example of each.",
            )
    if window is not None and time_fields:
        if as_range:
            rules = _without_last_days(rules, time_fields, where)
        _check_join(rules, own, time_fields, where)
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


def _check_join(
    rules: Sequence[Rule], own: Mapping[str, Any], time_fields: Sequence[str], where: str
) -> None:
    """Check that rules of the user's can be joined with those of a window.

    Raises:
        SettingsError: They cannot.
    """
    if rules and (own.get("join", "all") != "all" or len(time_fields) > 1):
        raise SettingsError(
            "rules joined by 'any' cannot be narrowed to a window",
            where=where,
            hint="Leave out start_date, and end_date with it, or join the rules by 'all'.",
        )


def _without_last_days(rules: Sequence[Rule], time_fields: Sequence[str], where: str) -> list[Rule]:
    """The rules without those that a range of the past takes the place of.

    Raises:
        SettingsError: Another one is relative to the export: what it leaves of the past is chance.
    """
    kept = [
        rule
        for rule in rules
        if rule.get("operator") != LAST or rule.get("field_name") not in time_fields
    ]
    if moves_with_time(kept):
        raise SettingsError(
            "a rule that moves with time cannot be narrowed to a range of the past",
            where=where,
            hint="Leave out start_date, and end_date with it, or give the rule fixed dates.",
        )
    return kept


def filter_text(selection: Mapping[str, Any]) -> str:
    """A selection in short: fields and operators, without values, as these may be personal.

    Args:
        selection: As `selection_for` returns it.
    """
    segment_id = selection.get("segment_id")
    if segment_id:
        return f"segment {segment_id}"
    segment = selection.get("segment") or {}
    rules = segment.get("rules", []) if isinstance(segment, Mapping) else None
    if not isinstance(rules, list) or not all(isinstance(rule, Mapping) for rule in rules):
        return "a segment"
    join = " or " if segment.get("join") == "any" else ", "
    return join.join(f"{rule.get('field_name')} {rule.get('operator')}" for rule in rules)


def _read_segment(
    segment: Mapping[str, Any], index: str, chain_id: int, where: str
) -> dict[str, Any]:
    """A user's segment as the vendor takes it, for that index and chain.

    Raises:
        SettingsError: It has a key that no segment has, or is of another index or chain.
    """
    _check_names(segment, SEGMENT_KEYS, where)
    if segment.get("join", "all") not in JOINS:
        raise not_among(f"{where}, join", segment["join"], JOINS)
    own = dict(segment)
    if "index" in own:
        own["index"] = index_named(str(own["index"])).export_index
    for key, value in (("entity", "people"), ("index", index), ("chain_id", chain_id)):
        if own.get(key, value) != value:
            raise SettingsError(
                f"its {key} is {str(own[key])[:40]!r}, where it must be {value!r}",
                where=where,
                hint=f"Leave {key} out: it is added.",
            )
    return own


def _read_rules(rules: Sequence[Any], where: str) -> list[dict[str, Any]]:
    """Rules as the vendor takes them.

    Raises:
        SettingsError: One is no dict, or has a key or a unit of time that looks like a misspelled
            one.
    """
    for rule in rules:
        if not isinstance(rule, Mapping):
            raise SettingsError(
                "a rule is a dict", where=where, hint="docs/settings.md has an example."
            )
        for name in rule:
            _check_documented(f"{where}, a rule", name, RULE_KEYS)
        if "time_factor" in rule or "time_amount" in rule:
            amount = rule.get("time_amount", 1)
            _check_relative(rule.get("time_factor", "day"), amount, f"{where}, a rule")
    return [dict(rule) for rule in rules]


def _check_names(given: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for name in given:
        if name not in known:
            raise not_among(where, name, known)


def _check_documented(where: str, given: object, known: Sequence[str]) -> None:
    """Refuse what is spelled almost like a documented word; let the vendor judge any other."""
    if given in known:
        return
    if not isinstance(given, str) or get_close_matches(given.lower(), known, 1):
        raise not_among(where, given, known)
    logger.warning(f"{where}: {given[:40]!r} is in no document of the vendor; it is sent as it is")


def _check_relative(factor: object, amount: object, where: str) -> None:
    _check_documented(f"{where}, time_factor", factor, UNITS)
    require_number(f"{where}, time_amount", amount, least=0, most=MOST, whole=True)


def _window_rule(field: DateField, window: Window, margin: timedelta) -> Rule:
    """The rule for a window, with a margin: whether its bounds are inclusive is undocumented."""
    end = window.end + margin
    return field.between(window.start - margin, end) if window.start else field.before(end)


def _text(instant: Instant) -> str:
    return instant if isinstance(instant, str) else iso(parse_instant(instant, "a rule's date"))
