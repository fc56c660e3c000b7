"""Bad rows: kept apart with their raw bytes while it is certain where the next row begins.

FAULTS 28, 29, 30 and 31: where it is not certain, or where the file as a whole is not what it
seems, the load stops.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import (
    EncodingError,
    FileError,
    HeaderError,
    MalformedFileError,
    TooManyRejectedRowsError,
)
from spaaza_source.tabular import CsvFile, open_csv
from spaaza_source.tabular.csv_reader import resync, scan

GOOD = b"1,2,3\n"


@pytest.fixture(params=[7, 4 * 2**20], ids=["tiny blocks", "one block"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(scan, "BLOCK", request.param)

    def opened(data: bytes, **options: Any) -> CsvFile:
        path = tmp_path / "file.csv"
        path.write_bytes(data)
        return open_csv(path, **options)

    return opened


def rows(file: CsvFile) -> list[list[Any]]:
    return [list(row.values()) for table in file.tables() for row in table.to_pylist()]


def file_with(bad: bytes) -> bytes:
    return b"a,b,c\n" + GOOD * 100 + bad + GOOD * 100


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"1,2", "2 cells where the header has 3"),
        (b"1,2,3,4", "4 cells where the header has 3"),
        (b"1,2,3,", "4 cells where the header has 3"),
        (b'"1,2",3', "2 cells where the header has 3"),
        (b'"1\n2",3', "2 cells where the header has 3"),
        (b'5" pipe,2,3', "a quote in an unquoted cell"),
        (b'1,TV 40",3', "a quote in an unquoted cell"),
        (b'1,2, "x"', "a quote in an unquoted cell"),
        (b'5" pipe,"two\nlines",3', "a quote in an unquoted cell"),
        (b'"two\nlines",5" pipe,3', "a quote in an unquoted cell"),
        (b'"say "hi" now",2,3', "text after a closing quote"),
        (b'"say \\"hi\\" now",2,3', "text after a closing quote"),
        (b"1,\0,3", "a NUL byte"),
        (b'1,"x\0\ny",3', "a NUL byte"),
        (b"1,2\r2,3", "a carriage return in an unquoted cell"),
    ],
)
def test_a_bad_row_is_kept_apart_byte_for_byte_with_its_place(
    opened: Any, bad: bytes, reason: str
) -> None:
    file = opened(file_with(bad + b"\n"))
    [row] = file.rejected
    assert (row.line, row.offset, row.reason, row.raw) == (102, 606, reason, bad)
    assert row.text == bad.decode()
    assert rows(file) == [[1, 2, 3]] * 200


def test_several_bad_rows_keep_their_places_in_a_file_of_any_line_end(opened: Any) -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        bad = [b"1,2", b'x"x,"a' + end + b'b",3', b'"a"b"c",2,3', b'"q' + end + b'",2']
        data = b"a,b,c" + end + b'"1' + end + b'",2,3' + end
        expected = []
        for raw in bad:
            expected.append((1 + data.count(end), len(data), raw))
            data += raw + end + b'"1' + end + b'",2,3' + end
        file = opened(data, max_rejected_share=0.5)
        assert [(row.line, row.offset, row.raw) for row in file.rejected] == expected
        assert rows(file) == [["1" + end.decode(), 2, 3]] * 5


def test_fail_stops_at_the_first_bad_row_with_its_line_and_column(opened: Any) -> None:
    with pytest.raises(MalformedFileError, match="line 102, byte offset 606, column 2"):
        opened(file_with(b'1,5" pipe,3\n'), on_bad_row="fail")
    with pytest.raises(MalformedFileError, match=r"line 102, byte offset 606: .*4 cells"):
        opened(file_with(b"1,2,3,4\n"), on_bad_row="fail")


@pytest.mark.parametrize(
    "bad",
    [
        b'x",2\n',
        b'1,2,x\ny",2\n',
        # The quote too many may have ended the row before.
        b'1,2,""\nx"\n',
        b'1,""a",3\n',
        b"1,2,3\n\n",
    ],
    ids=repr,
)
def test_where_the_next_row_begins_is_not_certain_so_the_load_stops(
    opened: Any, bad: bytes
) -> None:
    with pytest.raises(MalformedFileError) as caught:
        opened(file_with(bad))
    assert "never closed" not in str(caught.value)
    assert "abc" not in str(caught.value)


def test_lost_structure_is_told_with_line_offset_and_column(opened: Any) -> None:
    data = b'"First name",b\n"x\ny",1\n1,"a\n'
    with pytest.raises(MalformedFileError, match="never closes") as caught:
        opened(data)
    place = data.rindex(b'"')
    assert f"line 4, byte offset {place}, column 2 ('b')" in str(caught.value)
    data = b'"First name",b\n"x\ny",1\nb"\n1,2\n'
    with pytest.raises(MalformedFileError, match="uncertain where that row begins") as caught:
        opened(data)
    place = data.rindex(b'"')
    assert f"line 4, byte offset {place}, column 1" in str(caught.value)


QUOTED = b'4,"Herengracht 1, Amsterdam",""\n5,"x ""y""","two\nlines"\n' * 20


