"""Waits for a table's files: shows how far they are, and reads each while it arrives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dlt.common import logger
from dlt.common.runtime.collector_base import Collector

from spaaza_source.destination import current_pipeline
from spaaza_source.errors import FileError
from spaaza_source.exports import Export, ExportRun, JobState, OnDownload, Phase, TableExports
from spaaza_source.loading.context import is_extracting
from spaaza_source.loading.scope import LoadScope
from spaaza_source.reading import FileReader
from spaaza_source.tabular import SharedThreads

#: Labels of the counters that a pipeline's `progress` sees, beside dlt's own count of rows.
EXPORTING = "export"
DOWNLOADING = "download"


class Progress:
    """Reports the state of a table's exports, and the bytes received.

    It is called from the thread that extracts, whenever that thread has its turn.
    """

    def __init__(self, exports: TableExports) -> None:
        self._exports = exports
        self._collector: Collector | None = (
            current_pipeline().collector if is_extracting() else None
        )
        self._state = ""
        self._received = 0

    def report(self) -> None:
        """Report what has changed since the last call."""
        exports = self._exports
        if self._collector is None:
            return
        table, state, received = exports.sync.table, exports.state, exports.received
        if received != self._received:
            # dlt's own type forgets that a total may be unknown.
            total: Any = exports.total
            arrived, self._received = received - self._received, received
            self._collector.update(table, inc=arrived, total=total, label=DOWNLOADING)
        if state != self._state:
            self._state = state
            self._collector.update(table, inc=0, message=state, label=EXPORTING)


def begin_early(
    reader: FileReader, scope: LoadScope, threads: SharedThreads | None = None
) -> OnDownload:
    """What begins to read a file of a table while it is downloaded, in any thread.

    One that may be the very file that was loaded last is left alone until its hash tells.

    Args:
        reader: What opens the table's files.
        scope: What the load covers.
        threads: Where the parts of files are examined; in threads of its own unless given.
    """
    known_size = scope.only_file.received if scope.only_file else None
    request = scope.sync.make_request(None)
    return reader.begin_early(
        request.table, request.export_format, known_size=known_size, threads=threads
    )


def await_files(
    run: ExportRun, exports: TableExports, reader: FileReader, scope: LoadScope
) -> Iterator[None]:
    """Wait until all files have arrived; judge one while the others are on their way."""
    progress = Progress(exports)
    while not exports.settled or (exports.error is None and _unexamined(exports, reader, scope)):
        progress.report()
        if run.reading.acquire(blocking=False):
            try:
                _examine_one(run, exports, reader, scope)
            finally:
                run.reading.release()
        yield None
    progress.report()


def _unexamined(exports: TableExports, reader: FileReader, scope: LoadScope) -> list[Export]:
    """The exports whose files have arrived and can be judged before all others have."""
    if scope.has_file(exports):
        return []
    return [
        export
        for export in exports.current
        if export.phase is Phase.ARRIVED and reader.can_examine(export)
    ]


def _examine_one(
    run: ExportRun, exports: TableExports, reader: FileReader, scope: LoadScope
) -> None:
    """Judge a file, if one is there that is not being read in another thread.

    That of an adopted job is asked for anew where it must not be loaded.
    """
    for export in _unexamined(exports, reader, scope):
        if reader.is_reading(export):
            continue
        try:
            reader.examine(export)
        except FileError as refused:
            if not run.replace_refused(exports, export):
                raise
            logger.warning(
                f"{refused}; the job {export.job.job_id} is not used, a new one is asked for"
            )
        return


def warn_of_unfinished(exports: TableExports) -> None:
    """Name the jobs of a load that ends early, by Ctrl-C or because something else failed."""
    unfinished = [
        export
        for export in exports.exports
        if export.phase is Phase.EXPORTING and export.job.state is not JobState.FAILED
    ]
    if len(unfinished) == 1:
        job = unfinished[0].job
        logger.warning(
            f"{unfinished[0].request}: the vendor's job {job.job_id} is still {job.vendor_state};"
            " the next run adopts it"
        )
    elif unfinished:
        jobs = ", ".join(export.job.job_id for export in unfinished)
        logger.warning(
            f"{exports.sync.table}: {len(unfinished)} of the vendor's jobs are not done; the next"
            f" run adopts them: {jobs}"
        )
