#!/usr/bin/env bash
# dlt 1.31.0: a row that is marked by `hard_delete` comes back on every other load with `upsert`.
#
# Seen: the merge strategy `upsert` deletes a marked row that the table has, and inserts a marked row
# that the table lacks. An export that keeps telling of a deleted row is thus in the table after the
# first load, gone after the second, back after the third. With `delete-insert` it stays gone.
# Source: dlt 1.31.0, dlt/destinations/sql_jobs.py, `gen_upsert_sql`: only `insert-only` and `cdc`
# leave marked rows out of what is inserted.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'dlt[duckdb]==1.31.0' 'duckdb==1.5.5'
cat >load.py <<'PY'
import dlt
import duckdb

ROWS = [{"id": 1, "gone": False}, {"id": 2, "gone": True}]

for strategy in ("upsert", "delete-insert"):
    pipeline = dlt.pipeline(
        strategy.replace("-", "_"), destination=dlt.destinations.duckdb(f"{strategy}.duckdb")
    )
    vouchers = dlt.resource(
        ROWS,
        name="vouchers",
        primary_key="id",
        columns={"gone": {"hard_delete": True}},
        write_disposition={"disposition": "merge", "strategy": strategy},
    )
    found = []
    for _ in range(4):
        pipeline.run(vouchers)
        with pipeline.sql_client() as client:
            found.append([row[0] for row in client.execute_sql("SELECT id FROM vouchers ORDER BY 1")])
    print(strategy, *found)
PY
export RUNTIME__DLTHUB_TELEMETRY=false DLT_DATA_DIR="$work"
env/bin/python load.py 2>/dev/null | tee seen
diff seen - <<'SEEN'
upsert [1, 2] [1] [1, 2] [1]
delete-insert [1] [1] [1] [1]
SEEN
