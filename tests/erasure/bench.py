"""A shop whose files a test gives, a pipeline that loads them, and an erasure in its dataset."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dlt

from spaaza_source import spaaza_source
from spaaza_source.erasure import Erasure, Receipt, Wanted, check_pipeline, parse_links
from spaaza_source.loading import loads_of
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
QUICK: dict[str, Any] = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0}


class Shop:
    """One vendor and one warehouse.

    Args:
        vendor: The vendor.
        folder: Of the warehouse.
        pipeline: Another than one into a DuckDB file there.
        usual: Settings of each load.
    """

    def __init__(
        self, vendor: FileVendor, folder: Path, pipeline: dlt.Pipeline | None = None, **usual: Any
    ) -> None:
        self.vendor = vendor
        self.pipeline = pipeline or pipeline_into(folder)
        self.usual = {**QUICK, **usual}

    def source(self, *tables: str, **given: Any) -> Any:
        source = spaaza_source(self.vendor.base_url, 1743, TOKEN, **{**self.usual, **given})
        return source.with_resources(*tables) if tables else source

    def load(
        self,
        *tables: str,
        hints: dict[str, Any] | None = None,
        refresh: Any = None,
        **given: Any,
    ) -> None:
        source = self.source(*tables, **given)
        for name in tables if hints else ():
            source.resources[name].apply_hints(**(hints or {}))
        self.pipeline.run(source, refresh=refresh)

    def forget(
        self,
        *keys: str,
        link: Iterable[str] = (),
        without: Iterable[str] = (),
        **wanted: Any,
    ) -> Receipt:
        return self.erasure(*keys, link=link, without=without, **wanted).carry_out()

    def erasure(
        self,
        *keys: str,
        link: Iterable[str] = (),
        without: Iterable[str] = (),
        **wanted: Any,
    ) -> Erasure:
        check_pipeline(self.pipeline)
        loads = loads_of(self.source())
        choice = parse_links(list(link), list(without), loads["users"].people)
        return Erasure(self.pipeline, loads, Wanted("users", frozenset(keys), choice, **wanted))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.pipeline.sql_client() as client:
            return [tuple(row) for row in client.execute_sql(sql) or ()]
