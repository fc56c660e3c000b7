"""Keeps the Arrow tables of a file's pieces on disk, from the pass that makes them to their use."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import pyarrow as pa

from spaaza_source.errors import FileError

MOST_IN_MEMORY = 2**20
"""Bytes: a file that makes no more is not written to disk at all."""
MOST_AT_ONCE = 32
"""Spools that keep tables at one time: each takes an open file, or memory."""

_IN_USE: weakref.WeakSet[Spool] = weakref.WeakSet()


def serialize(table: Any) -> Any:
    """An Arrow table as bytes, in a `pyarrow.Buffer`: its schema, and its cells as they are."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def deserialize(data: bytes) -> Any:
    """The Arrow table of bytes that `serialize` has made; its cells stay where they are."""
    return pa.ipc.open_stream(pa.py_buffer(data)).read_all()


class Spool:
    """Serialized tables, one for each piece, in a file without a name that goes with the object.

    One that is made while `MOST_AT_ONCE` others keep theirs keeps none: a load may have a thousand
    files open, each of which has to wait for the last.

    Args:
        beside: The file that is read: the spool needs about as much room, or up to ten times as
            much where most cells are empty, in the same folder if it can be written to.
    """

    def __init__(self, beside: Path) -> None:
        self._beside = beside
        self._places: list[tuple[int, int]] = []
        self._end = 0
        self.keeps = len(_IN_USE) < MOST_AT_ONCE
        if not self.keeps:
            return
        _IN_USE.add(self)
        folder = str(beside.parent) if os.access(beside.parent, os.W_OK) else None
        self._file = SpooledTemporaryFile(MOST_IN_MEMORY, dir=folder)  # noqa: SIM115 - as below
        weakref.finalize(self, self._file.close)

    @property
    def pieces(self) -> int:
        """How many tables it keeps."""
        return len(self._places)

    def add(self, table: Any) -> None:
        """Add the serialized table of the next piece, if the spool `keeps` any.

        Raises:
            FileError: There is no room for it.
        """
        if not self.keeps:
            return
        try:
            self._file.seek(self._end)
            self._file.write(table)
            # A full disk may show only when the last bytes leave Python's buffer.
            self._file.flush()
        except OSError as failure:
            raise FileError(
                f"no room for the rows that are read ({failure.strerror})",
                where=self._beside.name,
                hint="Free room in its folder or for temporary files: as much as the file has, or"
                " ten times as much where most cells are empty.",
            ) from None
        self._places.append((self._end, table.size))
        self._end += table.size

    def read(self, number: int) -> bytes:
        """The serialized table of a piece, counted from 0; only of a spool that `keeps` them."""
        place, length = self._places[number]
        self._file.seek(place)
        return self._file.read(length)
