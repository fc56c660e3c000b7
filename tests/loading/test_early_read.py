"""A file is judged while it is downloaded, and loaded as if it had been whole from the start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from spaaza_source.errors import FileError
from spaaza_source.exports.downloads import fetch
from spaaza_source.reading.early_read import EarlyRead
from spaaza_source.tabular import CsvFile, SharedThreads, open_csv
from spaaza_source.tabular.csv_reader.scan import BLOCK
from spaaza_source.transport import ArrivingBytes, ArrivingFile
from tests.faults.hosts import QUICK, TOKEN, BadHost, cut, in_turn, ours, rest_of, sound
from tests.vendors.server import Answer, Seen
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import column_types, pipeline_into, query

HEADER = b"user_id,name,points\n"
ROWS = 700_000


@pytest.fixture(scope="module")
def large() -> bytes:
    """A file of several pieces, in whose last row the points are no whole number."""
    rows = b"".join(b"%d,Ada,%d\n" % (number, number % 90) for number in range(ROWS - 1))
    file = HEADER + rows + b"%d,Bo,2.5\n" % ROWS
    assert len(file) > 2 * BLOCK
    return file


class Way:
    """A file on its way, which a test writes."""

    def __init__(self, path: Path) -> None:
        self.arriving = ArrivingFile(path)
        #: The headers of the versions of which one has been read.
        self.seen: list[list[str]] = []
        self.looked = threading.Event()

    def write(self, data: bytes, total: int | None = None) -> None:
        with self.arriving.path.open("ab") as file:
            file.write(data)
        self.arriving.grow(len(data), total)

    def begin_anew(self) -> None:
        self.arriving.start_over()
        self.arriving.path.write_bytes(b"")
        self.looked.clear()

    def read(self, data: ArrivingBytes) -> CsvFile:
        def name_header(header: Any) -> Any:
            self.seen.append(list(header))
            self.looked.set()
            return header

        return open_csv(self.arriving.path, name_header=name_header, arriving=data)


@pytest.fixture
def way(tmp_path: Path) -> Way:
    return Way(tmp_path / "file.csv")


def test_a_file_is_read_before_it_is_whole(way: Way, large: bytes) -> None:
    early = EarlyRead(way.arriving, way.read)
    way.write(large[: BLOCK + 1], len(large))
    assert way.looked.wait(10)
    assert not early.is_over
    way.write(large[BLOCK + 1 :], len(large))
    way.arriving.end(whole=True)
    file = early.finish()
    assert file is not None
    assert file.rows == ROWS
    assert [str(column.type) for column in file.columns] == [
        str(column.type) for column in open_csv(way.arriving.path).columns
    ]
    assert sum(table.num_rows for table in file.tables()) == ROWS


def test_a_fault_counts_only_of_what_the_file_is_in_the_end(way: Way, large: bytes) -> None:
    early = EarlyRead(way.arriving, way.read)
    way.write(b"a,b\n" + b"1,2\r3,4\n" * (BLOCK // 3))
    assert way.looked.wait(10)
    way.begin_anew()
    way.write(large)
    way.arriving.end(whole=True)
    file = early.finish()
    assert file is not None
    assert file.rows == ROWS
    assert way.seen == [["a", "b"], ["user_id", "name", "points"]]


def test_a_fault_of_the_whole_file_is_told(way: Way) -> None:
    early = EarlyRead(way.arriving, way.read)
    way.write(b"a,b\n" + b"1,2\n" * BLOCK + b'1,"2\n')
    assert way.looked.wait(10)
    way.arriving.end(whole=True)
    with pytest.raises(FileError, match="never closes"):
        early.finish()


@pytest.mark.parametrize("begun", [True, False])
def test_one_that_is_given_up_is_left(way: Way, *, begun: bool) -> None:
    early = EarlyRead(way.arriving, way.read)
    if begun:
        way.write(b"a,b\n" + b"1,2\n" * (BLOCK // 3))
        assert way.looked.wait(10)
    way.arriving.end(whole=False)
    assert early.finish() is None


def test_one_of_a_known_size_waits_for_its_hash(way: Way) -> None:
    early = EarlyRead(way.arriving, way.read, known_size=8)
    way.write(b"a,b\n", 8)
    assert early.finish() is None
    assert way.seen == []


def test_files_that_share_threads_are_read_side_by_side(tmp_path: Path, large: bytes) -> None:
    ways, threads = [Way(tmp_path / f"{number}.csv") for number in range(3)], SharedThreads()

    def reader(way: Way) -> Callable[[ArrivingBytes], CsvFile]:
        return lambda data: open_csv(way.arriving.path, arriving=data, threads=threads)

    early = [EarlyRead(way.arriving, reader(way)) for way in ways]
    for begin in range(0, len(large), BLOCK // 2):
        for way in ways:
            way.write(large[begin : begin + BLOCK // 2])
    # One is given up: it holds up no other.
    for way, whole in zip(ways, (True, False, True), strict=True):
        way.arriving.end(whole=whole)
    files = [each.finish() for each in early]
    assert [file and file.rows for file in files] == [ROWS, None, ROWS]


def load(vendor: FileVendor, folder: Path) -> None:
    source = spaaza_source(vendor.base_url, 1743, TOKEN, max_age=0, **QUICK)
    pipeline_into(folder).run(source.with_resources("users"))


def check_loaded(folder: Path) -> None:
    sums = "SELECT count(*), sum(points), max(user_id::BIGINT) FROM users"
    points = sum(number % 90 for number in range(ROWS - 1)) + 2.5
    [(rows, total, last)] = query(folder, sums)
    assert (rows, float(total), int(last)) == (ROWS, points, ROWS)
    assert column_types(folder, "users")["points"].startswith("DECIMAL")


@pytest.mark.slow
def test_parts_are_read_while_the_rest_is_on_its_way(tmp_path: Path, large: bytes) -> None:
    parsed: list[bool] = []
    before = set(threading.enumerate())

    def is_parsing() -> bool:
        new = set(threading.enumerate()) - before
        return any(thread.name.startswith("csv") for thread in new)

    def slow(_seen: Seen, whole: bytes) -> Answer:
        def pieces() -> Iterator[bytes]:
            yield whole[: 2 * BLOCK]
            until = time.monotonic() + 10
            while not is_parsing() and time.monotonic() < until:
                time.sleep(0.01)
            parsed.append(is_parsing())
            yield whole[2 * BLOCK :]

        return Answer(200, headers={"Content-Length": str(len(whole))}, pieces=pieces())

    with BadHost("users", slow, users=large) as vendor:
        load(vendor, tmp_path)
    assert parsed == [True]
    check_loaded(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("validated", [True, False])
def test_a_download_that_breaks_is_read_on_or_anew(
    tmp_path: Path, large: bytes, monkeypatch: pytest.MonkeyPatch, *, validated: bool
) -> None:
    monkeypatch.setattr(fetch, "PAUSE", 0.0)
    etag = '"v1"' if validated else ""

    def breaking(seen: Seen, whole: bytes) -> Answer:
        return cut(rest_of(whole, seen, etag), 3 * BLOCK // 2, "reset")

    with BadHost("users", in_turn(breaking, sound), users=large) as vendor:
        load(vendor, tmp_path)
    asked = [seen.headers.get("Range") for seen in vendor.fetched]
    assert (asked[1] is not None) == validated
    check_loaded(tmp_path)


@pytest.mark.slow
def test_a_file_that_ends_as_another_one_is_read_anew(
    tmp_path: Path, large: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "PAUSE", 0.0)
    other = b"user_id,name\n" + b"1,a\n2,b,c\n" * (BLOCK // 3)

    def breaking(seen: Seen, _: bytes) -> Answer:
        return cut(rest_of(other, seen, '"v1"'), 3 * BLOCK // 2, "reset")

    def changed(_seen: Seen, whole: bytes) -> Answer:
        return Answer(200, whole, {"ETag": '"v2"'})

    with BadHost("users", in_turn(breaking, changed), users=large) as vendor:
        load(vendor, tmp_path)
    check_loaded(tmp_path)


@pytest.mark.slow
def test_a_fault_is_told_once_the_file_has_come(tmp_path: Path) -> None:
    file = HEADER + b"1,Ada,1\n" * (BLOCK // 3) + b'2,"Bo,1\n'
    with (
        FileVendor(users=file) as vendor,
        pytest.raises(Exception, match="never closes") as stopped,
    ):
        load(vendor, tmp_path)
    fault = ours(stopped.value)
    assert isinstance(fault, FileError)
    assert str(fault.where).startswith("users, job 1, line ")
