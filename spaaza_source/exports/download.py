"""Brings a finished export's file to this machine's disk, whole or not at all.

Which link, when, and what is done about an expired one is left to `run`; reading the file, to
`tabular`.
"""

from __future__ import annotations

import errno
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from spaaza_source.errors import (
    FileError,
    IncompleteDownloadError,
    SettingsError,
    UnavailableError,
    UnsafeLinkError,
)
from spaaza_source.exports.gunzip import Gunzip
from spaaza_source.exports.http import TIMEOUT, is_loopback
from spaaza_source.exports.jobs import Link

#: Small enough that progress and a stop are prompt on a slow line.
CHUNK = 1 << 17

#: Called with the bytes that arrived since the last call, and the total where it is known.
OnBytes = Callable[[int, int | None], None]


class LinkRefusedError(UnavailableError):
    """The file's host turned the link away: it may have expired, or not be served yet."""


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


def open_link(link: Link, *, base_url: str) -> requests.Response:
    """Start the download of `link`, without any credential but the link's own.

    Args:
        link: What the vendor gave.
        base_url: The vendor's address: a link may lead to this machine only where this does.

    Raises:
        UnsafeLinkError: The link, or a redirect on the way, is not `https`.
        LinkRefusedError: Its host answered 4xx.
        UnavailableError: Its host failed, or cannot be reached.
    """
    session = requests.Session()
    session.auth = _no_credentials
    session.trust_env = not is_loopback(base_url)
    url, headers = link.url, dict(link.headers)
    for _ in range(6):
        _check_scheme(url, base_url)
        try:
            response = session.get(
                url,
                headers={"Accept-Encoding": "identity", **headers},
                stream=True,
                timeout=TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException:
            raise UnavailableError(
                "the file's host cannot be reached",
                where=_host(url),
                way_out="Check the network and its rules for this host, then run again.",
            ) from None
        if not response.is_redirect:
            return _checked(response, url)
        target = urljoin(url, response.headers["Location"])
        response.close()
        if _host(target) != _host(url):
            headers = {}
        url = target
    raise UnsafeLinkError("the link redirects without end", where=_host(url))


def save(
    response: requests.Response,
    path: Path,
    *,
    on_bytes: OnBytes = lambda _arrived, _total: None,
    stop: threading.Event | None = None,
) -> FetchedFile:
    """Write a response's body to `path`, unpacked, hashed on the way.

    Args:
        response: Opened with `stream=True`.
        path: Our own name for the file; nothing of the server's is used. Gone if this raises.
        on_bytes: Told of progress.
        stop: Set to end the download at once.

    Raises:
        IncompleteDownloadError: The body ended early, or the connection broke.
        FileError: The gzip data is damaged or a bomb.
        SettingsError: The disk is full or not writable.
    """
    expected = _content_length(response)
    chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    gunzip = Gunzip()
    digest = hashlib.sha256()
    received = size = 0
    whole = False
    try:
        with path.open("wb") as file:
            for data in response.raw.stream(CHUNK, decode_content=False):
                received += len(data)
                on_bytes(len(data), expected)
                for piece in gunzip.feed(data):
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
                if stop is not None and stop.is_set():
                    raise IncompleteDownloadError("the download was stopped")
            for piece in gunzip.finish():
                file.write(piece)
                digest.update(piece)
                size += len(piece)
        if expected is not None and received != expected:
            raise IncompleteDownloadError(
                f"{received:,} of {expected:,} bytes arrived", way_out="Run again."
            )
        whole = True
    except (urllib3.exceptions.HTTPError, requests.RequestException):
        raise IncompleteDownloadError(
            f"the connection broke after {received:,} bytes", way_out="Run again."
        ) from None
    except OSError as failure:
        if isinstance(failure, ConnectionError | TimeoutError):
            raise IncompleteDownloadError(
                f"the connection broke after {received:,} bytes", way_out="Run again."
            ) from None
        raise _disk_error(failure, path) from None
    finally:
        response.close()
        if not whole:
            path.unlink(missing_ok=True)
    proven = expected is not None or chunked or gunzip.is_gzip
    return FetchedFile(path, received, size, digest.hexdigest(), proven)


def _check_scheme(url: str, base_url: str) -> None:
    scheme = urlsplit(url).scheme.lower()
    if scheme == "https" or (scheme == "http" and is_loopback(base_url) and is_loopback(url)):
        return
    raise UnsafeLinkError(
        f"the link has the scheme {scheme!r}, not https",
        where=_host(url),
        way_out="Ask the vendor; nothing was fetched.",
    )


def _checked(response: requests.Response, url: str) -> requests.Response:
    status = response.status_code
    if status == 200:  # noqa: PLR2004 - HTTP's own number
        return response
    response.close()
    if 400 <= status < 500:  # noqa: PLR2004
        raise LinkRefusedError(
            f"the file's host refused the link (HTTP {status})",
            where=_host(url),
            way_out="Run again: the vendor then gives a fresh link.",
        )
    raise UnavailableError(
        f"the file's host failed (HTTP {status})", where=_host(url), way_out="Run again later."
    )


def _content_length(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _disk_error(failure: OSError, path: Path) -> SettingsError | FileError:
    full = failure.errno in (errno.ENOSPC, errno.EDQUOT)
    return SettingsError(
        "the disk is full" if full else f"the file cannot be written ({failure.strerror})",
        where=str(path.parent),
        way_out="Make room there, or set another pipelines_dir.",
    )


def _host(url: str) -> str:
    return urlsplit(url).hostname or "no host"


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
