"""Takes note of a run of a pipeline: its steps, its tables, what has become of each export.

Nothing here imports OpenTelemetry. A run is told once it has ended, by `instruments`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import dlt

from spaaza_source.destination import current_pipeline
from spaaza_source.exports import Export, Phase, TableExports
from spaaza_source.telemetry.measurements import is_asked_for

#: Runs that load a package need not be those that extracted it: so many tables are remembered.
MOST_WAITING = 1_000


@dataclass(eq=False)
class ExportNote:
    """What has become of one export.

    Attributes:
        export: The export.
        error: The class of what kept it from being loaded; None where nothing did, or nobody knows.
    """

    export: Export
    error: str | None = None

    @property
    def is_replaced(self) -> bool:
        """Whether other exports bring its rows."""
        return self.export.phase is Phase.REPLACED


@dataclass(eq=False)
class TableNote:
    """What has become of the exports of one table in one run.

    Attributes:
        table: Its name.
        load: The id of the load package that it was extracted into.
        begun: When it began, UTC.
        ended: When its rows were extracted, or what it raised; None before.
        exports: Its exports, the replaced ones among them.
        error: The class of what it raised; None where nothing was, or it was only stopped.
        loaded: When its package was loaded, UTC; None before.
    """

    table: str
    load: str
    begun: datetime
    ended: datetime | None = None
    exports: list[ExportNote] = field(default_factory=list)
    error: str | None = None
    loaded: datetime | None = None


@dataclass(eq=False)
class StepNote:
    """A step of dlt's: when it began and ended, UTC; and the class of its error, if any."""

    name: str
    begun: datetime
    ended: datetime | None = None
    error: str | None = None


@dataclass(eq=False)
class RunNote:
    """A run of a pipeline.

    Attributes:
        pipeline: The pipeline's name.
        dataset: Its dataset.
        destination: The kind of its destination, such as `duckdb`.
        begun: When it began, UTC.
        ended: When it ended, UTC; None before.
        steps: The steps of dlt's.
        tables: The tables of this package that it extracted.
        resumed: By table, the rows of packages that it loaded, and a run before it extracted.
        error: The class of its error; None where it has none.
    """

    pipeline: str
    dataset: str
    destination: str
    begun: datetime
    ended: datetime | None = None
    steps: list[StepNote] = field(default_factory=list)
    tables: list[TableNote] = field(default_factory=list)
    resumed: Counter[str] = field(default_factory=Counter)
    error: str | None = None


#: By the id of dlt's trace: the run, and its pipeline's working folder.
_RUNS: dict[str, tuple[Path, RunNote]] = {}
#: Tables that were extracted by a run that has ended, and that no run has loaded so far.
_WAITING: list[TableNote] = []


def begin_run(run: str, pipeline: Any) -> None:
    """Take note that a run begins, where OpenTelemetry is in use."""
    if is_asked_for():
        kind = getattr(pipeline.destination, "destination_name", None) or ""
        note = RunNote(pipeline.pipeline_name, pipeline.dataset_name or "", kind, _now())
        _RUNS[run] = (Path(pipeline.working_dir), note)


def begin_step(run: str, step: str) -> None:
    """Take note that a step of dlt's begins in a run."""
    if run in _RUNS:
        _RUNS[run][1].steps.append(StepNote(step, _now()))


def end_step(
    run: str, step: str, error: str | None, loads: Mapping[str, Mapping[str, int]]
) -> None:
    """Take note that a step of dlt's has ended.

    Args:
        run: The run.
        step: The step.
        error: The class of its error; None without one.
        loads: The load packages that are in the destination by it: the rows of each table.
    """
    if run not in _RUNS:
        return
    note, now = _RUNS[run][1], _now()
    for begun in reversed(note.steps):
        if begun.name == step and begun.ended is None:
            begun.ended, begun.error = now, error
            break
    for load, rows in loads.items():
        tables = [each for each in (*note.tables, *_WAITING) if each.load == load]
        for each in tables:
            each.loaded = now
        if not any(each in note.tables for each in tables):
            note.resumed.update(rows)
        _WAITING[:] = [each for each in _WAITING if each.load != load]


def end_run(run: str, error: str | None, *, is_own: bool) -> None:
    """Tell OpenTelemetry of a run that has ended.

    Args:
        run: The run.
        error: The class of its error; None without one.
        is_own: Whether the pipeline has loaded by this package before; others are not told.
    """
    if run not in _RUNS:
        return
    note = _RUNS.pop(run)[1]
    note.ended, note.error = _now(), error
    if not note.tables and not note.resumed and not (is_own and error):
        return
    has_extracted = not any(step.error and step.name == "extract" for step in note.steps)
    for table in note.tables:
        if error and has_extracted and table.loaded is None:
            for each in table.exports:
                each.error = each.error or (None if each.is_replaced else error)
        elif not error and table.loaded is None and len(_WAITING) < MOST_WAITING:
            _WAITING.append(table)
    import_module("spaaza_source.telemetry.instruments").tell_run(note)


@contextmanager
def observe_table(exports: TableExports, *, is_loading: bool) -> Iterator[None]:
    """Take note of a table's exports, inside the `with` block; within its resource.

    Args:
        exports: The table's exports.
        is_loading: Whether a pipeline loads them; else nothing is noted.
    """
    run = _current_run() if is_loading and _RUNS else None
    if run is None:
        yield
        return
    load = str(dlt.current.load_package_state()["load_id"])
    note = TableNote(exports.sync.table, load, _now())
    run.tables.append(note)
    try:
        yield
    except BaseException as failure:
        # Ctrl-C, or dlt that closes what another table's failure has stopped, is no error of it.
        note.error = type(failure).__name__ if isinstance(failure, Exception) else None
        raise
    finally:
        note.ended = _now()
        note.exports = list(_notes(exports, note.error))


def _notes(exports: TableExports, error: str | None) -> Iterator[ExportNote]:
    """What has become of a table's exports; where none is to blame for its error, all are."""
    noted = [*exports.exports, *exports.unanswered]
    is_open = [each for each in noted if each.phase is not Phase.REPLACED]
    blamed = None if any(each.failure for each in is_open) else error
    for each in noted:
        own = type(each.failure).__name__ if each.failure else None
        yield ExportNote(each, own or (blamed if each.phase is not Phase.REPLACED else None))


def _current_run() -> RunNote | None:
    """The run that extracts now: of runs of one pipeline, the one that began last."""
    folder = Path(current_pipeline().working_dir)
    found = [note for working, note in _RUNS.values() if working == folder]
    return found[-1] if found else None


def _now() -> datetime:
    return datetime.now(UTC)
