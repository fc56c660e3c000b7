"""Has PostgreSQL find the rows that a load no longer brings by a join of the keys.

dlt deletes them, and retires them in a history, by `key NOT IN (SELECT key FROM …)`. For that,
PostgreSQL builds a table of the keys if they fit into `work_mem`, some 100,000 of them; else it
reads all of them anew for each row, which takes hours. Of NOT EXISTS it makes a join of any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import Any

import sqlglot
from dlt.common.destination.capabilities import DestinationCapabilitiesContext
from dlt.common.schema.typing import TTableSchema
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

from spaaza_source.writing import FORMAT

DIALECT = "postgres"
#: What a subquery calls its one column: the table outside has none of this name.
PRESENT = "_spaaza_present"
_NOT_IN = ["NOT", "IN", "L_PAREN", "SELECT"]


def join_absent_rows() -> None:
    """Have dlt's merges of exports into PostgreSQL join keys, from now on in this process."""
    if hasattr(SqlMergeFollowupJob.generate_sql, "__wrapped__"):
        return
    generate_sql = SqlMergeFollowupJob.generate_sql.__func__  # type: ignore[attr-defined]

    @wraps(generate_sql)
    def generate(cls: Any, table_chain: Sequence[TTableSchema], sql_client: Any) -> list[str]:
        statements: list[str] = generate_sql(cls, table_chain, sql_client)
        return _join_keys(statements, table_chain, sql_client.capabilities)

    SqlMergeFollowupJob.generate_sql = classmethod(generate)  # type: ignore[assignment]


def _join_keys(
    statements: list[str],
    table_chain: Sequence[TTableSchema],
    capabilities: DestinationCapabilitiesContext,
) -> list[str]:
    # Keys of exports are never NULL; those of other pipelines' tables may be.
    if capabilities.sqlglot_dialect != DIALECT or FORMAT not in table_chain[0]:
        return statements
    return [without_not_in(statement) for statement in statements]


def without_not_in(statement: str) -> str:
    """The statement with NOT EXISTS for each `column NOT IN (SELECT column FROM …)`.

    Where no column is NULL, it does the same.
    """
    tokens = sqlglot.tokenize(statement, read=DIALECT)
    kinds = [token.token_type.name for token in tokens]
    for at in reversed(range(1, len(tokens) - len(_NOT_IN))):
        if kinds[at : at + len(_NOT_IN)] == _NOT_IN:
            # The last one has none in it.
            return without_not_in(_replace(statement, tokens, kinds, at))
    return statement


def _replace(statement: str, tokens: Sequence[Any], kinds: Sequence[str], at: int) -> str:
    """Replace one NOT IN, whose NOT is the token `at`."""
    select = at + len(_NOT_IN) - 1
    begin = at - 1
    while kinds[begin - 1] == "DOT":
        begin -= 2
    depth, end = 1, select
    while depth:
        end += 1
        depth += {"L_PAREN": 1, "R_PAREN": -1}.get(kinds[end], 0)
    source = kinds.index("FROM", select, end)
    column = statement[tokens[begin].start : tokens[at].start].strip()
    key = statement[tokens[select].end + 1 : tokens[source].start].strip()
    rest = statement[tokens[source].start : tokens[end].start]
    keys = f"(SELECT {key} AS {PRESENT} {rest}) AS keys"
    absent = f"NOT EXISTS (SELECT 1 FROM {keys} WHERE keys.{PRESENT} = {column})"  # noqa: S608
    return statement[: tokens[begin].start] + absent + statement[tokens[end].end + 1 :]
