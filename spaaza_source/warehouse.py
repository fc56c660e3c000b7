"""Where a command loads to: a dlt destination, set up for loads like these.

Scripts and notebooks name their destination to dlt themselves.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.common.destination import TDestinationReferenceArg
from dlt.common.destination.client import FollowupJobRequest
from dlt.common.destination.typing import PreparedTableSchema
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from dlt.destinations.sql_client import SqlClientBase
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

from spaaza_source.errors import SettingsError, UnavailableError

#: Megabytes that one core needs to copy at full speed; with all of its usual four fifths of the
#: memory, DuckDB keeps more and is no faster.
MEMORY_OF_A_CORE = 192


def duckdb_file(path: Path | None) -> TDestinationReferenceArg:
    """A DuckDB file; without a path, the one that dlt's configuration names.

    Raises:
        SettingsError: The file cannot be a DuckDB database.
        UnavailableError: Another process holds it.
    """
    if path is not None:
        _check(path)
    return _DuckDb(
        # Without a path, dlt's configuration fills it in.
        credentials=DuckDbCredentials(
            # Absolute: dlt takes others from where the pipeline was first run.
            str(path.absolute()) if path else None,  # type: ignore[arg-type]
            global_config=duckdb_settings(),
        ),
        # DuckDB spreads one copy over all cores; several at once only add up their buffers
        # (with six tables of a million rows on two cores: 1 GB more, and no sooner done).
        loader_parallelism_strategy="sequential",
    )


def duckdb_settings() -> dict[str, Any]:
    """Settings of DuckDB that suit these loads, but for the merges."""
    return {
        # The order of rows in a table means nothing, and keeping it doubles the time of a load.
        "preserve_insertion_order": False,
        "memory_limit": f"{MEMORY_OF_A_CORE * max(2, os.cpu_count() or 2)}MB",
    }


class _RoomyMerge(SqlMergeFollowupJob):
    """dlt's merge, with the memory that DuckDB takes unless it is told.

    It joins whole rows. Short of memory it does so on disk, and takes ten times as long.
    """

    @classmethod
    def _gen_table_setup_clauses(
        cls, table_chain: Sequence[PreparedTableSchema], sql_client: SqlClientBase[Any]
    ) -> list[str]:
        before = super()._gen_table_setup_clauses(table_chain, sql_client)
        # RESET would show its default, and go on with what was set.
        with duckdb.connect() as untold:
            ((default,),) = untold.execute("SELECT current_setting('memory_limit')").fetchall()
        return [*before, f"SET memory_limit = '{default}'"]


class _Client(DuckDbClient):
    def _create_merge_followup_jobs(
        self, table_chain: Sequence[PreparedTableSchema]
    ) -> list[FollowupJobRequest]:
        return [_RoomyMerge.from_table_chain(table_chain, self.sql_client)]


class _DuckDb(dlt.destinations.duckdb):
    """dlt's own destination, and known to it as that: a pipeline may be opened without us."""

    @property
    def client_class(self) -> type[DuckDbClient]:
        return _Client

    @property
    def destination_type(self) -> str:
        return "dlt.destinations.duckdb"


def _check(path: Path) -> None:
    if not path.absolute().parent.is_dir():
        raise SettingsError(
            f"the folder of {str(path)!r} does not exist", where="db", hint="Create it first."
        )
    if not path.exists():
        return
    try:
        duckdb.connect(str(path)).close()
    except duckdb.IOException as failure:
        # "lock" alone is in "block" too, and so in the words for a damaged file.
        if "set lock" in str(failure):
            raise UnavailableError(
                f"{str(path)!r} is open in another process",
                where="db",
                hint="Close it there, then run again.",
            ) from None
        raise SettingsError(
            f"{str(path)!r} is not a DuckDB database, is damaged, or cannot be written",
            where="db",
            hint="Name another file.",
        ) from None
