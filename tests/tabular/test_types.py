"""Typing: over the whole file, by narrow forms, never guessing (FAULTS 32 to 34)."""

from __future__ import annotations

import datetime as dt
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaaza_source.errors import SettingsError
from spaaza_source.tabular import ColumnType, open_csv
from spaaza_source.tabular.csv_reader import scan
from spaaza_source.tabular.inference import Evidence
from spaaza_source.tabular.values import convert, fit_mask

UTC = dt.UTC


def inferred(*cells: str) -> str:
    return str(Evidence().with_cells(strings_of(*cells)).column_type)


def strings_of(*cells: str) -> Any:
    return pa.array([cell or None for cell in cells], pa.string())


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["true", "false", ""], "bool"),
        (["true", "True"], "text"),
        (["true", "1"], "text"),
        (["1", "0"], "bigint"),
        (["t"], "text"),
        (["0", "-1", "", "999999999999999999"], "bigint"),
        (["-999999999999999999"], "bigint"),
        (["1234567890123456789"], "text"),
        (["-1234567890123456789"], "text"),
        (["1" * 40], "text"),
        (["1234567890123456789", "1.5"], "text"),
        (["00123"], "text"),
        (["1", "00"], "text"),
        (["+31612345678"], "text"),
        (["-0"], "text"),
        (["-"], "text"),
        (["1-"], "text"),
        (["--1"], "text"),
        (["1e5"], "text"),
        (["1,234"], "text"),
        (["12,50"], "text"),
        (["1 "], "text"),
        ([" 1"], "text"),
        (["1\n"], "text"),
        (["\N{ARABIC-INDIC DIGIT ONE}"], "text"),
        (["NA"], "text"),
        (["null"], "text"),
        (["NaN"], "text"),
        (["0x10"], "text"),
        (["1_000"], "text"),
        (["0.00", "1", "-3.25"], "decimal(38, 9)"),
        (["1", "2.5"], "decimal(38, 9)"),
        (["-0.5"], "decimal(38, 9)"),
        (["0.123456789"], "decimal(38, 9)"),
        (["0.1234567890"], "text"),
        (["9" * 29 + ".999999999"], "decimal(38, 9)"),
        (["9" * 30 + ".9"], "text"),
        (["1."], "text"),
        ([".5"], "text"),
        (["-.5"], "text"),
        (["00.5"], "text"),
        (["1.5", "01"], "text"),
        (["1.5", "-0"], "text"),
        (["1.2.3"], "text"),
        (["1.5", "2.4.1"], "text"),
        (["1.5", "x"], "text"),
        (["1978-01-01", ""], "date"),
        (["2024-02-29"], "date"),
        (["2023-02-29"], "text"),
        (["0000-01-01"], "text"),
        (["0001-01-01"], "date"),
        (["1978-1-1"], "text"),
        (["1978/01/01"], "text"),
        (["01-01-1978"], "text"),
        (["1978-01-01", "1978-01-01T00:00:00Z"], "text"),
        (["1978-01-01T00:00:00Z", "1978-01-01"], "text"),
        (["2018-09-04T00:47:41Z"], "timestamp"),
        (["0001-01-01T00:00:00Z"], "timestamp"),
        (["2050-01-01 00:00:00"], "timestamp"),
        (["2019-08-02T15:18:52+00:00", "2019-08-02T15:18:52Z"], "timestamp"),
        (["2019-08-02T15:18:52+0200", "2019-08-02T15:18:52-07"], "timestamp"),
        (["2019-05-17 10:23:04.026549"], "timestamp"),
        (["2019-05-17 10:23:04.1Z"], "timestamp"),
        (["2019-05-17 10:23:04.0265491"], "text"),
        (["2019-05-17 10:23"], "text"),
        (["2019-05-17T24:00:00Z"], "text"),
        (["2019-05-17T10:60:00Z"], "text"),
        (["2016-12-31T23:59:60Z"], "text"),
        (["2019-02-30T10:00:00Z"], "text"),
        (["2019-02-30T10:00:00.5Z"], "text"),
        (["2019-05-17t10:00:00z"], "text"),
        (["2019-05-17_10:00:00Z"], "text"),
        (["2019-05-17T10:00:00 Z"], "text"),
        (["2019-05-17T10:00:00X"], "text"),
        (["2019-05-17T10:00:00+24:00"], "text"),
        (["0001-01-01T00:00:00+01:00"], "text"),
        (["9999-12-31T23:59:59-01:00"], "text"),
        (["=cmd|'/c calc'!A1"], "text"),
        (["@SUM(A1)"], "text"),
        (["", ""], "None"),
        ([], "None"),
    ],
)
def test_a_column_gets_the_type_that_all_its_cells_fit(cells: list[str], expected: str) -> None:
    assert inferred(*cells) == expected


