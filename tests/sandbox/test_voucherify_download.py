"""The file of an export: who may have it, and how it is written."""

import pyarrow as pa
import pytest
import requests

from tests.sandbox.sandbox_client import Clock
from tests.sandbox.voucherify_client import OneProject, voucherify


def test_a_file_is_plain_text_behind_the_credentials_and_a_token() -> None:
    with voucherify() as client:
        url = client.url(client.create())
        assert url.startswith(f"{client.sandbox.base_url}/download/v1/exports/exp_")
        answer = client.ask("GET", url)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/plain"
        for headers in ({}, {**client.app, "X-App-Token": "wrong"}):
            refused = requests.get(url, headers=headers, timeout=30)
            assert refused.status_code == 401
            assert refused.json()["key"] == "unauthorized"


def test_a_token_is_of_one_export_and_cannot_be_changed() -> None:
    with voucherify() as client:
        first, second = client.url(client.create()), client.url(client.create())
        path, token = first.split("?token=")
        expires, signature = token.split(".")
        for url in (
            path,
            f"{path}?token=",
            f"{path}?token={second.split('?token=')[1]}",
            f"{path}?token={int(expires) + 1}.{signature}",
            f"{path}?token={expires}.{signature[:-1]}",
            f"{path}?token=.",
        ):
            answer = client.ask("GET", url)
            assert answer.status_code == 401, url
            assert answer.json()["message"] == "Unauthorized"


def test_a_token_ends_and_asking_again_gives_a_new_one() -> None:
    clock = Clock()
    with voucherify(clock, link_seconds=60) as client:
        export_id = client.create()
        url = client.url(export_id)
        clock.forward(seconds=59.999)
        assert client.ask("GET", url).status_code == 200
        clock.forward(seconds=0.001)
        assert client.ask("GET", url).status_code == 401
        assert client.ask("GET", client.url(export_id)).status_code == 200


def test_a_file_that_is_not_done_is_not_there() -> None:
    clock = Clock()
    with voucherify(clock, run_seconds=60) as client:
        export_id = client.create()
        clock.forward(seconds=60)
        url = client.url(export_id)
        clock.forward(seconds=-1)
        assert client.ask("GET", url).status_code == 404


def test_a_broken_download_resumes_where_it_stopped() -> None:
    with voucherify() as client:
        url = client.url(client.create())
        whole = client.ask("GET", url)
        part = {**client.app, "Range": "bytes=100-", "If-Range": whole.headers["ETag"]}
        answer = client.ask("GET", url, headers=part)
        assert answer.status_code == 206
        assert answer.content == whole.content[100:]


VOUCHER_FIELDS = [
    "is_referral_code", "id", "voucher_type", "created_at", "updated_at", "loyalty_balance",
    "redemption_quantity", "qr_code", "bar_code", "customer_source_id", "validity_day_of_week",
    "validation_rules_id", "metadata.channel", "metadata.nothing",
]  # fmt: skip
VOUCHER_LABELS = (
    b"Is referral code?,ID,Voucher Type,Creation Date,Last Update Date,Loyalty Card Balance,"
    b"Redemption Limit,QR Code,Barcode,Customer Source ID,Validity Day of Week,"
    b"Validation Rules ID,metadata.channel,metadata.nothing"
)


@pytest.mark.parametrize(
    ("exported_object", "fields", "header"),
    [
        ("voucher", VOUCHER_FIELDS, VOUCHER_LABELS),
        ("voucher", ["metadata", "code"], b"Metadata,Code"),
        ("redemption", ["promotion_tier_id", "voucher_code"], b"Promotion Tier,Voucher code"),
        (
            "voucher_transactions",
            ["created_at", "related_transaction_id", "id"],
            b"Creation date,Related transaction ID,ID",
        ),
        ("order", ["updated_at", "total_discount_amount"], b"Updated At,Total Discount Amount"),
        (
            "customer",
            ["id", "metadata"],
            b'ID,metadata.tier,"metadata.note, internal",metadata.home_store',
        ),
    ],
)
def test_the_header_has_labels_in_the_order_of_the_request(
    exported_object: str, fields: list[str], header: bytes
) -> None:
    with voucherify(rows=0) as client:
        assert client.file(exported_object, fields=fields) == header + b"\n"


def test_without_fields_an_export_has_the_vendors_own() -> None:
    expected = {
        "voucher": b"Code,Voucher Type,Value,Discount Type\n",
        "redemption": b"ID,Object,Voucher code,Customer ID,Date,Result\n",
        "publication": b"Voucher Code,Customer ID,Date,Channel\n",
        "customer": b"Name,Source ID\n",
        "order": b"ID,Source ID,Status\n",
        "points_expiration": b"ID,Campaign ID,Voucher ID,Status,Expires At,Points\n",
        "voucher_transactions": b"ID,Type,Source ID,Reason,Source,Balance,Amount,Creation date\n",
    }
    with voucherify(rows=0) as client:
        assert {name: client.file(name) for name in expected} == expected


def test_metadata_is_json_but_for_customers() -> None:
    table = pa.table(
        {
            "id": ["a", "b", "c"],
            "metadata.x": ["é", None, None],
            "metadata.y": pa.array([1, None, 2]),
        }
    )
    with voucherify(None, OneProject(table)) as client:
        wanted = {"fields": ["id", "metadata", "metadata.y"]}
        assert client.file("order", **wanted).decode() == (
            'ID,Metadata,metadata.y\na,"{""x"": ""é"", ""y"": 1}",1\nb,,\nc,"{""y"": 2}",2\n'
        )
        wanted = {"fields": ["id", "metadata"]}
        assert client.file("customer", **wanted).decode() == (
            "ID,metadata.x,metadata.y\na,é,1\nb,,\nc,,2\n"
        )


def test_a_field_that_the_project_does_not_have_is_empty() -> None:
    with voucherify(None, OneProject(pa.table({"id": ["v_1"]}))) as client:
        assert client.file("voucher", fields=["code", "id"]) == b"Code,ID\n,v_1\n"
