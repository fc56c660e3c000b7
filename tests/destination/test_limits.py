"""What a destination can never take is refused before a package is made; the next load goes on."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source import spaaza_source
from spaaza_source.destination import check_columns, check_record_width, check_row_width
from spaaza_source.errors import FileError, SpaazaSourceError
from tests.destination.destinations import Destination
from tests.faults.cut_short import QUICK
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
NOW = datetime.now(UTC)


def source(vendor: FileVendor, table: str, **settings: Any) -> Any:
    given: dict[str, Any] = {"max_age": 0, **QUICK, **settings}
    return spaaza_source(vendor.base_url, 1743, TOKEN, **given).with_resources(table)


def stopped(load: Callable[[], Any]) -> SpaazaSourceError:
    with pytest.raises(PipelineStepFailed) as raised:
        load()
    assert raised.value.step == "extract"
    cause: BaseException | None = raised.value
    while cause is not None and not isinstance(cause, SpaazaSourceError):
        cause = cause.__cause__ or cause.__context__
    assert cause is not None
    return cause


class _Postgres:
    """Whatever of a pipeline the limits need."""

    destination: Any = dlt.destinations.postgres("postgresql://u@h/d")


def test_a_name_that_the_database_keeps_is_refused() -> None:
    with pytest.raises(FileError, match=r"keeps the name XMIN .*\"XMIN\": \"drop\""):
        check_columns(_Postgres(), "users", ["id", "XMIN"])
    check_columns(_Postgres(), "users", ["id", "x_min"])


def test_more_columns_than_a_table_can_have_are_refused() -> None:
    check_columns(_Postgres(), "users", [f"c{number}" for number in range(1600)])
    with pytest.raises(FileError, match=r"1,601 columns are more than the 1,600"):
        check_columns(_Postgres(), "users", [f"c{number}" for number in range(1601)])


@pytest.mark.parametrize(
    ("columns", "cell", "is_too_wide"),
    [
        (400, "x" * 3000, False),
        (440, "x" * 3000, False),
        (460, "x" * 3000, True),
        (1000, "x", False),
        (1000, "12345678", True),
        (1000, None, False),
        (1000, 7, False),
        (1017, 7, True),
    ],
)
def test_a_row_that_fills_more_than_a_page_is_refused(
    columns: int, cell: Any, is_too_wide: bool
) -> None:
    kind = pa.int64() if isinstance(cell, int) else pa.string()
    rows = pa.table({f"c{number}": pa.array([None, cell], kind) for number in range(columns)})
    if is_too_wide:
        with pytest.raises(FileError, match="a row takes"):
            check_row_width(_Postgres(), "users", rows)
    else:
        check_row_width(_Postgres(), "users", rows)


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize(
    ("columns", "cell", "is_too_wide"),
    [
        (440, "x" * 3000, False),
        (460, "x" * 3000, True),
        (1000, "x", False),
        (1000, "12345678", True),
        (1000, None, False),
        (990, 7, False),
        (1017, 7, True),
    ],
)
def test_the_same_holds_for_records_and_the_elements_of_their_lists(
    columns: int, cell: Any, is_too_wide: bool, below: bool
) -> None:
    # Some of the columns are of an object.
    row = {f"c{number}": cell for number in range(columns - 10)}
    row["more"] = {f"c{number}": cell for number in range(10)}
    records = [{"id": 1}, {"id": 1, "of": {"items": [{}, row]}} if below else row]
    told = r"users__of__items: a row .*\{\"of__items__COLUMN\"" if below else "users: a row takes"
    if is_too_wide:
        with pytest.raises(FileError, match=told):
            check_record_width(_Postgres(), "users", records)
    else:
        check_record_width(_Postgres(), "users", records)


def spread(columns: int) -> list[dict[str, int]]:
    """Objects that have so many columns together, and few each."""
    return [
        {f"c{number}": number for number in range(begin, min(begin + 100, columns))}
        for begin in range(0, columns, 100)
    ]


#: Records, with what must be told.
TOO_MUCH: dict[str, tuple[Any, str]] = {
    "name": ([{"xmin": 1}], "users: postgres keeps the name xmin"),
    "name in a list": (
        [{"items": [{"ctid": "a"}]}],
        r'users__items: postgres keeps the name ctid .*"items__ctid": "drop"',
    ),
    "name in a list of a list": (
        [{"items": [{"sub": [{"xmax": 1}]}]}],
        "users__items__sub: postgres keeps the name xmax",
    ),
    "columns": (spread(1701), "users: 1,703 columns"),
    "columns of dlt": (spread(1599), "users: 1,601 columns"),
    "columns in a list": ([{"items": spread(1597)}], "users__items: 1,601 columns"),
    "width": ([{f"c{number}": "a text of more" for number in range(600)}], "users: a row takes"),
    "width in a list": (
        [{"items": [{f"c{number}": 7 for number in range(1200)}]}],
        "users__items: a row takes",
    ),
}
MOST = [{"c0": 1, "items": spread(1596)}, *spread(1598)]


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("case", TOO_MUCH)
def test_records_that_postgres_cannot_take_are_refused_before_a_package_is_made(
    make_destination: Callable[[str], Destination], tmp_path: Path, case: str
) -> None:
    destination = make_destination("postgres")
    pipeline = dlt.pipeline(
        "limits",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=destination.name,
        dataset_name="loyalty",
    )
    records, told = TOO_MUCH[case]
    with FileVendor(users=json.dumps(records).encode()) as vendor:
        error = stopped(lambda: pipeline.run(source(vendor, "users", export_format="json")))
        assert re.search(told, str(error))
        vendor.files["users"] = json.dumps(MOST).encode()
        pipeline.run(source(vendor, "users", export_format="json"))
    assert [len(destination.read(table)) for table in ("users", "users__items")] == [17, 16]


@pytest.mark.slow
@pytest.mark.thorough
def test_duckdb_takes_all_of_it(tmp_path: Path) -> None:
    header = ",".join(["id", "xmin", *(f"c{number}" for number in range(1700))])
    with FileVendor(users=f"{header}\n{','.join(['1'] * 1702)}\n".encode()) as vendor:
        pipeline_into(tmp_path).run(source(vendor, "users", max_rejected_share=1))
    assert query(tmp_path, "SELECT xmin, c1699 FROM users") == [(1, 1)]


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize(
    "file",
    [
        b"id,xmin\n1,2\n",
        ",".join(["id", *(f"c{number}" for number in range(1701))]).encode()
        + b"\n"
        + b",".join([b"1"] * 1702)
        + b"\n",
        ",".join(["id", *(f"c{number}" for number in range(600))]).encode()
        + b"\n1,"
        + b",".join([b"a text of more"] * 600)
        + b"\n",
    ],
    ids=["name", "columns", "width"],
)
def test_postgres_is_asked_for_nothing_that_it_cannot_do(
    make_destination: Callable[[str], Destination], tmp_path: Path, file: bytes
) -> None:
    destination = make_destination("postgres")
    pipeline = dlt.pipeline(
        "limits",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=destination.name,
        dataset_name="loyalty",
    )
    with FileVendor(users=file) as vendor:
        assert "postgres" in str(stopped(lambda: pipeline.run(source(vendor, "users"))))
        vendor.files["users"] = b"id,name\n1,a\n"
        pipeline.run(source(vendor, "users"))
    assert len(destination.read("users")) == 1


@pytest.mark.parametrize(
    ("hints", "told"),
    [
        ({"primary_key": "idd"}, "primary_key of users: the file has no column 'idd'.*: id"),
        ({"merge_key": "nme", "write_disposition": "merge"}, "merge_key of users.*'nme'.*: name"),
        ({"columns": {"ID_": {"nullable": False}}}, "nullable=False of users: .*no column"),
    ],
)
def test_a_hint_about_a_column_that_the_file_lacks_is_refused(
    tmp_path: Path, hints: Any, told: str
) -> None:
    pipeline = pipeline_into(tmp_path)
    with FileVendor(users=b"id,name\n1,a\n") as vendor:
        wrong = source(vendor, "users")
        wrong.users.apply_hints(**hints)
        assert stopped(lambda: pipeline.run(wrong)).args
        with pytest.raises(SpaazaSourceError, match=told):
            raise stopped(lambda: pipeline.run(wrong))
        pipeline.run(source(vendor, "users"))
    assert query(tmp_path, "SELECT * FROM users") == [("1", "a")]


def test_a_hint_about_a_field_that_records_lack_is_refused(tmp_path: Path) -> None:
    pipeline = pipeline_into(tmp_path)
    with FileVendor(users=b'[{"id": 1, "user": {"mail": "a"}}]') as vendor:
        wrong = source(vendor, "users", export_format="json")
        wrong.users.apply_hints(primary_key="user__male")
        error = stopped(lambda: pipeline.run(wrong))
        assert "no column 'user__male'. Name one that it has: user__mail" in str(error)
        right = source(vendor, "users", export_format="json")
        right.users.apply_hints(primary_key="user__mail")
        pipeline.run(right)
    assert query(tmp_path, "SELECT user__mail FROM users") == [("a",)]


def test_a_column_of_the_users_own_map_may_be_the_key(tmp_path: Path) -> None:
    with FileVendor(users=b"id,name\n1,a\n") as vendor:
        mapped = source(vendor, "users")
        mapped.users.apply_hints(primary_key="own", write_disposition="merge")
        mapped.users.add_map(lambda rows: rows.append_column("own", rows.column("id")))
        pipeline_into(tmp_path).run(mapped)
    assert query(tmp_path, "SELECT own FROM users") == [("1",)]


def records(*ids: int) -> bytes:
    at = NOW.isoformat()
    lines = [{"id": each, "timestamp": at, "items": [{"sku": "a"}]} for each in ids]
    return json.dumps(lines).encode()


@pytest.mark.slow
@pytest.mark.parametrize("first", [(1, 2), pytest.param((), marks=pytest.mark.thorough)])
def test_nested_lists_are_merged_from_the_second_load_on(
    tmp_path: Path, first: tuple[int, ...]
) -> None:
    pipeline = pipeline_into(tmp_path)
    with FileVendor(transactions=records(*first)) as vendor:
        for ids in (first, (1, 2, 3), (1, 2, 3, 4)):
            vendor.files["transactions"] = records(*ids)
            pipeline.run(source(vendor, "transactions", export_format="json"))
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(4,)]
    assert query(tmp_path, "SELECT count(*) FROM transactions__items") == [(4,)]


def test_versions_of_records_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with FileVendor(users=records(1)) as vendor:
        versions = source(vendor, "users", export_format="json")
        versions.users.apply_hints(write_disposition={"disposition": "merge", "strategy": "scd2"})
        error = stopped(lambda: pipeline_into(tmp_path).run(versions))
        assert "records of JSON exports have none" in str(error)
        assert vendor.tasks == []


def test_a_format_without_its_package_is_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)
    pipeline = dlt.pipeline(
        "lake",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.filesystem(f"file://{tmp_path}/lake"),
        dataset_name="loyalty",
    )
    with FileVendor(users=b"id\n1\n") as vendor:
        lake = source(vendor, "users")
        lake.users.apply_hints(table_format="delta")
        error = stopped(lambda: pipeline.run(lake))
        assert "pip install 'spaaza-source[delta]'" in str(error)
        assert vendor.tasks == []


@pytest.mark.parametrize(
    ("hint", "preferred", "told"),
    [
        ("iceberg", None, "the table format iceberg"),
        (None, "iceberg", "the destination's table format iceberg"),
        # It would be written as Delta, and taken for plain files.
        (None, "delta", "the destination's table format delta"),
        (lambda _: "delta", None, "a computed table format"),
        ("hive", None, "the table format hive"),
    ],
    ids=["iceberg", "iceberg by default", "delta by default", "computed", "hive"],
)
def test_a_format_of_files_that_cannot_be_kept_current_is_refused_before_anything_is_asked(
    tmp_path: Path, hint: Any, preferred: Any, told: str
) -> None:
    pipeline = dlt.pipeline(
        "lake",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.filesystem(
            f"file://{tmp_path}/lake", preferred_table_format=preferred
        ),
        dataset_name="loyalty",
    )
    with FileVendor(users=b"id\n1\n") as vendor:
        lake = source(vendor, "users")
        if callable(hint):
            lake.users.apply_hints(table_name=lambda _: "users", table_format=hint)
        elif hint is not None:
            lake.users.apply_hints(table_format=hint)
        error = stopped(lambda: pipeline.run(lake))
        assert f"{told} cannot be kept current" in str(error)
        assert vendor.tasks == []
        if isinstance(hint, str):
            # For a run, instead of a resource.
            again: Any = {"table_format": hint}
            error = stopped(lambda: pipeline.run(source(vendor, "users"), **again))
            assert f"{told} cannot be kept current" in str(error)
            assert vendor.tasks == []
