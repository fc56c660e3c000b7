"""A JSON export on disk, and short ways to look at what was made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spaaza_source.tabular import ColumnType, JsonFile, open_json


def opened_json(folder: Path, data: bytes | str | list[Any], **options: Any) -> JsonFile:
    path = folder / "file.json"
    if isinstance(data, list):
        data = json.dumps(data)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return open_json(path, **options)


def records(file: JsonFile) -> list[dict[str, Any]]:
    found = [record for batch in file.records() for record in batch]
    assert len(found) == file.rows
    return found


def types(file: JsonFile) -> dict[str, str]:
    return {
        column.name: _shown(column.type) + (" +" if column.has_variant else "")
        for column in file.columns
    }


def nested_types(file: JsonFile) -> dict[str, dict[str, str]]:
    return {
        ".".join(nested.path): {column.name: _shown(column.type) for column in nested.columns}
        for nested in file.nested
    }


def _shown(column_type: ColumnType | None) -> str:
    return str(column_type).replace("(38, 9)", "")
