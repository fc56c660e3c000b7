"""The settings of a table by which its rows are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from spaaza_source.writing.delete_guard import DeleteGuard
from spaaza_source.writing.write_disposition import Disposition


@dataclass(frozen=True)
class WriteSettings:
    """How the rows of one table are written.

    Attributes:
        disposition: How they replace rows of the table.
        delete_guard: How many rows may be deleted.
        candidates: Columns that may be its key, the likeliest first, as dlt names them.
        watched: Columns whose cells are looked at too once all rows have passed.
        times: The columns with the times that the table is asked for by, as the header has them.
        soft_deletes: Whether rows are marked as deleted instead of removed.
    """

    disposition: Disposition
    delete_guard: DeleteGuard = field(default_factory=DeleteGuard)
    candidates: Sequence[str] = ()
    watched: Sequence[str] = ()
    times: Sequence[str] = ()
    soft_deletes: bool = False
