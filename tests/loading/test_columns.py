"""Columns over several loads: types that stay, headers that change, dlt's contracts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest

from spaaza_source import spaaza_source
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import column_types, pipeline_into, query

pytestmark = pytest.mark.slow


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor() as served:
        yield served


def source(vendor: FileVendor, **given: Any) -> Any:
    credentials = {"access_token_id": "id", "access_token_secret": "secret"}
    return spaaza_source(
        vendor.base_url, 1743, credentials, poll_interval=0, start_margin=0, stagger=0, **given
    ).with_resources("products")


def load(vendor: FileVendor, folder: Path, text: str, **given: Any) -> dlt.Pipeline:
    vendor.files["products"] = text.encode()
    pipeline = pipeline_into(folder)
    pipeline.run(source(vendor, **given))
    return pipeline


def changes(folder: Path) -> list[tuple[Any, ...]]:
    return query(
        folder,
        "SELECT change, column_name, previous_name, position, previous_position"
        " FROM column_changes ORDER BY job_id, position",
    )


@pytest.mark.thorough
def test_reordered_columns_give_the_same_table(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "id,name,price\n1,a,2.50\n")
    before = query(tmp_path, "FROM products")
    load(vendor, tmp_path, "price,id,name\n2.50,1,a\n")
    assert query(tmp_path, "FROM products") == before
    assert changes(tmp_path) == [("moved", "price", None, 1, 3)]


def test_a_new_column_is_loaded_and_told(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "id,name\n1,a\n")
    load(vendor, tmp_path, "id,Brand Name,name\n1,x,a\n")
    assert query(tmp_path, "SELECT id, name, brand_name FROM products") == [("1", "a", "x")]
    assert changes(tmp_path) == [("added", "brand_name", None, 2, None)]


@pytest.mark.thorough
def test_a_header_is_compared_with_the_last_one_on_a_fresh_machine_too(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path, "id,name\n1,a\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "warehouse.duckdb").rename(elsewhere / "warehouse.duckdb")
    load(vendor, elsewhere, "id,name,city\n1,a,b\n")
    assert changes(elsewhere) == [("added", "city", None, 3, None)]


@pytest.mark.thorough
def test_the_same_header_again_changes_nothing(vendor: FileVendor, tmp_path: Path) -> None:
    for _ in range(2):
        pipeline = load(vendor, tmp_path, "id,name\n1,a\n")
    assert changes(tmp_path) == []
    assert pipeline.default_schema.version == pipeline.default_schema.stored_version


def test_a_type_stays_and_what_does_not_fit_goes_to_the_variant(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path, "stock,price\n1,2.50\n2,3\n")
    load(vendor, tmp_path, 'stock,price\n1,2.75\n2,"12,50"\nseven,\n')
    assert query(
        tmp_path, "SELECT stock, stock__v_text, price::VARCHAR, price__v_text FROM products"
    ) == [
        (1, None, "2.750000000", None),
        (2, None, None, "12,50"),
        (None, "seven", None, None),
    ]


@pytest.mark.thorough
def test_a_column_without_values_stays_undecided(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "id,since\n1,\n")
    assert set(column_types(tmp_path, "products")) == {"id"}
    load(vendor, tmp_path, "id,since\n1,2026-01-01\n")
    assert column_types(tmp_path, "products")["since"] == "DATE"
    assert changes(tmp_path) == []


@pytest.mark.thorough
def test_a_header_alone_is_a_table_whose_types_the_first_rows_decide(
    vendor: FileVendor, tmp_path: Path
) -> None:
    for _ in range(2):
        load(vendor, tmp_path, "id,name,since\n")
        assert column_types(tmp_path, "products") == dict.fromkeys(
            ["id", "name", "since"], "VARCHAR"
        )
        assert query(tmp_path, "FROM products") == []
    load(vendor, tmp_path, "id,name,since\n1,a,2026-01-01\n")
    assert column_types(tmp_path, "products") == {
        "id": "VARCHAR",
        "name": "VARCHAR",
        "since": "DATE",
    }
    load(vendor, tmp_path, "id,name,since\n", accept_deletes=True)
    assert query(tmp_path, "FROM products") == []
    assert column_types(tmp_path, "products")["id"] == "VARCHAR"


@pytest.mark.thorough
def test_one_source_object_may_be_run_again_and_again(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline, again = pipeline_into(tmp_path), source(vendor)
    for text in ("id,n\n", "id,n\n1,5\n", "id,n\n1,5\n2,6\n"):
        vendor.files["products"] = text.encode()
        pipeline.run(again)
    assert query(tmp_path, "SELECT sum(id::INTEGER), sum(n) FROM products") == [(3, 11)]


def test_a_users_type_wins_over_what_the_file_shows(vendor: FileVendor, tmp_path: Path) -> None:
    vendor.files["products"] = b"id,code,price\n1,7,2.5\n"
    chosen = source(vendor)
    chosen.products.apply_hints(
        columns={
            "code": {"data_type": "text"},
            "price": {"data_type": "decimal", "precision": 10, "scale": 2},
        }
    )
    pipeline_into(tmp_path).run(chosen)
    types = column_types(tmp_path, "products")
    assert (types["code"], types["price"]) == ("VARCHAR", "DECIMAL(10,2)")


def test_the_header_of_the_vendor_is_the_columns_description(
    vendor: FileVendor, tmp_path: Path
) -> None:
    pipeline = load(vendor, tmp_path, "ID,email (username),Town/City\n1,a,b\n")
    columns = pipeline.default_schema.tables["products"]["columns"]
    assert {name: column.get("description") for name, column in columns.items()} == {
        "id": "ID",
        "email_username": "email (username)",
        "town_city": "Town/City",
    }


def contract_run(vendor: FileVendor, folder: Path, text: str, contract: Any) -> None:
    vendor.files["products"] = text.encode()
    chosen = source(vendor)
    chosen.products.apply_hints(schema_contract=contract)
    pipeline_into(folder).run(chosen)


def test_a_frozen_contract_refuses_a_new_column(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "id\n1\n")
    with pytest.raises(Exception, match="`columns` are frozen"):
        contract_run(vendor, tmp_path, "id,city\n2,secret-value\n", {"columns": "freeze"})
    pipeline_into(tmp_path).abort_packages()
    assert query(tmp_path, "FROM products") == [("1",)]


def test_a_contract_may_discard_a_new_columns_values(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "id\n1\n")
    contract_run(vendor, tmp_path, "id,city\n2,a\n3,\n", {"columns": "discard_value"})
    assert query(tmp_path, "FROM products ORDER BY id") == [("2",), ("3",)]


@pytest.mark.thorough
def test_a_contract_may_discard_rows_with_a_new_column(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "id\n1\n")
    contract_run(vendor, tmp_path, "id,city\n2,a\n3,\n", {"columns": "discard_row"})
    assert query(tmp_path, "FROM products") == [("3",)]


@pytest.mark.parametrize(
    ("mode", "rows"),
    [
        ("evolve", [(2,), (None,)]),
        pytest.param("discard_value", [(2,), (None,)], marks=pytest.mark.thorough),
        pytest.param("discard_row", [(2,)], marks=pytest.mark.thorough),
    ],
)
def test_the_data_type_contract_rules_over_variants(
    vendor: FileVendor, tmp_path: Path, mode: str, rows: list[tuple[Any, ...]]
) -> None:
    load(vendor, tmp_path, "stock\n1\n")
    contract_run(vendor, tmp_path, "stock\n2\nx\n", {"data_type": mode})
    assert query(tmp_path, "SELECT stock FROM products ORDER BY stock") == rows
    variant = "stock__v_text" in column_types(tmp_path, "products")
    assert variant == (mode == "evolve")


def test_frozen_types_refuse_a_value_that_does_not_fit(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "stock\n1\n")
    with pytest.raises(Exception, match="`data_types` are frozen"):
        contract_run(vendor, tmp_path, "stock\n2\nx\n", {"data_type": "freeze"})


@pytest.mark.thorough
def test_a_bad_row_is_kept_byte_for_byte(vendor: FileVendor, tmp_path: Path) -> None:
    text = "id,name\n" + "1,a\n" * 200 + '5" pipe,x\n' + "2,b\n" * 200
    load(vendor, tmp_path, text)
    assert query(
        tmp_path,
        "SELECT table_name, line_number, byte_offset, decode(raw) FROM rejected_rows",
    ) == [("products", 202, text.index('5" pipe'), '5" pipe,x')]
    assert query(tmp_path, "SELECT rows, rejected, loaded FROM export_jobs") == [(400, 1, 400)]


def test_the_first_bad_row_stops_where_that_is_asked_for(
    vendor: FileVendor, tmp_path: Path
) -> None:
    text = "id,name\n" + "1,a\n" * 200 + "2,secret,b\n" + "2,b\n" * 200
    with pytest.raises(Exception, match="line 202") as raised:
        load(vendor, tmp_path, text, on_bad_row="fail")
    assert "secret" not in str(raised.value)
    assert "products, job 1" in str(raised.value)
