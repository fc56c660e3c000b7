"""Repairs load packages of a killed run so that resuming does not load rows twice.

For each step of dlt that may be killed half done there is a function here:

* `reset_interrupted_loads`: dlt notes that a file has been copied after the destination has
  committed it. Killed between the two, it copies the file once more when it resumes, into tables
  that it does not empty again; and it merges what the staging tables have then, which other loads
  may have filled meanwhile. So the load package is reset to where nothing of it had been
  loaded: dlt then empties its staging tables, and the tables that a load replaces, before it copies
  anything. The package keeps its id, its files and its state; nothing is downloaded again.
* `remove_normalized_packages`: dlt moves a normalized package to its folder before it removes the
  extracted one. Killed between the two, it would normalize that again in every later run, and fail
  because the folder exists.
* `save_extracted_schemas`: dlt moves an extracted package to its folder before it saves the schema
  of its rows. Killed between the two, it would load them by the schema of the load before: delete
  that load's window from the table, and know no new column.
* `keep_literal_scopes`: an extracted package of version 0.1 has the range that it replaces in its
  schema alone, and dlt normalizes it by the schema of a later one.
* `reopen_completed_loads`: dlt marks a package as loaded before it archives it. Killed between the
  two, it would complete the load once more in every later run, and fail because the mark exists.
* `remove_partial_schemas`: dlt writes a schema to a file of a random name, and renames it. Killed
  before that, every later run would take it for a schema of that name, and fail.
* `delete_duplicates`: dlt appends the pipeline's state. Killed after that, the next load would
  append it once more; a database with unique ids would refuse it in every later run. And it appends
  the load to `_dlt_loads` before it marks the package as loaded: killed between the two, that would
  have the load twice.
"""

from __future__ import annotations

import json
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from dlt.common import logger
from dlt.common.pipeline import SupportsPipeline
from dlt.common.schema import Schema
from dlt.common.schema.typing import C_DLT_LOAD_ID, C_DLT_LOADS_TABLE_LOAD_ID
from dlt.common.schema.utils import get_write_disposition
from dlt.common.storages import (
    FileStorage,
    LoadStorage,
    NormalizeStorage,
    PackageStorage,
    ParsedLoadJobFileName,
)
from dlt.common.storages.exceptions import SchemaNotFoundError
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.job_client_impl import SqlJobClientBase

from spaaza_source.destination import open_client
from spaaza_source.dlt_hooks.load_scopes import keep_literal_scopes
from spaaza_source.dlt_hooks.table_updates import is_of_exports

#: The name of a file that dlt is still writing.
PARTIAL = re.compile(r"[0-9a-f]{16}")
#: Formats of jobs that a load derives from its files, and derives again: merges, and copies from a
#: stage.
DERIVED = ("sql", "reference")


def repair_killed_run(pipeline: SupportsPipeline) -> None:
    """Repair what a killed run left in the working folder of a pipeline whose run lock is held."""
    remove_partial_schemas(pipeline)
    remove_normalized_packages(pipeline)
    save_extracted_schemas(pipeline)
    keep_literal_scopes(pipeline)
    reopen_completed_loads(pipeline)
    reset_interrupted_loads(pipeline)


def remove_partial_schemas(pipeline: Any) -> None:
    """Remove each schema that was being written when its run was killed."""
    folder = Path(pipeline.working_dir) / "schemas"
    # A complete one is named `NAME.schema.json`.
    partial = [file for file in folder.glob("*") if PARTIAL.fullmatch(file.name)]
    for file in partial:
        logger.info(f"The schema file {file.name} was being written when its run was killed")
        file.unlink()
    if partial:
        with pipeline.managed_state():
            # It reads the list of schemas again.
            pass


def remove_normalized_packages(pipeline: SupportsPipeline) -> None:
    """Remove each extracted package that has been normalized already."""
    extracted = Path(pipeline.working_dir) / "normalize" / NormalizeStorage.EXTRACTED_FOLDER
    loads = Path(pipeline.working_dir) / "load"
    for package in sorted(extracted.glob("*")):
        # Where a folder cannot be renamed, dlt moves its files: some may be left in "new".
        is_moving = (loads / LoadStorage.NEW_PACKAGES_FOLDER / package.name).exists()
        folders = (LoadStorage.NORMALIZED_FOLDER, LoadStorage.LOADED_FOLDER)
        if not is_moving and any((loads / folder / package.name).exists() for folder in folders):
            logger.info(f"The load {package.name} had been normalized when its run was killed")
            shutil.rmtree(package)


def save_extracted_schemas(pipeline: Any) -> None:
    """Save the schema of each extracted package whose run was killed before it did so."""
    folder = Path(pipeline.working_dir) / "normalize" / NormalizeStorage.EXTRACTED_FOLDER
    packages, loads = _packages(folder)
    for load in sorted(loads):
        schema = packages.load_schema(load)
        try:
            saved = pipeline.schemas.load_schema(schema.name).stored_version_hash
        except SchemaNotFoundError:
            # Then dlt uses the package's.
            continue
        # Only a successor of the saved one: whoever changed that by hand since knows better.
        if saved in schema.previous_hashes and is_of_exports(schema):
            logger.info(f"The load {load} had been extracted when its run was killed")
            pipeline.schemas.save_schema(schema)


