"""What dlt keeps of loads in a pipeline's folder on this machine: packages, and the last trace."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from dlt.common.storages import LoadStorage

from spaaza_source.errors import SettingsError
from spaaza_source.loading import DOWNLOADS

#: dlt's trace of the last run: steps, files and errors.
TRACE = "trace.pickle"


def require_no_pending(pipeline: Any) -> None:
    """Check that no load of the pipeline is to be finished: it could bring rows that are erased.

    Raises:
        SettingsError: One is.
    """
    if pipeline.has_pending_data:
        raise SettingsError(
            "a load is not finished, and may have rows of these people",
            where=f"pipeline {pipeline.pipeline_name!r}",
            hint="Finish it (spaaza load), or give it up: spaaza load --abandon.",
        )


def remove_packages(pipeline: Any) -> int:
    """Remove the packages of loads that have ended, downloads and the trace; returns how many."""
    folder = Path(pipeline.working_dir)
    loaded = list((folder / "load" / LoadStorage.LOADED_FOLDER).glob("*"))
    for package in loaded:
        shutil.rmtree(package)
    shutil.rmtree(folder / DOWNLOADS, ignore_errors=True)
    (folder / TRACE).unlink(missing_ok=True)
    return len(loaded)
