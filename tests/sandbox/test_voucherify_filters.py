"""Which rows an export of Voucherify has, and in what order."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from tests.sandbox.voucherify_client import OneProject, VoucherifyClient, voucherify

DAY = datetime(2026, 1, 5, tzinfo=UTC)
MOMENTS = [DAY, DAY + timedelta(milliseconds=1), DAY + timedelta(days=1), DAY]
TIMES = pa.timestamp("ms", "UTC")
TABLE = pa.table(
    {
        "id": ["a", "b", "c", "d"],
        "code": ["007", "7", None, "x"],
        "campaign_id": ["camp_1", "camp_2", None, "camp_1"],
        "voucher_id": ["v_1", "v_2", "v_3", "v_3"],
        "date": pa.array(MOMENTS, TIMES),
        "created_at": pa.array(MOMENTS, TIMES),
        "updated_at": pa.array([None, DAY, DAY + timedelta(days=2), None], TIMES),
    }
)
AT_DAY = "2026-01-05T00:00:00.000Z"
A_DAY_LATER = "2026-01-06T00:00:00Z"


@pytest.fixture(scope="module")
def client() -> Iterator[VoucherifyClient]:
    with voucherify(None, OneProject(TABLE)) as client:
        yield client


def kept(client: VoucherifyClient, exported_object: str = "voucher", **more: Any) -> str:
    field = "customer_id" if exported_object == "publication" else "id"
    rows = client.rows(exported_object, field, **more)
    return "".join(row[field] for row in rows)


def on(field: str, **conditions: Any) -> dict[str, Any]:
    return {field: {"conditions": {f"${name}": value for name, value in conditions.items()}}}


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({}, "abcd"),
        ({"junction": "or"}, "abcd"),
        # Both ends are excluded, to the millisecond.
        (on("created_at", after=[AT_DAY]), "bc"),
        (on("created_at", after="2026-01-04T23:59:59.999Z"), "abcd"),
        (on("created_at", before=["2026-01-05T00:00:00.001Z"]), "ad"),
        (on("created_at", before=[A_DAY_LATER]), "abd"),
        (on("created_at", after=[AT_DAY], before=[A_DAY_LATER]), "b"),
        (on("created_at", **{"is": [AT_DAY]}), "ad"),
        (on("created_at", **{"in": [AT_DAY, A_DAY_LATER]}), "acd"),
        (on("created_at", is_not=AT_DAY), "bc"),
        # A missing time fits nothing.
        (on("updated_at", after=["2020-01-01T00:00:00.000Z"]), "bc"),
        (on("updated_at", before=["2030-01-01T00:00:00.000Z"]), "bc"),
        (on("updated_at", is_not=[AT_DAY]), "c"),
        # A code is a text.
        (on("code", **{"is": "7"}), "b"),
        (on("code", **{"in": ["007", "x"]}), "ad"),
        (on("code", is_not=["007", "7"]), "d"),
        (on("campaign_id", **{"is": ["camp_1"]}), "ad"),
        ({**on("campaign_id", **{"is": "camp_1"}), **on("code", **{"is": "x"})}, "d"),
        (
            {
                "junction": "Or",
                **on("created_at", after=[AT_DAY], before=[A_DAY_LATER]),
                **on("updated_at", after=[A_DAY_LATER]),
            },
            "bc",
        ),
        (
            {
                "junction": "AND",
                **on("created_at", after=[AT_DAY]),
                **on("updated_at", after=[A_DAY_LATER]),
            },
            "c",
        ),
    ],
)
def test_filters_keep_the_rows_that_fit(
    client: VoucherifyClient, filters: dict[str, Any], ids: str
) -> None:
    assert kept(client, filters=filters) == ids


@pytest.mark.parametrize("exported_object", ["redemption", "publication"])
def test_created_at_is_the_date_where_an_object_has_one(exported_object: str) -> None:
    table = TABLE.select(["id", "date"]).append_column("customer_id", TABLE.column("id"))
    with voucherify(None, OneProject(table)) as client:
        filters = on("created_at", after=[AT_DAY])
        assert kept(client, exported_object, filters=filters) == "bc"
        assert kept(client, exported_object, order="-created_at")[:2] == "cb"


def test_points_are_filtered_by_their_voucher(client: VoucherifyClient) -> None:
    filters = on("voucher_id", **{"in": ["v_2", "v_3"]})
    assert kept(client, "points_expiration", filters=filters) == "bcd"


def test_the_campaign_of_an_export_of_vouchers_narrows_its_filters(
    client: VoucherifyClient,
) -> None:
    assert kept(client, campaign_id="camp_1") == "ad"
    either = {"junction": "or", **on("code", **{"in": ["7", "x"]})}
    assert kept(client, campaign_id="camp_1", filters=either) == "d"


def test_rows_are_sorted_as_asked(client: VoucherifyClient) -> None:
    assert kept(client, order="created_at") == "adbc"
    assert kept(client, order="-created_at") == "cbad"
    assert kept(client, order="-updated_at")[:2] == "cb"
    # The vendor sorts by it, but no export has it.
    with_customer = TABLE.append_column("customer_id", TABLE.column("id"))
    with voucherify(None, OneProject(with_customer.drop_columns("id"))) as other:
        assert kept(other, "publication", order="-id") == "abcd"


@pytest.mark.parametrize(
    ("exported_object", "filters", "named"),
    [
        ("voucher", {"junction": "xor"}, "filters.junction"),
        ("voucher", on("categories", **{"in": ["a"]}), "filters.categories"),
        ("voucher", on("metadata.x", **{"is": ["a"]}), "filters.metadata.x"),
        ("voucher", {"code": {}}, "filters.code.conditions"),
        ("voucher", {"code": {"conditions": {}}}, "filters.code.conditions"),
        ("voucher", {"code": ["a"]}, "filters.code"),
        ("voucher", {"code": {"conditions": {"$is": "a"}, "more": 1}}, "filters.code.more"),
        ("voucher", on("code", starts_with="a"), "filters.code.conditions.$starts_with"),
        ("voucher", on("code", after=AT_DAY), "filters.code.conditions.$after"),
        ("voucher", on("code", **{"is": []}), "filters.code.conditions.$is"),
        ("voucher", on("code", **{"is": [7]}), "filters.code.conditions.$is"),
        ("voucher", on("created_at", more_than=1), "filters.created_at.conditions.$more_than"),
        ("voucher", on("created_at", after="5 May"), "filters.created_at.conditions.$after"),
        ("voucher", on("created_at", after=[AT_DAY] * 2), "filters.created_at.conditions.$after"),
        ("redemption", on("updated_at", after=AT_DAY), "filters.updated_at"),
        ("points_expiration", on("created_at", after=AT_DAY), "filters.created_at"),
        ("points_expiration", on("expires_at", after=AT_DAY), "filters.expires_at"),
    ],
)
def test_a_filter_that_is_not_known_is_refused_by_its_name(
    client: VoucherifyClient, exported_object: str, filters: dict[str, Any], named: str
) -> None:
    answer = client.post(exported_object, filters=filters)
    assert answer.status_code == 400
    assert answer.json()["key"] == "invalid_payload"
    assert answer.json()["details"].startswith(f"parameters.{named}: ")
