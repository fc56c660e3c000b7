"""What is noted of a table's files while their rows pass: for the audit tables, and to be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dlt.common import logger

from spaaza_source.audit import job_row, rejected_rows
from spaaza_source.drift import (
    MisfitCounter,
    Notice,
    NullCounter,
    column_change_rows,
    header_notices,
    notices_text,
)
from spaaza_source.exports import Export, FileRead, TableExports
from spaaza_source.reading import FileReader, LoadableFile


class FileNotes:
    """The notes of the files of one table, in their order.

    Args:
        exports: The table's.
        reader: What opens their files.

    Attributes:
        jobs: The files' rows of `export_jobs`.
        rejected: Those of `rejected_rows`.
        changes: Those of `column_changes`.
        told: What is to be told of each file.
        loaded: Each file, and how many rows it has brought.
    """

    def __init__(self, exports: TableExports, reader: FileReader) -> None:
        self._exports = exports
        self._reader = reader
        self.jobs: list[dict[str, Any]] = []
        self.rejected: list[dict[str, Any]] = []
        self.changes: list[dict[str, Any]] = []
        self.told: list[list[Notice]] = []
        self.loaded: list[tuple[LoadableFile, int]] = []
        self._read: list[tuple[Export, FileRead]] = []

    def begin(self, export: Export, file: LoadableFile) -> None:
        """Compare a file's header with the table's last one: its rows will change what that is."""
        is_first = not self.told
        self.changes += _column_changes(export, file)
        self.told.append(
            [
                *self._reader.take_notices(),
                *_header_notices(export, file),
                *(_parts_notices(self._exports) if is_first else []),
            ]
        )

    def end(
        self,
        export: Export,
        file: LoadableFile,
        counters: tuple[MisfitCounter, NullCounter],
        *,
        rows: int,
        repeated: int,
        seconds: float,
    ) -> None:
        """Take note of a file whose rows have passed.

        Args:
            export: The export.
            file: Its file.
            counters: They have seen its rows.
            rows: How many rows it has brought.
            repeated: How many were left out, as one before them is the same.
            seconds: How long it took to read them.
        """
        misfits, nulls = counters
        self.told[-1] += [
            *misfits.notices(export.request.table, file.columns, file.locate),
            *_outside_notices(self._reader, export, file),
            *_repeated_notices(repeated, export),
        ]
        bad, hide = file.rejected_to_keep(), self._reader.policy.hides_raw
        counts = {"rows": file.rows, "rejected": len(bad), "loaded": rows}
        job = job_row(export, hide_selection=hide, seconds=seconds, **counts)
        self.jobs.append(job | {"nulls": nulls.as_text()})
        self.rejected += rejected_rows(export, bad, hide_raw=hide)
        self.loaded.append((file, rows))
        at = datetime.now(UTC)
        self._read.append((export, FileRead(file.rows, len(bad), rows, seconds, at)))

    def complete(
        self, rows_of_files: Sequence[int], told_of_rejected: Sequence[Sequence[Notice]]
    ) -> list[Notice]:
        """Add what is known once all rows have passed; returns all that is to be told.

        Args:
            rows_of_files: How many rows each file has brought, with those that the table keeps.
            told_of_rejected: What is to be told of each file's bad rows.
        """
        notices = []
        for (export, read), rows in zip(self._read, rows_of_files, strict=True):
            export.read = replace(read, loaded=rows)
        for job, rows, told, more, (file, _) in zip(
            self.jobs, rows_of_files, self.told, told_of_rejected, self.loaded, strict=True
        ):
            quiet = _forgotten_notices(job["table_name"], job["job_id"], file)
            job |= {"loaded": rows, "notices": notices_text([*told, *more, *quiet])}
            notices += [*told, *more]
        return notices

    def locate(self, row: int) -> str:
        """Where a row is, counted from 0 over all that the files have brought."""
        for file, rows in self.loaded:
            if row < rows:
                return file.locate(row)
            row -= rows
        raise IndexError(row)


def _parts_notices(exports: TableExports) -> list[Notice]:
    """Tell what is not known of a table that came in parts."""
    if not exports.are_parts:
        return []
    notice = Notice(
        "in_parts",
        exports.sync.table,
        f"its export of all rows failed, so it came in {len(exports.current)} parts by time: rows"
        " without that time are in none of them, and rows that the vendor has no more stay until"
        " an export of all succeeds",
        "Ask the vendor why the export of all rows fails.",
    )
    return [notice]


def _repeated_notices(rows: int, export: Export) -> list[Notice]:
    """Tell of rows that a file has twice."""
    if not rows:
        return []
    notice = Notice(
        "repeated",
        export.request.table,
        f"{rows:,} rows of {export.job.job_id} are the same, cell by cell, as one before them, and"
        " were left out",
        rows=rows,
    )
    return [notice]


def _column_changes(export: Export, file: LoadableFile) -> list[dict[str, Any]]:
    """Rows for `column_changes`: how a file's header differs from the table's last one."""
    if not file.shows_columns:
        return []
    return column_change_rows(export.job.job_id, export.request.table, file.columns)


def _header_notices(export: Export, file: LoadableFile) -> list[Notice]:
    """What to tell of a file's header."""
    if not file.shows_columns:
        return []
    return header_notices(export.request.table, file.columns, file.rows)


def _outside_notices(reader: FileReader, export: Export, file: LoadableFile) -> list[Notice]:
    """Tell of rows outside of the window that the margin of its request does not explain."""
    rows = file.outside if reader.is_of_user else file.far_outside
    if not rows:
        return []
    notice = Notice(
        "outside",
        export.request.table,
        f"{rows:,} rows of {export.job.job_id} lie outside of {export.request.window}, and were"
        " left out",
        "Give a wider range, if they are to be loaded.",
        rows=rows,
    )
    return [notice]


def _forgotten_notices(table: str, job_id: str, file: LoadableFile) -> list[Notice]:
    """Note how many rows of forgotten people were left out: in `export_jobs` and the log alone.

    It is so at each load, and nothing that anybody should look into.
    """
    if not file.forgotten:
        return []
    notice = Notice(
        "forgotten",
        table,
        f"{file.forgotten:,} rows of {job_id} are of people who were forgotten, and were left out",
        rows=file.forgotten,
    )
    logger.info(str(notice))
    return [notice]
