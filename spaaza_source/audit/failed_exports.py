"""Notes exports that are asked for in the pipeline's working folder, until they are loaded or told.

A run that fails takes its load package with it. So what it has asked for is noted in a file for
each table, while it runs: a run that is killed leaves the file too. Whoever reads the files writes
the rows to `failed_exports` in the destination, and then removes them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import dlt

from spaaza_source.audit.rows import job_row
from spaaza_source.audit.tables import FAILED_EXPORTS
from spaaza_source.destination import current_pipeline
from spaaza_source.exports import Export, Phase, TableExports

#: Under a pipeline's working folder: the folder of these files.
NOTES = "asked_for"
#: How the name of a file ends that is being written.
PARTIAL = ".partial"
#: The error of an export that nothing is wrong with: its run ended before it was loaded.
STOPPED = "Stopped"
_STOPPED_HINT = "The next run adopts it, or asks for its rows again."
_REPLACED_HINT = "Other exports bring its rows."
#: The rows in a file of notes.
_GROUPS = ("rows", "told", "left")

_COLUMNS = {str(column["name"]): column["data_type"] for column in FAILED_EXPORTS[1]}
_INSTANTS = [name for name, kind in _COLUMNS.items() if kind == "timestamp"]


@contextmanager
def note_asked_for(
    exports: TableExports, since: datetime | None, *, hide_selection: bool, is_loading: bool = True
) -> Iterator[None]:
    """Note what is asked for of one table inside the `with` block; within its resource.

    Args:
        exports: The table's exports.
        since: When the last export was made whose rows are loaded; of jobs that failed in the
            absence of any run only younger ones are told. None where no row is.
        hide_selection: As for `job_row`.
        is_loading: Whether a pipeline loads them; else nothing is noted.
    """
    if not is_loading:
        yield
        return
    notes = _Notes(exports, since, hide_selection=hide_selection)
    exports.on_asked = notes.note
    notes.note()
    try:
        yield
    except BaseException as failure:
        notes.write(failure)
        raise
    notes.write(None)


@dataclass(frozen=True)
class AskedFor:
    """The exports of one table in one run.

    Attributes:
        file: Where they are noted.
        load: The id of the load package that was extracted.
        resource: The table's resource.
        table_format: The table's format, such as `delta`; None for what the destination prefers.
        rows: Their rows of `failed_exports`, in case they are not loaded.
        told: Those among them that are to be told in any case: they failed, and others bring their
            rows; or a vendor has refused them.
        left: Rows of jobs that have failed in the absence of any run, or were told by one before.
    """

    file: Path
    load: str
    resource: str
    table_format: str | None
    rows: Sequence[Mapping[str, Any]]
    told: Sequence[Mapping[str, Any]]
    left: Sequence[Mapping[str, Any]]


class _Notes:
    """The notes of one table, made within its resource.

    Args:
        exports, since, hide_selection: As for `note_asked_for`.
    """

    def __init__(
        self, exports: TableExports, since: datetime | None, *, hide_selection: bool
    ) -> None:
        self._exports = exports
        self._since = since
        self._hide = hide_selection
        self._is_over = False
        # Who asks has a thread of its own.
        self._lock = threading.Lock()
        resource: Any = dlt.current.resource()
        load = str(dlt.current.load_package_state()["load_id"])
        self._of = {"load": load, "resource": resource.name, "table_format": resource.table_format}
        self._file = Path(current_pipeline().working_dir) / NOTES / f"{uuid4().hex}.json"

    def note(self) -> None:
        """Note what has been asked for so far."""
        with self._lock:
            if not self._is_over:
                self._write(None)

    def write(self, failure: BaseException | None) -> None:
        """Note for good all that has been asked for, and what the table's resource raises."""
        with self._lock:
            self._is_over = True
            self._write(failure)

    def _write(self, failure: BaseException | None) -> None:
        exports, left = self._exports, self._exports.left
        if self._since is not None:
            left = [each for each in left if each.begun_at > self._since]
        replaced = [each for each in exports.exports if each.phase is Phase.REPLACED]
        open_exports = [each for each in exports.exports if each.phase is not Phase.REPLACED]
        has_culprit = any(each.failure for each in open_exports + exports.unanswered)
        other = None if has_culprit or not isinstance(failure, Exception) else failure
        rows = [self._row(each, each.failure or other) for each in open_exports]
        told = [self._row(each, each.failure, _REPLACED_HINT) for each in replaced]
        told += [self._row(each, each.failure) for each in exports.unanswered]
        left_rows = [self._row(each, each.failure) for each in left]
        if not rows and not told and not left_rows:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)
            return
        # It only informs: a full disk is for others to tell.
        with suppress(OSError):
            _write_note(self._file, {**self._of, "rows": rows, "told": told, "left": left_rows})

    def _row(
        self, export: Export, failure: BaseException | None, hint: str | None = None
    ) -> dict[str, Any]:
        whole = job_row(export, hide_selection=self._hide)
        failed = {
            "failed_at": export.failed_at or datetime.now(UTC),
            "error": STOPPED if failure is None else type(failure).__name__,
            "load_id": self._of["load"],
            "hint": hint or (_STOPPED_HINT if failure is None else getattr(failure, "hint", None)),
        }
        whole |= failed
        return {name: whole[name] for name in _COLUMNS}


