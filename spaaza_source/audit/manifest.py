"""What a load package says it brings of each table, so that it can be counted once it is loaded.

A claim is written into the package's own state while its rows pass, and completed with what dlt
passed on of them, after the user's own steps. It is read by `proof`, which may be another process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import dlt
from dlt.common.pipeline import NormalizeInfo, SupportsPipeline
from dlt.common.schema.utils import get_columns_names_with_prop
from dlt.common.storages import FileStorage, LoadStorage, PackageStorage

from spaaza_source.destination import window_scope
from spaaza_source.exports.table_exports import TableExports
from spaaza_source.windows import Window, parse_window
from spaaza_source.writing.keys import Key
from spaaza_source.writing.write_disposition import (
    ROW_VERSION,
    Disposition,
    current_valid_rows,
    rows_of_this_load,
)

#: The package state's entry: the claims by table.
CLAIMS = "spaaza_source_claims"

#: What tells which rows of the destination are a load's: all rows of the table; those of a span of
#: time; those with a key, or a version, that the load's staging table has; those of its load id.
Counted = Literal["table", "time", "key", "version", "load"]


@dataclass(frozen=True)
class CountScope:
    """How the rows of a load are found in the destination.

    Attributes:
        counted: Which rows are counted.
        scope: They as SQL about `{table}`; None for all.
        key: The columns that tell a row of the load in the table.
    """

    counted: Counted
    scope: str | None = None
    key: Sequence[str] = ()


@dataclass(frozen=True)
class ManifestJob:
    """An export of a claim.

    Attributes:
        job_id: The vendor's job.
        window: The span of time that it alone is of; None for all rows.
        loaded: Its rows, before the user's own steps.
    """

    job_id: str
    window: Window | None
    loaded: int


@dataclass(frozen=True)
class TableManifest:
    """What a load package brings of one table.

    Attributes:
        table: As the destination's schema has it.
        ledger: As `export_jobs` has it: the resource.
        way: How its rows are found.
        time_column: The column that windows are taken by; None where none is.
        reach: The span of time that the load covers; None for all rows.
        jobs: Its exports.
        passed_on: Rows that dlt passed on to the destination; None where nobody counted.
    """

    table: str
    ledger: str
    scope: CountScope
    time_column: str | None
    covered: Window | None
    jobs: Sequence[ManifestJob]
    rows_written: int | None = None

    @property
    def loaded(self) -> int:
        """Rows of all its exports."""
        return sum(job.loaded for job in self.jobs)


def count_scope(
    disposition: Disposition,
    table: str,
    reach: Window | None,
    time_column: str | None,
    key: Key | None,
    *,
    partial: bool,
) -> CountScope | None:
    """How the rows of the load that is extracted are found; None where nothing tells them.

    Args:
        disposition: How they are taken in.
        table: The resource's name.
        reach: The span of time that they are of; None for all rows.
        time_column: The column that it is taken by.
        key: What tells them apart.
        partial: Whether they are merged among others by their key.
    """
    told: Any = dlt.current.source_schema().tables.get(table, {"columns": {}})
    if get_columns_names_with_prop(told, "hard_delete"):
        # A row of the file may be one that goes.
        return None
    if disposition.strategy is not None:
        return _users_way(disposition, told)
    if partial:
        return CountScope("key", key=key) if key else None
    scope = window_scope(dlt.current.pipeline(), reach, time_column)
    if scope is None:
        return CountScope("table")
    return CountScope("time", scope) if time_column in told["columns"] else None


def _users_way(disposition: Disposition, told: Any) -> CountScope | None:
    """How the rows are found that come in by the user's disposition."""
    users = disposition.user_disposition or {}
    way = None
    match disposition.strategy:
        case "replace" | "cdc":
            way = CountScope("table", users.get("destination_scope"))
        case "append":
            way = CountScope("load", rows_of_this_load())
        case "scd2" if not get_columns_names_with_prop(told, "merge_key"):
            version = users.get("row_version_column_name") or ROW_VERSION
            way = CountScope("version", current_valid_rows(users), (version,))
        case "upsert" | "insert-only" | "delete-insert" if disposition.user_key:
            way = CountScope("key", key=disposition.user_key)
    return way


def write_manifest(
    ledger: str,
    way: CountScope | None,
    time_column: str | None,
    exports: TableExports,
    loaded: Sequence[int],
) -> None:
    """Note what the package that is extracted brings of a table.

    Args:
        ledger: The resource's name.
        way: How its rows are found; None where nothing tells them.
        time_column: The column that windows are taken by.
        exports: Its exports.
        loaded: Rows of each, in the order of time.
    """
    name = dlt.current.resource().table_name
    if way is None or callable(name):
        return
    table = dlt.current.source_schema().naming.normalize_tables_path(str(name))
    windows = Counter(_text(export.request.window) for export in exports.current)
    jobs = [
        {
            "job_id": export.job.job_id,
            # The rows of parts of one result cannot be told from each other.
            "window": text if windows[text := _text(export.request.window)] == 1 else None,
            "loaded": rows,
        }
        for export, rows in zip(exports.current, loaded, strict=True)
    ]
    state: Any = dlt.current.load_package_state()["state"]
    state.setdefault(CLAIMS, {})[table] = {
        "ledger": ledger,
        "way": asdict(way),
        "time_column": time_column,
        "reach": _text(exports.covered),
        "jobs": jobs,
    }


def record_rows_written(pipeline: SupportsPipeline, info: NormalizeInfo) -> None:
    """Complete the claims of packages that have just been normalised."""
    packages = _packages(pipeline, LoadStorage.NORMALIZED_FOLDER)
    for load, metrics in info.metrics.items():
        state: Any = packages.get_load_package_state(load)
        if CLAIMS not in state:
            continue
        counted: Mapping[str, Any] = metrics[0]["table_metrics"]
        for table, claimed in state[CLAIMS].items():
            found = counted.get(table)
            claimed["passed_on"] = found.items_count if found else 0
        packages.save_load_package_state(load, state)


def read_manifests(pipeline: SupportsPipeline, load: str) -> tuple[str, list[TableManifest]]:
    """The name of a loaded package's schema, and what it has brought."""
    packages = _packages(pipeline, LoadStorage.LOADED_FOLDER)
    state: Any = packages.get_load_package_state(load)
    claims = [_claim(table, told) for table, told in state.get(CLAIMS, {}).items()]
    return (packages.load_schema(load).name if claims else "", claims)


def _claim(table: str, told: Mapping[str, Any]) -> TableManifest:
    return TableManifest(
        table,
        told["ledger"],
        CountScope(**told["way"]),
        told["time_column"],
        _window(told["reach"]),
        [ManifestJob(job["job_id"], _window(job["window"]), job["loaded"]) for job in told["jobs"]],
        told.get("passed_on"),
    )


def _packages(pipeline: SupportsPipeline, folder: str) -> PackageStorage:
    place = Path(pipeline.working_dir) / "load" / folder
    status: Any = "loaded" if folder == LoadStorage.LOADED_FOLDER else "normalized"
    return PackageStorage(FileStorage(str(place)), status)


def _text(window: Window | None) -> str | None:
    return None if window is None else str(window)


def _window(text: str | None) -> Window | None:
    return None if text is None else parse_window(text)