def test_every_cell_of_the_file_counts_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_bytes(b"a,b\n" + b"1,true\n" * 900_000 + b"1x,true\n")
    file = open_csv(path)
    assert [str(column.type) for column in file.columns] == ["text", "bool"]
    assert sum(table.num_rows for table in file.tables()) == 900_001


def test_values_keep_their_meaning(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    path.write_text(
        "n,m,d,z,t,mixed,b,empty,s\n"
        "1,1.50,1978-01-01,2018-09-04T00:47:41Z,2050-01-01 00:00:00,"
        '2019-08-02T15:18:52+02:00,true,,00123\n-7,2,,,,2019-08-02 15:18:52.5,false,""," x "\n'
    )
    file = open_csv(path)
    [table] = file.tables()
    assert table.to_pylist() == [
        {
            "n": 1,
            "m": Decimal("1.5"),
            "d": dt.date(1978, 1, 1),
            "z": dt.datetime(2018, 9, 4, 0, 47, 41, tzinfo=UTC),
            "t": dt.datetime(2050, 1, 1, tzinfo=UTC),
            "mixed": dt.datetime(2019, 8, 2, 13, 18, 52, tzinfo=UTC),
            "b": True,
            "empty": None,
            "s": "00123",
        },
        {
            "n": -7,
            "m": Decimal(2),
            "d": None,
            "z": None,
            "t": None,
            "mixed": dt.datetime(2019, 8, 2, 15, 18, 52, 500_000, tzinfo=UTC),
            "b": False,
            "empty": None,
            "s": " x ",
        },
    ]
    assert file.columns[7].type is None
    assert table.schema == file.schema
    assert table.schema.field("empty").type == pa.null()


def test_text_columns_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    path.write_text("a,b\n1,\n2,\n")
    file = open_csv(path, column_types="text")
    assert [str(column.type) for column in file.columns] == ["text", "text"]
    assert next(file.tables()).to_pylist() == [{"a": "1", "b": None}, {"a": "2", "b": None}]


@pytest.mark.parametrize(
    ("data_type", "fit", "misfit"),
    [
        ("bool", "true", "yes"),
        ("bigint", "12", "12.0"),
        ("bigint", "0", "1234567890123456789"),
        ("decimal", "12.5", "12,50"),
        ("decimal", "12", "0.1234567891"),
        ("double", "1e5", "1e999"),
        ("double", "7", "NaN"),
        ("date", "2024-02-29", "2023-02-29"),
        ("timestamp", "2024-02-29T00:00:00Z", "2024-02-29"),
        ("timestamp", "2024-02-29 00:00:00", "2024-02-29T00:00:00.1234567Z"),
    ],
)
def test_a_value_that_does_not_fit_a_known_type_keeps_its_text_in_the_variant(
    tmp_path: Path, data_type: str, fit: str, misfit: str
) -> None:
    path = tmp_path / "sticky.csv"
    path.write_text(f'id,v,w\nx,{fit},1\ny,"{misfit}",2\nz,,3\n')
    file = open_csv(path, known_types={"v": ColumnType(data_type)})
    [table] = file.tables()
    assert table.column_names == ["id", "v", "w", "v__v_text"]
    assert table.schema.field("v").type == ColumnType(data_type).arrow
    assert table["v__v_text"].to_pylist() == [None, misfit, None]
    assert table["v"].is_valid().to_pylist() == [True, False, False]
    assert file.columns[1].has_variant
    assert not file.columns[2].has_variant


def test_a_known_type_wins_over_what_the_cells_look_like_and_stays_when_all_are_empty(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sticky.csv"
    path.write_text("a,b,c\n1,2,\n")
    known = {"a": ColumnType("text"), "b": ColumnType("double"), "c": ColumnType("date")}
    file = open_csv(path, known_types=known)
    assert next(file.tables()).to_pylist() == [{"a": "1", "b": 2.0, "c": None}]
    assert file.schema.names == ["a", "b", "c"]
    assert file.schema.types == [pa.string(), pa.float64(), pa.date32()]


def test_a_declared_precision_is_kept_without_rounding(tmp_path: Path) -> None:
    path = tmp_path / "money.csv"
    path.write_text("m\n12.34\n12.345\n12345.00\n")
    file = open_csv(path, known_types={"m": ColumnType("decimal", 6, 2)})
    [table] = file.tables()
    assert table["m"].to_pylist() == [Decimal("12.34"), None, None]
    assert table["m__v_text"].to_pylist() == [None, "12.345", "12345.00"]


def test_types_are_named_as_dlt_and_arrow_name_them() -> None:
    arrow = {
        "text": pa.string(),
        "bool": pa.bool_(),
        "bigint": pa.int64(),
        "decimal": pa.decimal128(38, 9),
        "double": pa.float64(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", tz="UTC"),
    }
    assert {name: ColumnType.of_dlt(name).arrow for name in arrow} == arrow
    assert ColumnType.of_dlt("decimal", 10, 2).arrow == pa.decimal128(10, 2)
    with pytest.raises(SettingsError):
        ColumnType.of_dlt("json")
    with pytest.raises(SettingsError):
        ColumnType("decimal", 39, 2)


FORMS = {
    "bool": r"true|false",
    "bigint": r"0|-?[1-9][0-9]{0,17}",
    "decimal": r"-?(0|[1-9][0-9]{0,28})\.[0-9]{1,9}|0|-?[1-9][0-9]{0,28}",
    "date": r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})",
    "timestamp": r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<time>[0-9]{2}:[0-9]{2}:[0-5][0-9])"
    r"(\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?",
}


