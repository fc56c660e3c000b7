"""The times that windows are taken by: which are instants for certain, also in unusual forms.

A row without one belongs to no window. So an instant that the column cannot hold as it is, such as
one of nanoseconds, is there up to the microsecond, and its text is kept beside it.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.tabular.column_types import TIMESTAMP
from spaaza_source.tabular.values import Cells, all_fit, fit_mask

NO_INSTANT = "no instant in the column that windows are taken by"

_FORM = re.compile(
    r"(?P<minute>\d{4}-\d\d-\d\d[T ]\d\d:\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d+))?"
    r" ?(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_ZERO_DAY = "0001-01-01"
_MICROSECOND = 6
_UTC = ("", "Z", "UTC", "+00", "+0000", "+00:00")
_LEAP_MINUTES = ("06-30T23:59", "12-31T23:59")
"""The minutes, in UTC, that a second 60 has ever been in."""


def find_no_instants(strings: Any) -> list[int]:
    """The rows whose cell is no instant for certain.

    Args:
        strings: The cells, as an Arrow string array in which every empty one is NULL.
    """
    # Vendors write the first day of all for a time that never came.
    zeros: list[int] = pc.indices_nonzero(pc.starts_with(strings, _ZERO_DAY)).to_pylist()
    if not strings.null_count and _are_usual(strings):
        return zeros
    unusual, texts = _unusual(strings)
    without = [int(row) for row, text in zip(unusual, texts, strict=True) if _read(text) is None]
    return sorted({*zeros, *without}) if zeros else without


def as_instants(strings: Any) -> tuple[Any, Any | None]:
    """The cells in the form that a time has in CSV, up to the microsecond; and what more they were.

    Args:
        strings: As for `find_no_instants`.

    Returns:
        The cells, of which those that are no instant for certain stay; and the texts of those that
        were cut, NULL for the others: None where there are none.
    """
    if _are_usual(strings):
        return strings, None
    unusual, texts = _unusual(strings)
    cells: list[str | None] = strings.to_pylist()
    cut: list[str | None] = [None] * len(cells)
    for row, text in zip(unusual, texts, strict=True):
        found = _read(text)
        if found is not None:
            cells[row], is_whole = found
            cut[row] = None if is_whole else text
    has_cut = any(text is not None for text in cut)
    return pa.array(cells, pa.string()), pa.array(cut, pa.string()) if has_cut else None


def _are_usual(strings: Any) -> bool:
    cells = Cells.of(strings)
    return not len(cells) or all_fit(cells, TIMESTAMP)


def _unusual(strings: Any) -> tuple[Any, list[str | None]]:
    """The rows whose cell does not fit as it is, and these cells."""
    fits = pc.fill_null(fit_mask(strings, TIMESTAMP), False)
    rows = np.flatnonzero(np.asarray(pc.invert(fits)))
    return rows, strings.take(pa.array(rows)).to_pylist()


def _read(text: str | None) -> tuple[str, bool] | None:
    """The instant as a time of CSV, and whether it is whole; None where none is certain."""
    found = _FORM.fullmatch(text or "")
    if found is None:
        return None
    minute, second, fraction = found["minute"], found["second"], found["fraction"] or ""
    zone = found["zone"] or ""
    is_whole = not fraction[_MICROSECOND:].strip("0")
    if second == "60":
        if zone not in _UTC or minute[5:].replace(" ", "T") not in _LEAP_MINUTES:
            return None
        # Before the next day, as it is.
        second, fraction, is_whole = "59", "999999", False
    fraction = fraction[:_MICROSECOND]
    time = f"{minute}:{second}" + (f".{fraction}" if fraction else "")
    time += "Z" if zone in _UTC else zone
    return (time, is_whole) if fit_mask(pa.array([time]), TIMESTAMP)[0].as_py() else None
