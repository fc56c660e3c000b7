"""Fault 19: gzip told by a header, by its first bytes or by both; damage, rubbish and bombs.

That members in a row are one text, and every cut is noticed, is in tests/transport/test_gunzip.py.
"""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from pathlib import Path

import pytest

from spaaza_source.errors import FileError, IncompleteDownloadError
from spaaza_source.transport import Download, Link, open_link
from spaaza_source.transport.gunzip import RATIO_COUNTS_FROM
from tests.faults.hosts import BadHost, Host, fetched, until_closed
from tests.vendors.server import Answer, ScriptedServer, in_turn

pytestmark = pytest.mark.wing("transport")

TEXT = b"id,name\n" + b"".join(b"%d,name %d\n" % (n, n) for n in range(20_000))
PACKED = gzip.compress(TEXT)
TOLD = {"Content-Encoding": "gzip"}
DAMAGED = PACKED[:-6] + bytes([PACKED[-6] ^ 1]) + PACKED[-5:]
ZEROS = 96 << 20


def always(answer: Answer) -> Host:
    return lambda _seen, _whole: answer


def zeros_packed() -> bytes:
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(pack.compress(bytes(1 << 20)) for _ in range(ZEROS >> 20)), pack.flush()])


@pytest.mark.parametrize("told", [{}, TOLD, {"Content-Type": "application/gzip"}])
@pytest.mark.parametrize(
    "body",
    [
        PACKED,
        gzip.compress(TEXT[:1000]) + gzip.compress(b"") + gzip.compress(TEXT[1000:]),
        gzip.compress(PACKED),
        gzip.compress(gzip.compress(TEXT[:1000]) + gzip.compress(TEXT[1000:])),
        gzip.compress(PACKED[:1]) + gzip.compress(PACKED[1:]),
    ],
    ids=["once", "members", "twice", "members, packed again", "packed in two"],
)
def test_gzip_is_unpacked_however_often_and_however_told(
    tmp_path: Path, body: bytes, told: dict[str, str]
) -> None:
    with BadHost("users", None, users=b"") as vendor:
        for answer in (Answer(200, body, told), until_closed(body, **told)):
            vendor.host = always(answer)
            file = fetched(vendor, tmp_path).file()
            assert file.path.read_bytes() == TEXT
            assert (file.received, file.size, file.end_verified) == (len(body), len(TEXT), True)


def test_what_a_header_calls_gzip_may_be_plain(tmp_path: Path) -> None:
    with BadHost("users", lambda _s, whole: Answer(200, whole, TOLD), users=TEXT) as vendor:
        assert fetched(vendor, tmp_path).file().path.read_bytes() == TEXT


@pytest.mark.parametrize(
    ("body", "tries"),
    [
        (PACKED[: len(PACKED) // 2], 5),
        (PACKED[:-1], 5),
        (gzip.compress(PACKED[:-8]), 5),
        # What came whole and is wrong would come as wrong again.
        (DAMAGED, 1),
        (gzip.compress(DAMAGED), 1),
        (PACKED + b"rubbish", 1),
        (PACKED + b"\0\0\0rubbish", 1),
        (PACKED + b"id,name\n1,a\n", 1),
    ],
    ids=["half", "all but a byte", "cut before", "damaged", "damaged before", *["rubbish"] * 3],
)
@pytest.mark.parametrize("sized", [True, False])
def test_damaged_gzip_stops(tmp_path: Path, body: bytes, tries: int, sized: bool) -> None:
    answer = Answer(200, body) if sized else until_closed(body)
    error = FileError if tries == 1 else IncompleteDownloadError
    with BadHost("users", lambda _s, _w: answer, users=b"") as vendor:
        with pytest.raises(error, match="gzip data"):
            fetched(vendor, tmp_path)
        assert len(vendor.fetched) == tries
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_stops_before_it_fills_disk_or_memory(tmp_path: Path, layers: int) -> None:
    bomb = zeros_packed()
    if layers == 2:
        # Packed again it is a thousandth of a thousandth, and each layer alone might pass.
        bomb = gzip.compress(bomb)
    path = tmp_path / "f"
    with ScriptedServer(in_turn(Answer(200, bomb, TOLD))) as server, Download(path) as download:
        response = open_link(Link(server.base_url), base_url=server.base_url)
        tracemalloc.start()
        try:
            with pytest.raises(FileError, match="unpacks to more than 500 times its size"):
                download.receive(response)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 16 << 20
        assert path.stat().st_size <= RATIO_COUNTS_FROM
    assert not path.exists()


def test_a_table_that_packs_well_is_no_bomb(tmp_path: Path) -> None:
    text = b"id,name\n" + b"1,a\n" * (RATIO_COUNTS_FROM // 8)
    assert len(text) > 300 * len(gzip.compress(text))
    with BadHost("users", None, users=gzip.compress(text)) as vendor:
        assert fetched(vendor, tmp_path).file().size == len(text)
