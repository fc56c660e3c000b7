"""Files that are kept are loaded again, as they were, without a word to the vendor."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from spaaza_source.exports.at_hand.archive import archived_loads, archived_tables
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

HEADER = b"id,timestamp\n"
MONTHS = ["2026-01-05", "2026-02-05", "2026-03-05"]


def source(vendor: FileVendor, **given: Any) -> Any:
    settings = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0, **given}
    token = {"access_token_id": "a", "access_token_secret": "b"}
    return spaaza_source(vendor.base_url, 1743, token, **settings)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a first load of two tables in windows, then a backfill of one, each kept."""
    folder = tmp_path_factory.mktemp("loaded")
    rows = b"".join(f"{number},{day}T00:00:00Z\n".encode() for number, day in enumerate(MONTHS))
    with FileVendor(transactions=HEADER + rows, users=b"id,name\n1,a\n") as vendor:
        dates = {"start_date": "2026-01-01", "end_date": "2026-04-01"}
        both = source(vendor, keep_files=str(folder / "kept"), **dates)
        pipeline_into(folder).run(both.with_resources("transactions", "users"))
        vendor.files["transactions"] = HEADER + b"9,2026-02-07T00:00:00Z\n"
        dates = {"start_date": "2026-02-01", "end_date": "2026-03-01"}
        one = source(vendor, keep_files=str(folder / "kept"), max_age=0, **dates)
        pipeline_into(folder).run(one.with_resources("transactions"))
    return folder


@pytest.fixture
def kept(loaded: Path, tmp_path: Path) -> Path:
    """The kept files, in this test's own copy of that folder."""
    shutil.copytree(loaded, tmp_path, dirs_exist_ok=True)
    return tmp_path / "kept"


def replayed(folder: Path, *loads: Path) -> None:
    # A vendor that is not there is not missed.
    with FileVendor() as gone:
        pass
    for load in loads:
        chosen = source(gone, from_files=str(load)).with_resources(*archived_tables(load))
        pipeline_into(folder, "again").run(chosen)


@pytest.mark.thorough
def test_kept_loads_in_their_order_make_the_same_tables(kept: Path, tmp_path: Path) -> None:
    loads = archived_loads(kept)
    assert [archived_tables(load) for load in loads] == [
        ["transactions", "users"],
        ["transactions"],
    ]
    (tmp_path / "again").mkdir()
    replayed(tmp_path / "again", *loads)
    for table in ("transactions", "users"):
        rows = f"SELECT * FROM {table} ORDER BY id"
        assert query(tmp_path / "again", rows) == query(tmp_path, rows)
    assert query(tmp_path, "SELECT id FROM transactions ORDER BY id") == [("0",), ("2",), ("9",)]
    jobs = (
        "SELECT job_id, window_start, fingerprint, sha256, rows, loaded, state FROM export_jobs"
        " ORDER BY job_id"
    )
    assert query(tmp_path / "again", jobs) == query(tmp_path, jobs)


def test_the_folder_of_one_load_is_enough(kept: Path) -> None:
    (_, second) = archived_loads(kept)
    assert archived_loads(second) == [second]


def test_a_file_that_was_changed_is_not_loaded(kept: Path, tmp_path: Path) -> None:
    first = archived_loads(kept)[0]
    with (first / "users" / "0001.csv").open("ab") as file:
        file.write(b"2,b\n")
    (tmp_path / "again").mkdir()
    with pytest.raises(Exception, match="not as it was archived"):
        replayed(tmp_path / "again", first)


@pytest.mark.parametrize("told", ["{", "[]", '{"version": 2}'])
def test_a_file_whose_description_cannot_be_read_is_not_loaded(
    kept: Path, tmp_path: Path, told: str
) -> None:
    first = archived_loads(kept)[0]
    (first / "users" / "kept.json").write_text(told)
    (tmp_path / "again").mkdir()
    with pytest.raises(Exception, match="cannot be read"):
        replayed(tmp_path / "again", first)


def test_a_load_that_kept_nothing_of_a_table_leaves_it_alone(kept: Path, tmp_path: Path) -> None:
    second = archived_loads(kept)[1]
    pipeline = pipeline_into(tmp_path)
    with FileVendor() as gone:
        pass
    pipeline.run(source(gone, from_files=str(second)))
    assert query(tmp_path, "SELECT count(*) FROM users") == [(1,)]


def test_nothing_is_kept_unless_it_is_asked_for(tmp_path: Path) -> None:
    with FileVendor(users=b"id,name\n1,a\n") as vendor:
        pipeline_into(tmp_path).run(source(vendor).with_resources("users"))
    assert list((tmp_path / "pipelines" / "spaaza" / "exports").iterdir()) == []
    with pytest.raises(Exception, match="there are no archived files"):
        archived_loads(tmp_path)
