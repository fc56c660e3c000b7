"""JSON values become typed columns as CSV cells do, keys names, nested lists tables."""

from __future__ import annotations

import datetime as dt
import functools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import HeaderError
from spaaza_source.tabular import ColumnType, open_csv, open_json
from tests.tabular.json_files import nested_types, opened_json, records, types

UTC = dt.UTC


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    return functools.partial(opened_json, tmp_path)


# Types


@pytest.mark.parametrize(
    ("values", "expected", "loaded"),
    [
        ("true false null", "bool", [True, False, None]),
        ('true "false" ""', "bool", [True, False, None]),
        ("1 -2 0 -0", "bigint", [1, -2, 0, 0]),
        ('1 "2"', "bigint", [1, 2]),
        ("999999999999999999", "bigint", [999999999999999999]),
        ("1234567890123456789 1", "text", ["1234567890123456789", "1"]),
        ("9" * 5000, "text", ["9" * 5000]),
        ("1 2.50", "decimal", [Decimal(1), Decimal("2.50")]),
        ('"552.41" 1', "decimal", [Decimal("552.41"), Decimal(1)]),
        ("0.1 0.2", "decimal", [Decimal("0.1"), Decimal("0.2")]),
        ("10.0", "decimal", [Decimal(10)]),
        ("-0.0", "decimal", [Decimal(0)]),
        ("0.123456789 -0.5", "decimal", [Decimal("0.123456789"), Decimal("-0.5")]),
        ("0.1234567891 1", "text", ["0.1234567891", "1"]),
        ("1e5 2", "decimal", [Decimal(100000), Decimal(2)]),
        ("1.50E+1 -25e-3 0e400", "decimal", [Decimal(15), Decimal("-0.025"), Decimal(0)]),
        ("1e28", "decimal", [Decimal(10) ** 28]),
        ("1e29", "text", ["1e29"]),
        ("1E-10 1", "text", ["1E-10", "1"]),
        ("1e400", "text", ["1e400"]),
        ("1e99999999999999999999", "text", ["1e99999999999999999999"]),
        ('1e5 "x"', "text", ["1e5", "x"]),
        ('"1e5"', "text", ["1e5"]),
        ('"00123" 5', "text", ["00123", "5"]),
        ('"+31612345678" "-0" "NA" "null" "1,234" "12,50" " 1"', "text", None),
        ('"2020-02-29" ""', "date", [dt.date(2020, 2, 29), None]),
        ('"2020-02-30"', "text", ["2020-02-30"]),
        (
            '"2018-09-04T00:47:41Z" "2019-08-02 15:18:52+02:00" "0001-01-01 00:00:00"',
            "timestamp",
            [
                dt.datetime(2018, 9, 4, 0, 47, 41, tzinfo=UTC),
                dt.datetime(2019, 8, 2, 13, 18, 52, tzinfo=UTC),
                dt.datetime(1, 1, 1, tzinfo=UTC),
            ],
        ),
        ('"2018-09-04T00:47:41.1234567Z"', "text", ["2018-09-04T00:47:41.1234567Z"]),
        ('"2018-09-04T00:47:41Z" "later"', "text", ["2018-09-04T00:47:41Z", "later"]),
        ('"2018-09-04T00:47:41Z" 5', "text", ["2018-09-04T00:47:41Z", "5"]),
        ("true 1", "text", ["true", "1"]),
        ('null ""', "None", None),
        (r'"=cmd|x" "\u00e9\ud83d\ude00"', "text", ["=cmd|x", "é😀"]),
    ],
)
def test_a_path_has_the_type_that_all_its_values_have(
    opened: Any, values: str, expected: str, loaded: list[Any] | None
) -> None:
    parts = values.split(" ") if values.count('"') == 0 else _split(values)
    file = opened("[" + ",".join(f'{{"i":1,"a":{part}}}' for part in parts) + "]")
    assert types(file)["a"] == expected
    found = [record.get("a") for record in records(file)]
    if loaded is not None:
        assert found == loaded
        assert [type(value) for value in found] == [type(value) for value in loaded]
    assert all("a__v_text" not in record for record in records(file))


def _split(values: str) -> list[str]:
    """Values apart by a space, as the JSON text that they are."""
    decoder, parts, at = json.JSONDecoder(), [], 0
    while at < len(values):
        _, end = decoder.raw_decode(values, at)
        parts.append(values[at:end])
        at = end + 1
    return parts


