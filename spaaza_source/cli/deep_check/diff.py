"""Tells what the rows of an export and those of a table differ in, cell by cell and as text.

Both sides are put into a DuckDB database, whose file may hold more than memory. Which rows of a
table an export is to be compared with is left to `held`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from spaaza_source.destination import open_session, window_condition
from spaaza_source.destination import quote_name as quoted
from spaaza_source.windows import Window

Sample = list[tuple[str, ...]]


@dataclass(frozen=True)
class Differences:
    """What two sets of rows differ in.

    Attributes:
        brought: Rows of the export.
        held: Rows of the table.
        missing: Rows that the table lacks.
        extra: Rows that only the table has.
        different: Rows of both, by their key, with other cells.
        columns: In how many of these rows each column differs.
        key: The columns of the key; none where whole rows were compared.
        samples: Some keys of each kind: `missing`, `extra`, `different`.
        unknown: Columns of the export, with values, that the table does not have.
    """

    brought: int
    held: int
    missing: int
    extra: int
    different: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    key: Sequence[str] = ()
    samples: Mapping[str, Sample] = field(default_factory=dict)
    unknown: Sequence[str] = ()

    @property
    def equal(self) -> bool:
        """Whether there is no difference."""
        return not (self.missing or self.extra or self.different or self.unknown)


class Comparison:
    """Takes the rows of a table, then those of an export, and compares them.

    Args:
        database: Where both sides are put, in a schema of their own.
        table: The table's name.
        columns: The table's.
        times: The column of times that rows are chosen by, and their span; None for all rows.
        ignored: Columns of both that are not compared.
    """

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        table: str,
        columns: Sequence[str],
        times: tuple[str, Window] | None = None,
        ignored: Collection[str] = (),
    ) -> None:
        self._columns = list(columns)
        self._times = times
        self._types: dict[str, str] = {}
        self._ignored = ignored
        self._unknown: set[str] = set()
        self._database = open_session(database)
        self._database.execute(f"CREATE SCHEMA {quoted(table)}; USE {quoted(table)}")
        cells = ", ".join(f"{quoted(name)} VARCHAR" for name in self._columns)
        for side in ("held", "brought"):
            self._database.execute(f"CREATE TABLE {side} ({cells})")

    def add_destination_rows(self, rows: pa.Table) -> None:
        """Take rows of the table."""
        self._database.register("rows", rows)
        if not self._types:
            described = self._database.execute("DESCRIBE SELECT * FROM rows").fetchall()
            self._types = {name: kind for name, kind, *_ in described}
        self._insert("held", {name: f"{quoted(name)}::VARCHAR" for name in self._columns})

    def add_export_rows(self, rows: pa.Table) -> None:
        """Take rows of the export: each cell is read as the table's column has it."""
        self._database.register("rows", rows)
        there = set(rows.column_names)
        self._unknown |= {
            name
            for name in there.difference(self._columns, self._ignored)
            if rows.column(name).null_count < rows.num_rows
        }
        self._insert(
            "brought",
            {name: self._as_held(name) if name in there else "NULL" for name in self._columns},
            chosen=self._times is not None and self._times[0] in there,
        )

    def differences(self, key: Sequence[str], most: int) -> Differences:
        """What has been found.

        Args:
            key: The columns that tell rows apart; where they do not, whole rows are compared.
            most: How many keys of each kind are given.
        """
        if key and all(self._tells_apart(side, key) for side in ("brought", "held")):
            return self._by_key(key, most)
        return self._whole()

    def _insert(self, side: str, cells: Mapping[str, str], *, chosen: bool = False) -> None:
        where = ""
        if chosen and self._times:
            column, span = self._times
            where = f" WHERE {window_condition(f'{quoted(column)}::TIMESTAMPTZ', span)}"
        taken = ", ".join(cells.values())
        self._database.execute(f"INSERT INTO {side} SELECT {taken} FROM rows{where}")
        self._database.unregister("rows")

    def _as_held(self, name: str) -> str:
        cell, kind = quoted(name), self._types.get(name)
        if kind is None:
            return f"{cell}::VARCHAR"
        # What is nothing of the kind differs from all that is.
        return f"coalesce(TRY_CAST({cell} AS {kind})::VARCHAR, {cell}::VARCHAR)"

    def _number(self, sql: str) -> int:
        (row,) = self._database.execute(sql).fetchall()
        return int(row[0] or 0)

    def _rows(self, side: str) -> int:
        return self._number(f"SELECT count(*) FROM {side}")

    def _tells_apart(self, side: str, key: Sequence[str]) -> bool:
        names = ", ".join(map(quoted, key))
        filled = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in key)
        keys = f"SELECT DISTINCT {names} FROM {side} WHERE {filled}"
        return self._number(f"SELECT count(*) FROM ({keys})") == self._rows(side)

    def _by_key(self, key: Sequence[str], most: int) -> Differences:
        names = ", ".join(f"{{side}}.{quoted(name)}" for name in key)
        same = " AND ".join(f"brought.{quoted(name)} = held.{quoted(name)}" for name in key)
        cells = [name for name in self._columns if name not in key]
        differs = {
            name: f"brought.{quoted(name)} IS DISTINCT FROM held.{quoted(name)}" for name in cells
        }
        anywhere = " OR ".join(differs.values()) or "false"
        found = {
            "missing": f"brought ANTI JOIN held ON {same}",
            "extra": f"held ANTI JOIN brought ON {same}",
            "different": f"brought JOIN held ON {same} WHERE {anywhere}",
        }
        counted = "SELECT count(*) FROM "
        counts = {kind: self._number(counted + part) for kind, part in found.items()}
        samples: dict[str, Sample] = {}
        for kind, part in found.items():
            chosen = names.format(side="held" if kind == "extra" else "brought")
            samples[kind] = self._database.execute(
                f"SELECT {chosen} FROM {part} ORDER BY ALL LIMIT {most}"
            ).fetchall()
        columns: dict[str, int] = {}
        if counts["different"]:
            each = ", ".join(f"count(*) FILTER ({differs[name]})" for name in cells)
            (row,) = self._database.execute(f"SELECT {each} FROM {found['different']}").fetchall()
            columns = {name: rows for name, rows in zip(cells, row, strict=True) if rows}
        return Differences(
            self._rows("brought"),
            self._rows("held"),
            **counts,
            columns=columns,
            key=key,
            samples=samples,
            unknown=sorted(self._unknown),
        )

    def _whole(self) -> Differences:
        """Rows have no name: as many of one side as the other has less of, by their hashes."""
        cells = ", ".join(
            f"coalesce(strlen({name}) || ':' || {name}, '-')" for name in map(quoted, self._columns)
        )
        hashed = f"md5(concat({cells})) AS row"
        grouped = f"(SELECT {hashed}, count(*) AS rows FROM {{side}} GROUP BY row)"
        more = (
            "SELECT sum(greatest(ours.rows - coalesce(theirs.rows, 0), 0)) FROM {ours} AS ours"
            " LEFT JOIN {theirs} AS theirs USING (row)"
        )
        brought, held = grouped.format(side="brought"), grouped.format(side="held")
        return Differences(
            self._rows("brought"),
            self._rows("held"),
            missing=self._number(more.format(ours=brought, theirs=held)),
            extra=self._number(more.format(ours=held, theirs=brought)),
            unknown=sorted(self._unknown),
        )
