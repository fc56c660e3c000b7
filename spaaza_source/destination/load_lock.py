"""Load lock: one load at a time into a dataset, from all machines.

Loads share dlt's staging tables, and a `replace` empties a table before it fills it: two at once
would delete each other's rows. The lock is one of PostgreSQL, which is the destination or the
catalogue of a DuckLake. The server frees the lock of a process that has ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from typing import Any

from dlt.common import logger
from dlt.destinations.exceptions import DatabaseException

from spaaza_source.destination.query import open_client
from spaaza_source.destination.turn import no_turn, turn_timeout

#: Seconds between two tries to get the lock.
POLL_INTERVAL = 0.2
#: By dlt's name of a destination: tries to get the lock until the transaction ends.
TRY_LOCK = {
    "dlt.destinations.postgres": "SELECT pg_try_advisory_xact_lock({key})",
    "dlt.destinations.ducklake": (
        "SELECT * FROM postgres_query('__ducklake_metadata_{lake}',"
        " 'SELECT pg_try_advisory_xact_lock({key})')"
    ),
}
#: Who holds the lock of PostgreSQL. A key of 64 bits is shown there as two numbers of 32.
HOLDER = (
    "SELECT pid, client_addr, date_trunc('second', xact_start) FROM pg_locks"
    " JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted"
    " AND classid::bigint = {high} AND objid::bigint = {low}"
)
MASK = (1 << 32) - 1
#: Catalogues of a DuckLake that have such locks.
CATALOGUES = ("postgres", "postgresql")


@contextmanager
def hold_load_lock(pipeline: Any) -> Iterator[None]:
    """Wait for the load lock of the pipeline's dataset, and hold it inside the `with` block.

    A destination without such locks is not locked.

    Raises:
        UnavailableError: Another load has held it for longer than this one waits.
    """
    try_lock = TRY_LOCK.get(pipeline.destination.destination_type)
    if try_lock is None:
        yield
        return
    with open_client(pipeline) as client:
        lake = getattr(client.credentials, "ducklake_name", None)
        if lake is not None and client.credentials.catalog.drivername not in CATALOGUES:
            yield
            return
        # The lock is named by a signed 64-bit number.
        digest = sha256(f"spaaza_source {client.dataset_name}".encode()).digest()
        key = int.from_bytes(digest[:8], "big", signed=True)
        transaction = client.begin_transaction()
        transaction.__enter__()
        try:
            _wait(client, try_lock.format(key=key, lake=lake), None if lake else key)
            yield
        finally:
            _end(transaction)


def _wait(client: Any, try_lock: str, key: int | None) -> None:
    warned, seconds = False, turn_timeout()
    end = time.monotonic() + seconds
    while not client.execute_sql(try_lock)[0][0]:
        where = f"dataset {client.dataset_name!r}"
        if time.monotonic() >= end:
            raise no_turn(f"another load into it{_holder(client, key)}", where, seconds)
        if not warned:
            logger.warning(
                f"Another load into the {where} is running{_holder(client, key)}; waiting until it"
                f" has ended, for {seconds:.0f} seconds at most"
            )
            warned = True
        time.sleep(POLL_INTERVAL)


def _holder(client: Any, key: int | None) -> str:
    """Who holds the lock, for a message: the server's process that serves it, and from where."""
    if key is None:
        return ""
    found = client.execute_sql(HOLDER.format(high=key >> 32 & MASK, low=key & MASK))
    if not found:
        return ""
    pid, *more = found[0]
    # Who may not see the sessions of others sees their numbers alone.
    told = [f"{word} {value}" for word, value in zip(("for", "since"), more, strict=True) if value]
    return f" ({', '.join([f'process {pid} of PostgreSQL', *told])})"


def _end(transaction: AbstractContextManager[Any]) -> None:
    try:
        transaction.__exit__(None, None, None)
    except DatabaseException as failure:
        # The server has closed an idle connection; the load itself is reconciled by its row counts.
        logger.warning(f"The load lock was lost before the load ended: {type(failure).__name__}")
