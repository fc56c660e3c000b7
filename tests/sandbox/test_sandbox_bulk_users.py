"""The synchronous export of users (vendor document 003)."""

import csv
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.sandbox.sandbox_client import Client, read_rows, running

BODY: dict[str, Any] = {"entity": "people", "chain_id": 1743, "join": "all", "rules": []}
# Word for word from vendor document 003.
DOCUMENTED_HEADER = (
    "ID,First name,Last name,email (username),Facebook email,Other email,Facebook ID,Gender,"
    "Birthday,Overall,Recency,Frequency,Monetary,Created date,Last login date,Last purchase date,"
    "Last loyalty activity date,Cashback Balance,Brands Purchased,Stores,Opted-in,Country,"
    "Sign-up store,Postal code,Town/City,Points Balance,Authentication Point ID,"
    "Mailing List Subscriber,Print Mailing List Subscriber,Loyalty Status Level,"
    "Average Spend Value,Days Since Last Purchase,Number of Purchases,Offline Shopper,"
    "Online Shopper,Region/State,House Number,House Number Extension,Address Line 2,"
    "Address Line 3,Phone Number,Street Name,Signup Channel,Spaaza Join Date,Spaaza User ID,"
    "Auxiliary Identifier,Opt in Secondary,Registered,Language,"
    "Points to Proceed to Next Status Level,Points to Remain at Current Status Level,"
    "Last Review Date of Loyalty Status,Next Review Date of Loyalty Status,"
    "Date Loyalty Status Level Reached,Subscribed to Push Notifications,Home Store Name,"
    "Home Store Owner Code,Referred,Referring User Id,Referring User Referral Code,"
    "User Referral Code,Employee,Last modified date,User channel identifier,"
    "User channel version,Push notification platform,Signup Store Code,Influencer"
)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with running(rows=200) as client:
        yield client


@pytest.mark.parametrize("suffix", ["", ".csv"])
def test_streams_a_gzip_csv_under_the_documented_headers(client: Client, suffix: str) -> None:
    answer = client.post(f"/segments/export/users{suffix}", BODY, client.admin)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Disposition"] == "attachment;filename=spaaza-export.csv"
    assert answer.content.decode().partition("\n")[0] == DOCUMENTED_HEADER
    assert len(next(csv.reader([DOCUMENTED_HEADER]))) == 68
    assert len(read_rows(answer.content)) == 200


def test_the_bytes_on_the_wire_are_one_whole_gzip_member(client: Client) -> None:
    with requests.post(
        f"{client.sandbox.base_url}/segments/export/users",
        json=BODY,
        headers=client.admin,
        stream=True,
        timeout=30,
    ) as answer:
        packed = answer.raw.read(decode_content=False)
    unpacker = zlib.decompressobj(wbits=31)
    assert unpacker.decompress(packed).count(b"\n") > 200
    assert unpacker.eof
    assert unpacker.unused_data == b""


def test_the_users_are_those_of_the_index(client: Client) -> None:
    bulk = read_rows(client.post("/segments/export/users", BODY, client.admin).content)
    users = client.rows("users")
    assert [row["Spaaza User ID"] for row in bulk] == [row["id"] for row in users]
    assert [row["email (username)"] for row in bulk] == [row["username"] for row in users]
    assert all(row["ID"] != row["Spaaza User ID"] for row in bulk)


def test_a_shop_without_users_sends_its_header() -> None:
    with running(rows=0) as client:
        answer = client.post("/segments/export/users", BODY, client.admin)
        assert answer.content.decode() == DOCUMENTED_HEADER + "\n"


def test_a_token_is_not_enough(client: Client) -> None:
    answer = client.post("/segments/export/users", BODY, client.bearer)
    assert answer.status_code == 401
    assert answer.json()["error"]["name"] == "no_valid_session"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"entity": "users"}, "entity: must be one of people"),
        ({"join": "any"}, "join: must be one of all"),
        ({"rules": [{}]}, "rules: only an empty list"),
        ({"rules": None}, "rules: must be an array"),
        ({"chain_id": "1743"}, "chain_id: must be an integer"),
        ({"format": "csv"}, "format: unknown field"),
    ],
)
def test_any_other_body_is_refused(client: Client, change: dict[str, object], message: str) -> None:
    answer = client.post("/segments/export/users", {**BODY, **change}, client.admin)
    assert answer.status_code == 400
    assert answer.json()["error"]["description"].startswith(message)


def test_a_missing_field_is_refused(client: Client) -> None:
    for name in BODY:
        body = {key: value for key, value in BODY.items() if key != name}
        answer = client.post("/segments/export/users", body, client.admin)
        assert answer.json()["error"]["description"] == f"{name}: is required"


def test_another_chain_is_an_internal_error_as_at_the_vendor(client: Client) -> None:
    answer = client.post("/segments/export/users", {**BODY, "chain_id": 1783}, client.admin)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, 68)
