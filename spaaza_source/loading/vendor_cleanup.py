"""Removes loaded exports at the vendor, where a user asks for that.

They are removed when the next load begins, for only then are their rows loaded for sure. Adopted
exports stay: somebody else may have asked for them.
"""

from __future__ import annotations

from collections.abc import Callable

from dlt.common import logger

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports import TableExports
from spaaza_source.loading.checkpoint import Cursor

Remove = Callable[[str], None]


class VendorCleanup:
    """Removes the exports of one table's earlier loads; within its resource.

    Args:
        cursor: The table's checkpoint, which remembers them.
        remove: Removes a job at the vendor; None to leave all there.
    """

    def __init__(self, cursor: Cursor, remove: Remove | None) -> None:
        self._cursor = cursor
        self._remove = remove

    def remove_loaded(self) -> None:
        """Remove the exports of earlier loads; what cannot be removed is left for the next load."""
        if self._remove is None:
            return
        for job_id in self._cursor.removable_jobs:
            try:
                self._remove(job_id)
            except SpaazaSourceError as error:
                logger.warning(
                    f"loaded exports stay at the vendor, for {job_id} could not be deleted: {error}"
                )
                return
            self._cursor.drop_removable_job(job_id)

    def remember(self, exports: TableExports) -> None:
        """Remove these exports when the next load begins: their rows are in this load package."""
        if self._remove is not None:
            own = [export.job.job_id for export in exports.exports if not export.adopted]
            self._cursor.add_removable_jobs(own)
