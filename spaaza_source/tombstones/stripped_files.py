"""Strips a file of forgotten people; all else of it stays as the vendor sent it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from spaaza_source.tabular import copy_without, open_csv
from spaaza_source.tombstones.forgotten_rows import ForgottenRows
from spaaza_source.tombstones.json_files import strip_json


def strip_file(
    rows: ForgottenRows,
    file: Path,
    copy: Path,
    export_format: str,
    name_header: Callable[[Sequence[str]], Sequence[str]],
) -> bool:
    """Write a file anew if it has anything of forgotten people; returns whether it has.

    Args:
        rows: Tells their rows.
        file: The file, as a vendor sent it.
        copy: The new one; it must not exist.
        export_format: `csv` or `json`.
        name_header: Gives the cells of a CSV file's header the names that they stand for.

    Raises:
        FileError: It cannot be read.
    """
    if export_format == "json":
        stripped = strip_json(file.read_text(encoding="utf-8-sig"), rows)
        if stripped is not None:
            copy.write_text(stripped, encoding="utf-8")
        return stripped is not None
    opened = open_csv(
        file,
        # The columns that hold an identifier are told in any spelling.
        name_column=str,
        name_header=name_header,
        column_types="text",
        max_rejected_share=1.0,
    )
    removed = copy_without(
        opened,
        copy,
        is_kept=rows.kept,
        emptied=rows.mentions,
        is_bad_kept=lambda raw: not rows.is_in_raw(raw),
    )
    if not any(removed):
        copy.unlink()
    return any(removed)
