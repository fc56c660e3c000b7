"""Hints about times and windows: what each names is set, and the load is sound."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.destinations.impl.duckdb.duck import DuckDbClient

from spaaza_source.windows import parse_instant
from tests.hints.loads import Shop, advises, check_advice
from tests.vendors.spaaza_files import FileVendor
from tests.vendors.voucherify_files import VoucherifyVendor

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

T = "transactions"
MAY: dict[str, Any] = {"start_date": "2026-05-01", "end_date": "2026-06-01"}
SINCE: dict[str, Any] = {"start_date": "2026-05-01"}
#: No column of it is called as the filter of windows.
OTHER_NAME = "id,sold_at\n1,2026-05-03T10:00:00Z\n2,2026-05-04T10:00:00Z\n"
#: A row has no time.
WITHOUT = "id,timestamp\n1,2026-05-03T10:00:00Z\n2,\n"
FIELDS = {"publications": ["voucher_code", "date"]}


@pytest.mark.parametrize(
    "right", [{"time_columns": {T: "sold_at"}, **MAY}, pytest.param({}, marks=pytest.mark.thorough)]
)
def test_another_column_of_times(shop: Shop, right: dict[str, Any]) -> None:
    shop.give(T, OTHER_NAME)
    with advises("reading/row_windows.py", "Set time_columns to") as told:
        shop.load(T, **MAY)
    check_advice("exports/table_sync.py", "leave out start_date", told[0])
    with advises("reading/row_windows.py", "Set time_columns to") as told:
        shop.load(T, end_date="2026-06-01")
    check_advice("exports/table_sync.py", "leave out end_date", told[0])
    shop.load(T, **right)
    assert shop.rows(T) == 2


def test_a_column_of_times_that_is_gone(shop: Shop) -> None:
    shop.load(T)
    shop.give(T, OTHER_NAME)
    with advises("reading/row_windows.py", "Set time_columns to") as told:
        shop.load(T)
    check_advice("exports/table_sync.py", "load the whole table again", told[0])
    shop.load(T, refresh="drop_resources")
    assert shop.rows(T) == 2


def test_a_scheduler_that_is_not_to_be_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.give(T, OTHER_NAME)
    monkeypatch.setenv("DLT_INTERVAL_START", "2026-05-01T00:00:00Z")
    monkeypatch.setenv("DLT_INTERVAL_END", "2026-06-01T00:00:00Z")
    with advises("exports/table_sync.py", "set allow_external_schedulers=False"):
        shop.load(T, allow_external_schedulers=True)
    shop.load(T, allow_external_schedulers=False)
    assert shop.rows(T) == 2


def test_an_interval_that_nobody_gives(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with advises("loading/scope.py", "Run in an Airflow task, or set DLT_INTERVAL_START"):
        shop.load(T, allow_external_schedulers=True)
    monkeypatch.setenv("DLT_INTERVAL_START", "2026-05-01T00:00:00Z")
    monkeypatch.setenv("DLT_INTERVAL_END", "2026-06-01T00:00:00Z")
    with advises("loading/scope.py", "Change start_date or end_date, or skip this run"):
        shop.load(T, allow_external_schedulers=True, start_date="2026-07-01")
    shop.load(T, allow_external_schedulers=True, start_date="2026-04-01")
    assert shop.rows(T) == 2


@pytest.mark.parametrize(
    "right",
    [
        {"privacy": {T: {"timestamp": "keep"}}, **SINCE},
        pytest.param("all", marks=pytest.mark.thorough),
    ],
)
def test_times_that_the_policy_drops(shop: Shop, right: Any) -> None:
    shop.give(T, "id,timestamp\n1,2026-05-03T10:00:00Z\n")
    hidden: dict[str, Any] = {"privacy": {T: {"timestamp": "drop"}}}
    with advises("reading/row_windows.py", "List {self.time_column} as keep in privacy"):
        shop.load(T, **SINCE, **hidden)
    shop.load(T, **(hidden if right == "all" else right))
    assert shop.rows(T) == 1


def test_rows_without_a_time(shop: Shop) -> None:
    shop.give(T, WITHOUT)
    with advises("reading/reader.py", "{failure.hint} Or {self._all_rows_hint}"):
        shop.load(T, **SINCE)
    shop.load(T)
    assert shop.rows(T) == 2


@pytest.mark.thorough
def test_rows_without_a_time_in_a_later_load_and_in_json(shop: Shop) -> None:
    json = shop.with_(export_format="json")
    json.give(T, '[{"id": 1, "timestamp": "2026-05-03T10:00:00Z"}]')
    json.load(T)
    # One is rejected; where most have no time, none of them is a row of a window.
    json.give(T, '[{"id": 1, "timestamp": "2026-05-03T10:00:00Z"}, {"id": 2}, {"id": 3}]')
    with advises("reading/row_windows.py", "Ask the vendor, or {self.all_rows_hint}") as told:
        json.load(T)
    check_advice("exports/table_sync.py", "load the whole table again", told[0])
    json.load(T, refresh="drop_resources")
    assert json.rows(T) == 3


def test_a_log_that_names_a_setting(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.give(T, OTHER_NAME)
    logger = logging.getLogger("dlt")
    logger.addHandler(caplog.handler)
    try:
        shop.load(T)
    finally:
        logger.removeHandler(caplog.handler)
    check_advice("reading/row_windows.py", "{self.no_times}; time_columns can name", caplog.text)
    for _ in range(2):
        shop.load(T, time_columns={T: "sold_at"})
    assert shop.rows(T) == 2
    # The last one was of a window.
    assert isinstance(shop.vendor, FileVendor)
    assert shop.vendor.tasks[-1]["trigger"]["segment"]


def test_dlts_own_incremental(shop: Shop) -> None:
    with advises("loading/scope.py", "Leave it out: the table is incremental by itself"):
        shop.load(T, hints={"incremental": dlt.sources.incremental("timestamp")})
    shop.load(T, start_date="2026-05-01", lag=3600)
    assert shop.rows(T) == 2


@pytest.mark.parametrize(
    "wrong",
    [{"start_date": "2026-05-01", "end_date": "2026-04-01"}, {"start_date": "2999-01-01"}],
    ids=["end", "now"],
)
def test_a_start_after_the_end(shop: Shop, wrong: dict[str, Any]) -> None:
    with advises("windows.py", "Give a start_date that lies before the end_date"):
        shop.load(T, **wrong)
    shop.load(T, **{**wrong, "start_date": "2026-03-01"})
    assert shop.rows(T) == (0 if "end_date" in wrong else 2)


def test_a_date_in_another_form(shop: Shop) -> None:
    with advises("windows.py", "Write it as 2026-05-26"):
        shop.load(T, start_date="01/05/2026")
    shop.load(T, start_date="2026-05-01")
    assert shop.rows(T) == 2


@pytest.mark.parametrize(
    "right", [{"end_date": "2026-06-02"}, pytest.param({}, marks=pytest.mark.thorough)]
)
def test_rows_that_are_appended_up_to_an_end(shop: Shop, right: dict[str, Any]) -> None:
    appended = {"write_disposition": "append"}
    shop.load(T, end_date="2026-06-01", hints=appended)
    with advises("exports/table_sync.py", "Set a later end_date, or leave it out."):
        shop.load(T, end_date="2026-06-01", hints=appended)
    shop.load(T, **right, hints=appended)
    assert shop.rows(T) == 2


@pytest.fixture
def lossy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The destination loses a row at the end of the next load."""
    complete = DuckDbClient.complete_load
    losses = [f"DELETE FROM {T} WHERE id = '1'"]

    def completed(self: DuckDbClient, load_id: str) -> None:
        if losses:
            self.sql_client.execute_sql(losses.pop())
        complete(self, load_id)

    monkeypatch.setattr(DuckDbClient, "complete_load", completed)


