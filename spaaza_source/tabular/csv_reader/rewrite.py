"""Copies a CSV file without some of its rows or cells; all other bytes stay as they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spaaza_source.tabular.csv_reader.file import CsvFile
from spaaza_source.tabular.csv_reader.layout import Layout
from spaaza_source.tabular.csv_reader.parse import parse_rows
from spaaza_source.tabular.csv_reader.spans import ByteSpan
from spaaza_source.tabular.csv_reader.structure import cut_records, find_records
from spaaza_source.tabular.source_file import reopen_file

Mask = npt.NDArray[np.bool_]


def copy_without(
    file: CsvFile,
    target: Path,
    *,
    is_kept: Callable[[Any], Mask | None],
    emptied: Callable[[Any], Mapping[str, Mask]],
    is_bad_kept: Callable[[bytes], bool],
) -> tuple[int, int]:
    """Copy a CSV file.

    Args:
        file: As in RFC 4180.
        target: The copy; it must not exist.
        is_kept: Tells of a table of rows, all texts, which are kept; None for all.
        emptied: Tells of the same table which cells are emptied, by column.
        is_bad_kept: Tells whether a row that cannot be read is kept, by its bytes.

    Returns:
        How many rows are not in the copy, and how many cells are empty there.
    """
    names = [column.name for column in file.columns]
    dropped = cells = 0
    with reopen_file(file.path, file._identity) as source, target.open("xb") as copy:  # noqa: SLF001
        at = 0
        for span in file._spans:  # noqa: SLF001 - of the same wing
            copy.write(source.read(span.offset - at))
            data = source.read(span.length)
            at = span.offset + span.length
            rows = parse_rows(span.good_bytes(data), file.layout, span.rows)
            rows = rows.rename_columns(names)
            kept, empty = is_kept(rows), emptied(rows)
            for number, record in _records(span, data, file.layout):
                if number is None:
                    if is_bad_kept(record):
                        copy.write(record)
                    else:
                        dropped += 1
                    continue
                if kept is not None and not kept[number]:
                    dropped += 1
                    continue
                blank = [names.index(name) for name, mask in empty.items() if mask[number]]
                cells += len(blank)
                copy.write(_without_cells(record, blank) if blank else record)
        copy.write(source.read())
    return dropped, cells


def _records(span: ByteSpan, data: bytes, layout: Layout) -> Iterator[tuple[int | None, bytes]]:
    """The records of a span in their order, each good one with its number."""
    good = span.good_bytes(data)
    ends = (
        find_records(cut_records(good, layout, last=False), layout, widths=False).ends + 1
    ).tolist()
    if len(ends) < span.rows:
        # The file's last record has no end of its own.
        ends.append(len(good))
    bad = list(span.skipped)
    start = shift = 0
    for number, end in enumerate(ends):
        while bad and bad[0][0] <= start + shift:
            begin, close = bad.pop(0)
            yield None, data[begin:close]
            shift += close - begin
        yield number, good[start:end]
        start = end
    for begin, close in bad:
        yield None, data[begin:close]


def _without_cells(record: bytes, blank: list[int]) -> bytes:
    """A record with some of its cells empty."""
    text = record.decode()
    bare = text.rstrip("\r\n") if not text.rstrip("\r\n").count('"') % 2 else text
    (cells,) = csv.reader(io.StringIO(bare, newline=""))
    for index in blank:
        cells[index] = ""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=text[len(bare) :]).writerow(cells)
    return written.getvalue().encode()
