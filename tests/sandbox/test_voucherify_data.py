"""The generated project: the same for a seed, and true to itself across its objects."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from spaaza_source.sandbox import SandboxSettings
from spaaza_source.sandbox.settings import OBJECTS
from spaaza_source.sandbox.voucherify.objects import FIELDS
from tests.sandbox.sandbox_client import NOON, Clock
from tests.sandbox.voucherify_client import Row, VoucherifyClient, voucherify

ROWS = 2000
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
DATED = {"redemption": "date", "publication": "date"}


@pytest.fixture(scope="module")
def client() -> Iterator[VoucherifyClient]:
    with voucherify(rows=ROWS) as client:
        yield client


@pytest.fixture(scope="module")
def tables(client: VoucherifyClient) -> dict[str, list[Row]]:
    return {name: client.rows(name, *FIELDS[name]) for name in OBJECTS}


def test_data_follow_from_the_seed() -> None:
    def files(seed: int) -> dict[str, bytes]:
        with voucherify(rows=100, seed=seed) as client:
            return {name: client.file(name, fields=list(FIELDS[name])) for name in OBJECTS}

    first, again, other = files(7), files(7), files(8)
    assert first == again
    for name in OBJECTS:
        assert first[name] != other[name]


def test_the_time_of_day_changes_nothing_and_a_clock_behind_the_data_does_not_either() -> None:
    def vouchers(now: datetime) -> bytes:
        with voucherify(Clock(now), rows=100) as client:
            return client.file("voucher", fields=["id", "created_at", "updated_at"])

    assert vouchers(NOON) == vouchers(NOON + timedelta(hours=7))
    late = datetime(2027, 1, 1, tzinfo=UTC)
    assert vouchers(late) == vouchers(late + timedelta(days=400))
    assert vouchers(NOON) != vouchers(late)


def test_a_row_count_can_be_set_for_one_object() -> None:
    with voucherify(rows=7, rows_per_object={"order": 3}) as client:
        assert {name: len(client.rows(name)) for name in OBJECTS} == {
            **dict.fromkeys(OBJECTS, 7),
            "order": 3,
        }
    with pytest.raises(ValueError, match="rows_per_object"):
        SandboxSettings(rows_per_object={"vouchers": 3})
    with pytest.raises(ValueError, match="negative"):
        SandboxSettings(rows_per_object={"voucher": -1})


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_every_row_count_makes_files_of_that_many_rows(rows: int) -> None:
    with voucherify(rows=rows) as client:
        counts = {name: len(client.rows(name, *FIELDS[name])) for name in OBJECTS}
        assert counts == dict.fromkeys(OBJECTS, rows)


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_without_the_others_refers_to_nothing(name: str) -> None:
    references = {"customer_id", "voucher_id", "voucher_code", "order_id", "referrer_id"}
    with voucherify(rows=0, rows_per_object={name: 20}) as client:
        rows = client.rows(name, *FIELDS[name])
    assert len(rows) == 20
    assert {row[field] for row in rows for field in references & set(row)} <= {""}


@pytest.mark.parametrize(
    ("name", "field", "prefix"),
    [
        ("voucher", "id", "v_"),
        ("voucher", "code", ""),
        ("redemption", "id", "r_"),
        ("customer", "id", "cust_"),
        ("customer", "source_id", ""),
        ("order", "id", "ord_"),
        ("points_expiration", "id", "lopb_"),
        ("voucher_transactions", "id", "vtx_"),
    ],
)
def test_ids_are_unique(tables: dict[str, list[Row]], name: str, field: str, prefix: str) -> None:
    ids = {row[field] for row in tables[name]}
    assert len(ids) == ROWS
    assert all(each.startswith(prefix) for each in ids)


def test_every_field_has_values_and_some_have_none(tables: dict[str, list[Row]]) -> None:
    for name, rows in tables.items():
        empty = [field for field in FIELDS[name] if not any(row[field] for row in rows)]
        assert empty == [], name
        if "updated_at" in rows[0]:
            never = sum(not row["updated_at"] for row in rows)
            assert ROWS / 10 < never < ROWS / 2, name


def test_times_are_in_milliseconds_and_none_lies_in_the_future(
    tables: dict[str, list[Row]],
) -> None:
    for name, rows in tables.items():
        if name == "points_expiration":
            assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", row["expires_at"]) for row in rows)
            continue
        created = DATED.get(name, "created_at")
        for row in rows:
            assert re.fullmatch(TIME, row[created])
            assert "2022-05-26" < row[created] < "2026-05-26T12:00:00.000Z"
            if updated := row.get("updated_at"):
                assert re.fullmatch(TIME, updated)
                assert row[created] <= updated < "2026-05-26T12:00:00.000Z"
        # Spread over the whole history.
        assert {row[created][:4] for row in rows} >= {"2023", "2024", "2025", "2026"}


def test_what_refers_to_a_row_was_made_after_it(tables: dict[str, list[Row]]) -> None:
    customers = {row["id"]: row["created_at"] for row in tables["customer"]}
    by_code = {row["code"]: row for row in tables["voucher"]}
    by_id = {row["id"]: row for row in tables["voucher"]}
    for name in ("redemption", "publication", "order", "voucher"):
        known = [row for row in tables[name] if row["customer_id"]]
        assert len(known) > ROWS / 2
        moment = DATED.get(name, "created_at")
        assert all(customers[row["customer_id"]] < row[moment] for row in known)
    for name in ("redemption", "publication"):
        for row in tables[name]:
            voucher = by_code[row["voucher_code"]]
            assert voucher["created_at"] <= row["date"]
            assert voucher["campaign"] == row["campaign"]
    for row in tables["voucher_transactions"]:
        voucher = by_id[row["voucher_id"]]
        assert voucher["created_at"] <= row["created_at"]
        kind = "LOYALTY_CARD" if row["type"].startswith("POINTS_") else "GIFT_VOUCHER"
        assert (voucher["voucher_type"], voucher["campaign_id"]) == (kind, row["campaign_id"])


def test_a_redemption_agrees_with_its_order_and_its_result(tables: dict[str, list[Row]]) -> None:
    amounts = {row["id"]: row["amount"] for row in tables["order"]}
    results = {"SUCCESS": 0, "FAILURE": 0}
    for row in tables["redemption"]:
        results[row["result"]] += 1
        assert (row["result"] == "FAILURE") == bool(row["failure_code"])
        assert bool(row["failure_code"]) == bool(row["failure_message"])
        assert bool(row["order_id"]) == (row["result"] == "SUCCESS")
        assert row["order_amount"] == amounts.get(row["order_id"], "")
    assert results["SUCCESS"] > results["FAILURE"] > 50


def test_cells_are_as_awkward_as_real_ones(
    client: VoucherifyClient, tables: dict[str, list[Row]]
) -> None:
    for row in tables["voucher_transactions"]:
        assert json.loads(row["details"])["balance"]["total"] == int(row["balance"])
    assert any(re.fullmatch(r"0\d{11}", row["code"]) for row in tables["voucher"])
    assert all(re.fullmatch(r"0\d{8}", row["source_id"]) for row in tables["customer"])
    stores = {row["metadata.store"] for row in client.rows("voucher", "id", "metadata.store")}
    assert {"0012", ""} < stores
    cells = {cell for rows in tables.values() for row in rows for cell in row.values()}
    for character in ('"', ",", "\n", "é", "佐"):
        assert any(character in cell for cell in cells), character