@pytest.mark.parametrize("column_types", ["inferred", "text"])
def test_a_table_has_the_same_types_and_values_as_csv_and_as_json(
    tmp_path: Path, column_types: Any
) -> None:
    cells = {
        "bools": ["true", "false", ""],
        "ids": ["1", "-20", "0"],
        "codes": ["00123", "5", ""],
        "amounts": ["10", "552.41", "-0.5"],
        "dates": ["1978-01-01", "", "2050-01-01"],
        "times": ["2018-09-04T00:47:41Z", "2050-01-01 00:00:00", ""],
        "long": ["1234567890123456789", "1", "2"],
        "mixed": ["2018-09-04T00:47:41Z", "x", "1"],
        "empty": ["", "", ""],
    }
    csv_path, json_path = tmp_path / "a.csv", tmp_path / "a.json"
    table = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    csv_path.write_text(
        "\n".join([",".join(cells), *(",".join(row.values()) for row in table)]) + "\n"
    )
    as_csv = open_csv(csv_path, column_types=column_types)
    from_csv = [row for part in as_csv.tables() for row in part.to_pylist()]
    bare = ("bools", "ids", "amounts", "long")
    for strings in (True, False):
        rows = [
            "{"
            + ", ".join(
                f'"{name}": '
                + (cell or "null" if name in bare and not strings else json.dumps(cell))
                for name, cell in row.items()
            )
            + "}"
            for row in table
        ]
        json_path.write_text("\n".join(rows))
        as_json = open_json(json_path, column_types=column_types)
        assert as_json.columns == as_csv.columns
        undecided = {column.name for column in as_csv.columns if column.type is None}
        assert records(as_json) == [
            {name: value for name, value in row.items() if name not in undecided}
            for row in from_csv
        ]


def test_text_keeps_every_value_as_it_was_written(opened: Any) -> None:
    data = '[{"a":1.50,"b":true,"c":1e5,"d":"2020-01-01","e":null,"f":{"g":[-0]},"h":[]}]'
    file = opened(data, column_types="text")
    assert types(file) == dict.fromkeys("abcde", "text")
    assert records(file) == [
        {
            "a": "1.50",
            "b": "true",
            "c": "1e5",
            "d": "2020-01-01",
            "e": None,
            "f": {"g": [{"value": "-0"}]},
            "h": [],
        }
    ]


def test_known_types_win_and_misfits_are_kept_as_text(opened: Any) -> None:
    known = {
        "n": ColumnType("bigint"),
        "shop__opened": ColumnType("timestamp"),
        "code": ColumnType("text"),
        "price": ColumnType("decimal", 5, 2),
        "gone": ColumnType("date"),
        "ratio": ColumnType("double"),
    }
    file = opened(
        '[{"n":1,"shop":{"opened":"2020-01-01 10:00:00"},"code":7,"price":1.25,"gone":null,'
        '"ratio":0.5},'
        '{"n":1.0,"shop":{"opened":"soon"},"code":[1.50],"price":1000.5,"ratio":true}]',
        known_types=known,
    )
    assert types(file) == {
        "n": "bigint +",
        "shop__opened": "timestamp +",
        "code": "text +",
        "price": "decimal(5, 2) +",
        "gone": "date",
        "ratio": "double +",
    }
    assert records(file) == [
        {
            "n": 1,
            "shop": {"opened": dt.datetime(2020, 1, 1, 10, tzinfo=UTC)},
            "code": "7",
            "price": Decimal("1.25"),
            "gone": None,
            "ratio": 0.5,
        },
        {
            "n": None,
            "n__v_text": "1.0",
            "shop": {"opened": None, "opened__v_text": "soon"},
            "code": None,
            "code__v_text": "[1.50]",
            "price": None,
            "price__v_text": "1000.5",
            "ratio": None,
            "ratio__v_text": "true",
        },
    ]


def test_a_known_column_that_holds_lists_alone_keeps_their_text(opened: Any) -> None:
    file = opened([{"tags": ["a"]}, {"tags": {}}], known_types={"tags": ColumnType("text")})
    assert (types(file), file.nested) == ({"tags": "text +"}, ())
    assert [record["tags__v_text"] for record in records(file)] == ['["a"]', "{}"]


def test_known_types_of_nested_tables_win_there(opened: Any) -> None:
    known = {("items",): {"sku": ColumnType("text"), "n": ColumnType("bigint")}}
    file = opened(
        [{"sku": 1, "items": [{"sku": 1, "n": "x"}, {"n": 2}]}],
        nested_types=lambda path: known.get(path, {}),
    )
    assert records(file) == [
        {"sku": 1, "items": [{"sku": "1", "n": None, "n__v_text": "x"}, {"n": 2}]}
    ]


def test_a_path_of_plain_values_keeps_objects_and_lists_beside_them_as_text(opened: Any) -> None:
    file = opened(
        '[{"a":{"x":1.50,"y":"é\\n"},"b":[]},{"a":5,"b":"t"},{"a":"","b":null},'
        '{"a":[true,null,{"z":"1"}]}]'
    )
    assert types(file) == {"a": "bigint +", "b": "text +"}
    assert file.nested == ()
    found = records(file)
    assert [record["a"] for record in found] == [None, 5, None, None]
    assert [record.get("a__v_text") for record in found] == [
        '{"x": 1.50, "y": "é\\n"}',
        None,
        None,
        '[true, null, {"z": "1"}]',
    ]
    assert [record.get("b__v_text") for record in found] == ["[]", None, None, None]


