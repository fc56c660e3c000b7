"""Whether, and where, a dlt pipeline is extracting."""

from __future__ import annotations

from pathlib import Path

import dlt
from dlt.common.configuration.container import Container
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.common.storages.load_package import LoadPackageStateInjectableContext

from spaaza_source.destination import current_pipeline
from spaaza_source.exports import process_folder

#: Under a pipeline's working folder: the folder of its downloads.
DOWNLOADS = "exports"
#: The file in a package that says that exports are extracted into it.
MARK = "spaaza_source_extracts"


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


def mark_package() -> None:
    """Mark the package that is extracted: if this run is killed, the next one removes it."""
    context = Container()[LoadPackageStateInjectableContext]
    packages = context.storage
    package = packages.storage.make_full_path(packages.get_package_path(context.load_id))
    Path(package, MARK).touch()
