"""JSON exports: accepted layouts, stops, and bad rows (FAULTS 20, 28 and 30, as JSON has them)."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import (
    EncodingError,
    FileError,
    MalformedFileError,
    SettingsError,
    SpaazaSourceError,
    TooManyRejectedRowsError,
)
from spaaza_source.tabular import ColumnType, open_json
from spaaza_source.tabular.json_reader import elements as json_elements
from spaaza_source.tabular.json_reader import file as json_file
from tests.tabular.json_files import opened_json, records, types

TWO = [{"id": 1, "a": "x"}, {"id": 2, "a": "y"}]
#: A text that no message may show.
SECRET = "jane@example.org"


@pytest.fixture(params=[1, 2**20], ids=["tiny blocks", "one block"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(json_elements, "BLOCK", request.param)
    return functools.partial(opened_json, tmp_path)


# Layouts


@pytest.mark.parametrize(
    "data",
    [
        '[{"id":1,"a":"x"},{"id":2,"a":"y"}]',
        '\ufeff \r\n[ {"id" : 1 ,\t"a" : "x" } ,\n{"id":2,"a":"y"} ]\r\n\n',
        '{"data":[{"id":1,"a":"x"},{"id":2,"a":"y"}]}',
        '{"total":2000,"data":[{"id":1,"a":"x"},{"id":2,"a":"y"}],"next":null,"error":false}\n',
        '\ufeff{\n "data": [\n  {"id":1,"a":"x"},\n  {"id":2,"a":"y"}\n ],\n "pages": 12345\n}',
        '{"data":\n[{"id":1,"a":"x"},{"id":2,"a":"y"}]}',
        '{"id":1,"a":"x"}\n{"id":2,"a":"y"}\n',
        '{"id":1,"a":"x"}\n{"id":2,"a":"y"}',
        '\ufeff {"id":1,"a":"x"} \r\n\t{"id":2,"a":"y"}\r\n\r\n \n',
    ],
)
def test_each_layout_gives_the_same_records(opened: Any, data: str) -> None:
    file = opened(data)
    assert records(file) == TWO
    assert records(file) == TWO  # and again
    assert types(file) == {"id": "bigint", "a": "text"}
    assert file.rejected == ()


@pytest.mark.parametrize(
    "data", ["[]", " [ ]\n", "\ufeff[]", '{"data":[]}', '{"data" : [ ],"n":0}']
)
def test_an_empty_list_is_a_file_without_rows(opened: Any, data: str) -> None:
    file = opened(data)
    assert (file.rows, file.columns, list(file.records())) == (0, (), [])


def test_a_line_that_stands_alone_is_a_record_only_if_its_columns_are_known(opened: Any) -> None:
    line = '{"ID":1,"name":"x","items":[{"n":1}],"shop":{"town":"y"}}\n'
    known = {"id": ColumnType("bigint"), "name": ColumnType("text")}
    assert records(opened(line, known_types=known)) == [
        {"id": 1, "name": "x", "items": [{"n": 1}], "shop": {"town": "y"}}
    ]
    for too_little in ({}, {"id": ColumnType("bigint")}):
        with pytest.raises(MalformedFileError, match="a single record"):
            opened(line, known_types=too_little)
    # Spread over lines it is none of the layouts.
    with pytest.raises(MalformedFileError, match="a single record"):
        opened(line.replace(",", ",\n"), known_types=known)


def test_a_list_inside_a_single_record_is_never_taken_for_the_list_of_records(opened: Any) -> None:
    with pytest.raises(MalformedFileError, match="one object with an id, so its list is not"):
        opened('{"Id":7,"total":"1.00","line_items":[{"sku":"a"},{"sku":"b"}]}\n')


# Stops


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", MalformedFileError, "empty"),
        (b"\xef\xbb\xbf", MalformedFileError, "empty"),
        (b" \r\n\t\n", MalformedFileError, "empty"),
        (b"12", MalformedFileError, "line 1, byte offset 0"),
        (b'"text"', MalformedFileError, "neither a list nor objects"),
        (b"null", MalformedFileError, "neither a list nor objects"),
        (b"<html><body>Sorry</body></html>", MalformedFileError, "neither a list nor objects"),
        (b'\n<?xml version="1.0"?><Error/>', MalformedFileError, "line 2, byte offset 1"),
        (b"id,name\n1,x\n", MalformedFileError, "neither"),
        (b'{"error":{"code":403}}', MalformedFileError, "an error, or a single record"),
        (b'{"code":404,"message":"gone"}', MalformedFileError, "an error, or a single record"),
        (b'{"errors":[{"code":404}]}', MalformedFileError, "reports an error"),
        (b'{"data":[],"error":"gone"}', MalformedFileError, "reports an error"),
        (b"{}", MalformedFileError, "an error, or a single record"),
        (b'{"a":[{"x":1}],"b":[{"x":1}]}', MalformedFileError, "line 1, byte offset 19"),
        (b'{"a":[{"x":1}],"b":[]}', MalformedFileError, "more than a list"),
        (b'{"meta":{"n":1},"data":[{"x":1}]}', MalformedFileError, "more than a list"),
        (b'{"a":1,"a":[{"x":1}]}', MalformedFileError, "key 'a' twice"),
        (b'{"n":1,\n"n":[{"x":1}]}', MalformedFileError, "line 2.*key 'n' twice"),
        (b'[{"a":1}', MalformedFileError, "ends in the middle"),
        (b'[{"a":1},', MalformedFileError, "ends in the middle"),
        (b'[{"a":1},{"a"', MalformedFileError, "ends in the middle"),
        (b'[{"a":"x', MalformedFileError, "ends in the middle"),
        (b'[{"a":1}]x', MalformedFileError, "byte offset 9: something follows"),
        (b'[{"a":1}]\n[{"a":2}]', MalformedFileError, "line 2, byte offset 10"),
        (b'[{"a":1}]\x00', MalformedFileError, "something follows"),
        (b'{"data":[{"a":1}]} {}', MalformedFileError, "the last line has no end"),
        (b'{"data":[{"a":1}]} {}\n', TooManyRejectedRowsError, "more than one JSON value"),
        (b'{"data":\n[{"a":1}]} {}', MalformedFileError, "something follows"),
        (b'[{"a":1},]', MalformedFileError, "byte offset 9"),
        (b'[{"a":1} {"a":2}]', MalformedFileError, "a comma"),
        (b'[,{"a":1}]', MalformedFileError, "byte offset 1"),
        (b'[{"a":01}]', MalformedFileError, "not JSON"),
        (b'[{"a":+1}]', MalformedFileError, "not JSON"),
        (b'[{"a":.5}]', MalformedFileError, "not JSON"),
        (b'[{"a":5.}]', MalformedFileError, "not JSON"),
        (b'[{"a":NaN}]', MalformedFileError, "not JSON"),
        (b'[{"a":-Infinity}]', MalformedFileError, "not JSON"),
        (b'[{"a":True}]', MalformedFileError, "not JSON"),
        (b"[{'a':1}]", MalformedFileError, "not JSON"),
        (b"[{a:1}]", MalformedFileError, "not JSON"),
        (b'[{"a":1}//x\n]', MalformedFileError, "a comma"),
        (b'[{"a":"x\ty"}]', MalformedFileError, "not JSON"),
        (b'[{"a":"x\ny"}]', MalformedFileError, "not JSON"),
        (b'[{"a":"\\x41"}]', MalformedFileError, "not JSON"),
        (b'[\x0c{"a":1}]', MalformedFileError, "byte offset 1"),
        (b'[\xc2\xa0{"a":1}]', MalformedFileError, "byte offset 1"),
        (b'[{"a":1,"a":1}]', MalformedFileError, "byte offset 1: an object has the key 'a' twice"),
        (b'[{"b":{"a":1,"\\u0061":2}}]', MalformedFileError, "key 'a' twice"),
        (b'{"i":1}\n{"i":2,"a":1,"a":1}\n', MalformedFileError, "line 2, byte offset 8: an object"),
        (b'[{"a":"\xff"}]', EncodingError, "byte offset 7"),
        (b'[{"a":"\xc3\xa9"},{"a":"\xe9"}]', EncodingError, "byte offset 18"),
        (b'[{"a":"\xed\xa0\x80"}]', EncodingError, "byte offset 7"),
        (b'[{"a":"\xc3', EncodingError, "byte offset 7"),
        ('[{"a":1}]'.encode("utf-16"), EncodingError, "byte offset 0"),
        ('[{"a":1}]'.encode("utf-16-le"), MalformedFileError, "byte offset 1"),
        (b'{"i":1}\n\n{"i":2}\n', MalformedFileError, "line 3, byte offset 9: an empty line"),
        (b'\n{"i":1}\n{"i":2}\n', MalformedFileError, "an empty line"),
        (b'{"i":1}\n{"i":2', MalformedFileError, "line 2, byte offset 8: the last line has no end"),
        (b'{"i":1}\n{"i":2}x', MalformedFileError, "the last line has no end"),
        (b'{"i":1}\r{"i":2}\r', MalformedFileError, "the last line has no end"),
        (b'{"i":1}{"i":2}', MalformedFileError, "the last line has no end"),
    ],
)
def test_a_file_that_is_not_whole_and_sound_is_refused_with_its_place(
    opened: Any, data: bytes, error: type[FileError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        opened(data)
    assert type(caught.value) is error


def test_no_part_of_a_cut_file_is_ever_loaded(tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    rows = [{"id": number, "n": {"é": [number, "\\", '"'], "b": -1.5e3}} for number in range(3)]
    for whole in (json.dumps(rows, ensure_ascii=False), json.dumps({"n": 3, "data": rows})):
        data = whole.encode()
        for length in range(len(data)):
            path.write_bytes(data[:length])
            with pytest.raises(FileError):
                open_json(path)
    lines = [json.dumps(row, ensure_ascii=False).encode() for row in rows]
    data = b"\n".join(lines)
    # A cut right behind an object leaves a file that is whole in itself; one row alone does not.
    whole_in_itself = {len(lines[0]) + 1 + len(lines[1]) + end: 2 for end in (0, 1)}
    for length in range(len(data)):
        path.write_bytes(data[:length])
        if length in whole_in_itself:
            assert [row["id"] for row in records(open_json(path))] == [0, 1]
        else:
            with pytest.raises(FileError):
                open_json(path)


def test_no_message_holds_a_value(opened: Any) -> None:
    value = json.dumps(SECRET)
    for data in (
        f'[{{"a":{value}}}',
        f'[{{"a":{value}x}}]',
        f'[{{"a":{value}}}]{value}',
        f'[{{"a":{value},"a":{value}}}]',
        f"[{value},{value}]",
        f'{{"a":{value}}}',
        f'{{"id":1,"a":{value}}}\n{{"id":2,"a":{value}\n',
        f'{{"id":1,"a":{value}}}\n{{"id":2,"a":{value}',
        f'{{"id":1,"a":{value}}}\n\n{{"id":2,"a":{value}}}',
        f'[{{"a":{value},"A":{value}}}]',
        f"{value}",
        f'[{{"a":"{SECRET}\\u0000"}}]',
        f'[{{"a":{"[" * 200}{value}{"]" * 200}}}]',
    ):
        with pytest.raises(SpaazaSourceError) as caught:
            opened(data)
        seen: BaseException | None = caught.value
        while seen is not None:
            assert SECRET not in f"{seen} {seen!r}"
            # What would be printed below "During handling of the above exception".
            seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def test_a_file_that_is_missing_or_changes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.json"
    with pytest.raises(FileError, match="cannot be opened"):
        open_json(path)
    path.write_text('[{"a":1}]')
    file = open_json(path)
    path.write_text('[{"a":1},{"a":2}]')
    monkeypatch.setattr(json_file, "BATCH_ROWS", 1)
    with pytest.raises(MalformedFileError, match="changed"):
        next(file.records())
    batches = open_json(path).records()
    next(batches)
    path.write_text('[{"a":1},{"a":2}]')
    with pytest.raises(MalformedFileError, match="changed"):
        list(batches)


def test_impossible_settings_are_refused(opened: Any) -> None:
    for setting in (
        {"column_types": "guessed"},
        {"on_bad_row": "skip"},
        {"max_rejected_share": 1.5},
    ):
        with pytest.raises(SettingsError):
            opened("[]", **setting)


# Bad rows


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("null", "element 102 is not an object"),
        ("[1,2]", "element 102 is not an object"),
        ('"é"', "element 102 is not an object"),
        ("-1.50", "element 102 is not an object"),
        (r'{"id":1,"a":["x\u0000"]}', "a NUL character"),
        (r'{"id":1,"a":"\ud83d?"}', "half a character: a surrogate without its pair"),
        (r'{"id":1,"\uDE00":1}', "half a character: a surrogate without its pair"),
        (r'{"id":1,"a":{"b":"\uf0265"}}', "a text that begins with a character that dlt reserves"),
        (
            '{"id":1,"a":"\uf0262020-01-01"}',
            "a text that begins with a character that dlt reserves",
        ),
    ],
)
def test_a_bad_element_is_kept_apart_byte_for_byte_with_its_place(
    opened: Any, bad: str, reason: str
) -> None:
    good = '{"id":1,"a":"ü"}'
    before = "[\n" + f"{good},\n" * 101
    file = opened(before + bad + f",\n{good}" * 100 + "]")
    [row] = file.rejected
    assert row.reason.startswith(reason)
    assert (row.line, row.offset, row.raw) == (103, len(before.encode()), bad.encode())
    assert (row.column, row.text) == (None, bad)
    assert records(file) == [{"id": 1, "a": "ü"}] * 201


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('{"id":1,', "not JSON"),
        ('{"id":NaN}', "not JSON"),
        ("x", "not JSON"),
        ('{"id":1}}', "more than one JSON value"),
        ('{"id":1} {"id":2}', "more than one JSON value"),
        ("[1]", "not an object"),
        ("null", "not an object"),
        (r'{"id":"\u0000"}', "a NUL character"),
    ],
)
def test_a_bad_line_is_kept_apart_byte_for_byte_with_its_place(
    opened: Any, bad: str, reason: str
) -> None:
    good = '{"id":1,"a":"ü"}'
    for end in ("\n", "\r\n"):
        before = (good + end) * 150
        file = opened(before + bad + end + (good + end) * 50)
        [row] = file.rejected
        assert (row.line, row.offset) == (151, len(before.encode()))
        assert (row.reason, row.raw) == (reason, bad.encode())
        assert records(file) == [{"id": 1, "a": "ü"}] * 200


def test_a_first_line_that_is_broken_is_a_bad_row_too(opened: Any) -> None:
    file = opened('{"id":1,,"a":1}\n' + '{"id":1}\n' * 100)
    assert (file.rows, [row.line for row in file.rejected]) == (100, [1])


def test_a_last_line_whose_object_is_whole_can_be_a_bad_row(opened: Any) -> None:
    file = opened('{"id":1}\n' * 100 + r'{"id":"\u0000"}')
    assert (file.rows, [row.line for row in file.rejected]) == (100, [101])


def test_a_bad_row_adds_no_column(opened: Any) -> None:
    file = opened([{"id": 1}] * 100 + [{"new": "\0"}])
    assert (list(types(file)), len(file.rejected)) == (["id"], 1)


def test_more_bad_rows_than_allowed_stop_the_load(opened: Any) -> None:
    rows: list[Any] = [{"id": 1}] * 98 + [None] * 2
    with pytest.raises(TooManyRejectedRowsError, match=r"2 of 100 rows are bad, more than 1 "):
        opened(rows, max_rejected_rows=1)
    assert len(opened(rows, max_rejected_rows=1, max_rejected_share=0.02).rejected) == 2
    assert len(opened(rows).rejected) == 2
    with pytest.raises(TooManyRejectedRowsError):
        opened([None])


def test_fail_stops_at_the_first_bad_row(opened: Any) -> None:
    with pytest.raises(MalformedFileError, match="line 1, byte offset 12: a bad row: element 2"):
        opened([{"id": 1}, 5], on_bad_row="fail", max_rejected_share=1)
