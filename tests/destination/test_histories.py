"""What a load stands on from one to the next, at destinations other than a DuckDB file.

One life of four tables each: what `tests/loading/test_history.py` shows case by case on DuckDB.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import pytest

from spaaza_source import spaaza_source
from spaaza_source.errors import SettingsError, SpaazaSourceError, TooManyDeletionsError
from spaaza_source.spaaza.segments import date
from tests.destination.destinations import DATASET, Destination
from tests.faults.cut_short import QUICK
from tests.faults.hosts import ours
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
DAYS = [f"{day},2026-05-{day:02}T10:00:00Z,{day}.50" for day in range(1, 29)]
KEPT = ("users", "vouchers", "wallet_ledger")


def table_of(*lines: str, header: str = "id,timestamp,price") -> bytes:
    return "\n".join([header, *lines, ""]).encode()


class Loads:
    """Loads of one vendor into one destination, by pipelines that need not know each other."""

    def __init__(self, vendor: FileVendor, destination: Destination, folder: Path) -> None:
        self.vendor, self.destination, self.folder = vendor, destination, folder

    def pipeline(self, name: str = "spaaza", machine: str = "first") -> dlt.Pipeline:
        return dlt.pipeline(
            name,
            pipelines_dir=str(self.folder / machine),
            destination=self.destination.name,
            dataset_name=DATASET,
        )

    def run(self, *tables: str, pipeline: dlt.Pipeline | None = None, **given: Any) -> None:
        settings: dict[str, Any] = {"max_age": 0, "chain_id": 1743, **QUICK, **given}
        source = spaaza_source(self.vendor.base_url, credentials=TOKEN, **settings)
        source = source.with_resources(*tables)
        if self.destination.kind == "delta":
            for resource in source.selected_resources.values():
                resource.apply_hints(table_format="delta")
        (pipeline or self.pipeline()).run(source)

    def stops(self, kind: type[SpaazaSourceError], *tables: str, **given: Any) -> None:
        asked = len(self.vendor.tasks)
        with pytest.raises(Exception, match=r".") as raised:
            self.run(*tables, **given)
        assert isinstance(ours(raised.value), kind), raised.value
        if kind is SettingsError:
            assert len(self.vendor.tasks) == asked
        self.pipeline().drop_pending_packages()

    def ids(self, table: str) -> list[int]:
        return sorted(int(row["id"]) for row in self.destination.read(table))


@pytest.mark.parametrize(
    "kind",
    [
        "postgres",
        *(pytest.param(kind, marks=pytest.mark.thorough) for kind in ("ducklake", "delta")),
    ],
)
@pytest.mark.thorough
def test_tables_go_on_from_what_the_destination_holds(
    kind: str, make_destination: Callable[[str], Destination], tmp_path: Path
) -> None:
    destination = make_destination(kind)
    people = table_of("1,a", "2,b", "3,c", header="id,name")
    files = {"transactions": table_of(*DAYS), "users": people, "vouchers": people}
    with FileVendor(**files, **{"wallet-ledger": table_of(*DAYS[:2])}) as vendor:
        loads = Loads(vendor, destination, tmp_path)
        relative: dict[str, Any] = {
            "segments": {"wallet_ledger": [date("timestamp").within(1, "day")]}
        }
        loads.run("transactions", *KEPT, **relative)
        # Another chain, and another policy.
        loads.stops(SettingsError, "users", chain_id=1744)
        loads.stops(SettingsError, "users", privacy={"users": {"name": "drop"}})
        # Rows that are exchanged for others.
        vendor.files["users"] = table_of("4,d", "5,e", "6,f", header="id,name")
        loads.stops(TooManyDeletionsError, "users")
        assert loads.ids("users") == [1, 2, 3]
        # Rows that have left a filter which moves with time, and those from before a later start.
        vendor.files["wallet-ledger"] = table_of(*DAYS[1:3])
        vendor.files["vouchers"] = table_of("4,d", header="id,name")
        loads.run("wallet_ledger", **relative)
        assert loads.ids("wallet_ledger") == [1, 2, 3]
        loads.run("vouchers", start_date="2026-06-01", snapshot_every=0)
        assert loads.ids("vouchers") == [1, 2, 3, 4]
        # Another pipeline on another machine: its cursor and its types are the destination's.
        now = datetime.now(UTC) - timedelta(hours=1)
        vendor.files["transactions"] = table_of(*DAYS, f"29,{now.isoformat()},3")
        loads.run("transactions", pipeline=loads.pipeline("another", "second"))
        assert sum(row["price"] for row in destination.read("transactions")) == 28 * 29 / 2 + 14 + 3
        if kind != "delta":
            assert vendor.tasks[-1]["trigger"]["segment"]
            with loads.pipeline().sql_client() as client:
                client.execute_sql(f"DROP TABLE {client.make_qualified_table_name('transactions')}")
            loads.run("transactions")
            assert loads.ids("transactions") == list(range(1, 30))
