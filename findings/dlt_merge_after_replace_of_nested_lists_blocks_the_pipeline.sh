#!/usr/bin/env bash
# dlt 1.31.0 with DuckDB 1.5.5: a nested table that was loaded by `replace` stops all later loads once
# its resource merges, those of other resources too.
#
# Seen: for a merge dlt adds `_dlt_root_id` NOT NULL to the nested table, which DuckDB cannot do to a
# table that exists. The error is of dlt's transient kind (SchemaUpdateTransientError), though the same
# statement fails each time. The package stays pending, and every later `run` tries it again and
# ignores the data that it is given: a resource that has nothing to do with it loads nothing.
# Source: dlt 1.31.0, dlt/destinations/impl/duckdb/sql_client.py (`_make_database_exception` takes a
# ParserException for transient), dlt/pipeline/pipeline.py (`run` with pending packages).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'dlt[duckdb]==1.31.0' 'duckdb==1.5.5'
cat >load.py <<'PY'
import dlt

pipeline = dlt.pipeline("shop", destination=dlt.destinations.duckdb("shop.duckdb"))


def load(data, name, **hints):
    resource = dlt.resource(data, name=name, primary_key="id", **hints)
    try:
        pipeline.run(resource)
        print(name, "loaded")
    except Exception as failure:
        kinds = []
        cause = failure
        while cause is not None:
            kinds.append(type(cause).__name__)
            cause = cause.__cause__
        print(name, "failed:", ", ".join(kinds[1:]))


baskets = [{"id": 1, "items": [{"sku": "a"}]}]
load(baskets, "baskets", write_disposition="replace")
load(baskets, "baskets", write_disposition="merge")
load([{"id": 1}], "stores", write_disposition="append")
print("pending", pipeline.has_pending_data)
PY
export RUNTIME__DLTHUB_TELEMETRY=false DLT_DATA_DIR="$work"
env/bin/python load.py 2>/dev/null | tee seen
diff seen - <<'SEEN'
baskets loaded
baskets failed: SchemaUpdateTransientError, DatabaseTransientException, ParserException
stores failed: SchemaUpdateTransientError, DatabaseTransientException, ParserException
pending True
SEEN
