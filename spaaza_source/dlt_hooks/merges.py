"""Has the destination merge rows in the time that it needs, and one load after another.

dlt deletes rows that a load no longer brings, and retires them in a history, by `key NOT IN (SELECT
key FROM …)`. For that, PostgreSQL builds a table of the keys if they fit into `work_mem`, a few
hundred thousand; else it reads all of them anew for each row, which takes hours. Of NOT EXISTS it
makes a join of any size. DuckDB joins on disk where the memory for its copies is not enough.

A merge deletes rows and inserts them anew. Where each statement sees what was committed when it
began, as in PostgreSQL, two merges at once that begin with no row of theirs both find nothing to
delete, and both insert. A lock that the merge's transaction takes first makes the second one wait,
and see the rows of the first. dlt runs a merge in one transaction only where its SQL has the
letters of CREATE, ALTER or DROP in it, be it in a column's name. Here it does so always: else the
lock would end with its statement, and DuckDB would keep what a merge deleted before it failed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any

import sqlglot
from dlt.common.schema.typing import TTableSchema
from dlt.destinations.job_client_impl import SqlLoadJob
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

from spaaza_source.audit import AUDIT_TABLES
from spaaza_source.writing import FORMAT

#: What a subquery calls its one column: the table outside has none of this name.
PRESENT = "_spaaza_present"
_NOT_IN = ["NOT", "IN", "L_PAREN", "SELECT"]
#: By the dialect of a destination whose merges are transactions: locks tables until one ends.
#: In PostgreSQL others may read them meanwhile. Redshift has one lock, and takes a transaction's
#: snapshot after it. Snowflake has none to ask for; a DELETE, UPDATE or MERGE, with which merges
#: begin, takes one.
LOCKS = {
    "postgres": "LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE",
    "redshift": "LOCK TABLE {tables}",
    "snowflake": None,
    # One process at a time has its file, and of two merges in a DuckLake one fails.
    "duckdb": None,
}


@cache
def improve_merges() -> None:
    """Have dlt's merges lock their tables, and take no longer than they need, in this process."""
    generate_sql = SqlMergeFollowupJob.generate_sql.__func__  # type: ignore[attr-defined]

    @wraps(generate_sql)
    def generate(cls: Any, table_chain: Sequence[TTableSchema], sql_client: Any) -> list[str]:
        statements: list[str] = generate_sql(cls, table_chain, sql_client)
        # Keys of exports are never NULL; those of other pipelines' tables may be.
        if FORMAT in table_chain[0]:
            statements = _hurry(statements, cls, table_chain, sql_client)
        lock = LOCKS.get(sql_client.capabilities.sqlglot_dialect)
        if lock is None or not _is_of_a_load(table_chain[0]):
            return statements
        # The table before its nested ones: whoever has locked that one is not waited for by one
        # who has locked these.
        tables = [sql_client.make_qualified_table_name(each["name"]) for each in table_chain]
        return [lock.format(tables=", ".join(tables)), *statements]

    SqlMergeFollowupJob.generate_sql = classmethod(generate)  # type: ignore[assignment]


@cache
def keep_merges_whole() -> None:
    """Have each of dlt's merges be one transaction, from now on in this process."""
    maybe_transaction = SqlLoadJob.maybe_transaction

    @contextmanager
    @wraps(maybe_transaction)
    def in_transaction(job: Any, sql: str) -> Iterator[None]:
        is_whole = job._job_client.capabilities.sqlglot_dialect in LOCKS  # noqa: SLF001 - dlt's
        if is_whole and _is_of_a_load(job._load_table):  # noqa: SLF001 - dlt's
            with job._job_client.sql_client.begin_transaction():  # noqa: SLF001 - dlt's
                yield
        else:
            with maybe_transaction(job, sql):
                yield

    SqlLoadJob.maybe_transaction = in_transaction  # type: ignore[assignment, method-assign]


def _hurry(
    statements: list[str], job: type, table_chain: Sequence[TTableSchema], sql_client: Any
) -> list[str]:
    """The statements of a merge of exports, as its database takes the least time for them."""
    match sql_client.capabilities.sqlglot_dialect:
        case "postgres":
            pairs = [sql_client.get_qualified_table_names(each["name"]) for each in table_chain]
            tables = [name for pair in pairs for name in pair]
            return [without_not_in(statement, tables) for statement in statements]
        case "duckdb":
            return _with_room(statements, job, sql_client)
        case _:
            return statements


def _with_room(statements: list[str], job: type, sql_client: Any) -> list[str]:
    """The statements, with more memory where the destination was given less than by default."""
    # Not for others: to import it takes time.
    from spaaza_source.warehouse import RoomyMerge, has_limit, with_room  # noqa: PLC0415

    # Its own does so itself.
    if issubclass(job, RoomyMerge) or not has_limit(sql_client):
        return statements
    return with_room(statements)


def without_not_in(statement: str, tables: Collection[str]) -> str:
    """The statement with NOT EXISTS for each `column NOT IN (SELECT column FROM table …)` of dlt's.

    Where no column is NULL, it does the same. What else may stand in it is a user's condition.

    Args:
        statement: In PostgreSQL's SQL.
        tables: The qualified names of the tables that are merged, as dlt writes them.
    """
    tokens = sqlglot.tokenize(statement, read="postgres")
    kinds = [token.token_type.name for token in tokens]
    for at in reversed(range(1, len(tokens) - len(_NOT_IN))):
        if kinds[at : at + len(_NOT_IN)] == _NOT_IN:
            column, key, source = at - 1, at + len(_NOT_IN), at + len(_NOT_IN) + 1
            same = tokens[column].text == tokens[key].text and kinds[column] == kinds[key]
            is_own = statement[tokens[source].end + 1 :].strip().startswith(tuple(tables))
            if same and kinds[source] == "FROM" and is_own:
                # The last one has none in it.
                return without_not_in(_replace(statement, tokens, kinds, at), tables)
    return statement


def _replace(statement: str, tokens: Sequence[Any], kinds: Sequence[str], at: int) -> str:
    """Replace one NOT IN, whose NOT is the token `at`."""
    begin, key = at - 1, at + len(_NOT_IN)
    while kinds[begin - 1] == "DOT":
        begin -= 2
    depth, end = 1, key
    while depth:
        end += 1
        depth += {"L_PAREN": 1, "R_PAREN": -1}.get(kinds[end], 0)
    column = statement[tokens[begin].start : tokens[at].start].strip()
    selected = statement[tokens[key].start : tokens[key].end + 1]
    source = statement[tokens[key + 1].start : tokens[end].start]
    keys = f"(SELECT {selected} AS {PRESENT} {source}) AS keys"
    absent = f"NOT EXISTS (SELECT 1 FROM {keys} WHERE keys.{PRESENT} = {column})"  # noqa: S608
    return statement[: tokens[begin].start] + absent + statement[tokens[end].end + 1 :]


def _is_of_a_load(table: TTableSchema) -> bool:
    """Whether a table is one of exports, or of audit; other pipelines' tables are left alone."""
    return FORMAT in table or str(table["name"]).casefold() in AUDIT_TABLES
