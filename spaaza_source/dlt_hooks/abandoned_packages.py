"""Gives up load packages: those that failed for good, that others have overtaken, or half-written.

A package that can never be loaded would be tried first by every later run. A machine that dies
before its load may come back when others have gone on: its package would put older rows over
theirs. One that brings only what its table had not would leave any other table incomplete. The
exports of all these can be had again, and the ledger tells what is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlt.common import logger
from dlt.common.storages import LoadStorage, NormalizeStorage

from spaaza_source.audit import Ledger, TableManifest, is_made_for, read_ledger, read_manifests
from spaaza_source.destination import can_count, open_client
from spaaza_source.dlt_hooks.lasting_failures import can_repeat, package_folders, read_failure
from spaaza_source.loading import MARK


def abandon_packages(pipeline: Any) -> None:
    """Give up every package that is not loaded yet, and say so.

    The pipeline's state and schemas are then as they were before the oldest of them. The
    destination is not needed for it. What a package had loaded into a table stays there, and the
    ledger does not count it: the next load brings those rows again.
    """
    plan = pipeline.abort_packages()
    if plan is None:
        return
    aborted = plan["package_to_abort"]
    loads = {*plan["packages_to_delete"], *plan["extracted_packages_to_delete"]}
    loads |= {aborted["load_id"]} if aborted else set()
    logger.warning(
        f"Given up, and not loaded: {', '.join(sorted(loads))}. Their exports are adopted or asked"
        " for again"
    )


def abandon_failed_packages(pipeline: Any) -> None:
    """Give up the packages of earlier runs if one failed for good and all can be had again."""
    left = list(package_folders(pipeline))
    failures = {folder.name: read_failure(folder) for folder in left}
    failed = {load: failure for load, failure in failures.items() if failure}
    if not failed:
        return
    told = ", ".join(f"{load} ({failure})" for load, failure in failed.items())
    loads = f"The load {told}" if len(failed) == 1 else f"The loads {told}"
    if all(map(can_repeat, left)):
        logger.warning(f"{loads} can never be loaded")
        abandon_packages(pipeline)
        return
    logger.warning(
        f"{loads} can never be loaded, and holds rows that no new export has. Repair the"
        " destination; or give the load up: load --abandon, or pipeline.abort_packages()"
    )


def abandon_stale_packages(pipeline: Any) -> None:
    """Remove each package, left by an earlier run, that is not right for a table any more.

    A younger load has brought its rows, or the table is not the one that it completes.
    """
    read = {folder: read_manifests(folder)[1] for folder in package_folders(pipeline)}
    left = [(folder, manifests) for folder, manifests in read.items() if manifests]
    if not left or not can_count(pipeline, None):
        return
    with open_client(pipeline) as client:
        ledger = read_ledger(client)
        for folder, manifests in left:
            load = folder.name
            overtaken = [each for each in manifests if _is_overtaken(ledger, load, each)]
            changed = [each for each in manifests if not is_made_for(client, ledger, load, each)]
            if overtaken or changed:
                tables = ", ".join(each.table for each in overtaken or changed)
                what = (
                    f"younger ones have loaded {tables}" if overtaken else f"{tables} has changed"
                )
                logger.warning(
                    f"The load {load} was never finished, and {what} since: it is given up,"
                    " and what is missing is asked for again"
                )
                shutil.rmtree(folder)


def abandon_partial_packages(pipeline: Any) -> None:
    """Remove each extracted package that only completes a table: another one is to be extracted.

    dlt would normalize both by the schema of the later one, which may not complete the table.
    """
    for folder in package_folders(pipeline):
        is_extracted = folder.parent.name == NormalizeStorage.EXTRACTED_FOLDER
        if is_extracted and any(each.made_for for each in read_manifests(folder)[1]):
            logger.warning(
                f"The load {folder.name} was never normalized, and another one begins: it is given"
                " up, and what is missing is asked for again"
            )
            shutil.rmtree(folder)


def remove_unfinished_packages(pipeline: Any) -> None:
    """Remove what killed runs had written of packages that they did not finish.

    Nothing ever loads it, and dlt leaves it there, customers' rows with it. The run lock of the
    pipeline is held, so none of it is still being written by a run of exports; what a run without
    exports extracts, which knows no lock, is left alone.
    """
    for folder in _unfinished(Path(pipeline.working_dir)):
        logger.info(f"A run was killed while it wrote {folder.name}: what it left is removed")
        shutil.rmtree(folder, ignore_errors=True)


def _unfinished(work: Path) -> Iterator[Path]:
    extracted = work / "normalize" / NormalizeStorage.EXTRACTED_FOLDER
    # Each run extracts into a folder of its own.
    for folder in (work / "normalize").glob("*"):
        if folder != extracted and any(folder.glob(f"*/{MARK}")):
            yield folder
    for package in (work / "load" / LoadStorage.NEW_PACKAGES_FOLDER).glob("*"):
        # dlt writes those anew that are still to be normalized.
        if not (extracted / package.name).exists():
            yield package


def _is_overtaken(ledger: Ledger, load: str, manifest: TableManifest) -> bool:
    """Whether a younger load has brought rows of the manifest's range."""
    covered = manifest.covered
    return any(
        float(export.load) > float(load)
        and (covered is None or export.window is None or covered.overlaps(export.window))
        for export in ledger.get(manifest.table, [])
    )
