"""Of a row that a database refuses, its table, column and constraint are told, and no value.

The database quotes the row; dlt logs that, writes it into the load package and its trace, and
raises it: looked through is all of that, and what the command prints.
"""

from __future__ import annotations

import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pytest
from dlt.common.destination.client import RunnableLoadJob
from dlt.destinations.exceptions import DatabaseTerminalException
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source.destination import hide_values, values_hidden
from spaaza_source.dlt_hooks import install_hooks
from tests.command import PREFIX, QUICK, spaaza
from tests.destination.destinations import DATASET, Destination
from tests.destination.loads import Load
from tests.destination.servers import Postgres
from tests.faults.leaks import everything_logged, shown_from_within, texts_of
from tests.vendors.server import CANARY
from tests.vendors.spaaza_files import FileVendor

FIRST = b"id,email,name\n1,a@x.example,Ann\n2,b@x.example,Bob\n"
CELL = f"{CANARY}@x.example"
TWICE = f"id,email,name\n1,{CELL},Ann\n2,{CELL},Bob\n"
MADE_ANEW = "CREATE TABLE {table} (id INT, name TEXT, email TEXT CHECK (length(email) < 12))"
#: What an administrator has made of the table, and a file that is refused.
REFUSED = {
    "unique": ("CREATE UNIQUE INDEX one_email ON {table} (email)", TWICE),
    "not null": (
        "ALTER TABLE {table} ALTER COLUMN email SET NOT NULL",
        f"id,email,name\n1,,{CANARY}\n2,b@x.example,Bob\n",
    ),
    "type": (
        "ALTER TABLE {table} ALTER COLUMN name TYPE INTEGER USING 1",
        f"id,email,name\n1,a@x.example,{CANARY}\n2,b@x.example,Bob\n",
    ),
    "check": (
        f"DROP TABLE {{table}}; {MADE_ANEW}",
        TWICE,
    ),
}
REFUSAL = "a row of the table 'users' was refused"
TOLD_OF = {"delta": "at the table 'users'"}
LOADS = [
    ("duckdb", "unique"),
    ("postgres", "unique"),
    *(
        pytest.param(kind, why, marks=pytest.mark.thorough)
        for kind, why in [
            ("duckdb", "type"),
            ("duckdb", "check"),
            ("postgres", "not null"),
            ("postgres", "check"),
            ("ducklake", "not null"),
            ("ducklake", "type"),
            ("delta", "check"),
        ]
    ),
]


def change(to: Destination, sql: str) -> None:
    """Change the table as an administrator would, without dlt."""
    if to.kind == "delta":
        to.connect().alter.add_constraint({"early": "email < 'c'"})
        return
    table = f"{DATASET}.users"
    if to.kind == "ducklake":
        table = f"lake.{table}"
        if "INTEGER" in sql:
            # DuckLake narrows no type.
            sql = "DROP TABLE {table}; CREATE TABLE {table} (id BIGINT, email TEXT, name INTEGER)"
    with closing(to.connect()) as connection:
        connection.cursor().execute(sql.format(table=table))
        connection.commit()


def told_in(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """All that dlt has written of a load, but the rows themselves."""
    for path in folder.rglob("*"):
        rows = path.suffix in {".parquet", ".gz", ".csv", ".insert_values"}
        if path.is_file() and not rows:
            yield path, path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "why"), LOADS)
def test_a_row_that_is_refused_is_told_by_its_table_and_constraint_alone(
    kind: str,
    why: str,
    tmp_path: Path,
    make_destination: Callable[[str], Destination],
    capfd: pytest.CaptureFixture[str],
) -> None:
    to = make_destination(kind)
    sql, file = REFUSED[why]
    with FileVendor(users=FIRST) as vendor:
        load = Load(tmp_path, vendor.base_url, ("users",), to.name)
        load.run()
        change(to, sql)
        vendor.files["users"] = file.encode()
        with everything_logged() as logged, pytest.raises(PipelineStepFailed) as stopped:
            load.run()
    said = capfd.readouterr()
    shown = shown_from_within(stopped.value)
    for text in (texts_of(stopped.value), shown, logged.getvalue(), said.out, said.err):
        assert CANARY not in text
    names = {path.name: content for path, content in told_in(tmp_path / "pipelines")}
    assert "trace.pickle" in names
    assert any(name.endswith(".exception") for name in names)
    assert [name for name, content in names.items() if CANARY.encode() in content] == []
    assert TOLD_OF.get(kind, REFUSAL) in texts_of(stopped.value)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_the_command_tells_no_value_of_a_refused_row(
    kind: str, make_destination: Callable[[str], Destination]
) -> None:
    to = make_destination(kind)
    sql, file = REFUSED["unique"]
    (address,) = to.settings.values()
    where = [f"--db={address}" if kind == "duckdb" else "--destination=postgres"]
    where.append(f"--dataset={DATASET}")
    with FileVendor(users=FIRST) as vendor:
        settings = {
            **QUICK,
            **to.settings,
            f"{PREFIX}BASE_URL": vendor.base_url,
            f"{PREFIX}CHAIN_ID": "1743",
            f"{PREFIX}CREDENTIALS__ACCESS_TOKEN_ID": "a",
            f"{PREFIX}CREDENTIALS__ACCESS_TOKEN_SECRET": "b",
        }
        first = spaaza("load", "users", *where, **settings)
        assert first.returncode == 0, first.stderr
        change(to, sql)
        vendor.files["users"] = file.encode()
        stopped = spaaza("--debug", "load", "users", "--log", "json", *where, **settings)
    assert stopped.returncode == 1
    assert "Traceback" in stopped.stderr
    assert "a row of the table 'users' was refused" in stopped.stderr
    assert CANARY not in stopped.stdout + stopped.stderr


