"""People are forgotten in databases other than a DuckDB file, and refused where they cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import dlt
import pytest

from spaaza_source.errors import SettingsError
from tests.destination.destinations import DATASET, Destination
from tests.erasure.bench import Shop
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

USERS = b"id,username,referring_user_id\n1,ann@example.com,\n2,bob@example.com,1\n"
BASKETS = (
    b"id,timestamp,user_id\nb1,2026-05-01T10:00:00Z,1\nb2,2026-05-02T10:00:00Z,2\n"
    b"b3,2026-05-03T10:00:00Z,1\nbad\n"
)
MakeDestination = Callable[[str], Destination]


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=USERS, transactions=BASKETS) as served:
        yield served


def shop_at(destination: Destination, vendor: FileVendor, folder: Path) -> Shop:
    pipeline = dlt.pipeline(
        "spaaza",
        pipelines_dir=str(folder / "pipelines"),
        destination=destination.name,
        dataset_name=DATASET,
    )
    return Shop(vendor, folder, pipeline, start_date="2026-05-01")


@pytest.mark.parametrize("kind", ["postgres", pytest.param("ducklake", marks=pytest.mark.thorough)])
def test_rows_go_and_do_not_return(
    make_destination: MakeDestination, vendor: FileVendor, tmp_path: Path, kind: str
) -> None:
    destination = make_destination(kind)
    shop = shop_at(destination, vendor, tmp_path)
    shop.load("users", "transactions")
    receipt = shop.forget("1")
    assert receipt.removed == {"transactions": 2, "users": 1}
    assert receipt.emptied == {"users.referring_user_id": 1}
    assert receipt.failed == []
    assert len(receipt.left) == 2
    for _ in range(3):
        shop.load("users", "transactions")
        assert len(destination.rows("users", "id")) == 1
        assert destination.rows("users", "referring_user_id") == [(None,)]
        assert destination.rows("transactions", "id") == [("b2",)]
    ((removed, finished),) = destination.rows("erasures", "removed", "finished_at")
    assert removed == '{"transactions": 2, "users": 1}'
    assert finished is not None
    assert {proven for (proven,) in destination.rows("export_jobs", "proven")} == {True}
    assert shop.forget("1").removed == {}


def test_of_delta_tables_no_single_rows_go(
    make_destination: MakeDestination, vendor: FileVendor, tmp_path: Path
) -> None:
    shop = shop_at(make_destination("delta"), vendor, tmp_path)
    with pytest.raises(SettingsError, match="rows of single people cannot be deleted there"):
        shop.forget("1")
