"""Loads of scripted files into one table, and what was told of the last one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dlt

from spaaza_source import spaaza_source
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

CREDENTIALS = {"access_token_id": "id", "access_token_secret": "secret"}


def load(
    vendor: FileVendor,
    folder: Path,
    text: str | bytes,
    *,
    table: str = "products",
    hints: Mapping[str, Any] = MappingProxyType({}),
    **given: Any,
) -> dlt.Pipeline:
    """Load a file into a table, always whole unless the table has windows."""
    vendor.files[table] = text if isinstance(text, bytes) else text.encode()
    pipeline = pipeline_into(folder)
    waiting: dict[str, Any] = {"poll_interval": 0, "start_margin": 0, "stagger": 0}
    source = spaaza_source(vendor.base_url, 1743, CREDENTIALS, **waiting, **given)
    source.resources[table].apply_hints(**hints)
    pipeline.run(source.with_resources(table))
    return pipeline


def last_notices(folder: Path) -> list[dict[str, Any]]:
    """What was told of the export that was loaded last."""
    (text,) = query(folder, "SELECT notices FROM export_jobs ORDER BY loaded_at DESC LIMIT 1")[0]
    return json.loads(text) if text else []


def kinds(folder: Path) -> list[tuple[str, Any, Any]]:
    """Of each notice: its kind, column and rows."""
    return [(each["kind"], each.get("column"), each.get("rows")) for each in last_notices(folder)]
