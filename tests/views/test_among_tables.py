"""The view of what is there now is taken for no table: by `forget`, notebooks and the model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from loaded_data import open_database

from spaaza_source.model import make_views, open_dataset, plan_views
from tests.erasure.bench import Shop
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

FILE = "id,username,city\n1,ann@example.com,Rome\n2,bob@example.com,Bonn\n3,cyd@example.com,Bern\n"
SOFT: dict[str, Any] = {"deletes": "soft", "accept_deletes": True}
COMMENT = "SELECT comment FROM duckdb_views() WHERE view_name = 'users_now'"


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=FILE.encode()) as served:
        yield served


@pytest.fixture
def shop(vendor: FileVendor, tmp_path: Path) -> Shop:
    loaded = Shop(vendor, tmp_path, **SOFT)
    loaded.load("users")
    return loaded


def test_who_is_forgotten_is_counted_once_and_is_in_no_view(shop: Shop, vendor: FileVendor) -> None:
    assert shop.query("SELECT count(*) FROM users_now") == [(3,)]
    # The file is written anew, too.
    assert shop.forget("1").removed == {"users": 1}
    assert shop.query("SELECT id FROM users_now ORDER BY 1") == [("2",), ("3",)]
    # The view is still known to be ours.
    vendor.files["users"] = b"id,username,city,zip\n2,bob@example.com,Bonn,7\n3,c,Bern,8\n"
    shop.load("users")
    assert shop.query("SELECT id FROM users_now WHERE zip IS NOT NULL ORDER BY 1") == [
        ("2",),
        ("3",),
    ]
    assert len(shop.query(COMMENT)) == 1


def test_notebooks_list_the_table_alone(shop: Shop, tmp_path: Path) -> None:
    shop.query("CREATE VIEW loyalty.own AS SELECT id FROM loyalty.users")
    database = open_database(str(tmp_path / "warehouse.duckdb"))
    listed = database.tables("loyalty")
    assert "users_now" not in listed
    assert {"users", "own"} <= set(listed)


def test_the_model_is_made_of_the_table(shop: Shop) -> None:
    with open_dataset(shop.pipeline) as dataset:
        views = plan_views(dataset, "spaaza")
        make_views(dataset, views)
    assert [view.table for view in views if view.name == "members"] == ["users"]
    assert shop.query("SELECT count(*) FROM loyalty_model.members") == [(3,)]


def test_only_soft_deletes_make_it_and_it_stays_with_their_column(
    vendor: FileVendor, tmp_path: Path
) -> None:
    plain = Shop(vendor, tmp_path)
    plain.load("users")
    assert plain.query(COMMENT) == []
    vendor.files["users"] = FILE.replace("Rome", "Oslo").encode()
    plain.load("users", deletes="soft")
    assert len(plain.query(COMMENT)) == 1
    plain.load("users", deletes="remove")
    assert plain.query("SELECT count(*) FROM users_now") == [(3,)]


class OtherDatabase(dlt.destinations.duckdb):
    """A database that dlt has another name for: the SQL of views has not been tried there."""


def test_where_views_were_not_tried_it_is_told_once(vendor: FileVendor, tmp_path: Path) -> None:
    pipeline = dlt.pipeline(
        "other",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=OtherDatabase(str(tmp_path / "warehouse.duckdb")),
        dataset_name="loyalty",
    )
    other = Shop(vendor, tmp_path, pipeline, **SOFT)
    for city in ("Rome", "Oslo", "Riga"):
        vendor.files["users"] = FILE.replace("Rome", city).encode()
        other.load("users")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as warehouse:
        told = warehouse.sql("SELECT notices FROM loyalty.export_jobs WHERE notices IS NOT NULL")
        ((notices,),) = told.fetchall()
        assert warehouse.sql(COMMENT).fetchall() == []
    (notice,) = json.loads(notices)
    assert notice["kind"] == "view"
    assert "no view is made in" in notice["message"]
