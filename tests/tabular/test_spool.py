"""Where the rows of a file are kept between its two uses: private, bounded, and soon gone."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from spaaza_source.errors import FileError
from spaaza_source.tabular import open_csv, open_json, spool
from spaaza_source.tabular.spool import Spool

resource = pytest.importorskip("resource", reason="Windows has none")

OPEN_FILES = Path("/proc/self/fd")

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc, and has RLIMIT_FSIZE")


@pytest.fixture
def csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file whose rows do not stay in memory."""
    monkeypatch.setattr(spool, "MOST_IN_MEMORY", 100)
    # Those of a failure that pytest shows later are still open.
    monkeypatch.setattr(spool, "_IN_USE", weakref.WeakSet())
    path = tmp_path / "users.csv"
    path.write_text("id,at,name\n" + "1,2026-01-02,Ada\n2,,\n" * 1_000)
    return path


@pytest.fixture
def json_file(csv: Path) -> Path:
    """The same as JSON."""
    path = csv.with_suffix(".json")
    csv.unlink()
    rows = '{"id":1,"at":"2026-01-02","name":"Ada","n":[{"m":1}]},{"id":2,"at":"","name":null}'
    path.write_text("[" + ",\n".join([rows] * 1_000) + "]")
    return path


@contextmanager
def longest_file(size: int) -> Iterator[None]:
    """No file of this process may become longer: as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def opened_here(folder: Path) -> list[Path]:
    """The descriptors of this process of files in a folder, with a name or without."""
    inside = []
    for descriptor in OPEN_FILES.iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if target.startswith(f"{folder}/"):
            inside.append(descriptor)
    return inside


@on_linux
def test_rows_are_kept_in_a_private_file_without_a_name_that_goes_with_its_object(
    csv: Path,
) -> None:
    file = open_csv(csv)
    [descriptor] = opened_here(csv.parent)
    status = descriptor.stat()
    assert (status.st_nlink, status.st_mode & 0o777) == (0, 0o600)
    assert list(csv.parent.iterdir()) == [csv]
    assert sum(table.num_rows for table in file.tables()) == file.rows == 2_000
    del file
    assert opened_here(csv.parent) == []


@on_linux
def test_records_of_json_are_kept_in_such_a_file_too(json_file: Path) -> None:
    file = open_json(json_file)
    [descriptor] = opened_here(json_file.parent)
    status = descriptor.stat()
    assert (status.st_nlink, status.st_mode & 0o777) == (0, 0o600)
    assert list(json_file.parent.iterdir()) == [json_file]
    assert sum(map(len, file.records())) == file.rows == 2_000
    del file
    assert opened_here(json_file.parent) == []


@on_linux
def test_of_many_json_files_only_some_keep_records_and_all_give_the_same(json_file: Path) -> None:
    files = [open_json(json_file) for _ in range(spool.MOST_AT_ONCE + 2)]
    assert len(opened_here(json_file.parent)) == spool.MOST_AT_ONCE
    first, *others = (list(file.records()) for file in (files[0], *files[-2:]))
    assert all(other == first for other in others)


@on_linux
def test_records_that_are_of_no_use_any_more_are_not_kept(
    json_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spaaza_source.tabular.json_reader.batch.PIECE_CHARACTERS", 1_000)
    json_file.write_text(json_file.read_text()[:-1] + ',{"id":3,"n":"none"}]')
    file = open_json(json_file)
    assert opened_here(json_file.parent) == []
    assert next(file.records())[0]["n__v_text"] == '[{"m": 1}]'


@on_linux
@pytest.mark.parametrize("size", [0, 5_000])
def test_no_room_for_records_of_json_is_told_and_nothing_is_left(
    json_file: Path, size: int
) -> None:
    with longest_file(size), pytest.raises(FileError, match="no room for the rows") as caught:
        open_json(json_file)
    assert "users.json" in str(caught.value)
    del caught
    assert opened_here(json_file.parent) == []


@on_linux
def test_of_many_files_only_some_keep_rows_and_all_give_the_same(csv: Path) -> None:
    files = [open_csv(csv) for _ in range(spool.MOST_AT_ONCE + 3)]
    assert len(opened_here(csv.parent)) == spool.MOST_AT_ONCE
    first, *others = (pa.concat_tables(file.tables()) for file in (files[0], *files[-3:]))
    assert all(other.equals(first) for other in others)
    assert [str(kind) for kind in first.schema.types] == ["int64", "date32[day]", "string"]
    wider = files[0].typed_like([open_csv(csv, known_types={})])
    assert pa.concat_tables(wider.tables()).equals(first)
    files.clear()
    del wider
    assert opened_here(csv.parent) == []


@on_linux
@pytest.mark.parametrize("size", [0, 5_000])
def test_no_room_for_rows_is_told_and_nothing_is_left(csv: Path, size: int) -> None:
    with longest_file(size), pytest.raises(FileError, match="no room for the rows") as caught:
        open_csv(csv)
    assert "users.csv" in str(caught.value)
    assert "Ada" not in str(caught.value)
    del caught
    assert opened_here(csv.parent) == []
    assert list(csv.parent.iterdir()) == [csv]


@on_linux
def test_no_room_for_the_last_bytes_is_told_when_they_are_added(csv: Path) -> None:
    few: Any = pa.py_buffer(b"x" * 200)
    kept = Spool(csv)
    with longest_file(150), pytest.raises(FileError, match="no room"):
        kept.add(few)


def test_one_folder_that_cannot_be_written_to_is_no_hindrance(
    csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = csv.parent / "other"
    other.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(other))
    csv.parent.chmod(0o500)
    try:
        file = open_csv(csv)
        assert sum(table.num_rows for table in file.tables()) == 2_000
    finally:
        csv.parent.chmod(0o700)
