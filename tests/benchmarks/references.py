"""Programs that do the same as a load without this package: what whole processes are compared with.

Each gets a link, the name of a file to download it to, a database, and columns with their types.
"""

from __future__ import annotations

#: Reads the link into a file, as a script would.
DOWNLOAD = """
import sys, requests
link, csv, database, columns = sys.argv[1:5]
with requests.get(link, stream=True) as answer, open(csv, "wb") as file:
    for part in answer.iter_content(2**20):
        file.write(part)
"""
SELECT = """
import duckdb
rows = f"(SELECT {columns} FROM read_csv('{csv}', all_varchar = true))"
"""
_CREATE = """
with duckdb.connect(database) as connection:
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(f"CREATE TABLE users AS FROM {rows}")
"""
CREATE = DOWNLOAD + SELECT + _CREATE
CREATE_JSON = DOWNLOAD + "import duckdb\nrows = f\"read_json('{csv}')\"" + _CREATE
MERGE = (
    DOWNLOAD
    + SELECT
    + """
with duckdb.connect(database) as connection:
    connection.execute(
        f"MERGE INTO users USING {rows} AS later ON users.id = later.id"
        " WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT"
    )
"""
)

COPY = (
    DOWNLOAD
    + """
import psycopg2
connection = psycopg2.connect(database)
with connection, connection.cursor() as cursor, open(csv, "rb") as file:
    cursor.execute(f"CREATE TABLE users ({columns})")
    cursor.copy_expert("COPY users FROM STDIN (FORMAT csv, HEADER)", file)
connection.close()
"""
)
COPY_MERGE = (
    DOWNLOAD
    + """
import psycopg2
connection = psycopg2.connect(database)
with connection, connection.cursor() as cursor, open(csv, "rb") as file:
    cursor.execute(f"CREATE TEMPORARY TABLE later ({columns})")
    cursor.copy_expert("COPY later FROM STDIN (FORMAT csv, HEADER)", file)
    names = [column.split()[0] for column in columns.split(", ")]
    cursor.execute(
        "MERGE INTO users USING later ON users.id = later.id WHEN MATCHED THEN UPDATE SET "
        + ", ".join(f"{name} = later.{name}" for name in names)
        + f" WHEN NOT MATCHED THEN INSERT VALUES ({', '.join('later.' + name for name in names)})"
    )
connection.close()
"""
)
DELTA = (
    DOWNLOAD
    + SELECT
    + """
from deltalake import write_deltalake
with duckdb.connect() as connection:
    write_deltalake(database, connection.sql(f"FROM {rows}").to_arrow_reader(122_880))
"""
)
#: Attaches a DuckLake as its users do; `lake` is what dlt calls it, too.
LAKE = (
    DOWNLOAD
    + SELECT
    + """
import os
files = os.environ["DESTINATION__DUCKLAKE__CREDENTIALS__STORAGE__BUCKET_URL"]
with duckdb.connect() as connection:
    options = f"DATA_PATH '{files}', METADATA_SCHEMA 'lake'"
    connection.execute(f"ATTACH 'ducklake:postgres:{database}' AS lake ({options})")
    connection.execute(f"CREATE TABLE lake.users AS FROM {rows}")
"""
)
#: Puts the rows of a day in place of those that are there.
INCREMENT = (
    DOWNLOAD
    + SELECT
    + """
with duckdb.connect(database) as connection:
    connection.execute(
        "BEGIN; DELETE FROM users WHERE timestamp >= '2026-06-01' AND timestamp < '2026-06-02';"
        f" INSERT INTO users BY NAME FROM {rows}; COMMIT"
    )
"""
)
#: What comes before: the first load.
FIRST = {MERGE: CREATE, COPY_MERGE: COPY, INCREMENT: CREATE}
#: Loads six small tables and three smaller ones, without a vendor and without a check.
SIX_TABLES = """
import sys, dlt, pyarrow as pa
database = sys.argv[3]
def make(name, disposition, rows):
    table = pa.table({f"column_{number}": range(rows) for number in range(20)})
    return dlt.resource([table], name=name, write_disposition=disposition)
pipeline = dlt.pipeline(
    "whole", destination=dlt.destinations.duckdb(database), dataset_name="spaaza_data"
)
tables = [make(f"table_{number}", "replace", 100) for number in range(6)]
audit = [make(f"audit_{number}", "append", 6) for number in range(3)]
pipeline.run([*tables, *audit])
"""
