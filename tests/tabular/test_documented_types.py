"""Documented types: found by name, kept unless the values contradict them; Go's zero time."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import SettingsError
from spaaza_source.spaaza.columns.documented_types import DOCUMENTED as SPAAZA
from spaaza_source.tabular import ColumnType, convert_csv, open_csv, open_json, read_table_types
from spaaza_source.voucherify.documented_types import DOCUMENTED as VOUCHERIFY
from spaaza_source.voucherify.objects import OBJECTS

TYPES = {
    "id": ColumnType("text"),
    "count": ColumnType("bigint"),
    "money": ColumnType("decimal"),
    "at": ColumnType("timestamp"),
    "born": ColumnType("date"),
}


def read_csv(folder: Path, text: str, **given: Any) -> tuple[dict[str, str], list[dict[str, Any]]]:
    (folder / "file.csv").write_text(text)
    file = open_csv(folder / "file.csv", documented=TYPES.get, **given)
    rows = [row for table in file.tables() for row in table.to_pylist()]
    return {column.name: str(column.type) for column in file.columns}, rows


def read_json(folder: Path, records: list[Any]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    (folder / "file.json").write_text(json.dumps(records))
    file = open_json(folder / "file.json", documented=lambda *path: TYPES.get(path[-1]))
    rows = [row for batch in file.records() for row in batch]
    return {column.name: str(column.type) for column in file.columns}, rows


@pytest.mark.parametrize("table", OBJECTS)
def test_every_field_of_voucherify_has_a_documented_type(table: str) -> None:
    assert [name for name in OBJECTS[table].fields if VOUCHERIFY[table].find(name) is None] == []
    assert VOUCHERIFY[table].find("metadata_customer_id") is None
    assert VOUCHERIFY[table].find("metadata.tier") is None


@pytest.mark.parametrize(
    ("table", "path", "kind"),
    [
        ("users", ["id"], "text"),
        ("users", ["chain_id"], "text"),
        ("users", ["entity_code_code"], "text"),
        ("users", ["address__postal_code"], "text"),
        ("users", ["address_phone_number"], "text"),
        ("users", ["number_of_purchases"], "bigint"),
        ("users", ["days_since_last_purchase"], "bigint"),
        ("users", ["average_spend_value"], "decimal"),
        ("users", ["loyalty_status__points_balance_current"], "decimal"),
        ("users", ["birthday"], "date"),
        ("users", ["last_login_date"], "timestamp"),
        ("users", ["spaaza_opted_in"], "bool"),
        ("bulk_users", ["spaaza_user_id"], "text"),
        ("bulk_users", ["referring_user_id"], "text"),
        ("vouchers", ["voucher_key"], "text"),
        ("vouchers", ["campaign__id"], "text"),
        ("vouchers", ["currency_code"], "text"),
        ("vouchers", ["amount_redeemed"], "decimal"),
        ("vouchers", ["date_time_redeemed"], "timestamp"),
        ("vouchers", ["voucher_expiry_seconds_remaining"], "bigint"),
        ("transactions", ["user__id"], "text"),
        ("transactions", ["line_items", "product_id"], "text"),
        ("transactions", ["line_items", "quantity"], "decimal"),
        ("transactions", ["timestamp"], "timestamp"),
        ("wallet_ledger", ["amount"], "decimal"),
        ("wallet_ledger", ["receipt_id"], "text"),
        ("products", ["owner_code"], "text"),
        ("product_variants", ["barcode"], "text"),
        ("product_variants", ["price"], "decimal"),
        ("transactions", ["line_items", "metadata__color"], "text"),
        ("transactions", ["line_items", "metadata__order_id"], None),
        ("users", ["metadata_store_id"], None),
        ("users", ["shoe_size"], None),
    ],
)
def test_a_field_has_its_documented_type(table: str, path: list[str], kind: str | None) -> None:
    found = SPAAZA[table].find(*path)
    assert (found and found.data_type) == kind


def test_values_get_documented_types_whatever_they_look_like(tmp_path: Path) -> None:
    types, rows = read_csv(tmp_path, "id,count,money\n1,2,3\n4,,5\n")
    assert types == {"id": "text", "count": "bigint", "money": "decimal(38, 9)"}
    assert rows[0] == {"id": "1", "count": 2, "money": Decimal(3)}
    types, rows = read_json(tmp_path, [{"id": 1, "count": 2, "money": 3}])
    assert types == {"id": "text", "count": "bigint", "money": "decimal(38, 9)"}
    assert rows[0] == {"id": "1", "count": 2, "money": Decimal(3)}


def test_values_that_contradict_a_document_are_typed_as_they_are(tmp_path: Path) -> None:
    types, rows = read_csv(tmp_path, 'count,money\n2,"1,234"\n2.5,7\n')
    assert types == {"count": "decimal(38, 9)", "money": "text"}
    assert rows == [
        {"count": Decimal(2), "money": "1,234"},
        {"count": Decimal("2.5"), "money": "7"},
    ]


def test_a_column_without_values_has_its_documented_type(tmp_path: Path) -> None:
    types, _ = read_csv(tmp_path, "id,at,other\n,,\n")
    assert types == {"id": "text", "at": "timestamp", "other": "None"}
    # In JSON it may turn out to be an object.
    types, _ = read_json(tmp_path, [{"id": None, "x": 1}])
    assert types == {"id": "None", "x": "bigint"}


def test_a_documented_scalar_leaves_objects_and_lists_alone(tmp_path: Path) -> None:
    types, rows = read_json(tmp_path, [{"id": {"id": 5}, "money": [{"id": 1}]}])
    assert types == {"id__id": "bigint"}
    assert rows == [{"id": {"id": 5}, "money": [{"id": "1"}]}]


@pytest.mark.parametrize("known", [{}, {"at": TYPES["at"], "born": TYPES["born"]}])
@pytest.mark.parametrize(
    "zero",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01 00:00:00",
        "0001-01-01T00:00:00.000+00:00",
        "0001-01-01",
    ],
)
def test_the_zero_time_is_null_where_a_time_is_documented(
    tmp_path: Path, zero: str, known: dict[str, ColumnType]
) -> None:
    sound = {"at": "2026-05-01T10:00:00Z", "born": "1978-01-02"}
    at = datetime(2026, 5, 1, 10, tzinfo=UTC)
    text = f"at,born,other\n{sound['at']},{sound['born']},x\n{zero},{zero},{zero}\n"
    types, rows = read_csv(tmp_path, text, known_types=known)
    assert (types["at"], types["born"]) == ("timestamp", "date")
    assert rows[0] | {"at": at} == {"at": at, "born": date(1978, 1, 2), "other": "x"}
    assert rows[0]["at"] == at
    assert rows[1] == {"at": None, "born": None, "other": zero}
    _, rows = read_json(tmp_path, [sound, {"at": zero, "born": zero, "other": zero}])
    assert rows[1]["at"] is None
    assert rows[1]["born"] is None
    assert rows[1]["other"] is not None


def test_the_zero_time_stays_where_no_time_is_documented(tmp_path: Path) -> None:
    _, rows = read_csv(tmp_path, "other\n0001-01-01\n2026-05-01\n")
    assert rows[0] == {"other": date(1, 1, 1)}


@pytest.mark.parametrize(
    "given",
    [
        "inferred",
        '{"users": {"points": "decimal(18,4)"}}',
        {"users": {"points": "decimal(18, 4)"}},
        {"users": {"points": "decimal(18,4)"}, "bulk_users": "text"},
    ],
)
def test_column_types_are_taken_by_column(given: Any) -> None:
    types = read_table_types(given, ["users"], {}, others=["bulk_users"])["users"]
    expected = {} if given == "inferred" else {"points": ColumnType("decimal", 18, 4)}
    assert (types.setting, types.by_column) == ("inferred", expected)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("txt", "'txt' is not among inferred, text"),
        ({"user": "text"}, "Did you mean users?"),
        ({"users": {"points": "decmal"}}, "Did you mean decimal?"),
        ({"users": {"points": "decimal(40,2)"}}, "at most 38 digits"),
        ({"users": {"points": 5}}, "there is no type '5'"),
        ({"users": "all"}, "column_types of users: 'all' is not among inferred, text"),
        ({"users": {"Points": "text", "points": "text"}}, "named twice"),
    ],
)
def test_a_wrong_column_type_is_named_with_what_helps(given: Any, says: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_table_types(given, ["users", "products"], {})
    assert says in str(raised.value)


def test_a_file_without_a_load_takes_types_by_column(tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text("Id,points\n1,2\n")
    done = convert_csv(
        tmp_path / "file.csv", tmp_path / "file.parquet", column_types={"id": "text"}
    )
    assert [str(column.type) for column in done.columns] == ["text", "bigint"]
