"""The header's cells become column names, or the header is refused with all its faults at once.

Reading the header's bytes is left to `layout`, gathering the keys of objects to `json_shape`; how
one name is spelled is the caller's function.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence

from spaaza_source.errors import HeaderError

VARIANT_SUFFIX = "__v_text"
"""dlt's own ending for the column that keeps the text of values which do not fit their column."""

_SHOWN = 80
_FAULTS_SHOWN = 20
_A_VALUE = re.compile(r"-?\d+\.\d+|\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?|[^@\s]+@[^@\s]+\.[^@\s]+")
_NOT_SHOWN = re.compile(r"[@=]|://|\d{6}")
"""In an address, a query, a number of a person or an order: the text may be a value after all."""
_A_NUMBER = re.compile(r"-?\d+")


def name_columns(header: Sequence[str], name_column: Callable[[str], str]) -> tuple[str, ...]:
    """Name the columns of a header, in its order.

    Args:
        header: The cells of the header record, as the vendor wrote them.
        name_column: Spells one header as a column name, such as a dlt naming convention's
            `normalize_identifier`. A ValueError of it, or an empty name, is a fault of the header.

    Raises:
        HeaderError: Names every fault found: no name, a name twice, two headers that become one
            name, a name that dlt keeps for itself, a value where a name should be.
    """
    names = [spell(cell, name_column) for cell in header]
    # With a value among the names all of them may be values, and no value is shown.
    faults = _values(header) or name_faults(header, names)
    refuse(faults, "the header cannot name the columns of a table")
    return tuple(names)


def name_faults(header: Sequence[str], names: Sequence[str], what: str = "column") -> list[str]:
    """What is wrong with the names that stand beside one another.

    Args:
        header: The names as the vendor wrote them.
        names: The same as `spelled` has them.
        what: What they name, for the messages.
    """
    return [
        *_nameless(header, names, what),
        *_repeated(header, names, what),
        *_reserved(header, names, what),
    ]


def refuse(faults: Sequence[str], cause: str) -> None:
    """Raise for faults, if there are any.

    Raises:
        HeaderError: Names the first of them.
    """
    if not faults:
        return
    more = len(faults) - _FAULTS_SHOWN
    listed = [*faults[:_FAULTS_SHOWN], *([f"and {more} more faults"] if more > 0 else [])]
    raise HeaderError(
        f"{cause}: " + "; ".join(listed), hint="Ask the vendor for names that differ."
    )


def spell(cell: str, name_column: Callable[[str], str]) -> str:
    """A header as a column's name; empty where it has none."""
    try:
        return name_column(cell)
    except ValueError:  # dlt's naming conventions refuse a blank name so
        return ""


def show(header: str) -> str:
    """A header for a message: quoted, escaped, and no longer than 80 characters.

    One that looks like a value is not shown.
    """
    if _NOT_SHOWN.search(header):
        return "a text that looks like a value"
    return repr(header if len(header) <= _SHOWN else header[: _SHOWN - 1] + "…")


def _nameless(header: Sequence[str], names: Sequence[str], what: str) -> list[str]:
    return [
        f"{what} {number} ({show(cell)}) has no name"
        for number, (cell, name) in enumerate(zip(header, names, strict=True), 1)
        if not name or not cell.strip()
    ]


def _values(header: Sequence[str]) -> list[str]:
    """Headers that are values: the header row is missing, or something stands above it."""
    if len(header) > 1 and all(_A_NUMBER.fullmatch(cell) for cell in header):
        return ["every name is a number, as if the header row were missing"]
    return [
        f"column {number} is named by a value, as if the header row were missing"
        for number, cell in enumerate(header, 1)
        if _A_VALUE.fullmatch(cell)
    ]


def _repeated(header: Sequence[str], names: Sequence[str], what: str) -> list[str]:
    columns: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        if name:
            columns[name].append(index)
    faults = [
        f"{what}s {_listed(header, indexes)} all become {_shown_name(name, header, indexes)}"
        for name, indexes in columns.items()
        if len(indexes) > 1
    ]
    return faults + [
        f"{what}s {_listed(header, [*columns[plain], *indexes])} collide: the second is the name "
        "for values that do not fit the first"
        for name, indexes in columns.items()
        if name.endswith(VARIANT_SUFFIX) and (plain := name.removesuffix(VARIANT_SUFFIX)) in columns
    ]


def _reserved(header: Sequence[str], names: Sequence[str], what: str) -> list[str]:
    return [
        f"{what} {number} ({show(cell)}) takes a name that dlt keeps for itself"
        for number, (cell, name) in enumerate(zip(header, names, strict=True), 1)
        if name.lower().startswith("_dlt")
    ]


def _shown_name(name: str, header: Sequence[str], indexes: Sequence[int]) -> str:
    """A column's name for a message, if the headers that became it may be shown."""
    return "one name" if any(_NOT_SHOWN.search(header[index]) for index in indexes) else show(name)


def _listed(header: Sequence[str], indexes: Sequence[int]) -> str:
    listed = [f"{index + 1} ({show(header[index])})" for index in indexes[:_FAULTS_SHOWN]]
    return " and ".join(listed) + (" and more" if len(indexes) > _FAULTS_SHOWN else "")
