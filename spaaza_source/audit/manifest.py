"""The load manifest: the rows that each table must have after a load; kept in the package's state.

It is written while the rows pass, and completed with what dlt wrote of them after the user's own
steps. Another process may read it, once the package is loaded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import dlt
from dlt.common.pipeline import NormalizeInfo, SupportsPipeline
from dlt.common.storages import FileStorage, LoadStorage, PackageStorage

from spaaza_source.exports import TableExports
from spaaza_source.windows import Window, parse_window

#: The package state's entry: the manifests by table.
MANIFESTS = "spaaza_source_claims"
#: The package state's entry: the tables whose rows new exports would bring as well.
REPEATABLE = "spaaza_source_repeatable"

#: What tells which rows of the destination are a load's: all rows of the table; those of a range of
#: time; those with a key, or a version, that the load's staging table has; those of its load id.
Counted = Literal["table", "time", "key", "version", "load"]


@dataclass(frozen=True)
class CountScope:
    """How the rows of a load are found in the destination.

    Attributes:
        counted: Which rows are counted.
        condition: SQL about `{table}` that is true of them; None for all rows.
        key: The columns by which a row of the load is found in the table.
    """

    counted: Counted
    condition: str | None = None
    key: Sequence[str] = ()

    def where(self, table: str) -> str:
        """The condition for a table with that qualified name."""
        return self.condition.format(table=table) if self.condition else "1 = 1"


@dataclass(frozen=True)
class ManifestJob:
    """An export in a manifest.

    Attributes:
        job_id: The vendor's job.
        window: The window that no other export of the load has; None for all rows.
        loaded: Its rows, before the user's own steps.
    """

    job_id: str
    window: Window | None
    loaded: int


@dataclass(frozen=True)
class TableVersion:
    """What a table is between two loads.

    Attributes:
        load: The id of the last load that has brought rows of it; empty without any.
        rows: How many it has.
    """

    load: str
    rows: int


@dataclass(frozen=True)
class TableManifest:
    """The rows of one load package in one table.

    Attributes:
        table: Its name in the destination, and in `export_jobs`.
        count_scope: How the rows are found.
        time_column: The column that windows are taken by; None where none is.
        covered: The range that the load covers; None for all rows.
        jobs: Its exports.
        rows_written: Rows that dlt wrote; None where nobody counted them.
    """

    table: str
    count_scope: CountScope
    time_column: str | None
    covered: Window | None
    jobs: Sequence[ManifestJob]
    rows_written: int | None = None
    #: The table that the package completes; None where it brings all rows, whatever the table has.
    made_for: TableVersion | None = None

    @property
    def loaded(self) -> int:
        """Rows of all its exports."""
        return sum(job.loaded for job in self.jobs)


def write_manifest(
    count_scope: CountScope | None,
    time_column: str | None,
    exports: TableExports,
    loaded: Sequence[int],
    *,
    is_there: bool = False,
    made_for: TableVersion | None = None,
) -> None:
    """Write the manifest of a table into the package that is extracted.

    There is none where nothing tells how its rows are found.

    Args:
        count_scope: How they are found.
        time_column: The column that windows are taken by.
        exports: All have arrived.
        loaded: The rows of each current export.
        is_there: Whether the table has them already, so that dlt writes none.
        made_for: The table that has some of them already; None where the load brings all.
    """
    if count_scope is None or callable(dlt.current.resource().table_name):
        return
    jobs = manifest_jobs(
        (export.job.job_id, export.request.window, rows)
        for export, rows in zip(exports.current, loaded, strict=True)
    )
    state: Any = dlt.current.load_package_state()["state"]
    state.setdefault(MANIFESTS, {})[exports.sync.table] = {
        "way": {
            "counted": count_scope.counted,
            "scope": count_scope.condition,
            "key": count_scope.key,
        },
        "time_column": time_column,
        "reach": _text(exports.covered),
        "is_there": is_there or made_for is not None,
        "made_for": made_for and {"load": made_for.load, "rows": made_for.rows},
        "jobs": [
            {"job_id": job.job_id, "window": _text(job.window), "loaded": job.loaded}
            for job in jobs
        ],
    }


def manifest_jobs(exports: Iterable[tuple[str, Window | None, int]]) -> list[ManifestJob]:
    """The exports of a manifest, each given by its job, its window and its loaded rows.

    The rows of files of one result cannot be told from each other.
    """
    exports = list(exports)
    windows = Counter(window for _, window, _ in exports)
    return [
        ManifestJob(job_id, window if windows[window] == 1 else None, rows)
        for job_id, window, rows in exports
    ]


def note_repeatable(table: str) -> None:
    """Note in the package that is extracted that new exports would bring a table's rows as well."""
    state: Any = dlt.current.load_package_state()["state"]
    state.setdefault(REPEATABLE, []).append(table)


def repeatable_tables(package: Path) -> list[str]:
    """The tables of the load package in a folder whose rows new exports would bring as well."""
    state: Any = _packages(package.parent).get_load_package_state(package.name)
    return list(state.get(REPEATABLE, ()))


def record_rows_written(pipeline: SupportsPipeline, info: NormalizeInfo) -> None:
    """Complete the manifests of packages that dlt has just normalized."""
    packages = _packages(Path(pipeline.working_dir) / "load" / LoadStorage.NORMALIZED_FOLDER)
    for load, metrics in info.metrics.items():
        state: Any = packages.get_load_package_state(load)
        if MANIFESTS not in state:
            continue
        written: Mapping[str, Any] = metrics[0]["table_metrics"]
        for table, manifest in state[MANIFESTS].items():
            if manifest.get("is_there"):
                manifest["passed_on"] = sum(job["loaded"] for job in manifest["jobs"])
            else:
                manifest["passed_on"] = written[table].items_count if table in written else 0
        packages.save_load_package_state(load, state)


def read_manifests(package: Path) -> tuple[str, list[TableManifest]]:
    """The name of the schema of the load package in a folder, and its manifests."""
    packages = _packages(package.parent)
    state: Any = packages.get_load_package_state(package.name)
    manifests = [_read(table, stored) for table, stored in state.get(MANIFESTS, {}).items()]
    return (packages.schema_name(package.name) if manifests else "", manifests)


def _read(table: str, stored: Mapping[str, Any]) -> TableManifest:
    rows = stored["way"]
    return TableManifest(
        table,
        CountScope(rows["counted"], rows["scope"], rows["key"]),
        stored["time_column"],
        parse_window(stored["reach"] or ""),
        [
            ManifestJob(job["job_id"], parse_window(job["window"] or ""), job["loaded"])
            for job in stored["jobs"]
        ],
        stored.get("passed_on"),
        TableVersion(**made_for) if (made_for := stored.get("made_for")) else None,
    )


def _packages(folder: Path) -> PackageStorage:
    # What a package's status is called does not matter here.
    return PackageStorage(FileStorage(str(folder)), "normalized")


def _text(window: Window | None) -> str | None:
    return None if window is None else str(window)
