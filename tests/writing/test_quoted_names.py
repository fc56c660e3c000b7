"""Columns whose names need quotation marks, as dlt's other naming conventions keep them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults import cut_short
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import query

pytestmark = pytest.mark.slow

TIME, KEY = "made at {table} --", "the id's"
HEADER = f"{KEY},{TIME},Größe\n".encode()
# Of the first load, one row changes and one comes.
FIRST = HEADER + b"1,2026-05-03T10:00:00Z,4\n2,2026-05-04T10:00:00Z,5\n"
THEN = HEADER + b"2,2026-05-04T10:00:00Z,6\n3,2026-05-05T10:00:00Z,7\n"
ALL = HEADER + b"1,2026-05-03T10:00:00Z,4\n" + THEN.removeprefix(HEADER)


def load(folder: Path, table: str, file: bytes, **settings: Any) -> None:
    with FileVendor(**{table: file}) as vendor:
        given = {"time_columns": {"transactions": TIME}, "max_age": 0, **settings}
        cut_short.load(folder, base_url=vendor.base_url, table=table, **given)


def rows(folder: Path, table: str) -> list[tuple[Any, ...]]:
    """Of each row the key, the day and the size."""
    found = query(folder, f"SELECT * FROM {table} ORDER BY 1")
    return [(key, time.day, size) for key, time, size in found]


@pytest.mark.thorough
def test_a_window_is_taken_by_a_column_whose_name_needs_quoting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHEMA__NAMING", "sql_cs_v1")
    load(tmp_path, "transactions", FIRST, start_date="2026-05-01", end_date="2026-05-05")
    load(tmp_path, "transactions", THEN, start_date="2026-05-04", end_date="2026-06-01")
    assert rows(tmp_path, "transactions") == [(1, 3, 4), (2, 4, 6), (3, 5, 7)]
    assert query(tmp_path, "SELECT DISTINCT proven FROM export_jobs") == [(True,)]


@pytest.mark.thorough
def test_rows_are_merged_by_a_key_whose_name_needs_quoting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHEMA__NAMING", "direct")
    load(tmp_path, "users", FIRST)
    load(tmp_path, "users", ALL)
    assert rows(tmp_path, "users") == [(1, 3, 4), (2, 4, 6), (3, 5, 7)]
    assert query(tmp_path, "SELECT DISTINCT proven FROM export_jobs") == [(True,)]
