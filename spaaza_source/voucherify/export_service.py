"""Voucherify as an export service: a request becomes an export object, an export object a job.

An export object has no field for a description, but echoes the parameters of its request: by these
an earlier run's job is found again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from spaaza_source.errors import LinkRefusedError, UnexpectedAnswerError
from spaaza_source.exports import PART, ExportRequest, Job, JobState, KnownJob
from spaaza_source.transport import Link, is_loopback
from spaaza_source.voucherify.credentials import AppKeys
from spaaza_source.voucherify.exports_api import ExportAnswer, ExportsApi
from spaaza_source.voucherify.filters import JUNCTION, window_of
from spaaza_source.voucherify.objects import OBJECTS
from spaaza_source.windows import EARLIEST, iso, parse_vendor_instant

STATES = {
    "SCHEDULED": JobState.WAITING,
    "INPROGRESS": JobState.RUNNING,
    "DONE": JobState.DONE,
    "ERROR": JobState.FAILED,
}

#: Parameters that the vendor echoes as they were sent.
ECHOED = ("order", "fields", "campaign_id")

#: Exports per page, and pages to read at most: the vendor allows no more of either.
PAGE, PAGES = 100, 100

#: The domains of the vendor's own hosts, which may see the key.
VENDOR_HOSTS = (".voucherify.io",)


class VoucherifyExports:
    """An `ExportService` over `/exports`.

    Args:
        api: The client of `/exports`.
        keys: The key, which a link's host may ask for again.
    """

    def __init__(self, api: ExportsApi, keys: AppKeys) -> None:
        self.http = api.http
        self._api = api
        self._keys = keys

    def known_jobs(self, since: datetime) -> Iterator[KnownJob]:
        """The project's exports whose parameters this package may have sent, the newest first.

        An export that somebody else requested with the same parameters has the same rows. Where the
        project has had more than the vendor lists, the older ones are not seen.

        Raises:
            UnexpectedAnswerError: So many cannot have been created since then.
        """
        dates: list[datetime | None] = []
        seen: set[str] = set()
        for page in range(1, PAGES + 1):
            exports = self._api.list_exports(page=page, limit=PAGE)
            new = [export for export in exports if str(export["id"]) not in seen]
            for export in new:
                yield from self._known(export)
            dates = [parse_vendor_instant(export.get("created_at")) for export in new]
            if not new or any(date is not None and date < since for date in dates):
                return
            seen.update(str(export["id"]) for export in new)
        if since > EARLIEST and None not in dates:
            raise UnexpectedAnswerError(
                f"the vendor's list of exports does not end: {len(seen):,} since {iso(since)}",
                where="GET /v1/exports",
                hint="Check that base_url is the address of Voucherify's API; if it is, show this"
                " to the vendor.",
            )

    def create(self, request: ExportRequest, later: timedelta = timedelta(0)) -> Job:
        """Create the export; sent once. The vendor decides when it starts."""
        del later
        return self._job(self._api.create(request.subject, request.selection))

    def poll(self, job_id: str) -> Job:
        """The present state of the export."""
        return self._job(self._api.get(job_id))

    def execute(self, job_id: str) -> None:
        """Nothing: this vendor has no such call, and begins every export by itself."""

    def links(self, job_id: str) -> Sequence[Link]:
        """New links to the files of the result.

        The vendor's own hosts require the key; no other host gets it.
        """
        urls = self._api.urls(job_id)
        if not urls:
            raise LinkRefusedError(
                "the export is done, but the vendor names no file of it",
                hint="Run again; if it stays so, ask the vendor.",
            )
        return [Link(url, self._keys.headers() if self._may_see(url) else {}) for url in urls]

    def remove(self, job_id: str) -> None:
        """Delete an export at the vendor, with all files of its result."""
        if PART not in job_id:
            self._api.delete(job_id)

    def _may_see(self, url: str) -> bool:
        """Whether a link's host is the vendor's, and the connection is private."""
        try:
            link, api = urlsplit(url), urlsplit(self.http.base_url)
        except ValueError:
            # Opening it fails, with an error that does not quote it.
            return False
        if "\\" in link.netloc:
            # `requests` would end the host at the backslash.
            return False
        host = link.hostname or ""
        if link.scheme != "https" and not (is_loopback(url) and is_loopback(self.http.base_url)):
            return False
        return host == api.hostname or host.endswith(VENDOR_HOSTS)

    def _job(self, export: ExportAnswer) -> Job:
        """An export object as a job; in an unknown state without a status."""
        status = export.get("status")
        status = status if isinstance(status, str) else ""
        known = status.upper().replace("_", "").replace(" ", "")
        return Job(
            job_id=str(export["id"]),
            state=STATES.get(known, JobState.UNKNOWN),
            vendor_state=self.http.redact(status),
            created_at=parse_vendor_instant(export.get("created_at")),
            channel=self._word(export.get("channel")),
            user_id=self._word(export.get("user_id")),
        )

    def _word(self, value: Any) -> str:
        return self.http.redact(value) if isinstance(value, str) else ""

    def _known(self, export: ExportAnswer) -> Iterator[KnownJob]:
        """An export as a job of ours, by its parameters; as two jobs where these are ambiguous."""
        subject = str(export.get("exported_object") or "")
        exported = next((one for one in OBJECTS.values() if one.exported_object == subject), None)
        parameters = read_parameters(export.get("parameters"))
        if parameters is None:
            return
        account, time_filters = self._keys.account(), exported.time_filters if exported else ()
        # A filter that looks like a window may be the user's own.
        for window in {window_of(parameters.get("filters"), time_filters), None}:
            request = ExportRequest(subject, subject, account, window=window, selection=parameters)
            yield KnownJob(request.fingerprint, subject, window, self._job(export))


def read_parameters(parameters: Any) -> dict[str, Any] | None:
    """Echoed parameters as we send them; None if they have some that we never send.

    Older samples echo `filter`, and a junction in capitals.
    """
    if not isinstance(parameters, Mapping):
        return None
    sent = {name: value for name, value in parameters.items() if value}
    if sent.pop("response_format", "CSV") != "CSV":
        return None
    filters = sent.pop("filters", None) or sent.pop("filter", None)
    if sent.keys() - set(ECHOED) or not isinstance(filters, Mapping | None):
        return None
    if filters:
        sent["filters"] = {
            name: value.lower() if name == JUNCTION and isinstance(value, str) else value
            for name, value in filters.items()
        }
    return sent
