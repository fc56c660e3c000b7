"""Tells loads that failed for good from those that may pass, and notes it in their load package."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import duckdb
from dlt.common.exceptions import TerminalException, TransientException
from dlt.common.schema.utils import get_root_table
from dlt.common.storages import (
    FileStorage,
    LoadStorage,
    NormalizeStorage,
    PackageStorage,
    ParsedLoadJobFileName,
)
from dlt.destinations.exceptions import DestinationConnectionError
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source.audit import AUDIT_TABLES, repeatable_tables

#: The file in a package that says so: what kinds of errors they were, and nothing of their texts,
#: which may quote a row.
NOTE = "spaaza_failed_for_good"
#: The same rows, written by the same SQL, fail once more. By the SQL standard, classes of states:
#: features that do not exist, data, constraints, SQL and names, PostgreSQL's own limits.
LASTING_STATES = ("0A", "22", "23", "42", "54")
#: Of these, rights: somebody may grant them.
MISSING_RIGHT = "42501"


def note_failure(pipeline: Any, failure: BaseException) -> None:
    """Note in its package that a load failed for good, where it did.

    Args:
        pipeline: It may be run again.
        failure: What dlt's step raises.
    """
    if not isinstance(failure, PipelineStepFailed):
        return
    if not is_lasting(failure.step, failure.exception):
        return
    for folder in package_folders(pipeline):
        if folder.name == failure.load_id:
            kinds = dict.fromkeys(type(cause).__name__ for cause in causes_of(failure.exception))
            (folder / NOTE).write_text(", ".join(kinds), encoding="utf-8")


def read_failure(folder: Path) -> str:
    """The kinds of errors by which the package in a folder failed for good; empty where none."""
    note = folder / NOTE
    return note.read_text(encoding="utf-8") if note.exists() else ""


def is_lasting(step: str, failure: BaseException) -> bool:
    """Whether a step of dlt's that failed so would fail again, whenever it is run."""
    causes = list(causes_of(failure))
    may_pass = (OSError, MemoryError, BrokenExecutor, DestinationConnectionError)
    # Whoever presses Ctrl-C raises no `Exception`.
    if any(isinstance(cause, may_pass) or not isinstance(cause, Exception) for cause in causes):
        return False
    if step == "normalize":
        # It reads the package's files, and nothing else.
        return True
    # The database's own error, which comes last, is more exact than what dlt makes of it.
    judged = (_is_lasting(cause) for cause in reversed(causes))
    return next((lasting for lasting in judged if lasting is not None), False)


def can_repeat(folder: Path) -> bool:
    """Whether new exports would bring all that the package in a folder would load."""
    packages = PackageStorage(FileStorage(str(folder.parent)), "normalized")
    schema = packages.load_schema(folder.name)
    jobs = packages.list_new_jobs(folder.name), packages.list_started_jobs(folder.name)
    names = {
        ParsedLoadJobFileName.parse(Path(file).name).table_name for files in jobs for file in files
    }
    tables = {
        str(get_root_table(schema.tables, name)["name"]) for name in names if name in schema.tables
    }
    own = {*AUDIT_TABLES, *schema.dlt_table_names(), *repeatable_tables(folder)}
    return tables <= own


def package_folders(pipeline: Any) -> Iterator[Path]:
    """The folders of the packages that are not loaded yet."""
    work = Path(pipeline.working_dir)
    for folder in (
        work / "normalize" / NormalizeStorage.EXTRACTED_FOLDER,
        work / "load" / LoadStorage.NORMALIZED_FOLDER,
    ):
        # Killed while it writes a file there, dlt leaves it beside the packages.
        yield from (package for package in sorted(folder.glob("*")) if package.is_dir())


def _is_lasting(cause: BaseException) -> bool | None:
    """Whether it would be raised again; None where it does not say."""
    state = getattr(cause, "pgcode", None)
    if state is not None:
        return str(state).startswith(LASTING_STATES) and state != MISSING_RIGHT
    if isinstance(cause, duckdb.ParserException | duckdb.SyntaxException | TerminalException):
        return True
    return False if isinstance(cause, TransientException) else None


def causes_of(failure: BaseException | None) -> Iterator[BaseException]:
    """A failure, then what has caused it, one after the other."""
    while failure is not None:
        yield failure
        failure = failure.__cause__ or failure.__context__
