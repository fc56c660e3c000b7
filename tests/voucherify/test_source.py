"""`voucherify_source` against a vendor on a real socket: what is asked for, and what is loaded."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import voucherify_source
from spaaza_source.errors import SettingsError
from spaaza_source.exports.downloads import fetch
from spaaza_source.exports.polling import PollSettings
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.run import ExportRun
from spaaza_source.exports.table_sync import TableSync
from spaaza_source.transport.clock import SystemClock
from spaaza_source.voucherify.credentials import AppKeys
from spaaza_source.voucherify.export_service import VoucherifyExports
from spaaza_source.voucherify.exports_api import ExportsApi, make_client
from spaaza_source.voucherify.objects import OBJECTS
from tests.clocks import FakeClock
from tests.vendors.server import Answer, ScriptedServer
from tests.vendors.voucherify_files import DATE, KEYS, VoucherifyVendor, load
from tests.warehouses import pipeline_into, query

FIELDS = {"vouchers": ["id", "code", "value"], "redemptions": ["id", "date", "result"]}
FIELDS["publications"] = ["voucher_code", "date"]
VOUCHERS = "ID,Code,Value\nv_1,0001,10\nv_2,A-2,20\n"
REDEMPTIONS = "ID,Date,Result\nr_1,2026-05-09T10:00:00.000Z,SUCCESS\n"


@pytest.fixture(autouse=True)
def _no_pause_before_a_fresh_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "PAUSE", 0.0)


@pytest.fixture
def vendor() -> Iterator[VoucherifyVendor]:
    with VoucherifyVendor(
        voucher=VOUCHERS,
        redemption=REDEMPTIONS,
        points_expiration="ID\n",
        publication="Voucher Code,Date\nA,2026-05-09T10:00:00.000Z\n",
    ) as served:
        yield served


def keys() -> AppKeys:
    given = AppKeys()
    given.update(KEYS)
    return given


def cause(error: pytest.ExceptionInfo[BaseException]) -> str:
    told, found = [], error.value
    at: BaseException | None = found
    while at is not None:
        told.append(str(at))
        at = at.__cause__ or at.__context__
    return " ".join(told)


@pytest.mark.slow
def test_columns_are_named_by_the_fields_that_were_asked_for(
    vendor: VoucherifyVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path, "vouchers", fields=FIELDS)
    assert query(tmp_path, "SELECT id, code, value FROM vouchers ORDER BY id") == [
        ("v_1", "0001", 10),
        ("v_2", "A-2", 20),
    ]
    assert vendor.bodies == [
        {
            "exported_object": "voucher",
            "parameters": {"order": "created_at", "fields": ["id", "code", "value"]},
        }
    ]
    ledger = "SELECT table_name, subject, state, loaded, proven FROM export_jobs"
    assert query(tmp_path, ledger) == [("vouchers", "voucher", "DONE", 2, True)]


@pytest.mark.slow
def test_all_documented_fields_are_asked_for_by_name(
    vendor: VoucherifyVendor, tmp_path: Path
) -> None:
    vendor.files["redemption"] = ",".join(OBJECTS["redemptions"].fields) + "\n"
    load(vendor, tmp_path, "redemptions")
    assert vendor.bodies[0]["parameters"]["fields"] == list(OBJECTS["redemptions"].fields)


@pytest.mark.slow
def test_later_loads_bring_what_was_created_or_updated(
    vendor: VoucherifyVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path, "vouchers", fields=FIELDS)
    vendor.files["voucher"] = "ID,Code,Value\nv_2,A-2,25\nv_3,B-3,30\n"
    load(vendor, tmp_path, "vouchers", fields=FIELDS)
    assert query(tmp_path, "SELECT id, value FROM vouchers ORDER BY id") == [
        ("v_1", 10),
        ("v_2", 25),
        ("v_3", 30),
    ]
    filters = vendor.bodies[1]["parameters"]["filters"]
    # Where nothing was updated yet, `updated_at` is empty.
    assert filters["junction"] == "or"
    assert filters["created_at"] == filters["updated_at"]
    (after,) = filters["created_at"]["conditions"]["$after"]
    assert after == "2026-05-09T03:59:59.123Z"


@pytest.mark.slow
@pytest.mark.thorough
def test_redemptions_are_merged_by_their_id(vendor: VoucherifyVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "redemptions", fields=FIELDS)
    vendor.files["redemption"] = REDEMPTIONS + "r_2,2026-05-10T01:00:00.000Z,FAILURE\n"
    load(vendor, tmp_path, "redemptions", fields=FIELDS)
    vendor.files["redemption"] = "ID,Date,Result\n"
    load(vendor, tmp_path, "redemptions", fields=FIELDS)
    assert query(tmp_path, "SELECT id FROM redemptions ORDER BY id") == [("r_1",), ("r_2",)]
    assert vendor.bodies[2]["parameters"]["filters"].keys() == {"junction", "created_at"}


@pytest.mark.slow
@pytest.mark.thorough
def test_publications_replace_their_window(vendor: VoucherifyVendor, tmp_path: Path) -> None:
    span = {"start_date": "2026-05-01", "end_date": "2026-05-20", "fields": FIELDS}
    load(vendor, tmp_path, "publications", **span)
    vendor.files["publication"] = (
        "Voucher Code,Date\nB,2026-05-09T10:00:00.000Z\nC,2026-05-20T00:00:00.000Z\n"
    )
    load(vendor, tmp_path, "publications", **span)
    # The second row came by the margin: it is of the time after the window.
    assert query(tmp_path, "SELECT voucher_code FROM publications") == [("B",)]


@pytest.mark.slow
def test_every_part_of_a_split_result_is_loaded(vendor: VoucherifyVendor, tmp_path: Path) -> None:
    vendor.files["voucher"] = [VOUCHERS, "ID,Code,Value\nv_3,C-3,30.5\n", "ID,Code,Value\n"]
    load(vendor, tmp_path, "vouchers", fields=FIELDS)
    assert query(tmp_path, "SELECT id, value::FLOAT FROM vouchers ORDER BY id") == [
        ("v_1", 10),
        ("v_2", 20),
        ("v_3", 30.5),
    ]
    assert query(tmp_path, "SELECT job_id, rows FROM export_jobs ORDER BY ALL") == [
        ("exp_1", 2),
        ("exp_1/2", 1),
        ("exp_1/3", 0),
    ]


def test_of_a_split_result_nothing_is_loaded_if_a_part_is_missing(
    vendor: VoucherifyVendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SystemClock, "pause", lambda _self, _seconds, wake: wake.is_set())
    vendor.files["voucher"] = [VOUCHERS, VOUCHERS]
    vendor.shown = lambda export: {
        **export,
        "result": export["result"] and {"urls": [export["result"]["urls"][0], None]},
    }
    with pytest.raises(Exception, match="names its files in an unknown form"):
        load(vendor, tmp_path, "vouchers", fields=FIELDS)
    assert not any(seen.path.startswith("/file/") for seen in vendor.seen)


@pytest.mark.slow
@pytest.mark.thorough
def test_an_expired_link_is_asked_for_again(vendor: VoucherifyVendor, tmp_path: Path) -> None:
    vendor.refusals = [Answer(401)]
    load(vendor, tmp_path, "vouchers", fields=FIELDS)
    assert query(tmp_path, "SELECT count(*) FROM vouchers") == [(2,)]
    files = [seen for seen in vendor.seen if seen.path.startswith("/file/")]
    # The vendor's own host wants the key again.
    assert [seen.headers.get("X-App-Token") for seen in files] == [KEYS["app_token"]] * 2


@pytest.mark.slow
@pytest.mark.thorough
def test_another_host_never_sees_the_key(vendor: VoucherifyVendor, tmp_path: Path) -> None:
    with VoucherifyVendor() as storage:
        storage.bodies.append({"exported_object": "voucher"})
        storage.files["voucher"] = VOUCHERS
        port = storage.base_url.rsplit(":", 1)[1]
        vendor.shown = lambda export: {
            **export,
            "result": export["result"] and {"url": f"http://localhost:{port}/file/1/0?sig=x"},
        }
        load(vendor, tmp_path, "vouchers", fields=FIELDS)
        (seen,) = storage.seen
    assert not {name for name in seen.headers if name.lower().startswith("x-app")}


def test_a_failed_export_is_an_error_and_names_the_job(
    vendor: VoucherifyVendor, tmp_path: Path
) -> None:
    def failed(export: dict[str, Any]) -> dict[str, Any]:
        done = export["status"] == "DONE"
        return {**export, "status": "ERROR" if done else "IN_PROGRESS", "result": None}

    vendor.shown = failed
    with pytest.raises(Exception, match="ended in ERROR") as error:
        load(vendor, tmp_path, "points_expirations")
    assert "exp_" in cause(error)
    assert "canary" not in cause(error)


@pytest.mark.slow
def test_what_an_earlier_run_asked_for_is_taken_up(
    vendor: VoucherifyVendor, tmp_path: Path
) -> None:
    vendor.refusals = [Answer(404)] * 9
    with pytest.raises(Exception, match="refused the link"):
        load(vendor, tmp_path, "vouchers", fields=FIELDS)
    vendor.refusals = []
    load(vendor, tmp_path, "vouchers", fields=FIELDS, max_age=60)
    assert len(vendor.bodies) == 1
    assert query(tmp_path, "SELECT adopted FROM export_jobs") == [(True,)]


@pytest.mark.slow
@pytest.mark.thorough
def test_loaded_exports_are_deleted_at_the_vendor_if_that_is_asked_for(
    vendor: VoucherifyVendor, tmp_path: Path
) -> None:
    vendor.files["redemption"] = [REDEMPTIONS, "ID,Date,Result\n"]
    load(vendor, tmp_path, "vouchers", "redemptions", fields=FIELDS)
    for _ in range(2):
        load(vendor, tmp_path, "vouchers", "redemptions", fields=FIELDS, cleanup=True)
    # Neither those of a load that did not ask for it, nor those that were loaded just now.
    assert set(vendor.deleted) == {"exp_3", "exp_4"}
    load(vendor, tmp_path, "vouchers", fields=FIELDS)
    assert len(vendor.deleted) == 2


@pytest.mark.slow
@pytest.mark.thorough
def test_an_export_that_was_taken_up_is_never_deleted(
    vendor: VoucherifyVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path / "another", "vouchers", fields=FIELDS)
    for _ in range(2):
        given = {"fields": FIELDS, "cleanup": True, "max_age": 3600}
        load(vendor, tmp_path / "own", "vouchers", **given)
    assert query(tmp_path / "own", "SELECT bool_or(adopted) FROM export_jobs") == [(True,)]
    assert not vendor.deleted


@pytest.mark.slow
@pytest.mark.thorough
def test_a_key_that_may_not_delete_still_loads(
    vendor: VoucherifyVendor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(vendor, tmp_path, "vouchers", fields=FIELDS, cleanup=True)
    vendor.may_delete = False
    log = logging.getLogger("dlt")
    log.addHandler(caplog.handler)
    try:
        load(vendor, tmp_path, "vouchers", fields=FIELDS, cleanup=True)
    finally:
        log.removeHandler(caplog.handler)
    assert "stay at the vendor, for exp_1 could not be deleted" in caplog.text
    vendor.may_delete = True
    load(vendor, tmp_path, "vouchers", fields=FIELDS, cleanup=True)
    assert vendor.deleted == ["exp_1", "exp_2"]


@pytest.mark.slow
@pytest.mark.thorough
def test_other_fields_are_another_export(vendor: VoucherifyVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path / "a", "vouchers", fields=FIELDS)
    vendor.files["voucher"] = "ID,Code\nv_1,1\n"
    load(vendor, tmp_path / "b", "vouchers", fields={"vouchers": "id code"}, max_age=60)
    assert len(vendor.bodies) == 2


def test_used_up_calls_of_a_cycle_stop_the_load(tmp_path: Path) -> None:
    refusal = {"code": 429, "key": "limit_reached", "message": "Limit reached"}
    headers = {"X-Rate-Limit-Type": "api_calls_cycle", "Retry-After": "1"}
    with ScriptedServer(lambda _: Answer.json(refusal, 429, **headers)) as server:
        source = voucherify_source(server.base_url, KEYS, objects=["vouchers"])
        with pytest.raises(Exception, match="used up its calls of this billing cycle"):
            pipeline_into(tmp_path).run(source)
        assert len(server.seen) == 1


def test_looks_leave_room_for_the_vendors_limit(tmp_path: Path) -> None:
    """With 100 calls an hour, an export that takes its time still ends within them."""
    clock = FakeClock()
    with VoucherifyVendor(voucher=VOUCHERS) as vendor:
        vendor.shown = lambda export: {**export, "status": "IN_PROGRESS", "result": None}
        anew = parsedate_to_datetime(DATE).timestamp() + 3600

        def limits() -> dict[str, str]:
            left = max(0, 100 - len(vendor.seen))
            return {"X-Rate-Limit-Remaining": str(left), "X-Rate-Limit-Retry": str(anew)}

        vendor.limits = limits
        api = ExportsApi(make_client(vendor.base_url, keys(), clock))
        run = ExportRun(
            VoucherifyExports(api, keys()),
            lambda: tmp_path,
            PollSettings(export_timeout=3500),
            clock,
        )
        request = ExportRequest("vouchers", "voucher", "a", selection={"fields": ["id"]})
        table = run.begin(TableSync("vouchers", lambda _: request))
        while not table.settled:
            time.sleep(0.001)
        assert "is still IN_PROGRESS" in str(table.error)
        assert len(vendor.seen) <= 100


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"objects": ["coupons"]}, "there is no object"),
        ({"objects": "orders coupons"}, "there is no object 'coupons'"),
        ({"fields": {"vouchers": []}}, "not a list of field names"),
        ({"fields": {"publications": ["voucher_code"]}}, "Add 'date'"),
        ({"filters": {"vouchers": "all"}}, "filters must be a dict"),
        ({"credentials": {"app_id": "a", "app_token": " "}}, "app_token is empty"),
    ],
)
def test_wrong_settings_are_said(given: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        voucherify_source(**{"credentials": KEYS, **given})
