#!/usr/bin/env bash
# dlt 1.31.0: a load that is killed at its very end has two rows in `_dlt_loads`, with one load id.
#
# Seen, with DuckDB: a job that has ended is noted at once, so that a killed run copies no rows twice. But
# the row of `_dlt_loads` is inserted before the package is moved to `loaded`. Killed between the two, the
# next run has no job to do, and inserts the row again. The rows of the data are there once; whoever joins
# them to `_dlt_loads` by `_dlt_load_id` counts each twice. Both runs end well, and nothing is logged.
# Source: dlt 1.31.0, dlt/load/load.py, `complete_package`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'dlt[duckdb]==1.31.0' 'duckdb==1.5.5' 'sqlglot==30.21.0'
cat >load.py <<'PY'
import os
import sys

import dlt
from dlt.common.storages import LoadStorage

pipeline = dlt.pipeline("shop", destination=dlt.destinations.duckdb("shop.duckdb"))
if sys.argv[1] == "killed":
    LoadStorage.complete_load_package = lambda *_: os._exit(9)
    pipeline.run([{"id": 1}, {"id": 2}], table_name="sales")
# Without data it goes on with what is left.
pipeline.run()
with pipeline.sql_client() as client:
    ((loads, ids),) = client.execute_sql("SELECT count(*), count(DISTINCT load_id) FROM _dlt_loads")
    ((rows,),) = client.execute_sql("SELECT count(*) FROM sales")
    ((joined,),) = client.execute_sql(
        "SELECT count(*) FROM sales JOIN _dlt_loads ON load_id = _dlt_load_id"
    )
print(f"{loads} rows of {ids} load; {rows} rows of data, {joined} joined to their loads")
PY
export RUNTIME__DLTHUB_TELEMETRY=false DLT_DATA_DIR="$work"
code=0
env/bin/python load.py killed 2>/dev/null || code=$?
{ echo "killed: $code" && env/bin/python load.py again 2>/dev/null; } | tee seen
diff seen - <<'SEEN'
killed: 9
2 rows of 1 load; 2 rows of data, 4 joined to their loads
SEEN
