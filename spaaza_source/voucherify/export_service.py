"""Voucherify as the road sees it: a request becomes an export object, an export object a job.

The calls themselves are `api`; the waiting is the road's. The vendor has no room for words of ours
in an export, but echoes its parameters: by these it is found again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from spaaza_source.errors import LinkRefusedError
from spaaza_source.exports import PART, ExportRequest, Job, JobState, KnownJob
from spaaza_source.transport import Link, is_loopback, redact
from spaaza_source.voucherify.credentials import AppKeys
from spaaza_source.voucherify.exports_api import ExportAnswer, ExportsApi
from spaaza_source.voucherify.filters import JUNCTION, window_of
from spaaza_source.voucherify.objects import OBJECTS
from spaaza_source.windows import parse_vendor_instant

STATES = {
    "SCHEDULED": JobState.WAITING,
    "INPROGRESS": JobState.RUNNING,
    "DONE": JobState.DONE,
    "ERROR": JobState.FAILED,
}

#: Parameters that are echoed as they were sent.
ECHOED = ("order", "fields", "campaign_id")

#: Exports to a page and pages to look through: the vendor allows no more of either.
PAGE, PAGES = 100, 100

#: Ends of the names of the vendor's own hosts, which may see the key.
VENDOR_HOSTS = (".voucherify.io",)


class VoucherifyExports:
    """An `ExportService` over `/exports`.

    Args:
        api: The vendor's calls.
        keys: What a link's host may have to see.
    """

    def __init__(self, api: ExportsApi, keys: AppKeys) -> None:
        self.http = api.http
        self._api = api
        self._keys = keys

    def known_jobs(self, since: datetime) -> Iterator[KnownJob]:
        """The project's exports whose parameters this package may have sent, the newest first.

        One that somebody else asked for with the very same parameters brings the same rows.
        """
        seen: set[str] = set()
        for page in range(1, PAGES + 1):
            exports = self._api.list_exports(page=page, limit=PAGE)
            fresh = [export for export in exports if str(export["id"]) not in seen]
            for export in fresh:
                yield from _own(export, self._keys.account(), self.http.redact)
            dates = [parse_vendor_instant(export.get("created_at")) for export in fresh]
            if not fresh or any(date is not None and date < since for date in dates):
                return
            seen.update(str(export["id"]) for export in fresh)

    def create(self, request: ExportRequest, later: timedelta = timedelta(0)) -> Job:
        """Ask for the export, once; the vendor begins when it will."""
        del later
        return self._job(self._api.create(request.subject, request.selection))

    def poll(self, job_id: str) -> Job:
        """The export as it stands."""
        return self._job(self._api.get(job_id))

    def links(self, job_id: str) -> Sequence[Link]:
        """Fresh links to the parts of the result.

        A host of the vendor's own wants to see the key again; no other ever does.
        """
        urls = self._api.urls(job_id)
        if not urls:
            raise LinkRefusedError(
                "the vendor says that the export is done, and names no file of it",
                hint="Run again; if it stays so, ask the vendor.",
            )
        return [Link(url, self._keys.headers() if self._may_see(url) else {}) for url in urls]

    def remove(self, job_id: str) -> None:
        """Delete an export at the vendor; a further part of one goes with it."""
        if PART not in job_id:
            self._api.delete(job_id)

    def _may_see(self, url: str) -> bool:
        """Whether a link's host is the vendor's, and the way to it closed to others."""
        try:
            link, api = urlsplit(url), urlsplit(self.http.base_url)
        except ValueError:
            # Whoever opens it refuses it, without a word of what is in it.
            return False
        if "\\" in link.netloc:
            # There `requests` ends the host.
            return False
        host = link.hostname or ""
        if link.scheme != "https" and not (is_loopback(url) and is_loopback(self.http.base_url)):
            return False
        return host == api.hostname or host.endswith(VENDOR_HOSTS)

    def _job(self, export: ExportAnswer) -> Job:
        return job_of(export, self.http.redact)


def job_of(export: ExportAnswer, fit: Callable[[str], str] = redact) -> Job:
    """An export object as a job.

    Args:
        export: One without a status is in an unknown state.
        fit: Makes words of the vendor's fit to be shown.
    """
    status = export.get("status")
    status = status if isinstance(status, str) else ""
    known = status.upper().replace("_", "").replace(" ", "")
    return Job(
        job_id=str(export["id"]),
        state=STATES.get(known, JobState.UNKNOWN),
        vendor_state=fit(status),
        created_at=parse_vendor_instant(export.get("created_at")),
    )


def _own(export: ExportAnswer, account: str, fit: Callable[[str], str]) -> Iterator[KnownJob]:
    """An export as a job of ours, by what its parameters say; as two where they may mean either."""
    subject = str(export.get("exported_object") or "")
    each = next((each for each in OBJECTS.values() if each.exported_object == subject), None)
    parameters = _echoed(export.get("parameters"))
    if each is None or parameters is None:
        return
    window = window_of(parameters.get("filters"), each.time_filters)
    for span in {window, None}:
        request = ExportRequest(each.table, subject, account, window=span, selection=parameters)
        yield KnownJob(request.fingerprint, subject, span, job_of(export, fit))


def _echoed(parameters: Any) -> dict[str, Any] | None:
    """Parameters as we send them: older samples echo `filter`, and a junction in capitals.

    None where they narrow the export by something that we never send.
    """
    if not isinstance(parameters, Mapping):
        return None
    given = {name: value for name, value in parameters.items() if value}
    if given.pop("response_format", "CSV") != "CSV":
        return None
    filters = given.pop("filters", None) or given.pop("filter", None)
    if given.keys() - set(ECHOED) or not isinstance(filters, Mapping | None):
        return None
    if filters:
        given["filters"] = {
            name: value.lower() if name == JUNCTION and isinstance(value, str) else value
            for name, value in filters.items()
        }
    return given
