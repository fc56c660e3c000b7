"""Makes Arrow columns of numpy numbers; whole numbers and booleans are columns as they are."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.sandbox.world import Chances, Dates, Flags, Rows

_MONEY_DIGITS = 12


def pick(words: Sequence[str | None], chances: Chances) -> pa.Array:
    """A word for each row, by its chance; None is a missing value."""
    return pa.array(words, pa.string()).take(pa.array((chances * len(words)).astype(np.int32)))


def choose(words: Sequence[str | None], positions: Rows) -> pa.Array:
    """The word at each position, modulo the number of words."""
    return pa.array(words, pa.string()).take(pa.array(positions % len(words)))


def only(where: Flags | bool, values: pa.Array | Rows | Dates) -> pa.Array:
    """The values where the flag is set, missing elsewhere."""
    return pc.if_else(where, values, None)


def constant(value: object, rows: Rows) -> pa.Array:
    """The same value in each row."""
    return pa.repeat(value, len(rows))


def decimals(scaled: Rows, digits: int = 2) -> pa.Array:
    """Decimals from whole numbers of their smallest unit: 1250 is 12.50."""
    # The two halves of Arrow's 128 bits: a cast would need nine digits more.
    halves = np.empty((len(scaled), 2), np.int64)
    halves[:, 0] = scaled
    halves[:, 1] = scaled >> 63
    kind = pa.decimal128(_MONEY_DIGITS, digits)
    return pa.Array.from_buffers(kind, len(scaled), [None, pa.py_buffer(halves)])


def times(microseconds: Rows, unit: str) -> pa.Array:
    """Times in UTC in whole seconds (`s`), or with three (`ms`) or six (`us`) more digits."""
    whole = microseconds.astype("datetime64[us]").astype(f"datetime64[{unit}]")
    return pa.array(whole, pa.timestamp(unit, "UTC"))


def text(*parts: pa.Array | Rows | str) -> pa.Array:
    """Texts and numbers concatenated row by row."""
    cells = [p if isinstance(p, str) else pc.cast(p, pa.string()) for p in parts]
    return pc.binary_join_element_wise(*cells, "")


def code(values: Rows, length: int) -> pa.Array:
    """Numbers as codes of a fixed length, filled with leading zeros."""
    return pc.utf8_lpad(pc.cast(values, pa.string()), length, "0")
