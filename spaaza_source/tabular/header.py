"""Turns a header into column names, or refuses it with all its faults at once."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence

from dlt.common.normalizers.naming.direct import NamingConvention as Direct
from dlt.common.normalizers.naming.snake_case import NamingConvention

from spaaza_source.errors import HeaderError

VARIANT_SUFFIX = "__v_text"
"""dlt's suffix for the column with the text of values that do not fit their column's type."""
#: Punctuation to strip. dlt spells it as an `x` at the end, so that `email (username)` would become
#: `email_usernamex`. Signs that can mean something (`+ - % # @ *`) are left to dlt.
CLOSING = " \t)]}>?!.:;,'\"`"
OPENING = " \t([{<'\"`"

DISTINCT_NAMES = "Ask the vendor for distinct names."
OTHER_NAMING = (
    "dlt's naming convention does not keep all characters of these names; one that does is"
    ' SCHEMA__NAMING=direct ([schema] naming = "direct"), into a new dataset.'
)

_SHOWN = 80
_FAULTS_SHOWN = 20
_A_VALUE = re.compile(r"-?\d+\.\d+|\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?|[^@\s]+@[^@\s]+\.[^@\s]+")
_NOT_SHOWN = re.compile(r"[@=]|://|\d{6}")
"""Marks of an e-mail address, a query or an id: the text may be a value instead of a name."""
_A_NUMBER = re.compile(r"-?\d+")
_snake_case = NamingConvention().normalize_identifier


def make_speller(normalize: Callable[[str], str] = _snake_case) -> Callable[[str], str]:
    """Make a function that spells headers by a naming convention, without outer punctuation.

    Args:
        normalize: A dlt naming convention's `normalize_identifier`, snake case unless given.
    """

    def spell(header: str) -> str:
        header = remove_invisible(header)
        bare = header.rstrip(CLOSING).lstrip(OPENING)
        return normalize(bare or header)

    return spell


_keep = make_speller(Direct().normalize_identifier)


def remove_invisible(header: str) -> str:
    """A header without signs that nobody sees: byte order marks, joiners, soft hyphens."""
    if header.isascii():
        return header.strip()
    return "".join(sign for sign in header if unicodedata.category(sign) != "Cf").strip()


def is_unspelled(header: str, name: str) -> bool:
    """Whether a header has letters, and its column's name has none of them."""
    letters = [sign for sign in header.casefold() if sign.isalpha()]
    kept = name.casefold()
    return bool(letters) and not any(sign in kept for sign in letters)


def kept_names(header: Sequence[str]) -> list[str]:
    """The names that the other naming convention would give.

    In lower case: for many a database, case alone makes no other name.
    """
    return [spell_header(cell, _keep).casefold() for cell in header]


def advise_naming(faults: Collection[str], left: Collection[str]) -> str:
    """What to do about names with faults.

    Args:
        faults: All faults.
        left: Those that `kept_names` would have.
    """
    helps = len(left) < len(faults)
    return " ".join([OTHER_NAMING] * helps + [DISTINCT_NAMES] * (bool(left) or not helps))


def name_columns(header: Sequence[str], name_column: Callable[[str], str]) -> tuple[str, ...]:
    """Name the columns of a header, in its order.

    Args:
        header: The cells of the header record, as the vendor wrote them.
        name_column: Makes a column name of one header, such as a dlt naming convention's
            `normalize_identifier`. If it raises a ValueError or returns an empty name, the header
            has a fault.

    Raises:
        HeaderError: The header has faults, which are all named: an empty name, a name twice, two
            headers that become one name, a name that dlt reserves, a value instead of a name.
    """
    names = [spell_header(cell, name_column) for cell in header]
    # If one name is a value, all of them may be: then no name is shown.
    values = _find_values(header)
    faults = values or find_name_faults(header, names)
    hint = advise_naming(faults, values or find_name_faults(header, kept_names(header)))
    raise_faults(faults, "the header cannot name the columns of a table", hint)
    return tuple(names)


def find_name_faults(
    header: Sequence[str], names: Sequence[str], what: str = "column"
) -> list[str]:
    """The faults of the names in one header or object.

    Args:
        header: The names as the vendor wrote them.
        names: The names as `spell_header` returns them.
        what: What they name, for the messages.
    """
    numbered = [
        (f"{what} {number} ({printable_name(cell)})", cell, name)
        for number, (cell, name) in enumerate(zip(header, names, strict=True), 1)
    ]
    return [
        *(f"{at} has no name" for at, cell, name in numbered if not name or not cell.strip()),
        *_find_repeated(header, names, what),
        *(
            f"{at} takes a name that dlt reserves"
            for at, _, name in numbered
            if name.lower().startswith("_dlt")
        ),
    ]


def raise_faults(faults: Sequence[str], cause: str, hint: str) -> None:
    """Raise an error if there are faults.

    Raises:
        HeaderError: There are faults; the first are named.
    """
    if not faults:
        return
    more = len(faults) - _FAULTS_SHOWN
    listed = [*faults[:_FAULTS_SHOWN], *([f"and {more} more faults"] if more > 0 else [])]
    raise HeaderError(f"{cause}: " + "; ".join(listed), hint=hint)


def spell_header(cell: str, name_column: Callable[[str], str]) -> str:
    """A header as a column name; empty if it gives none."""
    try:
        return name_column(cell)
    except ValueError:  # dlt's naming conventions refuse a blank name so
        return ""


def printable_name(header: str) -> str:
    """A header or name for a message: quoted, escaped, and at most 80 characters long.

    One that looks like a value is not shown.
    """
    if _NOT_SHOWN.search(header):
        return "a text that looks like a value"
    return repr(header if len(header) <= _SHOWN else header[: _SHOWN - 1] + "…")


def _find_values(header: Sequence[str]) -> list[str]:
    """Headers that are values: the header row is missing, or there is text above it."""
    if len(header) > 1 and all(_A_NUMBER.fullmatch(cell) for cell in header):
        return ["every name is a number, as if the header row were missing"]
    return [
        f"column {number} is named by a value, as if the header row were missing"
        for number, cell in enumerate(header, 1)
        if _A_VALUE.fullmatch(cell)
    ]


def _find_repeated(header: Sequence[str], names: Sequence[str], what: str) -> list[str]:
    columns: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        if name:
            columns[name].append(index)
    faults = [
        f"{what}s {_list_headers(header, indexes)} all become"
        f" {_printable_column(name, header, indexes)}"
        for name, indexes in columns.items()
        if len(indexes) > 1
    ]
    return faults + [
        f"{what}s {_list_headers(header, [*columns[plain], *indexes])} collide: the second"
        " is the name for values that do not fit the first"
        for name, indexes in columns.items()
        if name.endswith(VARIANT_SUFFIX) and (plain := name.removesuffix(VARIANT_SUFFIX)) in columns
    ]


def _printable_column(name: str, header: Sequence[str], indexes: Sequence[int]) -> str:
    """A column's name for a message, unless a header that became it must not be shown."""
    return (
        "one name"
        if any(_NOT_SHOWN.search(header[index]) for index in indexes)
        else printable_name(name)
    )


def _list_headers(header: Sequence[str], indexes: Sequence[int]) -> str:
    listed = [f"{index + 1} ({printable_name(header[index])})" for index in indexes[:_FAULTS_SHOWN]]
    return " and ".join(listed) + (" and more" if len(indexes) > _FAULTS_SHOWN else "")
