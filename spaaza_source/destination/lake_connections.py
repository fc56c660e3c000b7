"""Keeps connections to a DuckLake for who opens the next one.

dlt opens one for each of its jobs, which attaches the lake and reads its catalogue: that takes
longer than many a job. Each is used by one client at a time, as dlt's are: duplicates of one
connection are said not to work for a DuckLake.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, wraps
from typing import Any

import duckdb

#: dlt's name of the destination.
DUCKLAKE = "dlt.destinations.ducklake"
#: Seconds that a connection is kept for the next client: while a load waits for its exports, the
#: catalogue's server may close it.
PATIENCE = 60.0
_LOCK = threading.Lock()
#: How many blocks keep connections now.
_blocks = 0


@dataclass(frozen=True)
class _Kept:
    """A connection whose client has closed.

    Attributes:
        connection: DuckDB's.
        pool: The pool of dlt that has lent it, and counts what it has lent.
        lake: What was attached, and by which settings.
        name: What the lake is called there.
        since: When, in seconds by a clock that only goes on.
    """

    connection: Any
    pool: Any
    lake: tuple[str, Mapping[str, Any]]
    name: str
    since: float = field(default_factory=time.monotonic)

    def end(self) -> None:
        """Close it as dlt does: a lake that is not detached may be left damaged."""
        # The catalogue's server may have closed its own connection by now.
        with suppress(duckdb.Error):
            self.connection.execute(f"USE memory; DETACH {self.name}")
        self.pool.return_conn(self.connection)


#: What is kept now.
_KEPT: list[_Kept] = []
#: By id of a connection that was kept before and is used now: the pool that has lent it.
_POOLS: dict[int, Any] = {}


@contextmanager
def keep_attached(destination: Any) -> Iterator[None]:
    """Keep connections to a DuckLake that are closed inside the `with` block, and end them there.

    Args:
        destination: dlt's destination, or its name; any but a DuckLake is left alone.
    """
    global _blocks  # noqa: PLW0603 - of this process, whose threads share them
    kind = str(getattr(destination, "destination_type", destination))
    if kind.rpartition(".")[2] != DUCKLAKE.rpartition(".")[2]:
        yield
        return
    _install()
    with _LOCK:
        _blocks += 1
    try:
        yield
    finally:
        with _LOCK:
            _blocks -= 1
            ended = [] if _blocks else [_KEPT.pop() for _ in list(_KEPT)]
        for kept in ended:
            kept.end()


@cache
def _install() -> None:
    """Let dlt's clients look here first, in this process from now on."""
    from dlt.destinations.impl.ducklake.sql_client import (  # noqa: PLC0415 - it takes long
        DuckLakeSqlClient,
    )

    open_new, close = DuckLakeSqlClient.open_connection, DuckLakeSqlClient.close_connection

    @wraps(open_new)
    def open_connection(self: Any) -> Any:
        self._conn = _take(self)
        if self._conn is None:
            return open_new(self)
        # As dlt does: the dataset may not be there yet.
        with suppress(duckdb.Error):
            self._conn.execute(f"SET search_path = '{self.fully_qualified_dataset_name()}'")
        return self._conn

    @wraps(close)
    def close_connection(self: Any) -> None:
        if self._conn is not None:
            _keep_or_end(self, close)

    DuckLakeSqlClient.open_connection = open_connection  # type: ignore[method-assign]
    DuckLakeSqlClient.close_connection = close_connection  # type: ignore[method-assign]


def _take(client: Any) -> Any:
    """A connection to the client's lake that is kept; None if there is none."""
    lake = _lake_of(client)
    with _LOCK:
        for kept in _KEPT:
            if kept.lake == lake and time.monotonic() - kept.since < PATIENCE:
                _KEPT.remove(kept)
                _POOLS[id(kept.connection)] = kept.pool
                return kept.connection
    return None


def _keep_or_end(client: Any, close: Any) -> None:
    """Keep the connection of a client that closes, inside a block; else end it."""
    connection, own = client._conn, client.credentials.conn_pool  # noqa: SLF001 - as dlt's does
    pool = _POOLS.pop(id(connection), own)
    kept = _Kept(connection, pool, _lake_of(client), client.credentials.ducklake_name)
    # Outside a transaction there is nothing to roll back.
    with suppress(duckdb.Error):
        connection.execute("ROLLBACK")
    with _LOCK:
        if _blocks:
            _KEPT.append(kept)
            client._conn = None  # noqa: SLF001
            return
    if pool is own:
        close(client)
        return
    client._conn = None  # noqa: SLF001
    kept.end()


def _lake_of(client: Any) -> tuple[str, Mapping[str, Any]]:
    # The pool is the one part that is new each time they are resolved.
    settings = {name: value for name, value in client.credentials.items() if name != "conn_pool"}
    return client.attach_statement, settings
