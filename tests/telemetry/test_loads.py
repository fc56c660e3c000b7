"""A load as spans and metrics, by the providers of the program that loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaaza_source.telemetry import metric_names
from tests.processes import ran
from tests.telemetry import programs
from tests.telemetry.recorded import Recorded, recorded
from tests.test_readme import text_of
from tests.vendors.server import CANARY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return recorded(programs.load, tmp_path_factory.mktemp("load"))


def test_a_run_has_a_span_with_one_for_each_table_and_one_for_each_export(told: Recorded) -> None:
    [run] = told.named("spaaza.load")
    assert run["parent"] is None
    assert run["attributes"] == {
        "spaaza.pipeline": "spaaza",
        "spaaza.dataset": "loyalty",
        "spaaza.destination": "duckdb",
    }
    steps = [f"spaaza.load.{step}" for step in ("extract", "normalize", "load")]
    assert [span["name"] for span in told.spans if span["name"] in steps] == steps
    for table in ("users", "products"):
        assert told.of_table("spaaza.table", table)["parent"] == "spaaza.load"
        assert told.of_table("spaaza.export", table)["parent"] == "spaaza.table"
    assert {span["status"] for span in told.spans} == {"UNSET"}
    assert len(told.spans) == 8


def test_an_export_goes_from_asked_to_loaded(told: Recorded) -> None:
    export = told.of_table("spaaza.export", "users")
    events = [(at, name) for name, (at, _) in export["events"].items()]
    assert [name for _, name in sorted(events)] == ["ready", "downloaded", "read", "loaded"]
    assert export["begun"] <= min(events)[0]
    assert export["ended"] == max(events)[0]
    attributes = export["attributes"]
    assert attributes["spaaza.export.job_id"] in ("1", "2")
    assert attributes["spaaza.export.state"] == "DONE"
    assert attributes["spaaza.export.received"] == len(programs.USERS)
    assert attributes["spaaza.export.wait"] > 0
    assert (attributes["spaaza.rows"], attributes["spaaza.rejected_rows"]) == (2, 1)
    for span in told.spans:
        assert span["begun"] <= span["ended"]


def test_rows_bytes_and_seconds_are_counted(told: Recorded) -> None:
    assert told.points("spaaza.load.rows") == {"users": 2, "products": 2}
    assert told.points("spaaza.load.rejected_rows") == {"users": 1, "products": 0}
    assert told.points("spaaza.export.received")["users"] == len(programs.USERS)
    assert set(told.points("spaaza.export.wait")) == {"users", "products"}
    assert set(told.points("spaaza.export.download")) == {"users", "products"}
    assert told.points("spaaza.load.duration", "spaaza.pipeline")["spaaza"] > 0
    assert told.points("spaaza.export.failures") == {}
    units = {metric.name: metric.unit for metric in metric_names.METRICS}
    assert {name: each["unit"] for name, each in told.metrics.items()}.items() <= units.items()


def test_no_secret_and_no_cell_is_told(told: Recorded, tmp_path: Path) -> None:
    """Neither credentials, nor a link's query, nor a filter's value."""
    for text in (told.text, recorded(programs.load_window, tmp_path).text):
        assert "spaaza.export.job_id" in text
        assert CANARY not in text
        assert "canary" not in text


def test_every_attribute_is_on_the_page(told: Recorded, tmp_path: Path) -> None:
    page = text_of("docs/telemetry.md")
    found = [*told.spans, *recorded(programs.load_window, tmp_path).spans]
    attributes = {name for span in found for name in span["attributes"]}
    assert not [name for name in attributes if f"`{name}`" not in page]


def test_a_window_is_told(tmp_path: Path) -> None:
    export = recorded(programs.load_window, tmp_path).of_table("spaaza.export", "transactions")
    attributes = export["attributes"]
    assert attributes["spaaza.export.window.start"] == "2026-05-01T00:00:00Z"
    assert attributes["spaaza.export.window.end"] == "2026-05-08T00:00:00Z"


def test_an_unchanged_file_adds_no_rows(tmp_path: Path) -> None:
    told = recorded(programs.load_twice, tmp_path)
    assert told.points("spaaza.load.rows") == {"users": 1}
    unchanged = [
        span["attributes"]["spaaza.export.unchanged"] for span in told.named("spaaza.export")
    ]
    assert unchanged == [False, True]


def test_an_export_that_fails_at_the_vendor_is_an_error_by_its_class(tmp_path: Path) -> None:
    told = recorded(programs.fail_at_vendor, tmp_path)
    failed = [
        span
        for span in told.named("spaaza.export")
        if span["attributes"]["spaaza.table"] == "products"
    ]
    # It is asked for once more.
    assert [span["attributes"]["spaaza.export.replaced"] for span in failed] == [True, False]
    for span in [*failed, told.of_table("spaaza.table", "products"), *told.named("spaaza.load")]:
        assert span["status"] == "ERROR"
        assert span["said"] == span["attributes"]["error.type"] == "ExportFailedError"
    assert told.points("spaaza.export.failures") == {"products": 2}
    assert told.points("spaaza.export.failures", "error.type") == {"ExportFailedError": 2}
    # The other table is merely not loaded.
    assert told.of_table("spaaza.table", "users")["status"] == "UNSET"
    assert "spaaza.load.rows" not in told.metrics


def test_a_file_that_must_not_be_loaded_is_an_error_by_its_class(tmp_path: Path) -> None:
    told = recorded(programs.fail_to_read, tmp_path)
    [export] = told.named("spaaza.export")
    assert export["said"] == "HeaderError"
    assert set(export["events"]) == {"ready", "downloaded"}
    assert told.points("spaaza.load.duration", "error.type").keys() == {"HeaderError"}


def test_steps_that_are_called_one_by_one_are_runs_of_their_own(tmp_path: Path) -> None:
    told = recorded(programs.load_by_steps, tmp_path)
    [export] = told.named("spaaza.export")
    assert set(export["events"]) == {"ready", "downloaded", "read"}
    # The one that loads is told of too, and counts the rows.
    assert len(told.named("spaaza.load")) == 2
    assert told.points("spaaza.load.rows") == {"users": 2}


def test_rows_that_an_earlier_process_has_extracted_are_counted(tmp_path: Path) -> None:
    assert ran(programs.leave_extracted, tmp_path).returncode == 0
    told = recorded(programs.load_what_is_left, tmp_path)
    assert told.points("spaaza.load.rows") == {"users": 2, "products": 2}


def test_a_run_is_below_the_span_that_is_current(tmp_path: Path) -> None:
    told = recorded(programs.load_within_a_span, tmp_path)
    assert told.named("spaaza.load")[0]["parent"] == "theirs"


def test_nothing_is_told_of_pipelines_of_others(tmp_path: Path) -> None:
    told = recorded(programs.load_another, tmp_path)
    assert (told.spans, told.metrics) == ([], {})
