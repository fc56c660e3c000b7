"""Times that windows are taken by: unusual forms are instants where that is certain."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from spaaza_source.tabular import (
    NO_INSTANT,
    ColumnType,
    CsvFile,
    JsonFile,
    open_csv,
    open_json,
)
from spaaza_source.tabular.csv_reader import scan
from tests.faults.hosts import QUICK, TOKEN
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

SOUND = "2026-05-03T10:00:44Z"


@pytest.fixture(params=[7, 4 * 2**20], ids=["tiny blocks", "one block"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(scan, "BLOCK", request.param)

    def opened(*times: str, **options: Any) -> CsvFile:
        path = tmp_path / "file.csv"
        cells = [SOUND] * 10 + list(times) + [SOUND] * 10
        path.write_text("id,at\n" + "".join(f"{n},{at}\n" for n, at in enumerate(cells)))
        return open_csv(path, instants="at", **options)

    return opened


def rows(file: CsvFile) -> list[dict[str, Any]]:
    return [row for table in file.tables() for row in table.to_pylist()]


def at(second: int, micros: int = 0, hour: int = 10) -> datetime:
    return datetime(2026, 5, 3, hour, 0, second, micros, UTC)


@pytest.mark.parametrize("known", [{}, {"at": ColumnType("timestamp")}], ids=["first", "known"])
@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-05-03T10:00:44.123456000Z", at(44, 123456)),
        ("2026-05-03 10:00:44.5 UTC", at(44, 500000)),
        ("2026-05-03 10:00:44 Z", at(44)),
        ("2026-05-03T10:00:44 +02:00", at(44, hour=8)),
        ("2026-05-03 10:00:44 -0200", at(44, hour=12)),
    ],
)
def test_an_instant_in_another_form_is_kept_exactly(
    opened: Any, text: str, instant: datetime, known: dict[str, ColumnType]
) -> None:
    file = opened(text, known_types=known)
    assert not file.rejected
    assert not file.columns[1].has_variant
    assert rows(file)[10] == {"id": 10, "at": instant}


@pytest.mark.parametrize("known", [{}, {"at": ColumnType("timestamp")}], ids=["first", "known"])
@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-05-03T10:00:44.123456789Z", at(44, 123456)),
        ("2026-05-03 10:00:44.0000001 UTC", at(44)),
        ("2026-06-30T23:59:60Z", datetime(2026, 6, 30, 23, 59, 59, 999999, UTC)),
    ],
)
def test_one_that_the_column_cannot_hold_is_cut_and_its_text_kept(
    opened: Any, text: str, instant: datetime, known: dict[str, ColumnType]
) -> None:
    file = opened(text, known_types=known)
    assert not file.rejected
    found = rows(file)
    assert found[10] == {"id": 10, "at": instant, "at__v_text": text}
    assert {row["at__v_text"] for row in found[:10] + found[11:]} == {None}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-05-03",
        "2026-02-30T10:00:00Z",
        "2026-05-03T10:00:60Z",
        "2026-05-03T10:00:44 CET",
        "03/05/2026 10:00",
        "2026-05-03T10:00:44.Z",
        # It never came.
        "0001-01-01T00:00:00Z",
        "0001-01-01 00:00:00",
    ],
)
def test_what_is_no_instant_for_certain_is_a_bad_row(opened: Any, text: str) -> None:
    file = opened(text)
    [bad] = file.rejected
    assert (bad.line, bad.column, bad.raw) == (12, 2, f"10,{text}".encode())
    assert bad.reason == "no instant in the column that windows are taken by"
    assert len(rows(file)) == 20
    assert file.columns[1].type == ColumnType("timestamp")


def test_a_column_of_other_texts_holds_no_times(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("id,at\n" + "1,soon\n" * 20 + f"2,{SOUND}\n")
    file = open_csv(path, instants="at")
    assert not file.rejected
    assert file.columns[1].type == ColumnType("text")


@pytest.mark.slow
def test_one_such_time_stops_no_window(tmp_path: Path) -> None:
    times = [SOUND] * 200 + ["2026-05-03T10:00:44.123456789Z", "2026-05-04T10:00:00 UTC", "soon"]
    text = "id,timestamp\n" + "".join(f"{number},{at}\n" for number, at in enumerate(times))
    given: dict[str, Any] = {"start_date": "2026-05-01", "end_date": "2026-06-01", "max_age": 0}
    with FileVendor(transactions=text.encode()) as vendor:
        for _ in range(2):
            source = spaaza_source(vendor.base_url, 1743, TOKEN, **QUICK, **given)
            pipeline_into(tmp_path).run(source.with_resources("transactions"))
    assert query(tmp_path, "SELECT count(*), count(timestamp) FROM transactions") == [(202, 202)]
    assert query(tmp_path, "SELECT DISTINCT loaded, rejected, proven FROM export_jobs") == [
        (202, 1, True)
    ]
    exact = "SELECT timestamp__v_text FROM transactions WHERE timestamp__v_text IS NOT NULL"
    assert query(tmp_path, exact) == [("2026-05-03T10:00:44.123456789Z",)]


def json_of(path: Path, *times: Any, lines: bool = False, **options: Any) -> JsonFile:
    """A file whose records have these times among sound ones."""
    values = [SOUND] * 10 + list(times) + [SOUND] * 10
    records = [{"id": n, "Day At": at} for n, at in enumerate(values)]
    texts = [json.dumps(record) for record in records]
    path.write_text("\n".join([*texts, ""]) if lines else json.dumps(records))
    return open_json(path, instants="day_at", **options)


@pytest.mark.parametrize("lines", [False, True], ids=["list", "lines"])
@pytest.mark.parametrize("known", [{}, {"day_at": ColumnType("timestamp")}], ids=["first", "known"])
def test_instants_of_json_in_other_forms(
    tmp_path: Path, known: dict[str, ColumnType], lines: bool
) -> None:
    fine, leap = "2026-05-03T10:00:44.123456789Z", "2016-12-31T23:59:60Z"
    file = json_of(
        tmp_path / "f", fine, "2026-05-03 10:00:44 UTC", leap, lines=lines, known_types=known
    )
    assert not file.rejected
    found = [record for batch in file.records() for record in batch]
    assert [record["day_at"] for record in found[10:13]] == [
        at(44, 123456),
        at(44),
        datetime(2016, 12, 31, 23, 59, 59, 999999, UTC),
    ]
    assert [record.get("day_at__v_text") for record in found[10:13]] == [fine, None, leap]
    assert file.columns[1].has_variant


@pytest.mark.parametrize("lines", [False, True], ids=["list", "lines"])
def test_records_without_an_instant_are_rejected(tmp_path: Path, lines: bool) -> None:
    zero = "0001-01-01T00:00:00Z"
    file = json_of(tmp_path / "f", None, "soon", "", 7, {"a": 1}, zero, lines=lines)
    assert file.rows == 20
    assert {row.reason for row in file.rejected} == {NO_INSTANT}
    assert [json.loads(row.text)["id"] for row in file.rejected] == [10, 11, 12, 13, 14, 15]
    if lines:
        assert [row.line for row in file.rejected] == [11, 12, 13, 14, 15, 16]


def test_a_key_that_is_missing_is_no_instant(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text(json.dumps([{"id": 1, "at": SOUND}, {"id": 2, "at": SOUND}, {"id": 3}]))
    file = open_json(path, instants="at")
    assert [row.text for row in file.rejected] == ['{"id": 3}']


def test_a_column_of_no_times_rejects_no_records(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text(json.dumps([{"id": n, "at": "soon"} for n in range(30)]))
    file = open_json(path, instants="at")
    assert (file.rows, len(file.rejected)) == (30, 0)


@pytest.mark.slow
def test_a_json_record_without_a_time_does_not_stop_a_windowed_table(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"id": n, "timestamp": f"2026-05-{n:02}T10:00:00Z", "items": [{"sku": n}]}
        for n in range(1, 21)
    ]
    records[5]["timestamp"] = None
    records[7]["timestamp"] = "2026-05-08T10:00:00.123456789Z"
    with FileVendor(transactions=json.dumps(records).encode()) as vendor:
        dates: Any = {"start_date": "2026-05-01", "end_date": "2026-06-01"}
        source = spaaza_source(
            vendor.base_url, 1743, TOKEN, export_format="json", **QUICK, **dates
        ).with_resources("transactions")
        for _ in range(2):
            pipeline_into(tmp_path).run(source)
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(19,)]
    assert query(tmp_path, "SELECT count(*) FROM transactions__items") == [(19,)]
    assert query(tmp_path, "SELECT DISTINCT reason FROM rejected_rows") == [(NO_INSTANT,)]
    found = query(tmp_path, "SELECT id FROM transactions WHERE timestamp__v_text IS NOT NULL")
    assert found == [("8",)]
    assert query(tmp_path, "SELECT DISTINCT proven FROM export_jobs") == [(True,)]
