"""What the tests that follow hints share: loads of any vendor, the hint of one that is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dlt
import duckdb
import pytest

from spaaza_source import spaaza_source, voucherify_source
from tests.faults.hosts import ours
from tests.hints.advice import advice_of
from tests.vendors.spaaza_files import FileVendor
from tests.vendors.voucherify_files import KEYS, VoucherifyVendor

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
QUICK: dict[str, Any] = {"poll_interval": 0.01, "max_age": 0}
DATASET = "loyalty"
NOTHING: Mapping[str, Any] = MappingProxyType({})


def check_advice(module: str, beginning: str, text: str) -> None:
    """Check that a text has the advice of a module that begins so."""
    # A part of a hint may begin a sentence.
    assert re.search(advice_of(module, beginning).pattern, text, re.IGNORECASE), text


@contextmanager
def advises(module: str, beginning: str) -> Iterator[list[str]]:
    """What is done within is refused, and the error has the advice of a module that begins so.

    What is yielded has the error's text afterwards.
    """
    told: list[str] = []
    with pytest.raises(Exception, match=r".") as raised:
        yield told
    told.append(str(ours(raised.value)))
    check_advice(module, beginning, told[0])


@dataclass(frozen=True)
class Shop:
    """A vendor, and a warehouse to load from it into.

    Attributes:
        vendor: Of either kind.
        folder: With the warehouse, and what dlt keeps of the pipeline.
        kind: Of the warehouse: a DuckDB file, plain files, or Delta tables.
        dataset: Where the tables are.
        usual: Settings of every load.
    """

    vendor: FileVendor | VoucherifyVendor
    folder: Path
    kind: str = "duckdb"
    dataset: str = DATASET
    usual: Mapping[str, Any] = field(default_factory=dict)

    def with_(self, **given: Any) -> Shop:
        """The same with other settings in every load."""
        return replace(self, usual={**self.usual, **given})

    def into(self, dataset: str = "other", *, kind: str | None = None) -> Shop:
        """The same with another dataset, of the same pipeline; or another kind of warehouse."""
        return replace(self, dataset=dataset, kind=kind or self.kind)

    def give(self, table: str, text: str) -> None:
        """The file of the next exports of a table, or of a Voucherify object."""
        if isinstance(self.vendor, FileVendor):
            self.vendor.files[table.replace("_", "-")] = text.encode()
        else:
            self.vendor.files[table] = text

    def source(self, *tables: str, **given: Any) -> Any:
        """The vendor's source of some tables."""
        settings: dict[str, Any] = {**QUICK, **self.usual, **given}
        if isinstance(self.vendor, VoucherifyVendor):
            return voucherify_source(
                self.vendor.base_url, KEYS, **{"objects": list(tables), **settings}
            )
        account: dict[str, Any] = {
            "base_url": self.vendor.base_url,
            "chain_id": 1743,
            "credentials": TOKEN,
        }
        settings = {**account, "start_margin": 0, "stagger": 0, **settings}
        return spaaza_source(**settings).with_resources(*tables)

    def pipeline(self) -> dlt.Pipeline:
        destination: Any = dlt.destinations.duckdb(str(self.folder / "warehouse.duckdb"))
        if self.kind == "sqlite":
            destination = dlt.destinations.sqlalchemy(f"sqlite:///{self.folder / 'warehouse.db'}")
        elif self.kind != "duckdb":
            destination = dlt.destinations.filesystem(str(self.folder / self.kind))
        return dlt.pipeline(
            "hints" if self.kind == "duckdb" else f"hints_{self.kind}",
            pipelines_dir=str(self.folder / "pipelines"),
            destination=destination,
            dataset_name=self.dataset,
        )

    def load(
        self,
        table: str,
        *,
        hints: Mapping[str, Any] = NOTHING,
        refresh: Any = None,
        **given: Any,
    ) -> None:
        """Load a table; `hints` are what `apply_hints` is given."""
        source = self.source(table, **given)
        if self.kind == "delta":
            source.resources[table].apply_hints(table_format="delta")
        if hints:
            source.resources[table].apply_hints(**hints)
        file_format: Any = "parquet" if self.kind in ("delta", "files") else None
        self.pipeline().run(source, refresh=refresh, loader_file_format=file_format)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What the DuckDB file answers."""
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as connection:
            connection.execute(f"SET search_path = '{self.dataset}'")
            return connection.sql(sql).fetchall()

    def rows(self, table: str) -> int:
        """How many rows the table has."""
        if self.kind == "duckdb":
            return int(self.query(f"SELECT count(*) FROM {table}")[0][0])
        place = self.folder / self.kind / self.dataset / table
        if self.kind == "delta":
            from deltalake import DeltaTable  # noqa: PLC0415 - not needed by most

            return int(DeltaTable(str(place)).to_pyarrow_table().num_rows)
        import pyarrow.dataset as files  # noqa: PLC0415

        return int(files.dataset(place, format="parquet").count_rows())
