"""The header: names, and what stops the load (FAULTS 24, 26, 27)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dlt.common.normalizers.naming.direct import NamingConvention as Direct

from spaaza_source.errors import HeaderError, MalformedFileError
from spaaza_source.tabular import CsvFile, make_speller, open_csv, open_json
from spaaza_source.tabular.header import is_unspelled, name_columns


def opened(tmp_path: Path, data: bytes | str) -> CsvFile:
    path = tmp_path / "file.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return open_csv(path)


def names(file: CsvFile) -> list[str]:
    return [column.name for column in file.columns]


def test_columns_keep_the_vendors_text_and_get_dlts_name(tmp_path: Path) -> None:
    file = opened(tmp_path, 'ID,email (username),"Town/City","Sign-up, store"\n1,a,b,c\n')
    assert [column.header for column in file.columns] == [
        "ID",
        "email (username)",
        "Town/City",
        "Sign-up, store",
    ]
    assert names(file) == ["id", "email_username", "town_city", "sign_up_store"]


def test_a_header_alone_gives_no_rows_and_all_columns(tmp_path: Path) -> None:
    for data in ("a,b\n", "a,b", "a,b\r\n", "a,b\r", "\ufeffa,b\n"):
        file = opened(tmp_path, data)
        assert names(file) == ["a", "b"]
        assert file.rows == 0
        assert [table.num_rows for table in file.tables()] == [0]


def test_no_bytes_at_all_are_refused(tmp_path: Path) -> None:
    for data in (b"", b"\xef\xbb\xbf"):
        with pytest.raises(MalformedFileError, match="empty"):
            opened(tmp_path, data)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("a,b,a", ["1 ('a') and 3 ('a')"]),
        ("Name,name", ["1 ('Name') and 2 ('name')", "become 'name'"]),
        ("a,,c", ["column 2 ('')"]),
        ('a,"  "', ["column 2 ('  ')"]),
        (",b", ["column 1"]),
        ("a,", ["column 2"]),
        ("_dlt_id,b", ["column 1 ('_dlt_id')"]),
        ("a,_DLT_LOAD_ID", ["column 2 ('_DLT_LOAD_ID')"]),
        ("a,a,,_dlt_x", ["1 ('a') and 2 ('a')", "column 3", "column 4"]),
        ("1,2,3", ["every name is a number"]),
        ("name,2024-01-31", ["column 2 is named by a value"]),
    ],
)
def test_all_faults_of_a_header_are_named_at_once(
    tmp_path: Path, header: str, named: list[str]
) -> None:
    with pytest.raises(HeaderError) as caught:
        opened(tmp_path, header + "\n")
    for part in named:
        assert part in str(caught.value)


def test_a_name_for_misfits_of_another_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("a,a__v_text\n")
    with pytest.raises(HeaderError, match="collide"):
        open_csv(path, name_column=str.lower)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("x" * 300, "x" * 300),
        ('"say ""hi"""', "say_hix"),
        ('"a;b"', "a_b"),
        ("Robert'); DROP TABLE users;--", "robert_drop_table_users"),
        ("🙂 Ω id", "id"),
        ('"two\nlines"', "two_lines"),
    ],
)
def test_a_hostile_header_becomes_a_safe_name(tmp_path: Path, header: str, name: str) -> None:
    file = opened(tmp_path, f"{header},other\n1,2\n")
    found = names(file)[0]
    assert found.isascii()
    assert found.replace("_", "").isalnum()
    assert found.strip("_x") == name.strip("_x")


def test_a_long_header_is_shortened_in_messages(tmp_path: Path) -> None:
    with pytest.raises(HeaderError) as caught:
        opened(tmp_path, f"{'x' * 300},{'x' * 300}\n")
    assert "x" * 81 not in str(caught.value)


def test_a_header_of_thousands_of_faults_stays_readable(tmp_path: Path) -> None:
    with pytest.raises(HeaderError) as caught:
        opened(tmp_path, "," * 4_999 + "\n")
    assert len(str(caught.value)) < 5_000


