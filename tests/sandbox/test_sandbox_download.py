"""The file behind a link: who gets it, for how long, and in what parts."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
import requests

from tests.sandbox.sandbox_client import Client, Clock, OneTable, read_rows, running


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with running() as client:
        yield client


@pytest.mark.parametrize("state", ["READY", "INPROGRESS"])
def test_there_is_no_link_before_the_task_is_done(state: str) -> None:
    waits = {"queue_seconds": 60} if state == "READY" else {"run_seconds": 60}
    with running(None, None, **waits) as client:
        task = client.create()
        answer = client.get(f"/tasks/{task['id']}/download_url")
        assert answer.status_code == 400
        assert state in answer.json()["error"]["description"]


@pytest.mark.parametrize(
    ("index", "name"),
    [
        ("transactions", "Transaction"),
        ("users", "User"),
        ("vouchers", "Voucher"),
        ("wallet-ledger", "Wallet"),
        ("products", "Product"),
        ("product-variants", "Product_Variant"),
    ],
)
def test_the_link_names_the_file_as_the_vendor_does(client: Client, index: str, name: str) -> None:
    task = client.create(index)
    link = client.link(task)
    assert urlsplit(link).path.endswith(f"/{name}_Export-{task['id']}.csv")
    assert link.startswith(client.sandbox.base_url)
    answer = requests.get(link, timeout=30)
    assert answer.headers["Content-Type"] == "text/csv"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert answer.headers["ETag"]
    assert len(read_rows(answer.content)) == 50


def test_a_link_expires_and_another_can_be_asked_for() -> None:
    clock = Clock()
    with running(clock, link_seconds=3600) as client:
        task = client.create()
        link = client.link(task)
        clock.forward(seconds=3599)
        assert requests.get(link, timeout=30).status_code == 200
        clock.forward(seconds=1)
        expired = requests.get(link, timeout=30)
        assert expired.status_code == 403
        assert expired.headers["Content-Type"] == "application/xml"
        assert "<Message>Request has expired</Message>" in expired.text
        assert requests.get(client.link(task), timeout=30).status_code == 200


def test_a_link_that_was_changed_opens_nothing() -> None:
    with running() as client:
        first, second = client.create(), client.create("vouchers")
        link = client.link(first)
        changed = [
            link[:-1] + ("0" if link[-1] != "0" else "1"),
            link.replace("X-Amz-Expires=3600", "X-Amz-Expires=9999"),
            link.replace(f"User_Export-{first['id']}", f"Voucher_Export-{second['id']}"),
            link.partition("?")[0],
        ]
        for url in changed:
            answer = requests.get(url, timeout=30)
            assert answer.status_code == 403
            assert "SignatureDoesNotMatch" in answer.text


def test_the_storage_refuses_every_credential() -> None:
    with running() as client:
        link = client.link(client.create())
        session_key = {"X-Spaaza-Session-Key": client.admin["X-Spaaza-Session-Key"]}
        for headers in (client.bearer, client.admin, session_key):
            answer = requests.get(link, headers=headers, timeout=30)
            assert answer.status_code == 400
            assert "Only one auth mechanism allowed" in answer.text


def test_a_broken_download_resumes_where_it_stopped() -> None:
    with running() as client:
        link = client.link(client.create())
        whole = requests.get(link, timeout=30)
        rest = {"Range": "bytes=1000-", "If-Range": whole.headers["ETag"]}
        answer = requests.get(link, headers=rest, timeout=30)
        assert answer.status_code == 206
        assert answer.content == whole.content[1000:]
        assert answer.headers["Content-Range"].startswith("bytes 1000-")
        other = {"Range": "bytes=1000-", "If-Range": '"another"'}
        assert requests.get(link, headers=other, timeout=30).content == whole.content


def test_json_is_an_array_with_an_object_for_each_row() -> None:
    target = {"action": "export", "export_index": "products", "export_format": "json"}
    with running() as client:
        from_csv = client.rows("products")
        link = client.link(client.create(target=target))
        answer = requests.get(link, timeout=30)
        assert answer.headers["Content-Type"] == "application/json"
        rows = json.loads(answer.content, parse_float=str)
        as_text = [
            {
                name: "" if cell is None else str(cell).lower() if cell in (True, False) else cell
                for name, cell in row.items()
            }
            for row in rows
        ]
        assert [{k: str(v) for k, v in row.items()} for row in as_text] == from_csv


HARD_CELLS = [
    'a "quoted" word',
    "a, comma",
    "two\nlines",
    "two\r\nlines",
    "back\\slash",
    "\x01",
    "",
]


def test_hard_cells_come_back_as_they_went_in() -> None:
    shop = OneTable(pa.table({'na"me, or': HARD_CELLS, "plain": ["x"] * len(HARD_CELLS)}))
    with running(None, shop) as client:
        rows = client.rows("users")
        assert [row['na"me, or'] for row in rows] == HARD_CELLS
        target = {"action": "export", "export_index": "users", "export_format": "json"}
        link = client.link(client.create(target=target))
        cells = [row['na"me, or'] for row in requests.get(link, timeout=30).json()]
        assert cells == HARD_CELLS


def test_only_cells_that_need_them_have_quotes() -> None:
    shop = OneTable(pa.table({"a": ["plain", "with, comma", None], "b": [True, None, False]}))
    with running(None, shop) as client:
        assert client.export("users") == b'a,b\nplain,true\n"with, comma",\n,false\n'


def test_an_export_without_rows_has_its_header_and_an_empty_array() -> None:
    with running(rows=0) as client:
        assert client.export("vouchers").startswith(b"id,chain_id,")
        assert client.export("vouchers").count(b"\n") == 1
        target = {"action": "export", "export_index": "vouchers", "export_format": "json"}
        link = client.link(client.create(target=target))
        assert requests.get(link, timeout=30).json() == []
