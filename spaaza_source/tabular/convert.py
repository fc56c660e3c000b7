"""Converts a CSV file to Parquet."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyarrow import parquet

from spaaza_source.errors import wrong_kind
from spaaza_source.tabular.column_types import Column
from spaaza_source.tabular.csv_reader import open_csv
from spaaza_source.tabular.header import make_speller
from spaaza_source.tabular.source_file import ColumnTypes, OnBadRow
from spaaza_source.tabular.table_types import read_column_types


@dataclass(frozen=True)
class Conversion:
    """The result of a conversion: counts of good and bad rows, and the columns in file order."""

    rows: int
    rejected: int
    columns: tuple[Column, ...]


def convert_csv(
    csv_path: str | os.PathLike[str],
    parquet_path: str | os.PathLike[str],
    *,
    column_types: ColumnTypes | Mapping[str, str] = "inferred",
    on_bad_row: OnBadRow = "reject",
) -> Conversion:
    """Write the good rows of a CSV file to a Parquet file, which is replaced whole or not at all.

    Args:
        csv_path: The file to read; see `open_csv` for its format.
        parquet_path: The file to write.
        column_types: `inferred` types each column over the whole file; `text` keeps all text;
            a dict gives types by column (`{"points": "decimal"}`), and the others are inferred.
        on_bad_row: `reject` counts bad rows and leaves them out, up to 1 % of all rows; `fail`
            raises at the first.

    Raises:
        FileError: The CSV file must not be loaded; nothing is written.
        SettingsError: A path or a setting has an impossible value.
    """
    paths: dict[str, object] = {"csv_path": csv_path, "parquet_path": parquet_path}
    for argument, path in paths.items():
        if not isinstance(path, str | os.PathLike) or not str(path).strip():
            raise wrong_kind(argument, path, "the path of a file")
    target = Path(parquet_path)
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise wrong_kind("parquet_path", target, "the path of a file in a folder that exists")
    types, spell = read_column_types(column_types), make_speller()
    known = {spell(name): kind for name, kind in types.by_column.items()}
    file = open_csv(csv_path, known_types=known, column_types=types.setting, on_bad_row=on_bad_row)
    partial = target.with_name(target.name + ".partial")
    try:
        with parquet.ParquetWriter(partial, file.schema) as writer:
            for table in file.tables():
                writer.write_table(table)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return Conversion(file.rows, len(file.rejected), file.columns)
