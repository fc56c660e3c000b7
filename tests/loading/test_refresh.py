"""Refreshes, and loads of the interval that a scheduler gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dlt.extract.incremental.context import get_interval_context

from spaaza_source import spaaza_source
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.windows import MARGIN, parse_instant
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

ROWS = 200


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=ROWS)) as served:
        yield served


def source(sandbox: Sandbox, *tables: str, **given: Any) -> Any:
    settings = {"poll_interval": 0.02, "start_margin": 0, "stagger": 0, "max_age": 0, **given}
    return spaaza_source(
        sandbox.base_url, sandbox.chain_id, sandbox.credentials, **settings
    ).with_resources(*tables)


def spans(sandbox: Sandbox) -> list[Any]:
    """The windows that were asked for, old to new; None for all rows."""
    windows = []
    for task in reversed(sandbox.tasks):
        rules = task["trigger"].get("segment", {}).get("rules")
        windows.append(
            rules
            and (
                parse_instant(rules[0]["start_date"], "start") + MARGIN,
                parse_instant(rules[0]["end_date"], "end") - MARGIN,
            )
        )
    return windows


@pytest.mark.parametrize(
    "mode",
    [
        "drop_resources",
        pytest.param("drop_sources", marks=pytest.mark.thorough),
        pytest.param("drop_data", marks=pytest.mark.thorough),
    ],
)
@pytest.mark.thorough
def test_a_refresh_brings_all_rows_again(mode: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    pipeline = pipeline_into(tmp_path)
    tables = ("transactions", "vouchers")
    pipeline.run(source(sandbox, *tables))
    with pipeline.sql_client() as client:
        for table in tables:
            client.execute_sql(f"INSERT INTO {table} SELECT * FROM {table}")
    pipeline.run(source(sandbox, *tables), refresh=mode)
    for table in tables:
        assert query(tmp_path, f"SELECT count(*) FROM {table}") == [(ROWS,)]
    assert spans(sandbox) == [None] * 4
    pipeline.run(source(sandbox, *tables))
    assert None not in spans(sandbox)[4:]
    for table in tables:
        assert query(tmp_path, f"SELECT count(*) FROM {table}") == [(ROWS,)]


@pytest.mark.thorough
def test_a_schedulers_interval_is_a_range(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(sandbox, "transactions"))
    monkeypatch.setenv("DLT_INTERVAL_START", "2026-03-01T00:00:00Z")
    monkeypatch.setenv("DLT_INTERVAL_END", "2026-03-02T00:00:00Z")
    pipeline.run(source(sandbox, "transactions", allow_external_schedulers=True))
    pipeline.run(source(sandbox, "transactions"))
    first, second, third = spans(sandbox)
    day = (parse_instant("2026-03-01", "day"), parse_instant("2026-03-02", "day"))
    assert (first, second) == (None, day)
    # What went on from the cursor does so still.
    assert third[0] > day[1]
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(ROWS,)]


@pytest.mark.thorough
def test_dlts_launcher_may_allow_a_schedulers_interval(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLT_INTERVAL_START", "2026-03-01T00:00:00Z")
    monkeypatch.setenv("DLT_INTERVAL_END", "2026-03-03T00:00:00Z")
    # As from DLT_ALLOW_EXTERNAL_SCHEDULERS, which dlt reads once in a process.
    monkeypatch.setattr(get_interval_context(), "allow_external_schedulers", True)
    pipeline_into(tmp_path).run(source(sandbox, "transactions", start_date="2026-03-02"))
    day = (parse_instant("2026-03-02", "day"), parse_instant("2026-03-03", "day"))
    assert spans(sandbox) == [day]


def test_without_an_interval_there_is_nothing_to_take(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no scheduler gives an interval"):
        pipeline_into(tmp_path).run(source(sandbox, "transactions", allow_external_schedulers=True))
    assert sandbox.tasks == []
