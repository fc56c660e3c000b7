"""Makes Arrow columns of numpy numbers."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.sandbox.world import Chances, Flags, Rows

_MONEY_DIGITS = 12


def pick(words: Sequence[str | None], chances: Chances) -> pa.Array:
    """A word for each row, by its chance; None is a missing value."""
    return pa.array(words, pa.string()).take(pa.array((chances * len(words)).astype(np.int32)))


def choose(words: Sequence[str | None], positions: Rows) -> pa.Array:
    """The word at each position, modulo the number of words."""
    return pa.array(words, pa.string()).take(pa.array(positions % len(words)))


def only(where: Flags, values: pa.Array) -> pa.Array:
    """The values where the flag is set, missing elsewhere."""
    return pc.if_else(pa.array(where), values, pa.scalar(None, values.type))


def constant(value: object, rows: Rows) -> pa.Array:
    """The same value in each row."""
    return pa.repeat(value, len(rows))


def flags(where: Flags) -> pa.Array:
    """Booleans."""
    return pa.array(where)


def numbers(values: Rows) -> pa.Array:
    """Whole numbers."""
    return pa.array(values, pa.int64())


def decimals(scaled: Rows, digits: int = 2) -> pa.Array:
    """Decimals from whole numbers of their smallest unit: 1250 is 12.50."""
    # The two halves of Arrow's 128 bits: a cast would need nine digits more.
    halves = np.empty((len(scaled), 2), np.int64)
    halves[:, 0] = scaled
    halves[:, 1] = scaled >> 63
    kind = pa.decimal128(_MONEY_DIGITS, digits)
    return pa.Array.from_buffers(kind, len(scaled), [None, pa.py_buffer(halves)])


def moments(microseconds: Rows) -> pa.Array:
    """Times with a fraction of six digits, in UTC."""
    return pa.array(microseconds).cast(pa.timestamp("us", "UTC"))


def seconds(microseconds: Rows) -> pa.Array:
    """Times in whole seconds, in UTC."""
    return pa.array(microseconds // 1_000_000).cast(pa.timestamp("s", "UTC"))


def milliseconds(microseconds: Rows) -> pa.Array:
    """Times with a fraction of three digits, in UTC."""
    return pa.array(microseconds // 1_000).cast(pa.timestamp("ms", "UTC"))


def text(*parts: pa.Array | str) -> pa.Array:
    """Texts and numbers concatenated row by row."""
    cells = [p if isinstance(p, str) else pc.cast(p, pa.string()) for p in parts]
    return pc.binary_join_element_wise(*cells, "")


def code(values: Rows, length: int) -> pa.Array:
    """Numbers as codes of a fixed length, filled with leading zeros."""
    return pc.utf8_lpad(pc.cast(pa.array(values), pa.string()), length, "0")
