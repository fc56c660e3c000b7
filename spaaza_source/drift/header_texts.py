"""Tells headers apart that a naming convention spells alike.

dlt's snake case keeps the letters of English alone: `Total spend (€)` and `Total spend (¥)` become
one name, and so do all words of the Greek alphabet. So the text of each column's header is kept in
dlt's schema, and compared with that of a new file.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from spaaza_source.errors import HeaderError
from spaaza_source.tabular import (
    OTHER_NAMING,
    VARIANT_SUFFIX,
    Column,
    printable_name,
    remove_invisible,
)
from spaaza_source.writing import table_memory

#: Table hint: the header text of each column that a file has had, by the column's name.
TEXTS = "x-header-texts"
#: What makes no other text: spaces, and punctuation that means nothing by itself.
_MEANINGLESS = re.compile(r"[\s_\-./,:;()\[\]{}<>'\"`!?]+")
_DIGITS = 6


def remembered_headers(table: str) -> dict[str, str]:
    """The header text of each column that a file of the table has had, by the column's name."""
    memory = table_memory(table)
    columns: Mapping[str, Any] = memory.get("columns", {})
    # Of an earlier version, and of nested tables, each column's description tells it.
    described = {
        name: str(column["description"])
        for name, column in columns.items()
        if column.get("description") and not name.endswith(VARIANT_SUFFIX)
    }
    return {**described, **memory.get(TEXTS, {})}


def name_by_text(
    name_column: Callable[[str], str], known: Mapping[str, str]
) -> Callable[[str], str]:
    """Make a function that names headers as `name_column` does, but for those of another text.

    A header whose name another text has already gets a name of its own: the same in each load.

    Args:
        name_column: Names a header.
        known: The header texts of the table's columns, by column name.
    """

    def name(header: str) -> str:
        column = name_column(header)
        if is_same_text(known.get(column, header), header):
            return column
        return name_column(f"{column}_{_digest(header)}")

    return name


def has_own_name(column: Column) -> bool:
    """Whether a column was named by `name_by_text`, because another text has its plain name."""
    return column.name.endswith(f"_{_digest(column.header)}")


def check_headers(columns: Iterable[Column], known: Mapping[str, str]) -> None:
    """Refuse a file with another text for a column that the table has.

    For records: dlt makes their columns of the keys, so none can have a name of its own.

    Args:
        columns: The file's columns.
        known: The header texts of the table's columns, by column name.

    Raises:
        HeaderError: There is such a column.
    """
    other = [
        f"{printable_name(column.header)} becomes {printable_name(column.name)}, which was"
        f" {printable_name(known[column.name])}"
        for column in columns
        if not is_same_text(known.get(column.name, column.header), column.header)
    ]
    if other:
        raise HeaderError(
            f"another key under the name of a column that the table has: {'; '.join(other)}",
            # Texts that are not the same differ in characters that the other convention keeps.
            hint="Ask the vendor whether it is the same; if so, load the table again whole"
            f' (refresh="drop_resources", --full-refresh). If not: {OTHER_NAMING}',
        )


def is_same_text(one: str, other: str) -> bool:
    """Whether two headers are one text, but for case, spaces and punctuation."""
    return one == other or _letters(one) == _letters(other)


def _digest(header: str) -> str:
    return hashlib.sha256(_letters(header).encode()).hexdigest()[:_DIGITS]


def _letters(header: str) -> str:
    text = unicodedata.normalize("NFKC", remove_invisible(header)).casefold()
    return _MEANINGLESS.sub("", text)
