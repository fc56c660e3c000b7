"""Opens a CSV file: examines all of it, then yields its rows as typed Arrow tables."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.tabular.column_types import TEXT, TIMESTAMP, Column, ColumnType
from spaaza_source.tabular.csv_reader.in_threads import SharedThreads, run_in_threads
from spaaza_source.tabular.csv_reader.layout import Layout
from spaaza_source.tabular.csv_reader.parse import only_chunk, parse_rows
from spaaza_source.tabular.csv_reader.read_whole import kept_type, read_whole
from spaaza_source.tabular.csv_reader.rejected_cells import certain_cells
from spaaza_source.tabular.csv_reader.scan import BLOCK, Scan
from spaaza_source.tabular.csv_reader.spans import ByteSpan
from spaaza_source.tabular.dialects.dialect import Dialect
from spaaza_source.tabular.dialects.value_forms import standard_forms
from spaaza_source.tabular.header import make_speller, name_columns
from spaaza_source.tabular.inference import Evidence
from spaaza_source.tabular.instants import as_instants
from spaaza_source.tabular.privacy.personal_data import CellLook
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
from spaaza_source.tabular.spool import Spool, deserialize
from spaaza_source.tabular.values import are_zero_texts, convert, drop_zero_times, fit_mask

_LINE_END = re.compile(rb"\r\n|\r|\n")
TABLE_ROWS = 122_880
"""Rows of one table: a row group of this size suits DuckDB and Parquet readers."""
TABLE_BYTES = 64 * 2**20
"""Bytes of CSV in one table at most, so that wide rows keep memory bounded."""

_spell = make_speller()


@dataclass(frozen=True)
class CsvFile:
    """A CSV file that was examined as a whole and may be loaded.

    `columns` are in file order, `rows` is the number of good rows, `rejected` are the bad ones.
    `ends_with_newline` tells whether the last record has a record end; `layout` how it is written.
    """

    path: Path
    columns: tuple[Column, ...]
    rows: int
    rejected: Sequence[RejectedRow]
    ends_with_newline: bool
    schema: Any
    layout: Layout
    _spans: tuple[ByteSpan, ...]
    _evidence: tuple[Evidence, ...]
    _identity: Identity
    _spool: Spool
    _instants: int | None

    def tables(self) -> Iterator[Any]:
        """Read the good rows as `pyarrow.Table`s of about 120,000 rows, all of one schema.

        The columns are in file order, followed by the variant columns (text) of those with values
        that do not fit. An undecided column has the type null. A file without rows yields one empty
        table.

        Raises:
            MalformedFileError: The file changed since it was opened.
        """
        if not self._spans:
            yield self.schema.empty_table()
            return
        pending: list[Any] = []
        rows = size = 0
        for span, table in self._span_tables():
            if pending and (rows + span.rows > TABLE_ROWS or size + span.length > TABLE_BYTES):
                yield from _cut(pa.concat_tables(pending))
                pending, rows, size = [], 0, 0
            pending.append(table)
            rows += span.rows
            size += span.length
        yield from _cut(pa.concat_tables(pending))

    def typed_like(self, others: Sequence[CsvFile]) -> CsvFile:
        """This file with the types that its columns have over it and all others.

        Args:
            others: The other files of the same table; this file may be among them.
        """
        known: dict[str, Evidence] = {column.name: seen for column, seen in self._pairs()}
        for other in others:
            for column, seen in other._pairs():  # noqa: SLF001 - of the same class
                if column.name in known:
                    known[column.name] = known[column.name].merge(seen)
        evidence = [
            replace(seen, fits=every.fits, filled=every.filled, zeros=every.zeros)
            for every, seen in ((known[column.name], seen) for column, seen in self._pairs())
        ]
        columns = tuple(
            seen.describe_column(column.header, column.name)
            for column, seen in zip(self.columns, evidence, strict=True)
        )
        return replace(self, columns=columns, schema=_schema(columns), _evidence=tuple(evidence))

    @property
    def decimal_columns(self) -> set[str]:
        """The columns that are known for whole numbers, and have decimals in this file."""
        return {column.name for column, seen in self._pairs() if seen.decimals}

    def widened(self, names: Collection[str]) -> CsvFile:
        """This file with decimals in some columns that are known for whole numbers."""
        evidence = [
            seen.widened() if column.name in names else seen for column, seen in self._pairs()
        ]
        columns = tuple(
            replace(column, type=seen.column_type, has_variant=seen.misfits)
            for column, seen in zip(self.columns, evidence, strict=True)
        )
        return replace(self, columns=columns, schema=_schema(columns), _evidence=tuple(evidence))

    def line_of(self, row: int) -> int:
        """The physical line, from 1, on which a good row starts. Slow, as it reads the file again.

        Args:
            row: The row's number among the good rows, from 0.
        """
        with self.path.open("rb") as file:
            for span in self._spans:
                if row < span.rows:
                    file.seek(span.offset)
                    start = span.start_of(row, file.read(span.length), self.layout)
                    file.seek(0)
                    return 1 + len(_LINE_END.findall(file.read(span.offset + start)))
                row -= span.rows
        raise IndexError(row)

    def certain_cells(self, names: Sequence[str]) -> tuple[Any, list[int]]:
        """The cells of some columns, of those bad rows where each of them is certain.

        Args:
            names: Which columns of the file, at least one.

        Returns:
            A `pyarrow.Table` of them, in the columns' types; and the number of each one's row among
            the bad ones.
        """
        return certain_cells(self.rejected, self.columns, names, self.layout)

    def texts_from_end(self, include: Sequence[int] | None = None) -> Iterator[Any]:
        """Read the good rows' cells as they are written, the last part of the file first.

        Args:
            include: The numbers of the columns to read, from 0; None for all.

        Returns:
            A `pyarrow.Table` of texts for each part, whose columns are their numbers.
        """
        with reopen_file(self.path, self._identity) as file:
            for span in self._spans[::-1]:
                file.seek(span.offset)
                data = span.good_bytes(file.read(span.length))
                yield parse_rows(data, self.layout, span.rows, include)

    def lines_from(self, row: int) -> int:
        """How many physical lines the file has from a good row on, counted from 0."""
        # Whatever its bytes are: lines are counted by their ends.
        with self.path.open(encoding="latin-1") as file:
            lines = sum(1 for _ in file)
        return lines - self.line_of(row) + 1

    def _span_tables(self) -> Iterator[tuple[ByteSpan, Any]]:
        kinds = [kept_type(seen) for seen in self._evidence]

        def make_table(piece: tuple[ByteSpan, Any, bytes]) -> tuple[ByteSpan, Any]:
            span, kept, data = piece
            if kept is None:
                return span, self._typed(parse_rows(data, self.layout, span.rows))
            again = _other_types(kept, kinds)
            if again:
                texts = parse_rows(data, self.layout, span.rows, again)
                for index in again:
                    kept = kept.set_column(index, str(index), texts.column(str(index)))
            return span, self._typed(kept)

        with reopen_file(self.path, self._identity) as file:
            pieces = self._pieces(file, kinds)
            yield from run_in_threads(make_table, pieces, ahead=TABLE_BYTES // BLOCK)

    def _pieces(
        self, file: BinaryIO, kinds: Sequence[Any]
    ) -> Iterator[tuple[ByteSpan, Any, bytes]]:
        """Each span, its cells if they are kept, and its bytes where some are to be read again."""
        for number, span in enumerate(self._spans):
            kept = deserialize(self._spool.read(number)) if self._spool.keeps else None
            data = b""
            if kept is None or _other_types(kept, kinds):
                file.seek(span.offset)
                data = span.good_bytes(file.read(span.length))
            yield span, kept, data

    def _pairs(self) -> Iterable[tuple[Column, Evidence]]:
        return zip(self.columns, self._evidence, strict=True)

    def _typed(self, kept: Any) -> Any:
        """The cells as a table of this file's schema."""
        columns, variants = [], []
        for index, (column, seen) in enumerate(self._pairs()):
            cells, cut = kept.column(index), None
            is_text = pa.types.is_string(cells.type)
            if is_text:
                texts = cells = only_chunk(cells)
                if column.type not in (None, TEXT):
                    kind = seen.known or seen.documented
                    cells = standard_forms(texts, self.layout.dialect, kind)
            if is_text and index == self._instants:
                cells, cut = as_instants(cells)
            if is_text and seen.drops_zeros:
                cells = pc.if_else(are_zero_texts(cells), None, cells)
            if column.has_variant and column.type:
                fits = fit_mask(cells, column.type)
                misfit = pc.if_else(fits, None, texts)
                variants.append(misfit if cut is None else pc.coalesce(cut, misfit))
                cells = pc.if_else(fits, cells, None)
            typed = _to_type(cells, column.type)
            columns.append(drop_zero_times(typed) if seen.drops_zeros else typed)
        return pa.table([*columns, *variants], schema=self.schema)


