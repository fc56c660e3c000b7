"""Whether, and where, a dlt pipeline is extracting."""

from __future__ import annotations

import tempfile
from pathlib import Path

import dlt
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable

from spaaza_source.destination import current_pipeline

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
    """The folder of downloads: in the pipeline's working folder, else a temporary one."""
    if is_extracting():
        return Path(current_pipeline().working_dir) / DOWNLOADS
    return Path(tempfile.gettempdir()) / "spaaza_source"
