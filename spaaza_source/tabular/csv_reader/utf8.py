"""Checks that bytes are UTF-8, at the speed at which Arrow validates them."""

from __future__ import annotations

import codecs

import numpy as np
import pyarrow as pa


def find_text_end(data: bytes, *, last: bool) -> int:
    """The end of the last whole character; all of the bytes where they are the last ones.

    Raises:
        UnicodeDecodeError: They are not UTF-8; its `start` is the first such byte.
    """
    if data.isascii() or _is_utf8(data):
        return len(data)
    return codecs.utf_8_decode(data, "strict", last)[1]


def _is_utf8(data: bytes) -> bool:
    """Whether all of the bytes are whole UTF-8 characters; faster than decoding them."""
    offsets = pa.py_buffer(np.array([0, len(data)], np.int32))
    try:
        pa.StringArray.from_buffers(1, offsets, pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
