"""How one table is loaded: what is asked for, how its files are read, and its rows written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import dlt

from spaaza_source.expectations import Expectations
from spaaza_source.exports import RELOAD, ExportRequest, SyncPolicy, TableSync
from spaaza_source.loading.context import is_extracting
from spaaza_source.loading.first_look import name_in_destination
from spaaza_source.reading import FileReader, RangeColumns, ReadSettings
from spaaza_source.tabular import Policy
from spaaza_source.tombstones import People, Tombstones
from spaaza_source.windows import Window
from spaaza_source.writing import WriteSettings


@dataclass(frozen=True)
class TableLoad:
    """How one table is loaded.

    Attributes:
        sync: What to bring of it.
        read_settings: How its files are read.
        privacy: What happens to personal columns.
        time_column: The column that windows are taken by, as the header has it; None where rows
            that changed are merged by a key.
        write_settings: How its rows are written.
        stops_on_drift: Whether a file that differs from the table's last one is not loaded.
        range_columns: Where rows that changed are merged by a key: the columns by any of which one
            is of an exact range; None where they are not known.
        expectations: What its rows must hold; None for nothing.
        on_rejected: Told the number of each file's bad rows, where no pipeline loads it.
        people: What is known of the people in the source's tables.
        tombstones: Those of the destination, where no pipeline tells it.
    """

    sync: TableSync
    read_settings: ReadSettings
    privacy: Policy
    time_column: str | None
    write_settings: WriteSettings
    stops_on_drift: bool = False
    on_rejected: Callable[[int], None] | None = None
    range_columns: RangeColumns | None = None
    people: People = field(default_factory=People)
    tombstones: Tombstones = field(default_factory=Tombstones)
    expectations: Expectations | None = None

    @property
    def times(self) -> tuple[str, ...]:
        """The columns with the times that it is asked for by, as the header has them."""
        return times_of(self.time_column, self.range_columns)

    def renamed(self) -> TableLoad:
        """The same with the name that the table has in the destination; within its resource.

        A user may give it another one. What is remembered of a table, and what the destination
        tells, goes by that name, not by the resource's.
        """
        if not is_extracting():
            return self
        hint = dlt.current.resource().table_name
        if callable(hint):
            # Each row has a table of its own.
            return self
        name = name_in_destination(str(hint))
        make_request = self.sync.make_request

        def make_renamed(window: Window | None) -> ExportRequest:
            return replace(make_request(window), table=name)

        return replace(self, sync=replace(self.sync, table=name, make_request=make_renamed))

    def reader(
        self, policy: SyncPolicy | None = None, tombstones: Tombstones | None = None
    ) -> FileReader:
        """What opens its files.

        Args:
            policy: Which rows the load brings.
            tombstones: Those of the destination.

        Raises:
            SettingsError: People were forgotten under another secret.
        """
        hides = self.privacy
        return FileReader(
            self.read_settings,
            self.privacy,
            self.time_column,
            policy.all_rows_hint if policy else RELOAD,
            may_widen=is_extracting() and not self.stops_on_drift,
            range_columns=self.range_columns if policy and policy.is_backfill else None,
            # By the name that the vendor's package has for it, whatever it is called there.
            forgotten=(tombstones or self.tombstones).of_table(
                hides.table, self.people, hides.secret_hash, self.sync.table
            ),
        )


def times_of(time_column: str | None, range_columns: RangeColumns | None) -> tuple[str, ...]:
    """The columns with the times that a table is asked for by, as the header has them."""
    if range_columns is not None:
        return range_columns.names
    return () if time_column is None else (time_column,)
