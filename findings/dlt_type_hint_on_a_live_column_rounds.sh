#!/usr/bin/env bash
# dlt 1.31.0 with DuckDB 1.5.5: a `decimal` hint on a live BIGINT column rounds what comes.
#
# Seen: dlt takes the hint into its schema, writes its files by it, and leaves the table's column as
# it is: only columns that are missing are added. Loading then casts 10.5 to the column's BIGINT
# without a word. The schema says decimal, the table holds whole numbers, and no load fails. Without
# the hint the same value would have gone to a variant column, `points__v_decimal`.
# Source: dlt 1.31.0, dlt/destinations/job_client_impl.py, `_build_schema_update_sql`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'dlt[duckdb]==1.31.0' 'duckdb==1.5.5'
cat >load.py <<'PY'
from decimal import Decimal

import dlt

pipeline = dlt.pipeline("shop", destination=dlt.destinations.duckdb("shop.duckdb"))


def load(earned, **hints):
    users = dlt.resource([{"id": 1, "points": earned}], name="users", write_disposition="append")
    users.apply_hints(columns=hints)
    pipeline.run(users, loader_file_format="parquet")


load(5)
load(Decimal("10.6"), points={"data_type": "decimal"})
print("schema", pipeline.default_schema.tables["users"]["columns"]["points"]["data_type"])
with pipeline.sql_client() as client:
    print("table", client.execute_sql("SELECT points, typeof(points) FROM users ORDER BY 1"))
PY
export RUNTIME__DLTHUB_TELEMETRY=false DLT_DATA_DIR="$work"
env/bin/pip install --quiet 'pyarrow==26.0.1'
env/bin/python load.py 2>/dev/null | tee seen
diff seen - <<'SEEN'
schema decimal
table [(5, 'BIGINT'), (11, 'BIGINT')]
SEEN
