"""The generated shop: the same for a seed, and true to itself across its tables."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow.csv
import pytest

from spaaza_source.sandbox import GeneratedShop, SandboxSettings
from spaaza_source.sandbox.settings import INDEXES
from tests.sandbox.sandbox_client import Client, Clock, running

Rows = list[dict[str, str]]
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with running(rows=3000) as client:
        yield client


@pytest.fixture(scope="module")
def tables(client: Client) -> dict[str, Rows]:
    return {index: client.rows(index) for index in INDEXES}


def test_data_follow_from_the_seed_and_not_from_the_clock(client: Client) -> None:
    later = Clock(datetime(2031, 1, 1, tzinfo=UTC))
    with running(later, rows=3000) as same, running(rows=3000, seed=8) as other:
        for index in INDEXES:
            assert same.export(index) == client.export(index)
            assert other.export(index) != client.export(index)


def test_a_row_count_can_be_set_for_one_index() -> None:
    with running(rows=7, rows_per_index={"users": 3}) as client:
        assert len(client.rows("users")) == 3
        assert len(client.rows("vouchers")) == 7


@pytest.mark.parametrize("index", sorted(set(INDEXES) - {"wallet-ledger"}))
def test_ids_are_unique(tables: dict[str, Rows], index: str) -> None:
    ids = [row["id"] for row in tables[index]]
    assert len(set(ids)) == len(ids) == 3000


def test_a_wallet_entry_has_no_id(tables: dict[str, Rows]) -> None:
    assert not {"id", "entry_id"} & set(tables["wallet-ledger"][0])


@pytest.mark.parametrize(
    ("index", "fields"),
    [
        ("transactions", {"timestamp"}),
        ("users", {"created_date", "country_code"}),
        ("vouchers", {"date_time_creation", "date_time_redeemed", "date_time_expiry"}),
        ("wallet-ledger", {"timestamp"}),
        ("products", {"category"}),
    ],
)
def test_documented_filter_fields_are_columns(
    tables: dict[str, Rows], index: str, fields: set[str]
) -> None:
    assert fields <= set(tables[index][0])


def test_what_refers_to_a_user_was_made_after_the_user_joined(tables: dict[str, Rows]) -> None:
    joined = {row["id"]: row["created_date"] for row in tables["users"]}
    for index, moment in (
        ("transactions", "timestamp"),
        ("vouchers", "date_time_creation"),
        ("wallet-ledger", "timestamp"),
    ):
        known = [row for row in tables[index] if row["user_id"]]
        assert len(known) > 2000
        assert all(joined[row["user_id"]] < row[moment] for row in known)


def test_a_voucher_is_made_then_redeemed_then_expires(tables: dict[str, Rows]) -> None:
    baskets = {row["id"]: row for row in tables["transactions"]}
    redeemed = [row for row in tables["vouchers"] if row["status"] == "redeemed"]
    assert 500 < len(redeemed) < 1500
    for row in redeemed:
        assert row["date_time_creation"] <= row["date_time_redeemed"] <= row["date_time_expiry"]
        basket = baskets[row["redeeming_basket_id"]]
        assert basket["user_id"] == row["user_id"]
        assert basket["timestamp"][:19] + "Z" == row["date_time_redeemed"]
    others = [row for row in tables["vouchers"] if row["status"] != "redeemed"]
    assert {row["status"] for row in others} == {"generated", "claimed"}
    assert {row["date_time_redeemed"] for row in others} == {""}


def test_a_wallet_entry_agrees_with_its_basket(tables: dict[str, Rows]) -> None:
    baskets = {row["id"]: row for row in tables["transactions"]}
    entries = [row for row in tables["wallet-ledger"] if row["receipt_id"]]
    assert len(entries) > 1000
    for row in entries:
        basket = baskets[row["receipt_id"]]
        assert row["user_id"] == basket["user_id"]
        assert row["retailer_basket_code"] == basket["retailer_basket_code"]
    signs = {
        (row["earn_or_spend"], row["amount"].startswith("-")) for row in tables["wallet-ledger"]
    }
    assert signs == {("earn", False), ("spend", True)}


def test_a_variant_is_of_a_product_that_exists(tables: dict[str, Rows]) -> None:
    codes = {row["id"]: row["owner_code"] for row in tables["products"]}
    for row in tables["product-variants"]:
        assert codes[row["product_id"]] == row["product_owner_code"]


def test_cells_are_as_awkward_as_real_ones(tables: dict[str, Rows]) -> None:
    def all_match(index: str, column: str, pattern: str) -> bool:
        cells = [row[column] for row in tables[index] if row[column]]
        return bool(cells) and all(re.fullmatch(pattern, cell) for cell in cells)

    assert all_match("transactions", "timestamp", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
    assert all_match("transactions", "retailer_basket_code", r"0000\d{15}")
    assert all_match("transactions", "total_value", r"-?\d+\.\d\d")
    assert all_match("users", "created_date", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    assert all_match("users", "birthday", r"\d{4}-\d\d-\d\d")
    assert all_match("users", "registered", "true|false")
    assert all_match("users", "address_phone_number", r"\+316\d{8}")
    assert all_match("product-variants", "barcode", r"00\d{12}")
    cells = {cell for rows in tables.values() for row in rows for cell in row.values()}
    for character in ('"', ",", "\n", "é", "佐"):
        assert any(character in cell for cell in cells), character


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_every_row_count_makes_files_of_that_many_rows(rows: int) -> None:
    with running(rows=rows) as client:
        assert {len(client.rows(index)) for index in INDEXES} == {rows}


def test_an_index_without_the_others_refers_to_nothing() -> None:
    alone = {"vouchers": 20, "wallet-ledger": 20, "transactions": 20, "product-variants": 20}
    for index, count in alone.items():
        with running(rows=0, rows_per_index={index: count}) as client:
            rows = client.rows(index)
            assert len(rows) == count
            missing = "product_id" if index == "product-variants" else "user_id"
            assert {row[missing] for row in rows} == {""}


def test_many_rows_come_in_bounded_blocks() -> None:
    shop = GeneratedShop(SandboxSettings(rows=200_000))
    for index in INDEXES:
        sizes = [block.num_rows for block in shop.blocks(index, NOW, {})]
        assert sum(sizes) == 200_000
        assert max(sizes) <= 50_000


def test_a_large_file_reads_back_whole() -> None:
    with running(rows=100_000) as client:
        file = client.export("products")
        options = pyarrow.csv.ParseOptions(newlines_in_values=True)
        table = pyarrow.csv.read_csv(pyarrow.BufferReader(file), parse_options=options)
        assert table.num_rows == 100_000
        assert len(table.column("id").unique()) == 100_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": -1},
        {"rows_per_index": {"user": 3}},
        {"side_by_side": 0},
        {"history_days": 0},
        {"data_end": datetime(2026, 11, 1)},  # noqa: DTZ001 - the fault under test
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SandboxSettings(**wrong)  # type: ignore[arg-type]
