"""Downloads the files of one run's exports, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from spaaza_source.errors import VanishedError
from spaaza_source.exports.downloads.fetch import fetch_files
from spaaza_source.exports.export import Export, Phase
from spaaza_source.exports.jobs import ExportService
from spaaza_source.exports.table_exports import TableExports, error_context
from spaaza_source.transport import Clock, Deadline, Download

#: Told of an export that the vendor has not any more, and why.
OnVanished = Callable[[TableExports, Export, VanishedError], None]


class FileDownloads:
    """The downloads of one run.

    Args:
        service: Speaks with the vendor.
        clock: What time it is.
        most: How many files are downloaded at one time.
        on_vanished: Asks for an export again.
    """

    def __init__(
        self, service: ExportService, clock: Clock, most: int, on_vanished: OnVanished
    ) -> None:
        self._service = service
        self._clock = clock
        self._slots = threading.BoundedSemaphore(most)
        self._on_vanished = on_vanished
        #: Where the files go.
        self.folder = Path()

    def start(self, table: TableExports, export: Export, guarded: Callable[..., None]) -> None:
        """Download the file of an export that is done; `guarded` is called with what does so."""
        export.enter(Phase.DOWNLOADING)

        def work() -> None:
            with self._slots:
                guarded(table, self._download, export)

        # A daemon: a main thread that ends must not wait for a file. It waits for a free slot.
        threading.Thread(target=work, name="download", daemon=True).start()

    def _download(self, table: TableExports, export: Export, deadline: Deadline) -> None:
        begun = self._clock.monotonic()
        request = export.request

        def on_bytes(arrived: int, total: int | None) -> None:
            export.received += arrived
            export.total = total

        def begin() -> Download:
            # A name of this run alone: another run may be fetching the same export.
            name = f"{request.table}-{request.fingerprint}-{uuid4().hex[:8]}"
            download = Download(self.folder / name, on_bytes=on_bytes, stop=table.stop)
            table.on_download(export, download.arriving)
            return download

        try:
            with error_context(export):
                files = fetch_files(self._service, export.job, begin, deadline)
        except VanishedError as vanished:
            # A vendor may give no link but the job's.
            self._on_vanished(table, export, vanished)
            return
        table.add_parts(export, files, self._clock.monotonic() - begun)
        if table.stop.is_set():
            for file in files:
                file.path.unlink(missing_ok=True)
