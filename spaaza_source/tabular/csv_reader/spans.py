"""Spans of a CSV file's bytes: whole records, some of which are bad."""

from __future__ import annotations

from dataclasses import dataclass

from spaaza_source.tabular.csv_reader.layout import Layout
from spaaza_source.tabular.csv_reader.structure import cut_records, find_records


@dataclass(frozen=True)
class ByteSpan:
    """A span of whole records; `skipped` are the starts and ends of the bad ones within it."""

    offset: int
    length: int
    rows: int
    skipped: tuple[tuple[int, int], ...]

    def good_bytes(self, data: bytes) -> bytes:
        """The bytes of the good rows.

        Args:
            data: The span's bytes.
        """
        if not self.skipped:
            return data
        parts, at = [], 0
        for start, end in self.skipped:
            parts.append(data[at:start])
            at = end
        return b"".join([*parts, data[at:]])

    def start_of(self, row: int, data: bytes, layout: Layout) -> int:
        """Where a good row begins within the span.

        Args:
            row: The row's number among the span's good rows, from 0.
            data: The span's bytes.
            layout: The file's layout.
        """
        records = cut_records(self.good_bytes(data), layout, last=False)
        ends = find_records(records, layout, widths=False).ends
        start = int(ends[row - 1]) + 1 if row else 0
        for bad, end in self.skipped:
            start += end - bad if bad <= start else 0
        return start
