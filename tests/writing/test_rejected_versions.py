"""Rows that come malformed after an earlier load had them well: it is kept or told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

HEADER = "id,name,points,born"
ROWS = 400
BAD = (7, 250, 399)
SCD2 = {"write_disposition": {"disposition": "merge", "strategy": "scd2"}}
CDC = {"write_disposition": {"disposition": "merge", "strategy": "cdc"}, "primary_key": "id"}
UPSERT = {"write_disposition": {"disposition": "merge", "strategy": "upsert"}, "primary_key": "id"}
WINDOW: dict[str, Any] = {
    "start_date": "2026-05-01",
    "end_date": "2026-06-01",
    "time_columns": {"transactions": "at"},
}


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor() as served:
        yield served


def load(
    vendor: FileVendor,
    folder: Path,
    text: str,
    hints: dict[str, Any] | None = None,
    table: str = "products",
    **given: Any,
) -> None:
    """Load the table from that text, with the user's hints."""
    vendor.files[table] = text.encode()
    quick: dict[str, Any] = {"poll_interval": 0, "start_margin": 0, "stagger": 0, "max_age": 0}
    token = {"access_token_id": "a", "access_token_secret": "b"}
    source = spaaza_source(vendor.base_url, 1743, token, **{**quick, **given})
    source.resources[table].apply_hints(**hints or {})
    pipeline_into(folder).run(source.with_resources(table))


def table(*bad: int, name: str = "n", header: str = HEADER) -> str:
    """All rows, of which some have a cell too many."""
    rows = (
        f"{row},{name}{row},{'x,' if row in bad else ''}{row},2001-02-03" for row in range(ROWS)
    )
    return "\n".join([header, *rows, ""])


def last(folder: Path, *columns: str) -> tuple[Any, ...]:
    """What `export_jobs` says of the last load."""
    names = ", ".join(columns)
    return query(folder, f"SELECT {names} FROM export_jobs ORDER BY loaded_at DESC LIMIT 1")[0]


def told(folder: Path) -> dict[str, dict[str, Any]]:
    (text,) = last(folder, "notices")
    return {notice["kind"]: notice for notice in json.loads(text or "[]")}


@pytest.mark.parametrize(
    "hints",
    [
        None,
        pytest.param(
            {"write_disposition": "replace", "primary_key": "id"}, marks=pytest.mark.thorough
        ),
        pytest.param(CDC, marks=pytest.mark.thorough),
    ],
)
def test_a_row_that_comes_malformed_keeps_the_version_that_the_table_has(
    vendor: FileVendor, tmp_path: Path, hints: Any
) -> None:
    load(vendor, tmp_path, table(), hints)
    for name in ("m", "o"):
        load(vendor, tmp_path, table(*BAD, name=name), hints)
        assert query(tmp_path, "SELECT count(*), count(DISTINCT id) FROM products") == [(400, 400)]
        stale = query(
            tmp_path, "SELECT id::BIGINT, name, points FROM products WHERE name[1] = 'n' ORDER BY 1"
        )
        assert stale == [(row, f"n{row}", row) for row in BAD]
        counts = last(tmp_path, "rows", "rejected", "loaded", "found", "proven")
        assert counts == (397, 3, 400, 400, True)
        assert told(tmp_path)["kept"]["rows"] == 3
        assert told(tmp_path)["kept"]["first"].startswith("line 9, byte offset")
        assert "no earlier version" not in told(tmp_path)["rejected"]["message"]
    load(vendor, tmp_path, table(name="p"), hints)
    assert query(tmp_path, "SELECT count(*) FROM products WHERE name[1] = 'p'") == [(400,)]
    assert told(tmp_path) == {}


@pytest.mark.thorough
def test_a_row_that_was_never_well_is_told_and_no_more(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, table(*BAD))
    assert list(told(tmp_path)) == ["rejected"]
    assert "no earlier version" not in told(tmp_path)["rejected"]["message"]
    load(vendor, tmp_path, table(*BAD))
    assert list(told(tmp_path)) == ["rejected"]
    assert query(tmp_path, "SELECT count(*) FROM products") == [(397,)]
    load(vendor, tmp_path, table())
    assert query(tmp_path, "SELECT count(*) FROM products") == [(400,)]


@pytest.mark.thorough
def test_a_row_that_is_there_well_too_is_the_row(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, table())
    load(vendor, tmp_path, table(name="m") + "7,x,y,7,2001-02-03\n")
    assert query(tmp_path, "SELECT count(*), min(name[1]) FROM products") == [(400, "m")]
    assert list(told(tmp_path)) == ["rejected"]


