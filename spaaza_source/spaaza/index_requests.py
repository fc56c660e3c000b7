"""Makes the requests of an index: of a window, or of all rows, by the settings' filter."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

from spaaza_source.errors import SettingsError
from spaaza_source.exports import ExportFormat, ExportRequest, SyncPolicy
from spaaza_source.reading import RangeColumns
from spaaza_source.spaaza.indexes import Index
from spaaza_source.spaaza.segments import moves_with_time, selection_for
from spaaza_source.windows import EARLIEST, Window


@dataclass(frozen=True)
class IndexRequests:
    """Makes an index's request for a window, or for all rows.

    Raises:
        SettingsError: The segment is none.
    """

    index: Index
    chain_id: int
    export_format: ExportFormat
    #: Its rules may hold personal values.
    segment: object = field(repr=False)
    margin: timedelta
    #: Whether a range only narrows a rule "within the last ...", as versions before did.
    narrows_last_days: bool = False

    def __post_init__(self) -> None:
        self(None)

    def __call__(self, window: Window | None) -> ExportRequest:
        """The request for a window; for all rows of None."""
        fields = [
            self.index.time_field or self.index.part_field,
            self.index.change_field if self.shows_changes else None,
        ]
        return ExportRequest(
            table=self.index.table,
            subject=self.index.export_index,
            account=str(self.chain_id),
            export_format=self.export_format,
            window=window,
            selection=selection_for(
                self.segment,
                index=self.index.export_index,
                chain_id=self.chain_id,
                time_fields=[field for field in fields if field],
                window=window,
                margin=self.margin,
                as_range=self.index.time_field is not None and not self.narrows_last_days,
            ),
        )

    def range_columns(self, time_column: str | None) -> RangeColumns | None:
        """The columns by any of which a row is of a range, where rows that changed are merged."""
        change = self.index.change_field
        if not self.shows_changes or time_column is None or change is None:
            return None
        return RangeColumns((time_column, change), self.margin)

    @property
    def shows_changes(self) -> bool:
        """Whether a window's export has the rows that changed in it.

        Not in JSON, whose lists become tables that a later load could not merge; nor with rules of
        the user's: a segment joins all rules or any, but no groups of them.
        """
        return (
            self.index.change_field is not None
            and self.export_format == "csv"
            and self.segment is None
        )

    @property
    def moves_with_time(self) -> bool:
        """Whether rows leave the segment as time passes."""
        return moves_with_time(self.segment)

    def in_parts(self, dates: SyncPolicy) -> SyncPolicy | None:
        """The times that an index without windows is asked for by where it fails as a whole.

        None where it cannot be: in JSON no key tells rows of two parts apart.
        """
        can_be = self.index.part_field is not None and self.export_format == "csv"
        return SyncPolicy(min_window=dates.min_window) if can_be and not self._refused else None

    def dates_refused(self, dates: SyncPolicy) -> SettingsError | None:
        """Why the settings' dates cannot narrow the index, as its segment is; None if they can."""
        if self.index.time_field is None or not dates.is_given:
            return None
        return None if self.moves_with_time and not dates.is_backfill else self._refused

    @property
    def takes_range(self) -> bool:
        """Whether a range of time can be asked for."""
        return self.index.time_field is not None and self._refused is None

    @property
    def _refused(self) -> SettingsError | None:
        """Why the segment cannot be narrowed to a window; None if it can."""
        try:
            self(Window(None, EARLIEST + timedelta(days=1)))
        except SettingsError as refused:
            return refused
        return None

    def narrow(self, dates: SyncPolicy, snapshot: timedelta) -> SyncPolicy | None:
        """The times that the index is loaded by; None if it is always loaded whole.

        Args:
            dates: What the settings say of them.
            snapshot: How often an index whose changes are loaded is loaded whole.
        """
        if self.index.time_field is None or self._refused is not None:
            return None
        if self.moves_with_time:
            # Its rules say which rows, but for a range of the user's.
            return replace(dates, incremental=False) if dates.is_backfill else None
        if self.shows_changes:
            return replace(dates, incremental=True, full_refresh_every=snapshot, reload_every=None)
        return replace(dates, incremental=self.index.is_final)
