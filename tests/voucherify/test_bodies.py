"""The request bodies of the export guide, key by key, from the source's own settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spaaza_source.voucherify.credentials import AppKeys
from spaaza_source.voucherify.exports_api import ExportsApi, make_client
from spaaza_source.voucherify.filters import all_of, where
from tests.vendors.voucherify_files import KEYS, VoucherifyVendor, load
from tests.warehouses import query

pytestmark = pytest.mark.slow

#: "With parameters you can select which fields will be exported and filter out the relevant data".
CATEGORIES: dict[str, Any] = {
    "fields": ["code", "voucher_type"],
    "filters": {"categories": {"conditions": {"$in": ["postman"]}}},
}
#: "See the example of request body".
REDEMPTIONS: dict[str, Any] = {
    "exported_object": "redemption",
    "parameters": {
        "order": "-created_at",
        "fields": ["id", "object", "date", "voucher_code", "customer_id", "result"],
        "filters": {
            "junction": "and",
            "created_at": {
                "conditions": {
                    "$after": ["2018-05-30T22:00:00.000Z"],
                    "$before": ["2018-06-29T22:00:00.000Z"],
                }
            },
        },
    },
}
ROW = (
    "ID,Object,Date,Voucher Code,Customer ID,Result\n"
    "r_1,redemption,2018-06-01T10:00:00.000Z,A,c_1,SUCCESS\n"
)


def test_the_guides_first_request(tmp_path: Path) -> None:
    with VoucherifyVendor(voucher="Code,Voucher Type\nA,DISCOUNT_VOUCHER\n") as vendor:
        load(
            vendor,
            tmp_path,
            "vouchers",
            fields={"vouchers": ["code", "voucher_type"]},
            filters={"vouchers": where("categories", "in", "postman")},
        )
    # An order is always told, so that the same rows are the same file.
    parameters = {"order": "created_at", **CATEGORIES}
    assert vendor.bodies == [{"exported_object": "voucher", "parameters": parameters}]
    assert query(tmp_path, "SELECT code FROM vouchers") == [("A",)]


@pytest.mark.thorough
def test_the_guides_second_request(tmp_path: Path) -> None:
    parameters = REDEMPTIONS["parameters"]
    told = all_of(
        where("created_at", "after", "2018-05-30T22:00:00.000Z"),
        where("created_at", "before", "2018-06-29T22:00:00.000Z"),
    )
    assert told == parameters["filters"]
    with VoucherifyVendor(redemption=ROW) as vendor:
        load(
            vendor,
            tmp_path,
            "redemptions",
            fields={"redemptions": parameters["fields"]},
            filters={"redemptions": told},
        )
    parameters = {**parameters, "order": "created_at"}
    assert vendor.bodies == [{**REDEMPTIONS, "parameters": parameters}]


def test_a_body_is_sent_as_the_guide_writes_it() -> None:
    keys = AppKeys()
    keys.update(KEYS)
    with VoucherifyVendor(redemption=ROW) as vendor:
        api = ExportsApi(make_client(vendor.base_url, keys))
        api.create(REDEMPTIONS["exported_object"], REDEMPTIONS["parameters"])
    assert vendor.bodies == [REDEMPTIONS]


@pytest.mark.thorough
def test_a_month_is_asked_for_as_the_guide_does(tmp_path: Path) -> None:
    with VoucherifyVendor(redemption=ROW) as vendor:
        load(
            vendor,
            tmp_path,
            "redemptions",
            fields={"redemptions": REDEMPTIONS["parameters"]["fields"]},
            start_date="2018-06-01",
            end_date="2018-07-01",
        )
    (body,) = vendor.bodies
    assert body["parameters"]["filters"] == {
        "junction": "and",
        # A margin: no document tells whether the bounds count.
        "created_at": {
            "conditions": {
                "$after": ["2018-05-31T23:59:59.000Z"],
                "$before": ["2018-07-01T00:00:01.000Z"],
            }
        },
    }


@pytest.mark.thorough
def test_vouchers_of_one_campaign(tmp_path: Path) -> None:
    fields = {"vouchers": ["id", "code"], "redemptions": ["id", "date"]}
    files = {"voucher": "ID,Code\nv_1,A\n", "redemption": "ID,Date\nr_1,2026-05-09T10:00:00Z\n"}
    with VoucherifyVendor(**files) as vendor:
        for _ in range(2):
            given = {"fields": fields, "campaign_id": "camp_1", "max_age": 3600}
            load(vendor, tmp_path, "vouchers", "redemptions", **given)
    campaigns = {
        (body["exported_object"], body["parameters"].get("campaign_id")) for body in vendor.bodies
    }
    assert campaigns == {("voucher", "camp_1"), ("redemption", None)}


@pytest.mark.thorough
def test_an_export_of_another_campaign_is_not_taken_up(tmp_path: Path) -> None:
    given = {"fields": {"vouchers": ["id", "code"]}, "max_age": 3600}
    with VoucherifyVendor(voucher="ID,Code\nv_1,A\n") as vendor:
        load(vendor, tmp_path / "a", "vouchers", **given, campaign_id="camp_1")
        load(vendor, tmp_path / "b", "vouchers", **given, campaign_id="camp_2")
        load(vendor, tmp_path / "c", "vouchers", **given, campaign_id="camp_1")
    assert len(vendor.bodies) == 2
    assert query(tmp_path / "c", "SELECT adopted, job_id FROM export_jobs") == [(True, "exp_1")]
