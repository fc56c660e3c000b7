"""Streaming gunzip of bytes that may be gzip; verifies the trailer."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from spaaza_source.errors import FileError, IncompleteDownloadError

MAGIC = b"\x1f\x8b"
#: The largest piece that is returned, so that a small bomb cannot fill the memory.
PIECE = 1 << 20
#: DEFLATE reaches 1:1032. A table of text stays far below this; only a bomb exceeds it.
LARGEST_RATIO = 500
#: The ratio is checked from this many bytes on: below, it says nothing.
RATIO_COUNTS_FROM = 64 << 20


class Gunzip:
    """Feed it every byte, then call `finish`.

    The first two bytes tell whether they are gzip, whatever a header claims: storage servers drop
    or repeat the header. A file that was compressed, and compressed again in transit, is
    decompressed twice: no text begins as gzip does.
    """

    def __init__(self) -> None:
        self._outer = _Layer()
        self._inner = _Layer()
        self._received = 0

    @property
    def is_gzip(self) -> bool:
        """Whether the bytes fed so far are gzip."""
        return self._outer.member is not None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decompressed bytes of `data`.

        Raises:
            FileError: The gzip data is damaged, or a decompression bomb.
        """
        self._received += len(data)
        for packed in self._bounded(self._outer, data):
            yield from self._bounded(self._inner, packed)

    def finish(self) -> Iterator[bytes]:
        """The bytes held back until now.

        Raises:
            IncompleteDownloadError: The gzip data ends before its trailer.
        """
        for packed in self._outer.finish():
            yield from self._inner.feed(packed)
        yield from self._inner.finish()

    def _bounded(self, layer: _Layer, data: bytes) -> Iterator[bytes]:
        for piece in layer.feed(data):
            if layer.unpacked > max(RATIO_COUNTS_FROM, LARGEST_RATIO * self._received):
                raise FileError(
                    f"the gzip data unpacks to more than {LARGEST_RATIO} times its size",
                    hint="Ask the vendor what this file is.",
                )
            yield piece


class _Layer:
    """One layer of gzip, or none; several members in a row are one text (RFC 1952).

    Attributes:
        unpacked: Bytes decompressed so far.
        member: The member that is being decompressed; None if this is no gzip, or too short yet.
    """

    def __init__(self) -> None:
        self.unpacked = 0
        #: Bytes too few to tell what they are; None once that is decided.
        self._start: bytes | None = b""
        self.member: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._start is not None:
            data = self._start + data
            if len(data) < len(MAGIC):
                self._start = data
                return
            self._start = None
            if data.startswith(MAGIC):
                self.member = zlib.decompressobj(wbits=31)
        if self.member is None:
            yield data
            return
        yield from self._unpack(data)

    def finish(self) -> Iterator[bytes]:
        if self.member is None:
            if self._start:
                yield self._start
        elif not self.member.eof:
            raise IncompleteDownloadError(
                "the gzip data ends before its checksum", hint="Run again."
            )

    def _unpack(self, data: bytes) -> Iterator[bytes]:
        while data and self.member is not None:
            if self.member.eof:
                # Zero bytes may pad the end of a member (gzip's own manual says so).
                data = data.lstrip(b"\0")
                if not data:
                    return
                self.member = zlib.decompressobj(wbits=31)
            try:
                piece = self.member.decompress(data, PIECE)
            except zlib.error:
                raise FileError(
                    "the gzip data is damaged",
                    hint="Run again; if it stays so, ask the vendor.",
                ) from None
            self.unpacked += len(piece)
            if piece:
                yield piece
            data = self.member.unused_data if self.member.eof else self.member.unconsumed_tail
