"""Values in the forms of a declared dialect, as the texts that types are read from.

A column that is text keeps its cells as they are written.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.tabular.column_types import ColumnType
from spaaza_source.tabular.dialects.dialect import Dialect, form_of, is_of_digits

_NUMBER = "^-?[0-9]*[.,][0-9]+(?:[eE][+-]?[0-9]+)?$"
_GROUPED = "^-?[1-9][0-9]{0,2}(?:[.][0-9]{3})+,[0-9]+$"
_ASIDE = "\0"
_TIMES = ("date", "timestamp")
_NUMBERS = ("bigint", "decimal", "double")


def standard_forms(strings: Any, dialect: Dialect, kind: ColumnType | None = None) -> Any:
    """The cells as they would be written in a file of RFC 4180.

    With a decimal comma, `3,5` is `3.5`, and `1.234,5` is `1234.5`; `1.234` may be one of thousands
    or not, and gets a form that fits no type. A date format of digits alone is for columns that are
    known to hold dates or times: others are numbers.

    Args:
        strings: The cells, as an Arrow string array in which every empty one is NULL.
        dialect: The file's.
        kind: The type that the column is known to have, or documented with; None without one.
    """
    if not dialect.has_forms:
        return strings
    found = strings
    if dialect.decimal == ",":
        found = _where_matches(found, _NUMBER, _swap_points)
        found = _where_matches(found, _GROUPED, _drop_points)
    known = None if kind is None else kind.data_type
    for date_format in dialect.date_format:
        if known in _NUMBERS or (is_of_digits(date_format) and known not in _TIMES):
            continue
        # By the cells as they were: no format is applied to what another one has made.
        form = form_of(date_format)
        matches = pc.match_substring_regex(strings, f"^(?:{form})$")
        if pc.any(matches).as_py():
            found = pc.if_else(matches, _iso(strings, form), found)
    return found


def _where_matches(strings: Any, form: str, change: Any) -> Any:
    matches = pc.match_substring_regex(strings, form)
    return pc.if_else(matches, change(strings), strings) if pc.any(matches).as_py() else strings


def _swap_points(strings: Any) -> Any:
    aside = pc.replace_substring(strings, ".", _ASIDE)
    return pc.replace_substring(pc.replace_substring(aside, ",", "."), _ASIDE, ",")


def _drop_points(strings: Any) -> Any:
    return _swap_points(pc.replace_substring(strings, ".", ""))


def _iso(strings: Any, form: str) -> Any:
    """The cells that match, in ISO 8601; NULL for the others."""
    parts = pc.extract_regex(strings, f"^(?:{form})$")
    names = {field.name for field in parts.type}

    def part(name: str, before: str, width: int = 2) -> Any:
        if name not in names:
            return pa.array([""] * len(strings), pa.string())
        digits = pc.struct_field(parts, name)
        padded = pc.utf8_lpad(digits, width, "0")
        return pc.binary_join_element_wise(before, padded, "")

    texts = [part("Y", "", 4), part("m", "-"), part("d", "-")]
    if "H" in names:
        seconds = part("S", ":") if "S" in names else pa.array([":00"] * len(strings), pa.string())
        texts += [part("H", "T"), part("M", ":"), seconds, part("f", ".", 0), part("z", "", 0)]
    return pc.binary_join_element_wise(*texts, "")
