"""Whether so many rows may go from a table: a guard against an export that lost them.

A snapshot's file takes away the rows that it does not bring, a window's those of its time. A few
are deletions at the vendor. Many are more likely a fault, and stop the load before anything of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common import logger
from dlt.common.destination.exceptions import SqlClientNotAvailable
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.destination import ask, fetch_chunks, fetch_number
from spaaza_source.errors import TooManyDeletionsError
from spaaza_source.settings import require_number
from spaaza_source.writing.keys import Key, KeyCandidates, is_in

#: So many may always go, however small the table, but for its last.
FEW = 1


@dataclass(frozen=True)
class DeleteGuard:
    """How many rows a load may take away.

    Attributes:
        max_share: The largest share of a table's rows, from 0 to 1.
        accepted: Whether any number may go.
    """

    max_share: float = 0.2
    accepted: bool = False

    def __post_init__(self) -> None:
        require_number("max_deleted_share", self.max_share, least=0)

    def check(
        self,
        table: str,
        keys: KeyCandidates,
        key: Key | None,
        scope: str | None = None,
        *,
        surplus: int = 0,
    ) -> None:
        """Stop where too many rows of the destination's table would go.

        Args:
            table: Its name.
            keys: What the load brings.
            key: What tells rows apart; None where they can only be counted.
            scope: The rows that the load replaces, as SQL about `{table}`; None for all.
            surplus: How many of them are known to be there once too often.

        Raises:
            TooManyDeletionsError: More rows would go than may.
        """
        if self.accepted:
            return
        try:
            gone, total = ask(
                dlt.current.pipeline(),
                lambda client: _gone_of(client, table, keys, key, scope, surplus=surplus),
            )
        except DatabaseUndefinedRelation:
            return
        except SqlClientNotAvailable:
            logger.warning(f"{table}: this destination cannot tell how many rows would go from it")
            return
        emptied = gone == total and not keys.rows
        if gone > 0 and (emptied or gone > max(FEW, self.max_share * total)):
            raise TooManyDeletionsError(
                f"{gone:,} of the {total:,} rows of the table are not in the export any more",
                where=table,
                hint="If they are deleted indeed, load once with accept_deletes=True"
                " (--accept-deletes); max_deleted_share sets how many may go unasked.",
            )


def _gone_of(
    client: Any,
    table: str,
    keys: KeyCandidates,
    key: Key | None,
    scope: str | None,
    *,
    surplus: int,
) -> tuple[int, int]:
    """How many rows would go from the table, and of how many."""
    name = client.make_qualified_table_name(table)
    counted = f"SELECT count(*) FROM {name}"  # noqa: S608 - our own names
    where = f" WHERE {scope.format(table=name)}" if scope else ""
    held = fetch_number(client, counted + where) - surplus
    gone = _gone(client, name, keys, key) if key and not where else held - keys.rows
    return gone, held if not where or gone <= 0 else fetch_number(client, counted) - surplus


def _gone(client: Any, name: str, keys: KeyCandidates, key: Key) -> int:
    """How many keys of the table the load does not bring."""
    columns = ", ".join(map(client.escape_column_name, key))
    chunks = list(fetch_chunks(client, f"SELECT {columns} FROM {name}"))  # noqa: S608
    if not chunks:
        return 0
    there = is_in(pa.concat_tables(chunks), keys.cells(key))
    return len(there) - int(pc.sum(there).as_py() or 0)
