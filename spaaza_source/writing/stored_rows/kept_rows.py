"""Keeps the earlier versions of rows that a file has, but in a form that cannot be read.

A load that replaces rows of a table deletes those that its files do not bring. A row that is there,
only malformed, was not deleted at the vendor. Where its key can be read, the version that the table
has is loaded again, as it is: so every disposition keeps it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.configuration.container import Container
from dlt.common.destination.exceptions import SqlClientNotAvailable
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.extract.incremental import IncrementalResourceWrapper
from dlt.extract.items import ResolvablePipeItem
from dlt.extract.source import SourceInjectableContext

from spaaza_source.destination import ask, fetch_chunks
from spaaza_source.errors import SettingsError
from spaaza_source.tabular import TEXT, ColumnType, RejectedRow
from spaaza_source.windows import Window
from spaaza_source.writing.keys import Key, is_in, join_cells

#: Values that one query looks for.
ASKED = 500
#: The hints of columns that dlt itself fills, of an `scd2` table.
VALIDITY = ("x-valid-from", "x-valid-to")
#: Why an earlier version is not kept.
UNREAD = "their keys cannot be read"
UNASKED = "this destination cannot be asked for them"
KEYLESS = "no column is known to tell the table's rows apart"


class RejectingFile(Protocol):
    """What is asked of a file that was read."""

    @property
    def rejected(self) -> Sequence[RejectedRow]:
        """Its bad rows."""

    def rejected_keys(self, key: Key) -> tuple[pa.Table, list[int]] | None:
        """The keys of its bad rows, as the table has them, and the number of each one's row.

        None where none can be read.
        """


@dataclass(frozen=True)
class EarlierVersions:
    """What becomes of the earlier versions of the bad rows of a load's files.

    Attributes:
        rows: The versions that are loaded again, each part with the number of its file.
        kept: Of each file the bad rows whose version that is, by their numbers.
        lost: Of each file how many bad rows may have had a version that is deleted.
        reason: Why they have not been kept.
    """

    rows: Sequence[tuple[int, pa.Table]] = ()
    kept: Mapping[int, Sequence[int]] = field(default_factory=dict)
    lost: Mapping[int, int] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Search:
    """Where earlier versions are looked for.

    Attributes:
        table: The table.
        key: What tells its rows apart.
        columns: Its columns, with the types that they are loaded by.
        scope: The rows that the load replaces, as SQL about `{table}`; None for all.
        time_column: The column that windows are taken by.
        windows: The window of each file.
    """

    table: str
    key: Key
    columns: Mapping[str, pa.DataType]
    scope: str | None
    time_column: str | None
    windows: Sequence[Window | None]


def arrow_types(columns: Mapping[str, Any]) -> dict[str, pa.DataType]:
    """The columns of a table that rows are loaded with, given by their hints in dlt's schema."""
    types: dict[str, pa.DataType] = {}
    for name, hint in columns.items():
        is_dlts = name.startswith("_dlt_") or any(hint.get(each) for each in VALIDITY)
        if is_dlts or not hint.get("data_type"):
            continue
        try:
            column_type = ColumnType.of_dlt(
                hint["data_type"], hint.get("precision"), hint.get("scale")
            )
        except SettingsError:
            # A type that a file has no form for goes to the destination as text.
            column_type = TEXT
        types[name] = column_type.arrow
    return types


def lose_all(files: Sequence[RejectingFile], reason: str) -> EarlierVersions:
    """No earlier version is kept."""
    lost = {number: len(file.rejected) for number, file in enumerate(files) if file.rejected}
    return EarlierVersions(lost=lost, reason=reason)


def find_versions(
    search: Search, files: Sequence[RejectingFile], brought: pa.Table | None
) -> EarlierVersions:
    """Find the earlier versions of the files' bad rows in the destination.

    Args:
        search: Where they are looked for.
        files: The load's files.
        brought: The keys of all good rows; None without any.
    """
    try:
        keys, origin, lost = _read_keys(search, files, brought)
        if keys is None:
            return EarlierVersions(lost=lost, reason=UNREAD)
        found = ask(lambda client: fetch_rows(client, search, keys))
    except DatabaseUndefinedRelation:
        return EarlierVersions()
    except (SqlClientNotAvailable, pa.ArrowException):
        found = None
    if found is None:
        return lose_all(files, UNASKED)
    # What two rows have does not tell them apart.
    texts = _texts(found, search)
    counts = Counter(texts)
    rows = found.filter(pa.array([counts[key] == 1 for key in texts], pa.bool_()))
    origins = [origin[key] for key in texts if counts[key] == 1]
    kept: dict[int, list[int]] = defaultdict(list)
    for number, place in sorted(origins):
        kept[number].append(place)
    lost.update(origin[key][0] for key, count in counts.items() if count > 1)
    return EarlierVersions(_by_file(search, rows, origins), kept, lost, UNREAD)


