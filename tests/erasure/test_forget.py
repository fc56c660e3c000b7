"""What `forget` removes, what it leaves, and what later loads make of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from spaaza_source.errors import SettingsError
from tests.erasure.bench import Shop
from tests.hints.loads import advises
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

USERS = (
    b"id,username,entity_code_code,referring_user_id,firstname\n"
    b"1,ann@example.com,0001,,Annabel\n"
    b"2,bob@example.com,0002,1,Bobby\n"
    b"3,cyd@example.com,0003,,Cydney\n"
)
BASKETS = (
    b"id,timestamp,user_id,entity_code_code,note\n"
    b"b1,2026-05-01T10:00:00Z,1,0001,first\n"
    b"b2,2026-05-02T10:00:00Z,2,0002,second\n"
    b"b3,2026-05-03T10:00:00Z,,0001,without an id\n"
    b"b4,2026-05-04T10:00:00Z,3,0001,of another with her card\n"
)


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(
        users=USERS, transactions=BASKETS, vouchers=b"id,user_id\n7,1\n8,2\n"
    ) as served:
        yield served


@pytest.fixture
def shop(vendor: FileVendor, tmp_path: Path) -> Shop:
    return Shop(vendor, tmp_path)


def baskets(shop: Shop) -> list[str]:
    return [row[0] for row in shop.query("SELECT id FROM transactions ORDER BY id")]


def test_rows_by_id_or_by_what_the_row_tells_go_and_those_of_others_stay(shop: Shop) -> None:
    shop.load("users", "transactions", "vouchers")
    receipt = shop.forget("1")
    assert receipt.removed == {"transactions": 2, "users": 1, "vouchers": 1}
    # b4 names somebody else, whatever card was used.
    assert baskets(shop) == ["b2", "b4"]
    assert receipt.emptied == {"users.referring_user_id": 1}
    for _ in range(3):
        shop.load("users", "transactions", "vouchers", start_date="2026-01-01")
        assert baskets(shop) == ["b2", "b4"]
        assert shop.query("SELECT id, referring_user_id FROM users ORDER BY id") == [
            ("2", None),
            ("3", None),
        ] or shop.query("SELECT id, referring_user_id FROM users ORDER BY id") == [
            (2, None),
            (3, None),
        ]
        assert len(shop.query("SELECT id FROM vouchers")) == 1
    assert shop.query("SELECT DISTINCT proven FROM export_jobs") == [(True,)]


def test_a_snapshot_window_and_an_adopted_job_bring_nobody_back(
    shop: Shop, vendor: FileVendor
) -> None:
    shop.load("users", "transactions", start_date="2026-05-01")
    shop.forget("1")
    shop.load("transactions", start_date="2026-05-01", end_date="2026-06-01")
    assert baskets(shop) == ["b2", "b4"]
    vendor.files["users"] = USERS + b"4,dan@example.com,0004,,Daniel\n"
    shop.load("users", max_age=86_400)
    shop.load("users", "transactions", accept_deletes=True)
    assert len(shop.query("SELECT id FROM users")) == 3
    assert baskets(shop) == ["b2", "b4"]


def test_a_value_that_another_has_too_is_not_followed(shop: Shop, vendor: FileVendor) -> None:
    vendor.files["users"] = USERS.replace(b"cyd@example.com,0003", b"cyd@example.com,0001")
    shop.load("users", "transactions")
    plan = shop.erasure("1").plan()
    assert plan.shared == {"member code": 1}
    shop.forget("1")
    assert baskets(shop) == ["b2", "b3", "b4"]
    assert len(shop.query("SELECT id FROM users")) == 2


def test_a_person_whom_no_row_has_is_kept_out_when_she_comes(
    shop: Shop, vendor: FileVendor
) -> None:
    shop.load("users", "transactions")
    assert shop.erasure("9").plan().found == 0
    assert shop.forget("9").removed == {}
    vendor.files["users"] = USERS + b"9,zoe@example.com,0009,,Zoe\n"
    shop.load("users")
    assert len(shop.query("SELECT id FROM users")) == 3
    (notices,) = shop.query(
        "SELECT notices FROM export_jobs WHERE table_name = 'users' AND rows = 4"
    )
    assert json.loads(notices[0])[0]["kind"] == "forgotten"


def test_bad_rows_with_her_id_go_and_later_ones_are_not_kept(
    shop: Shop, vendor: FileVendor
) -> None:
    vendor.files["users"] = USERS + b"1,ann@example.com\n2,bob@example.com\n"
    shop.load("users", max_rejected_rows=9, max_rejected_share=1)
    assert len(shop.query("SELECT raw FROM rejected_rows")) == 2
    assert shop.forget("1").rejected == 1
    ((raw,),) = shop.query("SELECT raw FROM rejected_rows")
    assert b"bob" in bytes(raw)
    vendor.files["users"] = USERS + b"1,again@example.com\n2,bob@example.com\n"
    shop.load("users", max_rejected_rows=9, max_rejected_share=1)
    assert all(b"again" not in bytes(raw) for (raw,) in shop.query("SELECT raw FROM rejected_rows"))
    assert shop.query("SELECT rejected FROM export_jobs ORDER BY loaded_at") == [(2,), (1,)]
    assert shop.forget("3", all_rejected=True).rejected == 2
    assert shop.query("SELECT count(*) FROM rejected_rows") == [(0,)]


def test_json_records_their_child_tables_and_elements_of_others_lists(
    vendor: FileVendor, tmp_path: Path
) -> None:
    records: list[Any] = [
        {"id": 1, "user": {"id": 1}, "assignments": [{"user_id": 1, "way": [{"step": "a"}]}]},
        {
            "id": 2,
            "user": {"id": 2},
            "creating_user": {"id": 1, "name": "n"},
            "assignments": [{"user_id": 1, "way": [{"step": "b"}]}, {"user_id": 2, "way": []}],
        },
    ]
    vendor.files["vouchers"] = json.dumps(records).encode()
    shop = Shop(vendor, tmp_path, export_format="json")
    kept = tmp_path / "kept"

    def left() -> list[Any]:
        own = shop.query("SELECT id, creating_user__id FROM vouchers")
        elements = shop.query("SELECT user_id FROM vouchers__assignments")
        steps = shop.query("SELECT count(*) FROM vouchers__assignments__way")
        return [*own, *elements, *steps]

    shop.load("vouchers", keep_files=str(kept))
    receipt = shop.forget("1", kept_files=[kept])
    assert receipt.removed == {
        "vouchers": 1,
        "vouchers__assignments": 2,
        "vouchers__assignments__way": 2,
    }
    assert receipt.files == 1
    expected = [("2", None), ("2",), (0,)] if left()[1] == ("2",) else [(2, None), (2,), (0,)]
    assert left() == expected
    shop.load("vouchers")
    assert left() == expected
    (load,) = kept.iterdir()
    assert b'"step": "b"' not in b"".join(file.read_bytes() for file in load.rglob("*.json"))
    shop.load("vouchers", from_files=str(load))
    assert left() == expected


def test_every_version_of_a_history_goes(shop: Shop, vendor: FileVendor) -> None:
    hints = {
        "write_disposition": {"disposition": "merge", "strategy": "scd2"},
        "primary_key": ["id"],
    }
    shop.load("users", hints=hints)
    vendor.files["users"] = USERS.replace(b"Annabel", b"Anna").replace(b"Bobby", b"Bob")
    shop.load("users", hints=hints)
    assert len(shop.query("SELECT id FROM users")) == 5
    assert shop.forget("1").removed == {"users": 2}
    shop.load("users", hints=hints)
    names = {name for (name,) in shop.query("SELECT firstname FROM users")}
    assert names == {"Bobby", "Bob", "Cydney"}


def test_hashed_columns_are_found_and_another_secret_is_refused(
    vendor: FileVendor, tmp_path: Path
) -> None:
    secret = "a secret of the tests"
    shop = Shop(vendor, tmp_path, privacy="pseudonymise", privacy_secret=secret)
    vendor.files["transactions"] = BASKETS.replace(b",note", b",chain_id")
    shop.load("users", "transactions")
    receipt = shop.forget("1")
    assert receipt.removed == {"transactions": 2, "users": 1}
    vendor.files["users"] = USERS.replace(b"Cydney", b"Cyd")
    shop.load("users", "transactions", start_date="2026-01-01")
    assert len(shop.query("SELECT id FROM users")) == 2
    assert baskets(shop) == ["b2", "b4"]
    with advises("tombstones/store.py", "Set privacy_secret back"):
        other: dict[str, Any] = {
            "refresh": "drop_resources",
            "privacy_secret": "quite another secret",
        }
        shop.load("users", "transactions", **other)
    shop.load("users")
    shop.query("DELETE FROM forgotten")
    shop.load("users", "transactions", **other)
    shop.usual["privacy_secret"] = other["privacy_secret"]
    assert shop.forget("1").removed == {"transactions": 2, "users": 1}
    shop.load("users", "transactions")
    assert len(shop.query("SELECT id FROM users")) == 2


def test_links_are_added_and_left_out(shop: Shop, vendor: FileVendor) -> None:
    vendor.files["vouchers"] = b"id,made_by,user_id\n7,1,2\n8,2,1\n"
    shop.load("users", "transactions", "vouchers")
    wanted = {"link": ["vouchers.made_by"], "without": ["vouchers.user_id", "transactions.user_id"]}
    receipt = shop.forget("1", **wanted)
    assert receipt.removed == {"transactions": 1, "users": 1, "vouchers": 1}
    assert baskets(shop) == ["b1", "b2", "b4"]
    shop.load("vouchers", "transactions", start_date="2026-01-01")
    assert shop.query("SELECT made_by FROM vouchers") in ([(2,)], [("2",)])
    assert baskets(shop) == ["b1", "b2", "b4"]
    with advises("erasure/links.py", "Name it as TABLE.COLUMN"):
        shop.forget("2", link=["vouchers.no_such"])


def test_a_load_that_is_not_finished_is_refused(shop: Shop) -> None:
    shop.load("users")
    shop.pipeline.extract(shop.source("users"))
    with advises("erasure/packages.py", "Finish it"):
        shop.forget("1")
    shop.pipeline.run()
    assert shop.forget("1").removed == {"users": 1}


def test_a_file_that_is_rewritten_keeps_all_that_it_has(shop: Shop, tmp_path: Path) -> None:
    shop.load("users", "transactions")
    database = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("USE loyalty")
        connection.execute("CREATE TABLE own (n INTEGER PRIMARY KEY, e DECIMAL(9,2) CHECK (e > 0))")
        connection.execute("INSERT INTO own VALUES (1, 2.5)")
        connection.execute("CREATE INDEX by_id ON users (id)")
        connection.execute("CREATE VIEW ids AS SELECT id FROM loyalty.users")
        connection.execute("CREATE MACRO twice(x) AS 2 * x")
        connection.execute("COMMENT ON COLUMN own.n IS 'a number'")
        connection.execute("CREATE TYPE mood AS ENUM ('glad', 'sad')")
    database.chmod(0o640)
    receipt = shop.forget("1")
    assert receipt.failed == []
    assert database.stat().st_mode & 0o777 == 0o640
    with duckdb.connect(str(database)) as connection:
        connection.execute("USE loyalty")
        assert connection.execute("SELECT twice(e) FROM own").fetchall()
        assert len(connection.execute("FROM ids").fetchall()) == 2
        with pytest.raises(duckdb.ConstraintException):
            connection.execute("INSERT INTO own VALUES (1, 1)")
        comments = connection.execute(
            "SELECT comment FROM duckdb_columns() WHERE comment IS NOT NULL"
        )
        assert comments.fetchall() == [("a number",)]
        connection.execute("SELECT 'glad'::mood")
    assert not list(tmp_path.glob(".*"))


def test_nothing_is_erased_where_nothing_was_loaded(shop: Shop) -> None:
    with pytest.raises(SettingsError, match="nothing has been loaded there yet"):
        shop.erasure("1").plan()


def test_without_tombstones_the_tables_are_not_made(shop: Shop) -> None:
    shop.load("users")
    with pytest.raises(dlt.destinations.exceptions.DatabaseUndefinedRelation):
        shop.query("SELECT * FROM forgotten")
