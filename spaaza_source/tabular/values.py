"""Decides which text fits which type, and converts text that fits.

The forms are narrow on purpose: ambiguous text, such as `007` or `1e5`, stays text. Every form is
checked here on Arrow's bytes, before any lenient converter gets them.
"""

from __future__ import annotations

import datetime as dt
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.tabular.column_types import ColumnType

Bytes: TypeAlias = npt.NDArray[np.uint8]
Lengths: TypeAlias = npt.NDArray[np.int32]

BIGINT_DIGITS = 18
"""One digit fewer than 64 bits can hold, so that no 19-digit id is ever taken for a number."""

_ZERO, _NINE_MORE, _MINUS, _POINT = 0x30, 9, 0x2D, 0x2E
_DATE_LENGTH, _TIME_LENGTH = 10, 19
_DATE_FORM = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME_FORM = _DATE_FORM + "[T ](?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}(?:[.][0-9]{1,6})?"
_ZONE_FORM = "(?:Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
_DOUBLE_FORM = "-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?"
_ZERO_FORM = "0001-01-01(?:[T ]00:00:00(?:[.]0{1,6})?(?:Z|[+-]00(?::?00)?)?)?"
"""The zero value of a time in Go, which stands for `never`."""
_ZERO_TIME = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_FIRST_DAY = -719_162
_FIRST_MICROSECOND = -62_135_596_800_000_000
_LAST_MICROSECOND = 253_402_300_799_999_999


@dataclass(frozen=True)
class Cells:
    """The filled cells of one column: their bytes in `text`, with the start and length of each."""

    text: Bytes
    begins: Lengths
    lengths: Lengths
    strings: Any
    _as_type: dict[Any, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, strings: Any) -> Cells:
        """The cells of an Arrow string array in which every empty cell is NULL."""
        _, offsets_buffer, text_buffer = strings.buffers()
        if offsets_buffer is None or text_buffer is None or strings.null_count == len(strings):
            nothing = np.empty(0, np.int32)
            return cls(np.empty(0, np.uint8), nothing, nothing, strings)
        offsets = np.frombuffer(offsets_buffer, np.int32)
        offsets = offsets[strings.offset : strings.offset + len(strings) + 1]
        text = np.frombuffer(text_buffer, np.uint8)[offsets[0] : offsets[-1]]
        lengths = np.diff(offsets)
        filled = lengths > 0
        return cls(text, (offsets[:-1] - offsets[0])[filled], lengths[filled], strings)

    def __len__(self) -> int:
        return len(self.begins)

    def cast(self, arrow: Any) -> Any | None:
        """All cells in an Arrow type, by Arrow's own rules; None if they do not allow it."""
        if arrow not in self._as_type:
            values = None
            # The message quotes a cell.
            with suppress(pa.ArrowInvalid):
                values = pc.cast(self.strings, arrow)
            self._as_type[arrow] = values
        return self._as_type[arrow]


def all_fit(cells: Cells, column_type: ColumnType, *, whole_digits: int = BIGINT_DIGITS) -> bool:
    """Whether every cell fits the type: faster than `fit_mask`, by the same rules.

    Args:
        cells: The cells.
        column_type: The type.
        whole_digits: The most digits of a number without a point in a decimal column.
    """
    match column_type.data_type:
        case "bigint":
            return _all_bigint(cells)
        case "decimal":
            return _all_decimal(cells, column_type.precision, column_type.scale, whole_digits)
        case "date":
            return _all_date(cells)
        case "timestamp":
            return _all_timestamp(cells)
        case _:
            return int(fit_mask(cells.strings, column_type).false_count) == 0


def find_zones(cells: Cells) -> tuple[bool, bool]:
    """Whether some of the times have a zone, and whether some have none."""
    if _have_one_form(cells):
        zoned = int(cells.lengths[0]) > _TIME_LENGTH
        return zoned, not zoned
    zones = _has_zone(cells.strings)
    return bool(pc.any(zones).as_py()), not bool(pc.all(zones).as_py())


