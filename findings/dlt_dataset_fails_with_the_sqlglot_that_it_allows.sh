#!/usr/bin/env bash
# dlt 1.31.0 with sqlglot 30.22 and later: loads pass, and every read by `pipeline.dataset()` fails.
#
# Seen: dlt 1.31.0 asks for `sqlglot>=26.32` without an end, and pip installs the newest. sqlglot 30.22
# dropped the argument `infer_schema` of `qualify()`, which each relation of a dataset passes: `.df()`,
# `.fetchall()` and a query in SQL are a TypeError. `pipeline.sql_client()` reads as ever, and so does
# sqlglot 30.21.
# Source: dlt 1.31.0, dlt/dataset/; sqlglot 30.21.0 and 30.22.0 from PyPI.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >read.py <<'PY'
import sys

import dlt

pipeline = dlt.pipeline(
    "p", destination=dlt.destinations.duckdb(f"{sys.argv[1]}.duckdb"), pipelines_dir=sys.argv[1]
)
pipeline.run([{"id": 1}], table_name="users")
with pipeline.sql_client() as client:
    print(sys.argv[1], "client", client.execute_sql("SELECT id FROM users"))
try:
    print(sys.argv[1], "dataset", pipeline.dataset()["users"].select("id").fetchall())
except TypeError as failure:
    print(sys.argv[1], "dataset", "infer_schema" in str(failure))
PY
export RUNTIME__DLTHUB_TELEMETRY=false DLT_DATA_DIR="$work"
for version in 30.21.0 30.22.0; do
    python3 -m venv "env-$version"
    "env-$version/bin/pip" install --quiet 'dlt[duckdb]==1.31.0' 'duckdb==1.5.5' "sqlglot==$version"
    "env-$version/bin/pip" check >/dev/null
    "env-$version/bin/python" read.py "$version" 2>/dev/null
done | tee seen
diff seen - <<'SEEN'
30.21.0 client [(1,)]
30.21.0 dataset [(1,)]
30.22.0 client [(1,)]
30.22.0 dataset True
SEEN
