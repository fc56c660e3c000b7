"""The file of an export, and its rows as Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from dlt.common import logger

from spaaza_source.errors import MalformedFileError, SettingsError
from spaaza_source.tabular import (
    CsvFile,
    DocumentedTypes,
    JsonFile,
    make_speller,
    open_csv,
    open_json,
    read_column_types,
)


@dataclass(frozen=True)
class ExportedFile:
    """What an export has brought.

    Attributes:
        job_id: The vendor's id of the job; of one run of it, where the vendor repeats it.
        paths: The files: one, but where the vendor splits a large result.
    """

    job_id: str
    paths: tuple[Path, ...]
    _name_header: Callable[[Sequence[str]], Sequence[str]] = field(repr=False)
    _documented: DocumentedTypes = field(repr=False)

    @property
    def path(self) -> Path:
        """The file.

        Raises:
            SettingsError: There are several.
        """
        if len(self.paths) > 1:
            raise SettingsError(
                f"the vendor has split the result into {len(self.paths)} files",
                where=f"job {self.job_id}",
                hint="Use paths, or read their rows by arrow().",
            )
        return self.paths[0]

    def arrow(self, *, column_types: Any = "inferred", on_bad_row: Any = "fail") -> Any:
        """The rows, typed as in the warehouse: a column's type fits all of its values.

        Of a CSV file the structure is proven before the first row comes. A value that does not fit
        a documented type, or one of yours, is NULL and text in `<column>__v_text`. In a JSON file
        objects are structs, and lists are lists of structs; an element that is no object is in its
        member `value`.

        Args:
            column_types: `inferred`, or `text` for every column, or types by column:
                `{"points": "decimal"}`.
            on_bad_row: `fail` raises at the first row that cannot be read; `reject` leaves out up
                to 1 % of them, and logs how many.

        Returns:
            A `pyarrow.RecordBatchReader`: `.read_all()` makes a table, `.read_pandas()` a data
            frame, and DuckDB queries it by its name.

        Raises:
            FileError: A file must not be read: it is damaged, or too many rows are bad.
            SettingsError: A setting has an impossible value.
        """
        types, spell = read_column_types(column_types), make_speller()
        given: Mapping[str, Any] = {
            "known_types": {spell(name): kind for name, kind in types.by_column.items()},
            "documented": self._documented.find if types.setting == "inferred" else _no_type,
            "column_types": types.setting,
            "on_bad_row": on_bad_row,
        }
        if self.paths[0].suffix == ".json":
            files: Sequence[Any] = [open_json(path, **given) for path in self.paths]
            schemas, batches = [file.arrow_schema for file in files], _record_batches(files)
        else:
            opened = [open_csv(path, name_header=self._name_header, **given) for path in self.paths]
            files = [file.typed_like(opened) for file in opened]
            schemas, batches = [file.schema for file in files], _row_batches(files)
        if any(schema != schemas[0] for schema in schemas):
            raise MalformedFileError(
                "the files of the result have different columns",
                where=f"job {self.job_id}",
                hint="Read each path by itself.",
            )
        rejected = sum(len(file.rejected) for file in files)
        if rejected:
            logger.warning(
                f"job {self.job_id}: rows that could not be read are left out: {rejected:,}"
            )
        return pa.RecordBatchReader.from_batches(schemas[0], batches)


def _no_type(*_: str) -> None:
    return None


def _row_batches(files: Sequence[CsvFile]) -> Iterator[Any]:
    for file in files:
        for table in file.tables():
            yield from table.to_batches()


def _record_batches(files: Sequence[JsonFile]) -> Iterator[Any]:
    for file in files:
        schema = file.arrow_schema
        for records in file.records():
            yield pa.RecordBatch.from_pylist(records, schema)
