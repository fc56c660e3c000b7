"""Opens and judges the files of one table's exports, so that all of them agree about types."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import dlt
from dlt.common import logger

from spaaza_source.drift import (
    Notice,
    check_headers,
    remembered_headers,
    widen_to_decimals,
)
from spaaza_source.errors import (
    IncompleteDownloadError,
    MalformedFileError,
    TooManyRejectedRowsError,
)
from spaaza_source.exports import RELOAD, Export, ExportRequest, OnDownload, error_context
from spaaza_source.reading.column_hints import (
    check_header,
    hinted_types,
    normalize_name,
)
from spaaza_source.reading.early_read import EarlyRead
from spaaza_source.reading.file_opener import FileOpener, ReadSettings
from spaaza_source.reading.given_rows import (
    refuse_skipped_rows,
    refuse_total_row,
    undeclared_notices,
)
from spaaza_source.reading.loadable_file import (
    LoadableCsv,
    LoadableFile,
    LoadableJson,
    LoadableNothing,
)
from spaaza_source.reading.row_windows import RangeColumns, RowWindows
from spaaza_source.tabular import (
    NO_INSTANT,
    Column,
    CsvFile,
    JsonFile,
    Policy,
    SharedThreads,
)
from spaaza_source.tombstones import ForgottenRows, strip_file
from spaaza_source.transport import ArrivingBytes, ArrivingFile

_File = TypeVar("_File", CsvFile, JsonFile)


class FileReader:
    """Opens the files of one table; within a resource.

    Args:
        settings: How to read them.
        policy: What happens to personal columns.
        time_column: The column that windows are taken by, as the header has it.
        all_rows_hint: What lets a load bring all rows instead of windows, for a hint.
        may_widen: Whether a column of the table may get a wider type.
        range_columns: Where rows are merged by a key, and those of a range are wanted alone: the
            columns that tell them.
        forgotten: Tells the rows of forgotten people; None where there are none.
    """

    def __init__(
        self,
        settings: ReadSettings,
        policy: Policy,
        time_column: str | None = None,
        all_rows_hint: str = RELOAD,
        *,
        may_widen: bool = False,
        range_columns: RangeColumns | None = None,
        forgotten: ForgottenRows | None = None,
    ) -> None:
        self.policy = policy
        self._forgotten = forgotten
        #: The column that windows are taken by, as dlt names it.
        self.time_column = None if time_column is None else _normalize(time_column)
        #: Which rows of a file are its window's.
        self.windows = RowWindows(
            self.time_column,
            policy,
            all_rows_hint,
            has_settings=settings.has_window_settings,
            range_columns=_normalize_range(range_columns),
        )
        self._notices: list[Notice] = []
        self._settings = settings
        self._all_rows_hint = all_rows_hint
        self._may_widen = may_widen
        self._examined: dict[int, CsvFile] = {}
        #: The files that are read while they arrive, by their paths, and how.
        self._early: dict[Path, tuple[FileOpener, EarlyRead[CsvFile | JsonFile]]] = {}

    @property
    def is_of_user(self) -> bool:
        """Whether the files are a user's own, and no vendor's answer to what was asked."""
        return self._settings.dialect is not None

    def take_notices(self) -> list[Notice]:
        """What is to be told of the files that were opened since this was called last."""
        taken, self._notices = self._notices, []
        return taken

    def begin_early(
        self,
        table: str,
        export_format: str,
        *,
        known_size: int | None = None,
        threads: SharedThreads | None = None,
    ) -> OnDownload:
        """What begins to read a file that is on its way, and may be called in any thread.

        It does nothing where only the file before it tells how it is to be read.

        Args:
            table: The table's name.
            export_format: The format of its files.
            known_size: As for `EarlyRead`.
            threads: Where the parts of files are examined; in threads of its own unless given.
        """
        opener = self._opener(table, export_format)

        def begin(export: Export, arriving: ArrivingFile) -> None:
            def read(data: ArrivingBytes) -> CsvFile | JsonFile:
                if export_format == "json":
                    return opener.open_json(arriving.path, export.request, data)
                return opener.open_csv(arriving.path, export.request, data, threads)

            if export.request.window is None or export_format != "json":
                early = EarlyRead(arriving, read, known_size=known_size)
                self._early[arriving.path] = opener, early

        return begin

    def strip(self, file: Path, copy: Path, request: ExportRequest) -> bool:
        """Write a file that is to be archived anew if it has anything of forgotten people."""
        name_header = partial(self._settings.name_header, request)
        forgotten = self._forgotten
        return forgotten is not None and strip_file(
            forgotten, file, copy, request.export_format, name_header
        )

    def is_reading(self, export: Export) -> bool:
        """Whether a file that has arrived is being read in another thread."""
        _, early = self._early.get(export.file().path, (None, None))
        return early is not None and not early.is_over

    def can_examine(self, export: Export) -> bool:
        """Whether a file that has arrived is still to be judged, and can be before the others."""
        is_csv = export.request.export_format == "csv"
        return is_csv and id(export) not in self._examined and not self._stands_for_none(export)

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
                if self._stands_for_none(export):
                    logger.warning(
                        f"{export.request}, job {export.job.job_id}: the file has no byte, which"
                        " stands for no row (empty_files)"
                    )
                    file = LoadableNothing(export, self.policy)
                elif examined is None:
                    file = self._open_json(export)
                    columns |= {"__".join(path): column for path, column in file.all_columns()}
                else:
                    window = self.windows.find(examined.columns, export.request)
                    typed = examined.typed_like(csv_files)
                    file = LoadableCsv(export, typed, self.policy, window, self._forgotten)
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
        self._notices += widened.values()
        return set(widened)

    def _opener(self, table: str, export_format: str) -> FileOpener:
        return FileOpener.of(table, export_format, self._settings, self.policy, self.time_column)

    def _read_early(self, export: Export, opener: FileOpener) -> CsvFile | JsonFile | None:
        """What was read of a file while it arrived, if it would be read alike now."""
        read_by, early = self._early.pop(export.file().path, (None, None))
        return early.finish() if early is not None and read_by == opener else None

    def _read(
        self,
        export: Export,
        opener: FileOpener,
        kind: type[_File],
        open_file: Callable[[Path, ExportRequest], _File],
    ) -> _File:
        """The file as it was read while it arrived, else as it is opened now."""
        self._refuse_empty(export)
        try:
            early = self._read_early(export, opener)
            if isinstance(early, kind):
                return early
            return open_file(export.file().path, export.request)
        except TooManyRejectedRowsError as failure:
            if NO_INSTANT in failure.cause:
                # To load all rows, no times are needed.
                failure.hint = f"{failure.hint} Or {self._all_rows_hint}."
            raise

    def _open_csv(self, export: Export) -> CsvFile:
        fetched, table = export.file(), export.request.table
        opener = self._opener(table, "csv")
        file = self._read(export, opener, CsvFile, opener.open_csv)
        if not fetched.end_verified and not file.ends_with_newline:
            raise self._unproven_end()
        if self.is_of_user:
            refuse_skipped_rows(file, export.skipped)
            refuse_total_row(file, self._settings)
            self._notices += undeclared_notices(table, file, self._settings)
        check_header(table, file.columns, self._settings.types)
        self.policy.require(column.name for column in file.columns)
        self.policy.check((column.name, column) for column in file.columns)
        return file

    def _stands_for_none(self, export: Export) -> bool:
        """Whether a file that has arrived has no byte, and that may mean no row of its window."""
        accepts = self._settings.empty_files == "accept" and export.request.window is not None
        return accepts and not export.file().size and export.file().end_verified

    def _refuse_empty(self, export: Export) -> None:
        """Refuse a file of a window that has no byte, where it could be said to stand for no row.

        What another file without any byte is, its reader tells.
        """
        if self.is_of_user or export.file().size or export.request.window is None:
            return
        if export.file().end_verified:
            raise MalformedFileError(
                "the file has no byte, not even a header",
                hint="Ask the vendor. If that is how it says that no row lies in the window, set"
                ' empty_files="accept".',
            )

    def _unproven_end(self) -> IncompleteDownloadError:
        if not self.is_of_user:
            return IncompleteDownloadError(
                "the file's host named no length, and the last row has no record end",
                hint="Run again; if it stays so, ask the vendor.",
            )
        return IncompleteDownloadError(
            "the last row has no record end, so the file may be cut short",
            hint="Fetch it again; if it is whole, end its last line.",
        )

    def _open_json(self, export: Export) -> LoadableJson:
        table, policy = export.request.table, self.policy
        opener = self._opener(table, "json")
        file = self._read(export, opener, JsonFile, opener.open_json)
        naming = opener.naming
        check_header(table, file.columns, self._settings.types)
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
            window = self.windows.find(file.columns, export.request)
        file = file.widened(
            {
                path: self._widen(naming.shorten_fragments(table, *path), names, fixed=not path)
                for path, names in file.decimal_columns.items()
            }
        )
        return LoadableJson(export, file, policy, window, self._forgotten)


def _normalize_range(given: RangeColumns | None) -> RangeColumns | None:
    return given and replace(given, names=tuple(map(_normalize, given.names)))


def _normalize(column: str) -> str:
    name: str = dlt.current.source_schema().naming.normalize_identifier(column)
    return name
