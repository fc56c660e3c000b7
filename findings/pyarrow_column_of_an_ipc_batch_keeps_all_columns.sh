#!/usr/bin/env bash
# pyarrow 26.0.1: one column that is kept of a record batch read from an IPC stream keeps the memory of
# all its columns, while `nbytes` tells the bytes of that column alone.
#
# Seen: that reading is without a copy is documented. What one guesses wrong is the unit: a batch is one
# block, and each of its arrays holds all of it, as with `Table.select` and `drop_columns`. A program that
# collects one column of each batch (a key, a time) and lets the rest go ends with the whole table in
# memory, and neither `nbytes` nor `get_total_buffer_size()` of what it has kept shows that. Of a table
# that was made in memory, the other columns are freed. `concat_arrays` with an empty array makes a copy.
# Source: pyarrow 26.0.1 from PyPI, and its documentation of IPC, "Efficiently Writing and Reading Arrow
# Data".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'pyarrow==26.0.1'
cat >read.py <<'PY'
import pyarrow as pa

MB = 2**20


def make():
    return pa.table({f"column_{n}": pa.array([n] * 131_072, pa.int64()) for n in range(50)})


def through_ipc(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return pa.ipc.open_stream(sink.getvalue()).read_all()


def copy(column):
    return pa.concat_arrays([pa.array([], column.type), *column.chunks])


for name, keep in [
    ("made in memory", lambda: make().column(0)),
    ("read from IPC", lambda: through_ipc(make()).column(0)),
    ("read from IPC, and copied", lambda: copy(through_ipc(make()).column(0))),
]:
    before = pa.total_allocated_bytes()
    column = keep()
    held = round((pa.total_allocated_bytes() - before) / MB)
    print(f"{name}: nbytes {column.nbytes // MB} MiB, in memory {held} MiB")
    del column
PY
env/bin/python read.py >seen
cat seen
diff - seen <<'SEEN'
made in memory: nbytes 1 MiB, in memory 1 MiB
read from IPC: nbytes 1 MiB, in memory 64 MiB
read from IPC, and copied: nbytes 1 MiB, in memory 1 MiB
SEEN