def list_asked_for(pipeline: Any) -> list[Path]:
    """The files of what the runs of a pipeline have noted; no run is under way."""
    folder = Path(pipeline.working_dir) / NOTES
    for partial in folder.glob(f"*{PARTIAL}"):
        partial.unlink(missing_ok=True)
    return sorted(folder.glob("*.json"))


def read_asked_for(pipeline: Any) -> list[AskedFor]:
    """What runs of a pipeline have noted so far, and nobody has told or removed."""
    found = []
    for file in list_asked_for(pipeline):
        try:
            noted = json.loads(file.read_text(encoding="utf-8"))
            for name in _GROUPS:
                noted[name] = list(map(_with_instants, noted[name]))
            found.append(AskedFor(file, **noted))
        except (ValueError, LookupError, TypeError):
            # A machine that has lost its power may have written half of it.
            file.unlink(missing_ok=True)
    return found


def hide_asked_for(pipeline: Any, is_named: Callable[[str], bool]) -> None:
    """Take filters out of what the runs of a pipeline have noted; no run is under way.

    Args:
        pipeline: The pipeline.
        is_named: Whether a filter, as JSON, is to go.
    """
    for file in list_asked_for(pipeline):
        try:
            noted = json.loads(file.read_text(encoding="utf-8"))
            rows = [row for name in _GROUPS for row in noted[name]]
            named = [row for row in rows if row["selection"] and is_named(row["selection"])]
        except (ValueError, LookupError, TypeError):
            file.unlink(missing_ok=True)
            continue
        for row in named:
            row["selection"] = None
        if named:
            _write_note(file, noted)


def _write_note(file: Path, noted: Mapping[str, Any]) -> None:
    """Write a file of notes that is there as a whole, or not at all."""
    text = json.dumps(noted, default=datetime.isoformat)
    partial = file.with_suffix(PARTIAL)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def as_failed(rows: Iterable[Mapping[str, Any]], failure: BaseException) -> Iterator[Any]:
    """The rows of exports that nothing was wrong with, where a later step of the run has failed."""
    for row in rows:
        if row["error"] == STOPPED:
            hint = getattr(failure, "hint", None) or "Run again."
            yield {**row, "error": type(failure).__name__, "hint": hint}
        else:
            yield row


def _with_instants(row: Mapping[str, Any]) -> dict[str, Any]:
    instants = {name: datetime.fromisoformat(row[name]) for name in _INSTANTS if row[name]}
    return {**row, **instants}
