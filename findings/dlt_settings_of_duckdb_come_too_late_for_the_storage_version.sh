#!/usr/bin/env bash
# dlt 1.31.0 with duckdb 2.0.1: a storage version among dlt's settings of a DuckDB file has no effect,
# and says nothing.
#
# Seen: a new file of DuckDB 2 can be read by 2 alone, unless `storage_compatibility_version` says
# otherwise when it is made. dlt's `global_config` takes that setting, but hands all but the user agent to
# `SET GLOBAL` once the file is open, when its version is fixed. `current_setting` shows the older
# version then, while the file is one that DuckDB 1.5.5 refuses. A file that was made before, by
# `duckdb.connect(…, config=…)`, stays as it was made.
# Source: dlt 1.31.0, dlt/destinations/impl/duckdb/configuration.py, `borrow_conn`; duckdb 2.0.1 and 1.5.5.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv new
new/bin/pip install --quiet 'dlt[duckdb]==1.31.0' 'duckdb==2.0.1' 'sqlglot==30.21.0'
python3 -m venv old
old/bin/pip install --quiet 'duckdb==1.5.5'
cat >load.py <<'PY'
import dlt
import duckdb
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

SETTING = {"storage_compatibility_version": "v1.5.0"}
duckdb.connect("before.duckdb", config=SETTING).close()
for name in ("dlt", "before"):
    credentials = DuckDbCredentials(f"{name}.duckdb", global_config=SETTING)
    pipeline = dlt.pipeline(name, destination=dlt.destinations.duckdb(credentials))
    pipeline.run([{"id": 1}], table_name="users")
    with pipeline.sql_client() as client:
        ((setting,),) = client.execute_sql("SELECT current_setting('storage_compatibility_version')")
        ((version,),) = client.execute_sql(
            "SELECT tags['storage_version'] FROM duckdb_databases() WHERE NOT internal"
        )
    print(name, setting, version)
PY
cat >read.py <<'PY'
import duckdb

for name in ("dlt", "before"):
    try:
        duckdb.connect(f"{name}.duckdb", read_only=True).close()
        print(name, "is read by 1.5.5")
    except duckdb.IOException:
        print(name, "is refused by 1.5.5")
PY
export RUNTIME__DLTHUB_TELEMETRY=false DLT_DATA_DIR="$work"
{ new/bin/python load.py 2>/dev/null && old/bin/python read.py; } | tee seen
diff seen - <<'SEEN'
dlt v1.5.0 v2.0.0+
before v1.5.0 v1.5.0+
dlt is refused by 1.5.5
before is read by 1.5.5
SEEN