TABLE = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, email VARCHAR UNIQUE, age INTEGER NOT NULL,"
    " short VARCHAR CHECK (length(short) < 4), day DATE, city VARCHAR)"
)
NAMES = ("id", "email", "age", "short", "day", "city")
FROM = f"FROM (SELECT '{CELL}' AS x) AS y"
ERRORS = {"duckdb": duckdb.Error, "postgres": psycopg2.Error}
#: What is refused by both, and what is told of it.
STATEMENTS = {
    "a unique column": f"INSERT INTO t VALUES (2, '{CELL}', 1, NULL, NULL, 'x')",
    "a check": f"INSERT INTO t VALUES (2, NULL, 1, '{CELL}', NULL, 'x')",
    "a NULL": f"INSERT INTO t VALUES (2, '{CANARY}', NULL, NULL, NULL, 'x')",
    "a date": f"INSERT INTO t (id, age, day) SELECT 2, 1, CAST(x AS DATE) {FROM}",
    "a number": f"INSERT INTO t (id, age) SELECT 2, CAST(x AS INTEGER) {FROM}",
    "no SQL": f"INSERT INTO t VALUES (2, '{CANARY}' '{CANARY}' '",
    "a unique index": "CREATE UNIQUE INDEX every_age ON t (age)",
    "a type": "ALTER TABLE t ALTER COLUMN city TYPE INTEGER USING CAST(city AS INTEGER)",
}
TOLD = {
    "duckdb": {
        "a unique column": "(ConstraintException, column 'email', constraint 'UNIQUE')",
        "a check": "(ConstraintException, constraint 'CHECK')",
        "a NULL": "(ConstraintException, column 'age', constraint 'NOT NULL')",
        "a date": "(ConversionException",
        "a number": "(ConversionException",
        "no SQL": "ParserException: ",
        "a unique index": "(ConstraintException",
        "a type": "(ConversionException",
    },
    "postgres": {
        "a unique column": "(UniqueViolation, 23505, constraint 't_email_key')",
        "a check": "(CheckViolation, 23514, constraint 't_short_check')",
        "a NULL": "(NotNullViolation, 23502, column 'age')",
        "a date": "(InvalidDatetimeFormat, 22007)",
        "a number": "(InvalidTextRepresentation, 22P02)",
        "no SQL": "SyntaxError: ",
        "a unique index": "(UniqueViolation, 23505, constraint 'every_age')",
        "a type": "(InvalidTextRepresentation, 22P02)",
    },
}


@pytest.fixture(scope="module")
def tables(postgres: Postgres) -> Iterator[dict[str, Any]]:
    """The same table in both, with two rows of one age."""
    server = psycopg2.connect(postgres.create("refused_rows"))
    server.autocommit = True
    with closing(server), duckdb.connect() as memory:
        made = {"duckdb": memory, "postgres": server}
        for connection in made.values():
            cursor = connection.cursor()
            cursor.execute(TABLE)
            cursor.execute(f"INSERT INTO t VALUES (1, '{CELL}', 1, NULL, NULL, '{CELL}')")
            cursor.execute("INSERT INTO t VALUES (9, NULL, 1, NULL, NULL, 'x')")
        yield made


@pytest.mark.parametrize("why", STATEMENTS)
@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_an_error_tells_what_was_refused_and_where(
    kind: str, why: str, tables: dict[str, Any]
) -> None:
    with pytest.raises(ERRORS[kind]) as refused, values_hidden("t", NAMES):
        tables[kind].cursor().execute(STATEMENTS[why])
    assert CANARY not in texts_of(refused.value)
    assert TOLD[kind][why] in str(refused.value)
    hide_values(refused.value)
    assert TOLD[kind][why] in str(refused.value)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT nothing FROM t", 'column "nothing"'),
        ("SELECT 1 FROM nobody", "nobody"),
    ],
)
@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_what_the_database_lacks_is_told_in_its_words(
    kind: str, sql: str, told: str, tables: dict[str, Any]
) -> None:
    with pytest.raises(ERRORS[kind]) as refused, values_hidden():
        tables[kind].cursor().execute(sql)
    assert told in str(refused.value)


