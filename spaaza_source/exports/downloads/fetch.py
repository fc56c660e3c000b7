"""Fetches the files of a finished export: asks for fresh links, reconnects and resumes."""

from __future__ import annotations

from collections.abc import Callable

from spaaza_source.errors import (
    IncompleteDownloadError,
    LinkRefusedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from spaaza_source.exports.jobs import ExportService, Job
from spaaza_source.transport import Deadline, Download, FetchedFile, open_link

#: A link may expire before it is used, or not be served yet: this many fresh ones are asked for.
FRESH_LINKS = 2
#: A connection may break: this many more resume the download, each with a fresh link.
RECONNECTS = 4
#: Seconds between two connections.
PAUSE = 2.0


def fetch_files(
    service: ExportService,
    job: Job,
    begin: Callable[[], Download],
    deadline: Deadline,
) -> list[FetchedFile]:
    """All files of a finished job's result; most vendors have one.

    `begin` begins the download of the next file. All have to come by the deadline.

    Raises:
        LinkRefusedError: Its links were turned away, the fresh ones too.
        UnavailableError: The connection broke, or was too slow, too often.
        ExportTimeoutError: The deadline has passed.
        UnexpectedAnswerError: The vendor named another number of files than before.
    """
    files: list[FetchedFile] = []
    parts: int | None = None
    try:
        while parts is None or len(files) < parts:
            with begin() as download:
                number = len(files)
                file, parts = _fetch_file(
                    service, job, download, deadline, number=number, parts=parts
                )
            files.append(file)
    except BaseException:
        for file in files:
            file.path.unlink(missing_ok=True)
        raise
    return files


def fetch_again(attempt: Callable[[], FetchedFile], deadline: Deadline) -> FetchedFile:
    """The file of an answer that cannot be had in parts: where it breaks off, it is asked for anew.

    Raises:
        UnavailableError: The connection broke, or was too slow, too often.
        ExportTimeoutError: The deadline has passed.
    """
    broken = 0
    while True:
        try:
            return attempt()
        except IncompleteDownloadError as failure:
            broken += 1
            if broken > RECONNECTS or not deadline.pause(PAUSE):
                raise failure from None


def _fetch_file(
    service: ExportService,
    job: Job,
    download: Download,
    deadline: Deadline,
    *,
    number: int,
    parts: int | None,
) -> tuple[FetchedFile, int]:
    """One file of a result, its number counted from 0; and how many there are."""
    refused = broken = 0
    while True:
        try:
            links = service.links(job.job_id)
            if parts not in (None, len(links)):
                raise UnexpectedAnswerError(
                    f"the vendor named {parts} files of the result, and then {len(links)}",
                    hint="Run again.",
                )
            response = open_link(
                links[number],
                base_url=service.http.base_url,
                resume_headers=download.resume_headers,
                deadline=deadline,
                stopwatch=service.http.stopwatch,
            )
            return download.receive(response), len(links)
        except LinkRefusedError:
            refused += 1
            if refused > FRESH_LINKS or not deadline.pause(PAUSE):
                raise
        except (UnreachableError, IncompleteDownloadError) as failure:
            broken += 1
            if broken > RECONNECTS or not deadline.pause(max(PAUSE, failure.retry_after or 0)):
                raise
