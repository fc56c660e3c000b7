"""One run of an export: the shop's rows, filtered, into a file; when it runs is left to `tasks`."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from spaaza_source.sandbox.bodies import Order
from spaaza_source.sandbox.formats import file_parts
from spaaza_source.sandbox.shop import Shop

# Two files written at once keep a small machine busy and its memory bounded.
_WRITERS = 2


class _TooManyRowsError(Exception):
    """The export is larger than `max_export_rows`."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to: a file, or none because it timed out."""

    rows: int
    file: Path | None


class ExportWriter:
    """Writes exports into a directory of its own, off the threads that answer requests."""

    def __init__(self, shop: Shop, max_rows: int | None) -> None:
        self._shop = shop
        self._max_rows = max_rows
        self._directory = TemporaryDirectory(prefix="spaaza-sandbox-")
        self._pool = ThreadPoolExecutor(_WRITERS, thread_name_prefix="spaaza-sandbox-export")
        self._files = 0
        self._closing = threading.Event()

    def submit(self, order: Order, at: datetime) -> "Future[Outcome]":
        """Starts writing the rows that a run at this moment exports."""
        self._files += 1
        return self._pool.submit(self._write, order, at, f"{self._files}.{order.export_format}")

    def close(self) -> None:
        """Gives up the files not yet written and removes the directory."""
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)
        self._directory.cleanup()

    def _write(self, order: Order, at: datetime, name: str) -> Outcome:
        file = Path(self._directory.name) / name
        counted = _Counted(self._rows(order, at), self._max_rows)
        try:
            with file.open("wb") as out:
                for part in file_parts(
                    order.export_format, self._shop.schema(order.index), counted
                ):
                    out.write(part)
        except _TooManyRowsError:
            file.unlink()
            return Outcome(counted.rows, None)
        return Outcome(counted.rows, file)

    def _rows(self, order: Order, at: datetime) -> Iterator[pa.Table]:
        segment = order.segment
        near = {} if segment is None else segment.spans(at)
        for block in self._shop.blocks(order.index, at, near):
            if self._closing.is_set():
                raise CancelledError
            yield block if segment is None else segment.keep(block, at)


class _Counted:
    """Counts rows as they pass, up to a limit."""

    def __init__(self, blocks: Iterator[pa.Table], limit: int | None) -> None:
        self._blocks = blocks
        self._limit = limit
        self.rows = 0

    def __iter__(self) -> Iterator[pa.Table]:
        for block in self._blocks:
            self.rows += block.num_rows
            if self._limit is not None and self.rows > self._limit:
                raise _TooManyRowsError
            yield block
