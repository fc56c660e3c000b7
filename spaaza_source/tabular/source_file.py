"""What reading any file needs: checks of the settings, and proof that the file does not change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, TypeAlias, get_args

from spaaza_source.errors import FileError, MalformedFileError, SettingsError, not_among

ColumnTypes: TypeAlias = Literal["inferred", "text"]
OnBadRow: TypeAlias = Literal["reject", "fail"]
Identity: TypeAlias = tuple[int, ...]

LONGEST_RECORD = 32 * 2**20
"""Bytes. A longer record stops the load: memory must stay bounded, and an unclosed quote shows."""


class SourceBytes(Protocol):
    """The bytes of a file that is open for reading."""

    def read(self, size: int, /) -> bytes:
        """So many bytes; fewer at the end of the file alone."""

    def seek(self, offset: int, /) -> int:
        """Read on from a byte."""


def check_settings(
    column_types: str, on_bad_row: str, max_rejected_share: float, max_rejected_rows: int
) -> None:
    """Check the settings of a reader.

    Raises:
        SettingsError: A setting has an impossible value.
    """
    choices = (
        ("column_types", column_types, get_args(ColumnTypes)),
        ("on_bad_row", on_bad_row, get_args(OnBadRow)),
    )
    for setting, value, allowed in choices:
        if value not in allowed:
            raise not_among(setting, value, allowed)
    share: object = max_rejected_share  # a setting may hold anything
    if not isinstance(share, (int, float)) or isinstance(share, bool) or not 0 <= share <= 1:
        raise SettingsError(
            f"{str(share)[:40]!r} is not a number from 0 to 1",
            where="max_rejected_share",
            hint="It is a share: 0.2 is 20 %.",
        )
    rows: object = max_rejected_rows
    if not isinstance(rows, int) or isinstance(rows, bool) or rows < 0:
        raise SettingsError(
            f"{str(rows)[:40]!r} is not a whole number from 0 on",
            where="max_rejected_rows",
            hint="Give a number of rows.",
        )


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading bytes.

    Raises:
        FileError: It cannot be opened.
    """
    try:
        return path.open("rb")
    except OSError as failure:
        raise FileError(
            f"the file cannot be opened ({failure.strerror})", where=path.name
        ) from None


def open_source(path: Path, arriving: SourceBytes | None) -> AbstractContextManager[SourceBytes]:
    """Open a file for reading bytes, unless it is open already, while it arrives."""
    return open_file(path) if arriving is None else nullcontext(arriving)


def identity(path: Path) -> Identity:
    """A value that changes when a file is replaced or written to.

    Raises:
        FileError: There is none.
    """
    with open_file(path) as file:
        return _identity(file)


def _identity(file: BinaryIO) -> Identity:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@contextmanager
def reopen_file(path: Path, known: Identity) -> Iterator[BinaryIO]:
    """Open a file again, and prove before and after that it has the identity that it had.

    Raises:
        FileError: It cannot be opened.
        MalformedFileError: It has changed.
    """
    with open_file(path) as file:
        _prove_unchanged(file, known)
        yield file
        _prove_unchanged(file, known)


def _prove_unchanged(file: BinaryIO, known: Identity) -> None:
    if _identity(file) != known:
        raise MalformedFileError(
            "the file changed while it was read", hint="Leave it unchanged, and run again."
        )
