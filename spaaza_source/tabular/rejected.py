"""Rejected rows: kept with their raw bytes and counted; too many of them stop the load."""

from __future__ import annotations

from dataclasses import dataclass

from spaaza_source.errors import MalformedFileError, TooManyRejectedRowsError

REJECTED_BYTES_KEPT = 128 * 2**20
"""Bytes of rejected rows to keep in memory at most; each counts its bytes and an overhead."""

_ROW_OVERHEAD = 256
_SHOWN_ROWS = 5
_HINT = "Ask the vendor for a sound file."


@dataclass(frozen=True)
class RejectedRow:
    """A row that cannot be loaded.

    `line` is the physical line on which it starts, from 1; `offset` the offset of its first byte
    in the file, from 0; `column` the number of the bad cell, from 1, if a cell is bad; `raw` its
    bytes in the file without the record end.
    """

    line: int
    offset: int
    reason: str
    column: int | None
    raw: bytes

    @property
    def text(self) -> str:
        """Its bytes as text: the whole file has been proven to be UTF-8."""
        return self.raw.decode()

    @property
    def location(self) -> str:
        """Where it is, for a message; without its content."""
        column = "" if self.column is None else f", column {self.column}"
        return f"line {self.line}, byte offset {self.offset}{column}"


class RejectedRows:
    """The bad rows of a file, in its order, in `rows`.

    Args:
        reject: Whether bad rows are kept; if not, the first one is an error.
        max_share: The largest share of all rows that may be bad, from 0 to 1.
        bytes_kept: Bytes of them to keep in memory at most.
    """

    def __init__(
        self, *, reject: bool, max_share: float, bytes_kept: int = REJECTED_BYTES_KEPT
    ) -> None:
        self.rows: list[RejectedRow] = []
        self._reject = reject
        self._max_share = max_share
        self._bytes_kept = bytes_kept
        self._bytes = 0

    def add(self, row: RejectedRow) -> None:
        """Add a bad row.

        Raises:
            MalformedFileError: Bad rows are not kept.
            TooManyRejectedRowsError: They take too much memory.
        """
        if not self._reject:
            raise MalformedFileError(f"a bad row: {row.reason}", where=row.location, hint=_HINT)
        self.rows.append(row)
        self._bytes += len(row.raw) + _ROW_OVERHEAD
        if self._bytes > self._bytes_kept:
            raise self._too_many(f"more bad rows than fit {self._bytes_kept // 2**20} MiB")

    def check_share(self, good: int) -> None:
        """Check the share of bad rows, at the end of the file.

        Args:
            good: The number of good rows.

        Raises:
            TooManyRejectedRowsError: The share is larger than allowed.
        """
        total = good + len(self.rows)
        if len(self.rows) > self._max_share * total:
            raise self._too_many(
                f"{len(self.rows)} of {total} rows are bad, more than {self._max_share:.2%}"
            )

    def _too_many(self, cause: str) -> TooManyRejectedRowsError:
        first = "; ".join(f"{row.location}: {row.reason}" for row in self.rows[:_SHOWN_ROWS])
        return TooManyRejectedRowsError(f"{cause}. The first: {first}", hint=_HINT)
