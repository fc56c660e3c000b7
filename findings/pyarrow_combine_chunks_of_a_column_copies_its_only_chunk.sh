#!/usr/bin/env bash
# pyarrow 26.0.1: `ChunkedArray.combine_chunks` copies a column that has one chunk already, where
# `Table.combine_chunks` leaves such a column as it is.
#
# Seen: a table that was just read, as from an IPC stream, has one chunk in each column. A program that
# turns its columns into arrays by `combine_chunks`, to be right for any number of chunks, pays for all
# their bytes once more, in time and memory; `chunk(0)` is the same array without a copy. The method of
# the table, of the same name, returns the very buffers. The documentation says of both that they combine
# the chunks, and nothing of a copy where there is nothing to combine.
# Source: pyarrow 26.0.1 from PyPI; its API documentation of `ChunkedArray.combine_chunks` and
# `Table.combine_chunks`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'pyarrow==26.0.1'
cat >combine.py <<'PY'
import pyarrow as pa

table = pa.table({"name": ["Herengracht 12"] * 100_000, "points": list(range(100_000))})


def text(cells):
    """Where the bytes of the cells are."""
    return cells.buffers()[-1].address


for name in table.column_names:
    column = table.column(name)
    own = text(column.chunk(0))
    before = pa.total_allocated_bytes()
    combined = column.combine_chunks()
    more = pa.total_allocated_bytes() - before
    print(name, "chunks:", column.num_chunks)
    again = more > 0.9 * column.nbytes
    print("  of the column: the same buffer", text(combined) == own, "- nearly all bytes again", again)
    print("  of the table: the same buffer", text(table.combine_chunks().column(name).chunk(0)) == own)
    del combined
PY
env/bin/python combine.py >seen
cat seen
diff - seen <<'SEEN'
name chunks: 1
  of the column: the same buffer False - nearly all bytes again True
  of the table: the same buffer True
points chunks: 1
  of the column: the same buffer False - nearly all bytes again True
  of the table: the same buffer True
SEEN
