"""Reads a whole CSV file once: judges it, finds the types of its columns, and keeps its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.errors import FileError, MalformedFileError
from spaaza_source.tabular.column_types import TIMESTAMP
from spaaza_source.tabular.csv_reader.in_threads import SharedThreads, run_in_threads
from spaaza_source.tabular.csv_reader.parse import only_chunk
from spaaza_source.tabular.csv_reader.scan import Judged, Piece, Scan
from spaaza_source.tabular.dialects.dialect import Dialect, advise
from spaaza_source.tabular.dialects.value_forms import standard_forms
from spaaza_source.tabular.inference import Evidence
from spaaza_source.tabular.instants import as_instants
from spaaza_source.tabular.privacy.personal_data import CellLook
from spaaza_source.tabular.spool import Spool, serialize
from spaaza_source.tabular.values import Cells


def read_whole(
    scan: Scan,
    start: list[Evidence],
    looks: Mapping[int, CellLook],
    spool: Spool,
    threads: SharedThreads | None = None,
) -> list[Evidence]:
    """What all cells show of the columns' types; the good rows of each piece go to the spool.

    They are kept in the types that the columns have so far. Where later pieces show that a column
    has another, its cells are to be read again.

    Args:
        scan: The file, at its start.
        start: What is known of each column.
        looks: Looks at the cells of some columns, by the columns' numbers.
        spool: Gets a table for each span of the scan.
        threads: As for `run_in_threads`.

    Raises:
        FileError: The file must not be loaded, or there is no room for its rows.
    """
    evidence = list(start)

    def read(piece: Piece | FileError) -> tuple[Judged, dict[int, Evidence], Any]:
        judged = scan.judge(piece)
        texts = judged.texts
        # A column that another thread settles meanwhile is looked at in vain, but not wrongly.
        before, found, kept = list(evidence), {}, []
        for index, strings in enumerate(map(only_chunk, texts.columns)):
            if index in looks:
                looks[index].add(strings)
            if before[index].is_settled:
                kept.append(strings)
                continue
            kind = before[index].known or before[index].documented
            values = standard_forms(strings, scan.layout.dialect, kind)
            times, cut = as_instants(values) if index == scan.instants else (values, None)
            cells = Cells.of(times)
            seen = before[index].read(cells)
            found[index] = seen = seen if cut is None else replace(seen, misfits=True)
            is_text = not spool.keeps or pa.types.is_string(kept_type(seen))
            kept.append(strings if is_text else cells.cast(kept_type(seen)))
        table = serialize(pa.table(kept, names=texts.column_names)) if spool.keeps else None
        if scan.spans:
            # Only those of the first span are looked at again.
            judged = replace(judged, texts=None)
        return judged, found, table

    for judged, found, kept in run_in_threads(read, scan.pieces(), threads=threads):
        span = scan.add(judged)
        if scan.spans == [span]:
            _check_apostrophes(judged.texts, scan.declared)
        for index, seen in found.items():
            evidence[index] = evidence[index].merge(seen)
        if span.rows:
            spool.add(kept)
    scan.finish()
    return evidence


def kept_type(seen: Evidence) -> Any:
    """The Arrow type that a column's cells are kept in, before they become its own."""
    kind = seen.column_type
    if kind is None or seen.misfits or (seen.zoned and seen.naive):
        return pa.string()
    if seen.zeros and seen.drops_zeros:
        return pa.string()
    return pa.timestamp("us") if seen.naive and kind == TIMESTAMP else kind.arrow


def _check_apostrophes(texts: Any, declared: Dialect | None) -> None:
    """Refuse a file in whose first piece apostrophes quote every cell of a column."""
    for index, cells in enumerate(texts.columns, 1):
        quoted = pc.match_substring_regex(cells, "(?s)^'.+'$")
        if len(cells) - cells.null_count > 1 and pc.all(quoted).as_py():
            raise MalformedFileError(
                f"apostrophes quote every cell of column {index}",
                hint=advise(
                    declared, "quote='", "Ask for cells quoted with double quotes, as in RFC 4180."
                ),
            )
