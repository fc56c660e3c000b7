"""Writes the files of exports in the background, and serves them."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from starlette.responses import FileResponse

from spaaza_source.sandbox.formats import file_parts

# Two files written at once keep a small machine busy and its memory bounded.
_WRITERS = 2


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

    def submit(self, export_format: str, blocks: Iterable[pa.Table]) -> "Future[Outcome]":
        """Start writing blocks of rows, one at least; a thread of the writer makes them."""
        self._files += 1
        file = Path(self._directory.name) / f"{self._files}.{export_format}"
        return self._pool.submit(self._write, file, blocks)

    def close(self) -> None:
        """Cancel the files not yet written, and remove the directory."""
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)
        self._directory.cleanup()

    def _write(self, file: Path, blocks: Iterable[pa.Table]) -> Outcome:
        rows = 0

        def counted() -> Iterator[pa.Table]:
            nonlocal rows
            for block in blocks:
                if self._closing.is_set():
                    raise CancelledError
                rows += block.num_rows
                if self._max_rows is not None and rows > self._max_rows:
                    raise _TooManyRowsError
                yield block

        try:
            with file.open("wb") as out:
                out.writelines(file_parts(file.suffix[1:], counted()))
        except _TooManyRowsError:
            file.unlink()
            return Outcome(rows, None)
        return Outcome(rows, file)


def serve_file(file: Path, media_type: str) -> FileResponse:
    """Answer with a file, or with the range of it that was asked for."""
    # Storage names no charset, which a response would add by itself to a text.
    response = FileResponse(file, headers={"content-type": media_type})
    # Parts of a megabyte: each part costs the event loop a trip to a thread.
    response.chunk_size = 1 << 20
    return response
