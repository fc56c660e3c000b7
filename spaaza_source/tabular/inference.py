"""Type inference: narrows a column's possible types, chunk by chunk over a whole file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pyarrow.compute as pc

from spaaza_source.tabular.column_types import (
    BIGINT,
    BOOL,
    DATE,
    DECIMAL,
    TEXT,
    TIMESTAMP,
    Column,
    ColumnType,
)
from spaaza_source.tabular.values import (
    Cells,
    all_fit,
    are_zero_texts,
    find_decimals,
    find_zones,
)

_NARROWEST_FIRST = (BOOL, BIGINT, DECIMAL, DATE, TIMESTAMP)
_TIMES = (DATE, TIMESTAMP)


@dataclass(frozen=True)
class Evidence:
    """What the cells read so far show of their column's type.

    `known` is the type that the column must have, if any, and `misfits` whether some cells do not
    fit it. `fits` are the types that all cells fit (text always does), `filled` whether any cell is
    not empty. Of cells that do not fit a column known for whole numbers, `decimals` tells whether
    some are decimals, and `others` whether some are neither. `zoned` and `naive` tell whether there
    are times with and without a time zone. `documented` is the type that the vendor documents:
    without a known type it is the column's, if all cells fit it. `zeros` tells whether Go's zero
    time is among the cells of a documented time, in a form that does not fit the others: it is NULL
    in any.
    """

    known: ColumnType | None = None
    fits: frozenset[ColumnType] = frozenset(_NARROWEST_FIRST)
    filled: bool = False
    misfits: bool = False
    decimals: bool = False
    others: bool = False
    zoned: bool = False
    naive: bool = False
    documented: ColumnType | None = None
    zeros: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether more cells cannot change the type."""
        if self.known is None:
            return self.filled and (not self.fits or self.documented == TEXT)
        if self.known == BIGINT:
            return self.decimals and self.others
        return self.misfits or self.known == TEXT

    @property
    def column_type(self) -> ColumnType | None:
        """The column's type; None if every cell is empty and no type is known or documented."""
        if self.known is not None:
            return self.known
        if not self.filled or self.documented == TEXT or self.documented in self.fits:
            return self.documented
        # Cells beside zero times fit nothing else, for those are texts as others are.
        possible = _TIMES if self.zeros else _NARROWEST_FIRST
        # Whole numbers fit decimal too: the narrower type wins.
        return next((kind for kind in possible if kind in self.fits), TEXT)

    def describe_column(self, header: str, name: str, *, has_variant: bool = False) -> Column:
        """The column that has these cells."""
        return Column(
            header,
            name,
            self.column_type,
            has_variant=self.misfits or has_variant,
            documented=self.documented if self.known is None else None,
            is_filled=self.filled or self.known is not None,
        )

    @property
    def drops_zeros(self) -> bool:
        """Whether it is a documented time, in which Go's zero time is NULL."""
        return self.documented in _TIMES and self.column_type in _TIMES

    def with_cells(self, strings: Any) -> Evidence:
        """This evidence with the cells of an Arrow string array, in which empty cells are NULL."""
        return self.read(Cells.of(strings))

    def read(self, cells: Cells) -> Evidence:
        """This evidence with more cells."""
        found, strings = self._read(cells), cells.strings
        if self.documented in _TIMES and found.time_form != self.time_form:
            are_zero = are_zero_texts(strings)
            if pc.any(are_zero).as_py():
                others = self._read(Cells.of(strings.filter(pc.invert(are_zero))))
                return replace(others, zeros=True) if others.time_form else found
        return found

    @property
    def time_form(self) -> ColumnType | None:
        """For a documented time: the type that all cells fit, the documented one if they do."""
        if self.known is not None:
            return None if self.misfits or self.known not in _TIMES else self.known
        return next((kind for kind in (self.documented, *_TIMES) if kind in self.fits), None)

    def _read(self, cells: Cells) -> Evidence:
        if not len(cells) or self.is_settled:
            return self
        if self.known is None and self.documented == TEXT:
            return replace(self, filled=True)
        if self.known is not None:
            # Only in a column that is known to be a number a long one is no id.
            fits = all_fit(cells, self.known, whole_digits=self.known.precision)
            found = replace(self, filled=True, misfits=self.misfits or not fits)
            if not fits and self.known == BIGINT:
                decimals, others = find_decimals(cells.strings)
                found = replace(
                    found, decimals=self.decimals or decimals, others=self.others or others
                )
            kind = self.known if fits else None
        else:
            possible = (kind for kind in _NARROWEST_FIRST if kind in self.fits)
            kind = next((kind for kind in possible if all_fit(cells, kind)), None)
            # Whole numbers fit decimal too.
            kinds = {BIGINT, DECIMAL} if kind == BIGINT else {kind}
            found = replace(self, filled=True, fits=self.fits & kinds)
        if kind == TIMESTAMP:
            zoned, naive = find_zones(cells)
            found = replace(found, zoned=self.zoned or zoned, naive=self.naive or naive)
        return found

    def merge(self, other: Evidence) -> Evidence:
        """This evidence with that of other cells of the same column."""
        return replace(
            self,
            fits=self.fits & other.fits,
            filled=self.filled or other.filled,
            misfits=self.misfits or other.misfits,
            decimals=self.decimals or other.decimals,
            others=self.others or other.others,
            zeros=self.zeros or other.zeros,
            zoned=self.zoned or other.zoned,
            naive=self.naive or other.naive,
        )

    def widened(self) -> Evidence:
        """This evidence of a column known for whole numbers, once decimals fit it too."""
        return replace(self, known=DECIMAL, misfits=self.others)
