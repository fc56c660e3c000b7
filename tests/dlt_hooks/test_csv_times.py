"""dlt's CSV files have the texts that pyarrow writes of instants, in a fraction of the time."""

from __future__ import annotations

import csv
import inspect
from datetime import UTC, datetime
from io import BytesIO, StringIO
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.common.data_writers.writers import WRITER_SPECS, ArrowToCsvWriter
from pyarrow import csv as arrow_csv

from spaaza_source.dlt_hooks import install_hooks

TIMES = [
    datetime(2026, 1, 2, 3, 4, 5, 678, UTC),
    None,
    datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2024, 2, 29, tzinfo=UTC),
]
TYPES = [
    *(pa.timestamp("us", zone) for zone in (None, "UTC", "Etc/UTC", "Europe/Amsterdam")),
    pa.timestamp("s", "UTC"),
    pa.timestamp("ms", "UTC"),
]


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(StringIO(content.decode())))


def written_by_dlt(rows: Any, destination: Any = dlt.destinations.postgres) -> bytes:
    file = BytesIO()
    writer = ArrowToCsvWriter(file, destination().capabilities(), include_header=False)
    writer.write_header({})
    # dlt hands over each row group of a Parquet file.
    for part in rows.to_batches(max_chunksize=2) if isinstance(rows, pa.Table) else [rows]:
        writer.write_data([part])
    writer.close()
    return file.getvalue()


@pytest.fixture(autouse=True)
def _installed() -> None:
    install_hooks()


@pytest.mark.parametrize("of_batches", [False, True])
def test_texts_are_those_that_pyarrow_writes(of_batches: bool) -> None:
    times = pa.array(TIMES, pa.timestamp("us"))
    columns = {
        str(kind): times.cast(pa.timestamp(kind.unit), safe=False).cast(kind) for kind in TYPES
    }
    texts = ["a", None, "", 'say "x"', "1,2", "Z"]
    rows: Any = pa.table({"id": range(len(TIMES)), **columns, "name": texts})
    own = BytesIO()
    arrow_csv.write_csv(rows, own, arrow_csv.WriteOptions(include_header=False))
    if not of_batches:
        rows = rows.combine_chunks().to_batches()[0]
    assert rows_of(written_by_dlt(rows)) == rows_of(own.getvalue())


def test_files_for_others_stay_as_they_are() -> None:
    rows = pa.table({"at": pa.array(TIMES, pa.timestamp("us", "UTC"))})
    own = BytesIO()
    arrow_csv.write_csv(rows, own, arrow_csv.WriteOptions(include_header=False))
    assert written_by_dlt(rows, dlt.destinations.filesystem) == own.getvalue()
    assert written_by_dlt(rows) != own.getvalue()


def test_dlt_writes_csv_of_arrow_by_the_writer_that_is_wrapped() -> None:
    """What the hook leans on in the installed dlt."""
    assert WRITER_SPECS[ArrowToCsvWriter.writer_spec()] is ArrowToCsvWriter
    inner = inspect.unwrap(ArrowToCsvWriter.write_data)
    assert inner is not ArrowToCsvWriter.write_data
    assert list(inspect.signature(inner).parameters) == ["self", "items"]
