"""Filters of an export: read strictly, then evaluated column by column on blocks of rows.

Where the documents are silent the sandbox chooses, and a client must not rely on it:
* `$after` and `$before` exclude their time;
* the conditions on one field must all hold, whatever the junction between fields is;
* a missing value matches nothing, `$is_not` included;
* only a few of the vendor's filters and operators are known, and any other is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.sandbox.fields import Fields, InvalidFieldError, read_instant
from spaaza_source.sandbox.formats import as_text
from spaaza_source.sandbox.instants import TimeSpan, is_in_span
from spaaza_source.sandbox.voucherify.objects import DATE_FILTERS, TEXT_FILTERS, column_of

_JUNCTIONS: Mapping[str, Callable[[Any, Any], Any]] = {"and": pc.and_, "or": pc.or_}
_EQUALITY = ("$is", "$in", "$is_not")
_SPANS = {"$after": TimeSpan.after, "$before": TimeSpan.before}


@dataclass(frozen=True)
class Condition:
    """One operator on one column: times in a span, or texts in a list."""

    column: str
    spans: tuple[TimeSpan, ...] = ()
    texts: tuple[str, ...] = ()
    negated: bool = False

    def matches(self, block: pa.Table) -> pa.ChunkedArray:
        """A boolean for each row, never null."""
        cells = cells_of(block, self.column)
        if self.spans:
            found = reduce(pc.or_, (is_in_span(cells, span) for span in self.spans))
        else:
            found = pc.is_in(as_text(cells), pa.array(self.texts, pa.string()))
        if self.negated:
            found = pc.and_(pc.invert(found), pc.is_valid(cells))
        return pc.fill_null(found, fill_value=False)


@dataclass(frozen=True)
class RowFilters:
    """Valid conditions by field, and whether a row must match all fields or any."""

    junction: str = "and"
    fields: tuple[tuple[Condition, ...], ...] = ()

    def keep(self, block: pa.Table) -> pa.Table:
        """The rows of a block that are exported."""
        if not self.fields:
            return block
        matching = (
            reduce(pc.and_, (condition.matches(block) for condition in conditions))
            for conditions in self.fields
        )
        return block.filter(reduce(_JUNCTIONS[self.junction], matching))


def cells_of(block: pa.Table, column: str) -> pa.ChunkedArray:
    """A column of the rows, all missing if they have no such column."""
    if column in block.column_names:
        return block.column(column)
    return pa.chunked_array([pa.nulls(block.num_rows, pa.string())])


def read_filters(filters: Fields, exported_object: str) -> RowFilters:
    """The `filters` of a request; raises InvalidFieldError for a field that is wrong."""
    junction = "and"
    fields = []
    for name in filters.values:
        if name == "junction":
            junction = filters.text(name).lower()
            if junction not in _JUNCTIONS:
                raise filters.error(name, "must be one of and, or")
            continue
        dated = name in DATE_FILTERS[exported_object]
        if not dated and name not in TEXT_FILTERS[exported_object]:
            raise filters.error(name, f"is no filter of {exported_object} known here")
        only = filters.fields(name)
        only.allow("conditions")
        conditions = only.fields("conditions")
        if not conditions.values:
            raise only.error("conditions", "must hold an operator")
        column = column_of(exported_object, name)
        fields.append(
            tuple(_read_condition(conditions, each, column, dated) for each in conditions.values)
        )
    return RowFilters(junction, tuple(fields))


def _read_condition(conditions: Fields, operator: str, column: str, dated: bool) -> Condition:
    where = conditions.where(operator)
    if operator not in ((*_EQUALITY, *_SPANS) if dated else _EQUALITY):
        raise InvalidFieldError(where, "is no operator known here")
    operand = conditions.values[operator]
    values = operand if isinstance(operand, list) else [operand]
    if not values or not all(isinstance(value, str) for value in values):
        raise InvalidFieldError(where, "must be a string, or an array of strings that is not empty")
    negated = operator == "$is_not"
    if not dated:
        return Condition(column, texts=tuple(values), negated=negated)
    if operator in _SPANS and len(values) > 1:
        raise InvalidFieldError(where, "must be one time")
    span_of = _SPANS.get(operator, TimeSpan.at)
    spans = tuple(span_of(read_instant(where, value)) for value in values)
    return Condition(column, spans=spans, negated=negated)
