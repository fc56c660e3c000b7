"""`retain_days`: each load removes what is too old, asks for none of it, and tells of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import pytest

from spaaza_source import spaaza_source
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.windows import iso
from tests.clocks import Calendar
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow
DAY = timedelta(days=1)
KEPT = 30
WAITING: dict[str, Any] = {"poll_interval": 0.02, "start_margin": 0, "stagger": 0}
#: In the order of time, the rows of a load, how many it removed, and since when rows are kept.
NOTED = (
    "SELECT sum(loaded), sum(removed), max(kept_since), bool_and(proven) FROM export_jobs"
    " WHERE table_name = '{}' GROUP BY _dlt_load_id ORDER BY _dlt_load_id"
)


class Shop:
    """A sandbox whose clock a test moves; its rows are of the 100 days up to its third month."""

    def __init__(self, sandbox: Sandbox, calendar: Calendar, folder: Path) -> None:
        self.sandbox, self.calendar, self.folder = sandbox, calendar, folder

    def load(self, table: str = "transactions", hints: Any = None, **given: Any) -> dlt.Pipeline:
        pipeline = pipeline_into(self.folder)
        pipeline.run(self.source(table, hints, **given))
        return pipeline

    def source(self, table: str, hints: Any = None, **given: Any) -> Any:
        where = self.sandbox.base_url, self.sandbox.chain_id, self.sandbox.credentials
        settings = {**WAITING, "retain_days": KEPT, **given}
        source = spaaza_source(*where, **settings).with_resources(table)
        source.resources[table].apply_hints(**(hints or {}))
        return source

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return query(self.folder, sql)

    def asked(self) -> list[tuple[str, str]]:
        """The ranges of all tasks, old to new."""
        rules = [
            next(iter(task["trigger"].get("segment", {}).get("rules", [{}])))
            for task in self.sandbox.tasks
        ]
        return [(rule["start_date"], rule["end_date"]) for rule in rules[::-1]]

    def noted(self, table: str = "transactions") -> list[tuple[Any, ...]]:
        return self.query(NOTED.format(table))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    calendar = Calendar()
    end = calendar.now + 60 * DAY
    settings = SandboxSettings(
        rows_per_index={"transactions": 400, "vouchers": 300, "users": 20},
        rows=50,
        clock=calendar,
        data_end=end,
        history_days=100,
    )
    with Sandbox(settings) as sandbox:
        yield Shop(sandbox, calendar, tmp_path)


def test_three_loads_keep_what_is_young_enough_and_tell_what_went(shop: Shop) -> None:
    oldest = "SELECT min(timestamp), max(timestamp), count(*) FROM transactions"
    before = 0
    for moves in (0, 10, 10):
        shop.calendar.now += moves * DAY
        limit = shop.calendar.now - KEPT * DAY
        old = (
            f"SELECT count(*) FROM transactions WHERE timestamp < '{limit + timedelta(minutes=1)}'"
        )
        stored = shop.query(old)[0][0] if before else 0
        shop.load()
        ((first, last, rows),) = shop.query(oldest)
        assert limit <= first < limit + 3 * DAY
        assert last < shop.calendar.now + DAY
        assert rows > 0
        _, removed, kept_since, proven = shop.noted()[-1]
        assert proven is True
        assert limit <= kept_since < limit + timedelta(hours=1)
        assert bool(removed) == bool(moves)
        assert abs(removed - stored) <= 1
        before = rows
    # Later loads are incremental, and none asks for what is too old.
    starts = [datetime.fromisoformat(start) for start, _ in shop.asked()]
    assert min(starts) >= datetime(2026, 5, 26, 12, tzinfo=UTC) - KEPT * DAY
    assert len(starts) == 3
    loads = shop.noted()
    assert loads[0][0] > loads[1][0] < 300


#: The vouchers of the shop that are to be there: created or redeemed since.
LATEST = "greatest(date_time_creation, coalesce(date_time_redeemed, date_time_creation))"


@pytest.mark.parametrize("given", [{}, {"deletes": "soft"}, {"snapshot_every": 0}])
def test_a_voucher_stays_as_long_as_the_later_of_its_times(
    shop: Shop, given: dict[str, Any]
) -> None:
    for moves in (0, 5, 8):
        shop.calendar.now += moves * DAY
        limit = shop.calendar.now - KEPT * DAY
        shop.load("vouchers", **given)
        ((first, created, rows, keys),) = shop.query(
            f"SELECT min({LATEST}), min(date_time_creation), count(*), count(DISTINCT id)"
            " FROM vouchers"
        )
        assert limit <= first < limit + 3 * DAY
        assert created < limit
        assert rows == keys > 0
    loads = shop.noted("vouchers")
    assert [bool(removed) for _, removed, _, _ in loads] == [False, True, True]
    assert {proven for *_, proven in loads} == {True}
    # The last one came whole: the guard takes what is too old for no deletion.
    if given.get("deletes"):
        # The sandbox has times of redemption that are to come, and that no window has yet.
        told = f"date_time_redeemed < '{shop.calendar.now - 8 * DAY}'"
        gone = f"SELECT count(*) FROM vouchers WHERE deleted_at IS NOT NULL AND {told}"
        assert shop.query(gone) == [(0,)]


def test_a_load_of_all_that_is_kept_tells_of_the_rows_it_leaves_out_itself(shop: Shop) -> None:
    shop.load("vouchers")
    shop.calendar.now += 8 * DAY
    limit = shop.calendar.now - KEPT * DAY
    query = f"SELECT id FROM vouchers WHERE {LATEST} < '{limit + timedelta(seconds=30)}'"
    old = {key for (key,) in shop.query(query)}
    shop.load("vouchers")
    left = {key for (key,) in shop.query("SELECT id FROM vouchers")}
    # Those that were redeemed since have come again.
    assert shop.noted("vouchers")[-1][1] == len(old - left) > 0


@pytest.mark.parametrize("table", ["transactions", "vouchers"])
def test_a_history_loses_every_version_that_is_too_old(shop: Shop, table: str) -> None:
    time = "timestamp" if table == "transactions" else LATEST
    hints = {"write_disposition": {"disposition": "merge", "strategy": "scd2"}}
    seen: list[int] = []
    for moves in (0, 10, 10):
        shop.calendar.now += moves * DAY
        limit = shop.calendar.now - KEPT * DAY
        shop.load(table, hints)
        ((first, rows, valid),) = shop.query(
            f"SELECT min({time}), count(*), count(*) FILTER (_dlt_valid_to IS NULL) FROM {table}"
        )
        assert limit <= first
        # Nothing has changed but by age.
        assert rows >= valid > 0
        assert table == "vouchers" or rows == valid
        seen.append(rows)
    assert [bool(removed) for _, removed, _, _ in shop.noted(table)] == [False, True, True]
    assert {proven for *_, proven in shop.noted(table)} == {True}


@pytest.mark.parametrize("disposition", ["replace", "append"])
def test_dispositions_of_the_users(shop: Shop, disposition: str) -> None:
    for moves in (0, 10):
        shop.calendar.now += moves * DAY
        shop.load(hints={"write_disposition": disposition})
        limit = shop.calendar.now - KEPT * DAY
        ((first, rows, keys),) = shop.query(
            "SELECT min(timestamp), count(*), count(DISTINCT id) FROM transactions"
        )
        assert limit <= first
        assert rows == keys
    assert shop.noted()[-1][1] > 0


def test_child_tables_lose_the_rows_of_what_goes(tmp_path: Path) -> None:
    now = datetime.now(UTC)

    def basket(number: int, days: float) -> dict[str, Any]:
        lines = [{"sku": f"{number}-{line}", "taxes": [{"rate": line}]} for line in (1, 2)]
        return {"id": number, "timestamp": iso(now - days * DAY), "lines": lines}

    with FileVendor() as vendor:
        for rows, days in (([basket(1, 29), basket(2, 5)], 40), ([basket(2, 5)], 10)):
            vendor.files["transactions"] = json.dumps(rows).encode()
            token = {"access_token_id": "a", "access_token_secret": "b"}
            source = spaaza_source(
                vendor.base_url,
                vendor.chain,
                token,
                export_format="json",
                retain_days={"transactions": days},
                **WAITING,
            )
            pipeline_into(tmp_path).run(source.with_resources("transactions"))
    assert query(tmp_path, "SELECT id FROM transactions") == [("2",)]
    skus = "SELECT sku FROM transactions__lines ORDER BY 1"
    assert query(tmp_path, skus) == [("2-1",), ("2-2",)]
    assert query(tmp_path, "SELECT count(*) FROM transactions__lines__taxes") == [(2,)]
    ((text,),) = query(tmp_path, "SELECT notices FROM export_jobs WHERE removed > 0")
    (notice,) = json.loads(text)
    assert (notice["kind"], notice["rows"]) == ("removed", 1)


def test_other_numbers_of_days(shop: Shop) -> None:
    """More of them bring back what is missing; fewer ask for nothing, and remove the rest."""
    shop.load()
    asked, count = len(shop.asked()), "SELECT count(*) FROM transactions"
    ((rows,),) = shop.query(count)
    shop.load(retain_days=60)
    ((more,),) = shop.query(count)
    assert more > rows
    start = shop.calendar.now - 60 * DAY
    first = min(start for start, _ in shop.asked()[asked:])
    assert first[:16] == start.isoformat()[:16]
    asked = len(shop.asked())
    shop.load(retain_days=10)
    assert shop.query(count)[0][0] < rows
    assert len(shop.asked()) == asked + 1
    # As long as ever: all of history is asked for.
    shop.load(retain_days=None)
    ((everything,),) = shop.query(count)
    assert everything > more
    assert shop.noted()[-1][1:3] == (None, None)
    assert {proven for *_, proven in shop.noted()} == {True}
