"""Finds what a user's file looks like and no one has declared: told, and never acted upon."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow.compute as pc

from spaaza_source.tabular.column_types import TEXT, Column
from spaaza_source.tabular.csv_reader.file import CsvFile
from spaaza_source.tabular.csv_reader.parse import only_chunk

_COMMA = r"^-?[0-9]{1,3}(?:\.?[0-9]{3})*,[0-9]+$"
_WHOLE = r"^-?[0-9]+$"
_PARTS = re.compile(r"^([0-9./-]+)([ T]?)(.*)", re.DOTALL)
_DATE = r"^[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}(?:[ T][0-9]{1,2}:[0-9]{2}.*)?$"


@dataclass(frozen=True)
class LooksLike:
    """What the cells of a column of text look like.

    Attributes:
        column: The column.
        form: The name of what could be declared of a dialect.
        value: What would explain the cells.
    """

    column: Column
    form: Literal["decimal", "date_format"]
    value: str


def find_undeclared(file: CsvFile) -> Iterator[LooksLike]:
    """The columns of text whose last cells all have the form of a number or a date.

    Those that are documented as text are left alone.
    """
    texts: Any = next(file.texts_from_end(), None)
    for place, column in enumerate(file.columns if texts is not None else ()):
        if column.type != TEXT or column.documented == TEXT:
            continue
        cells = only_chunk(texts.column(str(place))).drop_null()
        if not len(cells):
            continue
        if _count(cells, _COMMA) and _count(cells, _COMMA) + _count(cells, _WHOLE) == len(cells):
            yield LooksLike(column, "decimal", ",")
        elif _count(cells, _DATE) == len(cells):
            yield LooksLike(column, "date_format", _format_of(str(cells[0])))


def _format_of(cell: str) -> str:
    """The likeliest format of a date: a day first."""
    date, between, time = next(iter(_PARTS.findall(cell)), ("", "", ""))
    sign = re.sub("[0-9]", "", date)[:1]
    clock = "%H:%M:%S"[: 3 * time.count(":") + 2] if time else ""
    return f"%d{sign}%m{sign}%Y{between if time else ''}{clock}"


def _count(cells: Any, form: str) -> int:
    return int(pc.sum(pc.match_substring_regex(cells, form)).as_py() or 0)
