"""A finished export's whole file, by as many links and connections as it takes, within bounds.

What a connection brings is `download`'s, which jobs there are `run`'s.
"""

from __future__ import annotations

import threading

from spaaza_source.errors import IncompleteDownloadError, LinkRefusedError, UnreachableError
from spaaza_source.exports.clock import Clock
from spaaza_source.exports.download import Download, FetchedFile, open_link
from spaaza_source.exports.jobs import ExportService, Job

#: A link may expire before it is used, or not be served at once: this many more are asked for.
FRESH_LINKS = 2
#: A connection may break: this many more carry on where it broke, each with a fresh link.
RECONNECTS = 4
#: Seconds between two connections.
PAUSE = 2.0


def fetched(
    service: ExportService, job: Job, download: Download, clock: Clock, stop: threading.Event
) -> FetchedFile:
    """The whole file.

    Args:
        service: The vendor.
        job: One that is done.
        download: Where the file goes.
        clock: The time to wait by.
        stop: Set to give up.

    Raises:
        LinkRefusedError: Its links were turned away, the fresh ones too.
        UnavailableError: The connection broke too often.
    """
    refused = broken = 0
    while True:
        try:
            link = service.link(job.job_id)
            return download.take(
                open_link(link, base_url=service.base_url, carry_on=download.headers)
            )
        except LinkRefusedError:
            refused += 1
            if refused > FRESH_LINKS or stop.is_set():
                raise
        except (UnreachableError, IncompleteDownloadError):
            broken += 1
            if broken > RECONNECTS or stop.is_set():
                raise
        clock.pause(PAUSE, stop)
