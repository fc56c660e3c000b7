"""Writes the files of exports in the background, and serves them."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from starlette.responses import FileResponse

from spaaza_source.sandbox.formats import file_parts

# Two files written at once keep a small machine busy and its memory bounded.
_WRITERS = 2
# Small files are ready at once, so that a test which moves the clock sees the state it expects.
_WAIT_SECONDS = 2.0


class _TooManyRowsError(Exception):
    """The export is larger than `max_export_rows`."""


@dataclass(frozen=True)
class Outcome:
    """The result of a run: a file, or None because it timed out."""

    rows: int
    file: Path | None


class ExportWriter:
    """Writes exports into a temporary directory, in threads of its own."""

    def __init__(self, max_rows: int | None) -> None:
        self._max_rows = max_rows
        self._directory = TemporaryDirectory(prefix="spaaza-sandbox-")
        self._pool = ThreadPoolExecutor(_WRITERS, thread_name_prefix="spaaza-sandbox-export")
        self._files = 0
        self._closing = threading.Event()

    def submit(
        self, export_format: str, schema: Callable[[], pa.Schema], blocks: Iterable[pa.Table]
    ) -> "Future[Outcome]":
        """Start writing blocks of rows; a thread of the writer makes them and their schema."""
        self._files += 1
        name = f"{self._files}.{export_format}"
        return self._pool.submit(self._write, export_format, schema, blocks, name)

    def close(self) -> None:
        """Cancel the files not yet written, and remove the directory."""
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
        counter = _RowCounter(self._until_closed(blocks), self._max_rows)
        try:
            with file.open("wb") as out:
                for part in file_parts(export_format, schema(), counter):
                    out.write(part)
        except _TooManyRowsError:
            file.unlink()
            return Outcome(counter.rows, None)
        return Outcome(counter.rows, file)

    def _until_closed(self, blocks: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for block in blocks:
            if self._closing.is_set():
                raise CancelledError
            yield block


def wait_briefly(outcomes: "Iterable[Future[Outcome]]") -> None:
    """Wait until all are written, for two seconds at most."""
    wait(list(outcomes), timeout=_WAIT_SECONDS)


class _RowCounter:
    """Counts the rows of blocks, up to a limit."""

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


class _StoredFile(FileResponse):
    """A file in parts of a megabyte: each part costs the event loop a trip to a thread."""

    chunk_size = 1 << 20


def serve_file(file: Path, media_type: str) -> FileResponse:
    """Answer with a file, or with the range of it that was asked for."""
    # Storage names no charset, which a response would add by itself to a text.
    return _StoredFile(file, headers={"content-type": media_type})
