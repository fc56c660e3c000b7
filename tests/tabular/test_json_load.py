"""A JSON file through dlt into DuckDB: types arrive as inferred, lists as child tables."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.extract import make_hints

from spaaza_source.tabular import ColumnType, JsonFile, open_csv, open_json
from tests.warehouses import column_types, pipeline_into, query

pytestmark = pytest.mark.slow

UTC = dt.UTC
BASKETS = [
    {
        "id": 1,
        "code": "00123",
        "note": "2020-01-01T00:00:00Z",
        "amount": "12.50",
        "paid": True,
        "at": "2018-09-04T00:47:41Z",
        "never": "0001-01-01T00:00:00Z",
        "born": "1978-01-01",
        "nothing": None,
        "mixed": 5,
        "campaign": {"title": "2024-02-03", "tags": ["1", "2.5"]},
        "line_items": [
            {"barcode": "0123", "price": 1.25, "sold": "2020-01-01 10:00:00", "on": "2020-01-01"},
            {"barcode": "77", "price": 2, "on": "soon", "vouchers": [{"key": "9"}]},
        ],
    },
    {
        "id": 2,
        "code": "x",
        "note": "hello",
        "amount": -3.1,
        "paid": "false",
        "at": "2050-01-01 00:00:00.5",
        "never": "",
        "born": None,
        "mixed": {"a": [1.50, "2020-01-01"]},
        "campaign": {"title": "Summer", "tags": []},
        "line_items": [],
    },
]


def load(
    folder: Path, rows: list[dict[str, Any]], *, write: Any = "append", **options: Any
) -> JsonFile:
    """Load rows as the table `baskets`, the way that a resource of this package would."""
    path = folder / "file.json"
    path.write_text(json.dumps(rows))
    file = open_json(path, **options)

    @dlt.resource(name="baskets", write_disposition=write)
    def baskets() -> Iterator[Any]:
        hints = make_hints(**file.hints("baskets"))
        if not file.rows:
            yield dlt.mark.with_hints(dlt.mark.materialize_table_schema(), hints)
        for batch in file.records():
            yield dlt.mark.with_hints(batch, hints)

    pipeline_into(folder).run(baskets())
    return file


def test_values_arrive_with_the_types_that_were_inferred(tmp_path: Path) -> None:
    load(tmp_path, BASKETS)
    types = column_types(tmp_path, "baskets")
    assert {name: kind for name, kind in types.items() if not name.startswith("_dlt")} == {
        "id": "BIGINT",
        "code": "VARCHAR",
        "note": "VARCHAR",
        "amount": "DECIMAL(38,9)",
        "paid": "BOOLEAN",
        "at": "TIMESTAMP WITH TIME ZONE",
        "never": "TIMESTAMP WITH TIME ZONE",
        "born": "DATE",
        "mixed": "BIGINT",
        "mixed__v_text": "VARCHAR",
        "campaign__title": "VARCHAR",
    }
    assert query(
        tmp_path,
        'SELECT id, code, note, amount, paid, "at", never, born, mixed, mixed__v_text, '
        "campaign__title FROM baskets ORDER BY id",
    ) == [
        (
            *(1, "00123", "2020-01-01T00:00:00Z", Decimal("12.50"), True),
            dt.datetime(2018, 9, 4, 0, 47, 41, tzinfo=UTC),
            dt.datetime(1, 1, 1, tzinfo=UTC),
            *(dt.date(1978, 1, 1), 5, None, "2024-02-03"),
        ),
        (
            *(2, "x", "hello", Decimal("-3.1"), False),
            dt.datetime(2050, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC),
            *(None, None, None, '{"a": [1.5, "2020-01-01"]}', "Summer"),
        ),
    ]


def test_lists_arrive_as_child_tables_with_the_keys_of_dlt(tmp_path: Path) -> None:
    load(tmp_path, BASKETS)
    items = column_types(tmp_path, "baskets__line_items")
    assert {name: kind for name, kind in items.items() if not name.startswith("_dlt")} == {
        "barcode": "VARCHAR",
        "price": "DECIMAL(38,9)",
        "sold": "TIMESTAMP WITH TIME ZONE",
        "on": "VARCHAR",
    }
    assert query(
        tmp_path,
        'SELECT b.id, i._dlt_list_idx, barcode, price, sold, "on" FROM baskets__line_items i '
        "JOIN baskets b ON i._dlt_parent_id = b._dlt_id ORDER BY 2",
    ) == [
        (
            *(1, 0, "0123", Decimal("1.25")),
            *(dt.datetime(2020, 1, 1, 10, tzinfo=UTC), "2020-01-01"),
        ),
        (1, 1, "77", Decimal(2), None, "soon"),
    ]
    assert query(
        tmp_path,
        "SELECT i.barcode, v.key FROM baskets__line_items__vouchers v "
        "JOIN baskets__line_items i ON v._dlt_parent_id = i._dlt_id",
    ) == [("77", 9)]
    assert query(
        tmp_path,
        "SELECT b.id, t.value FROM baskets__campaign__tags t "
        "JOIN baskets b ON t._dlt_parent_id = b._dlt_id ORDER BY t._dlt_list_idx",
    ) == [(1, Decimal(1)), (1, Decimal("2.5"))]
    tables = pipeline_into(tmp_path).default_schema.tables
    assert {name: tables[name].get("parent") for name in tables if "__" in name} == {
        "baskets__line_items": "baskets",
        "baskets__line_items__vouchers": "baskets__line_items",
        "baskets__campaign__tags": "baskets",
    }
    described = tables["baskets__line_items"]["columns"]["barcode"].get("description")
    assert described == "line_items[].barcode"


def test_dlt_would_guess_a_time_where_text_was_inferred(tmp_path: Path) -> None:
    # Why the records need their hints.
    path = tmp_path / "file.json"
    path.write_text('[{"note":"2020-01-01T00:00:00Z"},{"note":"hello"}]')
    pipeline_into(tmp_path).run(next(open_json(path).records()), table_name="bare")
    assert column_types(tmp_path, "bare")["note"] == "TIMESTAMP WITH TIME ZONE"


def test_a_table_loaded_from_csv_and_from_json_has_the_same_columns(tmp_path: Path) -> None:
    rows = [
        {
            "Id": "1",
            "Code": "00123",
            "Price": "1.25",
            "Paid": "true",
            "Made": "2020-01-01 10:00:00",
        },
        {"Id": "2", "Code": "", "Price": "3", "Paid": "", "Made": ""},
        {
            "Id": "3",
            "Code": "2020-01-01",
            "Price": "",
            "Paid": "false",
            "Made": "2020-01-02 00:00:00",
        },
    ]
    csv_path = tmp_path / "file.csv"
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    csv_path.write_text("\n".join(lines) + "\n")
    tables = list(open_csv(csv_path).tables())
    pipeline_into(tmp_path).run(tables, table_name="from_csv")
    load(tmp_path, rows)
    as_csv, as_json = (column_types(tmp_path, table) for table in ("from_csv", "baskets"))
    for name in ("_dlt_load_id", "_dlt_id"):
        as_csv.pop(name, None)
        as_json.pop(name)
    assert as_json == as_csv
    names = ", ".join(as_csv)
    assert query(tmp_path, f"SELECT {names} FROM baskets ORDER BY id") == query(
        tmp_path, f"SELECT {names} FROM from_csv ORDER BY id"
    )


def test_a_second_load_keeps_the_types_and_sets_misfits_aside(tmp_path: Path) -> None:
    load(
        tmp_path, [{"id": 1, "n": 1, "at": "2020-01-01 00:00:00", "items": [{"sku": "a", "q": 1}]}]
    )
    nested = {"items": {"sku": ColumnType("text"), "q": ColumnType("bigint")}}
    load(
        tmp_path,
        [{"id": 2, "n": 1.5, "at": "soon", "items": [{"sku": "7", "q": "some"}], "new": "07"}],
        known_types={
            "id": ColumnType("bigint"),
            "n": ColumnType("bigint"),
            "at": ColumnType("timestamp"),
        },
        nested_types=lambda path: nested.get(".".join(path), {}),
    )
    assert query(tmp_path, "SELECT n, n__v_text, at__v_text, new FROM baskets ORDER BY id") == [
        (1, None, None, None),
        (None, "1.5", "soon", "07"),
    ]
    assert query(
        tmp_path, "SELECT sku, q, q__v_text FROM baskets__items ORDER BY q NULLS LAST"
    ) == [("a", 1, None), ("7", None, "some")]
    columns = pipeline_into(tmp_path).default_schema.tables["baskets"]["columns"]
    assert columns["n__v_text"].get("variant") is True


def test_a_file_without_rows_empties_what_it_replaces(tmp_path: Path) -> None:
    load(tmp_path, BASKETS, write="replace")
    load(tmp_path, [], write="replace")
    for table in ("baskets", "baskets__line_items"):
        assert query(tmp_path, f"SELECT count(*) FROM {table}") == [(0,)]


@pytest.mark.parametrize(
    "key",
    [
        "Email (username)",
        "a__b",
        *(
            pytest.param(key, marks=pytest.mark.thorough)
            for key in ("9 lives", "Straße", "x_", "+Ab-C")
        ),
    ],
)
def test_dlt_names_the_columns_as_they_are_described(tmp_path: Path, key: str) -> None:
    rows = [{"id": 1, key: "x", "in": {key: 1}, "rows": [{key: 2}], "v": {key: 1}}]
    file = load(tmp_path, [*rows, {"id": 2, "v": {key: [1]}}])
    own = [name for name in column_types(tmp_path, "baskets") if not name.startswith("_dlt")]
    described = [
        name
        for column in file.columns
        for name in (column.name, *([column.variant] if column.has_variant else []))
    ]
    assert own == described
    assert file.nested[0].columns[0].name in column_types(tmp_path, "baskets__rows")
