"""Opens and judges the files of one table's exports, so that all of them agree about types."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import dlt
from dlt.common import logger

from spaaza_source.drift import (
    Notice,
    check_headers,
    name_by_text,
    remembered_headers,
    widen_to_decimals,
)
from spaaza_source.errors import IncompleteDownloadError, SettingsError
from spaaza_source.exports import RELOAD, Export, ExportRequest, error_context
from spaaza_source.reading.column_hints import (
    check_header,
    hinted_types,
    known_types,
    nested_types,
    normalize_name,
)
from spaaza_source.reading.loadable_file import LoadableCsv, LoadableFile, LoadableJson, RowWindow
from spaaza_source.tabular import (
    TIMESTAMP,
    Column,
    CsvFile,
    Policy,
    TableTypes,
    check_settings,
    make_speller,
    open_csv,
    open_json,
)


def _keep_header(_: ExportRequest, header: Sequence[str]) -> Sequence[str]:
    return header


@dataclass(frozen=True)
class ReadSettings:
    """How files are read.

    Attributes:
        types: What gives columns their types, beside hints and the table itself.
        on_bad_row: `reject` or `fail`.
        max_rejected_share: Stop when a larger share of the rows is bad, from 0 to 1.
        name_header: Gives the cells of a CSV file's header the names that they stand for.
        has_window_settings: Whether the source has settings about windows, to be advised:
            `time_columns` and `filter_margin`.
    """

    types: TableTypes = field(default_factory=TableTypes)
    on_bad_row: Literal["reject", "fail"] = "reject"
    max_rejected_share: float = 0.01
    name_header: Callable[[ExportRequest, Sequence[str]], Sequence[str]] = _keep_header
    has_window_settings: bool = False

    def __post_init__(self) -> None:
        check_settings(self.types.setting, self.on_bad_row, self.max_rejected_share)


class FileReader:
    """Opens the files of one table; within a resource.

    Args:
        settings: How to read them.
        policy: What happens to personal columns.
        time_column: The column that windows are taken by, as the header has it.
        all_rows_hint: What lets a load bring all rows instead of windows, for a hint.
        may_widen: Whether a column of the table may get a wider type.
    """

    def __init__(
        self,
        settings: ReadSettings,
        policy: Policy,
        time_column: str | None = None,
        all_rows_hint: str = RELOAD,
        *,
        may_widen: bool = False,
    ) -> None:
        self.policy = policy
        #: The column that windows are taken by, as dlt names it.
        self.time_column = None if time_column is None else _normalize(time_column)
        #: Why no window can be taken of the file that was opened last; None where one can.
        self.no_times: str | None = None
        #: What is to be told of the files that were opened last.
        self.notices: list[Notice] = []
        self._settings = settings
        self._all_rows_hint = all_rows_hint
        self._may_widen = may_widen
        self._look_at = policy.is_unknown if policy.is_guarded else None
        self._examined: dict[int, CsvFile] = {}

    def can_examine(self, export: Export) -> bool:
        """Whether a file that has arrived is still to be judged, and can be before the others."""
        return export.request.export_format == "csv" and id(export) not in self._examined

    def examine(self, export: Export) -> None:
        """Judge a file that has arrived, unless that has been done, or it can only be read.

        Raises:
            FileError: It must not be loaded.
            IncompleteDownloadError: It ends where nothing proves that it is whole.
            SettingsError: It has no column to take the window by, or none that the policy names.
        """
        if self.can_examine(export):
            with error_context(export):
                self._examined[id(export)] = self._open_csv(export)

    def files(self, exports: Sequence[Export]) -> Iterator[tuple[Export, LoadableFile]]:
        """The files in their order; a column has one type in all CSV files.

        Raises:
            FileError, IncompleteDownloadError, SettingsError: As by `examine`.
        """
        for export in exports:
            self.examine(export)
        self._widen_csv(exports)
        csv_files = list(self._examined.values())
        columns: dict[str, Column] = {}
        for export in exports:
            with error_context(export):
                examined = self._examined.get(id(export))
                file: LoadableFile
                if examined is None:
                    file = self._open_json(export)
                    columns |= {"__".join(path): column for path, column in file.all_columns()}
                else:
                    window = self._row_window(examined.columns, export.request)
                    typed = examined.typed_like(csv_files)
                    file = LoadableCsv(export, typed, self.policy, window)
                    columns |= {column.name: column for column in typed.columns}
            yield export, file
        if columns:
            self._warn_of_types(exports[0].request.table, columns)

    def _warn_of_types(self, table: str, columns: Mapping[str, Column]) -> None:
        """Warn of documented types that values do not fit, and of types for no column."""
        other = [
            f"{name} ({column.documented}, loaded as {column.type})"
            for name, column in columns.items()
            if column.documented and column.type and column.documented != column.type
        ]
        if other:
            logger.warning(
                f"{table}: the values do not fit the types that the vendor documents:"
                f" {', '.join(other)}"
            )
        names = {name: normalize_name(name) for name in self._settings.types.by_column}
        missing = [given for given, name in names.items() if name not in columns]
        if missing:
            logger.warning(
                f"column_types of {table}: no file has the column {', '.join(map(repr, missing))}"
            )

    def _widen_csv(self, exports: Sequence[Export]) -> None:
        """Make decimals of columns of whole numbers to which one of the CSV files brings some."""
        names = {name for file in self._examined.values() for name in file.decimal_columns}
        if names:
            widened = self._widen(exports[0].request.table, names)
            self._examined = {
                number: file.widened(widened) for number, file in self._examined.items()
            }

    def _widen(self, table: str, names: Collection[str], *, fixed: bool = True) -> set[str]:
        if not self._may_widen:
            return set()
        by_user = {normalize_name(name) for name in self._settings.types.by_column}
        widened = widen_to_decimals(table, names, hinted_types() | by_user if fixed else ())
        self.notices += widened.values()
        return set(widened)

    def _open_csv(self, export: Export) -> CsvFile:
        fetched = export.file()
        table, settings = export.request.table, self._settings
        name_column = make_speller(dlt.current.source_schema().naming.normalize_identifier)
        if settings.name_header is _keep_header:
            # Names that stand for labels tell the same column by other texts.
            name_column = name_by_text(name_column, remembered_headers(table))
        file = open_csv(
            fetched.path,
            name_column=name_column,
            name_header=partial(settings.name_header, export.request),
            known_types=self.policy.types(known_types(table, settings.types)),
            look_at=self._look_at,
            documented=settings.types.find_documented,
            column_types=settings.types.setting,
            on_bad_row=settings.on_bad_row,
            max_rejected_share=settings.max_rejected_share,
        )
        if not fetched.end_verified and not file.ends_with_newline:
            raise IncompleteDownloadError(
                "the file's host named no length, and the last row has no record end",
                hint="Run again; if it stays so, ask the vendor.",
            )
        check_header(table, file.columns)
        self.policy.require(column.name for column in file.columns)
        self.policy.check((column.name, column) for column in file.columns)
        return file

    def _open_json(self, export: Export) -> LoadableJson:
        table, policy, settings = export.request.table, self.policy, self._settings
        naming = dlt.current.source_schema().naming
        file = open_json(
            export.file().path,
            name_column=make_speller(naming.normalize_identifier),
            join_names=naming.shorten_fragments,
            known_types=policy.types(known_types(table, settings.types)),
            nested_types=lambda path: policy.types(nested_types(table, path), under=path),
            look_at=self._look_at,
            documented=settings.types.find_documented,
            column_types=settings.types.setting,
            on_bad_row=settings.on_bad_row,
            max_rejected_share=settings.max_rejected_share,
        )
        check_header(table, file.columns)
        check_headers(file.columns, remembered_headers(table))
        for part in file.nested:
            nested_table = naming.shorten_fragments(table, *part.path)
            check_headers(part.columns, remembered_headers(nested_table))
        window = None
        columns = [(column.name, column) for column in file.columns]
        for part in file.nested:
            columns += [("__".join([*part.path, column.name]), column) for column in part.columns]
        policy.check(columns)
        if file.rows:
            policy.require(name for name, _ in columns)
            window = self._row_window(file.columns, export.request)
        file = file.widened(
            {
                path: self._widen(naming.shorten_fragments(table, *path), names, fixed=not path)
                for path, names in file.decimal_columns.items()
            }
        )
        return LoadableJson(export, file, policy, window)

    def _row_window(self, columns: Sequence[Column], request: ExportRequest) -> RowWindow | None:
        """The rows that are the request's; None for all.

        Raises:
            SettingsError: Rows of a window are wanted, and no column tells their times.
        """
        self.no_times = self._find_no_times(columns)
        if request.window is None or self.time_column is None:
            return None
        if self.no_times is None:
            return RowWindow(self.time_column, request.window, self._all_rows_hint)
        raise SettingsError(
            f"no window can be taken: {self.no_times}",
            hint=self._advise_times(request.table),
        )

    def _advise_times(self, table: str) -> str:
        if self._hides_times:
            return f"List {self.time_column!r} as keep in privacy, or {self._all_rows_hint}."
        if self._settings.has_window_settings:
            return f"Set time_columns to {{'{table}': COLUMN}}, or {self._all_rows_hint}."
        return self._vendor_hint

    @property
    def filter_hint(self) -> str:
        """What to do where the vendor's filter means other instants than ours."""
        if self._settings.has_window_settings:
            return (
                "Set filter_margin=86400: each window is then asked for with a day on both sides."
                f" Or {self._all_rows_hint}."
            )
        return self._vendor_hint

    @property
    def _vendor_hint(self) -> str:
        return f"Ask the vendor, or {self._all_rows_hint}."

    @property
    def all_rows_reason(self) -> str | None:
        """Why every load brings all rows, with the setting that would help; None if it need not."""
        if self.no_times and self._settings.has_window_settings and not self._hides_times:
            return f"{self.no_times}; time_columns can name another column"
        return self.no_times

    @property
    def _hides_times(self) -> bool:
        return self.policy.action(self.time_column or "") in ("hash", "drop")

    def _find_no_times(self, columns: Sequence[Column]) -> str | None:
        """Why no window can be taken by the time column; None where one can be."""
        name = self.time_column
        column = next((column for column in columns if column.name == name), None)
        if column is None:
            return f"the file has no column {name!r}"
        if self._hides_times:
            return f"the policy hashes or drops the column {name!r}"
        if column.type not in (TIMESTAMP, None):
            return f"the column {name!r} does not hold times"
        return None


def _normalize(column: str) -> str:
    name: str = dlt.current.source_schema().naming.normalize_identifier(column)
    return name
