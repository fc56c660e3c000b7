"""A file on its way gives its bytes as they come, and tells when they are no longer those."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.transport import AbandonedError, ArrivingFile, StartedOverError


@pytest.fixture
def arriving(tmp_path: Path) -> ArrivingFile:
    return ArrivingFile(tmp_path / "file")


def write(arriving: ArrivingFile, data: bytes, total: int | None = None) -> None:
    with arriving.path.open("ab") as file:
        file.write(data)
    arriving.grow(len(data), total)


def waiting(call: Callable[[], Any]) -> Future[Any]:
    """The call in a thread; it has begun, and may be waiting."""
    began = threading.Event()

    def work() -> Any:
        began.set()
        return call()

    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    assert began.wait(10)
    return future


def test_a_read_waits_for_all_bytes_that_it_wants(arriving: ArrivingFile) -> None:
    data = arriving.open()
    first = waiting(lambda: data.read(4))
    write(arriving, b"abc")
    assert not first.done()
    write(arriving, b"def")
    assert first.result(10) == b"abcd"
    rest = waiting(lambda: data.read(4))
    assert not rest.done()
    arriving.end(whole=True)
    assert rest.result(10) == b"ef"
    assert data.read(4) == b""
    data.seek(1)
    assert data.read(100) == b"bcdef"


def test_one_that_begins_anew_is_read_anew(arriving: ArrivingFile) -> None:
    data = arriving.open()
    write(arriving, b"abc")
    assert data.read(2) == b"ab"
    waits = waiting(lambda: data.read(2))
    arriving.start_over()
    with pytest.raises(StartedOverError):
        waits.result(10)
    arriving.path.unlink()
    write(arriving, b"xyz")
    for call in (lambda: data.read(1), data.await_end):
        with pytest.raises(StartedOverError):
            call()
    arriving.end(whole=True)
    assert arriving.open().read(9) == b"xyz"
    with pytest.raises(StartedOverError):
        data.await_end()


def test_of_one_that_is_given_up_the_rest_never_comes(arriving: ArrivingFile) -> None:
    data = arriving.open()
    write(arriving, b"abc")
    waits, ends = waiting(lambda: data.read(9)), waiting(data.await_end)
    arriving.end(whole=False)
    for each in (waits, ends):
        with pytest.raises(AbandonedError):
            each.result(10)


def test_its_size_is_known_once_the_first_bytes_are_there(arriving: ArrivingFile) -> None:
    total = waiting(arriving.await_total)
    assert not total.done()
    write(arriving, b"a", 7)
    assert total.result(10) == 7


def test_an_empty_one_and_one_that_never_comes_have_no_size(tmp_path: Path) -> None:
    empty, lost = ArrivingFile(tmp_path / "empty"), ArrivingFile(tmp_path / "lost")
    empty.end(whole=True)
    lost.end(whole=False)
    assert empty.await_total() is None
    with pytest.raises(AbandonedError):
        lost.await_total()
