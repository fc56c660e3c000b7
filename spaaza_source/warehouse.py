"""A dlt destination for DuckDB files, tuned for loads of large exports."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.common.destination import TDestinationReferenceArg
from dlt.common.destination.client import FollowupJobRequest
from dlt.common.destination.typing import PreparedTableSchema
from dlt.destinations.impl.duckdb.configuration import DuckDbConnectionPool, DuckDbCredentials
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from dlt.destinations.sql_client import SqlClientBase
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

from spaaza_source.errors import SettingsError, wrong_kind
from spaaza_source.signals import signals_wait

#: Megabytes that one core needs to copy at full speed. By default DuckDB takes four fifths of the
#: memory, and is no faster.
MEMORY_PER_CORE = 128
#: The most columns of a table that this is enough for: DuckDB has buffers for each of them.
WIDEST = 1_000
#: What can read a new file that is made here: by default DuckDB 2 makes one that 1.5 cannot open.
STORAGE = "v1.5.0"
STORAGE_SETTING = "storage_compatibility_version"
DUCKDB_MAJOR = int(duckdb.__version__.split(".")[0])
#: The key of dlt's configuration with the address or the path of a DuckDB file.
KEY = "destination.duckdb.credentials"
DRIVER = "duckdb"
#: Where Linux and macOS list the files that a process has open.
OPEN_FILES = Path("/dev/fd")
#: What dlt takes for a database in memory, and for one in its own folder.
NO_FILES = (":memory:", ":pipeline:")


def duckdb_file(
    path: str | os.PathLike[str] | None, *, read_only: bool = False
) -> TDestinationReferenceArg:
    """A DuckDB file as a destination.

    While another process has the file open, a load waits for it.

    Args:
        path: The file; None for the one that dlt's configuration names.
        read_only: Whether it is only read; then it must exist.

    Raises:
        SettingsError: The file cannot be a DuckDB database.
    """
    given = configured_file() if path is None else path
    file = given if given is None or str(given) in NO_FILES else _check(given)
    return _DuckDb(
        credentials=DuckDbCredentials(
            # Absolute: dlt resolves a relative one from the folder of the pipeline's first run.
            str(file) if file else None,  # type: ignore[arg-type]
            global_config=duckdb_settings(),
            read_only=read_only,
        ),
        # DuckDB spreads one copy over all cores; several at once only add up their buffers
        # (six tables of a million rows on two cores: 1 GB more, and no faster).
        loader_parallelism_strategy="sequential",
    )


def configured_file() -> Path | None:
    """The DuckDB file that dlt's configuration names; None where it names none.

    dlt itself passes over an address there, once it is given settings of DuckDB.

    Raises:
        SettingsError: The address is not one of DuckDB.
    """
    value: Any = dlt.secrets.get(KEY)
    if not isinstance(value, str):
        value = dlt.secrets.get(f"{KEY}.database")
    if not isinstance(value, str) or not value.strip():
        return None
    credentials = DuckDbCredentials()
    credentials.parse_native_representation(value)
    if credentials.drivername != DRIVER:
        # What it is may be a secret.
        raise SettingsError(
            "the value is not an address of DuckDB",
            where=KEY.replace(".", "__").upper(),
            hint="Write the path of a file, or duckdb:///PATH.",
        )
    return Path(credentials.database)


def duckdb_settings() -> dict[str, Any]:
    """Settings of DuckDB for these loads, except merges."""
    return {
        # The order of rows in a table has no meaning, and keeping it doubles the time of a load.
        "preserve_insertion_order": False,
        "memory_limit": _memory_limit(),
    }


def _memory_limit() -> str:
    return f"{MEMORY_PER_CORE * max(2, os.cpu_count() or 2)}MB"


def _set_memory(limit: str) -> str:
    return f"SET memory_limit = '{limit}'"


def suit(config: Any) -> None:
    """Give what dlt has resolved of a DuckDB file these settings too, unless the user has set any.

    A file that this process has open is left alone: its other connections would be concerned.

    Args:
        config: dlt's configuration of a destination; any but a DuckDB file's is left alone.
    """
    credentials = getattr(config, "credentials", None)
    if not isinstance(credentials, DuckDbCredentials) or credentials.drivername != DRIVER:
        return
    if credentials.external_conn() or credentials.database in NO_FILES:
        return
    credentials.conn_pool = _Pool(credentials)
    names = ("global_config", "local_config", "pragmas", "statements", "read_only")
    is_users = any(getattr(credentials, name, None) for name in names)
    if not is_users and not _may_be_open_here(credentials.database):
        credentials.global_config = duckdb_settings()


class _Pool(DuckDbConnectionPool):
    """Opens a file without a break; one that is not there is made as DuckDB 1.5 can read it."""

    credentials: DuckDbCredentials

    def borrow_conn(self, *given: Any, **named: Any) -> duckdb.DuckDBPyConnection:
        with signals_wait():
            # DuckDB would import it in its first statement.
            import_module("pandas")
            if not self.credentials.read_only:
                _make_file(self.credentials)
            return super().borrow_conn(*given, **named)


def _make_file(credentials: DuckDbCredentials) -> None:
    """Make a file that is not there yet: as it is made, so it stays, and dlt cannot say how."""
    file = Path(credentials.database)
    is_new = DUCKDB_MAJOR > 1 and not file.exists() and file.parent.is_dir()
    if is_new and STORAGE_SETTING not in (credentials.global_config or {}):
        duckdb.connect(str(file), config={STORAGE_SETTING: STORAGE}).close()


def _may_be_open_here(file: str) -> bool:
    """Whether this process has a file open; on a system that does not tell, it may."""
    try:
        wanted = Path(file).stat()
    except OSError:
        return False
    if not OPEN_FILES.is_dir():
        return True
    for descriptor in OPEN_FILES.iterdir():
        # The one that lists them is closed by now.
        with suppress(OSError):
            if os.path.samestat(os.fstat(int(descriptor.name)), wanted):
                return True
    return False


def fit_memory(client: Any, columns: int) -> None:
    """Let DuckDB have its default memory limit for a table of very many columns.

    Args:
        client: dlt's SQL client, whose connection is kept: the limit is of all connections.
        columns: How many the widest table has.
    """
    if columns > WIDEST and has_limit(client):
        client.execute_sql(_set_memory(_default_memory()))
        client.credentials.global_config["memory_limit"] = _default_memory()


def has_limit(client: Any) -> bool:
    """Whether a client of DuckDB has the memory limit that is set here."""
    settings: Mapping[str, Any] = client.credentials.global_config or {}
    return settings.get("memory_limit") == _memory_limit()


def with_room(merge: Sequence[str]) -> list[str]:
    """The statements of a merge, with DuckDB's default memory limit instead of the one set here.

    It joins whole rows. With less memory it does so on disk, and takes ten times as long.
    """
    # The next job copies a file, by the same connection.
    return [_set_memory(_default_memory()), *merge, _set_memory(_memory_limit())]


class RoomyMerge(SqlMergeFollowupJob):
    """dlt's merge, with DuckDB's default memory limit."""

    @classmethod
    def generate_sql(
        cls, table_chain: Sequence[PreparedTableSchema], sql_client: SqlClientBase[Any]
    ) -> list[str]:
        """The statements."""
        merge = super().generate_sql(table_chain, sql_client)
        return with_room(merge) if has_limit(sql_client) else merge


@lru_cache(maxsize=1)
def _default_memory() -> str:
    """DuckDB's default memory limit: after a RESET, it shows that but keeps to what was set.

    To ask for it opens a database of its own, which takes longer than a small merge.
    """
    with duckdb.connect() as memory:
        ((default,),) = memory.execute("SELECT current_setting('memory_limit')").fetchall()
    return str(default)


class _Client(DuckDbClient):
    def _create_merge_followup_jobs(
        self, table_chain: Sequence[PreparedTableSchema]
    ) -> list[FollowupJobRequest]:
        return [RoomyMerge.from_table_chain(table_chain, self.sql_client)]


class _DuckDb(dlt.destinations.duckdb):
    """dlt's own destination, and known to dlt as that: a pipeline may be opened without us."""

    @property
    def client_class(self) -> type[DuckDbClient]:
        return _Client

    @property
    def destination_type(self) -> str:
        return "dlt.destinations.duckdb"


