"""A snapshot that is merged stages only rows that differ; the table is its file all the same."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from spaaza_source.errors import UnavailableError
from tests.faults.cut_short import QUICK, TOKEN
from tests.processes import ran
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

Row = dict[str, str]

TEN = "id,name,points\n" + "".join(f"{n},name {n},{n}\n" for n in range(1, 11))


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=TEN.encode()) as server:
        yield server


def users(vendor: FileVendor, **settings: Any) -> Any:
    given: dict[str, Any] = {"max_age": 0, "max_deleted_share": 1, **QUICK, **settings}
    return spaaza_source(vendor.base_url, 1743, TOKEN, **given).with_resources("users")


def load(vendor: FileVendor, folder: Path, text: str | None = None, **settings: Any) -> int:
    """Load that file; how many rows of it dlt has written."""
    if text is not None:
        vendor.files["users"] = text.encode()
    pipeline = pipeline_into(folder)
    pipeline.run(users(vendor, **settings))
    trace: Any = pipeline.last_trace
    return int(trace.last_normalize_info.row_counts.get("users", 0))


def load_from_elsewhere(base_url: str, folder: Path) -> None:
    given: dict[str, Any] = {"max_age": 0, **QUICK}
    source = spaaza_source(base_url, 1743, TOKEN, **given).with_resources("users")
    pipeline_into(folder, "other").run(source)


def counted(folder: Path) -> list[tuple[Any, ...]]:
    columns = "rows, loaded, found, proven"
    return query(folder, f"SELECT {columns} FROM export_jobs ORDER BY job_id DESC LIMIT 1")


@pytest.mark.slow
def test_only_rows_that_differ_are_staged(vendor: FileVendor, tmp_path: Path) -> None:
    assert load(vendor, tmp_path) == 10
    assert load(vendor, tmp_path, TEN.replace("name 3", "Ada") + "11,name 11,11\n") == 2
    assert query(tmp_path, "SELECT count(*), sum(points) FROM users") == [(11, 66)]
    assert query(tmp_path, "SELECT name FROM users WHERE id = '3'") == [("Ada",)]
    assert counted(tmp_path) == [(11, 11, 11, True)]
    # A row that goes is named by its key alone.
    assert load(vendor, tmp_path, TEN.replace("name 3", "Ada")) == 1
    assert query(tmp_path, "SELECT count(*), max(points) FROM users") == [(10, 10)]
    assert counted(tmp_path) == [(10, 10, 10, True)]


@pytest.mark.slow
def test_rows_in_another_order_are_not_staged(vendor: FileVendor, tmp_path: Path) -> None:
    header, *lines = TEN.splitlines()
    load(vendor, tmp_path)
    assert load(vendor, tmp_path, "\n".join([header, *reversed(lines)]) + "\n") == 0
    assert query(tmp_path, "SELECT count(*), sum(points) FROM users") == [(10, 55)]
    assert counted(tmp_path) == [(10, 10, 10, True)]


@pytest.mark.slow
def test_what_was_changed_by_hand_is_put_right(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path)
    with pipeline_into(tmp_path).sql_client() as client:
        client.execute_sql("UPDATE users SET points = 99 WHERE id = '7'")
    # Another file, so that it is read.
    assert load(vendor, tmp_path, TEN.replace("name 3", "Ada")) == 2
    assert query(tmp_path, "SELECT sum(points) FROM users") == [(55,)]


@pytest.mark.slow
def test_a_row_with_nothing_but_its_key_is_no_row_that_goes(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path)
    text = TEN.replace("4,name 4,4\n", "").replace("5,name 5,5\n", "5,,\n") + "12,,\n"
    # All that was left out is staged after all.
    assert load(vendor, tmp_path, text) == 10
    rows = query(tmp_path, "SELECT id, name, points FROM users WHERE points IS NULL ORDER BY id")
    assert rows == [("12", None, None), ("5", None, None)]
    assert counted(tmp_path) == [(10, 10, 10, True)]


@pytest.mark.slow
def test_a_table_of_nothing_but_its_key_loses_rows(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "id\n1\n2\n3\n")
    assert load(vendor, tmp_path, "id\n1\n") == 1
    assert load(vendor, tmp_path, "id\n1\n4\n") == 1
    assert query(tmp_path, "SELECT id FROM users ORDER BY id") == [("1",), ("4",)]
    assert counted(tmp_path) == [(2, 2, 2, True)]


@pytest.mark.slow
@pytest.mark.parametrize("bare", ["6,name 6,6", "6,,"])
def test_the_earlier_version_of_a_bad_row_stays(
    bare: str, vendor: FileVendor, tmp_path: Path
) -> None:
    """Beside rows that go, and one that has nothing but its key."""
    load(vendor, tmp_path)
    text = TEN.replace("4,name 4,4\n", "4,name 4,4,4\n").replace("5,name 5,5\n", "")
    load(vendor, tmp_path, text.replace("6,name 6,6", bare), max_rejected_share=0.5)
    rows = query(tmp_path, "SELECT id, name, points FROM users ORDER BY points, id")
    expected: list[tuple[Any, ...]] = [(str(n), f"name {n}", n) for n in (1, 2, 3, 4, 7, 8, 9, 10)]
    expected.append(("6", None, None) if bare == "6,," else ("6", "name 6", 6))
    assert sorted(rows, key=str) == sorted(expected, key=str)
    assert counted(tmp_path) == [(8, 9, 9, True)]


@pytest.mark.slow
def test_with_own_steps_all_rows_are_loaded(vendor: FileVendor, tmp_path: Path) -> None:
    """What a step makes of a row, and not the row itself, is in the table."""
    for name in ("name 3", "Ada"):
        vendor.files["users"] = TEN.replace("name 3", name).encode()
        source = users(vendor)
        source.resources["users"].add_map(lambda rows: rows.set_column(2, "points", rows["points"]))
        pipeline = pipeline_into(tmp_path)
        pipeline.run(source)
        trace: Any = pipeline.last_trace
        assert trace.last_normalize_info.row_counts["users"] == 10


@pytest.mark.slow
@pytest.mark.parametrize("change", ["DELETE FROM users WHERE id = '1'", "DROP TABLE users"])
def test_a_package_that_a_run_has_left_is_for_the_table_that_it_has_read(
    change: str, vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path)
    vendor.files["users"] = TEN.replace("name 3", "Ada").encode()
    pipeline = pipeline_into(tmp_path)
    pipeline.extract(users(vendor))
    pipeline.normalize()
    with pipeline.sql_client() as client:
        client.execute_sql(change)
    load(vendor, tmp_path)
    assert query(tmp_path, "SELECT count(*), sum(points) FROM users") == [(10, 55)]
    assert query(tmp_path, "SELECT name FROM users WHERE id = '3'") == [("Ada",)]
    assert counted(tmp_path) == [(10, 10, 10, True)]


@pytest.mark.slow
def test_a_package_that_is_right_is_loaded_by_a_later_run(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path)
    vendor.files["users"] = TEN.replace("name 3", "Ada").encode()
    pipeline = pipeline_into(tmp_path)
    pipeline.extract(users(vendor))
    pipeline_into(tmp_path).run(users(vendor))
    assert len(vendor.tasks) == 2
    assert query(tmp_path, "SELECT name FROM users WHERE id = '3'") == [("Ada",)]
    assert counted(tmp_path) == [(10, 10, 10, True)]


@pytest.mark.slow
def test_a_table_that_another_load_has_changed_meanwhile_is_not_completed(
    vendor: FileVendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(vendor, tmp_path)
    slow = pipeline_into(tmp_path)
    normalize = slow.normalize

    def be_overtaken() -> Any:
        vendor.files["users"] = TEN.replace("name 4", "Bo").encode()
        assert ran(load_from_elsewhere, vendor.base_url, tmp_path).returncode == 0
        return normalize()

    monkeypatch.setattr(slow, "normalize", lambda *_, **__: be_overtaken())
    vendor.files["users"] = TEN.replace("name 3", "Ada").encode()
    with pytest.raises(Exception, match="users: the table has changed since") as refused:
        slow.run(users(vendor))
    assert isinstance(refused.value.__cause__ or refused.value, UnavailableError)
    vendor.files["users"] = TEN.replace("name 4", "Bo").replace("name 3", "Ada").encode()
    load(vendor, tmp_path)
    names = query(tmp_path, "SELECT name FROM users WHERE id IN ('3', '4') ORDER BY id")
    assert names == [("Ada",), ("Bo",)]


CELLS = ("", "a", "b", "7", "7.5", "2026-05-03T10:00:00Z", "2026-05-03")


def any_file(chance: random.Random, before: list[Row]) -> list[Row]:
    """A file that follows another one: rows go, come and change, and so do columns and types."""
    columns = chance.sample(["name", "points", "since", "code"], chance.randint(0, 4))
    kept = [row for row in before if chance.random() > 0.2]
    new = [{"id": str(n)} for n in range(1, 13) if chance.random() < 0.3]
    rows = {row["id"]: dict(row) for row in [*new, *kept]} or {"1": {"id": "1"}}
    for row in rows.values():
        if columns and chance.random() < 0.3:
            row[chance.choice(columns)] = chance.choice(CELLS)
    return [{name: row.get(name, "") for name in ("id", *columns)} for row in rows.values()]


def text_of(rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def cells_of(folder: Path) -> list[Row]:
    """The filled cells of each row, as texts, whichever column has them."""
    columns = [row[0] for row in query(folder, "DESCRIBE users")]
    rows = query(folder, "SELECT * FROM users")
    named = [dict(zip(columns, map(str, row), strict=True)) for row in rows]
    filled = [{name: cell for name, cell in row.items() if cell != "None"} for row in named]
    return sorted(filled, key=str)


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(1, 6))]
)
def test_whatever_follows_a_file_the_table_is_the_last_one(seed: int, tmp_path: Path) -> None:
    """As if all of its rows had been staged: by a pipeline with a step that leaves them alone."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    rows: list[Row] = []
    with FileVendor(users=b"") as vendor:
        for _ in range(5):
            rows = any_file(chance, rows)
            load(vendor, tmp_path / "some", text_of(rows))
            source = users(vendor)
            source.resources["users"].add_map(lambda item: item)
            pipeline_into(tmp_path / "all").run(source)
            assert cells_of(tmp_path / "some") == cells_of(tmp_path / "all")
            assert counted(tmp_path / "some") == [(len(rows), len(rows), len(rows), True)]
