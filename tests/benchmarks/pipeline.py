"""A CSV file on disk to a typed DuckDB table through the whole dlt pipeline, beside DuckDB alone.

    python -m tests.benchmarks.pipeline [--rows N] [--repeat N]

DuckDB is told the types and checks little; the pipeline finds the types, checks everything, and
writes its ledger and state. Both start from no database and end with a closed one.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import duckdb

from spaaza_source.exports.export import Export, Phase
from spaaza_source.exports.jobs import Job, JobState
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.table_exports import TableExports
from spaaza_source.exports.table_sync import TableSync
from spaaza_source.loading.checkpoint import Cursor
from spaaza_source.loading.files.load_files import load_files
from spaaza_source.loading.scope import resolve_scope
from spaaza_source.loading.table_load import TableLoad
from spaaza_source.reading import ReadSettings
from spaaza_source.spaaza.indexes import BULK_USERS
from spaaza_source.tabular.privacy.policy import Policy
from spaaza_source.transport.download import FetchedFile
from spaaza_source.warehouse import duckdb_file
from spaaza_source.writing import WriteSettings
from spaaza_source.writing.write_disposition import REPLACE, Disposition
from tests.benchmarks.side_by_side import Run, Way, say, side_by_side

STEPS = ("extract", "normalize", "load")


def by_duckdb(path: Path, casts: str) -> None:
    target = path.with_suffix(".reference.duckdb")
    target.unlink(missing_ok=True)
    with duckdb.connect(str(target)) as database:
        database.execute("SET preserve_insertion_order = false")
        database.execute(
            f"CREATE TABLE users AS SELECT {casts} FROM read_csv('{path}', all_varchar = true)"
        )


def by_pipeline(path: Path, _: str) -> dict[str, float]:
    folder = Path(tempfile.mkdtemp(dir=path.parent))
    try:
        pipeline = dlt.pipeline(
            "benchmark",
            pipelines_dir=str(folder),
            destination=duckdb_file(folder / "pipeline.duckdb"),
            dataset_name="loyalty",
        )
        pipeline.run(dlt.resource(arrived_users, name="users", write_disposition=REPLACE)(path))
        trace = pipeline.last_trace
        return {
            step.step: (step.finished_at - step.started_at).total_seconds()
            for step in (trace.steps if trace else [])
            if step.step in STEPS
        }
    finally:
        shutil.rmtree(folder)


def arrived_users(path: Path) -> Iterator[Any]:
    """The pipeline from where a download has arrived."""
    now = datetime.now(UTC)
    request = ExportRequest("users", "users", "1743")
    export = Export(
        request,
        Job("1", JobState.DONE, "DONE", now),
        now,
        phase=Phase.ARRIVED,
        arrived=FetchedFile(
            path, path.stat().st_size, path.stat().st_size, _no_hash(), end_verified=True
        ),
    )
    load = TableLoad(
        TableSync("users", lambda _: request),
        ReadSettings(),
        Policy(),
        None,
        WriteSettings(Disposition(REPLACE), candidates=BULK_USERS.keys),
    )
    scope = resolve_scope(load, Cursor("users"))
    exports = TableExports(load.sync, exports=[export])
    yield from load_files(load, exports, load.reader(), scope)


def _no_hash() -> str:
    """The download hashes while it streams: no part of this measurement."""
    return hashlib.sha256().hexdigest()


WAYS: dict[str, Way] = {"DuckDB CREATE TABLE AS": by_duckdb, "dlt pipeline": by_pipeline}


def where_the_time_goes(best: dict[str, Run]) -> None:
    say("\nWhere the time of the pipeline goes:")
    for step in STEPS:
        say(f"  {step:20}{best['dlt pipeline'][step]:6.2f} s")


if __name__ == "__main__":
    side_by_side("tests.benchmarks.pipeline", WAYS, where_the_time_goes, __doc__ or "")