def _read_keys(
    search: Search, files: Sequence[RejectingFile], brought: pa.Table | None
) -> tuple[pa.Table | None, dict[str, tuple[int, int]], Counter[int]]:
    """The keys of the bad rows that no good row has; None without any.

    With the file and the number of each one's row, by the key's text, and how many rows of each
    file have none that can be read.
    """
    parts: list[pa.Table] = []
    origin: dict[str, tuple[int, int]] = {}
    lost: Counter[int] = Counter()
    for number, file in enumerate(files):
        if not file.rejected:
            continue
        keys, places = file.rejected_keys(search.key) or (None, [])
        # Lines that were rejected together may be several rows.
        if len(set(places)) < len(file.rejected):
            lost[number] = len(file.rejected) - len(set(places))
        if keys is None or not places:
            continue
        cells = _as(keys, search.columns).append_column("place", pa.array(places, pa.int64()))
        if brought is not None:
            cells = cells.filter(pc.invert(is_in(keys, brought)))
        parts.append(cells.select(list(search.key)))
        for key, place in zip(_texts(cells, search), cells["place"].to_pylist(), strict=True):
            origin.setdefault(key, (number, place))
    if not origin:
        return None, origin, lost
    return pa.concat_tables(parts).group_by(list(search.key)).aggregate([]), origin, lost


def has_own_steps() -> bool:
    """Whether rows of the resource pass steps or transformers of the user's, or hinted columns."""
    resource = dlt.current.resource()
    steps = resource._pipe.steps[1:]  # noqa: SLF001 - dlt names them nowhere else
    own = [step for step in steps if not isinstance(step, IncrementalResourceWrapper)]
    edges = Container()[SourceInjectableContext].source.resources.selected_dag
    feeds_others = any(parent == resource.name != child for parent, child in edges)
    return bool(own or resource.columns or feeds_others)


def past_own_steps(rows: pa.Table) -> Any:
    """What a resource yields so that rows do not pass the user's own steps once more.

    As the audit tables' rows do: dlt takes an item at a pipe's last step for one that has passed
    them all.
    """
    pipe = dlt.current.resource()._pipe  # noqa: SLF001 - dlt names a pipe nowhere else
    return iter([ResolvablePipeItem(rows, len(pipe) - 1, pipe, None)])


def fetch_rows(client: Any, search: Search, keys: pa.Table) -> pa.Table | None:
    """The table's rows with those keys, in the types that rows are loaded by."""
    name = client.make_qualified_table_name(search.table)
    columns = [client.escape_column_name(column) for column in search.columns]
    key = [client.escape_column_name(column) for column in keys.column_names]
    scope = search.scope.format(table=name) if search.scope else "1 = 1"
    begin = f"SELECT {', '.join(columns)} FROM {name} WHERE {scope} AND "  # noqa: S608 - our names
    if "%" in begin:
        # Drivers differ in how one that is no parameter is written.
        return None
    parts = [pa.schema(list(search.columns.items())).empty_table()]
    size = max(1, ASKED // len(key))
    for first in range(0, keys.num_rows, size):
        wanted = keys.slice(first, size).to_pylist()
        if len(key) == 1:
            condition = f"{key[0]} IN ({', '.join(['%s'] * len(wanted))})"
        else:
            one = " AND ".join(f"{column} = %s" for column in key)
            condition = f"({' OR '.join([f'({one})'] * len(wanted))})"
        values = [cell for row in wanted for cell in row.values()]
        chunks = fetch_chunks(client, begin + condition, *values)
        parts += [_as(rows.rename_columns(list(search.columns)), search.columns) for rows in chunks]
    return pa.concat_tables(parts)


def _as(rows: pa.Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    """Rows in other types, with every value as it is."""
    return pa.table({name: rows[name].cast(types[name]) for name in rows.column_names})


def _texts(rows: pa.Table, search: Search) -> list[str]:
    """Each row's key as one text."""
    texts: list[str] = join_cells(rows.select(list(search.key))).to_pylist()
    return texts


def _by_file(
    search: Search, rows: pa.Table, origins: Sequence[tuple[int, int]]
) -> list[tuple[int, pa.Table]]:
    """The rows by the file that counts them: that of their window, else that of the bad row."""
    numbers = [number for number, _ in origins]
    times = rows[search.time_column].to_pylist() if search.time_column in search.columns else ()
    for row, at in enumerate(times):
        numbers[row] = next(
            (
                number
                for number, window in enumerate(search.windows)
                if window is not None and at is not None and window.begin <= at < window.end
            ),
            numbers[row],
        )
    of_file = pa.array(numbers, pa.int64())
    return [(number, rows.filter(pc.equal(of_file, number))) for number in sorted(set(numbers))]
