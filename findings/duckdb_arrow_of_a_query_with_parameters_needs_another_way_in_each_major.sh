#!/usr/bin/env bash
# duckdb 1.5.5 and 2.0.1: which way of reading a query with a parameter as Arrow batches streams, and
# which keeps all rows in memory, changes from one major version to the other.
#
# Seen, for 6,000,000 rows read in batches of 100,000: in 1.5.5 `execute(query, parameters)` streams, and
# `sql(query, params=…)` makes the whole result first, in about a gigabyte. In 2.0.1 it is the other way
# round: a relation streams with parameters too, and `execute` keeps all rows, which a UserWarning tells
# as "an extra copy". A reader that is to stay small on both has to ask which version it has.
# Source: duckdb 1.5.5 and 2.0.1 from PyPI; the peak memory of a process, `ru_maxrss`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >read.py <<'PY'
import resource
import sys
import warnings

import duckdb

warnings.simplefilter("ignore")
way = sys.argv[1]
connection = duckdb.connect("rows.duckdb")
if way == "make":
    connection.execute("SET storage_compatibility_version = 'v1.5.0'")
    connection.execute(
        "CREATE TABLE rows_ AS SELECT range AS id, 'some text ' || range AS words FROM range(6000000)"
    )
    sys.exit()
query = "SELECT * FROM rows_ WHERE id >= ?"
if way == "execute":
    reader = connection.execute(query, [0]).to_arrow_reader(100_000)
else:
    reader = connection.sql(query, params=[0]).to_arrow_reader(100_000)
assert sum(batch.num_rows for batch in reader) == 6_000_000
mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(duckdb.__version__, way, "streams" if mebibytes < 300 else "keeps all rows")
PY
for version in 1.5.5 2.0.1; do
    python3 -m venv "env-$version"
    "env-$version/bin/pip" install --quiet "duckdb==$version" 'pyarrow==26.0.1'
done
env-1.5.5/bin/python read.py make
for version in 1.5.5 2.0.1; do
    for way in execute sql; do
        "env-$version/bin/python" read.py "$way"
    done
done | tee seen
diff seen - <<'SEEN'
1.5.5 execute streams
1.5.5 sql keeps all rows
2.0.1 execute keeps all rows
2.0.1 sql streams
SEEN
