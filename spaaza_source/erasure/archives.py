"""Erases forgotten people from archived files, which can be loaded again afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports import ExportRequest, rewrite_files, tables_of_archives
from spaaza_source.tombstones import ForgottenRows, strip_file

#: Gives the cells of a CSV file's header the names that they stand for.
NameHeader = Callable[[ExportRequest, Sequence[str]], Sequence[str]]


def erase_from_archives(
    folder: Path,
    forgotten: Callable[[ExportRequest], ForgottenRows | None],
    name_header: NameHeader,
) -> tuple[int, list[str]]:
    """Rewrite the archived files under a folder that have anything of forgotten people.

    A filter that names one of them loses that value in the description of the files.

    Args:
        folder: That of `keep_files`, or of one load.
        forgotten: Tells the rows of forgotten people of an export.
        name_header: What the cells of a header stand for.

    Returns:
        How many files were rewritten; and the folders with some that could not be, with the reason.
    """
    rewritten, failed = 0, []
    for table in tables_of_archives(folder):
        try:
            rewritten += rewrite_files(
                table, partial(_rewrite, forgotten, name_header), partial(_strip_filter, forgotten)
            )
        except (SpaazaSourceError, OSError) as failure:
            reason = failure.cause if isinstance(failure, SpaazaSourceError) else failure.strerror
            failed.append(f"{table} ({reason})")
    for unfinished in (*folder.glob("*.part"), *folder.glob("*/*.part")):
        # A load that was killed while it archived has left it; nothing reads it.
        shutil.rmtree(unfinished, ignore_errors=True)
    return rewritten, failed


def _rewrite(
    forgotten: Callable[[ExportRequest], ForgottenRows | None],
    name_header: NameHeader,
    file: Path,
    copy: Path,
    request: ExportRequest,
) -> bool:
    """Write a file anew if it has anything of forgotten people."""
    rows = forgotten(request)
    return rows is not None and strip_file(
        rows, file, copy, request.export_format, partial(name_header, request)
    )


def _strip_filter(
    forgotten: Callable[[ExportRequest], ForgottenRows | None], request: ExportRequest
) -> Any:
    """The filter of a request without what names a forgotten person."""
    rows = forgotten(request)
    return request.selection if rows is None else rows.without_them(request.selection)
