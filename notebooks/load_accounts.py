"""Reads how loads went: tables and their age, exports, drift, rejected rows, columns.

It reads the tables that every load adds, and only counts from the data. Cells of rows and texts of
rejected rows are read by `rejected_texts` and `first_rows` only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from loaded_data import (
    Database,
    MissingError,
    Role,
    Tables,
    as_read,
    guess,
    quoted,
    working_connection,
)

#: When a row happened, by the names that the vendors give it.
_HAPPENED = Role(
    "newest",
    "when a row happened",
    (
        "timestamp",
        "date_time_creation",
        "created_at",
        "created_date",
        "date",
        "expires_at",
    ),
    "time",
    alone=True,
)
#: What the other functions need of each table that accounts for loads; what is missing is NULL.
_ACCOUNTS: dict[str, dict[str, str]] = {
    "_dlt_loads": {
        "load_id": "VARCHAR",
        "status": "BIGINT",
        "inserted_at": "TIMESTAMPTZ",
        "schema_name": "VARCHAR",
    },
    "export_jobs": {
        **dict.fromkeys(
            (
                "job_id",
                "table_name",
                "state",
                "export_format",
                "counted",
                "settled_by",
                "_dlt_load_id",
            ),
            "VARCHAR",
        ),
        **dict.fromkeys(("window_start", "window_end", "created_at", "loaded_at"), "TIMESTAMPTZ"),
        **dict.fromkeys(
            ("queue_seconds", "run_seconds", "wait_seconds", "download_seconds", "convert_seconds"),
            "DOUBLE",
        ),
        **dict.fromkeys(
            ("polls", "bytes", "rows", "rejected", "loaded", "found", "late_rows"), "BIGINT"
        ),
        "proven": "BOOLEAN",
    },
    "column_changes": {
        **dict.fromkeys(
            (
                "job_id",
                "table_name",
                "column_name",
                "change",
                "header",
                "previous_name",
                "_dlt_load_id",
            ),
            "VARCHAR",
        ),
        "position": "BIGINT",
        "previous_position": "BIGINT",
    },
    "rejected_rows": {
        **dict.fromkeys(("job_id", "table_name", "reason", "_dlt_load_id"), "VARCHAR"),
        "line_number": "BIGINT",
    },
}
_DLT = "_dlt_"
#: Characters of a rejected row's text that are shown.
_SHOWN = 500


@dataclass(frozen=True)
class Accounts:
    """What was read.

    Attributes:
        schema: Its tables, with their columns.
        counts: By table, its rows and the time of its newest one, UTC.
        loads: dlt's own list of loads.
        jobs: `export_jobs`, with the time its load ended.
        changes: `column_changes`, with the same.
        rejected: `rejected_rows` without their text, counted by table and reason.
        at: When it was read, UTC.
    """

    schema: Tables
    counts: Mapping[str, tuple[int, dt.datetime | None]]
    loads: pd.DataFrame
    jobs: pd.DataFrame
    changes: pd.DataFrame
    rejected: pd.DataFrame
    at: dt.datetime

    def need(self, table: str, frame: pd.DataFrame, otherwise: str) -> pd.DataFrame:
        """The rows of an accounting table.

        Raises:
            MissingError: It is not there, or has none: then `otherwise` says what that means.
        """
        if table not in self.schema:
            raise MissingError(
                f"There is no table `{table}`: these tables were not loaded by `spaaza_source`."
            )
        if frame.empty:
            raise MissingError(otherwise)
        return frame


def read(database: Database, schema: str) -> Accounts:
    """Count the tables of a schema, and read the tables that its loads add.

    Raises:
        CannotReadError: The database cannot be read just now.
    """
    tables = database.tables(schema)
    connection = working_connection()
    counts = {}
    with database.reading(connection, schema) as relation:
        for name, columns in tables.items():
            if name.startswith(_DLT) or name in _ACCOUNTS:
                continue
            happened = guess(_HAPPENED, columns)
            newest = as_read(_HAPPENED, happened, columns[happened]) if happened else "NULL"
            source = relation(name, [happened or next(iter(columns))])
            ((rows, last),) = connection.execute(
                f"SELECT count(*), max({newest})::TIMESTAMP FROM {source}"
            ).fetchall()
            counts[name] = (rows, last)
        for name, wanted in _ACCOUNTS.items():
            there = [column for column in wanted if column in tables.get(name, {})]
            chosen = ", ".join(
                f"TRY_CAST({quoted(column)} AS {kind}) AS {quoted(column)}"
                if column in there
                else f"NULL::{kind} AS {quoted(column)}"
                for column, kind in wanted.items()
            )
            source = f"FROM {relation(name, there)}" if there else "WHERE false"
            connection.execute(f"CREATE TABLE {name} AS SELECT {chosen} {source}")
    frame = connection.sql
    ended = "LEFT JOIN _dlt_loads l ON l.load_id = t._dlt_load_id AND l.status = 0"
    when = "coalesce(l.inserted_at, loaded_at) AT TIME ZONE 'UTC'"
    return Accounts(
        tables,
        counts,
        frame(
            "SELECT load_id, schema_name, status, inserted_at AT TIME ZONE 'UTC' AS ended_at"
            " FROM _dlt_loads ORDER BY ended_at"
        ).df(),
        frame(
            "SELECT t.* REPLACE ("
            + ", ".join(
                f"t.{name} AT TIME ZONE 'UTC' AS {name}"
                for name in ("window_start", "window_end", "created_at", "loaded_at")
            )
            + f"), {when} AS ended_at FROM export_jobs t {ended} ORDER BY ended_at, table_name"
        ).df(),
        frame(
            "SELECT l.inserted_at AT TIME ZONE 'UTC' AS ended_at, t.* EXCLUDE (_dlt_load_id)"
            f" FROM column_changes t {ended} ORDER BY ended_at DESC, table_name, column_name"
        ).df(),
        frame(
            "SELECT table_name, reason, count(*) AS rows, max(l.inserted_at) AT TIME ZONE 'UTC'"
            f" AS last FROM rejected_rows t {ended}"
            " GROUP BY ALL ORDER BY rows DESC, table_name, reason"
        ).df(),
        dt.datetime.now(dt.UTC).replace(tzinfo=None),
    )


def tables(read: Accounts, stale_after_hours: float = 26) -> pd.DataFrame:
    """Each table of data: `table, rows, columns, newest, loaded, hours, age`.

    Args:
        read: What was read.
        stale_after_hours: Hours since its last load after which a table is called stale.

    Returns:
        `newest` is when its newest row happened, `loaded` the end of its last load, both UTC;
        `age` is fresh, stale, or unknown where no load tells.
    """
    ended = read.jobs.dropna(subset=["ended_at"]).groupby("table_name")["ended_at"].max()
    rows = []
    for name, (count, newest) in read.counts.items():
        # The table of a nested list is loaded with its parent.
        loaded = ended.get(name, ended.get(name.split("__")[0], pd.NaT))
        hours = (read.at - loaded).total_seconds() / 3600 if pd.notna(loaded) else None
        age = "unknown" if hours is None else "fresh" if hours <= stale_after_hours else "stale"
        own = [column for column in read.schema[name] if not column.startswith(_DLT)]
        rows.append((name, count, len(own), newest, loaded, hours, age))
    named = ["table", "rows", "columns", "newest", "loaded", "hours", "age"]
    frame = pd.DataFrame(rows, columns=named).sort_values("rows", ascending=False)
    for column in ("newest", "loaded"):
        frame[column] = pd.to_datetime(frame[column])
    return frame.astype({"hours": "float64"}).reset_index(drop=True)


def exports(read: Accounts) -> pd.DataFrame:
    """Each export, the newest first: its window, rows and duration, and whether it was reconciled.

    Raises:
        MissingError: There is no table of exports, or it is empty.
    """
    jobs = read.need("export_jobs", read.jobs, "No export has been loaded yet.")
    shown = [
        "ended_at", "table_name", "job_id", "state", "window_start", "window_end", "rows",
        "rejected", "loaded", "late_rows", "bytes", "wait_seconds", "download_seconds",
        "convert_seconds", "polls", "found", "counted", "proven", "settled_by",
    ]  # fmt: skip
    return jobs[shown].sort_values("ended_at", ascending=False, kind="stable", ignore_index=True)


def durations(read: Accounts, last: int = 10) -> pd.DataFrame:
    """Where the time of exports went, by table: `table_name, phase, seconds, exports`.

    Args:
        read: What was read.
        last: How many exports of each table, its newest, the mean is of.
    """
    newest = exports(read).groupby("table_name").head(last)
    phases = {
        "wait_seconds": "waiting for the vendor",
        "download_seconds": "downloading",
        "convert_seconds": "converting",
    }
    means = newest.groupby("table_name")[list(phases)].mean().rename(columns=phases)
    long = means.melt(ignore_index=False, var_name="phase", value_name="seconds").reset_index()
    long["exports"] = long["table_name"].map(newest.groupby("table_name").size())
    return long.dropna(subset=["seconds"]).reset_index(drop=True)


def rows_by_load(read: Accounts) -> pd.DataFrame:
    """Rows of each load, by table: `ended_at, table_name, loaded, exports`."""
    jobs = read.need("export_jobs", read.jobs, "No export has been loaded yet.")
    dated = jobs.dropna(subset=["ended_at"])
    summed = dated.groupby(["ended_at", "table_name"], as_index=False)
    return summed.agg(loaded=("loaded", "sum"), exports=("job_id", "size"))


def changes(read: Accounts) -> pd.DataFrame:
    """What headers gained, lost, renamed (a guess) or moved, the newest first."""
    otherwise = "No header has changed since the first load."
    frame = read.need("column_changes", read.changes, otherwise)
    shown = ["ended_at", "table_name", "change", "column_name", "previous_name", "header", "job_id"]
    return frame[shown]


def rejected(read: Accounts) -> pd.DataFrame:
    """Rejected rows by cause: `table_name, reason, rows, last`, without their text."""
    return read.need("rejected_rows", read.rejected, "No row has been rejected.")


def headline(read: Accounts, found: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """The figures on top: each with what it is of."""
    stale = int((found["age"] == "stale").sum())
    ended = read.loads.loc[read.loads["status"] == 0, "ended_at"]
    figures = {
        "Tables": (f"{len(found):,}", f"{int(found['rows'].sum()):,} rows"),
        "Last load": (
            (_ago((read.at - ended.max()).total_seconds()), f"{ended.max():%Y-%m-%d %H:%M} UTC")
            if len(ended)
            else ("none", "no load of dlt's is known")
        ),
        "Stale tables": (
            f"{stale:,}",
            f"of {int((found['age'] != 'unknown').sum()):,} with a load",
        ),
        "Rejected rows": (f"{int(read.rejected['rows'].sum()):,}", "since the first load"),
        "Header changes": (f"{len(read.changes):,}", "since the first load"),
    }
    wrong = read.jobs[(read.jobs["proven"] == False) & read.jobs["settled_by"].isna()]  # noqa: E712
    if len(wrong):
        figures["Wrong counts"] = (f"{len(wrong):,}", "exports to be loaded again")
    return figures


def profile(database: Database, schema: str, table: str) -> pd.DataFrame:
    """Each column of a table, without a value of it: `column, type, filled, distinct`.

    Returns:
        `filled` is the share of rows that have a value; `distinct` about how many there are.
    """
    columns = database.tables(schema)[table]
    measures = ", ".join(
        f"count({quoted(name)}), approx_count_distinct({quoted(name)})" for name in columns
    )
    connection = working_connection()
    with database.reading(connection, schema) as relation:
        source = relation(table, list(columns))
        ((rows, *counted),) = connection.execute(
            f"SELECT count(*), {measures} FROM {source}"
        ).fetchall()
    if not rows:
        raise MissingError(f"`{table}` is empty.")
    return pd.DataFrame(
        {
            "column": list(columns),
            "type": list(columns.values()),
            "filled": [count / rows for count in counted[::2]],
            # An estimate may be too high.
            "distinct": [
                min(distinct, count)
                for count, distinct in zip(counted[::2], counted[1::2], strict=True)
            ],
        }
    )


def first_rows(database: Database, schema: str, table: str, limit: int = 50) -> pd.DataFrame:
    """Some rows of a table as they are; they may contain personal data."""
    connection = working_connection()
    with database.reading(connection, schema) as relation:
        source = relation(table, list(database.tables(schema)[table]))
        rows = connection.sql(f"SELECT * FROM {source} LIMIT {int(limit)}")
        # Through Arrow: DuckDB makes times with a zone by a call that pandas has deprecated.
        return rows.to_arrow_table().to_pandas()


def rejected_texts(database: Database, schema: str, limit: int = 50) -> pd.DataFrame:
    """The newest rejected rows with their text: `table_name, line_number, reason, text`.

    What is not UTF-8 is shown by the replacement character; under a privacy policy there is none.
    """
    connection = working_connection()
    wanted = ["table_name", "line_number", "reason", "raw", "_dlt_load_id"]
    with database.reading(connection, schema) as relation:
        rows = connection.execute(
            f"SELECT table_name, line_number, reason, raw FROM {relation('rejected_rows', wanted)}"
            f" ORDER BY _dlt_load_id DESC, table_name, line_number LIMIT {int(limit)}"
        ).df()
    rows["text"] = [
        bytes(raw).decode("utf-8", "replace")[:_SHOWN]
        if isinstance(raw, bytes | bytearray)
        else None
        for raw in rows.pop("raw")
    ]
    return rows


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size):,} {unit} ago"
    return "just now"
