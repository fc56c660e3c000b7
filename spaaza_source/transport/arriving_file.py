"""A file that is on its way: who reads it gets its bytes as they arrive, and waits for the rest."""

from __future__ import annotations

import threading
from pathlib import Path


class StartedOverError(Exception):
    """The file begins anew: its bytes may be others than those that were read."""


class AbandonedError(Exception):
    """The rest of the file will not come."""


class ArrivingFile:
    """What has been written of a file so far; one thread writes it, and others read along.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._changed = threading.Condition()
        #: How often the file has begun anew.
        self._version = 0
        self._size = 0
        self._total: int | None = None
        self._has_begun = self._is_whole = self._is_abandoned = False

    def start_over(self) -> None:
        """Note that the file begins anew; to be called before its bytes are overwritten."""
        with self._changed:
            self._version += 1
            self._size = 0
            self._has_begun = False
            self._changed.notify_all()

    def grow(self, length: int, total: int | None) -> None:
        """Note that bytes have been written.

        Args:
            length: How many.
            total: The bytes that are to come over the network in all; None where nobody knows.
        """
        with self._changed:
            self._has_begun = True
            self._size += length
            self._total = total
            self._changed.notify_all()

    def end(self, *, whole: bool) -> None:
        """Note that nothing more comes, as the file is whole or given up."""
        with self._changed:
            if not self._is_whole:
                self._is_whole, self._is_abandoned = whole, not whole
            self._changed.notify_all()

    def await_total(self) -> int | None:
        """The bytes that are to come over the network, once the first have arrived.

        Raises:
            AbandonedError: None will come.
        """
        with self._changed:
            while not (self._has_begun or self._is_whole):
                self._rest()
            return self._total

    def open(self) -> ArrivingBytes:
        """Open it at its start, for reading along."""
        with self._changed:
            return ArrivingBytes(self, self._version)

    def _rest(self) -> None:
        if self._is_abandoned:
            raise AbandonedError
        self._changed.wait()

    def await_end(self, version: int) -> None:
        """Wait until the file is whole.

        Raises:
            StartedOverError: It is of another version.
            AbandonedError: It will not be whole.
        """
        with self._changed:
            while not self._is_whole:
                self._check(version)
                self._rest()
            self._check(version)

    def await_bytes(self, version: int, end: int) -> int:
        """How many bytes there are, once there are as many as `end`, or all of the file.

        Raises:
            StartedOverError: It is of another version.
            AbandonedError: They will not come.
        """
        with self._changed:
            while self._size < end and not self._is_whole:
                self._check(version)
                self._rest()
            self._check(version)
            return self._size

    def _check(self, version: int) -> None:
        if version != self._version:
            raise StartedOverError


class ArrivingBytes:
    """The bytes of one version of an `ArrivingFile`, as of a file that is open for reading.

    Between two reads it is closed: it may be removed at any time.
    """

    def __init__(self, file: ArrivingFile, version: int) -> None:
        self._file = file
        self._version = version
        self._at = 0

    def seek(self, offset: int) -> int:
        """Read on from a byte."""
        self._at = offset
        return offset

    def read(self, size: int) -> bytes:
        """So many bytes, once they have arrived; fewer at the end of the file alone.

        Raises:
            StartedOverError, AbandonedError: They will not come.
            OSError: The file cannot be read.
        """
        there = self._file.await_bytes(self._version, self._at + size)
        with self._file.path.open("rb") as file:
            file.seek(self._at)
            data = file.read(max(0, min(size, there - self._at)))
        # While they were read they may have been overwritten.
        self._file.await_bytes(self._version, self._at + len(data))
        self._at += len(data)
        return data

    def await_end(self) -> None:
        """Wait until the file is whole; raises what `read` raises."""
        self._file.await_end(self._version)
