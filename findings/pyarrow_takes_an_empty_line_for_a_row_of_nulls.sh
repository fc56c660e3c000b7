#!/usr/bin/env bash
# pyarrow 26.0.1: with `ignore_empty_lines=False`, an empty line in a CSV file of several columns is a
# row whose cells are all NULL, though it has one cell and each other wrong number of cells is an error.
#
# Seen: pyarrow's documentation says that an empty line "will be interpreted as containing a single empty
# value (assuming a one-column CSV file)". With three columns one would expect "Expected 3 columns, got
# 1", as for a row with one cell. Instead a row appears that nobody has written, with LF and with CRLF. By
# default (`ignore_empty_lines=True`) the line is passed over. Who reads a file strictly has to look for
# empty lines himself.
# Source: pyarrow 26.0.1 from PyPI, `pyarrow.csv.ParseOptions`, and its API reference.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'pyarrow==26.0.1'
cat >read.py <<'PY'
import io

import pyarrow as pa
from pyarrow import csv

FILES = {
    "an empty line, LF": b"1,2,3\n\n4,5,6\n",
    "an empty line, CRLF": b"1,2,3\r\n\r\n4,5,6\r\n",
    "a row of one cell": b"1,2,3\n7\n4,5,6\n",
}
for ignored in (True, False):
    for name, file in FILES.items():
        try:
            table = csv.read_csv(
                io.BytesIO(file),
                read_options=csv.ReadOptions(column_names=["a", "b", "c"]),
                parse_options=csv.ParseOptions(ignore_empty_lines=ignored),
            )
            told = [tuple(row.values()) for row in table.to_pylist()]
        except pa.ArrowInvalid as refused:
            told = str(refused).partition(": ")[2].partition(":")[0]
        print(f"ignore_empty_lines={ignored}, {name}: {told}")
PY
env/bin/python read.py >seen
cat seen
diff - seen <<'SEEN'
ignore_empty_lines=True, an empty line, LF: [(1, 2, 3), (4, 5, 6)]
ignore_empty_lines=True, an empty line, CRLF: [(1, 2, 3), (4, 5, 6)]
ignore_empty_lines=True, a row of one cell: Expected 3 columns, got 1
ignore_empty_lines=False, an empty line, LF: [(1, 2, 3), (None, None, None), (4, 5, 6)]
ignore_empty_lines=False, an empty line, CRLF: [(1, 2, 3), (None, None, None), (4, 5, 6)]
ignore_empty_lines=False, a row of one cell: Expected 3 columns, got 1
SEEN
