"""A file is stripped of forgotten people, and all else of it stays byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

from spaaza_source.spaaza.columns.identifiers import PEOPLE
from spaaza_source.tombstones import Digester, ForgottenRows, Tombstone, Tombstones, strip_file


def forgotten(table: str = "users", **texts: str) -> ForgottenRows:
    names = {"user": "user id", "code": "member code"}
    digester = Digester("salt", None)
    stones = {
        Tombstone(names[name], digest, "salt", "", "")
        for name, text in texts.items()
        for digest in digester.digests([text])
    }
    rows = Tombstones(frozenset(stones)).of_table(table, PEOPLE, None)
    assert rows is not None
    return rows


def stripped(folder: Path, data: bytes, rows: ForgottenRows, export_format: str = "csv") -> bytes:
    file, copy = folder / "file", folder / "copy"
    file.write_bytes(data)
    if not strip_file(rows, file, copy, export_format, lambda header: header):
        assert not copy.exists()
        return data
    return copy.read_bytes()


def test_good_and_bad_rows_go_and_the_bytes_of_others_stay(tmp_path: Path) -> None:
    data = (
        b'\xef\xbb\xbf"ID",Name,Referring User Id\r\n'
        b'"1","a ""quoted"", name",\r\n'
        b"1,short\r\n"
        b'2,"two\r\nlines",1\r\n'
        b"3,long,1,1,1\r\n"
        b'4,"",7\r\n'
        b'5,"last, without an end",'
    )
    assert stripped(tmp_path, data, forgotten(user="1")) == (
        b'\xef\xbb\xbf"ID",Name,Referring User Id\r\n'
        b'2,"two\r\nlines",\r\n'
        b'4,"",7\r\n'
        b'5,"last, without an end",'
    )


def test_the_last_row_and_all_rows_can_go(tmp_path: Path) -> None:
    data = b"id,name\n2,b\n1,a"
    assert stripped(tmp_path, data, forgotten(user="1")) == b"id,name\n2,b\n"
    again = tmp_path / "again"
    again.mkdir()
    assert stripped(again, b"id\n1\n1\n", forgotten(user="1")) == b"id\n"


def test_a_file_without_them_is_left_alone(tmp_path: Path) -> None:
    data = b"id,name\n2,1\n"
    assert stripped(tmp_path, data, forgotten(user="1")) == data


def test_a_row_that_names_another_is_not_theirs(tmp_path: Path) -> None:
    data = b"user_id,entity_code\n2,0001\n,0001\n,0002\n"
    rows = forgotten("transactions", user="1", code="0001")
    assert stripped(tmp_path, data, rows) == b"user_id,entity_code\n2,0001\n,0002\n"


def test_json_keeps_its_numbers_as_they_are_written(tmp_path: Path) -> None:
    record = '{"id": 2, "amount": 1.10, "big": 12345678901234567890.50, "referrer_id": 1}'
    data = f'[{{"id": 1}}, {record}]'.encode()
    left = stripped(tmp_path, data, forgotten(user="1"), "json")
    assert left == b'[{"id":2,"amount":1.10,"big":12345678901234567890.50,"referrer_id":null}]'


def test_json_of_each_layout(tmp_path: Path) -> None:
    lines = b'{"id": 1}\n{"id": 2}\nno json 1\n'
    assert stripped(tmp_path, lines, forgotten(user="1"), "json") == b'{"id": 2}\n'
    (tmp_path / "copy").unlink()
    envelope = b'{"data": [{"id": 1}, {"id": 2}], "next": null}'
    left = json.loads(stripped(tmp_path, envelope, forgotten(user="1"), "json"))
    assert left == {"data": [{"id": 2}], "next": None}
    (tmp_path / "copy").unlink()
    assert stripped(tmp_path, b'{"id": 1}\n', forgotten(user="1"), "json") == b"[]"
