"""Hints about backfills that wait for nothing, and about their settings in Airflow."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.airflow import open_backfill
from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.backfill.stage import Stage
from tests.clocks import Calendar
from tests.hints.loads import advises

pytestmark = pytest.mark.slow


EXPORT = advises("exports/planning/outlook.py", "Run again later, or raise export_timeout.")
START = advises("exports/planning/outlook.py", "Run again later, or raise start_timeout.")


@pytest.mark.parametrize(
    ("advice", "setting", "vendor"),
    [(EXPORT, "export_timeout", "run_seconds"), (START, "start_timeout", "queue_seconds")],
)
def test_an_export_that_nobody_waits_for_takes_longer_than_it_may(
    advice: AbstractContextManager[Any], setting: str, vendor: str, tmp_path: Path
) -> None:
    calendar = Calendar()
    slow: dict[str, Any] = {vendor: 7_200}
    settings = SandboxSettings(rows=20, data_end=calendar.now, clock=calendar, **slow)
    with Sandbox(settings) as sandbox:
        stage = Stage(tmp_path, sandbox, calendar)
        short = stage.backfill(partial(stage.source, **{setting: 60}))
        longer = stage.backfill(partial(stage.source, **{setting: 10_800}))
        (part,) = short.plan("2026-04-01", "2026-05-01", tables=["products"])
        waiting = short.load_ready(part).waiting
        assert waiting is not None
        calendar.now += timedelta(minutes=90)
        assert short.watch(waiting).is_due()
        with advice:
            short.load_ready(part, waiting)
        assert longer.load_ready(part, waiting).waiting == waiting
        calendar.now += timedelta(minutes=90)
        assert longer.load_ready(part, waiting).loaded == {"products": ["products"]}
        assert stage.rows("products")


def test_the_settings_of_a_backfill_in_airflow() -> None:
    given: Any = {"source": "spaaza_source.spaza", "pipeline": "p", "destination": "duckdb"}
    with advises("airflow/settings.py", "Write BackfillSettings(source="):
        open_backfill(given)
    given |= {"dataset": "loyalty"}
    with advises("airflow/settings.py", "Name a function of an installed package: spaaza_source"):
        open_backfill(given)
    given["source"] = "spaaza_source.spaaza_source"
    assert open_backfill(given).dataset == "loyalty"