def _all_bigint(cells: Cells) -> bool:
    """Whether every cell is a whole number of at most 18 digits in its canonical form."""
    if int(cells.lengths.max(initial=0)) > BIGINT_DIGITS + 1:
        return False
    negative = cells.text[cells.begins] == _MINUS
    digits = cells.lengths - negative
    if int(digits.max(initial=0)) > BIGINT_DIGITS or not digits.all():
        return False
    if _count_digits(cells.text) + int(np.count_nonzero(negative)) != len(cells.text):
        return False
    zero_first = cells.text[cells.begins + negative] == _ZERO
    return not bool((zero_first & ((digits > 1) | negative)).any())


def _all_decimal(cells: Cells, precision: int, scale: int, whole_digits: int) -> bool:
    """Whether every cell is a number that fits decimal(precision, scale) without rounding."""
    negative = cells.text[cells.begins] == _MINUS
    points = np.flatnonzero(cells.text == _POINT)
    marks = len(points) + int(np.count_nonzero(negative))
    if _count_digits(cells.text) + marks != len(cells.text):
        return False
    holders = np.searchsorted(cells.begins, points, side="right") - 1
    if bool((np.diff(holders) == 0).any()):
        return False
    before = cells.lengths - negative
    fraction = cells.begins[holders] + cells.lengths[holders] - points - 1
    before[holders] -= (fraction + 1).astype(np.int32)
    most = precision - scale
    limit = np.full(len(cells), min(most, whole_digits), np.int32)
    limit[holders] = most
    pointed = np.zeros(len(cells), np.bool_)
    pointed[holders] = True
    if not bool(((before > 0) & (before <= np.maximum(limit, 1))).all()):
        return False
    if not bool(((fraction > 0) & (fraction <= scale)).all()):
        return False
    zero_first = cells.text[cells.begins + negative] == _ZERO
    if precision == scale and not bool(zero_first.all()):
        return False
    return not bool((zero_first & ((before > 1) | (negative & ~pointed))).any())


def _all_date(cells: Cells) -> bool:
    """Whether every cell is `YYYY-MM-DD` and a day of the calendar."""
    if not bool((cells.lengths == _DATE_LENGTH).all()):
        return False
    # As below: of texts of that length Arrow takes the form alone, but the year 0000 too.
    values = cells.cast(pa.date32())
    if values is None:
        return False
    return bool(pc.min(pc.cast(values, pa.int32())).as_py() >= _FIRST_DAY)


def _all_timestamp(cells: Cells) -> bool:
    """Whether every cell is a time."""
    if not _have_one_form(cells):
        long_enough = bool((cells.lengths >= _TIME_LENGTH).all())
        return long_enough and bool(pc.all(_timestamp_fits(cells.strings)).as_py())
    # Of texts of these lengths Arrow takes only the form itself, but the year 0000 too.
    zoned = int(cells.lengths[0]) > _TIME_LENGTH
    values = cells.cast(pa.timestamp("us", tz="UTC" if zoned else None))
    if values is None:
        return False
    return bool(pc.min(pc.cast(values, pa.int64())).as_py() >= _FIRST_MICROSECOND)


def _have_one_form(cells: Cells) -> bool:
    """Whether all cells have the length of a time without a fraction: no zone, or all with `Z`."""
    length = cells.lengths[0]
    return length in (_TIME_LENGTH, _TIME_LENGTH + 1) and bool((cells.lengths == length).all())


def fit_mask(strings: Any, column_type: ColumnType) -> Any:
    """Which cells fit the type, as an Arrow bool array; NULL cells stay NULL.

    The rules are those of `all_fit`, which is faster.
    """
    match column_type.data_type:
        case "text":
            fits = pc.is_valid(strings)
        case "bool":
            fits = _bool_fits(strings)
        case "bigint":
            fits = _has_form(strings, f"0|-?[1-9][0-9]{{0,{BIGINT_DIGITS - 1}}}")
        case "decimal":
            fits = _has_form(strings, _decimal_form(column_type.precision, column_type.scale))
        case "double":
            fits = _double_fits(strings)
        case "date":
            fits = _in_calendar(strings, _has_form(strings, _DATE_FORM))
        case _:
            fits = _timestamp_fits(strings)
    return fits


