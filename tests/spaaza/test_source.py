"""The whole pipeline: a sandbox's exports into a DuckDB file, through dlt."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from packaging.version import Version

from spaaza_source import spaaza_source
from spaaza_source.errors import ExportFailedError
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.spaaza.indexes import INDEXES
from tests.warehouses import column_types, pipeline_into, query

pytestmark = pytest.mark.slow

ROWS = 300
#: A span inside the sandbox's history that holds some rows of each index, not all.
START, END = "2025-03-01T00:00:00Z", "2025-06-01T00:00:00Z"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    # Fewer months, each of which is an export of its own.
    with Sandbox(SandboxSettings(rows=ROWS, history_days=640)) as served:
        yield served


def source(sandbox: Sandbox, **given: Any) -> Any:
    return spaaza_source(
        sandbox.base_url,
        sandbox.chain_id,
        sandbox.credentials,
        **{
            "poll_interval": 0.02,
            "start_margin": 0,
            "stagger": 0,
            "max_concurrent_exports": 6,
            **given,
        },
    )


@pytest.fixture(scope="module")
def whole(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that one load of all six indexes leaves."""
    folder = tmp_path_factory.mktemp("whole")
    pipeline_into(folder).run(source(sandbox))
    return folder


def test_six_indexes_become_six_typed_tables(whole: Path) -> None:
    for table in INDEXES:
        assert query(whole, f"SELECT count(*) FROM {table}") == [(ROWS,)]
    transactions = column_types(whole, "transactions")
    assert transactions["timestamp"] == "TIMESTAMP WITH TIME ZONE"
    assert transactions["total_value"].startswith("DECIMAL")
    assert transactions["retailer_basket_code"] == "VARCHAR"
    assert query(
        whole, "SELECT count(*) FROM transactions WHERE retailer_basket_code NOT LIKE '0%'"
    ) == [(0,)]
    joined = "SELECT count(*) FROM product_variants v JOIN products p ON v.product_id = p.id"
    assert query(whole, joined) == [(ROWS,)]


def test_its_rows_are_had_as_a_frame_by_any_duckdb_and_sqlglot(whole: Path) -> None:
    with (
        pipeline_into(whole).sql_client() as client,
        client.execute_query("SELECT * FROM users") as rows,
    ):
        frame = rows.df()
    assert frame is not None
    assert len(frame) == ROWS


@pytest.mark.skipif(
    Version(version("sqlglot")) >= Version("30.22"), reason="dlt 1.31 cannot, see docs/versions.md"
)
def test_the_dataset_reads_as_a_frame_and_as_arrow(whole: Path) -> None:
    users = pipeline_into(whole).dataset()["users"]
    frame = users.df()
    assert frame is not None
    assert len(frame) == ROWS
    if Version(duckdb.__version__) < Version("2"):
        table = users.arrow()
        assert table is not None
        assert table.num_rows == ROWS
        assert list(frame.columns) == table.column_names


def test_only_what_is_selected_is_asked_for(sandbox: Sandbox, tmp_path: Path) -> None:
    before = len(sandbox.tasks)
    pipeline_into(tmp_path).run(source(sandbox, max_age=0).with_resources("products", "vouchers"))
    asked = sandbox.tasks[: len(sandbox.tasks) - before]
    assert {task["target"]["export_index"] for task in asked} == {"products", "vouchers"}
    assert len(asked) == 2


def test_every_export_is_accounted_for(whole: Path) -> None:
    jobs = query(
        whole,
        "SELECT table_name, state, rows, rejected, loaded, length(sha256), bytes > 0, polls > 0,"
        " created_at <= finished_at, _dlt_load_id FROM export_jobs ORDER BY table_name",
    )
    loads = {job[-1] for job in jobs}
    assert [job[0] for job in jobs] == sorted(INDEXES)
    assert {job[1:-1] for job in jobs} == {("DONE", ROWS, 0, ROWS, 64, True, True, True)}
    assert query(whole, "SELECT load_id FROM _dlt_loads") == [(loads.pop(),)]
    assert query(whole, "SELECT count(*) FROM rejected_rows") == [(0,)]
    assert query(whole, "SELECT count(*) FROM column_changes") == [(0,)]


