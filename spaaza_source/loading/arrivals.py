"""Waits for a table's files; each is read while it arrives, and judged before the others."""

from __future__ import annotations

from collections.abc import Iterator

from dlt.common import logger

from spaaza_source.errors import FileError
from spaaza_source.exports import Export, ExportRun, OnDownload, Phase, TableExports
from spaaza_source.loading.progress import Progress
from spaaza_source.loading.scope import LoadScope
from spaaza_source.reading import FileReader
from spaaza_source.tabular import SharedThreads


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