def _check(given: object) -> Path:
    """The file, by its absolute path."""
    if not isinstance(given, str | os.PathLike) or not str(given).strip():
        raise wrong_kind("path", given, "the path of a file")
    path = Path(given)
    _check_file(path)
    return path.absolute()


def _check_file(path: Path) -> None:
    if not path.absolute().parent.is_dir():
        raise SettingsError(
            f"the folder of {str(path)!r} does not exist", where="db", hint="Create it first."
        )
    if not path.exists():
        return
    try:
        # Read-only: who only looks keeps no load from the file.
        duckdb.connect(str(path), read_only=True).close()
    except duckdb.ConnectionException:
        # This process has it open.
        return
    except duckdb.Error as failure:
        # An IOException, and since DuckDB 2 about a damaged block an error of no kind.
        # Another process has it open. "lock" alone is in "block" too, and so in the message about a
        # damaged file.
        if "set lock" in str(failure):
            return
        if "newer version" in str(failure):
            raise SettingsError(
                f"{str(path)!r} was made by a newer DuckDB than {duckdb.__version__}, which cannot"
                " read it",
                where="db",
                hint="Update it: pip install --upgrade duckdb.",
            ) from None
        raise SettingsError(
            f"{str(path)!r} is not a DuckDB database, is damaged, or cannot be written",
            where="db",
            hint="Name another file.",
        ) from None
