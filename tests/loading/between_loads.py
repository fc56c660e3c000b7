"""Loads of one table after another, into one DuckDB file: what the tests of histories share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import pytest

from spaaza_source import spaaza_source
from spaaza_source.errors import SettingsError, SpaazaSourceError
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import query

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
QUICK: dict[str, Any] = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0}
DAYS = [f"{day},2026-05-{day:02}T10:00:00Z,x{day}@y.nl" for day in range(1, 29)]
TRANSACTIONS = "\n".join(["id,timestamp,email", *DAYS, ""]).encode()
SEGMENT = [{"field_name": "total_value", "operator": "greater_than", "value": 10}]


def shop() -> FileVendor:
    """A vendor with a month of transactions, and three rows of other tables."""
    files = dict.fromkeys(("users", "products", "vouchers"), b"id,name\n1,a\n2,b\n3,c\n")
    return FileVendor(transactions=TRANSACTIONS, **files)


def source(vendor: FileVendor, *tables: str, chain: int = 1743, **given: Any) -> Any:
    tables = tables or ("transactions",)
    return spaaza_source(vendor.base_url, chain, TOKEN, **{**QUICK, **given}).with_resources(
        *tables
    )


def ours(raised: pytest.ExceptionInfo[BaseException]) -> SpaazaSourceError:
    found: BaseException | None = raised.value
    while not isinstance(found, SpaazaSourceError):
        assert found is not None
        found = found.__cause__ or found.__context__
    return found


def rows(folder: Path, table: str = "transactions") -> int:
    return int(query(folder, f"SELECT count(*) FROM {table}")[0][0])


def refuses(vendor: FileVendor, pipeline: dlt.Pipeline, loaded: Any, *words: str) -> None:
    """The load stops before anything is asked of the vendor, and says why."""
    asked = len(vendor.tasks)
    with pytest.raises(Exception, match=r".") as raised:
        pipeline.run(loaded)
    error = ours(raised)
    assert isinstance(error, SettingsError), error
    for word in words:
        assert word in str(error)
    assert len(vendor.tasks) == asked


def machine(folder: Path, name: str) -> dlt.Pipeline:
    """The pipeline on a machine of its own."""
    return dlt.pipeline(
        "spaaza",
        pipelines_dir=str(folder / name),
        destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
        dataset_name="loyalty",
    )
