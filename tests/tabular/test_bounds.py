"""Wide files, long cells and many rows, in bounded memory (FAULTS 35); files that change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spaaza_source.errors import MalformedFileError, TooManyRejectedRowsError
from spaaza_source.tabular import open_csv, rejected
from spaaza_source.tabular.csv_reader import file as csv_file
from spaaza_source.tabular.csv_reader import scan


def test_a_cell_of_ten_megabytes_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    cell = "é\n," * 2_500_000
    path.write_text(f'a,b\n1,x\n2,"{cell}"\n3,y\n', newline="")
    file = open_csv(path)
    assert [value for table in file.tables() for value in table["b"].to_pylist()] == [
        "x",
        cell,
        "y",
    ]


@pytest.mark.slow
@pytest.mark.thorough
def test_a_record_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b'a,b\n1,x\n2,"' + b"x\n" * (20 * 2**20) + b'"\n')
    with pytest.raises(MalformedFileError, match="line 3"):
        open_csv(path)


def test_an_open_quote_swallows_no_more_than_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "LONGEST_RECORD", 2**20)
    monkeypatch.setattr(scan, "BLOCK", 2**18)
    path = tmp_path / "open.csv"
    row = b'1,"x, y"\n'
    path.write_bytes(b"a,b\n" + row + b'2,"x\n' + b"3,z\n" * 2**20 + row)
    file = open_csv(path)
    assert [(bad.line, bad.raw) for bad in file.rejected] == [(3, b'2,"x')]
    assert file.rows == 2**20 + 2


@pytest.mark.slow
@pytest.mark.thorough
def test_five_thousand_columns_and_one_are_loaded(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    wide = ",".join(f"c{index}" for index in range(5_000))
    row = ",".join("1" for _ in range(5_000))
    path.write_text(f"{wide}\n" + f"{row}\n" * 300)
    file = open_csv(path)
    assert sum(table.num_rows for table in file.tables()) == 300
    assert {str(column.type) for column in file.columns} == {"bigint"}
    path.write_text("a\n" + "1\n" * 300_000)
    tables = list(open_csv(path).tables())
    assert sum(table.num_rows for table in tables) == 300_000
    assert max(table.num_rows for table in tables) <= csv_file.TABLE_ROWS


def test_bad_rows_without_end_do_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejected, "REJECTED_BYTES_KEPT", 2**20)
    path = tmp_path / "bad.csv"
    path.write_text("a,b\n" + "1\n" * 10_000)
    with pytest.raises(TooManyRejectedRowsError, match="MiB"):
        open_csv(path)


def test_a_file_that_changes_between_examining_and_reading_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "changing.csv"
    path.write_text("a,b\n1,2\n")
    file = open_csv(path)
    path.write_text("a,b\n3,4\n5,6\n")
    with pytest.raises(MalformedFileError, match="changed"):
        list(file.tables())


@pytest.mark.slow
@pytest.mark.thorough
def test_a_reader_that_stops_early_leaves_no_thread_behind(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text("a,b\n" + "1,2\n" * 3_000_000)
    program = (
        "import sys, threading\n"
        "from spaaza_source.tabular import open_csv\n"
        "tables = open_csv(sys.argv[1]).tables()\n"
        "next(tables)\n"
        "tables.close()\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(path)], check=True, timeout=60, env=os.environ
    )
