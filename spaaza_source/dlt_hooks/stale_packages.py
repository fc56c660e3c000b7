"""Gives up load packages that other machines have overtaken.

A machine that dies before its load may come back when others have gone on: its package would put
older rows over theirs. Its exports can be had again, and the ledger tells what is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlt.common import logger
from dlt.common.storages import LoadStorage, NormalizeStorage

from spaaza_source.audit import TableManifest, read_ledger, read_manifests
from spaaza_source.destination import can_count, open_client


def abandon_stale_packages(pipeline: Any) -> None:
    """Remove each package, left by an earlier run, whose rows a younger load has brought."""
    left = list(_packages(pipeline))
    if not left or not can_count(pipeline, None):
        return
    with open_client(pipeline) as client:
        for folder, manifests in left:
            overtaken = [each for each in manifests if _is_overtaken(client, folder.name, each)]
            if overtaken:
                tables = ", ".join(each.table for each in overtaken)
                logger.warning(
                    f"The load {folder.name} was never finished, and younger ones have loaded"
                    f" {tables} since: it is given up, and what is missing is asked for again"
                )
                shutil.rmtree(folder)


def _packages(pipeline: Any) -> Iterator[tuple[Path, list[TableManifest]]]:
    """The folders of packages that are not loaded yet, and their manifests."""
    work = Path(pipeline.working_dir)
    for folder in (
        work / "normalize" / NormalizeStorage.EXTRACTED_FOLDER,
        work / "load" / LoadStorage.NORMALIZED_FOLDER,
    ):
        for package in sorted(folder.glob("*")):
            if not package.is_dir():
                # Killed while it writes a file there, dlt leaves it beside the packages.
                continue
            _, manifests = read_manifests(package)
            if manifests:
                yield package, manifests


def _is_overtaken(client: Any, load: str, manifest: TableManifest) -> bool:
    """Whether a younger load has brought rows of the manifest's range."""
    covered = manifest.covered
    return any(
        float(export.load) > float(load)
        and (covered is None or export.window is None or covered.overlaps(export.window))
        for export in read_ledger(client).get(manifest.table, [])
    )