def open_csv(
    path: str | os.PathLike[str],
    *,
    name_column: Callable[[str], str] = _spell,
    name_header: Callable[[Sequence[str]], Sequence[str]] = tuple,
    known_types: Mapping[str, ColumnType] = MappingProxyType({}),
    look_at: Callable[[str], bool] | None = None,
    documented: Callable[[str], ColumnType | None] = lambda _: None,
    column_types: ColumnTypes = "inferred",
    on_bad_row: OnBadRow = "reject",
    max_rejected_share: float = 0.01,
    max_rejected_rows: int = 10,
    instants: str | None = None,
    dialect: Dialect | None = None,
    arriving: SourceBytes | None = None,
    threads: SharedThreads | None = None,
) -> CsvFile:
    """Examine a whole CSV file: its structure, encoding, header and types.

    A file whose structure is uncertain is refused; lines up to where it is certain again are a bad
    row. A record ends with LF, CRLF or CR; LF and CRLF may be mixed only if every row has the
    header's width, but for bad rows. In a file of one column an empty line is an empty cell. With
    more columns it is a bad row, and refused if another row follows; so are text around a table,
    and a second table. A row that repeats the header is a bad one.

    Args:
        path: The file: UTF-8, comma-separated as in RFC 4180, with a header row.
        name_column: Makes a column name of a header; unless given, dlt's snake case without the
            punctuation around a header.
        name_header: Translates the cells of a header, where they are labels, to the headers that
            they stand for; if it raises a `HeaderError`, the file is refused.
        known_types: Types by column name, from the schema or from hints. They override
            `column_types`. A value that does not fit becomes NULL, and its text goes to
            `<name>__v_text`.
        documented: Gives the type that the vendor documents for a column, by its name. Where no
            type is known, it is the column's if all values fit it, or if there is none. In a
            documented date or time, Go's zero time (0001-01-01) is NULL.
        look_at: Which columns, by name, are looked at for cells that look personal.
        column_types: `inferred` types the other columns over the whole file; `text` keeps them
            text. An empty cell is NULL either way. A time without a zone is UTC.
        on_bad_row: `reject` puts bad rows into `rejected`; `fail` raises at the first.
        max_rejected_share: A share of the rows, from 0 to 1, that may be bad.
        max_rejected_rows: So many may be bad even if they are a larger share, up to a third.
        instants: The name of a column that windows are taken by. A row without an instant there is
            a bad one, unless most are. One that is finer than a microsecond is cut to it, and its
            text goes to `<name>__v_text` too.
        dialect: How the file is written, as its owner has declared: in UTF-8, for it has been
            decoded, and without the lines to skip after its rows; None for RFC 4180.
        arriving: The file's bytes, where it is still being written: their end is its end.
        threads: Where its parts are examined; files that share them take little more memory than
            one. It has threads of its own unless given.

    Raises:
        HeaderError: The header cannot name the columns.
        EncodingError: The file is not UTF-8.
        MalformedFileError: The file is no such CSV file, or its structure is uncertain.
        TooManyRejectedRowsError: More rows are bad than allowed.
        FileError: The file cannot be opened.
        SettingsError: A setting has an impossible value.
    """
    check_settings(column_types, on_bad_row, max_rejected_share, max_rejected_rows)
    path = Path(path)
    # Of a file that is still being written, only the whole one has an identity.
    known_as = identity(path) if arriving is None else None
    with open_source(path, arriving) as file:
        rejected = RejectedRows(
            reject=on_bad_row == "reject", max_rows=max_rejected_rows, max_share=max_rejected_share
        )
        scan = Scan(file, rejected, dialect)
        names = name_columns(name_header(scan.layout.header), name_column)
        default = TEXT if column_types == "text" else None
        looks = {
            index: CellLook(scan.layout.header[index])
            for index, name in enumerate(names)
            if look_at is not None and look_at(name)
        }
        if instants in names and known_types.get(instants, default) in (None, TIMESTAMP):
            scan.instants = names.index(instants)
        start = [
            Evidence(known_types.get(name, default), documented=documented(name)) for name in names
        ]
        spool = Spool(path)
        evidence = read_whole(scan, start, looks, spool, threads)
    columns = tuple(
        replace(
            seen.describe_column(header, name),
            cells=looks[index].kind if index in looks else None,
        )
        for index, (header, name, seen) in enumerate(
            zip(scan.layout.header, names, evidence, strict=True)
        )
    )
    return CsvFile(
        path=path,
        columns=columns,
        rows=scan.rows,
        rejected=tuple(rejected.rows),
        ends_with_newline=scan.ends_with_newline,
        schema=_schema(columns),
        layout=scan.layout,
        _spans=tuple(scan.spans),
        _evidence=tuple(evidence),
        _identity=known_as or identity(path),
        _spool=spool,
        _instants=scan.instants,
    )


def _schema(columns: Iterable[Column]) -> Any:
    columns = tuple(columns)
    fields = [
        pa.field(column.name, pa.null() if column.type is None else column.type.arrow)
        for column in columns
    ]
    variants = [pa.field(column.variant, pa.string()) for column in columns if column.has_variant]
    return pa.schema([*fields, *variants])


def _other_types(kept: Any, kinds: Sequence[Any]) -> list[int]:
    """The columns that are kept in another type than they have now: from text any can be made."""
    return [
        index
        for index, (has, kind) in enumerate(zip(kept.schema.types, kinds, strict=True))
        if has != kind and not pa.types.is_string(has)
    ]


def _to_type(cells: Any, column_type: ColumnType | None) -> Any:
    """Cells that all fit, as they were kept, as the column's type."""
    if column_type is None:
        return pa.nulls(len(cells))
    if cells.type == column_type.arrow:
        return cells
    if pa.types.is_string(cells.type):
        return convert(cells, column_type)
    return pc.cast(cells, column_type.arrow)


def _cut(table: Any) -> Iterator[Any]:
    """A table in slices of at most TABLE_ROWS rows."""
    for start in range(0, table.num_rows, TABLE_ROWS):
        yield table.slice(start, TABLE_ROWS)
