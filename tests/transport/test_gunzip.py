from __future__ import annotations

import gzip

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spaaza_source.errors import FileError, IncompleteDownloadError
from spaaza_source.transport.gunzip import MAGIC, Gunzip


def unpacked(data: bytes, piece: int = 7) -> bytes:
    gunzip = Gunzip()
    out = b"".join(
        part
        for start in range(0, len(data), piece)
        for part in gunzip.feed(data[start : start + piece])
    )
    return out + b"".join(gunzip.finish())


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 50))
def test_members_in_a_row_are_one_text(texts: list[bytes], piece: int) -> None:
    # That would have been packed twice.
    assume(not b"".join(texts).startswith(MAGIC))
    assert unpacked(b"".join(gzip.compress(text) for text in texts), piece) == b"".join(texts)


@given(st.binary(max_size=300).filter(lambda data: not data.startswith(b"\x1f\x8b")))
def test_what_is_not_gzip_stays_as_it_is(data: bytes) -> None:
    assert unpacked(data) == data


@given(st.binary(min_size=1, max_size=300), st.integers(3, 17))
def test_a_cut_member_is_incomplete(text: bytes, missing: int) -> None:
    assume(not text.startswith(MAGIC))
    with pytest.raises(IncompleteDownloadError):
        unpacked(gzip.compress(text)[:-missing])


def test_a_wrong_checksum_is_damage() -> None:
    data = bytearray(gzip.compress(b"money"))
    data[-6] ^= 1
    with pytest.raises(FileError, match="damaged"):
        unpacked(bytes(data))


def test_padding_after_the_end_means_nothing() -> None:
    assert unpacked(gzip.compress(b"a") + b"\0" * 512) == b"a"


@pytest.mark.slow
@pytest.mark.thorough
def test_a_bomb_is_refused_before_it_fills_anything() -> None:
    bomb = gzip.compress(b"\0" * (200 << 20), 9)
    pieces: list[int] = []
    with pytest.raises(FileError, match="unpacks to more than"):
        pieces.extend(len(piece) for piece in Gunzip().feed(bomb))
    assert max(pieces) <= 1 << 20
    assert sum(pieces) < 100 << 20
