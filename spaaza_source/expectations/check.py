"""Judges the rows of one load of one table by what its user expects of them, as they pass by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import dlt
import pyarrow as pa

from spaaza_source.drift import EXPECTATION, Notice
from spaaza_source.errors import ExpectationError
from spaaza_source.expectations.cells import count_empty, count_others, write_value
from spaaza_source.expectations.freshness import Freshness
from spaaza_source.expectations.settings import OWN_TIMES, Expectations
from spaaza_source.exports import Export, TableExports
from spaaza_source.tabular import Column, make_speller
from spaaza_source.writing import Key, KeyViolation

#: Tells where a row is, counted from 0.
Locate = Callable[[int], str]


class _Unmet(NamedTuple):
    """A rule that does not hold."""

    text: str
    column: str | None = None
    rows: int | None = None
    first: str | None = None


class ExpectationCheck:
    """The check of one load of one table; within its resource.

    Args:
        table: The table, as the destination has it.
        expected: What its rows must hold; None for nothing.
        times: The columns with the table's own times, as the header has them.
    """

    def __init__(self, table: str, expected: Expectations | None, times: Sequence[str]) -> None:
        self._table = table
        #: Whether there is anything to judge.
        self.is_asked = expected is not None
        self._expected = expected = expected or Expectations()
        self._spell = spell = make_speller(dlt.current.source_schema().naming.normalize_path)
        self._not_null = [spell(name) for name in expected.not_null]
        self._allowed = {
            spell(name): tuple(map(write_value, values))
            for name, values in expected.allowed_values.items()
        }
        self._unique: list[Key] = [tuple(map(spell, key)) for key in expected.unique_columns]
        self._freshness = Freshness(
            table,
            {
                tuple(map(spell, times)) if name == OWN_TIMES else (spell(name),): age
                for name, age in expected.freshest.items()
            },
        )
        #: The columns whose cells are needed once all rows have passed.
        self.watched = list(dict.fromkeys(name for key in self._unique for name in key))
        self._needed = self._name_columns(times)
        self._missing: dict[str, str] = {}
        #: By rule and column: how many rows do not hold it, and where the first is.
        self._broken: dict[tuple[str, str], tuple[int, Locate, int]] = {}
        self._locate: Locate = str
        self._row = 0

    def _name_columns(self, times: Sequence[str]) -> dict[str, str]:
        """The columns that each file must have, as dlt names them, with the rule that says so."""
        needed = {self._spell(name): "required_columns" for name in self._expected.required_columns}
        for rule, names in self._expected.cell_columns.items():
            for name in sorted(names):
                needed.setdefault(self._spell(name), rule)
        if OWN_TIMES in self._expected.freshest:
            for name in times:
                needed.setdefault(self._spell(name), "freshest")
        return needed

    def begin(self, export: Export, columns: Sequence[Column], locate: Locate) -> None:
        """Begin with a file.

        Args:
            export: What brought it.
            columns: Its columns; none where it shows none.
            locate: Tells where a row is, counted from 0 over those of it that are added.
        """
        self._locate, self._row = locate, 0
        names = {column.name for column in columns}
        for name in self._needed if names else ():
            if name not in names:
                place = f"{export.request}, job {export.job.job_id}"
                self._missing.setdefault(name, place)

    def add(self, rows: Any) -> None:
        """Take note of some rows of the file, an Arrow table or records, in its order."""
        if not self.is_asked or not isinstance(rows, pa.Table | list):
            return
        for name in self._not_null:
            self._note("not_null", name, count_empty(rows, name))
        for name, allowed in self._allowed.items():
            self._note("allowed_values", name, count_others(rows, name, allowed))
        self._freshness.add(rows)
        self._row += len(rows)

    def _note(self, rule: str, column: str, found: tuple[int, int] | None) -> None:
        if found is not None:
            count, row = found
            before, locate, first = self._broken.get(
                (rule, column), (0, self._locate, self._row + row)
            )
            self._broken[rule, column] = before + count, locate, first

    def judge(
        self,
        exports: TableExports,
        rows: int,
        find_repeated: Callable[[Key], KeyViolation | None],
        locate: Locate,
        *,
        has_rows: bool,
    ) -> list[Notice]:
        """What does not hold, as notices, once all rows have passed.

        Args:
            exports: What brought them.
            rows: How many there are.
            find_repeated: Finds rows whose filled cells of columns one before them has.
            locate: Tells where a row is, counted from 0 over those that were looked for.
            has_rows: Whether the table has rows of earlier loads.

        Raises:
            ExpectationError: Something does not hold, and that is to stop the table.
        """
        if not self.is_asked:
            return []
        unmet = [
            *self._judge_number(rows),
            *self._judge_columns(),
            *self._judge_cells(),
            *self._judge_repeated(find_repeated, locate),
            *self._judge_freshness(exports, has_rows=has_rows),
        ]
        notices = [
            Notice(EXPECTATION, self._table, each.text, "", each.column, each.rows, each.first)
            for each in unmet
        ]
        if notices and self._expected.action == "stop":
            texts = [
                f"{each.text}, first in {each.first}" if each.first else each.text for each in unmet
            ]
            raise ExpectationError(
                f"the rows are not as expected: {'; '.join(texts)}",
                where=self._table,
                hint="Ask the vendor, or correct what expectations say of the table; there,"
                ' action = "warn" loads it as it is.',
            )
        return notices

    def _judge_number(self, rows: int) -> Iterator[_Unmet]:
        least, most = self._expected.min_rows, self._expected.max_rows
        if least is not None and rows < least:
            yield _Unmet(
                f"min_rows: there are {rows:,}, at least {least:,} are expected", rows=rows
            )
        if most is not None and rows > most:
            yield _Unmet(f"max_rows: there are {rows:,}, at most {most:,} are expected", rows=rows)

    def _judge_columns(self) -> Iterator[_Unmet]:
        for name, place in self._missing.items():
            yield _Unmet(
                f"{self._needed[name]}: the file has no column {name!r}", name, None, place
            )

    def _judge_cells(self) -> Iterator[_Unmet]:
        for (rule, name), (count, locate, first) in self._broken.items():
            if name in self._missing:
                continue
            wrong = f"{name!r} is empty, or does not fit its type,"
            if rule == "allowed_values":
                wrong = f"{name!r} has none of the {len(self._allowed[name]):,} values"
            text = f"{rule}: {wrong} in {_counted(count)}"
            yield _Unmet(text, name, count, locate(first))

    def _judge_repeated(
        self, find_repeated: Callable[[Key], KeyViolation | None], locate: Locate
    ) -> Iterator[_Unmet]:
        for key in self._unique:
            found = None if self._missing.keys() & key else find_repeated(key)
            if found is not None:
                text = f"unique_columns: {', '.join(key)} repeats in {_counted(found.repeated)}"
                column = key[0] if len(key) == 1 else None
                yield _Unmet(
                    f"{text} what an earlier one has", column, found.repeated, locate(found.first)
                )

    def _judge_freshness(self, exports: TableExports, *, has_rows: bool) -> Iterator[_Unmet]:
        for name, text in self._freshness.judge(exports, has_rows=has_rows):
            if name not in self._missing:
                yield _Unmet(f"freshest: {text}", name)


def _counted(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows:,} rows"
