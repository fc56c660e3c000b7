"""Opens a JSON file: examines all of it, then yields its records with typed values.

Its records are kept as texts, taken apart into columns, from the pass that examines them to their
use. The file is read once more only where too many others keep theirs, or where a path has plain
values after its objects or lists were taken apart.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from dlt.common.normalizers.naming.snake_case import NamingConvention

from spaaza_source.errors import FileError
from spaaza_source.tabular.column_types import TEXT, TIMESTAMP, Column, ColumnType
from spaaza_source.tabular.header import make_speller, spell_header
from spaaza_source.tabular.json_reader.arrow_schema import make_schema
from spaaza_source.tabular.json_reader.batch import Batch
from spaaza_source.tabular.json_reader.columns import Arrays
from spaaza_source.tabular.json_reader.elements import Elements, read_elements
from spaaza_source.tabular.json_reader.packing import pack, unpack
from spaaza_source.tabular.json_reader.records import Records
from spaaza_source.tabular.json_reader.shape import Members, Shape, tables
from spaaza_source.tabular.json_reader.timeless import Timeless
from spaaza_source.tabular.rejected import RejectedRow, RejectedRows
from spaaza_source.tabular.source_file import (
    ColumnTypes,
    Identity,
    OnBadRow,
    SourceBytes,
    check_settings,
    identity,
    open_source,
    reopen_file,
)
from spaaza_source.tabular.spool import Spool

BATCH_ROWS = 5_000
BATCH_CHARACTERS = 8 * 2**20
"""JSON of one batch at most, so that large records keep memory bounded."""

_spell = make_speller()
_join = NamingConvention().shorten_fragments
_NO_TYPES: Mapping[str, ColumnType] = MappingProxyType({})


@dataclass(frozen=True)
class NestedTable:
    """The table that dlt makes of a list in each record.

    `path` are the names that dlt appends to the file's table to name it, `parent` is the path of
    the table whose rows have the lists, `columns` are its columns.
    """

    path: tuple[str, ...]
    parent: tuple[str, ...]
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class JsonFile:
    """A JSON file that was examined as a whole and may be loaded.

    `columns` are those of the table that the records become, nested objects flattened, in order of
    first appearance; `nested` are the tables that their lists become. `rows` is the number of good
    records, `rejected` are the bad ones.
    """

    path: Path
    columns: tuple[Column, ...]
    nested: tuple[NestedTable, ...]
    rows: int
    rejected: Sequence[RejectedRow]
    _shape: Shape
    _kept: Spool | None
    _is_record: Callable[[dict[str, Any]], bool]
    _timeless: Callable[[], Timeless | None]
    _join: Callable[..., str]
    _identity: Identity

    def records(self) -> Iterator[list[dict[str, Any]]]:
        """Read the good records, a few thousand at a time, as objects for dlt to load.

        Keys are column names. Values are None, `str`, `int`, `Decimal`, `bool`, `float`, `date`,
        `datetime` in UTC, or objects and lists of these; a list's elements are all objects: the
        rows that dlt makes of them. A value that does not fit is None, and its text is under the
        key of the variant column. A path without a type is left out. A file without records yields
        no batch.

        Give dlt the `hints` first: it would take a text that looks like a time for one.

        Raises:
            MalformedFileError: The file changed since it was opened.
        """
        maker = Records(self._shape.paths)
        with reopen_file(self.path, self._identity) as file:
            for arrays in self._batches(file):
                yield maker.make(arrays)

    @property
    def arrow_schema(self) -> Any:
        """The `pyarrow.Schema` that the records fit.

        Raises:
            MalformedFileError: A key has an object in some records, and a list in others.
        """
        return make_schema(self._shape.root)

    def _batches(self, file: BinaryIO) -> Iterator[Arrays]:
        """The arrays of each batch: as they are kept, or of the file once more."""
        if self._kept is None:
            elements = read_elements(file, self._is_record, self._timeless())
            for arrays, _ in _read_batches(elements, self._shape, lambda _: None, learn=False):
                yield arrays
            return
        for number in range(self._kept.pieces):
            yield unpack(self._kept.read(number))

    @property
    def decimal_columns(self) -> dict[tuple[str, ...], set[str]]:
        """By table, the columns that are known for whole numbers, and have decimals here."""
        return {
            table.path: names
            for table, paths in tables(self._shape.root)
            if (names := {path.column for path in paths if path.evidence.decimals})
        }

    def widened(self, names: Mapping[tuple[str, ...], Collection[str]]) -> JsonFile:
        """This file with decimals in some columns, by table, that are known for whole numbers."""
        for table, paths in tables(self._shape.root):
            for path in paths:
                if path.column in names.get(table.path, ()):
                    path.evidence = path.evidence.widened()
        own, *nested = tables_of(self._shape.root)
        return replace(self, columns=own.columns, nested=tuple(nested))

    def hints(self, table: str) -> dict[str, Any]:
        """The hints that dlt needs before it gets the records: the columns' types.

        Args:
            table: The name of the table that the records become.

        Returns:
            Arguments for dlt's `make_hints` and `apply_hints`: `columns` and `nested_hints`.
        """
        return {
            "columns": _column_hints(self.columns),
            "nested_hints": {
                nested.path: {
                    "columns": _column_hints(nested.columns),
                    "parent_table_name": self._join(table, *nested.parent),
                }
                for nested in self.nested
            },
        }


def open_json(
    path: str | os.PathLike[str],
    *,
    name_column: Callable[[str], str] = _spell,
    join_names: Callable[..., str] = _join,
    known_types: Mapping[str, ColumnType] = _NO_TYPES,
    nested_types: Callable[[tuple[str, ...]], Mapping[str, ColumnType]] = lambda _: _NO_TYPES,
    look_at: Callable[[str], bool] | None = None,
    documented: Callable[..., ColumnType | None] = lambda *_: None,
    column_types: ColumnTypes = "inferred",
    on_bad_row: OnBadRow = "reject",
    max_rejected_share: float = 0.01,
    max_rejected_rows: int = 10,
    instants: str | None = None,
    arriving: SourceBytes | None = None,
) -> JsonFile:
    """Examine a whole JSON file: its structure, encoding, keys and types.

    The file is a list of objects, one object with one such list beside plain values, or an object
    on each line. A single object is a record if it is on one line and all its plain values belong
    to known columns; otherwise it is refused if it has an `id`, or no list.

    A plain value has the type that its text would have in a CSV file: a number in a string is a
    number, an empty string is NULL. A number with an exponent is a decimal. If a path has plain
    values in some records, its objects and lists in others do not become columns or tables: their
    JSON is text that does not fit.

    Args:
        path: The file, UTF-8.
        name_column: Makes a column name of a key; unless given, dlt's snake case without the
            punctuation around a key.
        join_names: Makes one name of those along a path: `shorten_fragments` of dlt's naming
            convention.
        known_types: As for `open_csv`.
        nested_types: Known types of the nested table at a path, such as `("line_items",)`.
        documented: As for `open_csv`; called with the path of a nested table, then the column's
            name. A column without any value has no type, for its values may be objects or lists.
        look_at: As for `open_csv`, by path, such as `line_items__sku`.
        column_types: As for `open_csv`; an empty string is NULL as an empty cell is.
        on_bad_row: As for `open_csv`.
        max_rejected_share: As for `open_csv`.
        max_rejected_rows: As for `open_csv`.
        instants: As for `open_csv`: a column of the records themselves.
        arriving: As for `open_csv`.

    Raises:
        HeaderError: The keys cannot name columns.
        EncodingError: The file is not UTF-8.
        MalformedFileError: The file is not such JSON, or is cut short.
        TooManyRejectedRowsError: More rows are bad than allowed.
        FileError: The file cannot be opened.
        SettingsError: A setting has an impossible value.
    """
    check_settings(column_types, on_bad_row, max_rejected_share, max_rejected_rows)
    path = Path(path)

    def known(table: tuple[str, ...]) -> Mapping[str, ColumnType]:
        return nested_types(table) if table else known_types

    def is_record(members: dict[str, Any]) -> bool:
        plain = [key for key, value in members.items() if not isinstance(value, (dict, list))]
        return bool(plain) and all(spell_header(key, name_column) in known_types for key in plain)

    default = TEXT if column_types == "text" else None
    shape = Shape(name_column, join_names, known, documented, default=default, look_at=look_at)
    if known_types.get(instants or "", default) in (None, TIMESTAMP):
        shape.instants = instants
    rejected = RejectedRows(
        reject=on_bad_row == "reject",
        max_rows=max_rejected_rows,
        max_share=max_rejected_share,
    )
    rows = 0
    spool = Spool(path)
    # Of a file that is still being written, only the whole one has an identity.
    known_as = identity(path) if arriving is None else None
    with open_source(path, arriving) as file:
        elements = read_elements(file, is_record, _timeless(shape, name_column))
        for arrays, count in _read_batches(elements, shape, rejected.add, learn=True):
            rows += count
            if spool.keeps and not shape.is_mixed:
                spool.add(pack(arrays))
    rejected.check_number(rows)
    shape.finish()
    own, *nested = tables_of(shape.root)
    return JsonFile(
        path=path,
        columns=own.columns,
        nested=tuple(nested),
        rows=rows,
        rejected=tuple(rejected.rows),
        _shape=shape,
        _kept=spool if spool.keeps and not shape.is_mixed else None,
        _is_record=is_record,
        _timeless=partial(_timeless, shape, name_column),
        _join=join_names,
        _identity=known_as or identity(path),
    )


def _read_batches(
    elements: Elements, shape: Shape, reject: Callable[[RejectedRow], None], *, learn: bool
) -> Iterator[tuple[Arrays, int]]:
    """The arrays of each batch, and its rows; rejected rows are passed on as they come."""
    batch = Batch(shape, learn=learn)
    try:
        for element in elements:
            if isinstance(element, RejectedRow):
                reject(element)
                continue
            for record, size in zip(element.records, element.sizes, strict=True):
                batch.add(record, size)
                if batch.rows == BATCH_ROWS or batch.characters > BATCH_CHARACTERS:
                    yield batch.finish(), batch.rows
                    batch = Batch(shape, learn=learn)
    except FileError:
        # What is wrong with the records before the fault is told first.
        batch.finish()
        raise
    if batch.rows:
        yield batch.finish(), batch.rows


def _timeless(shape: Shape, name_column: Callable[[str], str]) -> Timeless | None:
    return None if shape.instants is None else Timeless(shape.instants, name_column)


def tables_of(root: Members) -> list[NestedTable]:
    """The file's own table, which is at the empty path, and the nested ones, with their columns."""
    return [
        NestedTable(table.path, table.parent, tuple(path.as_column for path in paths))
        for table, paths in tables(root)
    ]


def _column_hints(columns: Sequence[Column]) -> dict[str, dict[str, Any]]:
    hints: dict[str, dict[str, Any]] = {}
    for column in columns:
        if column.type is None:
            continue
        hint: dict[str, Any] = {"name": column.name, "data_type": column.type.data_type}
        if column.type.data_type == "decimal":
            hint |= {"precision": column.type.precision, "scale": column.type.scale}
        hints[column.name] = hint | {"description": column.header}
        if column.has_variant:
            hints[column.variant] = {"name": column.variant, "data_type": "text", "variant": True}
    return hints
