"""A file without any byte: refused, unless a window's may stand for no row."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from spaaza_source.errors import FileError, MalformedFileError, SettingsError
from tests.faults.hosts import ours
from tests.hints.loads import check_advice
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
QUICK: dict[str, Any] = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0}
SALES = b"id,timestamp\n1,2026-05-04T00:00:00Z\n2,2026-05-05T00:00:00Z\n"
MAY = {"start_date": "2026-05-01", "end_date": "2026-06-01"}
FIFTH = {"start_date": "2026-05-05", "end_date": "2026-05-06"}


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(transactions=SALES, users=b"id\n1\n") as served:
        yield served


def source(vendor: FileVendor, table: str = "transactions", **given: Any) -> Any:
    settings = {**QUICK, **given}
    return spaaza_source(vendor.base_url, 1743, TOKEN, **settings).with_resources(table)


def refused(folder: Path, loaded: Any) -> Exception:
    with pytest.raises(Exception, match=r".") as raised:
        pipeline_into(folder).run(loaded)
    return ours(raised.value)


@pytest.mark.parametrize("export_format", ["csv", "json"])
def test_it_is_refused_and_the_setting_is_named(
    vendor: FileVendor, tmp_path: Path, export_format: str
) -> None:
    vendor.files["transactions"] = b""
    error = refused(tmp_path, source(vendor, export_format=export_format, **MAY))
    assert isinstance(error, MalformedFileError)
    check_advice("reading/reader.py", "Ask the vendor. If that is how it says", str(error))
    pipeline_into(tmp_path).run(
        source(vendor, export_format=export_format, empty_files="accept", **MAY)
    )
    assert query(tmp_path, "SELECT rows, loaded, bytes FROM export_jobs") == [(0, 0, 0)]


def test_it_clears_its_window_alone(
    vendor: FileVendor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline_into(tmp_path).run(source(vendor, **MAY))
    vendor.files["transactions"] = b""
    accepts = {"empty_files": "accept", **FIFTH}
    with caplog.at_level(logging.WARNING, "dlt"):
        pipeline_into(tmp_path).run(source(vendor, **accepts))
    check_advice("reading/reader.py", "{export.request}, job {export.job.job_id}:", caplog.text)
    assert query(tmp_path, "SELECT id FROM transactions") == [("1",)]
    assert query(tmp_path, "SELECT DISTINCT proven FROM export_jobs") == [(True,)]


@pytest.mark.parametrize(("export_format", "nothing"), [("csv", b""), ("json", b"[]")])
def test_what_shows_no_column_lacks_none(
    vendor: FileVendor, tmp_path: Path, export_format: str, nothing: bytes
) -> None:
    records = b'[{"id": 1, "timestamp": "2026-05-04T00:00:00Z"}]'
    vendor.files["transactions"] = SALES if export_format == "csv" else records
    strict = {"empty_files": "accept", "on_drift": "stop", "export_format": export_format}
    pipeline_into(tmp_path).run(source(vendor, **strict, **MAY))
    columns = query(tmp_path, "SELECT count(*) FROM column_changes")
    whole, vendor.files["transactions"] = vendor.files["transactions"], nothing
    pipeline_into(tmp_path).run(source(vendor, **strict, **FIFTH))
    vendor.files["transactions"] = whole
    pipeline_into(tmp_path).run(source(vendor, **strict, **FIFTH))
    assert query(tmp_path, "SELECT count(*) FROM column_changes") == columns == [(0,)]
    assert query(tmp_path, "SELECT DISTINCT notices FROM export_jobs") == [(None,)]


def test_among_windows_with_rows_it_brings_none(tmp_path: Path) -> None:
    class Monthly(FileVendor):
        def file(self, number: int) -> bytes:
            rules = self.tasks[number - 1]["trigger"]["segment"]["rules"]
            # Asked for with a second more on both sides.
            may = any(str(rule["start_date"]).startswith("2026-04-30") for rule in rules)
            return SALES if may else b""

    with Monthly() as months:
        spring = {"start_date": "2026-03-01", "end_date": "2026-07-01"}
        pipeline_into(tmp_path).run(source(months, empty_files="accept", **spring))
    assert query(tmp_path, "SELECT id FROM transactions ORDER BY id") == [("1",), ("2",)]
    assert len(query(tmp_path, "SELECT rows FROM export_jobs")) == 4


def test_a_full_export_without_any_byte_is_always_refused(
    vendor: FileVendor, tmp_path: Path
) -> None:
    vendor.files["users"] = b""
    error = refused(tmp_path, source(vendor, "users", empty_files="accept"))
    assert isinstance(error, FileError)
    assert "empty_files" not in str(error)


def test_another_word_is_refused(vendor: FileVendor) -> None:
    with pytest.raises(SettingsError, match="empty_files"):
        source(vendor, empty_files="ignore")