def find_decimals(strings: Any) -> tuple[bool, bool]:
    """Whether some cells are decimals with a point, and whether some are neither these nor whole.

    Args:
        strings: Cells of a column of whole numbers, as an Arrow string array.
    """
    fits = fit_mask(strings, ColumnType("decimal"))
    pointed = pc.and_(fits, pc.match_substring(strings, "."))
    return bool(pc.any(pointed).as_py()), not bool(pc.all(fits).as_py())


def convert(strings: Any, column_type: ColumnType) -> Any:
    """The values of cells that all fit the type, as an Arrow array of that type."""
    if column_type.data_type == "text":
        return strings
    if column_type.data_type == "bool":
        return pc.equal(strings, "true")
    if column_type.data_type == "timestamp":
        return _timestamps(strings)
    return pc.cast(strings, column_type.arrow)


def are_zero_texts(strings: Any) -> Any:
    """Which cells are Go's zero time, in any form of a date or time."""
    return _has_form(strings, _ZERO_FORM)


def drop_zero_times(values: Any) -> Any:
    """Dates or times in UTC without those that are Go's zero time."""
    zero = _ZERO_TIME if pa.types.is_timestamp(values.type) else _ZERO_TIME.date()
    # No time is before it, and most columns have none.
    if pc.min(values).as_py() != zero:
        return values
    return pc.if_else(pc.equal(values, pa.scalar(zero, values.type)), None, values)


def is_zero_text(text: str) -> bool:
    """Whether a cell is Go's zero time."""
    return text.startswith("0001-01-01") and re.fullmatch(_ZERO_FORM, text) is not None


def _timestamps(strings: Any) -> Any:
    """Times in UTC; a time without a zone is UTC, as the vendor documents."""
    zoned = pc.if_else(_has_zone(strings), strings, pc.binary_join_element_wise(strings, "Z", ""))
    return pc.cast(zoned, pa.timestamp("us", tz="UTC"))


def _has_zone(strings: Any) -> Any:
    return pc.match_substring_regex(strings, f"{_ZONE_FORM}$", ignore_case=False)


def _bool_fits(strings: Any) -> Any:
    return pc.or_(pc.equal(strings, "true"), pc.equal(strings, "false"))


def _has_form(strings: Any, form: str) -> Any:
    return pc.match_substring_regex(strings, f"^(?:{form})$")


def _double_fits(strings: Any) -> Any:
    formed = _has_form(strings, _DOUBLE_FORM)
    values = pc.cast(pc.if_else(formed, strings, None), pa.float64())
    return pc.and_(formed, pc.fill_null(pc.is_finite(values), False))


def _timestamp_fits(strings: Any) -> Any:
    fits = _in_calendar(strings, _has_form(strings, f"{_TIME_FORM}{_ZONE_FORM}?"))
    # A zone's offset can move a time out of the years 1 to 9999 of Python's dates.
    micros = pc.cast(_timestamps(pc.if_else(fits, strings, None)), pa.int64())
    inside = pc.and_(
        pc.greater_equal(micros, _FIRST_MICROSECOND), pc.less_equal(micros, _LAST_MICROSECOND)
    )
    return pc.and_(fits, pc.fill_null(inside, False))


def _decimal_form(precision: int, scale: int) -> str:
    more = precision - scale - 1
    first = f"[1-9][0-9]{{0,{more}}}" if more >= 0 else "0"
    if scale == 0:
        return f"0|-?{first}"
    return f"0|-?{first}|-?(?:0|{first})[.][0-9]{{1,{scale}}}"


def _count_digits(text: Bytes) -> int:
    return int(np.count_nonzero((text - np.uint8(_ZERO)) <= _NINE_MORE))


def _in_calendar(strings: Any, formed: Any) -> Any:
    """Which of the cells that have the form of a date or time are on a day of the calendar."""
    dates = pc.fill_null(pc.if_else(formed, strings, None), "2000-01-01")
    year, month, day = (
        pc.cast(pc.utf8_slice_codeunits(dates, begin, end), pa.int32()).to_numpy()
        for begin, end in ((0, 4), (5, 7), (8, 10))
    )
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    days = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])[np.clip(month, 0, 12)]
    days = days + (leap & (month == 2))  # noqa: PLR2004 - February
    good = (year > 0) & (month > 0) & (month <= 12) & (day > 0) & (day <= days)  # noqa: PLR2004
    return pc.and_(formed, pa.array(good))
