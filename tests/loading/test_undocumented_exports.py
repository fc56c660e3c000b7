"""What no document tells of Spaaza's rows and filters: whichever way it is, the table is right."""

from __future__ import annotations

import gzip
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import export_file, spaaza_bulk_users, spaaza_source
from spaaza_source.errors import FileError, SettingsError
from spaaza_source.windows import parse_instant
from tests.faults.hosts import ours
from tests.vendors.server import Answer, ScriptedServer, Seen
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import column_types, pipeline_into, query

pytestmark = pytest.mark.slow

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
SESSION = {"session_user_id": "1", "session_key": "k"}
QUICK: dict[str, Any] = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0}
MAY = {"start_date": "2026-05-01", "end_date": "2026-06-01"}

BASKETS = 'id,timestamp,total,items\n1,{at},3.50,"[{{""sku"":""0017""}}]"\n2,{at},1,"[]"\n'
ITEMS = (
    "id,timestamp,total,sku,quantity\n"
    "1,{at},3.50,0017,1.055\n1,{at},3.50,0018,1\n1,{at},3.50,0018,1\n2,{at},1,0017,2\n"
)
WITHOUT_ID = "timestamp,amount,kind\n{at},5,manual\n{at},5,manual\n{at},-2,manual\n"
WITH_ID = "id,timestamp,amount\n1,{at},5\n2,{at},5\n3,{at},-2\n"


def load(vendor: FileVendor, folder: Path, table: str = "transactions", **given: Any) -> None:
    settings: dict[str, Any] = {**QUICK, **given}
    source = spaaza_source(vendor.base_url, vendor.chain, TOKEN, **settings)
    pipeline_into(folder).run(source.with_resources(table))


def count(folder: Path, table: str) -> int:
    ((rows,),) = query(folder, f"SELECT count(*) FROM {table}")
    return int(rows)


@pytest.mark.parametrize(
    ("table", "file", "rows"),
    [
        pytest.param("transactions", BASKETS, 2, id="a row per basket"),
        pytest.param("transactions", ITEMS, 4, id="a row per item", marks=pytest.mark.thorough),
        pytest.param("wallet_ledger", WITHOUT_ID, 3, id="entries without an id"),
        pytest.param("wallet_ledger", WITH_ID, 3, id="with one", marks=pytest.mark.thorough),
    ],
)
def test_rows_of_any_grain_are_there_once_each(
    tmp_path: Path, table: str, file: str, rows: int
) -> None:
    """Those that are the same in every cell too: an item may be in a basket twice."""
    text = file.format(at="2026-05-04T10:00:00Z").encode()
    with FileVendor(**{table: text}) as vendor:
        for _ in range(2):
            load(vendor, tmp_path, table, **MAY)
            assert count(tmp_path, table) == rows
        vendor.files[table.replace("_", "-")] = (
            text + text.splitlines()[-1].replace(b"-04T", b"-05T") + b"\n"
        )
        load(vendor, tmp_path, table, **MAY)
    assert count(tmp_path, table) == rows + 1
    if file is BASKETS:
        assert column_types(tmp_path, table)["items"] == "VARCHAR"
        found = query(tmp_path, "SELECT items FROM transactions WHERE id = '1'")
        assert found == [('[{"sku":"0017"}]',)]


class FilteringVendor(FileVendor):
    """One that exports the rows that a filter lets through, with the bounds in it or not."""

    def __init__(self, rows: dict[str, str], *, inclusive: bool) -> None:
        super().__init__()
        self.rows, self.inclusive = rows, inclusive

    def file(self, number: int) -> bytes:
        segment = self.tasks[number - 1]["trigger"].get("segment", {})
        rules = segment.get("rules", [])
        rows = [
            f"{at},{cells}"
            for at, cells in self.rows.items()
            if all(self._passes(parse_instant(at, ""), rule) for rule in rules)
        ]
        return "\n".join(["timestamp,id,user", *rows, ""]).encode()

    def _passes(self, at: datetime, rule: dict[str, Any]) -> bool:
        within = True
        if "start_date" in rule:
            start = parse_instant(rule["start_date"], "")
            within = start < at or (self.inclusive and at == start)
        end = parse_instant(rule["end_date"], "")
        return within and (at < end or (self.inclusive and at == end))


