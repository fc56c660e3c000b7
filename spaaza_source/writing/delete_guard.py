"""The delete guard: stops a load that would delete too many rows of a table.

A snapshot deletes the rows that its file does not bring, a window those of its range. A few are
deletions at the vendor. Many are more likely a fault of the export.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common import logger
from dlt.common.destination.exceptions import SqlClientNotAvailable
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.destination import ask, fetch_chunks, fetch_number
from spaaza_source.errors import TooManyDeletionsError
from spaaza_source.settings import require_number
from spaaza_source.writing.keys import Key, KeyCandidates, is_in

#: So many rows may always be deleted, however small the table, but not its last.
FEW = 1


@dataclass(frozen=True)
class DeleteGuard:
    """How many rows a load may delete.

    Attributes:
        max_share: The largest share of a table's rows, from 0 to 1.
        accepted: Whether any number may be deleted.
    """

    max_share: float = 0.2
    accepted: bool = False

    def __post_init__(self) -> None:
        require_number("max_deleted_share", self.max_share, least=0, most=1)

    def check(
        self,
        table: str,
        keys: KeyCandidates,
        key: Key | None,
        scope: str | None = None,
        *,
        duplicates: int = 0,
    ) -> None:
        """Stop where too many rows of the destination's table would be deleted.

        Args:
            table: Its name.
            keys: What the load brings.
            key: What tells rows apart; None where they can only be counted.
            scope: The rows that the load replaces, as SQL about `{table}`; None for all.
            duplicates: How many of them are known duplicates.

        Raises:
            TooManyDeletionsError: More rows would be deleted than may.
        """
        if self.accepted:
            return
        try:
            deleted, total = ask(
                lambda client: _count_deleted(
                    client, table, keys, key, scope, duplicates=duplicates
                )
            )
        except DatabaseUndefinedRelation:
            return
        except SqlClientNotAvailable:
            logger.warning(f"{table}: this destination cannot tell how many rows would be deleted")
            return
        is_emptied = deleted == total and not keys.rows
        if deleted > 0 and (is_emptied or deleted > max(FEW, self.max_share * total)):
            raise TooManyDeletionsError(
                f"{deleted:,} of the {total:,} rows of the table are not in the export any more",
                where=table,
                hint="If they were deleted at the vendor, load once with accept_deletes=True"
                " (--accept-deletes); max_deleted_share sets how many may be deleted unasked.",
            )


def _count_deleted(
    client: Any,
    table: str,
    keys: KeyCandidates,
    key: Key | None,
    scope: str | None,
    *,
    duplicates: int,
) -> tuple[int, int]:
    """How many rows of the table would be deleted, and how many it has."""
    name = client.make_qualified_table_name(table)
    counted = f"SELECT count(*) FROM {name}"  # noqa: S608 - our own names
    where = f" WHERE {scope.format(table=name)}" if scope else ""
    stored = fetch_number(client, counted + where) - duplicates
    deleted = _count_missing(client, name, keys, key) if key and not where else stored - keys.rows
    total = stored if not where or deleted <= 0 else fetch_number(client, counted) - duplicates
    return deleted, total


def _count_missing(client: Any, name: str, keys: KeyCandidates, key: Key) -> int:
    """How many keys of the table the load does not bring."""
    columns = ", ".join(map(client.escape_column_name, key))
    chunks = list(fetch_chunks(client, f"SELECT {columns} FROM {name}"))  # noqa: S608 - our own names
    if not chunks:
        return 0
    exported = is_in(pa.concat_tables(chunks), keys.cells(key))
    return len(exported) - int(pc.sum(exported).as_py() or 0)
