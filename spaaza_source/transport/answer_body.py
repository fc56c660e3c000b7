"""Reads the body of an API's answer, unpacked, into memory: at most so many bytes of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from spaaza_source.errors import FileError, UnexpectedAnswerError
from spaaza_source.transport.gunzip import PIECE, Gunzip

#: Bytes of an answer, packed and unpacked. A page of a list has a hundred jobs, of some kilobytes
#: each; as objects in memory, an answer may take up to 25 times its size.
LARGEST_ANSWER = 16 << 20
#: Bytes of an error's body that are read: a message shows some hundred of them.
ERROR_BYTES = 64 << 10

CHUNK = 1 << 16
#: What an answer may be packed with; `Gunzip` knows the others by their bytes.
DEFLATE = "deflate"
KNOWN_ENCODINGS = ("", "identity", "gzip", "x-gzip", DEFLATE)


class TooLargeError(Exception):
    """An answer has more bytes than are read."""


def read_body(response: requests.Response) -> bytes:
    """The whole body of an answer that was opened with `stream=True`; the answer is closed.

    Raises:
        TooLargeError: It is larger than `LARGEST_ANSWER`.
        UnexpectedAnswerError: It is packed in an unknown way, or damaged.
        IncompleteDownloadError: It ends before the end of what it is packed with.
        requests.RequestException: The connection broke.
        TooSlowError: It came too slowly, or not by its deadline.
    """
    with response:
        return b"".join(_bounded(response, LARGEST_ANSWER))


def read_error_body(response: requests.Response) -> bytes:
    """The beginning of an error's body, as far as it can be had; the answer is closed."""
    parts = []
    size = 0
    with response:
        try:
            for part in _unpack(response):
                parts.append(part)
                size += len(part)
                if size >= ERROR_BYTES:
                    break
        except Exception:  # noqa: BLE001, S110 - the status says what is wrong
            pass
    return b"".join(parts)[:ERROR_BYTES]


def _bounded(response: requests.Response, most: int) -> Iterator[bytes]:
    size = 0
    try:
        for part in _unpack(response):
            size += len(part)
            if size > most:
                raise TooLargeError
            yield part
    except FileError as damaged:
        raise UnexpectedAnswerError(damaged.cause, hint="Run again later.") from None


def _unpack(response: requests.Response) -> Iterator[bytes]:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in KNOWN_ENCODINGS:
        raise UnexpectedAnswerError(
            "the answer is packed in a way that was not asked for", hint="Run again later."
        )
    packed = _receive(response)
    if encoding == DEFLATE:
        yield from _inflate(packed)
        return
    gunzip = Gunzip()
    for data in packed:
        yield from gunzip.feed(data)
    yield from gunzip.finish()


def _receive(response: requests.Response) -> Iterator[bytes]:
    """The bytes as they come; even those that unpack to nothing are counted."""
    size = 0
    try:
        for data in response.raw.stream(CHUNK, decode_content=False):
            size += len(data)
            if size > LARGEST_ANSWER:
                raise TooLargeError
            yield data
    except ReadTimeoutError:
        raise requests.ReadTimeout from None
    except (HTTPError, OSError):
        raise requests.ConnectionError from None


def _inflate(packed: Iterator[bytes]) -> Iterator[bytes]:
    """What `deflate` means: zlib's format by its definition, a bare one by many a server's."""
    unpack: zlib._Decompress | None = None
    for data in packed:
        rest = data
        if unpack is None:
            is_zlib = rest[0] & 0x0F == zlib.DEFLATED
            unpack = zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
        while rest:
            try:
                yield unpack.decompress(rest, PIECE)
            except zlib.error:
                raise UnexpectedAnswerError(
                    "the packed answer is damaged", hint="Run again later."
                ) from None
            rest = unpack.unconsumed_tail
