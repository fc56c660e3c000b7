"""Removes a load's exports at the vendor, where a user asks for that.

Only when the next load begins is it sure that the rows are loaded: what dlt's state tells moves
with the load package. Only those that the load itself asked for are removed: one that it took up
may be somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable

from dlt.common import logger

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports.table_exports import TableExports
from spaaza_source.loading.checkpoint import Cursor

Remove = Callable[[str], None]


class VendorCleanup:
    """What becomes of the exports of one table's loads, within its resource.

    Args:
        cursor: Remembers them from one load to the next.
        remove: Removes a job at the vendor; None to leave all there.
    """

    def __init__(self, cursor: Cursor, remove: Remove | None) -> None:
        self._cursor = cursor
        self._remove = remove

    def remove_loaded(self) -> None:
        """Remove those of earlier loads; what cannot be removed is left for the next load."""
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
            self._cursor.note_removed(job_id)

    def note(self, exports: TableExports) -> None:
        """The rows of these exports are in this load package."""
        if self._remove is not None:
            own = [export.job.job_id for export in exports.exports if not export.adopted]
            self._cursor.note_removable(own)