@pytest.mark.parametrize("after", [GOOD * 3, QUOTED], ids=["no quote follows", "quotes follow"])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'"abc"def,2,3', "text after a closing quote"),
        (b'"a\\"b",2,3', "text after a closing quote"),
        (b'"a" ,2,3', "text after a closing quote"),
        (b'5" x,2,"a"b', "a quote in an unquoted cell"),
        (b'5" x', "a quote in an unquoted cell"),
        (b'"a\\"b\\"c\\",2,3', "text after a closing quote"),
        # The opening quote of "a,b" is missing: the line has a cell too many.
        (b'1,a,b",3', "a quote in an unquoted cell"),
        (b'1,"a"b","c, ""d"""', "text after a closing quote"),
        (b'1,"a\nb" c,"d\ne"', "text after a closing quote"),
    ],
)
def test_after_a_damaged_record_the_structure_is_found_again(
    opened: Any, bad: bytes, reason: str, after: bytes
) -> None:
    sound = rows(opened(b"a,b,c\n" + QUOTED + after, column_types="text"))
    file = opened(b"a,b,c\n" + QUOTED + bad + b"\n" + after, column_types="text")
    assert rows(file) == sound
    [row] = file.rejected
    assert row.raw == bad
    assert row.reason.startswith(reason)
    with pytest.raises(MalformedFileError, match=f"a bad row: {reason[:20]}"):
        opened(b"a,b,c\n" + QUOTED + bad + b"\n" + after, on_bad_row="fail")


@pytest.mark.parametrize(
    "bad",
    [
        b'1,x\ny",2\n',
        b'"1",x\n,y\n\n""z"""\n',
        b'1;"x\ny";2\n',
        b'1"x\ny",2\n',
    ],
)
def test_lines_that_were_one_record_are_all_kept_apart(tmp_path: Path, bad: bytes) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"a,b,c\r\n" + b"1,2,3\r\n" * 30 + bad + b"4,,6\r\n" * 30)
    file = open_csv(path, column_types="text")
    assert rows(file) == [["1", "2", "3"]] * 30 + [["4", None, "6"]] * 30
    assert b"\n".join(row.raw for row in file.rejected) + b"\n" == bad


@pytest.mark.parametrize(
    ("bad", "after"),
    [
        # No quote follows the open one: it never closes.
        (b'1,2,"never closed\n', GOOD * 3),
        (b'1,2,"never\nclosed\n', GOOD * 3),
        (b'1,"2,3\n', GOOD * 100),
        # In the first cell: the next line may be what follows its closing quote.
        (b'"1,2,3\n' + GOOD, GOOD * 100),
        (b'"never\nclosed,2,3\n', GOOD * 100),
        # So many rows are no text of a cell, though a quote follows in which that may have ended.
        (b'1,"2,3\n', GOOD * 100 + b'1,"2",3\n' + GOOD),
        (b'"two\nlines,2,3\n', GOOD * 100 + b'1,"2",3\n' + GOOD),
        # The next quote opens a cell; or it is within one, and has lost the one that doubles it.
        (b'1,"a,3\n4,"Herengracht",5\n', QUOTED),
        (b'1,"a"",3\n4,"Herengracht",5\n', QUOTED),
        (b'1,"a,3\n' + GOOD * 3 + b'4,"",5\n4,"Herengracht",5\n', QUOTED),
    ],
)
def test_an_open_quote_swallows_no_row_that_is_certain(
    tmp_path: Path, bad: bytes, after: bytes
) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"a,b,c\n" + GOOD + after)
    sound = rows(open_csv(path, column_types="text"))
    path.write_bytes(b"a,b,c\n" + GOOD + bad + after)
    file = open_csv(path, column_types="text")
    assert rows(file) == sound
    assert b"\n".join(row.raw for row in file.rejected) == bad.rstrip()