def reopen_completed_loads(pipeline: SupportsPipeline) -> None:
    """Let dlt complete the load of each package whose run was killed while it did so.

    All that dlt does then may be done again; it includes the reconciliation.
    """
    packages, loads = _packages_to_load(pipeline)
    for load in loads:
        if packages.is_package_completed(load):
            logger.info(f"The load {load} was about to be archived when its run was killed")
            mark = PackageStorage.PACKAGE_COMPLETED_FILE_NAME
            (_folder(packages, load) / mark).unlink()


def reset_interrupted_loads(pipeline: SupportsPipeline) -> None:
    """Reset each load package of exports whose loading was interrupted."""
    packages, loads = _packages_to_load(pipeline)
    for load in loads:
        if _is_interrupted(packages, load):
            logger.info(f"The load {load} was interrupted; it is restarted")
            _reset(packages, load)
        elif is_of_exports(packages.load_schema(load)):
            # What it has prepared may not be where this run stages its rows.
            _prepare_tables_again(_folder(packages, load))


def delete_duplicates(pipeline: Any) -> None:
    """Delete from dlt's own tables the rows that a load is about to append once more.

    They are the pipeline's state, which a database with unique ids would refuse in every later run,
    and the load itself.
    """
    if not issubclass(pipeline.destination.client_class, SqlJobClientBase):
        # A file of the same name replaces it.
        return
    packages, loads = _packages_to_load(pipeline)
    for load in loads:
        schema = packages.load_schema(load)
        jobs = map(ParsedLoadJobFileName.parse, _uncertain_jobs(packages, load))
        if any(job.table_name == schema.state_table_name for job in jobs):
            _delete_rows(pipeline, schema, schema.state_table_name, C_DLT_LOAD_ID, load)
        if not packages.list_new_jobs(load) and not packages.list_started_jobs(load):
            # All is loaded, so its run ended while it was being completed.
            _delete_rows(pipeline, schema, schema.loads_table_name, C_DLT_LOADS_TABLE_LOAD_ID, load)


def _delete_rows(pipeline: Any, schema: Schema, table: str, column: str, load: str) -> None:
    with open_client(pipeline, schema.name) as client, suppress(DatabaseUndefinedRelation):
        name = client.make_qualified_table_name(table)
        load_id = client.escape_column_name(schema.naming.normalize_identifier(column))
        client.execute_sql(f"DELETE FROM {name} WHERE {load_id} = %s", load)  # noqa: S608 - dlt's


def _packages_to_load(pipeline: SupportsPipeline) -> tuple[PackageStorage, list[str]]:
    return _packages(Path(pipeline.working_dir) / "load" / LoadStorage.NORMALIZED_FOLDER)


def _packages(folder: Path) -> tuple[PackageStorage, list[str]]:
    """The packages in a folder, and their load ids."""
    # What a package's status is called does not matter here.
    packages = PackageStorage(FileStorage(str(folder)), "normalized")
    return packages, list(packages.list_packages()) if folder.is_dir() else []


def _folder(packages: PackageStorage, load: str) -> Path:
    return Path(packages.storage.make_full_path(packages.get_package_path(load)))


def _is_interrupted(packages: PackageStorage, load: str) -> bool:
    """Whether it is unknown what the destination has of a load that is to go on.

    So it is of a file that may have been copied, and of all that is in staging tables: other
    loads into the dataset use the same.
    """
    completed = any((_folder(packages, load) / PackageStorage.COMPLETED_JOBS_FOLDER).iterdir())
    left = packages.list_new_jobs(load) or packages.list_started_jobs(load)
    if not _uncertain_jobs(packages, load) and not (completed and left):
        return False
    return is_of_exports(packages.load_schema(load))


def _uncertain_jobs(packages: PackageStorage, load: str) -> list[str]:
    """The files of jobs that were started and have no result, or were tried before."""
    folders = (packages.list_started_jobs(load), packages.list_new_jobs(load))
    started, new = ([Path(file).name for file in files] for files in folders)
    with_result = set(packages.list_pending_transitions(load))
    uncertain = [name for name in started if name not in with_result]
    return uncertain + [name for name in new if ParsedLoadJobFileName.parse(name).retry_count]


def _is_copy(name: str) -> bool:
    return ParsedLoadJobFileName.parse(name).file_format not in DERIVED


def _reset(packages: PackageStorage, load: str) -> None:
    """Move the package's jobs back to `new`; if this is killed, the next run does it again.

    Started jobs show that the load was interrupted, and so are moved last.
    """
    schema = packages.load_schema(load)
    package = _folder(packages, load)
    _prepare_tables_again(package)
    new = package / PackageStorage.NEW_JOBS_FOLDER
    completed = package / PackageStorage.COMPLETED_JOBS_FOLDER
    started = package / PackageStorage.STARTED_JOBS_FOLDER
    for folder in (new, completed, started):
        for file in sorted(folder.iterdir()):
            table = ParsedLoadJobFileName.parse(file.name).table_name
            if not _is_copy(file.name):
                packages.clear_pending_transition(load, file.name)
                file.unlink()
            # Appended rows stay: no step of the load deletes them again.
            elif get_write_disposition(schema.tables, table) != "append":
                packages.clear_pending_transition(load, file.name)
                file.rename(new / file.name)


def _prepare_tables_again(package: Path) -> None:
    """Let dlt create and empty the destination's tables, as for a new package."""
    applied = package / PackageStorage.APPLIED_SCHEMA_UPDATES_FILE_NAME
    expected = package / PackageStorage.SCHEMA_UPDATES_FILE_NAME
    if applied.exists() and not expected.exists():
        # Tables and columns that exist are left as they are.
        expected.write_text(json.dumps(json.loads(applied.read_bytes())), encoding="utf-8")
