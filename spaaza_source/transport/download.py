"""Brings a finished export's file to this machine's disk, whole or not at all.

Which link, when, and what is done about an expired one is left to `run`; which addresses it may
lead to, to `addresses`; reading the file, to `tabular`.
"""

from __future__ import annotations

import errno
import hashlib
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import requests
import urllib3
from typing_extensions import Self

from spaaza_source.errors import (
    FileError,
    IncompleteDownloadError,
    LinkRefusedError,
    SettingsError,
    UnexpectedAnswerError,
    UnreachableError,
    UnsafeLinkError,
)
from spaaza_source.transport.gunzip import Gunzip
from spaaza_source.transport.http_client import TIMEOUT, TOO_MANY, is_loopback, retry_after
from spaaza_source.transport.link import Link, Origin
from spaaza_source.transport.redaction import hide_queries_in_logs
from spaaza_source.transport.ssrf_guard import CheckedAdapter

#: Small enough that progress and a stop are prompt on a slow line.
CHUNK = 1 << 17

#: Called with the bytes that arrived since the last call, and the total where it is known.
OnBytes = Callable[[int, int | None], None]


#: HTTP's number for a part of a file, how it says which, and its number for one that is not there.
PARTIAL = 206
CONTENT_RANGE = re.compile(r"bytes (?P<first>\d+)-(?P<last>\d+)/(?P<total>\d+|\*)")
NO_SUCH_PART = 416


@dataclass(frozen=True)
class FetchedFile:
    """A file on this machine's disk.

    Attributes:
        path: Where it lies, unpacked.
        received: Bytes that came over the network.
        size: Bytes of the file itself, unpacked.
        sha256: Of the file itself, unpacked: 64 hex digits.
        proven: Whether its end was proven (a length, a chunked end, a gzip trailer).
    """

    path: Path
    received: int
    size: int
    sha256: str
    proven: bool


def open_link(
    link: Link, *, base_url: str, carry_on: Mapping[str, str] | None = None
) -> requests.Response:
    """Start the download of `link`, without any credential but the link's own.

    Args:
        link: What the vendor gave.
        base_url: The vendor's address: a link may lead to this machine only where this does.
        carry_on: The `headers` of a download that broke off.

    Raises:
        UnsafeLinkError: The link, or a redirect on the way, is not `https`, or leads to this
            machine or a private network.
        LinkRefusedError: Its host answered 4xx.
        UnreachableError: Its host cannot be reached.
        IncompleteDownloadError: Its host failed, or has too many requests.
    """
    carry_on = dict(carry_on or {})
    with _Session(base_url) as session:
        for _ in range(6):
            # Only a `Link` stands in a variable here: a traceback may show them.
            host = _checked_origin(link, base_url).host
            try:
                response = session.get(
                    link.url,
                    headers={"Accept-Encoding": "identity", **carry_on, **link.headers},
                    stream=True,
                    timeout=TIMEOUT,
                    allow_redirects=False,
                )
            except requests.exceptions.InvalidURL:
                raise _no_address() from None
            except requests.RequestException:
                raise UnreachableError(
                    "the file's host cannot be reached",
                    where=host,
                    hint="Check the network and its rules for this host, then run again.",
                ) from None
            except UnsafeLinkError as unsafe:
                # Raised on the way to the host, where `requests` holds address and headers.
                raise unsafe.with_traceback(None) from None
            if carry_on and response.status_code == NO_SUCH_PART:
                # It has become shorter, or all of it had come and only its end was missing.
                carry_on = {}
                response.close()
                continue
            if not response.is_redirect:
                return _checked(response, host)
            response.close()
            moved = link.moved(response.headers["Location"])
            if moved is None:
                raise _no_address()
            _checked_origin(moved, base_url)
            link = moved
    raise UnsafeLinkError("the link redirects without end", where=host)


def save(
    response: requests.Response,
    path: Path,
    *,
    on_bytes: OnBytes = lambda _arrived, _total: None,
    stop: threading.Event | None = None,
) -> FetchedFile:
    """Write a response's body to `path`, unpacked, hashed on the way; nothing is left if it fails.

    Args:
        response: Opened with `stream=True`.
        path: Our own name for the file; nothing of the server's is used.
        on_bytes: Told of progress.
        stop: Set to end the download at once.

    Raises:
        IncompleteDownloadError: The body ended early, or the connection broke.
        FileError: The gzip data is damaged or a bomb.
        SettingsError: The disk is full or not writable.
    """
    with Download(path, on_bytes=on_bytes, stop=stop) as download:
        return download.take(response)


