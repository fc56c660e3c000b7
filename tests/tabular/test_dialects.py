"""Files of a declared dialect: what can be declared, what it means, and what stays refused."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaaza_source.errors import FileError, SettingsError
from spaaza_source.tabular import ColumnType, CsvFile, Dialect, open_csv

SIGNS = st.sampled_from(["a", "Ü", "7", "5", ",", ";", "|", "\t", '"', "'", ".", "-", "\n", "\r\n"])
CELLS = st.lists(SIGNS, max_size=6).map("".join)
TABLES = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=12)
)
DIALECTS = st.builds(
    lambda signs, lines, quoting: {
        "delimiter": signs[0],
        "quote": signs[1],
        "skip_leading": lines,
        "quoting": quoting,
    },
    st.sampled_from([(";", '"'), ("|", "'"), ("\t", '"'), (",", "'"), ("'", '"'), (";", ",")]),
    st.integers(0, 3),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)


def read(path: Path, declared: Any = None, **more: Any) -> CsvFile:
    return open_csv(path, dialect=Dialect.of(declared), **more)


def rows(file: CsvFile) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pa.concat_tables(file.tables()).to_pylist()
    return found


def write(path: Path, table: list[list[str]], declared: dict[str, Any]) -> None:
    text = io.StringIO()
    names = [f"c{number}" for number in range(len(table[0]))]
    csv.writer(
        text,
        delimiter=declared["delimiter"],
        quotechar=declared["quote"],
        lineterminator="\r\n",
        quoting=declared["quoting"],
    ).writerows([names, *table])
    above = "about; this, 'table\"\r\n" * declared["skip_leading"]
    path.write_bytes((above + text.getvalue()).encode())


@given(TABLES, DIALECTS)
def test_a_table_is_the_same_in_any_dialect(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], declared: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("dialects")
    write(folder / "own.csv", table, declared)
    plain = {**declared, "delimiter": ",", "quote": '"', "skip_leading": 0}
    write(folder / "plain.csv", table, plain)
    declared = {name: value for name, value in declared.items() if name != "quoting"}
    own = read(folder / "own.csv", declared, max_rejected_share=1.0)
    # Beside the dialect it is read by the same rules: a row without any value is none.
    expected = read(folder / "plain.csv", {}, max_rejected_share=1.0)
    assert rows(own) == rows(expected)
    assert [column.type for column in own.columns] == [column.type for column in expected.columns]
    assert len(own.rejected) == len(expected.rejected)
    if own.rows:
        last = own.rows - 1
        assert own.line_of(last) == expected.line_of(last) + declared["skip_leading"]


def test_a_file_without_quotes_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "f.tsv"
    path.write_text('id\tname\n1\t6" pipe\n2\t"x\n3\t\n')
    file = read(path, {"delimiter": "tab", "quote": "none"})
    assert rows(file) == [
        {"id": 1, "name": '6" pipe'},
        {"id": 2, "name": '"x'},
        {"id": 3, "name": None},
    ]


def test_a_decimal_comma_is_for_numbers_alone(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(
        "price;points;place;mixed\n3,50;1;Lane 3,5;1,5\n-0,25;2;4,5;1.5\n7;30;x;2,25\n"
        "-1.234.567,8;4;y;1\n"
    )
    file = read(path, "delimiter=; decimal=,")
    assert [str(column.type) for column in file.columns] == [
        "decimal(38, 9)",
        "bigint",
        "text",
        "text",
    ]
    assert [str(row["price"].normalize()) for row in rows(file)] == [
        "3.5",
        "-0.25",
        "7",
        "-1234567.8",
    ]
    # A text stays as it is; and a number with a point may be one of thousands, so it is none.
    assert [row["place"] for row in rows(file)] == ["Lane 3,5", "4,5", "x", "y"]
    assert [row["mixed"] for row in rows(file)] == ["1,5", "1.5", "2,25", "1"]


def test_what_does_not_fit_a_known_type_keeps_its_text(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("id;price;day\n1;3,50;31-12-2025\n2;1.234;31-02-2025\n3;1.23,56;x\n")
    known = {"price": ColumnType("decimal"), "day": ColumnType("date")}
    file = read(path, "delimiter=; decimal=, date_format=%d-%m-%Y", known_types=known)
    found = rows(file)
    assert [row["price__v_text"] for row in found] == [None, "1.234", "1.23,56"]
    assert [str(row["day"]) for row in found] == ["2025-12-31", "None", "None"]
    assert [row["day__v_text"] for row in found] == [None, "31-02-2025", "x"]


@pytest.mark.parametrize(
    ("date_format", "cells", "kind", "first"),
    [
        ("%d-%m-%Y", ["31-12-2025", "1-2-2025"], "date", "2025-12-31"),
        ("%d/%m/%Y %H:%M", ["31/12/2025 7:05"], "timestamp", "2025-12-31 07:05:00+00:00"),
        (
            "%d.%m.%Y %H:%M:%S.%f",
            ["31.12.2025 07:05:01.5"],
            "timestamp",
            "2025-12-31 07:05:01.500000+00:00",
        ),
        (
            "%d.%m.%YT%H:%M:%S%z",
            ["31.12.2025T07:05:01+0200"],
            "timestamp",
            "2025-12-31 05:05:01+00:00",
        ),
        # Numbers are no dates, unless they are known to be.
        ("%Y%m%d", ["20251231"], "bigint", "20251231"),
        # A form says what a text means that could be read otherwise too.
        ("%Y-%d-%m", ["2025-03-02", "2025-01-12"], "date", "2025-02-03"),
        # What is no day, or not in the form, leaves the column text.
        ("%Y-%d-%m", ["2025-01-31"], "text", "2025-01-31"),
        ("%d-%m-%Y", ["31-12-2025", "soon"], "text", "31-12-2025"),
        ("%d-%m-%Y", ["31-12-2025", "2025-12-31"], "date", "2025-12-31"),
    ],
)
def test_dates_in_a_declared_form(
    tmp_path: Path, date_format: str, cells: list[str], kind: str, first: str
) -> None:
    path = tmp_path / "f.csv"
    path.write_text("id,at\n" + "".join(f"{number},{cell}\n" for number, cell in enumerate(cells)))
    file = read(path, {"date_format": date_format})
    assert str(file.columns[1].type) == kind
    assert str(rows(file)[0]["at"]) == first


def test_several_forms_of_dates(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("born,at\n31-12-2025,1-2-2025 10:00\n")
    file = read(path, ["date_format=%d-%m-%Y", "date_format=%d-%m-%Y %H:%M"])
    assert [str(column.type) for column in file.columns] == ["date", "timestamp"]


def test_instants_that_windows_are_taken_by_have_the_form_too(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("id;at\n" + "7;31-12-2025 10:00\n" * 9 + "8;soon\n")
    file = read(
        path, {"delimiter": ";", "date_format": "%d-%m-%Y %H:%M"}, instants="at",
        known_types={"at": ColumnType("timestamp")},
    )  # fmt: skip
    assert file.rows == 9
    assert [row.line for row in file.rejected] == [11]


def test_the_keys_of_bad_rows_are_read_by_the_dialect(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("id;day;name\n" + "7;01-02-2025;'a;b'\n" * 9 + "8;02-02-2025;a;b\n")
    file = read(path, "delimiter=; quote=' date_format=%d-%m-%Y")
    cells, _ = file.certain_cells(["id", "day"])
    assert [str(each) for row in cells.to_pylist() for each in row.values()] == ["8", "2025-02-02"]


@pytest.mark.parametrize(
    ("text", "declared", "cause", "hint"),
    [
        ("a;b\n1;2\n", {}, "semicolons divide the cells, not commas", "delimiter=;"),
        ("a\tb\n1\t2\n", {}, "tabs divide the cells, not commas", "delimiter=tab"),
        ("a,b\n1,2\n", "delimiter=;", "commas divide the cells, not semicolons", "delimiter=,"),
        ("'a','b'\n'1','2'\n", {}, "apostrophes quote", "quote='"),
        ("sep=;\na;b\n", {}, "precedes the header", "skip_leading=1"),
        ("a,b\n", "skip_leading=3", "fewer than are to be skipped", "skip_leading"),
    ],
)
def test_what_is_not_declared_is_refused_and_the_message_names_it(
    tmp_path: Path, text: str, declared: Any, cause: str, hint: str
) -> None:
    path = tmp_path / "f.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=cause) as refused:
        read(path, declared)
    assert hint in str(refused.value)


def test_other_encodings_and_workbooks_are_told(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    for data, hint in (
        ("id,name\n1,é\n".encode("cp1252"), "encoding=cp1252"),
        ("idé,name\n1,x\n".encode("cp1252"), "encoding=cp1252"),
        ("id,name\n".encode("utf-16"), "encoding=utf-16"),
        (b"PK\x03\x04 and so on", "Save it as CSV"),
    ):
        path.write_bytes(data)
        with pytest.raises(FileError) as refused:
            read(path)
        assert hint in str(refused.value)


@pytest.mark.parametrize(
    ("declared", "where", "cause"),
    [
        ({"delimter": ";"}, "dialect", "'delimter' is not among delimiter"),
        ({"delimiter": ";;"}, "dialect, delimiter", "is not one sign"),
        ({"delimiter": "x"}, "dialect, delimiter", "is not one sign"),
        ({"delimiter": ""}, "dialect, delimiter", "is not one sign"),
        ({"delimiter": "é"}, "dialect, delimiter", "is not one sign"),
        ({"delimiter": 7}, "dialect, delimiter", "is not one sign"),
        ({"delimiter": '"'}, "dialect, quote", "is the delimiter too"),
        ({"encoding": "latin-99"}, "dialect, encoding", "is no encoding"),
        ({"encoding": "rot13"}, "dialect, encoding", "is no encoding"),
        ({"encoding": "hex"}, "dialect, encoding", "is no encoding"),
        ({"decimal": "'"}, "dialect, decimal", "neither a point nor a comma"),
        ({"date_format": "%d-%m-%y"}, "dialect, date_format", "%y is not among"),
        ({"date_format": "%d-%m"}, "dialect, date_format", "does not have"),
        ({"date_format": "%d-%m-%Y %H"}, "dialect, date_format", "does not have"),
        ({"date_format": 5}, "dialect, date_format", "does not have"),
        ({"date_format": ["%d/%m/%Y", "%m/%d/%Y"]}, "dialect, date_format", "two forms"),
        ({"skip_leading": -1}, "dialect, skip_leading", "is not a number of lines"),
        ({"skip_trailing": "some"}, "dialect, skip_trailing", "is not a number of lines"),
        ({"skip_trailing": True}, "dialect, skip_trailing", "is not a number of lines"),
        ("semicolon", "dialect, semicolon", "is not NAME=VALUE"),
        ("{", "dialect, {", "is not JSON"),
        ([5], "dialect, 5", "is not NAME=VALUE"),
    ],
)
def test_a_wrong_declaration_is_refused(declared: Any, where: str, cause: str) -> None:
    with pytest.raises(SettingsError, match=cause) as refused:
        Dialect.of(declared)
    assert refused.value.where == where


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (None, {}),
        ("delimiter=;", {"delimiter": ";"}),
        ("delimiter=; decimal=,", {"delimiter": ";", "decimal": ","}),
        ("decimal=,,delimiter=;", {"delimiter": ";", "decimal": ","}),
        ("decimal=, delimiter=;", {"delimiter": ";", "decimal": ","}),
        ("delimiter=;,encoding=latin-1", {"delimiter": ";", "encoding": "iso8859-1"}),
        ("date_format=%d-%m-%Y %H:%M skip_leading=2",
         {"date_format": ("%d-%m-%Y %H:%M",), "skip_leading": 2}),
        ('{"delimiter": "tab", "skip_trailing": 1}', {"delimiter": "\t", "skip_trailing": 1}),
        (["delimiter=tab", "quote='"], {"delimiter": "\t", "quote": "'"}),
    ],
)  # fmt: skip
def test_a_dialect_can_be_declared_in_several_ways(declared: Any, expected: dict[str, Any]) -> None:
    assert Dialect.of(declared) == Dialect(**expected)


def test_a_form_of_digits_is_for_columns_that_are_known_to_hold_dates(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("day,bonus,total,long\n20251231,123456,20010101,2025123100\n")
    known = {"day": ColumnType("date"), "total": ColumnType("decimal")}
    [row] = rows(read(path, "date_format=%Y%m%d", known_types=known))
    assert (str(row["day"]), row["bonus"], row["total"]) == ("2025-12-31", 123456, 20010101)
    # Where numbers touch, each has all its digits.
    path.write_text("day\n2025123\n")
    assert rows(read(path, "date_format=%Y%m%d", known_types=known))[0]["day"] is None


def test_rows_without_any_value_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("a,b,c\n" + "1,x,2\n" * 20 + ",,\n" * 3 + '"",,""\n' + "3,,\n")
    file = read(path)
    assert file.rows == 21
    assert {(row.line, row.reason) for row in file.rejected} == {
        (line, "every cell is empty") for line in (22, 23, 24, 25)
    }


@pytest.mark.parametrize("before", ["a\r", "a\n", "a\r\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_whatever_the_skipped_ones_end_with(
    tmp_path: Path, before: str, end: str
) -> None:
    path = tmp_path / "f.csv"
    text = before * 2 + end.join(["id,n", *["1,2"] * 20, "1,2,3", "1,2", ""])
    path.write_bytes(text.encode())
    assert [row.line for row in read(path, "skip_leading=2").rejected] == [24]


@pytest.mark.parametrize(("codec", "hint"), [("utf-16-le", "-le"), ("utf-16-be", "-be")])
def test_utf_16_without_a_mark_is_told(tmp_path: Path, codec: str, hint: str) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes("id,name\n1,x\n".encode(codec))
    with pytest.raises(FileError, match=f"encoding=utf-16{hint}"):
        read(path)


def test_a_title_above_the_table_is_told(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("Report\nof May\n" + "id,n\n" + "1,2\n" * 30)
    with pytest.raises(FileError, match="skip_leading=2"):
        read(path)


def test_a_title_above_semicolons_names_these_first(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("Report\nid;n\n" + "1;2,50\n" * 30)
    with pytest.raises(FileError, match="delimiter=;"):
        read(path)
    with pytest.raises(FileError, match="skip_leading=1"):
        read(path, "delimiter=;")


def test_apostrophes_in_one_column_are_told(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("id,n\n" + "1,'x'\n" * 5)
    with pytest.raises(FileError, match="quote='"):
        read(path)
