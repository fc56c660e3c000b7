#!/usr/bin/env bash
# duckdb 1.5.5: `hash` takes a value by its stored form, not by what it means. The DECIMAL(4,2) 1.50 has
# the hash of the whole number 150, and not that of the DECIMAL(5,3) 1.500, which is equal to it.
#
# Seen: whole numbers of all widths have one hash, as they compare equal; so one expects the same of
# decimals. But DuckDB stores a decimal as a whole number of its last digits, and hashes that: a date as
# its days, a timestamp as its microseconds. Who compares rows of two tables by `hash(a, b, …)` takes
# 150 and 1.50 for the same where a column's type has changed from BIGINT to DECIMAL(4,2), and 1.50 and
# 1.500 for different. Types have to be compared first, or made the same.
# Source: duckdb 1.5.5 from PyPI; its documentation of the function `hash` names no such thing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'duckdb==1.5.5'
cat >read.py <<'PY'
import duckdb

PAIRS = [
    ("1::INTEGER", "1::HUGEINT"),
    ("1.50::DECIMAL(4,2)", "150::BIGINT"),
    ("1.50::DECIMAL(4,2)", "1.500::DECIMAL(5,3)"),
    ("1.50::DECIMAL(4,2)", "1.5::DOUBLE"),
    ("DATE '1970-02-01'", "31"),
]
for one, other in PAIRS:
    hashes = duckdb.sql(f"SELECT hash({one}) = hash({other})").fetchone()[0]
    print(f"{one} and {other}: {'one hash' if hashes else 'two hashes'}")
print("equal:", duckdb.sql("SELECT 1.50::DECIMAL(4,2) = 1.500::DECIMAL(5,3)").fetchone()[0])
PY
env/bin/python read.py >seen
cat seen
diff - seen <<'SEEN'
1::INTEGER and 1::HUGEINT: one hash
1.50::DECIMAL(4,2) and 150::BIGINT: one hash
1.50::DECIMAL(4,2) and 1.500::DECIMAL(5,3): two hashes
1.50::DECIMAL(4,2) and 1.5::DOUBLE: two hashes
DATE '1970-02-01' and 31: one hash
equal: True
SEEN
