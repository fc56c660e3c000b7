"""Leaves the rows of forgotten people out of a file, and empties cells that mention them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.tabular import path_keys
from spaaza_source.tombstones.digests import Digester, plain_text
from spaaza_source.tombstones.identifiers import Effect, People

#: What of a raw row may be a cell: between delimiters, quotes and brackets.
_CELL = re.compile(r"[^\s,;|\"'{}\[\]:]+")
Mask: TypeAlias = npt.NDArray[np.bool_]


class Hold(NamedTuple):
    """A column that may hold an identifier.

    Attributes:
        column: Its name or path.
        digests: Those of the identifiers that were forgotten.
        effect: What becomes of a row that has one.
        group: The tombstones that were made alike.
        is_first: Whether it holds what a person's key is, or the user has named it.
    """

    column: str
    digests: frozenset[str]
    effect: Effect
    group: Group
    is_first: bool


@dataclass(frozen=True)
class Group:
    """Tombstones that were made alike.

    Attributes:
        digester: Makes digests as theirs.
        digests: Theirs, by the identifier's name.
        added: Further columns, as `table.column`, with the name of the identifier that each holds.
        left_out: Columns that are left alone, as `table.column`.
    """

    digester: Digester
    digests: Mapping[str, frozenset[str]]
    added: Mapping[str, str]
    left_out: frozenset[str]

    def holds(
        self, people: People, table: str, named: str, columns: Sequence[str]
    ) -> Iterator[Hold]:
        """The columns of a table to look at; `named` is its name in the dataset."""
        for column, identifier, effect in people.links(table, columns):
            digests = self.digests.get(identifier.name)
            if digests and not _is_named(self.left_out, named, column):
                is_first = identifier in people.identifiers[:1]
                yield Hold(column, digests, effect, self, is_first)
        for name, identifier_name in self.added.items():
            digests = self.digests.get(identifier_name)
            for column in columns if digests else ():
                if _is_named((name,), named, column):
                    yield Hold(column, digests or frozenset(), "row", self, is_first=True)

    def has(self, text: str | None, digests: frozenset[str]) -> bool:
        """Whether the digest of a text is among some."""
        return text is not None and not digests.isdisjoint(self.digester.digests([text]))


class ForgottenRows:
    """Tells the rows of forgotten people in the files of one table.

    Args:
        table: The table, as the vendor's package names it.
        people: What that knows of people.
        groups: The tombstones.
        named: The table's name in the dataset, where a user has given it another one.
    """

    def __init__(
        self, table: str, people: People, groups: Sequence[Group], named: str | None = None
    ) -> None:
        self._table = table
        self._named = named or table
        self._people = people
        self._groups = groups

    def kept(self, rows: pa.Table) -> Mask | None:
        """Which rows of an Arrow table are nobody's who was forgotten; None where all are."""
        gone = np.zeros(rows.num_rows, np.bool_)
        unowned = np.ones(rows.num_rows, np.bool_)
        for column in self._people.owner_columns(self._table, rows.column_names):
            unowned &= rows.column(column).is_null().to_numpy()
        for hold in self._holds(rows.column_names, "row"):
            found = _has(rows.column(hold.column), hold)
            gone |= found if hold.is_first else found & unowned
        return ~gone if gone.any() else None

    def mentions(self, rows: pa.Table) -> dict[str, Mask]:
        """The cells of an Arrow table that mention a forgotten person, by column."""
        found: dict[str, Mask] = {}
        for hold in self._holds(rows.column_names, "cell"):
            mask = _has(rows.column(hold.column), hold)
            found[hold.column] = found[hold.column] | mask if hold.column in found else mask
        return {column: mask for column, mask in found.items() if mask.any()}

    def without_mentions(self, rows: pa.Table) -> pa.Table:
        """The rows with NULL in each cell that mentions a forgotten person."""
        for column, found in self.mentions(rows).items():
            at = rows.column_names.index(column)
            cells = rows.column(at)
            emptied = pc.if_else(pa.array(found), pa.scalar(None, cells.type), cells)
            rows = rows.set_column(at, rows.schema.field(at), emptied)
        return rows

    def apply_to_records(self, records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """The records without those of forgotten people, and without what mentions them.

        Of a nested list, whose objects become rows of a table of their own, theirs are left out.
        """
        return self._strip_list(records, self._table)

    def is_in_raw(self, raw: bytes) -> bool:
        """Whether a row that could not be read has an identifier of theirs as a whole cell."""
        return self._is_in_text(raw.decode(errors="replace"))

    def is_in(self, value: Any) -> bool:
        """Whether a value of JSON, such as a filter, has an identifier of theirs in it."""
        match value:
            case dict():
                return any(map(self.is_in, value.values()))
            case list():
                return any(map(self.is_in, value))
        text = plain_text(value)
        return text is not None and self._is_in_text(text)

    def without_them(self, value: Any) -> Any:
        """A value of JSON, such as a filter, with None for what has an identifier of theirs."""
        match value:
            case dict():
                return {key: self.without_them(member) for key, member in value.items()}
            case list():
                return [self.without_them(member) for member in value]
        return None if self.is_in(value) else value

    def _is_in_text(self, text: str) -> bool:
        """Whether an identifier of theirs is a text, or stands in it between delimiters."""
        cells = {text, *_CELL.findall(text), *(cell.strip(' "') for cell in text.split(","))}
        return any(
            group.has(cell, every)
            for group in self._groups
            for every in [frozenset[str]().union(*group.digests.values())]
            for cell in cells
        )

    def _holds(self, columns: Iterable[str], effect: Effect) -> list[Hold]:
        names = list(columns)
        return [
            hold
            for group in self._groups
            for hold in group.holds(self._people, self._table, self._named, names)
            if hold.effect == effect
        ]

    def _strip_list(self, values: Iterable[Any], table: str) -> list[Any]:
        kept = []
        for value in values:
            if not isinstance(value, dict):
                kept.append(value)
                continue
            cells = dict(_flatten(value, ""))
            found = self._find_in_record(cells, table)
            if not any(hold.effect == "row" for hold in found):
                kept.append(self._strip(value, "", table, {hold.column for hold in found}))
        return kept

    def _find_in_record(self, cells: Mapping[str, Any], table: str) -> list[Hold]:
        """The columns of a record, or of an object of a nested list, that have an identifier."""
        names = list(cells)
        # That of a nested list begins with the table's own.
        named = self._named + table.removeprefix(self._table)
        owners = self._people.owner_columns(table, names)
        is_owned = any(plain_text(cells[name]) is not None for name in owners)
        return [
            hold
            for group in self._groups
            for hold in group.holds(self._people, table, named, names)
            if (hold.is_first or hold.effect == "cell" or not is_owned)
            and group.has(plain_text(cells[hold.column]), hold.digests)
        ]

    def _strip(
        self, members: Mapping[str, Any], prefix: str, table: str, emptied: set[str]
    ) -> dict[str, Any]:
        """An object without the cells at some paths, and its lists without what is to go."""
        stripped: dict[str, Any] = {}
        for key, member in members.items():
            path = prefix + key
            match member:
                case dict():
                    stripped[key] = self._strip(member, f"{path}__", table, emptied)
                case list():
                    stripped[key] = self._strip_list(member, f"{table}__{path}")
                case _:
                    stripped[key] = None if path in emptied else member
        return stripped


def _flatten(members: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """The cells of an object and of those within it, by their paths; without lists."""
    for key, member in members.items():
        if isinstance(member, dict):
            yield from _flatten(member, f"{prefix}{key}__")
        elif not isinstance(member, list):
            yield prefix + key, member


def _has(cells: Any, hold: Hold) -> Mask:
    """Which cells of a column have one of the digests."""
    kind = cells.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not (is_text or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        # No identifier is of such a type.
        return np.zeros(len(cells), np.bool_)
    encoded = cells.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    texts = [plain_text(value) or "" for value in encoded.dictionary.to_pylist()]
    found = np.array(
        [digest in hold.digests for digest in hold.group.digester.digests(texts)] + [False],
        np.bool_,
    )
    places = encoded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    has: Mask = found[places]
    return has


def _is_named(names: Iterable[str], table: str, column: str) -> bool:
    """Whether a column of a table is among names such as `baskets.user_id`."""
    own = path_keys(column)[-1:]
    for name in names:
        of_table, _, of_column = name.rpartition(".")
        if of_table.casefold() == table.casefold() and path_keys(of_column)[-1:] == own:
            return True
    return False