@pytest.mark.usefixtures("lossy")
@pytest.mark.parametrize("way", ["range", pytest.param("whole", marks=pytest.mark.thorough)])
def test_a_range_that_was_counted_wrongly(shop: Shop, way: str) -> None:
    with advises("audit/discrepancies.py", "Load that range again with start_date=") as told:
        shop.load(T, **MAY)
    dates = dict(re.findall(r'(start_date|end_date)="([^"]*)"', told[0]))
    # What does not bring those rows again stops, with the same advice.
    with advises("audit/discrepancies.py", "Load that range again with start_date="):
        shop.load(T, start_date="2026-07-01")
    shop.load(T, **({"refresh": "drop_resources"} if way == "whole" else dates))
    assert shop.rows(T) == 2
    # The next one goes on.
    shop.load(T)
    assert shop.rows(T) == 2


class ShortExports(FileVendor):
    """No export of more than half an hour succeeds."""

    def _task(self, number: int, code: str) -> dict[str, Any]:
        (rule,) = self.tasks[number - 1]["trigger"]["segment"]["rules"]
        start, end = (parse_instant(rule[name], "") for name in ("start_date", "end_date"))
        failed = code == "DONE" and (end - start).total_seconds() > 1900
        return super()._task(number, "ERROR" if failed else code)


