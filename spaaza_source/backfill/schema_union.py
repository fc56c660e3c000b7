"""Merges the schema versions stored by parallel workers.

dlt stores a schema with each load that changes it, and a fresh working folder takes the latest. Of
parallel loads none knows what the others have added: columns that the latest lacks are taken from
the versions before it, with the types that the destination has given them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, cast

import dlt
from dlt.common import json
from dlt.common.schema import Schema
from dlt.destinations.job_client_impl import SqlJobClientBase

from spaaza_source.writing import ROWLESS

#: How many of the schemas stored last are looked at. A load knows all that were stored when it
#: began, so those before are known to one of these, unless more loads than this run at one time.
LAST = 50

#: The parts of a column's type that two loads may see differently.
TYPE = ("data_type", "precision", "scale", "timezone")


def merge_stored_schemas(pipeline: dlt.Pipeline) -> None:
    """Add what all loads have added to schemas that were just taken from the destination."""
    for name in pipeline.schema_names:
        own = pipeline.schemas[name]
        with pipeline.destination_client(name) as client:
            if not isinstance(client, SqlJobClientBase):
                return
            merged = own.clone()
            others = list(_others(client, own))
            changed = [
                _add_missing(client, merged, table, others) for table in _tables(own, others)
            ]
        if any(changed):
            pipeline.schemas.save_schema(merged)


def types_match(pipeline: dlt.Pipeline, name: str, version: str, table: str) -> bool:
    """Whether a load gave a table's columns the types that the destination has.

    Two parallel loads may each be the first with a column, and infer different types. The load
    had the schema of that name with the hash `version`; the pipeline's schemas have been merged.
    """
    with pipeline.destination_client(name) as client:
        found = _stored(client, version)
    merged = pipeline.schemas[name]
    return found is None or all(
        _same_types(hints["columns"], merged.tables.get(each, {}).get("columns", {}))
        for each, hints in found.tables.items()
        if each == table or each.startswith(f"{table}__")
    )


def _same_types(columns: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether the columns that both have are of one type."""
    return all(
        _type(hint) == _type(others[name])
        for name, hint in columns.items()
        if _has_type(hint) and _has_type(others.get(name, {}))
    )


def _others(client: Any, own: Schema) -> Iterator[Schema]:
    """The schemas stored before the pipeline's own that are not known to be in it, last first."""
    sql = client.sql_client
    table = sql.make_qualified_table_name(own.version_table_name)
    rows = sql.execute_sql(
        f"SELECT version_hash FROM {table}"  # noqa: S608 - our own names
        " WHERE schema_name = %s ORDER BY inserted_at DESC",
        own.name,
    )
    known = {own.stored_version_hash, *own.previous_hashes}
    for version in dict.fromkeys(str(row[0]) for row in (rows or ())[:LAST]):
        if version not in known:
            found = _stored(client, version)
            if found is not None:
                yield found


def _stored(client: Any, version: str) -> Schema | None:
    info = client.get_stored_schema_by_hash(version)
    return None if info is None else Schema.from_stored_schema(json.loads(info.schema))


def _tables(own: Schema, others: Sequence[Schema]) -> list[str]:
    names = dict.fromkeys(name for schema in (own, *others) for name in schema.tables)
    return [name for name in names if not name.startswith(own._dlt_tables_prefix)]  # noqa: SLF001


def _add_missing(client: Any, merged: Schema, table: str, others: Sequence[Schema]) -> bool:
    """Add what others know of a table, where the destination has it; whether there was anything."""
    before = merged.tables.get(table)
    known = [other.tables[table] for other in others if table in other.tables]
    columns: dict[str, list[Any]] = {}
    own: Mapping[str, Any] = before["columns"] if before else {}
    for each in (own, *(other["columns"] for other in known)):
        for name, hint in each.items():
            if _has_type(hint):
                columns.setdefault(name, []).append(hint)
    unsure = {
        name: hints
        for name, hints in columns.items()
        if not _has_type(own.get(name, {})) or len({_type(hint) for hint in hints}) > 1
    }
    rows = bool(before and before.get(ROWLESS)) and any(not each.get(ROWLESS) for each in known)
    if not unsure and not rows:
        return False
    ((_, there),) = client.get_storage_tables([table])
    if not there:
        return False
    if before is None:
        before = deepcopy(known[0])
        before["columns"] = {}
        merged.tables[table] = before
    if rows:
        cast("dict[str, Any]", before)[ROWLESS] = False
    fold = client.capabilities.casefold_identifier
    for name, hints in unsure.items():
        stored_as = there.get(fold(name))
        if stored_as is not None:
            before["columns"][name] = deepcopy(_of_type(hints, stored_as))
    return True


def _of_type(hints: Sequence[Any], there: Mapping[str, Any]) -> Any:
    """That of the hints which has the type that the destination tells, as far as it tells it."""
    for aspects in (TYPE, TYPE[:1]):
        for hint in hints:
            if all(
                there.get(aspect) is None
                or hint.get(aspect) is None
                or there[aspect] == hint[aspect]
                for aspect in aspects
            ):
                return hint
    return hints[0]


def _has_type(hint: Mapping[str, Any]) -> bool:
    return bool(hint.get("data_type"))


def _type(hint: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(hint.get(aspect) for aspect in TYPE)