@pytest.mark.parametrize("inclusive", [pytest.param(True, marks=pytest.mark.thorough), False])
@pytest.mark.parametrize(
    "bound", ["2026-05-01", pytest.param("2026-06-01", marks=pytest.mark.thorough)]
)
def test_bounds_may_belong_to_a_window_or_not(tmp_path: Path, bound: str, inclusive: bool) -> None:
    at = parse_instant(bound, "")
    steps = (-1.000001, -1, -0.5, -0.000001, 0, 0.000001, 0.5, 1, 1.000001)
    rows = {
        (at + timedelta(seconds=step)).isoformat(): f"{number},"
        for number, step in enumerate(steps)
    }
    with FilteringVendor(rows, inclusive=inclusive) as vendor:
        load(vendor, tmp_path, start_date="2026-04-01", end_date="2026-07-01")
        assert len(vendor.tasks) == 3
        found = "SELECT count(*), count(DISTINCT id) FROM transactions"
        assert query(tmp_path, found) == [(9, 9)]
        load(vendor, tmp_path, start_date="2026-05-01", end_date="2026-06-01")
        assert query(tmp_path, found) == [(9, 9)]


def test_a_basket_that_is_claimed_later_is_seen_within_the_lookback(tmp_path: Path) -> None:
    now = datetime.now(tz=parse_instant("2026-01-01", "").tzinfo)
    old, young = ((now - timedelta(days=days)).isoformat() for days in (40, 0.5))
    with FilteringVendor({old: "1,", young: "2,"}, inclusive=True) as vendor:
        load(vendor, tmp_path)
        vendor.rows = {old: "1,Ann", young: "2,Ann"}
        load(vendor, tmp_path)
        users = 'SELECT "user" FROM transactions ORDER BY id'
        assert query(tmp_path, users) == [(None,), ("Ann",)]
        # No filter by a change is documented; the range of the old one brings it.
        start, end = ((now - timedelta(days=days)).isoformat() for days in (41, 39))
        load(vendor, tmp_path, start_date=start, end_date=end)
        assert query(tmp_path, users) == [("Ann",), ("Ann",)]


def test_files_of_another_charset_and_dialect_are_loaded_once_it_is_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    body = {
        "chain": FileVendor.chain,
        "desc": "users",
        "target": {"action": "export", "export_index": "users", "export_format": "csv"},
        "trigger": {},
    }
    with FileVendor(users="id;name\n1;Zoë\n2;Ann\n".encode("cp1252")) as vendor:
        with pytest.raises(Exception, match=r".") as refused:
            load(vendor, tmp_path, "users")
        assert isinstance(ours(refused.value), FileError)
        file = export_file(
            body, base_url=vendor.base_url, credentials=TOKEN, folder="files", poll_interval=0.01
        )
    dialect = {"delimiter": ";", "encoding": "cp1252"}
    source = spaaza_source(chain_id=1743, files={"users": str(file.path)}, dialect=dialect)
    pipeline_into(tmp_path).run(source)
    assert query(tmp_path, "SELECT id, name FROM users ORDER BY id") == [("1", "Zoë"), ("2", "Ann")]


COUNTRY = {"field_name": "country", "field_type": "geo", "operator": "nobody_knows_this_one"}


