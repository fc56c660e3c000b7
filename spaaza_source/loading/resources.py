"""A vendor's tables as dlt resources: what every vendor's source does alike with its settings.

The settings themselves, with their defaults and words, are each source's own; what a resource
yields is `load`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dlt
from dlt.extract import DltResource

from spaaza_source.exports.plan import SyncPolicy, TableSync
from spaaza_source.exports.run import ExportRun
from spaaza_source.loading.extract import archived_tables, export_tables
from spaaza_source.loading.reader import ReadSettings
from spaaza_source.loading.vendor_cleanup import Remove
from spaaza_source.settings import require_choice, require_number
from spaaza_source.tabular import Policy
from spaaza_source.writing.delete_guard import DeleteGuard
from spaaza_source.writing.table_write import WriteSettings
from spaaza_source.writing.write_disposition import REPLACE, REPLACE_WINDOW, Disposition

#: Where dlt looks for settings of a resource that is run without its source: users' configuration
#: has it, so it does not follow the name of the module that dlt would take it from.
SECTION = "load"


def sync_policy(
    start_date: object, end_date: object, *, lag: Any, window: Any, smallest_window: Any
) -> SyncPolicy:
    """The times that a source's settings of these names ask for.

    Raises:
        SettingsError: One of them is wrong.
    """
    return replace(
        SyncPolicy.of(start_date, end_date),
        lag=timedelta(seconds=require_number("lag", lag, least=0)),
        window_size=None
        if window is None
        else require_choice("window", window, "month", "week", "day"),
        min_window=timedelta(seconds=require_number("smallest_window", smallest_window, least=60)),
    )


@dataclass(frozen=True)
class TableSpec:
    """What a source knows of one of its tables.

    Attributes:
        wanted: What to ask for.
        policy: What happens to personal columns.
        time_column: The column that windows are taken by; None where rows are merged by a key.
        keys: Columns that may be its key; the rows must prove it.
        passing: Columns whose cells change by themselves as time passes.
    """

    wanted: TableSync
    policy: Policy
    time_column: str | None
    keys: Sequence[str]
    passing: Sequence[str]


@dataclass(frozen=True)
class ResourceFactory:
    """What the resources of a source share.

    Attributes:
        run: The exports of a load.
        reading: How to read the files.
        deletions: How many rows a load may take away.
        by_scheduler: Whether a scheduler's interval is the span; None for what dlt says.
        keep_files: A folder to keep the files in; None to remove them.
        from_files: The folder of a kept load that is loaded again; None to ask the vendor.
        remove: Removes jobs at the vendor, once a later load begins; None to leave them there.
    """

    run: ExportRun
    reading: ReadSettings
    deletions: DeleteGuard
    by_scheduler: bool | None
    keep_files: str | None
    from_files: str | None
    remove: Remove | None = None

    def resource(self, table: TableSpec) -> DltResource:
        """The resource of one table."""
        wanted = table.wanted
        goes_by_time = wanted.span is not None and wanted.span.start is not None
        # A declared "replace" would empty the table of a resource that has nothing to load.
        declared = (
            REPLACE_WINDOW if wanted.collect_only or self.from_files or goes_by_time else REPLACE
        )
        given = (wanted, self.reading, table.policy, table.time_column)
        upkeep = WriteSettings(Disposition(declared, table.passing), self.deletions, table.keys)
        if self.from_files is not None:
            return dlt.resource(
                archived_tables, name=wanted.table, section=SECTION, write_disposition=declared
            )(Path(self.from_files), *given, upkeep=upkeep)
        return dlt.resource(
            export_tables, name=wanted.table, section=SECTION, write_disposition=declared
        )(
            self.run,
            *given,
            upkeep=upkeep,
            by_scheduler=self.by_scheduler,
            keep_files=None if self.keep_files is None else Path(self.keep_files),
            remove=self.remove,
        )
