"""What is odd about the rows of a user's own file: totals, rows cut off, forms not declared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spaaza_source.drift import Notice
from spaaza_source.errors import MalformedFileError
from spaaza_source.exports import RELOAD
from spaaza_source.reading.column_hints import normalize_name
from spaaza_source.reading.file_opener import ReadSettings
from spaaza_source.tabular import (
    RFC_4180,
    TEXT,
    Column,
    CsvFile,
    ask_to_declare,
    find_rows_among,
    find_total_row,
    find_undeclared,
    printable_name,
)

_LOOKS = {
    "decimal": "numbers with a decimal comma",
    "date_format": "dates of another form than ISO 8601",
}


def refuse_total_row(file: CsvFile, settings: ReadSettings) -> None:
    """Refuse a file that ends with a row of totals, unless it is said to be a row.

    Args:
        file: The file.
        settings: How it is read; a column that the user has made text may have any word.

    Raises:
        MalformedFileError: It does.
    """
    found = find_total_row(file)
    if found is None:
        return
    column = found.column
    if _is_text_by_user(column, settings):
        return
    lines = file.lines_from(file.rows - 1) + file.layout.dialect.skip_trailing
    leave_out = ask_to_declare(f"skip_trailing={lines}")
    raise MalformedFileError(
        "the last row looks like a total of the others: in"
        f" {printable_name(column.header)} it has {found.cause}",
        where=f"line {file.line_of(file.rows - 1):,}",
        hint=f"{leave_out} If it is a row, give {column.name} the type text in column_types.",
    )


def refuse_skipped_rows(file: CsvFile, skipped: Sequence[bytes]) -> None:
    """Refuse to skip lines after a file's rows that are rows themselves.

    Args:
        file: The file, without the lines.
        skipped: The lines, without their ends.

    Raises:
        MalformedFileError: Some are.
    """
    rows = find_rows_among(file, skipped) if skipped else []
    if rows:
        raise MalformedFileError(
            f"of the {len(skipped)} lines that are to be skipped at the end, {len(rows)} look like"
            " rows",
            hint="Lower skip_trailing of the dialect; load files that end otherwise by themselves.",
        )


def undeclared_notices(table: str, file: CsvFile, settings: ReadSettings) -> Iterator[Notice]:
    """Tell of columns of text whose cells look like numbers or dates.

    Args:
        table: The table.
        file: The file.
        settings: How it is read; what the user has made text is left alone.
    """
    for found in find_undeclared(file):
        if _is_text_by_user(found.column, settings):
            continue
        is_declared = getattr(file.layout.dialect, found.form) != getattr(RFC_4180, found.form)
        declares = "" if is_declared else ask_to_declare(f"{found.form}={found.value}") + " "
        name = printable_name(found.column.header)
        yield Notice(
            "undeclared",
            table,
            f"the cells of {name} look like {_LOOKS[found.form]}, and are loaded as text",
            f"{declares}If the table has it as text from before, {RELOAD}.",
            column=found.column.name,
        )


def _is_text_by_user(column: Column, settings: ReadSettings) -> bool:
    by_user = {normalize_name(name): each for name, each in settings.types.by_column.items()}
    return settings.types.setting == TEXT.data_type or by_user.get(column.name) == TEXT
