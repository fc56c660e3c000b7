"""Proves by their hashes that the texts of a column differ, in the least room."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

#: Texts that are longer are told apart by a hash table.
_HASHED_BYTES = 64
#: What is kept of eight bytes, the first of them the lowest, of which so many are not the text's.
_KEPT = np.array([(2**64 - 1) >> 8 * n for n in range(9)], np.uint64)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def texts_differ(column: pa.ChunkedArray) -> bool:
    """Whether the hashes of a column of texts show that no two are equal; else it is not known.

    Equal texts have equal hashes, so that unequal hashes prove the texts unequal, whatever the hash
    is worth. A text of up to eight bytes is its own hash. Sorting takes less room than a hash
    table of as many texts.
    """
    longest = int(pc.max(pc.binary_length(column)).as_py() or 0)
    if not 0 < longest <= _HASHED_BYTES:
        return False
    hashes = np.concatenate([_hash_texts(chunk, longest) for chunk in column.chunks])
    hashes.sort()
    return not bool((hashes[1:] == hashes[:-1]).any())


def _hash_texts(texts: pa.StringArray, longest: int) -> npt.NDArray[np.uint64]:
    """A number for each of some texts, none of them NULL, of at most so many bytes."""
    _, offsets_buffer, text_buffer = texts.buffers()
    if not len(texts) or text_buffer is None:
        return np.zeros(len(texts), np.uint64)
    offsets = np.frombuffer(offsets_buffer, np.int32)
    offsets = offsets[texts.offset : texts.offset + len(texts) + 1]
    begins, lengths = offsets[:-1] - offsets[0], np.diff(offsets)
    text = np.frombuffer(text_buffer, np.uint8)[offsets[0] : offsets[-1]]
    size = -(-longest // 8)
    if len(text) == longest * len(texts):
        # All are of one length, as ids are: they make a table.
        table = np.zeros((len(texts), size * 8), np.uint8)
        table[:, :longest] = text.reshape(len(texts), longest)
        words = list(table.view(np.uint64).T)
    else:
        # Every eight bytes as a number, from any byte on; zeros follow the last text.
        padded = np.concatenate([text, np.zeros(longest + 8, np.uint8)])
        at = np.ndarray(len(padded) - 7, np.uint64, padded, strides=(1,))
        # Without the bytes of the texts that follow.
        words = [
            at[begins + 8 * number] & _KEPT[np.clip(8 - (lengths - 8 * number), 0, 8)]
            for number in range(size)
        ]
    hashes = np.zeros(len(texts), np.uint64)
    for number, word in enumerate(words):
        if number:
            hashes = (hashes * _FACTOR) ^ (hashes >> np.uint64(29))
        hashes ^= word
    return hashes
