"""Compares the rows of an export with those of a table, cell by cell as text.

A value that does not fit its column's type is in a column of its own, its variant, as the vendor
wrote it. So what is compared of a column is its value or that text: what the vendor sent.

Both sides are put into a DuckDB database, whose file can be larger than memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import duckdb
import pyarrow as pa

from spaaza_source.destination import open_session, window_condition
from spaaza_source.destination import quote_name as quoted
from spaaza_source.retention import Age
from spaaza_source.tabular import VARIANT_SUFFIX
from spaaza_source.windows import Window

Sample = list[tuple[str, ...]]


@dataclass(frozen=True)
class Differences:
    """How two sets of rows differ.

    Attributes:
        exported: Rows of the export.
        stored: Rows of the table.
        missing: Rows that only the export has.
        extra: Rows that only the table has.
        different: Rows whose key is in both, with different cells.
        columns: The number of these rows in which each column differs.
        key: The columns of the key; none where whole rows were compared.
        samples: Some keys of each kind: `missing`, `extra`, `different`.
        unknown: Columns of the export, with values, that the table does not have.
        no_key: Why whole rows were compared; empty where they were not.
        as_text: How many values of a column the table has as text, since they do not fit its type.
    """

    exported: int
    stored: int
    missing: int
    extra: int
    different: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    key: Sequence[str] = ()
    samples: Mapping[str, Sample] = field(default_factory=dict)
    unknown: Sequence[str] = ()
    no_key: str = ""
    as_text: Mapping[str, int] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.extra or self.different or self.unknown)

    def without_extra(self) -> Differences:
        """The same for a table that keeps rows which its exports do not bring any more."""
        samples = {kind: keys for kind, keys in self.samples.items() if kind != "extra"}
        return replace(self, extra=0, samples=samples)


class Comparison:
    """The rows of a table and those of an export; add the table's first.

    Args:
        database: Where both sides are put, in a schema of their own.
        table: The table's name.
        columns: The table's columns.
        times: The column of times that rows are chosen by, and the window; None for all rows.
        ignored: Columns that are not compared.
        age: Which rows are too old to be kept, and none; None for none.
    """

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        table: str,
        columns: Sequence[str],
        times: tuple[str, Window] | None = None,
        *,
        ignored: Collection[str] = (),
        age: Age | None = None,
    ) -> None:
        #: By column where the values are that do not fit its type.
        self._variants = {
            name: name + VARIANT_SUFFIX for name in columns if name + VARIANT_SUFFIX in columns
        }
        self._columns = [name for name in columns if name not in self._variants.values()]
        self._as_text: Counter[str] = Counter()
        self.times = times
        self.age = age
        self._types: dict[str, str] = {}
        self._ignored = ignored
        self._unknown: set[str] = set()
        self._database = open_session(database)
        self._database.execute(f"CREATE SCHEMA {quoted(table)}; USE {quoted(table)}")
        cells = ", ".join(f"{quoted(name)} VARCHAR" for name in self._columns)
        for side in ("stored", "exported"):
            self._database.execute(f"CREATE TABLE {side} ({cells})")

    def add_destination_rows(self, rows: pa.Table) -> None:
        """Add rows of the table."""
        self._database.register("rows", rows)
        if not self._types:
            described = self._database.execute("DESCRIBE SELECT * FROM rows").fetchall()
            self._types = {name: kind for name, kind, *_ in described}
        for name, variant in self._variants.items():
            self._as_text[name] += rows.num_rows - rows.column(variant).null_count
        cells = {name: f"{quoted(name)}::VARCHAR" for name in self._columns}
        self._insert("stored", self._or_variant(cells, rows))

    def add_export_rows(self, rows: pa.Table) -> None:
        """Add rows of the export; cells are cast to the types of the table's columns."""
        self._database.register("rows", rows)
        names = set(rows.column_names)
        variants = {name + VARIANT_SUFFIX for name in {*self._columns, *self._ignored}}
        self._unknown |= {
            name
            for name in names.difference(self._columns, self._ignored, variants)
            if rows.column(name).null_count < rows.num_rows
        }
        cells = {name: self._as_stored(name) if name in names else "NULL" for name in self._columns}
        self._insert(
            "exported",
            self._or_variant(cells, rows),
            self._conditions(names),
        )

    def differences(
        self, key: Sequence[str], most: int, *, windows_share_rows: bool = False
    ) -> Differences:
        """How the rows differ.

        Args:
            key: The columns of the key; where they are not unique, whole rows are compared.
            most: How many sample keys to give for each kind of difference.
            windows_share_rows: Whether a row may come in several windows of the export.
        """
        if windows_share_rows:
            once = "CREATE OR REPLACE TABLE exported AS SELECT DISTINCT * FROM exported"
            self._database.execute(once)
        if not key:
            found = replace(self._compare_whole_rows(), no_key="there is no key")
        elif all(self._is_unique(side, key) for side in ("exported", "stored")):
            found = self._compare_by_key(key, most)
        else:
            no_key = f"the key {', '.join(key)} is empty or repeated in some"
            found = replace(self._compare_whole_rows(), no_key=no_key)
        return replace(found, as_text=+self._as_text)

    def _or_variant(self, cells: Mapping[str, str], rows: pa.Table) -> dict[str, str]:
        """The cells of columns in SQL, or the text of their variants, where the rows have these."""
        variants = {name: name + VARIANT_SUFFIX for name in cells}
        return {
            name: f"coalesce({cell}, {quoted(variants[name])}::VARCHAR)"
            if variants[name] in rows.column_names
            else cell
            for name, cell in cells.items()
        }

    def _conditions(self, names: Collection[str]) -> list[str]:
        """Which rows of an export with these columns are compared, as SQL."""

        def time(column: str) -> str:
            return f"{quoted(column) if column in names else 'NULL'}::TIMESTAMPTZ"

        conditions = []
        if self.times is not None and self.times[0] in names:
            conditions.append(window_condition(time(self.times[0]), self.times[1]))
        if self.age is not None:
            conditions.append(self.age.recent(time))
        return conditions

    def _insert(self, side: str, cells: Mapping[str, str], conditions: Sequence[str] = ()) -> None:
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        self._database.execute(
            f"INSERT INTO {side} SELECT {', '.join(cells.values())} FROM rows{where}"
        )
        self._database.unregister("rows")

    def _as_stored(self, name: str) -> str:
        cell, kind = quoted(name), self._types.get(name)
        if kind is None:
            return f"{cell}::VARCHAR"
        # A cell that is no such value stays as it is, and differs from all that are.
        return f"coalesce(TRY_CAST({cell} AS {kind})::VARCHAR, {cell}::VARCHAR)"

    def _number(self, sql: str) -> int:
        (row,) = self._database.execute(sql).fetchall()
        return int(row[0] or 0)

    def _count(self, side: str) -> int:
        return self._number(f"SELECT count(*) FROM {side}")

    def _is_unique(self, side: str, key: Sequence[str]) -> bool:
        names = ", ".join(map(quoted, key))
        filled = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in key)
        keys = f"SELECT DISTINCT {names} FROM {side} WHERE {filled}"
        return self._number(f"SELECT count(*) FROM ({keys})") == self._count(side)

    def _compare_by_key(self, key: Sequence[str], most: int) -> Differences:
        names = ", ".join(f"{{side}}.{quoted(name)}" for name in key)
        same = " AND ".join(f"exported.{quoted(name)} = stored.{quoted(name)}" for name in key)
        differs = {
            name: f"exported.{quoted(name)} IS DISTINCT FROM stored.{quoted(name)}"
            for name in self._columns
            if name not in key
        }
        anywhere = " OR ".join(differs.values()) or "false"
        joins = {
            "missing": f"exported ANTI JOIN stored ON {same}",
            "extra": f"stored ANTI JOIN exported ON {same}",
            "different": f"exported JOIN stored ON {same} WHERE {anywhere}",
        }
        counts = {
            kind: self._number(f"SELECT count(*) FROM {join}") for kind, join in joins.items()
        }
        samples: dict[str, Sample] = {}
        for kind, join in joins.items():
            keys = names.format(side="stored" if kind == "extra" else "exported")
            samples[kind] = self._database.execute(
                f"SELECT {keys} FROM {join} ORDER BY ALL LIMIT {most}"
            ).fetchall()
        columns: dict[str, int] = {}
        if counts["different"]:
            sums = ", ".join(f"count(*) FILTER ({differ})" for differ in differs.values())
            sql = f"SELECT {sums} FROM {joins['different']}"
            (row,) = self._database.execute(sql).fetchall()
            columns = {name: rows for name, rows in zip(differs, row, strict=True) if rows}
        return Differences(
            self._count("exported"),
            self._count("stored"),
            missing=counts["missing"],
            extra=counts["extra"],
            different=counts["different"],
            columns=columns,
            key=key,
            samples=samples,
            unknown=sorted(self._unknown),
        )

    def _compare_whole_rows(self) -> Differences:
        """Count the rows of each side that the other has not, or has fewer times, by their hash."""
        cells = ", ".join(
            f"coalesce(strlen({name}) || ':' || {name}, '-')" for name in map(quoted, self._columns)
        )
        hashed = f"md5(concat({cells})) AS row"
        grouped = f"(SELECT {hashed}, count(*) AS rows FROM {{side}} GROUP BY row)"
        more = (
            "SELECT sum(greatest(ours.rows - coalesce(theirs.rows, 0), 0)) FROM {ours} AS ours"
            " LEFT JOIN {theirs} AS theirs USING (row)"
        )
        exported, stored = grouped.format(side="exported"), grouped.format(side="stored")
        return Differences(
            self._count("exported"),
            self._count("stored"),
            missing=self._number(more.format(ours=exported, theirs=stored)),
            extra=self._number(more.format(ours=stored, theirs=exported)),
            unknown=sorted(self._unknown),
        )
