"""Counts what a file has that its table's columns do not take: values that do not fit, bad rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.drift.notices import Notice
from spaaza_source.exports import RELOAD
from spaaza_source.tabular import VARIANT_SUFFIX, Column, RejectedRow


class MisfitCounter:
    """The values of one file that go to variant columns.

    Args:
        variants: Whether the file has any.
    """

    def __init__(self, *, variants: bool) -> None:
        self._variants = variants
        self._rows = 0
        #: By variant column: how many values, and the number of the first row that has one.
        self._found: dict[str, tuple[int, int]] = {}

    def add(self, rows: Any) -> None:
        """Take note of rows, an Arrow table or records; in a file's order."""
        if not self._variants:
            return
        if isinstance(rows, pa.Table):
            for name in rows.column_names:
                if name.endswith(VARIANT_SUFFIX):
                    cells = rows.column(name)
                    count = len(cells) - cells.null_count
                    if count:
                        first = pc.index(pc.is_valid(cells), pa.scalar(True)).as_py()
                        self._note(name, count, first)
            self._rows += rows.num_rows
        elif isinstance(rows, list):
            for number, record in enumerate(rows):
                for name in _variants(record):
                    self._note(name, 1, number)
            self._rows += len(rows)

    def notices(
        self, table: str, columns: Iterable[Column], locate: Callable[[int], str]
    ) -> list[Notice]:
        """What to tell of them.

        Args:
            table: The table.
            columns: The file's columns.
            locate: Tells where a row is, counted from 0 over all that were added.
        """
        types = {column.variant: column for column in columns}
        notices = []
        for variant, (count, first) in self._found.items():
            name = variant.removesuffix(VARIANT_SUFFIX)
            column = types.get(variant)
            kind = f" ({column.type})" if column and column.type else ""
            values = f"{count:,} values of the column {name!r} do not fit its type{kind}: they are"
            if count == 1:
                values = f"1 value of the column {name!r} does not fit its type{kind}: it is"
            notices.append(
                Notice(
                    "misfit",
                    table,
                    f"{values} NULL in it, with the text in {variant!r}",
                    "To have such values in the column, give it another type (column_types, or"
                    f" its hint), and {RELOAD}.",
                    name,
                    count,
                    locate(first),
                )
            )
        return notices

    def _note(self, variant: str, count: int, row: int) -> None:
        before, first = self._found.get(variant, (0, self._rows + row))
        self._found[variant] = before + count, first


def rejected_notices(
    table: str,
    rejected: Sequence[RejectedRow],
    export: str,
    *,
    kept: Sequence[int] = (),
    lost: int = 0,
    reason: str = "",
) -> list[Notice]:
    """What to tell of a file's bad rows.

    Args:
        table: The table.
        rejected: The bad rows, in the file's order.
        export: The export, as a message names it.
        kept: Those whose earlier version stays in the table, by their numbers from 0.
        lost: How many may have had an earlier version that is deleted.
        reason: Why these are not kept.
    """
    if not rejected:
        return []
    first = rejected[0]
    text = (
        f"{_rows(len(rejected))} could not be read, see the table rejected_rows; the first:"
        f" {first.reason}"
    )
    if lost:
        text += f"; of {_rows(lost)} the table keeps no earlier version: {reason}"
    hint = "Ask for a sound file."
    place = f"{first.location} of {export}"
    notices = [Notice("rejected", table, text, hint, None, len(rejected), place)]
    if kept:
        text = f"of {_rows(len(kept))} that could not be read the table keeps the earlier version"
        hint = "It stays until a file has the row in a form that can be read."
        place = f"{rejected[kept[0]].location} of {export}"
        notices.append(Notice("kept", table, text, hint, None, len(kept), place))
    return notices


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _variants(record: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The variant columns that a record has values in, at every depth."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _variants(value, f"{path}{name}__")
        elif isinstance(value, list):
            for element in value:
                if isinstance(element, dict):
                    yield from _variants(element, f"{path}{name}__")
        elif value is not None and name.endswith(VARIANT_SUFFIX):
            yield path + name