@pytest.mark.parametrize(
    "end",
    [
        # The file may end within the quotes.
        b'"1,2,3\n',
        b'"1,2,3\n' + GOOD * 2,
        # Each line may be a row of its own, or text in quotes that are closed further on.
        b'1,""a",3\n' + b'1,"\n1,2,",2\n' * 40,
    ],
)
def test_where_two_readings_are_possible_the_load_stops(
    opened: Any, end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More of the file is not looked at.
    monkeypatch.setattr(resync, "WINDOW", 300)
    with pytest.raises(MalformedFileError, match="where that row ends"):
        opened(b"a,b,c\n" + GOOD * 20 + end)


def test_more_bad_rows_than_the_share_stop_the_load_with_the_first_named(opened: Any) -> None:
    data = b"a,b,c\n" + GOOD * 98 + b"secret,2\n" * 2 + GOOD
    with pytest.raises(TooManyRejectedRowsError) as caught:
        opened(data, max_rejected_rows=0)
    assert "line 100, byte offset 594: 2 cells where the header has 3; line 101" in str(
        caught.value
    )
    assert "secret" not in str(caught.value)
    assert opened(data, max_rejected_share=0.02, max_rejected_rows=0).rows == 99
    one_percent = b"a,b,c\n" + GOOD * 98 + b"1,2\n" + GOOD
    assert len(opened(one_percent, max_rejected_rows=0).rejected) == 1


@pytest.mark.parametrize(
    ("good", "bad", "given"),
    [
        (60, 10, {}),
        (20, 10, {}),
        (2, 1, {}),
        (60, 4, {"max_rejected_rows": 4}),
        # A share of one's own may be more than a third.
        (2, 3, {"max_rejected_share": 0.6}),
        (990, 10, {"max_rejected_rows": 0}),
    ],
)
def test_few_bad_rows_stop_no_small_file(
    opened: Any, good: int, bad: int, given: dict[str, Any]
) -> None:
    file = opened(b"a,b,c\n" + b"1,2\n" * bad + GOOD * good, **given)
    assert (file.rows, len(file.rejected)) == (good, bad)


@pytest.mark.parametrize(
    ("good", "bad", "given", "words"),
    [
        (60, 11, {}, "11 of 71 rows are bad, more than 10 of them and than 1.00%"),
        (19, 10, {}, "10 of 29 rows are bad, more than a third of them and than 1.00%"),
        (1, 1, {}, "1 of 2 rows are bad, more than a third"),
        (60, 5, {"max_rejected_rows": 4}, "5 of 65 rows are bad, more than 4 of them"),
        (60, 5, {"max_rejected_rows": 4, "max_rejected_share": 0.05}, "than 5.00%"),
    ],
)
def test_more_than_few_stop_it_and_tell_both_settings(
    opened: Any, good: int, bad: int, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(TooManyRejectedRowsError) as caught:
        opened(b"a,b,c\n" + b"1,2\n" * bad + GOOD * good, **given)
    assert words in str(caught.value)
    assert "max_rejected_share" in str(caught.value)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_record_ends_inside_quotes_are_kept_and_outside_end_the_record(
    opened: Any, end: bytes
) -> None:
    data = end.join([b"a,b", b'"1\r\n2","3\r4\n"', b"x,y", b'"",""'])
    for final in (b"", end):
        file = opened(data + final)
        assert rows(file) == [["1\r\n2", "3\r4\n"], ["x", "y"], [None, None]]
        assert file.ends_with_newline == bool(final)


def test_mixed_record_ends_are_read_only_where_nothing_else_is_odd(opened: Any) -> None:
    assert rows(opened(b"a,b\r\n1,2\n3,4\r\n")) == [[1, 2], [3, 4]]
    assert rows(opened(b"a,b\n1,2\n3,4\r\n")) == [[1, 2], [3, 4]]
    for data in (
        b"a\r\n1\n2\r\n",  # one column: the line feed may belong to the cell
        b"a,b\r\n" + b"1,2\r\n" * 200 + b"1,x\ny\r\n" + b"1,2\r\n" * 200,
        b"a,b\r1,2\n3,4\r",
        b"a,b\r1,2\r\n3,4\r\n",
        b"a,b\r\n1,2\r\n3,4\r",
    ):
        with pytest.raises(MalformedFileError, match="record end"):
            opened(data)


def test_a_fault_of_a_row_is_told_before_apostrophes_are(opened: Any) -> None:
    with pytest.raises(MalformedFileError, match="line 4, byte offset 20, column 1: a bad row"):
        opened(b"a,b\n'1','2'\n'3','4'\na,b\n", on_bad_row="fail")


@pytest.mark.parametrize(
    "again",
    [b"a,b,\xc3\xa9", b'a,"b",\xc3\xa9', b'"a","b","\xc3\xa9"', b"\xef\xbb\xbfa,b,\xc3\xa9"],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("place", [0, 50, 100])
def test_a_header_that_is_repeated_is_kept_apart_however_it_is_quoted(
    opened: Any, again: bytes, end: bytes, place: int
) -> None:
    header = b"a,b,\xc3\xa9" + end
    good, bad = b"1,2,3" + end, b"1,2" + end
    data = header + good * place + again + end + bad + good * (100 - place)
    file = opened(data)
    assert [(row.line, row.offset, row.raw) for row in file.rejected] == [
        (2 + place, len(header) + len(good) * place, again),
        (3 + place, len(header) + len(good) * place + len(again + end), b"1,2"),
    ]
    assert file.rejected[0].reason == "the header is repeated"
    assert rows(file) == [[1, 2, 3]] * 100


def test_an_empty_line_is_an_empty_cell_where_there_is_one_column_and_else_a_bad_row(
    opened: Any,
) -> None:
    assert rows(opened(b"a\n1\n\n2\n\n")) == [[1], [None], [2], [None]]
    file = opened(b"a,b,c\n" + GOOD * 200 + b"\n")
    assert [(row.line, row.reason, row.raw) for row in file.rejected] == [
        (202, "an empty line", b"")
    ]
    assert file.rows == 200


@pytest.mark.parametrize(
    "data",
    [
        b"Export of January\n\na,b,c\n" + GOOD * 500,
        b"Export,,\na,b,c\n" + GOOD * 500,
        b"\na,b,c\n" + GOOD * 500,
        b"a,b,c\n" + GOOD * 500 + b"x,y\n" + b"1,2\n" * 3,
        b"a,b,c\n" + GOOD * 500 + b"\nd,e,f\n" + GOOD * 500,
        b"a,b,c\n" + GOOD * 500 + b"1,2",
        b"a,b,c\n" + GOOD * 500 + b"1",
    ],
    ids=lambda data: repr(data[:12] + b"..." + data[-9:]),
)
def test_a_file_that_is_not_one_whole_table_is_refused(opened: Any, data: bytes) -> None:
    with pytest.raises((MalformedFileError, HeaderError)):
        opened(data)


def test_in_one_column_a_value_that_equals_the_header_is_a_bad_row(opened: Any) -> None:
    file = opened(b"name\n" + b"x\n" * 200 + b"name\n" + b"x\n" * 200 + b'"name"\n')
    assert [(row.line, row.reason) for row in file.rejected] == [
        (202, "the header is repeated"),
        (403, "the header is repeated"),
    ]
    assert file.rows == 400


def test_the_header_inside_a_quoted_cell_is_a_cell(opened: Any) -> None:
    assert opened(b'a,b\n1,"\na,b\n"\n').rows == 1


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ("a,b\n1,é\n".encode("utf-16"), "byte offset 0"),
        ("a,b\n1,é\n".encode("utf-32"), "byte offset 0"),
        (b"a,b\n1,caf\xe9\n2,x\n", "line 2, byte offset 9"),
        (b"a,b\n1,x\n" * 1 + b"2,\xff\n", "line 3, byte offset 10"),
        (b"a,b\n1,\xc3", "line 2, byte offset 6"),
        (b"a,b\n1,\xed\xa0\x80\n", "line 2, byte offset 6"),
        (b"a,b\n1,\xc0\xaf\n", "line 2, byte offset 6"),
        (b"caf\xe9,b\n1,2\n", "byte offset 3"),
    ],
)
def test_another_encoding_is_refused_at_the_byte_that_shows_it(
    opened: Any, data: bytes, place: str
) -> None:
    with pytest.raises(EncodingError) as caught:
        opened(data)
    assert place in str(caught.value)


def test_utf16_without_its_mark_is_refused_too(opened: Any) -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        with pytest.raises(FileError):
            opened("a,b\n1,2\n".encode(encoding))


def test_a_byte_order_mark_goes_from_the_begin_and_stays_elsewhere(opened: Any) -> None:
    file = opened("\ufeffa,b\n\ufeffx,1\n".encode())
    assert [column.header for column in file.columns] == ["a", "b"]
    assert rows(file) == [["\ufeffx", 1]]


def test_no_message_of_any_refusal_holds_a_cell(opened: Any) -> None:
    secret = b"s3cret"
    for damage, modes in (
        (b'"s3cret"s3cret,2,3\n', ["fail"]),
        (b's3cret,"s3cret\n', ["fail"]),
        (b"s3cret\xff,2,3\n", ["reject", "fail"]),
        (b"s3cret,2\n" * 50, ["reject", "fail"]),
        (b'x",s3cret\n', ["reject", "fail"]),
    ):
        for mode in modes:
            with pytest.raises(FileError) as caught:
                opened(file_with(damage), on_bad_row=mode)
            error: BaseException | None = caught.value
            while error is not None:
                assert secret.decode() not in str(error)
                error = error.__cause__ or (
                    None if error.__suppress_context__ else error.__context__
                )