def _python_fits(cell: str, data_type: str) -> bool:
    """The rules once more, in Python's own words."""
    found = re.fullmatch(FORMS[data_type], cell)
    if found is None:
        return False
    parts = {"day": "2000-01-01", "time": "00:00:00"} | found.groupdict()
    return _made(f"{parts['day']} {parts['time']}", "%Y-%m-%d %H:%M:%S")


def _made(text: str, form: str) -> bool:
    try:
        dt.datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return False
    return True


cells = st.one_of(
    st.from_regex(r"-?[0-9]{1,20}", fullmatch=True),
    st.from_regex(r"-?[0-9]{0,3}\.[0-9]{0,11}", fullmatch=True),
    st.dates().map(str),
    st.from_regex(r"20[0-2][0-9]-[01][0-9]-[0-3][0-9]", fullmatch=True),
    st.from_regex(
        r"2[0-9]{3}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,7})?"
        r"(Z|[+-][0-2][0-9](:?[0-6][0-9])?)?",
        fullmatch=True,
    ),
    st.sampled_from(["true", "false", "True", "0", "-0", "00", "-", ".", "", "NA", "1.0"]),
    st.text(st.sampled_from("0123456789-.:TZ+ "), max_size=24),
)


@pytest.mark.slow
@settings(max_examples=int(os.environ.get("TABULAR_EXAMPLES", "120")), deadline=None)
@given(
    column=st.one_of(st.lists(cells, max_size=5), st.tuples(cells, st.just("")).map(list)),
    data_type=st.sampled_from(["bool", "bigint", "decimal", "date", "timestamp"]),
)
@pytest.mark.thorough
def test_both_ways_of_checking_agree_with_the_rules_in_python(
    column: list[str], data_type: str
) -> None:
    kind = ColumnType(data_type)
    strings = strings_of(*column)
    expected = [_python_fits(cell, data_type) if cell else None for cell in column]
    assert fit_mask(strings, kind).to_pylist() == expected
    evidence = Evidence(kind).with_cells(strings)
    assert evidence.misfits == (False in expected)
    fitted = [cell for cell, fits in zip(column, expected, strict=True) if fits]
    values = convert(strings_of(*fitted), kind)
    assert values.null_count == 0
    if data_type == "decimal":
        assert [value.as_py() for value in values] == [Decimal(cell) for cell in fitted]
    if data_type == "bigint":
        assert [str(value) for value in values] == fitted


@pytest.mark.parametrize(
    "time", ["2024-02-29T23:59:59Z", "2024-02-29 00:00:00", "0001-01-01T00:00:00Z"]
)
def test_a_time_of_the_usual_length_is_one_by_the_same_rules(time: str) -> None:
    kind = ColumnType("timestamp")
    for place in range(len(time)):
        for mark in "0123456789TtZz:-+. /":
            cell = strings_of(time[:place] + mark + time[place + 1 :])
            fits = not Evidence(kind).with_cells(cell).misfits
            assert [fits] == fit_mask(cell, kind).to_pylist(), cell