class Download:
    """A file on its way, which a second response can carry on where the first broke off.

    As a context manager it removes the file unless it arrived whole.

    Args:
        path: Our own name for the file.
        on_bytes: Told of progress; a negative number when it starts over.
        stop: Set to end the download at once.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_bytes: OnBytes = lambda _arrived, _total: None,
        stop: threading.Event | None = None,
    ) -> None:
        self._path = path
        self._on_bytes = on_bytes
        self._stop = stop or threading.Event()
        self._whole = False
        self._begin()

    def _begin(self) -> None:
        self._gunzip = Gunzip()
        self._digest = hashlib.sha256()
        self._received = self._size = 0
        self._total: int | None = None
        self._validator = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._whole:
            self._path.unlink(missing_ok=True)

    @property
    def headers(self) -> dict[str, str]:
        """What to ask for so that the next response carries on; empty to start over."""
        if not self._received or not self._validator:
            return {}
        return {"Range": f"bytes={self._received}-", "If-Range": self._validator}

    def take(self, response: requests.Response) -> FetchedFile:
        """Write what the response brings, to its end.

        Raises:
            IncompleteDownloadError: The body ended early, or the connection broke; what came is
                kept, and another response may carry on.
            UnexpectedAnswerError: It carries on from somewhere else.
            FileError: The gzip data is damaged or a bomb.
            SettingsError: The disk is full or not writable.
        """
        try:
            self._line_up(response)
            chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
            with self._path.open("ab" if self._received else "wb") as file:
                for data in response.raw.stream(CHUNK, decode_content=False):
                    self._received += len(data)
                    self._on_bytes(len(data), self._total)
                    self._write(file, self._gunzip.feed(data))
                    if self._stop.is_set():
                        raise IncompleteDownloadError("the download was stopped")
                self._check_length(chunked=chunked)
                self._write(file, self._gunzip.finish())
        except (
            urllib3.exceptions.HTTPError,
            requests.RequestException,
            ConnectionError,
            TimeoutError,
        ):
            raise IncompleteDownloadError(
                f"the connection broke after {self._received:,} bytes", hint="Run again."
            ) from None
        except OSError as failure:
            raise _disk_error(failure, self._path) from None
        finally:
            response.close()
        self._whole = True
        # A part of unknown whole proves nothing by its own end.
        ended = chunked and response.status_code != PARTIAL
        proven = self._total is not None or ended or self._gunzip.is_gzip
        return FetchedFile(self._path, self._received, self._size, self._digest.hexdigest(), proven)

    def _line_up(self, response: requests.Response) -> None:
        """Carry on where the file ends, or start over where the response does."""
        etag = response.headers.get("ETag", "")
        if response.status_code == PARTIAL:
            self._check_part(response, etag)
            return
        self._start_over()
        self._total = _content_length(response)
        # Only a strong ETag says that the bytes are the same.
        self._validator = "" if etag.startswith("W/") else etag

    def _start_over(self) -> None:
        if self._received:
            self._on_bytes(-self._received, None)
        self._begin()

    def _check_part(self, response: requests.Response, etag: str) -> None:
        """Prove that a part of a file carries on the very file that has come so far."""
        place = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if place is None or int(place["first"]) != self._received:
            raise UnexpectedAnswerError(
                f"the file's host did not carry on at byte {self._received:,}",
                hint="Run again.",
            )
        total = None if place["total"] == "*" else int(place["total"])
        changed = etag not in ("", self._validator) or (
            None not in (total, self._total) and total != self._total
        )
        if changed and self._received:
            # A host that knows no If-Range: without a validator the next answer is the whole file.
            self._start_over()
            raise IncompleteDownloadError("the file changed while it came", hint="Run again.")
        if self._total is None:
            self._total = total

    def _write(self, file: BinaryIO, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            file.write(piece)
            self._digest.update(piece)
            self._size += len(piece)

    def _check_length(self, *, chunked: bool) -> None:
        if not self._received and self._total is None and not chunked:
            # An answer that broke off among its headers has neither a length nor a body.
            raise IncompleteDownloadError("no byte of the file arrived", hint="Run again.")
        if self._total is not None and self._received != self._total:
            raise IncompleteDownloadError(
                f"{self._received:,} of {self._total:,} bytes arrived", hint="Run again."
            )


class _Session(requests.Session):
    """Carries no credential and no cookie, and connects only to where a file may be."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        hide_queries_in_logs()
        local = is_loopback(base_url)
        self.auth = _no_credentials
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.trust_env = not local
        self.mount("https://", CheckedAdapter(loopback=local))
        # Plain text stays on this machine, whatever an odd spelling let pass before.
        self.mount("http://", CheckedAdapter(public=False, loopback=local))

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - its interface
        """Nowhere: without this the whole body of a redirect is read, and its target prepared."""
        return


def _checked_origin(link: Link, base_url: str) -> Origin:
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
    # Nothing of it is shown: in what cannot be taken apart, the query cannot be left out.
    return UnsafeLinkError(
        "the link is not a web address", hint="Ask the vendor; nothing was fetched."
    )


def _checked(response: requests.Response, host: str) -> requests.Response:
    status = response.status_code
    if status in (200, PARTIAL):
        return response
    response.close()
    if status == TOO_MANY:
        busy = IncompleteDownloadError(
            f"the file's host has too many requests (HTTP {status})",
            where=host,
            hint="Run again later.",
        )
        asked = response.headers.get("Retry-After")
        busy.status, busy.retry_after = status, retry_after(asked, datetime.now(timezone.utc))
        raise busy
    if 400 <= status < 500:  # noqa: PLR2004
        raise LinkRefusedError(
            f"the file's host refused the link (HTTP {status})",
            where=host,
            hint="Run again: the vendor then gives a fresh link.",
        )
    raise IncompleteDownloadError(
        f"the file's host failed (HTTP {status})", where=host, hint="Run again later."
    )


def _content_length(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _disk_error(failure: OSError, path: Path) -> SettingsError | FileError:
    full = failure.errno in (errno.ENOSPC, errno.EDQUOT)
    return SettingsError(
        "the disk is full" if full else f"the file cannot be written ({failure.strerror})",
        where=str(path.parent),
        hint="Make room there, or set another pipelines_dir.",
    )


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
