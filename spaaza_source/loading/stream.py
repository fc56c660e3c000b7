"""Extracts one table from an export that the vendor streams in its answer, without a job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import dlt
import requests

from spaaza_source.audit import note_asked_for
from spaaza_source.errors import SettingsError, UnreachableError
from spaaza_source.exports import (
    Export,
    Job,
    JobState,
    Phase,
    TableExports,
    archive_files,
    error_context,
    fetch_again,
    name_unlisted,
)
from spaaza_source.loading.checkpoint import Cursor
from spaaza_source.loading.context import downloads_folder, is_extracting
from spaaza_source.loading.files.arrivals import Progress, begin_early
from spaaza_source.loading.files.load_files import load_files
from spaaza_source.loading.first_look import forget_first_look
from spaaza_source.loading.scope import resolve_scope
from spaaza_source.loading.table_load import TableLoad
from spaaza_source.telemetry import observe_table
from spaaza_source.transport import Deadline, Download, FetchedFile, SystemClock


@dataclass(frozen=True)
class Stream:
    """An export that a vendor streams in the answer to one request.

    Attributes:
        open: Sends the request; the body of its answer is the file. Where it breaks off, the
            request is sent again.
        timeout: Seconds for all of it.
    """

    open: Callable[[Deadline], requests.Response]
    timeout: float


def stream_table(
    stream: Stream, load: TableLoad, *, keep_files: Path | None = None
) -> Iterator[Any]:
    """What a resource yields: typed tables, then the rows of the audit tables.

    In `export_jobs` the answer is a job of ours, named after the moment of the request.

    Args:
        stream: The export.
        load: How the table is loaded: always whole.
        keep_files: Where the file is archived; None to remove it.

    Raises:
        SettingsError: The table's rows are of another owner, or were loaded by other settings.
        SpaazaSourceError: The request or its file failed; nothing is loaded.
    """
    load = load.renamed()
    scope = resolve_scope(load, Cursor(load.sync.table))
    forget_first_look()
    request, clock = load.sync.make_request(None), SystemClock()
    begun_at = clock.now()
    job = Job(name_unlisted(request, begun_at), JobState.DONE, "STREAMED", created_at=begun_at)
    export = Export(request, job, begun_at, phase=Phase.DOWNLOADING)
    exports = TableExports(load.sync, exports=[export])
    progress, reader = Progress(exports), load.reader(None, scope.tombstones)
    folder = downloads_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def on_bytes(arrived: int, total: int | None) -> None:
        export.received += arrived
        export.total = total
        progress.report()

    asked = note_asked_for(
        exports, None, hide_selection=reader.policy.hides_raw, is_loading=is_extracting()
    )
    try:
        with observe_table(exports, is_loading=is_extracting()), asked:
            begun, deadline = clock.monotonic(), Deadline(clock, stream.timeout)
            path = folder / f"{request.table}-{request.fingerprint}-{uuid4().hex[:8]}"
            with Download(path, on_bytes=on_bytes) as download:
                begin_early(reader, scope)(export, download.arriving)

                def attempt() -> FetchedFile:
                    response = stream.open(deadline)
                    with error_context(export):
                        return download.receive(response)

                try:
                    file = fetch_again(attempt, deadline)
                except (SettingsError, UnreachableError):
                    # Nobody was asked, or nobody who could answer.
                    exports.exports.clear()
                    raise
            export.arrive(file, clock.monotonic() - begun)
            yield from load_files(load, exports, reader, scope)
            if keep_files is not None and is_extracting():
                load_id = str(dlt.current.load_package_state()["load_id"])
                archive_files(exports, keep_files / load_id, reader.strip)
    finally:
        export.remove_file()
