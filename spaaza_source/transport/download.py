"""Resumable download: writes a file's bytes to disk, unpacked and hashed, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Self

import requests
from urllib3.exceptions import HTTPError

from spaaza_source.errors import (
    ExportTimeoutError,
    FileError,
    IncompleteDownloadError,
    SettingsError,
    UnexpectedAnswerError,
)
from spaaza_source.transport.arriving_file import ArrivingFile
from spaaza_source.transport.gunzip import Gunzip
from spaaza_source.transport.patience import TooSlowError

#: Small enough that progress and a stop are prompt on a slow line.
CHUNK = 1 << 17
CONTENT_RANGE = re.compile(r"bytes (?P<first>\d+)-(?P<last>\d+)/(?P<total>\d+|\*)")

#: Called with the bytes that arrived since the last call, and the total where it is known.
OnBytes = Callable[[int, int | None], None]


@dataclass(frozen=True)
class FetchedFile:
    """A file on this machine's disk.

    Attributes:
        path: Its path, unpacked.
        received: Bytes that came over the network.
        size: Bytes of the file itself, unpacked.
        sha256: Of the file itself, unpacked: 64 hex digits.
        end_verified: Whether its end was verified (by a length, a chunked end or a gzip trailer).
    """

    path: Path
    received: int
    size: int
    sha256: str
    end_verified: bool


def _no_progress(_arrived: int, _total: int | None) -> None:
    pass


class Download:
    """A file being downloaded; where one response broke off, the next one resumes.

    As a context manager it removes the file unless it arrived whole.

    Attributes:
        arriving: The file for whoever reads it along.

    Args:
        path: Our own name for the file; nothing of the server's is used.
        on_bytes: Called with progress; a negative number when it starts over.
        stop: Set to end the download at once.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_bytes: OnBytes = _no_progress,
        stop: threading.Event | None = None,
    ) -> None:
        self.arriving = ArrivingFile(path)
        self._path = path
        self._on_bytes = on_bytes
        self._stop = stop or threading.Event()
        self._complete = False
        self._received = 0
        self._start_over()

    def _start_over(self) -> None:
        if self._received:
            self._on_bytes(-self._received, None)
            self.arriving.start_over()
        self._gunzip = Gunzip()
        self._digest = hashlib.sha256()
        self._received = self._size = 0
        self._total: int | None = None
        self._validator = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.arriving.end(whole=self._complete)
        if not self._complete:
            self._path.unlink(missing_ok=True)

    @property
    def resume_headers(self) -> dict[str, str]:
        """Headers of a request whose response resumes this download; empty to start over."""
        if not self._received or not self._validator:
            return {}
        return {"Range": f"bytes={self._received}-", "If-Range": self._validator}

    def receive(self, response: requests.Response) -> FetchedFile:
        """Write the response's body, to its end.

        Raises:
            IncompleteDownloadError: The body ended early or came too slowly, or the connection
                broke; what came is kept, and another response may resume.
            ExportTimeoutError: It did not end by its deadline.
            UnexpectedAnswerError: The response resumes at another byte.
            FileError: The gzip data is damaged or a bomb.
            SettingsError: The disk is full or not writable.
        """
        try:
            self._align(response)
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
        except TooSlowError as slow:
            raise slow_download(slow) from None
        except (HTTPError, requests.RequestException, ConnectionError, TimeoutError):
            raise IncompleteDownloadError(
                f"the connection broke after {self._received:,} bytes", hint="Run again."
            ) from None
        except OSError as failure:
            raise _disk_error(failure, self._path) from None
        finally:
            response.close()
        self._complete = True
        # The end of a part says nothing about the end of a whole of unknown length.
        ended = chunked and response.status_code != HTTPStatus.PARTIAL_CONTENT
        return FetchedFile(
            self._path,
            self._received,
            self._size,
            self._digest.hexdigest(),
            end_verified=self._total is not None or ended or self._gunzip.is_gzip,
        )

    def _align(self, response: requests.Response) -> None:
        """Resume where the file ends, or start over if the response does."""
        etag = response.headers.get("ETag", "")
        if response.status_code == HTTPStatus.PARTIAL_CONTENT:
            self._check_part(response, etag)
            return
        self._start_over()
        self._total = _content_length(response)
        # Only a strong ETag says that the bytes are the same.
        self._validator = "" if etag.startswith("W/") else etag

    def _check_part(self, response: requests.Response, etag: str) -> None:
        """Prove that a part belongs to the file that has come so far, and starts at its end."""
        content_range = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if content_range is None or int(content_range["first"]) != self._received:
            raise UnexpectedAnswerError(
                f"the file's host did not resume at byte {self._received:,}", hint="Run again."
            )
        total = None if content_range["total"] == "*" else int(content_range["total"])
        changed = etag not in ("", self._validator) or (
            None not in (total, self._total) and total != self._total
        )
        if changed and self._received:
            # A host that knows no If-Range: without a validator the next answer is the whole file.
            self._start_over()
            raise IncompleteDownloadError("the file changed during the download", hint="Run again.")
        if self._total is None:
            self._total = total

    def _write(self, file: BinaryIO, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            file.write(piece)
            self._digest.update(piece)
            self._size += len(piece)
            file.flush()
            self.arriving.grow(len(piece), self._total)

    def _check_length(self, *, chunked: bool) -> None:
        if not self._received and self._total is None and not chunked:
            # An answer that broke off among its headers has neither a length nor a body.
            raise IncompleteDownloadError("no byte of the file arrived", hint="Run again.")
        if self._total is not None and self._received != self._total:
            raise IncompleteDownloadError(
                f"{self._received:,} of {self._total:,} bytes arrived", hint="Run again."
            )


def slow_download(slow: TooSlowError) -> IncompleteDownloadError | ExportTimeoutError:
    """The error for a file that was given up; only one that is late is not resumed."""
    if slow.is_late:
        return ExportTimeoutError(
            f"the download was given up: {slow}",
            hint="Run again later, or raise export_timeout if the connection is sound.",
        )
    return IncompleteDownloadError(
        f"the download was given up: {slow}",
        hint="Check the network, a proxy in it too, and run again later.",
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
