"""Timeouts and retries of HTTP calls: which failures are retried, how often and how long after.

A GET, a DELETE, and a POST that only reads may be retried. A POST that creates something is not
retried here: if its answer is lost, nobody can tell whether it was done. `exports/job_registry`
looks for the job before it asks again.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

import requests
import urllib3

from spaaza_source.errors import (
    CredentialsError,
    RequestRefusedError,
    SettingsError,
    SpaazaSourceError,
    UnavailableError,
    UnreachableError,
)
from spaaza_source.transport.clock import Deadline
from spaaza_source.transport.patience import TooSlowError

#: Seconds to connect, and seconds without a byte of an answer.
TIMEOUT = (10.0, 60.0)
#: Tries of one call. An HTTP 500 may be a permission error, which no waiting cures: fewer for it.
TRIES = 5
TRIES_AFTER_500 = 3
#: Tries of a call whose answer came too slowly: each has taken a minute.
TRIES_WHEN_SLOW = 2
#: Tries to connect to a host that cannot be reached.
TRIES_TO_CONNECT = 3

#: Variables that name a file of certificates; the first that is set counts.
CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

_T = TypeVar("_T")


class RetriableError(Exception):
    """A failure that may pass.

    Args:
        final: The error to raise once no more tries are left.
        tries: How often the call may be made in all.
    """

    def __init__(self, final: SpaazaSourceError, tries: int = TRIES) -> None:
        super().__init__(str(final))
        self.final = final
        self.tries = tries

    def wait_seconds(self, tried: int) -> float:
        """Seconds to wait after so many tries: what the vendor asks for, or ever longer."""
        if isinstance(self.final, UnavailableError) and self.final.retry_after is not None:
            return self.final.retry_after
        # Jitter, so that many runs that failed together do not come back together.
        return float(2 ** (tried - 1)) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def retry(call: Callable[[], _T], deadline: Deadline) -> _T:
    """The call's result, tried again after each `RetriableError`.

    Raises:
        SpaazaSourceError: The failure, once its tries are used up, or where the next wait would
            end after the deadline.
    """
    tries = 0
    while True:
        tries += 1
        try:
            return call()
        except RetriableError as error:
            if tries >= error.tries or not deadline.pause(error.wait_seconds(tries)):
                raise error.final from None


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds a `Retry-After` header asks for: it holds seconds or a date; None if neither."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - now).total_seconds()
        except (TypeError, ValueError):
            return None
    return seconds if seconds > 0 else None


def lacks_certificates(failure: OSError) -> bool:
    """Whether the file of certificates is missing, of which `requests` raises a bare OSError."""
    return not isinstance(failure, requests.RequestException) and "certificate" in str(failure)


def certificates_error() -> SettingsError:
    """The error for a file of certificates that is not there."""
    setting = next((name for name in CA_BUNDLES if os.environ.get(name)), CA_BUNDLES[0])
    return SettingsError(
        f"the file of certificates {os.environ.get(setting, '')!r} cannot be read",
        where=setting,
        hint="Correct the variable, or remove it to use the usual certificates.",
    )


def network_error(failure: OSError, where: str) -> RetriableError | SettingsError:
    """The error for a call that got no answer.

    The library's own text is left out: it holds addresses with their queries.
    """
    if lacks_certificates(failure):
        return certificates_error()
    hint = "Check base_url and the network, then run again."
    if isinstance(failure, requests.exceptions.SSLError):
        cause = "the TLS certificate is not accepted"
        hint = f"If a proxy here has certificates of its own, name their file in {CA_BUNDLES[0]}."
        return RetriableError(UnreachableError(cause, where=where, hint=hint), tries=1)
    if isinstance(failure, requests.ConnectTimeout) or _never_connected(failure):
        cause = "no connection to the host can be made"
        return RetriableError(UnreachableError(cause, where=where, hint=hint), TRIES_TO_CONNECT)
    if isinstance(failure, requests.Timeout):
        cause = "the answer took too long"
    elif isinstance(failure, requests.ConnectionError):
        cause = "the connection broke"
    else:
        cause = type(failure).__name__
    return RetriableError(UnavailableError(cause, where=where, hint=hint))


def slow_error(slow: TooSlowError, where: str) -> RetriableError:
    """The error for an answer that was given up; one that is late is not asked for again."""
    final = UnavailableError(
        f"the answer was given up: {slow}",
        where=where,
        hint="Check the network, a proxy in it too, and run again later; if it stays so, show this"
        " to the vendor.",
    )
    return RetriableError(final, tries=1 if slow.is_late else TRIES_WHEN_SLOW)


def _never_connected(failure: OSError) -> bool:
    cause = failure.args[0] if failure.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def status_error(
    status: int,
    message: str,
    where: str,
    *,
    is_permission: bool,
    cycle_used_up: bool,
    retry_after: float | None,
) -> SpaazaSourceError | RetriableError:
    """The error for an answer whose status is no success.

    Args:
        status: The HTTP status.
        message: The status and the vendor's own words, redacted.
        where: The call.
        is_permission: Whether the answer's body says that a permission is missing.
        cycle_used_up: Whether the account has no calls left before its next billing cycle.
        retry_after: Seconds the vendor asks to wait; None where it does not say.
    """
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) or is_permission:
        return CredentialsError(
            f"the vendor refused the credentials ({message})",
            where=where,
            hint="Check the credentials, and that they belong to this account.",
        )
    tries = TRIES
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        cause, hint = f"too many requests ({message})", "Run again later."
        if cycle_used_up:
            cause = f"the account has used up its calls of this billing cycle ({message})"
            hint = "Run again in the next one, or ask the vendor for more calls."
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        cause = f"the vendor failed ({message})"
        hint = "Run again later; if it stays so, show this to the vendor."
        tries = TRIES_AFTER_500 if status == HTTPStatus.INTERNAL_SERVER_ERROR else TRIES
    else:
        refusal = RequestRefusedError(
            f"the vendor refused the request ({message})",
            where=where,
            hint="Check the settings named there, or show this to the vendor.",
        )
        refusal.status = status
        return refusal
    final = UnavailableError(cause, where=where, hint=hint)
    final.status, final.retry_after = status, retry_after
    return RetriableError(final, tries)
