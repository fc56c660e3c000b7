"""Makes the typed records that dlt loads of a batch that was taken apart.

dlt flattens their nested objects, and makes child tables of their nested lists.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.tabular.column_types import ColumnType
from spaaza_source.tabular.header import VARIANT_SUFFIX
from spaaza_source.tabular.json_reader.columns import (
    GROUP_END,
    LIST,
    OBJECT,
    ROOT,
    Arrays,
)
from spaaza_source.tabular.json_reader.no_cycles import makes_no_cycles
from spaaza_source.tabular.json_reader.shape import Path
from spaaza_source.tabular.values import are_zero_texts, convert, fit_mask

Row = dict[str, Any]
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ABSENT = object()
"""What stands in the place of a value that is left out of its row, key and all."""


class Records:
    """Makes records with the types that a file's paths have.

    Args:
        paths: All of them, by their numbers.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._types = {path.number: path.as_column.type for path in paths if path.is_column}

    @makes_no_cycles
    def make(self, arrays: Arrays) -> list[Row]:
        """The records of a batch.

        Args:
            arrays: What `Batch.finish` has made of them.
        """
        return self._rows(arrays, ROOT)

    def _rows(self, arrays: Arrays, level: str) -> list[Row]:
        """The rows of a level, in the order of its objects."""
        sizes = arrays[f"{level} sizes"].to_pylist()
        numbers = iter(arrays[f"{level} paths"].to_pylist())
        values: dict[int, _Values] = {}
        rows: list[Row] = []
        for size in sizes:
            group = []
            for number in iter(numbers.__next__, GROUP_END):
                if number not in values:
                    values[number] = self._values(arrays, self._paths[number], sum(sizes))
                group.append(values[number])
            rows += _make_rows(group, size)
        if f"{level} groups" not in arrays:
            return rows
        places = np.argsort(arrays[f"{level} groups"].to_numpy(), kind="stable").tolist()
        in_order: list[Row] = [{}] * len(rows)
        for place, row in zip(places, rows, strict=True):
            in_order[place] = row
        return in_order

    def _values(self, arrays: Arrays, path: Path, most: int) -> _Values:
        """The values at a path; as many as are NULL, or more, where no cell is filled."""
        name, kind = str(path.number), self._types.get(path.number)
        if kind is not None:
            if name in arrays:
                return _Values(path.name, *_read_cells(arrays, path, kind))
            return _Values(path.name, [None] * most)
        if f"{name} kinds" in arrays:
            return _Values(path.name, list(self._nested(arrays, name)), has_gaps=True)
        return _Values(path.name, None)

    def _nested(self, arrays: Arrays, name: str) -> Iterator[Any]:
        """The objects and lists of a path that has nothing else."""
        objects = iter(self._rows(arrays, f"{name} o") if f"{name} o sizes" in arrays else ())
        elements = iter(self._rows(arrays, f"{name} e") if f"{name} e sizes" in arrays else ())
        sizes = iter(arrays[f"{name} sizes"].to_pylist())
        for kind in arrays[f"{name} kinds"].to_pylist():
            if kind == OBJECT:
                yield next(objects)
            elif kind == LIST:
                yield list(islice(elements, next(sizes)))
            else:
                yield _ABSENT


@dataclass
class _Values:
    """The values of one path in a batch, used from the first to the last.

    `found` is None where all are left out, `variants` are the texts of those that do not fit, by
    their places, and `has_gaps` tells whether some are `_ABSENT`.
    """

    name: str
    found: list[Any] | None
    variants: Mapping[int, str] = field(default_factory=dict)
    has_gaps: bool = False
    used: int = 0

    def take(self, count: int) -> list[Any] | None:
        begin, self.used = self.used, self.used + count
        if self.found is None or len(self.found) == count:
            return self.found
        return self.found[begin : self.used]

    def mend(self, rows: Sequence[Row]) -> None:
        """Complete the rows that have got the values that were taken last."""
        if self.has_gaps:
            for row in rows:
                if row[self.name] is _ABSENT:
                    del row[self.name]
        if self.variants:
            begin = self.used - len(rows)
            for place, row in enumerate(rows, begin):
                if place in self.variants:
                    row[self.name + VARIANT_SUFFIX] = self.variants[place]


def _make_rows(group: Sequence[_Values], size: int) -> list[Row]:
    """The rows of objects that have the same keys."""
    taken = [(values.name, found) for values in group if (found := values.take(size)) is not None]
    if not taken:
        return [{} for _ in range(size)]
    names = [name for name, _ in taken]
    # They are as many as the names: asking each time would take as long as all the rest.
    rows = [
        dict(zip(names, row))  # noqa: B905
        for row in zip(*(found for _, found in taken), strict=True)
    ]
    for values in group:
        values.mend(rows)
    return rows


def _read_cells(
    arrays: Arrays, path: Path, kind: ColumnType
) -> tuple[list[Any], Mapping[int, str]]:
    """The values of a column's cells, and the texts of those that do not fit, by their places."""
    name, evidence = str(path.number), path.evidence
    cells = arrays[name]
    written = pc.coalesce(arrays[f"{name} w"], cells) if f"{name} w" in arrays else cells
    variants: dict[int, str] = {}
    if f"{name} v" in arrays:
        variants |= _by_place(arrays[f"{name} v"])
    if kind.data_type == "text":
        return _as_list(written), variants
    if evidence.drops_zeros:
        cells = pc.if_else(are_zero_texts(cells), None, cells)
    if evidence.misfits:
        fits = fit_mask(cells, kind)
        variants |= _by_place(pc.if_else(fits, None, written))
        cells = pc.if_else(fits, cells, None)
    return _read(cells, kind), variants


def _by_place(texts: Any) -> dict[int, str]:
    """The texts that are not NULL, by their places."""
    places = pc.indices_nonzero(texts.is_valid()).to_pylist()
    return dict(zip(places, texts.drop_null().to_pylist(), strict=True))


def _read(cells: Any, kind: ColumnType) -> list[Any]:
    """The values of cells that all fit."""
    match kind.data_type:
        case "bool":
            return _as_list(convert(cells, kind))
        case "bigint":
            values = convert(cells, kind)
            if not values.null_count:
                return list(values.to_numpy().tolist())
            numbers = values.fill_null(0).to_numpy().astype(object)
            numbers[cells.is_null().to_numpy(zero_copy_only=False)] = None
            return list(numbers.tolist())
        case "date":
            return _as_list(convert(cells, kind))
        case "timestamp":
            # To make a scalar of a time, pyarrow imports pandas: so not for files that have none.
            epoch = pa.scalar(0, pa.timestamp("us"))
            since = pc.subtract(pc.cast(convert(cells, kind), epoch.type), epoch)
            return [None if time is None else _EPOCH + time for time in _as_list(since)]
        case _:
            read = Decimal if kind.data_type == "decimal" else float
            return [None if text is None else read(text) for text in _as_list(cells)]


def _as_list(values: Any) -> list[Any]:
    return list(values.to_numpy(zero_copy_only=False).tolist())
