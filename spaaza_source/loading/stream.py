"""Extracts one table from an export that the vendor streams in its answer, without a job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import requests

from spaaza_source.exports import (
    Export,
    ExportRequest,
    Job,
    JobState,
    Phase,
    TableExports,
    TableSync,
)
from spaaza_source.loading.context import downloads_folder
from spaaza_source.loading.extract import load_files
from spaaza_source.loading.progress import Progress
from spaaza_source.loading.reader import FileReader, ReadSettings
from spaaza_source.tabular import Policy
from spaaza_source.transport import SystemClock, save_response
from spaaza_source.writing import WriteSettings


def stream_table(
    request: ExportRequest,
    open_stream: Callable[[], requests.Response],
    read_settings: ReadSettings,
    privacy: Policy,
    write_settings: WriteSettings,
) -> Iterator[Any]:
    """What a resource yields: typed tables, then the rows of the audit tables.

    In `export_jobs` the answer is a job of ours, named after the moment of the request.

    Args:
        request: What is asked.
        open_stream: Sends the request; the body of its answer is the file.
        read_settings: How the file is read.
        privacy: What happens to personal columns.
        write_settings: How its rows are written.

    Raises:
        SpaazaSourceError: The request or its file failed; nothing is loaded.
    """
    clock = SystemClock()
    begun_at = clock.now()
    name = f"{request.table}-{request.account}".replace("_", "-")
    job_id = f"{name}-{begun_at:%Y%m%dT%H%M%S.%fZ}"
    job = Job(job_id, JobState.DONE, "STREAMED", created_at=begun_at)
    export = Export(request, job, begun_at, phase=Phase.DOWNLOADING)
    exports = TableExports(TableSync(request.table, lambda _: request), exports=[export])
    progress = Progress(exports)
    folder = downloads_folder()
    folder.mkdir(parents=True, exist_ok=True)

    def on_bytes(arrived: int, total: int | None) -> None:
        export.received += arrived
        export.total = total
        progress.report()

    begun = clock.monotonic()
    file = save_response(
        open_stream(),
        folder / f"{request.table}-{request.fingerprint}-{uuid4().hex[:8]}",
        on_bytes=on_bytes,
    )
    export.arrive(file, clock.monotonic() - begun)
    try:
        yield from load_files(exports, FileReader(read_settings, privacy), write_settings)
    finally:
        export.remove_file()
