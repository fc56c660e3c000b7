"""What any file is opened with: the settings of a reading, and proof that the file stays as it is.

What the file holds is left to `csv_file` and `json_file`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

from spaaza_source.errors import FileError, MalformedFileError, SettingsError

ColumnTypes: TypeAlias = Literal["inferred", "text"]
OnBadRow: TypeAlias = Literal["reject", "fail"]
Identity: TypeAlias = tuple[int, ...]


def check_settings(column_types: str, on_bad_row: str, max_rejected_share: float) -> None:
    """Refuse settings that mean nothing.

    Raises:
        SettingsError: A setting has an impossible value.
    """
    if column_types not in ("inferred", "text"):
        raise SettingsError("column_types must be 'inferred' or 'text'")
    if on_bad_row not in ("reject", "fail"):
        raise SettingsError("on_bad_row must be 'reject' or 'fail'")
    if not 0 <= max_rejected_share <= 1:
        raise SettingsError("max_rejected_share must be between 0 and 1")


def open_file(path: Path) -> BinaryIO:
    """The file, open for reading bytes.

    Raises:
        FileError: It cannot be opened.
    """
    try:
        return path.open("rb")
    except OSError as failure:
        raise FileError(
            f"the file cannot be opened ({failure.strerror})", where=path.name
        ) from None


def identity(file: BinaryIO) -> Identity:
    """What changes when an open file is replaced or written to."""
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def prove_unchanged(file: BinaryIO, known: Identity) -> None:
    """Compare an open file with what it was.

    Raises:
        MalformedFileError: It has changed.
    """
    if identity(file) != known:
        raise MalformedFileError(
            "the file changed while it was read", hint="Keep it as it is, and run again."
        )
