"""The Arrow schema of a JSON file's records: objects are structs, lists are lists of structs."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from spaaza_source.errors import MalformedFileError
from spaaza_source.tabular.header import VARIANT_SUFFIX, printable_name
from spaaza_source.tabular.json_reader.shape import Members


def make_schema(root: Members) -> Any:
    """The `pyarrow.Schema` of the records of a file.

    Raises:
        MalformedFileError: A key has an object in some records, and a list in others.
    """
    return pa.schema(_fields(root))


def _fields(members: Members) -> list[Any]:
    fields = []
    for path in members.paths.values():
        if path.is_column:
            column = path.as_column
            kind = pa.null() if column.type is None else column.type.arrow
            fields.append(pa.field(path.name, kind))
            if column.has_variant:
                fields.append(pa.field(path.name + VARIANT_SUFFIX, pa.string()))
        elif path.members is not None and path.elements is not None:
            raise MalformedFileError(
                "it has an object in some records, and a list in others",
                where=printable_name(path.header),
                hint="Read the file itself.",
            )
        elif path.members is not None:
            fields.append(pa.field(path.name, pa.struct(_fields(path.members))))
        else:
            elements = [] if path.elements is None else _fields(path.elements)
            fields.append(pa.field(path.name, pa.list_(pa.struct(elements))))
    return fields