@pytest.mark.thorough
def test_what_the_vendor_deleted_goes_beside_what_is_kept(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path, table())
    load(vendor, tmp_path, table(*BAD).replace("\n8,n8,8,2001-02-03\n", "\n"))
    assert query(tmp_path, "SELECT count(*) FROM products") == [(399,)]
    assert query(tmp_path, "SELECT count(*) FROM products WHERE id IN (7, 8)") == [(1,)]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("name,points\na,1\na,1\nb,2\n", "name,points\na,1\na,1\nb,2,3\n", "no column is known"),
        # The comma too many may be in the name, before the key.
        ("name,id\na,1\nb,2\nc,3\n", "name,id\na,1\nb,2\nc,,3\n", "keys cannot be read"),
        # The file may end where the row would have gone on.
        ("id,name\n1,a\n2,b\n13,c\n", "id,name\n2,b\n13,c\n1\n", "keys cannot be read"),
        ("id,name\n1,a\n2,b\n3,c\n", "id,name\n1,a\n2,b\n,c,3\n", "keys cannot be read"),
    ],
    ids=["keyless", "after text", "cut", "no key in it"],
)
def test_where_the_key_cannot_be_read_that_is_told(
    vendor: FileVendor, tmp_path: Path, first: str, second: str, reason: str
) -> None:
    load(vendor, tmp_path, first)
    load(vendor, tmp_path, second, max_rejected_share=0.5)
    assert query(tmp_path, "SELECT count(*) FROM products") == [(2,)]
    assert "kept" not in told(tmp_path)
    message = told(tmp_path)["rejected"]["message"]
    assert "of 1 row the table keeps no earlier version" in message
    assert reason in message
    assert last(tmp_path, "loaded", "proven") == (2, True)


@pytest.mark.thorough
def test_a_json_element_that_cannot_be_read_is_told(vendor: FileVendor, tmp_path: Path) -> None:
    form: dict[str, Any] = {"export_format": "json", "max_rejected_share": 0.5}
    load(vendor, tmp_path, '[{"id": 1, "a": "x"}, {"id": 2, "a": "x"}]', **form)
    load(vendor, tmp_path, '[{"id": 1, "a": "x"}, {"id": 2, "a": "\\u0000"}]', **form)
    assert "no earlier version" in told(tmp_path)["rejected"]["message"]


def window(*rows: str) -> str:
    return "\n".join(["at,id,name", *rows, ""])


MAY = [f"2026-05-{day:02}T00:00:00Z,{day},n{day}" for day in range(1, 11)]


@pytest.mark.parametrize(
    "key", [None, pytest.param({"primary_key": "id"}, marks=pytest.mark.thorough)]
)
def test_a_window_keeps_its_row_by_a_key(vendor: FileVendor, tmp_path: Path, key: Any) -> None:
    may: Any = {**WINDOW, "max_rejected_share": 0.5, "table": "transactions"}
    load(vendor, tmp_path, window(*MAY), key, **may)
    load(vendor, tmp_path, window(*MAY[:-1], f"{MAY[-1]},x"), key, **may)
    assert query(tmp_path, "SELECT count(*), max(id::BIGINT) FROM transactions") == [(10, 10)]
    assert told(tmp_path)["kept"]["rows"] == 1
    assert last(tmp_path, "loaded", "found", "proven") == (10, 10, True)


@pytest.mark.thorough
def test_each_window_counts_the_row_that_it_keeps(vendor: FileVendor, tmp_path: Path) -> None:
    both: Any = {**WINDOW, "end_date": "2026-07-01", "window": "month", "max_rejected_share": 0.5}
    both["table"] = "transactions"
    june = [row.replace("2026-05", "2026-06").replace(",", ",1", 1) for row in MAY]
    load(vendor, tmp_path, window(*MAY, *june), **both)
    # The vendor has moved a row to June, where it is malformed; the table has it in May.
    load(vendor, tmp_path, window(*MAY[1:], *june, f"{june[-1][:20]},1,moved,x"), **both)
    assert query(tmp_path, "SELECT count(*) FROM transactions WHERE id = 1") == [(1,)]
    jobs = query(
        tmp_path,
        "SELECT window_start::DATE::VARCHAR, loaded, found, proven FROM export_jobs"
        " ORDER BY loaded_at DESC, 1 LIMIT 2",
    )
    assert sorted(jobs) == [("2026-05-01", 10, 10, True), ("2026-06-01", 10, 10, True)]


