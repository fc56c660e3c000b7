"""The users of a CSV file as a JSON export: flat records, or some with nested lists and objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from spaaza_source.tabular import Column

JSON_TYPES = {"bool": "BOOLEAN", "bigint": "BIGINT", "decimal": "DECIMAL(18, 2)"}
PLAIN_BESIDE_NESTED = 30
#: One to three items of a basket, and the shop it was bought in.
NESTED = (
    """list_transform(range(1 + (hash("ID") % 3)::BIGINT), number -> {
        'sku': 'A' || (hash("ID") + number) % 10000, 'quantity': 1 + number,
        'price': ((hash("ID") + number) % 10000 / 100)::DECIMAL(18, 2),
        'at': "Created date", 'is_gift': number = 1, 'note': NULL}) AS items""",
    """{'name': "Home Store Name", 'code': "Home Store Owner Code",
        'place': {'lat': 52.37, 'lon': 4.89}} AS shop""",
)


def write_users_json(path: Path, csv: Path, columns: Sequence[Column], *, nested: bool) -> None:
    """Write the users of a CSV file as one list of objects.

    Args:
        path: The file to write.
        csv: The CSV file.
        columns: Its columns: whole numbers, decimals and bools are such in JSON too.
        nested: Whether 30 of the columns come with a list of items and an object, or all without.
    """
    selected = [
        f'CAST("{column.header}" AS {JSON_TYPES[column.type.data_type]}) AS "{column.header}"'
        if column.type and column.type.data_type in JSON_TYPES
        else f'"{column.header}"'
        for column in columns
    ]
    if nested:
        selected = [*selected[:PLAIN_BESIDE_NESTED], *NESTED]
    with duckdb.connect() as memory:
        memory.execute(
            f"COPY (SELECT {', '.join(selected)} FROM read_csv('{csv}', all_varchar = true))"
            f" TO '{path}' (FORMAT json, ARRAY true)"
        )
