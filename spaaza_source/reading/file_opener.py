"""Opens a file by what the settings and the schema tell of its table's columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import dlt

from spaaza_source.drift import name_by_text, remembered_headers
from spaaza_source.exports import ExportRequest
from spaaza_source.reading.column_hints import known_types, nested_types
from spaaza_source.settings import require_choice
from spaaza_source.tabular import (
    ColumnType,
    CsvFile,
    Dialect,
    JsonFile,
    Policy,
    SharedThreads,
    TableTypes,
    check_settings,
    make_speller,
    open_csv,
    open_json,
)
from spaaza_source.transport import ArrivingBytes


def _keep_header(_: ExportRequest, header: Sequence[str]) -> Sequence[str]:
    return header


@dataclass(frozen=True)
class ReadSettings:
    """How files are read.

    Attributes:
        types: What gives columns their types, beside hints and the table itself.
        on_bad_row: `reject` or `fail`.
        max_rejected_share: Stop when a larger share of the rows is bad, from 0 to 1; but not for
            `max_rejected_rows`.
        max_rejected_rows: So many may be bad, if they are no more than a third.
        name_header: Gives the cells of a CSV file's header the names that they stand for.
        has_window_settings: Whether the source has settings about windows, to be advised:
            `time_columns` and `filter_margin`.
        empty_files: `accept` where a file of a window without any byte stands for no row.
        dialect: What the CSV files of a user's own are written in; None for those of a vendor.
    """

    types: TableTypes = field(default_factory=TableTypes)
    on_bad_row: Literal["reject", "fail"] = "reject"
    max_rejected_share: float = 0.01
    name_header: Callable[[ExportRequest, Sequence[str]], Sequence[str]] = _keep_header
    has_window_settings: bool = False
    max_rejected_rows: int = 10
    empty_files: Literal["stop", "accept"] = "stop"
    dialect: Dialect | None = None

    def __post_init__(self) -> None:
        require_choice("empty_files", self.empty_files, "stop", "accept")
        check_settings(
            self.types.setting, self.on_bad_row, self.max_rejected_share, self.max_rejected_rows
        )


@dataclass(frozen=True)
class FileOpener:
    """Opens files of one table, in any thread; two that are equal open a file alike.

    Attributes:
        table: Its name.
        settings: How to read the files.
        policy: What happens to personal columns.
        time_column: The column that windows are taken by, as dlt names it; None without one.
        naming: dlt's naming convention of the schema.
        known: The types that are settled, by column.
        nested: The same for tables that dlt makes of lists, by table; none for CSV files.
        texts: The header text of each column that the table has had, where names go by it.
    """

    table: str
    settings: ReadSettings
    policy: Policy = field(compare=False)
    time_column: str | None
    naming: Any = field(compare=False)
    known: Mapping[str, ColumnType]
    nested: Mapping[str, Mapping[str, ColumnType]]
    texts: Mapping[str, str]

    @classmethod
    def of(
        cls,
        table: str,
        export_format: str,
        settings: ReadSettings,
        policy: Policy,
        time_column: str | None,
    ) -> FileOpener:
        """By what dlt's schema tells now; within a resource."""
        is_json = export_format == "json"
        # Names that stand for labels tell the same column by other texts.
        goes_by_text = settings.name_header is _keep_header and not is_json
        return cls(
            table,
            settings,
            policy,
            time_column,
            dlt.current.source_schema().naming,
            known_types(table, settings.types),
            nested_types() if is_json else {},
            remembered_headers(table) if goes_by_text else {},
        )

    def open_csv(
        self,
        path: Path,
        request: ExportRequest,
        arriving: ArrivingBytes | None = None,
        threads: SharedThreads | None = None,
    ) -> CsvFile:
        """Examine a whole CSV file.

        Args:
            path: The file.
            request: What was asked for.
            arriving: Its bytes, where it is still being downloaded.
            threads: Where its parts are examined; in threads of its own unless given.

        Raises:
            FileError: It must not be loaded.
        """
        return open_csv(
            path,
            name_column=name_by_text(self._spell, self.texts),
            name_header=partial(self.settings.name_header, request),
            instants=None if request.window is None else self.time_column,
            dialect=self.settings.dialect,
            arriving=arriving,
            threads=threads,
            **self._given,
        )

    def open_json(
        self, path: Path, request: ExportRequest, arriving: ArrivingBytes | None = None
    ) -> JsonFile:
        """The same for a JSON file.

        Args:
            path: The file.
            request: What was asked for.
            arriving: Its bytes, where it is still being downloaded.

        Raises:
            FileError: It must not be loaded.
        """
        return open_json(
            path,
            name_column=self._spell,
            join_names=self.naming.shorten_fragments,
            nested_types=self._nested_types,
            instants=None if request.window is None else self.time_column,
            arriving=arriving,
            **self._given,
        )

    @property
    def _spell(self) -> Callable[[str], str]:
        return make_speller(self.naming.normalize_identifier)

    @property
    def _given(self) -> dict[str, Any]:
        settings, policy = self.settings, self.policy
        return {
            "known_types": policy.types(self.known),
            "look_at": policy.is_unknown if policy.is_guarded else None,
            "documented": settings.types.find_documented,
            "column_types": settings.types.setting,
            "on_bad_row": settings.on_bad_row,
            "max_rejected_share": settings.max_rejected_share,
            "max_rejected_rows": settings.max_rejected_rows,
        }

    def _nested_types(self, path: tuple[str, ...]) -> Mapping[str, ColumnType]:
        table = self.naming.shorten_fragments(self.table, *path)
        return self.policy.types(self.nested.get(table, {}), under=path)
