"""Segment filters: read strictly, then evaluated column by column on blocks of rows.

Where the documents are silent the sandbox chooses, and a client must not rely on it:
* both ends of `is_between_date` are inclusive (documented by example only), compared to the
  nanosecond; `is_after_date` and `is_before_date` exclude their date;
* `relative_less_than` means less than so many days from the run, before or after it, because the
  documents use it both for the past ("redeemed in the last 24 hours") and for the future
  ("expiring within 7 days");
* a missing value matches `is_not` and `does_not_contain` and nothing else;
* a field that the index does not have is refused, as is any time factor but `day`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.sandbox.fields import Fields, InvalidFieldError, read_instant
from spaaza_source.sandbox.formats import as_text
from spaaza_source.sandbox.instants import (
    MICROSECONDS_A_DAY,
    TimeSpan,
    is_between,
    is_in_span,
    microseconds,
)
from spaaza_source.sandbox.settings import INDEXES

JOINS = ("all", "any")
FIELD_TYPES = ("date", "keyword", "text", "number", "boolean")
OPERATORS = {
    "is": ("value",),
    "is_not": ("value",),
    "contains": ("value",),
    "does_not_contain": ("value",),
    "is_date": ("value",),
    "is_after_date": ("start_date",),
    "is_before_date": ("end_date",),
    "is_between_date": ("start_date", "end_date"),
    "is_between_number": ("min", "max"),
    "relative_less_than": ("time_factor", "time_amount"),
}
_DATE_OPERATORS = frozenset(name for name in OPERATORS if "_date" in name or "relative" in name)
_MOST_DAYS = 36_500
_DAY_TEXT_LENGTH = len("2026-05-26")


@dataclass(frozen=True)
class RowRule:
    """One condition on one column; which rows match may depend on when the task runs."""

    column: str
    operator: str
    span_at: Callable[[int], TimeSpan] | None = None
    """For a date operator: the span that matches, given the run's microsecond."""
    value: str | float | bool | None = None
    numbers: tuple[float, float] | None = None

    def matches(self, block: pa.Table, run: int) -> pa.ChunkedArray:
        """A boolean for each row, never null."""
        cells = block.column(self.column)
        if self.span_at is not None:
            found = is_in_span(cells, self.span_at(run))
        elif self.numbers is not None:
            found = is_between(pc.cast(cells, pa.float64()), *self.numbers)
        elif "contain" in self.operator:
            found = pc.match_substring(as_text(cells), self.value)
        else:
            found = _equal(cells, self.value)
        found = pc.fill_null(found, fill_value=False)
        return pc.invert(found) if "not" in self.operator else found


@dataclass(frozen=True)
class RowSegment:
    """Valid rules, and whether a row must match all or any of them."""

    join: str
    rules: tuple[RowRule, ...]

    def keep(self, block: pa.Table, run: datetime) -> pa.Table:
        """The rows of a block that a task run at `run` exports."""
        if not self.rules:
            return block
        both = pc.and_ if self.join == "all" else pc.or_
        matching = (rule.matches(block, microseconds(run)) for rule in self.rules)
        return block.filter(reduce(both, matching))

    def spans(self, run: datetime) -> dict[str, TimeSpan]:
        """Per date column the span outside which no row matches, so that blocks can be skipped."""
        if self.join == "any" and len(self.rules) > 1:
            return {}
        spans: dict[str, TimeSpan] = {}
        for rule in self.rules:
            if rule.span_at is not None:
                span = rule.span_at(microseconds(run))
                spans[rule.column] = spans.get(rule.column, TimeSpan()).intersect(span)
        return spans


