"""What every vendor's `ExportService` has of its HTTP: address, clock, pace and deadline."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime

from spaaza_source.transport.clock import Deadline
from spaaza_source.transport.http_client import HttpClient


class HttpService:
    """The part of an `ExportService` that tells nothing of exports.

    Args:
        http: The way to the vendor.
    """

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    @property
    def base_url(self) -> str:
        """The vendor's address: a link may lead to loopback only where this does."""
        return self._http.base_url

    def now(self) -> datetime:
        """The present instant by the vendor's clock, UTC."""
        return self._http.now()

    def pace(self) -> float:
        """Seconds between two calls that the vendor's limit leaves room for; 0 without a limit."""
        return self._http.pace()

    def within(self, deadline: Deadline) -> AbstractContextManager[None]:
        """Calls that this thread makes meanwhile wait no longer than until then."""
        return self._http.within(deadline)