@pytest.mark.thorough
def test_a_window_without_a_key_tells(vendor: FileVendor, tmp_path: Path) -> None:
    may: Any = {**WINDOW, "max_rejected_share": 0.5, "table": "transactions"}
    rows = ["2026-05-02T00:00:00Z,a", "2026-05-02T00:00:00Z,a", "2026-05-03T00:00:00Z,b"]
    load(vendor, tmp_path, "\n".join(["at,name", *rows, ""]), **may)
    load(vendor, tmp_path, "\n".join(["at,name", *rows, ""])[:-1] + ",x\n", **may)
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(2,)]
    assert "no column is known" in told(tmp_path)["rejected"]["message"]


@pytest.mark.thorough
def test_a_history_goes_on_with_the_version_that_is_valid(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path, table(), {**SCD2, "primary_key": "id"})
    load(vendor, tmp_path, table(*BAD), {**SCD2, "primary_key": "id"})
    valid = "SELECT count(*), count(*) FILTER (_dlt_valid_to IS NULL) FROM products"
    assert query(tmp_path, valid) == [(400, 400)]
    assert last(tmp_path, "loaded", "found", "proven") == (400, 400, True)
    load(vendor, tmp_path, table(name="m"), {**SCD2, "primary_key": "id"})
    assert query(tmp_path, valid) == [(800, 400)]


@pytest.mark.thorough
def test_where_nothing_is_deleted_the_version_stays_by_itself(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path, table(), UPSERT)
    load(vendor, tmp_path, table(*BAD, name="m"), UPSERT)
    assert query(tmp_path, "SELECT count(*) FROM products") == [(400,)]
    assert list(told(tmp_path)) == ["rejected"]
    assert "no earlier version" not in told(tmp_path)["rejected"]["message"]
    assert last(tmp_path, "loaded", "proven") == (397, True)


def test_hashed_cells_are_kept_as_they_are(vendor: FileVendor, tmp_path: Path) -> None:
    hidden = {"products": {"id": "hash", "name": "hash", "born": "drop"}}
    policy: dict[str, Any] = {"privacy": hidden, "privacy_secret": "sixteen characters"}
    load(vendor, tmp_path, table(), **policy)
    before = query(tmp_path, "SELECT id, name, points FROM products ORDER BY ALL")
    load(vendor, tmp_path, table(*BAD), **policy)
    assert query(tmp_path, "SELECT id, name, points FROM products ORDER BY ALL") == before
    assert told(tmp_path)["kept"]["rows"] == 3
    assert query(tmp_path, "SELECT count(raw) FROM rejected_rows") == [(0,)]


@pytest.mark.thorough
def test_the_users_steps_do_not_change_a_kept_row_once_more(
    vendor: FileVendor, tmp_path: Path
) -> None:
    quick: dict[str, Any] = {"poll_interval": 0, "start_margin": 0, "stagger": 0, "max_age": 0}
    for bad in ((), BAD):
        vendor.files["products"] = table(*bad).encode()
        token = {"access_token_id": "a", "access_token_secret": "b"}
        source = spaaza_source(vendor.base_url, 1743, token, **quick).with_resources("products")
        source.products.add_map(
            lambda rows: rows.set_column(
                2, "points", [[points + 1000 for points in rows["points"].to_pylist()]]
            )
        )
        pipeline_into(tmp_path).run(source)
    assert query(tmp_path, "SELECT count(*), min(points - id::BIGINT) FROM products") == [
        (400, 1000)
    ]


@pytest.mark.thorough
def test_variants_of_a_kept_row_stay(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, table())
    load(vendor, tmp_path, table().replace("7,n7,7,", "7,n7,many,").replace("8,n8,8", "8,n8,"))
    load(vendor, tmp_path, table(*BAD))
    found = query(tmp_path, "SELECT points, points__v_text FROM products WHERE id = 7")
    assert found == [(None, "many")]


def test_each_of_several_lines_keeps_the_version_that_the_table_has(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path, table())
    swallowed = (
        table(name="new").replace("250,new250", '250,"new250').replace("251,new251", '251,"x"')
    )
    load(vendor, tmp_path, swallowed)
    names = "SELECT name FROM products WHERE points BETWEEN 249 AND 252 ORDER BY points"
    assert query(tmp_path, names) == [("new249",), ("n250",), ("n251",), ("new252",)]
    assert told(tmp_path)["rejected"]["rows"] == 1
    assert told(tmp_path)["kept"]["rows"] == 2