def test_a_range_is_loaded_and_replaced_exactly(
    sandbox: Sandbox, whole: Path, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    tables = ("transactions", "wallet_ledger", "vouchers", "users")
    for _ in range(2):
        ranged = source(sandbox, start_date=START, end_date=END)
        pipeline.run(ranged.with_resources(*tables))
    for table, column in (
        ("transactions", "timestamp"),
        ("wallet_ledger", "timestamp"),
        ("vouchers", "date_time_creation"),
    ):
        wanted = f"SELECT count(*) FROM {table} WHERE {column} >= '{START}' AND {column} < '{END}'"
        ((inside,),) = query(whole, wanted)
        assert 0 < inside < ROWS
        assert query(tmp_path, f"SELECT count(*) FROM {table}") == [(inside,)]
    # No filter tells which users changed in a range: they always come whole.
    assert query(tmp_path, "SELECT count(*) FROM users") == [(ROWS,)]


@pytest.mark.thorough
def test_two_ranges_that_touch_neither_overlap_nor_leave_a_gap(
    sandbox: Sandbox, whole: Path, tmp_path: Path
) -> None:
    # A bound that is the very time of a row: the sharpest of cases.
    ((bound,),) = query(
        whole,
        "SELECT strftime(timestamp, '%Y-%m-%dT%H:%M:%S.%fZ') FROM transactions"
        " ORDER BY timestamp OFFSET 150 LIMIT 1",
    )
    halves = pipeline_into(tmp_path)
    for start, end in (("2025-01-01", bound), (bound, "2026-12-01")):
        halves.run(source(sandbox, start_date=start, end_date=end).with_resources("transactions"))
    same = "SELECT count(*), count(DISTINCT id), sum(total_value) FROM transactions"
    assert query(tmp_path, same) == query(whole, same)


@pytest.mark.thorough
def test_a_users_own_steps_see_only_the_tables(sandbox: Sandbox, tmp_path: Path) -> None:
    seen: list[Any] = []

    def shout(table: pa.Table) -> pa.Table:
        seen.append(type(table))
        return table.append_column("shouted", pa.array(["!"] * table.num_rows))

    chosen = source(sandbox).with_resources("users")
    chosen.users.add_map(shout)
    pipeline_into(tmp_path).run(chosen)
    assert set(seen) == {pa.Table}
    assert query(tmp_path, "SELECT count(shouted) FROM users") == [(ROWS,)]
    assert "shouted" not in column_types(tmp_path, "export_jobs")


def test_a_users_hints_win(sandbox: Sandbox, tmp_path: Path) -> None:
    chosen = source(sandbox).with_resources("users")
    chosen.users.apply_hints(
        primary_key="id",
        write_disposition={"disposition": "merge", "strategy": "upsert"},
        columns={"id": {"data_type": "text"}},
    )
    pipeline = pipeline_into(tmp_path)
    for _ in range(2):
        pipeline.run(chosen)
    assert query(tmp_path, "SELECT count(*) FROM users") == [(ROWS,)]
    assert column_types(tmp_path, "users")["id"] == "VARCHAR"
    assert column_types(tmp_path, "export_jobs")["job_id"] == "VARCHAR"


def test_resources_run_alone_in_parallel_and_without_a_pipeline(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    pipeline = pipeline_into(tmp_path)
    pipeline.run(source(sandbox).products)
    assert query(tmp_path, "SELECT table_name FROM export_jobs") == [("products",)]
    chosen = source(sandbox)
    for resource in chosen.resources.values():
        resource.parallelize()
    pipeline.run(chosen)
    assert query(tmp_path, "SELECT count(DISTINCT table_name) FROM export_jobs") == [(6,)]
    rows = sum(table.num_rows for table in source(sandbox).users)
    assert rows == ROWS


def test_a_segment_narrows_what_comes(sandbox: Sandbox, tmp_path: Path) -> None:
    rule = {"field_name": "type", "field_type": "keyword", "operator": "is", "value": "online"}
    chosen = source(sandbox, segments={"transactions": [rule]})
    pipeline_into(tmp_path).run(chosen.with_resources("transactions"))
    assert query(tmp_path, "SELECT DISTINCT type FROM transactions") == [("online",)]


def test_a_failed_export_loads_nothing_and_says_why(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(rows=ROWS, max_export_rows=10)) as small:
        with pytest.raises(Exception, match="ended in ERROR") as raised:
            pipeline_into(tmp_path).run(source(small).with_resources("products"))
        assert isinstance(raised.value.__cause__.__cause__, ExportFailedError)  # type: ignore[union-attr]
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as warehouse:
        made = warehouse.sql("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
        # Of data nothing is there; of what has failed, what it was.
        assert made == [("_dlt_loads",), ("_dlt_version",), ("failed_exports",)]
        told = warehouse.sql("SELECT DISTINCT table_name, error FROM loyalty.failed_exports")
        assert told.fetchall() == [("products", "ExportFailedError")]
    assert list((tmp_path / "pipelines" / "spaaza" / "exports").iterdir()) == []


def test_an_index_without_rows_is_a_success(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(rows=0)) as empty:
        pipeline_into(tmp_path).run(source(empty).with_resources("products"))
    assert query(tmp_path, "SELECT rows, loaded FROM export_jobs") == [(0, 0)]


def test_no_download_is_left_behind(whole: Path) -> None:
    assert list((whole / "pipelines" / "spaaza" / "exports").iterdir()) == []


def test_progress_hears_of_states_and_bytes(sandbox: Sandbox, tmp_path: Path) -> None:
    heard: list[tuple[str, str | None, str | None, int]] = []

    class Listener(dlt.common.runtime.collector.NullCollector):
        def update(self, name: str, inc: int = 1, *rest: Any, **more: Any) -> None:
            del rest
            heard.append((name, more.get("label"), more.get("message"), inc))

    pipeline = dlt.pipeline(
        "heard",
        pipelines_dir=str(tmp_path),
        destination=dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb")),
        dataset_name="loyalty",
        progress=Listener(),
    )
    pipeline.run(source(sandbox).with_resources("users"))
    states = [message for name, label, message, _ in heard if (name, label) == ("users", "export")]
    assert states[-1] == "arrived"
    received = sum(inc for name, label, _, inc in heard if (name, label) == ("users", "download"))
    assert query(tmp_path, "SELECT bytes_received FROM export_jobs") == [(received,)]


PRIVACY_SECRET = "canary-privacy-secret-9d2f"


def test_a_column_under_a_policy_reaches_nothing_in_the_clear(
    sandbox: Sandbox, whole: Path, tmp_path: Path
) -> None:
    people = query(whole, "SELECT username, lastname FROM users")
    chosen = source(
        sandbox,
        privacy={"users": {"preset": "pseudonymise", "username": "hash", "lastname": "drop"}},
        privacy_secret=PRIVACY_SECRET,
        segments={
            "users": [
                {
                    "field_name": "country_code",
                    "field_type": "keyword",
                    "operator": "is_not",
                    "value": people[0][0],
                }
            ]
        },
    )
    pipeline = pipeline_into(tmp_path)
    pipeline.extract(chosen.with_resources("users"))
    pipeline.normalize()
    # Before the load has cleaned up: the package, the state, the trace.
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file())
    pipeline.load()
    written += (tmp_path / "warehouse.duckdb").read_bytes()
    names = column_types(tmp_path, "users")
    assert "lastname" not in names
    hashes = query(tmp_path, "SELECT username FROM users")
    assert {len(name) for (name,) in hashes if name} == {64}
    assert len(set(hashes)) == len({username for username, _ in people})
    for username, _ in people:
        assert username.encode() not in written
    assert PRIVACY_SECRET.encode() not in written
    tables = pq_tables(tmp_path)
    assert all("lastname" not in table for table in tables)


def pq_tables(folder: Path) -> list[list[str]]:
    return [pq.read_schema(path).names for path in folder.rglob("*.parquet")]


@pytest.mark.thorough
def test_no_secret_is_written_to_dlts_own_files(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = "SOURCES__SPAAZA__"
    secret = sandbox.credentials["access_token_secret"]
    monkeypatch.setenv(prefix + "BASE_URL", sandbox.base_url)
    monkeypatch.setenv(prefix + "CHAIN_ID", str(sandbox.chain_id))
    monkeypatch.setenv(
        prefix + "CREDENTIALS__ACCESS_TOKEN_ID", "0b0e7c1e-5a5d-4f0e-9a54-1743c0ffee00"
    )
    monkeypatch.setenv(prefix + "CREDENTIALS__ACCESS_TOKEN_SECRET", secret)
    monkeypatch.setenv(prefix + "PRIVACY", "pseudonymise")
    monkeypatch.setenv(prefix + "PRIVACY_SECRET", PRIVACY_SECRET)
    monkeypatch.setenv(prefix + "POLL_INTERVAL", "0.02")
    pipeline = pipeline_into(tmp_path)
    pipeline.run(spaaza_source().with_resources("users"))
    assert (tmp_path / "pipelines" / "spaaza" / "trace.pickle").exists()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert PRIVACY_SECRET.encode() not in path.read_bytes(), path
            assert secret.encode() not in path.read_bytes(), path


def test_a_policy_that_names_no_column_stops_the_load(sandbox: Sandbox, tmp_path: Path) -> None:
    chosen = source(
        sandbox, privacy={"users": {"shoe_size": "drop"}}, privacy_secret=PRIVACY_SECRET
    )
    with pytest.raises(Exception, match="'users' has no column 'shoe_size'"):
        pipeline_into(tmp_path).run(chosen.with_resources("users"))


@pytest.mark.thorough
def test_the_preset_covers_all_indexes(sandbox: Sandbox, tmp_path: Path) -> None:
    chosen = source(sandbox, privacy="pseudonymise", privacy_secret=PRIVACY_SECRET)
    pipeline_into(tmp_path).run(chosen)
    # Hashes are the same in every table: what belonged together still does.
    assert query(
        tmp_path,
        "SELECT count(*) > 0, bool_and(u.id IS NOT NULL) FROM wallet_ledger w"
        " LEFT JOIN users u ON w.user_id = u.id WHERE w.user_id IS NOT NULL",
    ) == [(True, True)]
    assert query(tmp_path, "SELECT DISTINCT length(user_id) FROM wallet_ledger") == [(64,)]
