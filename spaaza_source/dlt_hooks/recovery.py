"""Lets a load that was cut short begin anew, so that no row of it is loaded twice.

dlt notes that a file has been copied after the destination has committed it. Killed between the
two, it copies the file once more when it resumes, into tables that it does not empty again. So a
load package with a copy of unknown fate is put back to where nothing of it had been loaded: dlt
then empties its staging tables, and the tables that a load replaces, before it copies anything.

The package keeps its id, its files and its state; nothing is downloaded again.

dlt also puts a normalized package in its place before it removes what it was made of. Killed
between the two, it would normalize that again in every later run, and fail, for the place is
taken: so the removal is made up for.

And it puts an extracted package in its place before it saves the schema that its rows have. Killed
between the two, it would load them by the schema of the load before: take that one's span of time
from the table, and know no new column. So the schema is saved from the package.

And it marks a package as loaded before it puts it aside. Killed between the two, it would end that
load once more in every later run, and fail, for the mark is there: so the mark is removed.

What dlt saves, it writes into a file of a random name first. Killed before it renames that, every
later run would take it for a schema of that name, and fail: so it is removed.
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
from dlt.common.schema.typing import C_DLT_LOAD_ID
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
from spaaza_source.writing.schema_hints import FORMAT

#: The name of a file that dlt is still writing.
UNFINISHED = re.compile(r"[0-9a-f]{16}")
#: What a load makes of its files on the way, and makes again: merges, and copies from a stage.
FOLLOWING = ("sql", "reference")


def reset_interrupted_loads(pipeline: SupportsPipeline) -> list[str]:
    """Put back each load package of exports whose loading was cut short.

    Nobody else may be loading them meanwhile.

    Args:
        pipeline: Whose.

    Returns:
        The ids of those that were put back.
    """
    packages = _packages_to_load(pipeline)
    if packages is None:
        return []
    cut_short = [load for load in packages.list_packages() if _is_cut_short(packages, load)]
    for load in cut_short:
        logger.info(f"The load {load} was cut short; it begins anew")
        _put_back(packages, load)
    return cut_short


def delete_duplicate_state(pipeline: Any) -> None:
    """Remove the pipeline's state from the destination where it is about to be loaded once more.

    dlt appends it: a database that holds its ids to be unique would refuse it, in every later run.

    Args:
        pipeline: Whose packages are about to be loaded.
    """
    if not issubclass(pipeline.destination.client_class, SqlJobClientBase):
        # A file of the same name takes its place.
        return
    packages = _packages_to_load(pipeline)
    if packages is None:
        return
    for load in packages.list_packages():
        schema = packages.load_schema(load)
        table = schema.state_table_name
        jobs = map(ParsedLoadJobFileName.parse, _of_unknown_fate(packages, load))
        if not any(job.table_name == table for job in jobs):
            continue
        with open_client(pipeline, schema.name) as client, suppress(DatabaseUndefinedRelation):
            name = client.make_qualified_table_name(table)
            column = schema.naming.normalize_identifier(C_DLT_LOAD_ID)
            client.execute_sql(
                f"DELETE FROM {name} WHERE {client.escape_column_name(column)} = %s",  # noqa: S608
                load,
            )


def remove_partial_schemas(pipeline: SupportsPipeline) -> None:
    """Remove each schema that was being written when its run was killed.

    Nobody else may be writing any meanwhile.

    Args:
        pipeline: Whose.
    """
    folder = Path(pipeline.working_dir) / "schemas"
    # A whole one has endings: `NAME.schema.json`.
    unfinished = [file for file in folder.glob("*") if UNFINISHED.fullmatch(file.name)]
    for file in unfinished:
        logger.info(f"The schema file {file.name} was being written when its run was killed")
        file.unlink()
    if unfinished:
        own: Any = pipeline
        with own.managed_state():
            # It lists the schemas anew.
            pass


def save_extracted_schemas(pipeline: SupportsPipeline) -> list[str]:
    """Save the schema of each extracted package whose run was killed before it did so.

    Nobody else may be extracting meanwhile.

    Args:
        pipeline: Whose.

    Returns:
        The ids of these packages.
    """
    folder = Path(pipeline.working_dir) / "normalize" / NormalizeStorage.EXTRACTED_FOLDER
    if not folder.is_dir():
        return []
    packages = PackageStorage(FileStorage(str(folder)), "extracted")
    schemas: Any = pipeline.schemas
    killed = []
    for load in sorted(packages.list_packages()):
        schema = packages.load_schema(load)
        try:
            saved = schemas.load_schema(schema.name).stored_version_hash
        except SchemaNotFoundError:
            # Then dlt takes the package's.
            continue
        # Only one that came of the saved one: who changed that by hand meanwhile, knows better.
        if saved in schema.previous_hashes and _is_of_exports(schema):
            logger.info(f"The load {load} had been extracted when its run was killed")
            schemas.save_schema(schema)
            killed.append(load)
    return killed


def remove_normalized_packages(pipeline: SupportsPipeline) -> list[str]:
    """Remove each extracted package that stands normalized already.

    Nobody else may be normalizing meanwhile.

    Args:
        pipeline: Whose.

    Returns:
        The ids of those that were removed.
    """
    extracted = Path(pipeline.working_dir) / "normalize" / NormalizeStorage.EXTRACTED_FOLDER
    loads = Path(pipeline.working_dir) / "load"
    removed = []
    for package in sorted(extracted.glob("*")):
        # Where a folder cannot be renamed, dlt moves its files: some may be left in "new".
        begun = (loads / LoadStorage.NEW_PACKAGES_FOLDER / package.name).exists()
        places = (LoadStorage.NORMALIZED_FOLDER, LoadStorage.LOADED_FOLDER)
        if not begun and any((loads / place / package.name).exists() for place in places):
            logger.info(f"The load {package.name} had been normalized when its run was killed")
            shutil.rmtree(package)
            removed.append(package.name)
    return removed


def reopen_completed_loads(pipeline: SupportsPipeline) -> list[str]:
    """Let dlt end the load of each package whose run was killed while it did so.

    All that it does then may be done again; the load is proven by it.

    Args:
        pipeline: Whose.

    Returns:
        The ids of these packages.
    """
    packages = _packages_to_load(pipeline)
    if packages is None:
        return []
    killed = [load for load in packages.list_packages() if packages.is_package_completed(load)]
    for load in killed:
        logger.info(f"The load {load} was about to be put aside when its run was killed")
        folder = Path(packages.storage.make_full_path(packages.get_package_path(load)))
        (folder / PackageStorage.PACKAGE_COMPLETED_FILE_NAME).unlink()
    return killed


def _packages_to_load(pipeline: SupportsPipeline) -> PackageStorage | None:
    folder = Path(pipeline.working_dir) / "load" / LoadStorage.NORMALIZED_FOLDER
    if not folder.is_dir():
        return None
    return PackageStorage(FileStorage(str(folder)), "normalized")


def _is_cut_short(packages: PackageStorage, load: str) -> bool:
    """Whether a copy has an unknown fate."""
    if not any(_is_copy(name) for name in _of_unknown_fate(packages, load)):
        return False
    return _is_of_exports(packages.load_schema(load))


def _of_unknown_fate(packages: PackageStorage, load: str) -> list[str]:
    """The files of jobs that were begun and not noted, or tried before."""
    folders = (packages.list_started_jobs(load), packages.list_new_jobs(load))
    begun, new = ([Path(file).name for file in files] for files in folders)
    noted = set(packages.list_pending_transitions(load))
    unknown = [name for name in begun if name not in noted]
    return unknown + [name for name in new if ParsedLoadJobFileName.parse(name).retry_count]


def _is_of_exports(schema: Schema) -> bool:
    return any(FORMAT in table for table in schema.tables.values())


def _is_copy(name: str) -> bool:
    return ParsedLoadJobFileName.parse(name).file_format not in FOLLOWING


def _put_back(packages: PackageStorage, load: str) -> None:
    """As if no job had been begun; killed on the way, it is done again.

    What was begun, and tells that the load was cut short, is therefore put back last.
    """
    schema = packages.load_schema(load)
    package = Path(packages.storage.make_full_path(packages.get_package_path(load)))
    _set_up_again(package)
    new = package / PackageStorage.NEW_JOBS_FOLDER
    completed = package / PackageStorage.COMPLETED_JOBS_FOLDER
    started = package / PackageStorage.STARTED_JOBS_FOLDER
    for folder in (new, completed, started):
        for file in sorted(folder.iterdir()):
            if not _is_copy(file.name):
                packages.clear_pending_transition(load, file.name)
                file.unlink()
            elif not _is_appended(schema, file.name):
                packages.clear_pending_transition(load, file.name)
                file.rename(new / file.name)


def _set_up_again(package: Path) -> None:
    """Let dlt prepare the destination's tables, and empty them, as for a new package."""
    applied = package / PackageStorage.APPLIED_SCHEMA_UPDATES_FILE_NAME
    expected = package / PackageStorage.SCHEMA_UPDATES_FILE_NAME
    if applied.exists() and not expected.exists():
        # Tables and columns that are there already are left as they are.
        expected.write_text(json.dumps(json.loads(applied.read_bytes())), encoding="utf-8")


def _is_appended(schema: Schema, name: str) -> bool:
    """Whether nothing takes the rows away again that such a file has brought."""
    table = ParsedLoadJobFileName.parse(name).table_name
    return get_write_disposition(schema.tables, table) == "append"
