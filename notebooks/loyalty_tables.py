"""Loaded tables that are no view of the model, with those documented columns that are counted.

Each column is copied under its role and as its role's kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import duckdb
from loaded_data import Database, MissingError, Role, as_read, guess, quoted

#: Runs a query, and gives its rows.
Rows = Callable[[str], list[tuple[object, ...]]]
_EMPTY = {"time": "TIMESTAMP", "number": "DOUBLE", "text": "VARCHAR"}


@dataclass(frozen=True)
class Subject:
    """What a table is about.

    Attributes:
        meaning: What a row of it is.
        table: Its name.
        roles: Its columns.
    """

    meaning: str
    table: str
    roles: tuple[Role, ...]


SUBJECTS: dict[str, Subject] = {
    "expirations": Subject(
        "points that expire",
        "points_expirations",
        (
            Role("expires", "when they expire", ("expires_at",), "time"),
            Role("amount", "how many", ("points",), "number"),
            Role("status", "whether they still count", ("status",)),
        ),
    ),
    "bulk": Subject(
        "members in the bulk users export",
        "bulk_users",
        (
            Role("overall", "the overall score", ("overall",), "number"),
            Role("recency", "the recency score", ("recency",), "number"),
            Role("frequency", "the frequency score", ("frequency",), "number"),
            Role("monetary", "the monetary score", ("monetary",), "number"),
            Role("points", "the points balance", ("points_balance",), "number"),
            Role("cashback", "the cashback balance", ("cashback_balance",), "number"),
            Role("level", "the loyalty status level", ("loyalty_status_level",)),
            Role(
                "review",
                "the next review of the loyalty status",
                ("next_review_date_of_loyalty_status",),
                "time",
            ),
        ),
    ),
    "loads": Subject(
        "loads",
        "_dlt_loads",
        (
            Role("ended", "when it ended", ("inserted_at",), "time"),
            Role("status", "its status, 0 if it is complete", ("status",), "number"),
        ),
    ),
}


def copy_tables(
    connection: duckdb.DuckDBPyConnection, database: Database, schema: str
) -> dict[str, frozenset[str]]:
    """Copy the tables that are there; by subject, the roles that a column was found for."""
    tables = database.tables(schema)
    has: dict[str, frozenset[str]] = {}
    with database.reading(connection, schema) as relation:
        for subject, about in SUBJECTS.items():
            # In a bucket each load is a file, and nothing but the bulk users counts from them.
            if about.table not in tables or (subject == "loads" and "bulk" not in has):
                continue
            columns = tables[about.table]
            found = {role.name: guess(role, columns) for role in about.roles}
            chosen = {role: name for role, name in found.items() if name is not None}
            selection = _selection(about, columns, chosen, partial(relation, about.table))
            connection.execute(f"CREATE TABLE {subject} AS {selection}")
            has[subject] = frozenset(chosen)
    return has


def need(has: Mapping[str, frozenset[str]], rows: Rows, subject: str, *roles: str) -> None:
    """Raises MissingError unless there is a table with these columns, and a row that has all."""
    about = SUBJECTS[subject]
    if subject not in has:
        raise MissingError(f"It needs a table of {about.meaning}, as `{about.table}`.")
    by_name = {role.name: role for role in about.roles}
    missing = [by_name[role].meaning for role in roles if role not in has[subject]]
    if missing:
        raise MissingError(f"It needs a column in `{about.table}` for {'; for '.join(missing)}.")
    readable = " AND ".join([f"{role} IS NOT NULL" for role in roles] or ["true"])
    (counts,) = rows(f"SELECT count(*), count(*) FILTER ({readable}) FROM {subject}")
    if not counts[0]:
        raise MissingError(f"`{about.table}` is empty.")
    if not counts[1]:
        named = [f"`{by_name[role].likely[0]}`" for role in roles]
        raise MissingError(f"No row of `{about.table}` can be read by {' and '.join(named)}.")


def _selection(
    about: Subject,
    columns: Mapping[str, str],
    chosen: Mapping[str, str],
    relation: Callable[[Sequence[str]], str],
) -> str:
    read = [
        f"{as_read(role, chosen[role.name], columns[chosen[role.name]])} AS {role.name}"
        if role.name in chosen
        else f"NULL::{_EMPTY[role.kind]} AS {role.name}"
        for role in about.roles
    ]
    # Of a table with history (dlt's scd2) the rows that are valid now.
    ends = ["_dlt_valid_to"] if "_dlt_valid_to" in columns else []
    wanted = [*dict.fromkeys(chosen.values()), *ends] or [next(iter(columns))]
    where = "".join(f" WHERE {quoted(end)} IS NULL" for end in ends)
    return f"SELECT {', '.join(read)} FROM {relation(wanted)}{where}"
