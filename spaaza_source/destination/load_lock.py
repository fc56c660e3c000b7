"""One load at a time into a dataset, from whichever machine.

Loads share dlt's staging tables, and a `replace` empties a table before it fills it: two at once
would take each other's rows. Runs of one working folder take turns by `turn`; those of several are
held apart by a lock in PostgreSQL, if that is the destination, or the catalogue of a DuckLake. The
server frees the lock of a process that is gone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from typing import Any

from dlt.common import logger
from dlt.destinations.exceptions import DatabaseException

#: Seconds between two looks whether the other load has ended.
LOOK = 0.2
#: By dlt's name of a destination: asks for the lock, to the end of the transaction.
ASKING = {
    "dlt.destinations.postgres": "SELECT pg_try_advisory_xact_lock({key})",
    "dlt.destinations.ducklake": (
        "SELECT * FROM postgres_query('__ducklake_metadata_{lake}',"
        " 'SELECT pg_try_advisory_xact_lock({key})')"
    ),
}
#: Catalogues of a DuckLake that have such locks.
CATALOGUES = ("postgres", "postgresql")


@contextmanager
def hold_load_lock(pipeline: Any) -> Iterator[None]:
    """Wait until no other load into the pipeline's dataset is under way; there is none till left.

    Where the destination has no such locks, nothing is waited for.

    Args:
        pipeline: Whose load begins.
    """
    asking = ASKING.get(pipeline.destination.destination_type)
    if asking is None:
        yield
        return
    with pipeline.sql_client() as client:
        lake = getattr(client.credentials, "ducklake_name", None)
        if lake is not None and client.credentials.catalog.drivername not in CATALOGUES:
            yield
            return
        # Of a signed 64-bit number.
        digest = sha256(f"spaaza_source {client.dataset_name}".encode()).digest()
        key = int.from_bytes(digest[:8], "big", signed=True)
        transaction = client.begin_transaction()
        transaction.__enter__()
        try:
            _wait(client, asking.format(key=key, lake=lake))
            yield
        finally:
            _end(transaction)


def _wait(client: Any, asking: str) -> None:
    told = False
    while not client.execute_sql(asking)[0][0]:
        if not told:
            logger.warning(
                f"Another load into the dataset {client.dataset_name!r} is under way; this one"
                " begins when it has ended"
            )
            told = True
        time.sleep(LOOK)


def _end(transaction: AbstractContextManager[Any]) -> None:
    try:
        transaction.__exit__(None, None, None)
    except DatabaseException as failure:
        # The server has closed an idle connection; what was loaded is proven by its count.
        logger.warning(f"The lock of this load was lost before it ended: {type(failure).__name__}")
