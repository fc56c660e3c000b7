"""Fault 20: HTTP 200 with an error in the place of the file stops at the header check.

Nothing of such a page is shown: it may quote the signed link, or the key that signed it.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from spaaza_source.errors import FileError, HeaderError
from spaaza_source.tabular import open_csv
from tests.faults.hosts import QUICK, TOKEN, BadHost, ours
from tests.vendors.server import Answer
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.wing("tabular", "loading")

ROWS = b"id,name,city\n1,a,x\n2,b,y\n"
DENIED = (
    b"<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>canary</AWSAccessKeyId>"
    b"<StringToSign>GET /file?X-Amz-Signature=canary</StringToSign></Error>"
)
MARKUP = [
    DENIED,
    b'<?xml version="1.0" encoding="UTF-8"?>\n' + DENIED,
    b"\xef\xbb\xbf" + DENIED,
    b"\n\n  " + DENIED,
    b"<!DOCTYPE html>\n<html>\n<body>canary, canary</body>\n</html>\n",
    b" <html><body>canary</body></html>",
    gzip.compress(DENIED),
]
JSON = [
    b'{"error": {"code": 68, "name": "canary"}}',
    b'{"message":"canary"}',
    b'\r\n {"errors": ["X-Amz-Signature=canary"]}',
    b'["canary"]',
    b'[\n  {"message": "canary"}\n]',
    b"[]",
    b"{}",
    b"null\n",
    b"false",
]
#: For all that the text itself can tell, tables of one column or two, without a row.
WORDS = [
    b"Access Denied",
    b'"canary"',
    b"AccessDenied: Request has expired, X-Amz-Signature=canary",
    b"upstream connect error\nreset reason: canary\n",
]


class Shop:
    """A warehouse that holds users, and a vendor whose next file of users is an error."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vendor = BadHost("users", None, users=ROWS)

    def load(self, body: bytes, **given: Any) -> None:
        self.vendor.host = lambda _seen, _whole: Answer(200, body, {"Content-Type": "text/csv"})
        source = spaaza_source(self.vendor.base_url, 1743, TOKEN, **QUICK, max_age=0, **given)
        pipeline_into(self.folder).run(source.with_resources("users"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    with shop.vendor:
        shop.load(ROWS)
        yield shop


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        MARKUP[0],
        *(pytest.param(body, marks=pytest.mark.thorough) for body in (MARKUP[-1], *WORDS[2::2])),
        JSON[0],
        WORDS[0],
    ],
)
def test_an_error_in_the_place_of_a_table_changes_nothing(shop: Shop, body: bytes) -> None:
    with pytest.raises(Exception, match="users, job") as stopped:
        shop.load(body)
    error = ours(stopped.value)
    assert isinstance(error, FileError)
    assert "canary" not in str(stopped.value) + str(error)
    assert query(shop.folder, "SELECT id, name, city FROM users") == [
        ("1", "a", "x"),
        ("2", "b", "y"),
    ]
    assert list((shop.folder / "pipelines" / "spaaza" / "exports").iterdir()) == []


@pytest.mark.parametrize("body", [*MARKUP[:-1], *JSON])
def test_no_table_begins_with_an_error(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "f").write_bytes(body)
    with pytest.raises(FileError) as stopped:
        open_csv(tmp_path / "f")
    assert "canary" not in str(stopped.value)


@pytest.fixture(scope="module")
def json_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("json"))
    with shop.vendor:
        shop.load(b'[{"id": 1, "name": "a"}]', export_format="json")
        yield shop


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        MARKUP[4],
        *(pytest.param(body, marks=pytest.mark.thorough) for body in (JSON[0], WORDS[0])),
        JSON[1],
    ],
)
def test_an_error_in_the_place_of_json_changes_nothing(json_shop: Shop, body: bytes) -> None:
    with pytest.raises(Exception, match="users, job ") as stopped:
        json_shop.load(body, export_format="json")
    assert isinstance(ours(stopped.value), FileError)
    assert "canary" not in str(stopped.value)
    assert query(json_shop.folder, "SELECT id, name FROM users") == [("1", "a")]


@pytest.mark.slow
def test_json_records_without_a_known_key_are_no_rows_of_the_table(json_shop: Shop) -> None:
    with pytest.raises(Exception, match="none of the 2 columns") as stopped:
        json_shop.load(b'[{"code": 403, "message": "canary"}]', export_format="json")
    assert isinstance(ours(stopped.value), HeaderError)


@pytest.mark.slow
def test_one_column_that_stayed_is_enough(shop: Shop) -> None:
    shop.load(b"ID,shoe size\n1,44\n2,45\n")
    assert query(shop.folder, "SELECT id, shoe_size FROM users") == [("1", 44), ("2", 45)]
