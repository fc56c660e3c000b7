#!/usr/bin/env bash
# dlt 1.31.0 with duckdb 1.5.5: whether a merge is one transaction depends on the letters in its SQL, such
# as those of a column's name.
#
# Seen: `delete-insert` by a merge key deletes the old rows and inserts the new ones. Where the INSERT fails
# (here by an index that the table's owner has made), the old rows are gone, and stay gone until a later
# load brings them. The same load of the same rows with a further column `created_at` keeps them: dlt
# searches the SQL for the letters of CREATE, ALTER and DROP, takes a statement with them for one that
# defines tables, and begins a transaction for those alone, as DuckDB, like most destinations, does not
# say whether it has transactions (`supports_transactions` is None).
# Source: dlt 1.31.0, dlt/destinations/job_client_impl.py, `SqlLoadJob.maybe_transaction`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'dlt[duckdb]==1.31.0' 'duckdb==1.5.5' 'sqlglot==30.21.0'
cat >load.py <<'PY'
import dlt
from dlt.pipeline.exceptions import PipelineStepFailed

MERGE = {"disposition": "merge", "strategy": "delete-insert"}

for column in ("booked_at", "created_at"):
    pipeline = dlt.pipeline(column, destination=dlt.destinations.duckdb(f"{column}.duckdb"))

    def load(*codes):
        rows = [{"day": 1, "code": code, column: "2026-01-01"} for code in codes]
        pipeline.run(dlt.resource(rows, name="sales", write_disposition=MERGE, merge_key="day"))

    load("a", "b")
    with pipeline.sql_client() as client:
        client.execute_sql("CREATE UNIQUE INDEX one_code ON sales (code)")
    try:
        load("c", "c")
    except PipelineStepFailed:
        with pipeline.sql_client() as client:
            found = client.execute_sql("SELECT code FROM sales ORDER BY code")
        print(column, "after the merge that failed:", [code for (code,) in found])
PY
export RUNTIME__DLTHUB_TELEMETRY=false DLT_DATA_DIR="$work" LOAD__RAISE_ON_MAX_RETRIES=1
env/bin/python load.py 2>/dev/null | tee seen
diff seen - <<'SEEN'
booked_at after the merge that failed: []
created_at after the merge that failed: ['a', 'b']
SEEN
