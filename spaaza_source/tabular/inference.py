"""Type inference: narrows a column's possible types, chunk by chunk over a whole file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from spaaza_source.tabular.column_types import (
    BIGINT,
    BOOL,
    DATE,
    DECIMAL,
    TEXT,
    TIMESTAMP,
    ColumnType,
)
from spaaza_source.tabular.values import (
    BIGINT_DIGITS,
    Cells,
    all_bigint,
    all_bool,
    all_date,
    all_decimal,
    all_timestamp,
    fit_mask,
)

_ANY = frozenset({BOOL, BIGINT, DECIMAL, DATE, TIMESTAMP})


@dataclass(frozen=True)
class Evidence:
    """What the cells read so far show of their column's type.

    `known` is the type that the column must have, if any, and `misfits` whether some cells do not
    fit it. `fits` are the types that all cells fit (text always does), `filled` whether any cell is
    not empty. `zoned` and `naive` tell whether there are times with and without a time zone.
    """

    known: ColumnType | None = None
    fits: frozenset[ColumnType] = _ANY
    filled: bool = False
    misfits: bool = False
    zoned: bool = False
    naive: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether more cells cannot change the type."""
        if self.known is None:
            return self.filled and not self.fits
        return self.misfits or self.known == TEXT

    @property
    def column_type(self) -> ColumnType | None:
        """The column's type; None if every cell is empty and no type is known."""
        if self.known is not None:
            return self.known
        if not self.filled:
            return None
        # Whole numbers fit decimal too: the narrower type wins.
        return next(
            (kind for kind in (BOOL, BIGINT, DECIMAL, DATE, TIMESTAMP) if kind in self.fits), TEXT
        )

    def with_cells(self, strings: Any) -> Evidence:
        """This evidence with the cells of an Arrow string array, in which empty cells are NULL."""
        cells = Cells.of(strings)
        if not len(cells) or self.is_settled:
            return self
        if self.known is None:
            return self._narrow(cells)
        return self._check_known(self.known, cells)

    def merge(self, other: Evidence) -> Evidence:
        """This evidence with that of other cells of the same column."""
        return replace(
            self,
            fits=self.fits & other.fits,
            filled=self.filled or other.filled,
            misfits=self.misfits or other.misfits,
            zoned=self.zoned or other.zoned,
            naive=self.naive or other.naive,
        )

    def _narrow(self, cells: Cells) -> Evidence:
        fits = set()
        zones = (False, False)
        if BIGINT in self.fits and all_bigint(cells):
            fits |= {BIGINT, DECIMAL} & self.fits
        elif DECIMAL in self.fits and all_decimal(
            cells, DECIMAL.precision, DECIMAL.scale, whole_digits=BIGINT_DIGITS
        ):
            fits.add(DECIMAL)
        elif BOOL in self.fits and all_bool(cells):
            fits.add(BOOL)
        elif DATE in self.fits and all_date(cells):
            fits.add(DATE)
        elif TIMESTAMP in self.fits and (found := all_timestamp(cells)) is not None:
            fits.add(TIMESTAMP)
            zones = found
        return replace(
            self,
            fits=frozenset(fits),
            filled=True,
            zoned=self.zoned or zones[0],
            naive=self.naive or zones[1],
        )

    def _check_known(self, known: ColumnType, cells: Cells) -> Evidence:
        zones = (False, False)
        fits = False
        match known.data_type:
            case "bool":
                fits = all_bool(cells)
            case "bigint":
                fits = all_bigint(cells)
            case "decimal":
                whole = known.precision - known.scale
                fits = all_decimal(cells, known.precision, known.scale, whole_digits=whole)
            case "date":
                fits = all_date(cells)
            case "timestamp":
                found = all_timestamp(cells)
                fits, zones = found is not None, found or zones
            case _:
                fits = not _has_misfit(cells, known)
        return replace(
            self,
            filled=True,
            misfits=not fits,
            zoned=self.zoned or zones[0],
            naive=self.naive or zones[1],
        )


def _has_misfit(cells: Cells, known: ColumnType) -> bool:
    return int(fit_mask(cells.strings, known).false_count) > 0