def read_segment(segment: Fields, index: str, schema: pa.Schema, chain: int) -> RowSegment:
    """The segment of a chain's export of `index`; raises InvalidFieldError for a wrong field."""
    segment.allow("entity", "index", "join", "chain_id", "rules")
    segment.one_of("entity", ("people",))
    if segment.one_of("index", INDEXES) != index:
        raise segment.error("index", f"differs from target.export_index {index}")
    if segment.integer("chain_id") != chain:
        raise segment.error("chain_id", "differs from the task's chain")
    join = segment.one_of("join", JOINS)
    rules = []
    for position, raw in enumerate(segment.list("rules")):
        where = f"{segment.where('rules')}[{position}]"
        if not isinstance(raw, dict):
            raise InvalidFieldError(where, "must be an object")
        rules.append(_read_rule(Fields(raw, where), schema))
    return RowSegment(join, tuple(rules))


def _read_rule(rule: Fields, schema: pa.Schema) -> RowRule:
    operator = rule.one_of("operator", tuple(OPERATORS))
    needed = OPERATORS[operator]
    rule.allow("field_name", "field_type", "operator", "nested", "nesting_path", *needed)
    column = _read_column(rule, schema)
    field_type = rule.one_of("field_type", FIELD_TYPES)
    if operator in _DATE_OPERATORS:
        if field_type != "date":
            raise rule.error("field_type", f"must be date for {operator}")
        if not pa.types.is_timestamp(schema.field(column).type):
            raise rule.error("field_name", f"{column} holds no dates")
        return RowRule(column, operator, span_at=_read_span(rule, operator))
    if operator == "is_between_number":
        if field_type != "number" or not _is_number(schema.field(column).type):
            raise rule.error("field_type", f"{column} must be a number for {operator}")
        return RowRule(column, operator, numbers=(rule.number("min"), rule.number("max")))
    value = rule.text("value") if "contain" in operator else rule.scalar("value")
    return RowRule(column, operator, value=value)


def _read_column(rule: Fields, schema: pa.Schema) -> str:
    name = rule.text("field_name")
    nested = rule.boolean("nested") if "nested" in rule else False
    if nested != ("nesting_path" in rule):
        raise rule.error("nesting_path", "belongs to a rule with nested true")
    if nested:
        name = f"{rule.text('nesting_path')}.{name.split('.')[-1]}"
    # The exports are flat: a nested document's field is a column of its own.
    column = name.replace(".", "_")
    if column not in schema.names:
        raise rule.error("field_name", "is no field of this index")
    return column


def _read_span(rule: Fields, operator: str) -> Callable[[int], TimeSpan]:
    if operator == "relative_less_than":
        rule.one_of("time_factor", ("day",))
        days = rule.integer("time_amount")
        if not 1 <= days <= _MOST_DAYS:
            raise rule.error("time_amount", f"must be from 1 to {_MOST_DAYS}")
        reach = days * MICROSECONDS_A_DAY
        return lambda run: TimeSpan(run - reach + 1, run + reach - 1)
    if operator == "is_date":
        span = _read_day(rule)
    elif operator == "is_after_date":
        span = TimeSpan.after(rule.instant("start_date"))
    elif operator == "is_before_date":
        span = TimeSpan.before(rule.instant("end_date"))
    else:
        start, end = rule.instant("start_date"), rule.instant("end_date")
        if start > end:
            raise rule.error("end_date", "lies before start_date")
        span = TimeSpan(TimeSpan.at(start).low, TimeSpan.at(end).high)
    return lambda _run: span


def _read_day(rule: Fields) -> TimeSpan:
    text = rule.text("value")
    if len(text) == _DAY_TEXT_LENGTH:
        text += "T00:00:00Z"
    start = TimeSpan.at(read_instant(rule.where("value"), text)).low
    start -= start % MICROSECONDS_A_DAY
    return TimeSpan(start, start + MICROSECONDS_A_DAY - 1)


def _equal(cells: pa.ChunkedArray, value: Any) -> pa.ChunkedArray:
    if _is_number(cells.type) and isinstance(value, int | float) and not isinstance(value, bool):
        return pc.equal(pc.cast(cells, pa.float64()), float(value))
    if isinstance(value, bool):
        value = str(value).lower()
    return pc.equal(as_text(cells), str(value))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_decimal(kind))
