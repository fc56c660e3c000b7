"""Download links: kept secret, for whoever has one may read the file; and opened safely.

Safely is: https only, to public hosts, with no other credential.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests

from spaaza_source.errors import (
    IncompleteDownloadError,
    LinkRefusedError,
    UnreachableError,
    UnsafeLinkError,
)
from spaaza_source.transport.clock import Clock, Deadline
from spaaza_source.transport.download import slow_download
from spaaza_source.transport.patience import Patience, TooSlowError
from spaaza_source.transport.redaction import Secret, hide_queries_in_logs
from spaaza_source.transport.retry import (
    TIMEOUT,
    certificates_error,
    lacks_certificates,
    parse_retry_after,
)
from spaaza_source.transport.ssrf_guard import GuardedAdapter
from spaaza_source.transport.urls import is_loopback

#: Requests for one link: redirects, and one more where the host has no such part of the file.
REQUESTS = 6
#: Schemes that a message may name: in a text that is no link, a colon may follow anything.
SCHEMES_SHOWN = ("https", "http", "ftp", "file", "s3", "gs")
HTTPS_PORT, HTTP_PORT = 443, 80


class Origin(NamedTuple):
    """The part of a link that may be shown."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, repr=False)
class Link(Secret):
    """An address, and the headers its host asks for. Neither is ever shown.

    Attributes:
        url: The whole address.
        headers: Empty for a signed link.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> Origin | None:
        """Scheme, host (empty for none) and port; None where the text is no address."""
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError:
            return None
        # Before a backslash `requests` ends the host, where `urlsplit` goes on to an `@`.
        if parts.scheme not in SCHEMES_SHOWN or "\\" in parts.netloc:
            return None
        default = HTTPS_PORT if parts.scheme == "https" else HTTP_PORT
        return Origin(parts.scheme, parts.hostname or "", port or default)

    def redirect(self, location: str) -> Link | None:
        """The link that a redirect leads to; None where `location` is no address.

        Another origin than this link's is sent none of its headers.
        """
        try:
            target = Link(urljoin(self.url, location), self.headers)
        except ValueError:
            return None
        return target if target.origin == self.origin else Link(target.url)


def open_link(
    link: Link,
    *,
    base_url: str,
    resume_headers: Mapping[str, str] | None = None,
    deadline: Deadline | None = None,
    stopwatch: Clock | None = None,
) -> requests.Response:
    """Start the download of `link`.

    Args:
        link: What the vendor gave.
        base_url: The vendor's address: a link may lead to this machine only where this does.
        resume_headers: Those of a download that broke off; None for a new one.
        deadline: Until when the whole file may come; an hour from now unless given.
        stopwatch: What its bytes are timed by; see `Patience`.

    Raises:
        UnsafeLinkError: The link, or a redirect on the way, is not `https`, or leads to this
            machine or a private network.
        LinkRefusedError: Its host answered 4xx.
        UnreachableError: Its host cannot be reached.
        IncompleteDownloadError: Its host failed, has too many requests, or answers too slowly.
        ExportTimeoutError: It did not answer by the deadline.
    """
    patience = Patience.until(deadline, stopwatch) if deadline else Patience()
    resume_headers = dict(resume_headers or {})
    with _Session(base_url, patience) as session:
        for _ in range(REQUESTS):
            # Only a `Link` stands in a variable here: a traceback may show them.
            host = _check_origin(link, base_url).host
            try:
                response = session.get(
                    link.url,
                    headers={"Accept-Encoding": "identity", **resume_headers, **link.headers},
                    stream=True,
                    timeout=TIMEOUT,
                    allow_redirects=False,
                )
            except requests.exceptions.InvalidURL:
                raise _no_address() from None
            except OSError as failure:
                if lacks_certificates(failure):
                    raise certificates_error() from None
                raise UnreachableError(
                    "the file's host cannot be reached",
                    where=host,
                    hint="Check the network and its rules for this host, then run again.",
                ) from None
            except TooSlowError as slow:
                given_up = slow_download(slow)
                given_up.where = host
                raise given_up from None
            except UnsafeLinkError as unsafe:
                # Raised on the way to the host, where `requests` holds address and headers.
                raise unsafe.with_traceback(None) from None
            status = response.status_code
            if resume_headers and status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                # It has become shorter, or all of it had come and only its end was missing.
                resume_headers = {}
                response.close()
                continue
            if not response.is_redirect:
                return _check_status(response, host)
            response.close()
            target = link.redirect(response.headers["Location"])
            if target is None:
                raise _no_address()
            _check_origin(target, base_url)
            link = target
    raise UnsafeLinkError("the link redirects without end", where=host)


class _Session(requests.Session):
    """Sends no credential and no cookie, and connects only to where a file may be."""

    def __init__(self, base_url: str, patience: Patience | None = None) -> None:
        super().__init__()
        patience = patience or Patience()
        hide_queries_in_logs()
        local = is_loopback(base_url)
        # Without this, a .netrc file may add an Authorization header.
        self.auth = lambda request: request
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.trust_env = not local
        # One for all of its requests: redirects gain no time.
        patient: Any = {"new_patience": lambda: patience, "loopback": local}
        self.mount("https://", GuardedAdapter(**patient))
        # Plain text stays on this machine, whatever an odd spelling let pass before.
        self.mount("http://", GuardedAdapter(public=False, **patient))

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - its interface
        """Nowhere: without this the whole body of a redirect is read, and its target prepared."""
        return


def _check_origin(link: Link, base_url: str) -> Origin:
    """Scheme, host and port of a link that may be opened as far as its text can tell."""
    origin = link.origin
    if origin is None:
        raise _no_address()
    if origin.scheme != "https" and not (
        origin.scheme == "http" and is_loopback(base_url) and is_loopback(link.url)
    ):
        raise UnsafeLinkError(
            f"the link has the scheme {origin.scheme!r}, not https",
            where=origin.host or "no host",
            hint="Ask the vendor; nothing was fetched.",
        )
    if not origin.host:
        raise _no_address()
    return origin


def _no_address() -> UnsafeLinkError:
    # None of its text is shown: in a text that is no address, the query cannot be left out.
    return UnsafeLinkError(
        "the link is not a web address", hint="Ask the vendor; nothing was fetched."
    )


def _check_status(response: requests.Response, host: str) -> requests.Response:
    status = response.status_code
    if status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return response
    response.close()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        busy = IncompleteDownloadError(
            f"the file's host has too many requests (HTTP {status})",
            where=host,
            hint="Run again later.",
        )
        wait = parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
        busy.status, busy.retry_after = status, wait
        raise busy
    if 400 <= status < 500:  # noqa: PLR2004 - HTTP's own numbers
        raise LinkRefusedError(
            f"the file's host refused the link (HTTP {status})",
            where=host,
            hint="Run again: the vendor then gives a fresh link.",
        )
    raise IncompleteDownloadError(
        f"the file's host failed (HTTP {status})", where=host, hint="Run again later."
    )
