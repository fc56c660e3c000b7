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

from spaaza_source.exports.plan import Span, Wanted
from spaaza_source.exports.run import ExportRun
from spaaza_source.loading.extract import export_tables, kept_tables
from spaaza_source.loading.reader import Reading
from spaaza_source.loading.vendor_cleanup import Remove
from spaaza_source.settings import choice, number
from spaaza_source.tabular.privacy import Policy
from spaaza_source.writing.delete_guard import Deletions
from spaaza_source.writing.table_write import Upkeep
from spaaza_source.writing.write_disposition import BY_TIME, WHOLE, Disposition

#: Where dlt looks for settings of a resource that is run without its source: users' configuration
#: has it, so it does not follow the name of the module that dlt would take it from.
SECTION = "load"


def span_of(
    start_date: object, end_date: object, *, lag: Any, window: Any, smallest_window: Any
) -> Span:
    """The times that a source's settings of these names ask for.

    Raises:
        SettingsError: One of them is wrong.
    """
    return replace(
        Span.of(start_date, end_date),
        lag=timedelta(seconds=number("lag", lag, least=0)),
        size=None if window is None else choice("window", window, "month", "week", "day"),
        smallest=timedelta(seconds=number("smallest_window", smallest_window, least=60)),
    )


@dataclass(frozen=True)
class TableSettings:
    """What a source knows of one of its tables.

    Attributes:
        wanted: What to ask for.
        policy: What happens to personal columns.
        time_column: The column that windows are taken by; None where rows are merged by a key.
        keys: Columns that may be its key; the rows must prove it.
        passing: Columns whose cells change by themselves as time passes.
    """

    wanted: Wanted
    policy: Policy
    time_column: str | None
    keys: Sequence[str]
    passing: Sequence[str]


@dataclass(frozen=True)
class Resources:
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
    reading: Reading
    deletions: Deletions
    by_scheduler: bool | None
    keep_files: str | None
    from_files: str | None
    remove: Remove | None = None

    def resource(self, table: TableSettings) -> DltResource:
        """The resource of one table."""
        wanted = table.wanted
        goes_by_time = wanted.span is not None and wanted.span.start is not None
        # A declared "replace" would empty the table of a resource that has nothing to load.
        declared = BY_TIME if wanted.only_finished or self.from_files or goes_by_time else WHOLE
        given = (wanted, self.reading, table.policy, table.time_column)
        upkeep = Upkeep(Disposition(declared, table.passing), self.deletions, table.keys)
        if self.from_files is not None:
            return dlt.resource(
                kept_tables, name=wanted.table, section=SECTION, write_disposition=declared
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