@pytest.mark.parametrize("date", ["2024-02-29", "0001-01-01", "1999-12-31"])
def test_a_date_of_the_usual_length_is_one_by_the_same_rules(date: str) -> None:
    kind = ColumnType("date")
    for place in range(len(date)):
        for mark in "0123456789TtZz:-+. /":
            cell = strings_of(date[:place] + mark + date[place + 1 :])
            fits = not Evidence(kind).with_cells(cell).misfits
            assert [fits] == fit_mask(cell, kind).to_pylist(), cell


def test_quotes_around_a_cell_change_nothing_about_its_type(tmp_path: Path) -> None:
    path = tmp_path / "quoted.csv"
    path.write_text('n,m,b,d,t\n"1","1.5","true","2024-01-01","2024-01-01T00:00:00Z"\n1,2,true,,\n')
    file = open_csv(path)
    assert [column.type.data_type for column in file.columns if column.type] == [
        "bigint",
        "decimal",
        "bool",
        "date",
        "timestamp",
    ]
    [table] = file.tables()
    assert [table[name][0].as_py() for name in ("n", "m", "b", "d")] == [
        1,
        Decimal("1.5"),
        True,
        dt.date(2024, 1, 1),
    ]


def test_a_known_type_belongs_to_the_name_wherever_the_column_stands(tmp_path: Path) -> None:
    known = {"code": ColumnType("text"), "points": ColumnType("bigint")}
    found = []
    for text in ("code,points\n1,2\n", "points,new,code\n2,x,1\n"):
        path = tmp_path / "moved.csv"
        path.write_text(text)
        [row] = next(open_csv(path, known_types=known).tables()).to_pylist()
        found.append((row["code"], row["points"]))
    assert found == [("1", 2)] * 2


def test_times_with_and_without_a_zone_may_stand_far_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "BLOCK", 64)
    path = tmp_path / "mixed.csv"
    path.write_text("t\n" + "2024-01-01T10:00:00Z\n" * 50 + "2024-01-01 10:00:00\n" * 50)
    [table] = open_csv(path).tables()
    assert set(table["t"].to_pylist()) == {dt.datetime(2024, 1, 1, 10, tzinfo=UTC)}
    assert table.num_rows == 100
    path.write_text("t\n" + "2024-01-01T10:00:00Z\n" * 50 + "soon\n" + "2024-01-02\n" * 50)
    [table] = open_csv(path, known_types={"t": ColumnType("timestamp")}).tables()
    assert table["t"].null_count == 51
    assert table["t__v_text"].null_count == 50


def test_times_without_a_zone_may_be_followed_by_other_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "BLOCK", 16)
    path = tmp_path / "mixed.csv"
    path.write_text("id\n2024-01-01 10:00:00\ntrue\n")
    assert [row["id"] for table in open_csv(path).tables() for row in table.to_pylist()] == [
        "2024-01-01 10:00:00",
        "true",
    ]


@pytest.mark.parametrize(
    "values",
    [
        ("7", "1.5", "decimal(38, 9)"),
        ("7", "x", "text"),
        ("7.25", "7", "decimal(38, 9)"),
        ("true", "True", "text"),
        ("2024-02-29", "2024-02-30", "text"),
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00", "timestamp"),
        ("2024-02-29T12:00:00", "2024-02-29T12:00:00+02:00", "timestamp"),
        ("2024-02-29T12:00:00Z", "2024-02-29", "text"),
        ("", "7", "bigint"),
        ("", "2024-02-29T12:00:00", "timestamp"),
    ],
)
@pytest.mark.parametrize("known", [None, "bigint", "timestamp"])
def test_types_and_values_do_not_depend_on_where_in_the_file_a_value_stands(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    values: tuple[str, str, str],
    known: str | None,
) -> None:
    usual, odd, kind = values
    known_types = {"v": ColumnType(known)} if known else {}
    path = tmp_path / "values.csv"
    readings = set()
    # A piece of the file has some four rows.
    monkeypatch.setattr(scan, "BLOCK", 4 * len(f"{usual},3\n"))
    for place in range(12):
        cells = [odd if number == place else usual for number in range(12)]
        path.write_text("v,n\n" + "".join(f"{cell},3\n" for cell in cells))
        file = open_csv(path, known_types=known_types)
        rows = pa.concat_tables(file.tables()).to_pylist()
        assert [row["n"] for row in rows] == [3] * 12
        del rows[place]["n"]
        found = rows.pop(place)
        readings.add((str(file.columns[0].type), repr(found), repr(rows)))
    assert len(readings) == 1
    assert known or str(file.columns[0].type) == kind