class OtherError(Exception):
    """Of a library that nobody here knows."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.errors = [{"message": message}]


@pytest.mark.parametrize(
    "message",
    [
        f"Numeric value '{CANARY}' is not recognized",
        f"The duplicate key value is ({CANARY}).",
        f'Could not parse "O"{CANARY}"" as INT64',
        f"[CHECK] the value `{CANARY}` violates it\nrow: {CANARY}",
        f"an address like {CELL} is not allowed",
        f"unclosed '{CANARY}",
        f"Incorrect string value: {CANARY} for column name at row 1",
        f"violated by value in row: [{CANARY}, 2]",
        CANARY,
    ],
)
def test_of_a_library_that_nobody_knows_nothing_is_told_in_its_words(message: str) -> None:
    error = OtherError(message)
    outer = DatabaseTerminalException(error)
    outer.__cause__ = error
    hide_values(outer, "users", ["id", "name"])
    assert CANARY not in texts_of(outer)
    assert str(outer).startswith("OtherError: it failed at the table 'users'")
    assert "the destination's own log" in str(outer)
    assert ("column 'name'" in str(outer)) is ("column name" in message)


class StateError(OtherError):
    """As other drivers give their codes: as fields, or as the first of several arguments."""

    sqlstate = "23505"
    errno = 100078
    constraint_name = "one_email"


def test_what_a_library_gives_in_fields_of_their_own_is_told() -> None:
    error = StateError(f"the duplicate key value is {CANARY}")
    hide_values(error, "users")
    assert "(23505, 100078, constraint 'one_email')" in str(error)
    pair = OtherError("")
    pair.args = ("23000", f"value {CANARY}")
    hide_values(pair, "users")
    assert str(pair).startswith("OtherError: it failed at the table 'users' (23000)")
    # Nothing tells that these are codes.
    for args in ((CANARY[:5], "x"), (int("4" * 9),), ("12345",)):
        other = OtherError("")
        other.args = args
        hide_values(other)
        assert str(args[0]) not in str(other)


class StatementError(Exception):
    """As SQLAlchemy has it."""

    def __init__(self, message: str, orig: Exception, params: Any) -> None:
        super().__init__(message)
        self.statement, self.params, self.orig, self.code = "INSERT INTO t …", params, orig, "gkpj"


def refuse_by_check(params: Any) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (email TEXT CHECK (length(email) < 3))")
        try:
            connection.execute("INSERT INTO t VALUES (?)", [CANARY])
        except sqlite3.IntegrityError as orig:
            orig.args = (f"{orig}: {CANARY}",)
            raise StatementError(f"{orig}, {params}", orig, params) from None


@pytest.mark.parametrize("params", [{"email": CANARY}, (CANARY,), [CANARY], {CANARY}])
def test_all_that_wraps_a_drivers_error_is_hidden(params: Any) -> None:
    with pytest.raises(StatementError) as refused, values_hidden("t", ["email"]):
        refuse_by_check(params)
    assert CANARY not in texts_of(refused.value)
    assert str(refused.value).startswith("StatementError: it failed at the table 't'")
    assert str(refused.value.orig).startswith("IntegrityError: it failed at the table 't'")
    assert CANARY not in repr(vars(refused.value))


def test_an_answer_of_an_object_store_is_told() -> None:
    error = OSError(f"Generic S3 error: PUT s3://lake/{CANARY} got 403 Forbidden: <Error>{CANARY}")
    hide_values(error, "users")
    assert str(error).startswith("OSError: it failed at the table 'users' (403 Forbidden); ")


def test_words_of_a_connection_that_fails_are_told_but_for_quoted_ones() -> None:
    error = OtherError("connection to wh.example.com timed out for user 'jo' 1234567")
    with pytest.raises(OtherError), values_hidden(has_rows=False):
        raise error
    assert str(error) == "OtherError: connection to wh.example.com timed out for user … …"
    # Nor is it hidden by what the connection was made for.
    hide_values(error)
    assert "timed out" in str(error)


def test_dlts_own_text_keeps_no_line_of_what_it_quotes() -> None:
    error = OtherError(f"it failed\nat the row {CANARY}, of many")
    outer = DatabaseTerminalException(error)
    outer.args = (f"load failed with: at the row {CANARY}, of many",)
    outer.__cause__ = error
    hide_values(outer)
    assert CANARY not in texts_of(outer)


def test_variables_of_the_frames_are_gone() -> None:
    def insert(row: str) -> None:
        with duckdb.connect() as connection:
            connection.execute("SELECT CAST(? AS INTEGER)", [row])

    with pytest.raises(duckdb.ConversionException) as refused, values_hidden():
        insert(CANARY)
    shown = traceback.TracebackException.from_exception(refused.value, capture_locals=True)
    inner = "".join(shown.format()).split("in insert")[-1]
    assert CANARY not in inner


def test_dlt_runs_each_job_where_its_errors_are_changed() -> None:
    """What leans on dlt: `run_managed` calls `run`, logs what it raises and keeps it."""
    install_hooks()
    assert hasattr(RunnableLoadJob.run_managed, "__wrapped__")
    for name in ("run", "failed_message", "exception", "job_file_info"):
        assert callable(getattr(RunnableLoadJob, name))
