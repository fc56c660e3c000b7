"""`convert_csv`: a whole Parquet file or none."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from pyarrow import parquet

from spaaza_source.errors import FileError, SettingsError
from spaaza_source.tabular import convert_csv


def test_a_converted_file_has_the_types_and_rows_of_the_csv(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.parquet"
    source.write_text("Id,Joined at,e\n" + "1,2018-09-04T00:47:41Z,\n" * 250_000 + "1,2\n")
    result = convert_csv(source, target)
    assert (result.rows, result.rejected) == (250_000, 1)
    assert [(column.name, str(column.type)) for column in result.columns] == [
        ("id", "bigint"),
        ("joined_at", "timestamp"),
        ("e", "None"),
    ]
    groups = parquet.ParquetFile(target).metadata
    assert [groups.row_group(index).num_rows for index in range(groups.num_row_groups)][:-1] == [
        122_880,
        122_880,
    ]
    found = duckdb.sql(
        f"SELECT count(*), sum(id), max(joined_at AT TIME ZONE 'UTC')::VARCHAR, count(e) "
        f"FROM '{target}'"
    ).fetchall()
    assert found == [(250_000, 250_000, "2018-09-04 00:47:41", 0)]


def test_text_and_fail_are_passed_on(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.parquet"
    source.write_text("a,b\n1,2\n")
    assert {str(c.type) for c in convert_csv(source, target, column_types="text").columns} == {
        "text"
    }
    source.write_text("a,b\n" + "1,2\n" * 500 + "1\n")
    with pytest.raises(FileError, match="line 502"):
        convert_csv(source, target, on_bad_row="fail")


def test_a_refused_file_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "written" / "out.parquet"
    target.parent.mkdir()
    target.write_text("before")
    source.write_text('a,b\n1,"2\n')
    with pytest.raises(FileError):
        convert_csv(source, target)
    assert target.read_text() == "before"
    assert [path.name for path in target.parent.iterdir()] == ["out.parquet"]


def test_an_error_while_writing_leaves_no_part_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    source, target = tmp_path / "in.csv", tmp_path / "written" / "out.parquet"
    target.parent.mkdir()
    source.write_text("a,b\n1,2\n")
    monkeypatch.setattr(parquet.ParquetWriter, "write_table", full)
    with pytest.raises(OSError, match="No space"):
        convert_csv(source, target)
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize("setting", [{"column_types": "guess"}, {"on_bad_row": "skip"}])
def test_an_unknown_setting_is_refused(tmp_path: Path, setting: dict[str, str]) -> None:
    source = tmp_path / "in.csv"
    source.write_text("a\n")
    with pytest.raises(SettingsError):
        convert_csv(source, tmp_path / "out.parquet", **setting)  # type: ignore[arg-type]


def test_a_file_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be opened"):
        convert_csv(tmp_path / "missing.csv", tmp_path / "out.parquet")
