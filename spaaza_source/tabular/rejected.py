"""Rejected rows: kept with their raw bytes and counted; too many of them stop the load."""

from __future__ import annotations

from dataclasses import dataclass

from spaaza_source.errors import MalformedFileError, TooManyRejectedRowsError

REJECTED_BYTES_KEPT = 128 * 2**20
"""Bytes of rejected rows to keep in memory at most; each counts its bytes and an overhead."""

_ROW_OVERHEAD = 256
_SHOWN_ROWS = 5
_MOST_OF_ALL = 3
"""Of a file of which more than one row in so many is bad, the others may be wrong too."""
SOUND_FILE_HINT = "Ask for a sound file."


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
        max_rows: So many rows may be bad, if they are no more than a third.
        max_share: The share of all rows, from 0 to 1, that may be bad if it is more than that.
    """

    def __init__(
        self,
        *,
        reject: bool,
        max_rows: int,
        max_share: float,
    ) -> None:
        self.rows: list[RejectedRow] = []
        self._reject = reject
        self._max_rows = max_rows
        self._max_share = max_share
        self._bytes = 0

    def add(self, row: RejectedRow) -> None:
        """Add a bad row.

        Raises:
            MalformedFileError: Bad rows are not kept.
            TooManyRejectedRowsError: They take too much memory.
        """
        if not self._reject:
            raise MalformedFileError(
                f"a bad row: {row.reason}", where=row.location, hint=SOUND_FILE_HINT
            )
        self.rows.append(row)
        self._bytes += len(row.raw) + _ROW_OVERHEAD
        if self._bytes > REJECTED_BYTES_KEPT:
            raise self._too_many(f"more bad rows than fit {REJECTED_BYTES_KEPT // 2**20} MiB")

    def check_number(self, good: int) -> None:
        """Check how many rows are bad, at the end of the file.

        Args:
            good: The number of good rows.

        Raises:
            TooManyRejectedRowsError: They are more than allowed.
        """
        bad, total = len(self.rows), good + len(self.rows)
        is_few = bad <= self._max_rows
        if bad <= self._max_share * total or (is_few and bad * _MOST_OF_ALL <= total):
            return
        most = "a third of them" if is_few else f"{self._max_rows:,} of them"
        hint = (
            f"{SOUND_FILE_HINT} To load the others, raise max_rejected_share or max_rejected_rows."
        )
        if bad * _MOST_OF_ALL > total:
            hint = f"{SOUND_FILE_HINT} To load the others, raise max_rejected_share."
        raise self._too_many(
            f"{bad:,} of {total:,} rows are bad, more than {most} and than {self._max_share:.2%}",
            hint,
        )

    def _too_many(self, cause: str, hint: str = SOUND_FILE_HINT) -> TooManyRejectedRowsError:
        first = "; ".join(f"{row.location}: {row.reason}" for row in self.rows[:_SHOWN_ROWS])
        return TooManyRejectedRowsError(f"{cause}. The first: {first}", hint=hint)
