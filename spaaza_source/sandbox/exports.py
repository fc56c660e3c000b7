"""One run of an export: rows into a file; which rows, and when, is left to its callers."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from spaaza_source.sandbox.formats import file_parts

# Two files written at once keep a small machine busy and its memory bounded.
_WRITERS = 2
# Small files are ready at once, so that a test which moves the clock sees the state it moved to.
_PATIENCE_SECONDS = 2.0


class _TooManyRowsError(Exception):
    """The export is larger than `max_export_rows`."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to: a file, or none because it timed out."""

    rows: int
    file: Path | None


class ExportWriter:
    """Writes exports into a directory of its own, off the threads that answer requests."""

    def __init__(self, max_rows: int | None) -> None:
        self._max_rows = max_rows
        self._directory = TemporaryDirectory(prefix="spaaza-sandbox-")
        self._pool = ThreadPoolExecutor(_WRITERS, thread_name_prefix="spaaza-sandbox-export")
        self._files = 0
        self._closing = threading.Event()

    def submit(
        self, export_format: str, schema: Callable[[], pa.Schema], blocks: Iterable[pa.Table]
    ) -> "Future[Outcome]":
        """Starts writing blocks of rows; both they and their schema are made off this thread."""
        self._files += 1
        name = f"{self._files}.{export_format}"
        return self._pool.submit(self._write, export_format, schema, blocks, name)

    def close(self) -> None:
        """Gives up the files not yet written and removes the directory."""
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)
        self._directory.cleanup()

    def _write(
        self,
        export_format: str,
        schema: Callable[[], pa.Schema],
        blocks: Iterable[pa.Table],
        name: str,
    ) -> Outcome:
        file = Path(self._directory.name) / name
        counted = _Counted(self._until_closed(blocks), self._max_rows)
        try:
            with file.open("wb") as out:
                for part in file_parts(export_format, schema(), counted):
                    out.write(part)
        except _TooManyRowsError:
            file.unlink()
            return Outcome(counted.rows, None)
        return Outcome(counted.rows, file)

    def _until_closed(self, blocks: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for block in blocks:
            if self._closing.is_set():
                raise CancelledError
            yield block


def wait_a_little(outcomes: "Iterable[Future[Outcome]]") -> None:
    """Returns when all are written, or after two seconds."""
    wait(list(outcomes), timeout=_PATIENCE_SECONDS)


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