def test_nested_objects_are_flattened_and_lists_are_tables_of_their_own(opened: Any) -> None:
    file = opened(
        [
            {"id": 1, "shop": {"Name": "x", "staff": []}, "items": [], "tags": ["1", "2"]},
            {"id": 2, "shop": {}, "items": [{"Bar code": "07", "at": [[1, ""], [2.5]]}, {}]},
            {"id": 3, "shop": None, "items": None, "new": {"a": {"b": "2020-01-01"}}, "tags": ""},
        ]
    )
    assert [(column.header, column.name, str(column.type)) for column in file.columns] == [
        ("id", "id", "bigint"),
        ("shop.Name", "shop__name", "text"),
        ("new.a.b", "new__a__b", "date"),
    ]
    assert nested_types(file) == {
        "items": {"bar_code": "text"},
        "items.at": {},
        "items.at.list": {"value": "decimal"},
        "tags": {"value": "bigint"},
    }
    assert [column.header for nested in file.nested for column in nested.columns] == [
        "items[].Bar code",
        "items[].at[].list[].value",
        "tags[].value",
    ]
    assert records(file) == [
        {
            "id": 1,
            "shop": {"name": "x", "staff": []},
            "items": [],
            "tags": [{"value": 1}, {"value": 2}],
        },
        {
            "id": 2,
            "shop": {},
            "items": [
                {
                    "bar_code": "07",
                    "at": [
                        {"list": [{"value": Decimal(1)}, {"value": None}]},
                        {"list": [{"value": Decimal("2.5")}]},
                    ],
                },
                {},
            ],
        },
        {"id": 3, "new": {"a": {"b": dt.date(2020, 1, 1)}}},
    ]


def test_hints_tell_dlt_the_types_and_the_parents_of_nested_tables(opened: Any) -> None:
    file = opened([{"a": "1.5", "b": None, "c": {"d": [[{"e": "x"}]]}, "m": 1}, {"m": [2]}])
    assert file.hints("sales") == {
        "columns": {
            "a": {
                "name": "a",
                "data_type": "decimal",
                "precision": 38,
                "scale": 9,
                "description": "a",
            },
            "m": {"name": "m", "data_type": "bigint", "description": "m"},
            "m__v_text": {"name": "m__v_text", "data_type": "text", "variant": True},
        },
        "nested_hints": {
            ("c", "d"): {"columns": {}, "parent_table_name": "sales"},
            ("c", "d", "list"): {
                "columns": {
                    "e": {"name": "e", "data_type": "text", "description": "c.d[].list[].e"}
                },
                "parent_table_name": "sales__c__d",
            },
        },
    }


# Names


def test_keys_are_spelled_as_a_csv_header_would_be(opened: Any) -> None:
    file = opened([{"Email (username)": 1, "a__b": 2, "Town/City": {"Näme": 3}, "9": 4}])
    assert records(file) == [
        {"email_username": 1, "a_b": 2, "town_city": {"n_me": 3}, "_9": 4},
    ]
    assert [column.name for column in file.columns] == [
        "email_username",
        "a_b",
        "town_city__n_me",
        "_9",
    ]
    named = opened(
        [{"a": {"b": 1}}], name_column=str.upper, join_names=lambda *names: ".".join(names)
    )
    assert [column.name for column in named.columns] == ["A.B"]
    assert records(named) == [{"A": {"B": 1}}]


def test_all_keys_that_cannot_name_columns_are_named_at_once(opened: Any) -> None:
    with pytest.raises(HeaderError) as caught:
        opened(
            [
                {"A": 1, "": 2, "_dlt_id": 3, "b": {"c": 1}},
                {"a": 1, "b": {"C": 1, " ": 2}, "d": [{"_DLT_load_id": 1}]},
            ]
        )
    for part in (
        "keys 1 ('A') and 5 ('a') all become 'a'",
        "key 2 ('') has no name",
        "key 3 ('_dlt_id') takes a name that dlt reserves",
        "in 'b', keys 1 ('c') and 2 ('C') all become 'c'",
        "in 'b', key 3 (' ') has no name",
        "in 'd[]', key 1 ('_DLT_load_id') takes",
    ):
        assert part in str(caught.value)


def test_keys_of_objects_that_become_text_need_no_names(opened: Any) -> None:
    file = opened([{"a": {"": 1, "x": 1, "X": 2}}, {"a": "plain"}])
    assert records(file)[0] == {"a": None, "a__v_text": '{"": 1, "x": 1, "X": 2}'}


def test_paths_that_become_one_column_or_one_table_are_refused(opened: Any) -> None:
    with pytest.raises(HeaderError, match=r"'a\.b' and 'a__b' both become 'a__b'"):
        opened([{"a": {"b": 1}, "a__b": 2}], name_column=str)
    with pytest.raises(HeaderError, match=r"two lists both become the nested table 'a\.b'"):
        opened([{"a": {"b": [1]}}, {"a": [{"b": [1]}]}])
    # An object here and a list there are no conflict by themselves.
    file = opened([{"a": {"b": 1}}, {"a": [{"b": "x"}]}, {"a": []}])
    assert (types(file), nested_types(file)) == ({"a__b": "bigint"}, {"a": {"b": "text"}})