@pytest.mark.parametrize(
    ("given", "is_sent"),
    [
        ({"value": [1, {"a": None}], "nested": "yes"}, True),
        ({"boost": 2}, True),
        ({"time_factor": "fortnight", "time_amount": 3}, True),
        ({"valeu": "NL"}, False),
        ({"time_factor": "days", "time_amount": 3}, False),
    ],
    ids=["another operator", "another key", "another unit", "misspelled", "a misspelled unit"],
)
def test_rules_that_no_document_mentions(
    tmp_path: Path, given: dict[str, Any], is_sent: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """What is unlike all that is documented is sent, and told; what is almost one is refused."""
    rule = {**COUNTRY, **given}
    with FileVendor(users=b"id\n1\n") as vendor:
        if is_sent:
            load(vendor, tmp_path, "users", segments={"users": [rule]})
            assert vendor.tasks[0]["trigger"]["segment"]["rules"] == [rule]
            assert ("is in no document of the vendor" in caplog.text) == ("nested" not in given)
        else:
            with pytest.raises(SettingsError, match="is not among"):
                load(vendor, tmp_path, "users", segments={"users": [rule]})
            assert vendor.seen == []


def test_whatever_no_document_mentions_can_be_sent_without_a_load(tmp_path: Path) -> None:
    rule = {**COUNTRY, "values": ["NL"], "time_factor": "fortnight", "time_amount": 3}
    segment = {"entity": "people", "index": "users", "chain_id": 1743, "rules": [rule], "x": 1}
    target = {"action": "export", "export_index": "users", "columns": ["id"]}
    for trigger in ({"segment": segment}, {"user_list": [7, 8]}):
        body = {"chain": 1743, "desc": "users", "target": target, "trigger": trigger, "debug": "y"}
        with FileVendor(users=b"id\n1\n") as vendor:
            account: dict[str, Any] = {"base_url": vendor.base_url, "credentials": TOKEN}
            assert export_file(body, folder=tmp_path, **account).path.read_bytes() == b"id\n1\n"
        once = vendor.tasks[0]["trigger"].pop("once")
        assert vendor.tasks == [body]
        assert once


BULK = b"%s,First name\n7,Ann\n8,Bob\n"


@pytest.mark.parametrize("key", [b"ID", b"Spaaza User ID"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.thorough
def test_bulk_users_by_either_key_packed_or_not(tmp_path: Path, packed: bool, key: bytes) -> None:
    file = BULK % key
    answer = Answer(200, file)
    if packed:
        answer = Answer(200, gzip.compress(file), {"Content-Encoding": "gzip"})
    with ScriptedServer(lambda _seen: answer) as server:
        for _ in range(2):
            pipeline_into(tmp_path).run(spaaza_bulk_users(server.base_url, 1743, SESSION))
    assert count(tmp_path, "bulk_users") == 2
    assert query(tmp_path, "SELECT DISTINCT proven FROM export_jobs") == [(True,)]


@pytest.mark.parametrize(
    "status", [405, *(pytest.param(one, marks=pytest.mark.thorough) for one in (400, 403))]
)
def test_an_unknown_path_may_be_answered_in_other_ways(tmp_path: Path, status: int) -> None:
    """The other form of the path is tried after a 404 alone; it can be set."""
    path = "/segments/export/users.csv"

    def answer(seen: Seen) -> Answer:
        if seen.path == path:
            return Answer(200, BULK % b"ID")
        return Answer.json({"message": "no such route"}, status)

    with ScriptedServer(answer) as server:
        with pytest.raises(Exception, match=r".") as refused:
            pipeline_into(tmp_path).run(spaaza_bulk_users(server.base_url, 1743, SESSION))
        assert "no such route" in str(ours(refused.value))
        assert len(server.seen) == 1
        source = spaaza_bulk_users(server.base_url, 1743, SESSION, bulk_users_path=path)
        pipeline_into(tmp_path).run(source)
    assert count(tmp_path, "bulk_users") == 2


def test_a_single_record_a_line_is_loaded_once_its_columns_are_known(tmp_path: Path) -> None:
    """A first file of one line may be an error as well: it is refused."""
    with FileVendor(products=b'{"id": 1, "name": "a"}\n') as vendor:
        with pytest.raises(Exception, match="an error, or a single record"):
            load(vendor, tmp_path, "products", export_format="json")
        vendor.files["products"] += b'{"id": 2, "name": "b"}\n'
        load(vendor, tmp_path, "products", export_format="json")
        assert count(tmp_path, "products") == 2
        vendor.files["products"] = b'{"id": 3, "name": "c"}\n'
        load(vendor, tmp_path, "products", export_format="json", accept_deletes=True)
    assert query(tmp_path, "SELECT id FROM products") == [("3",)]


@pytest.mark.parametrize(
    "file", [b"null\n", pytest.param(b'{"products":null}', marks=pytest.mark.thorough)]
)
def test_null_in_the_place_of_a_list_stops(tmp_path: Path, file: bytes) -> None:
    """As some servers write a list that has nothing in it."""
    with FileVendor(products=b'[{"id": 1}]') as vendor:
        load(vendor, tmp_path, "products", export_format="json")
        vendor.files["products"] = file
        with pytest.raises(Exception, match=r".") as refused:
            load(vendor, tmp_path, "products", export_format="json", accept_deletes=True)
        assert isinstance(ours(refused.value), FileError)
    assert count(tmp_path, "products") == 1


@pytest.mark.parametrize("table", ["transactions", "users"])
def test_a_file_without_a_header_stops(tmp_path: Path, table: str) -> None:
    file = b"1,2026-05-03T10:00:00Z,Ann\n2,2026-05-04T10:00:00Z,Bob\n"
    told = "as if the header row were missing"
    with FileVendor(**{table: file}) as vendor, pytest.raises(Exception, match=told) as refused:
        load(vendor, tmp_path, table)
    assert isinstance(ours(refused.value), FileError)


def test_a_file_that_may_have_no_header_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Words alone do not show whether they are names or values."""
    with FileVendor(products=b"Shoe,red\nHat,blue\n") as vendor:
        load(vendor, tmp_path, "products")
    assert "the file has no header row" in caplog.text
    assert "Shoe" not in caplog.text
    caplog.clear()
    with FileVendor(products=b"id,colour\n1,blue\n") as vendor:
        load(vendor, tmp_path / "other", "products")
    assert "header row" not in caplog.text
