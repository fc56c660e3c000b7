"""Whether, and where, a dlt pipeline is extracting."""

from __future__ import annotations

from pathlib import Path

import dlt
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable

from spaaza_source.destination import current_pipeline
from spaaza_source.exports import process_folder

#: Under a pipeline's working folder: the folder of its downloads.
DOWNLOADS = "exports"


def is_extracting() -> bool:
    """Whether a pipeline extracts, rather than someone iterating over a resource."""
    try:
        dlt.current.load_package_state()
    except CurrentLoadPackageStateNotAvailable:
        return False
    return True


def downloads_folder() -> Path:
    """The folder of downloads: in the pipeline's working folder, else in this process's own."""
    if is_extracting():
        return Path(current_pipeline().working_dir) / DOWNLOADS
    return process_folder() / DOWNLOADS
