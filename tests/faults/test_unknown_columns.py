"""Fault 45: a column that no policy knows and that looks personal; and what a policy tells."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from dlt.common import logger

from spaaza_source import spaaza_bulk_users, spaaza_source, voucherify_source
from tests.vendors.server import Answer, ScriptedServer, in_turn
from tests.vendors.spaaza_files import FileVendor
from tests.vendors.voucherify_files import KEYS, VoucherifyVendor
from tests.vendors.voucherify_files import load as load_voucherify
from tests.warehouses import column_types, pipeline_into, query

pytestmark = [pytest.mark.slow, pytest.mark.wing("tabular", "loading", "spaaza", "voucherify")]

SECRET = "a-secret-of-sixteen-or-more"
SPAAZA_TOKENS = {"access_token_id": "a", "access_token_secret": "b"}
QUICK: dict[str, Any] = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0}
CSV = (
    b"id,email,E-mail,surname,field 7,score,store_name\n"
    b"1,canary@x.nl,canary@x.nl,Canary,+31612345678,5,Jan\n"
    b"2,b@x.nl,b@x.nl,Canary,+31687654321,6,Jan\n"
)
CHOSEN = {"e_mail": "hash", "surname": "drop", "field_7": "keep"}


def load(folder: Path, file: bytes, table: str = "users", **given: Any) -> None:
    with FileVendor(**{table: file}) as vendor:
        source = spaaza_source(vendor.base_url, 1743, SPAAZA_TOKENS, **{**QUICK, **given})
        pipeline_into(folder).run(source.with_resources(table))


def refusal(raised: pytest.ExceptionInfo[BaseException], *columns: str) -> str:
    """The message, which names these columns and no cell."""
    text = str(raised.value)
    assert "look personal" in text
    for column in columns:
        assert f"'{column}'" in text
    assert "anary" not in text
    assert "+316" not in text
    return text


def example_in(text: str) -> Any:
    """The setting that a message proposes."""
    return json.JSONDecoder().raw_decode(text.split("privacy = ")[1])[0]


def test_columns_that_look_personal_stop_the_load_and_all_are_named(tmp_path: Path) -> None:
    given: dict[str, Any] = {"privacy": "pseudonymise", "privacy_secret": SECRET}
    with pytest.raises(Exception, match="look personal") as raised:
        load(tmp_path, CSV, **given)
    text = refusal(raised, "e_mail", "surname", "field_7")
    for harmless in ("'score'", "'store_name'", "'email'"):
        assert harmless not in text
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [content for content in written if b"anary" in content]
    # The setting that it proposes is whole and works, and so does each of the three words.
    example = example_in(text)
    assert example["vouchers"] == {"preset": "pseudonymise"}
    load(tmp_path / "copied", CSV, **{**given, "privacy": example})
    example["users"] |= CHOSEN
    load(tmp_path, CSV, **{**given, "privacy": example})
    assert query(tmp_path, "SELECT count(DISTINCT e_mail), min(field_7) FROM users") == [
        (2, "+31612345678")
    ]
    assert "surname" not in column_types(tmp_path, "users")


@pytest.mark.thorough
def test_nested_columns_that_look_personal_stop_the_load(tmp_path: Path) -> None:
    basket = {
        "id": 1,
        "timestamp": "2026-05-01T10:00:00Z",
        "giftee": {"voornaam": "Canary", "size": "L"},
        "line_items": [{"sku": "00123", "text 2": "to canary@x.nl", "parts": [{"dob": None}]}],
    }
    file = json.dumps([basket]).encode()
    given: dict[str, Any] = {"privacy_secret": SECRET, "export_format": "json"}
    with pytest.raises(Exception, match="look personal") as raised:
        load(tmp_path, file, "transactions", privacy="pseudonymise", **given)
    names = ("giftee__voornaam", "line_items__text_2", "line_items__parts__dob")
    refusal(raised, *names)
    kept = {"preset": "pseudonymise", "giftee": "keep", "line_items": "keep"}
    load(tmp_path, file, "transactions", privacy={"transactions": kept}, **given)
    assert query(tmp_path, "SELECT giftee__voornaam FROM transactions") == [("Canary",)]


@pytest.mark.thorough
def test_a_column_of_voucherify_that_looks_personal_stops_the_load(tmp_path: Path) -> None:
    file = "id,name,metadata.surname,metadata.x\nc1,Canary,Canary,canary@x.nl\n"
    fields = {"customers": ["id", "name", "metadata.surname", "metadata.x"]}
    given: dict[str, Any] = {"fields": fields, "privacy_secret": SECRET}
    with VoucherifyVendor(customer=file) as vendor:
        with pytest.raises(Exception, match="look personal") as raised:
            load_voucherify(vendor, tmp_path, "customers", privacy="pseudonymise", **given)
        text = refusal(raised, "metadata_surname", "metadata_x")
        load_voucherify(vendor, tmp_path, "customers", privacy=example_in(text), **given)
    assert {"metadata_surname", "metadata_x", "name"}.isdisjoint(
        column_types(tmp_path, "customers")
    )


@pytest.mark.thorough
def test_bulk_users_with_a_column_that_looks_personal_stop(tmp_path: Path) -> None:
    answer = Answer(200, gzip.compress(b"ID,Spaaza User ID,Surname\n1,7,Canary\n"))
    session = {"session_user_id": "1", "session_key": "key"}
    with ScriptedServer(in_turn(answer)) as server:
        source = spaaza_bulk_users(
            server.base_url, 1743, session, privacy="pseudonymise", privacy_secret=SECRET
        )
        with pytest.raises(Exception, match="look personal") as raised:
            pipeline_into(tmp_path).run(source)
    refusal(raised, "surname")


def test_personal_columns_are_annotated_once(tmp_path: Path) -> None:
    for _ in range(2):
        load(tmp_path, b"id,email,score\n1,a@x.nl,5\n2,b@x.nl,6\n")
    pipeline = pipeline_into(tmp_path)
    pipeline.sync_destination()
    columns: Any = pipeline.default_schema.tables["users"]["columns"]
    marked = {name for name, column in columns.items() if column.get("x-annotation-pii")}
    assert marked == {"id", "email"}
    versions = query(tmp_path, "SELECT count(*) FROM _dlt_version")
    load(tmp_path, b"id,email,score\n1,a@x.nl,5\n2,b@x.nl,6\n")
    assert query(tmp_path, "SELECT count(*) FROM _dlt_version") == versions


def test_a_secret_that_hashes_nothing_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logger, "LOGGER", logging.getLogger("dlt-in-a-test"))
    session = {"session_user_id": "1", "session_key": "key"}
    given: dict[str, Any] = {"privacy_secret": SECRET}
    spaaza_source("http://127.0.0.1:1", 1743, SPAAZA_TOKENS, **given)
    voucherify_source("http://127.0.0.1:1", KEYS, **given)
    spaaza_bulk_users("http://127.0.0.1:1", 1743, session, **given)
    told = [record.getMessage() for record in caplog.records]
    assert [text[:21] for text in told] == ["privacy_secret is set"] * 3
    spaaza_source("http://127.0.0.1:1", 1743, SPAAZA_TOKENS, privacy="pseudonymise", **given)
    assert len(caplog.records) == 3