def test_windows_that_fail_down_to_the_smallest(tmp_path: Path) -> None:
    range_: dict[str, Any] = {
        "start_date": "2026-05-03T10:00:00Z",
        "end_date": "2026-05-03T12:00:00Z",
    }
    with ShortExports(transactions=b"id,timestamp\n1,2026-05-03T10:20:00Z\n") as vendor:
        shop = Shop(vendor, tmp_path)
        with advises("exports/table_exports.py", "Set smallest_window="):
            shop.load(T, **range_)
        shop.load(T, **range_, smallest_window=60)
        assert shop.rows(T) == 1


def test_an_export_of_all_rows_that_fails(tmp_path: Path) -> None:
    class LargeCatalogue(FileVendor):
        """Its export of all products fails, and one of a category does not."""

        def _task(self, number: int, code: str) -> dict[str, Any]:
            is_whole = "segment" not in self.tasks[number - 1]["trigger"]
            return super()._task(number, "ERROR" if is_whole and code == "DONE" else code)

    rule = {"field_name": "category", "field_type": "keyword", "operator": "is", "value": "shoes"}
    shoes = {"products": {"rules": [rule]}}
    with LargeCatalogue(products=b"id\n1\n") as vendor:
        shop = Shop(vendor, tmp_path)
        with pytest.raises(Exception, match="or narrow it by segments"):
            shop.load("products")
        shop.load("products", segments=shoes)
        assert shop.rows("products") == 1


class SlowExports(FileVendor):
    """Each export is done at the fourth look."""

    looks = 0

    def _task(self, number: int, code: str) -> dict[str, Any]:
        self.looks += code == "DONE"
        return super()._task(number, "READY" if self.looks < 4 else code)


def test_an_export_that_takes_longer_than_it_may(tmp_path: Path) -> None:
    with SlowExports(users=b"id\n1\n") as vendor:
        shop = Shop(vendor, tmp_path)
        with advises("exports/overdue.py", "Run again later, or raise export_timeout"):
            shop.load("users", export_timeout=0)
        shop.load("users", export_timeout=60)
        assert shop.rows("users") == 1


class LocalVoucherify(VoucherifyVendor):
    """A month's export lacks a row near its end, which the export of the next one has."""

    def _parts(self, number: int) -> list[str]:
        row = "A,2026-04-30T23:00:00Z\n"
        filters = self.bodies[number - 1]["parameters"].get("filters")
        is_april = "2026-03-31" in str(filters)
        return ["Voucher Code,Date\n" + ("" if is_april else row)]


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Shop]:
    with LocalVoucherify() as vendor:
        yield Shop(vendor, tmp_path, usual={"fields": FIELDS})


def test_a_filter_in_local_time_where_no_setting_widens_it(local: Shop) -> None:
    with advises("reading/row_windows.py", "Ask the vendor, or {self._all_rows_hint}"):
        local.load("publications", start_date="2026-04-01")
    local.load("publications")
    assert local.rows("publications") == 1


def test_a_column_without_times_where_no_setting_names_another(voucherify: Shop) -> None:
    voucherify.give("publication", "Voucher Code,Date\nA,soon\n")
    with advises("reading/row_windows.py", "Ask the vendor, or {self._all_rows_hint}"):
        voucherify.load("publications", fields=FIELDS, **SINCE)
    voucherify.load("publications", fields=FIELDS)
    assert voucherify.rows("publications") == 1