@pytest.mark.parametrize(
    "data",
    [
        "a;b;c\n1;2;3\n",
        "a;b;c\n1,5;2;3\n",
        "id;amount,eur;name\n1;12,50;x\n2;9,95;y\n",
        "a\tb\n1\t2\n",
        "a|b\n1|2\n",
        "'a','b'\n'1','2'\n",
        "a,b\n'x','y'\n'z w','v'\n",
        "sep=,\na,b\n1,2\n",
        '<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
        "<html><body>x</body></html>",
        '{"error": "no"}',
        '[{"a": 1}]',
        'a"b,c\n1,2\n',
        '"a"b,c\n1,2\n',
        '"a,b\n1,2\n',
        "a\0,b\n1,2\n",
    ],
)
def test_what_is_not_comma_separated_values_is_refused(tmp_path: Path, data: str) -> None:
    with pytest.raises(MalformedFileError):
        opened(tmp_path, data)


@pytest.mark.parametrize(
    "data", ["a;b,c\n1,2\n", "'s-Hertogenbosch,b\n1,2\n", '"a;b;c"\n1\n', "a|b,c|d,e\n1,2,3\n"]
)
def test_marks_of_other_dialects_inside_names_are_fine(tmp_path: Path, data: str) -> None:
    assert opened(tmp_path, data).rows == 1


ANOTHER, DISTINCT = "SCHEMA__NAMING=direct", "Ask the vendor for distinct names"


@pytest.mark.parametrize(
    ("header", "hints"),
    [
        (["Größe", "Grüße"], {ANOTHER}),
        (["имя", "код"], {ANOTHER}),
        (["Total (€)", "Total (¥)"], {ANOTHER}),
        (["a b", "a_b"], {ANOTHER}),
        # Most databases take these for one, and so does a person.
        (["ID", "id"], {DISTINCT}),
        (["Größe", "größe"], {DISTINCT}),
        (["(a)", "a"], {DISTINCT}),
        (["a", ""], {DISTINCT}),
        # Letters are lost, but not those that make the fault.
        (["Πόλη", "a", "a"], {DISTINCT}),
        (["Πόλη", "_dlt_id"], {DISTINCT}),
        (["имя", "код", "a", "a"], {ANOTHER, DISTINCT}),
    ],
)
def test_another_naming_convention_is_named_where_it_would_help(
    header: list[str], hints: set[str]
) -> None:
    with pytest.raises(HeaderError) as refused:
        name_columns(header, make_speller())
    assert {hint for hint in (ANOTHER, DISTINCT) if hint in str(refused.value)} == hints
    if hints == {ANOTHER}:
        assert len(set(name_columns(header, make_speller(Direct().normalize_identifier)))) == 2


@pytest.mark.parametrize(
    ("record", "hints"),
    [
        ({"имя": 1, "код": 2}, {ANOTHER}),
        ({"a": {"имя": 1, "код": 2}}, {ANOTHER}),
        ({"ID": 1, "id": 2}, {DISTINCT}),
        ({"имя": 1, "ID": 1, "id": 2}, {DISTINCT}),
    ],
)
def test_the_same_holds_for_the_keys_of_records(
    tmp_path: Path, record: dict[str, Any], hints: set[str]
) -> None:
    path = tmp_path / "file.json"
    path.write_text(json.dumps([record]), encoding="utf-8")
    with pytest.raises(HeaderError) as refused:
        open_json(path)
    assert {hint for hint in (ANOTHER, DISTINCT) if hint in str(refused.value)} == hints
    if hints == {ANOTHER}:
        naming = Direct()
        name = make_speller(naming.normalize_identifier)
        assert open_json(path, name_column=name, join_names=naming.shorten_fragments).rows == 1


@pytest.mark.parametrize(
    ("header", "name", "is_without"),
    [
        ("ID", "ID", False),
        ("ID", "id", False),
        ("Timestamp", "timestamp", False),
        ("Πόλη", "x", True),
        ("Πόλη", "Πόλη", False),
        ("12", "_12", False),
    ],
)
def test_a_header_whose_letters_are_all_left_out_is_known(
    header: str, name: str, is_without: bool
) -> None:
    assert is_unspelled(header, name) is is_without
