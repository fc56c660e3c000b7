"""The shape of a file's objects: their paths, tables and names, and the type of each path.

The type of a path is inferred from the text of its values, like that of a CSV column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from spaaza_source.errors import MalformedFileError
from spaaza_source.tabular.column_types import Column, ColumnType
from spaaza_source.tabular.header import (
    advise_naming,
    find_name_faults,
    kept_names,
    printable_name,
    raise_faults,
    spell_header,
)
from spaaza_source.tabular.inference import Evidence
from spaaza_source.tabular.json_reader.text import Number, write_number
from spaaza_source.tabular.privacy.personal_data import CellLook

MOST_PATHS = 50_000
"""Paths of one file. More of them are data used as keys, and would fill the memory."""
VALUE, LIST = "value", "list"
"""dlt's column names for a list's plain element, and for an element that is itself a list."""


@dataclass
class Table:
    """A table: the file's records at the empty path, the elements of a nested list at others.

    `path` are the names below the file's table, `parent` is the path of the table whose rows have
    the lists, `known` are the known types of its columns.
    """

    path: tuple[str, ...]
    parent: tuple[str, ...]
    known: Mapping[str, ColumnType]


@dataclass
class Members:
    """The keys of the objects at one path, which are flattened into one table's row."""

    table: Table
    names: tuple[str, ...]
    header: str
    paths: dict[str, Path] = field(default_factory=dict)


@dataclass
class Path:
    """One key at one path.

    `names` are those along the path within the table, `column` all of them joined. If `plain`, it
    has plain values; objects and lists are then kept as text that does not fit. `has_nested` tells
    whether it has objects or lists, `was_apart` whether some were taken apart before it was plain.
    `is_instant` tells whether windows are taken by it.
    """

    number: int
    header: str
    name: str
    names: tuple[str, ...]
    column: str
    evidence: Evidence
    plain: bool
    has_nested: bool = False
    was_apart: bool = False
    members: Members | None = None
    elements: Members | None = None
    is_instant: bool = False
    look: CellLook | None = None

    @property
    def is_column(self) -> bool:
        """Whether it is a column; if not, its members or elements are columns or tables."""
        return self.plain or not self.has_nested

    @property
    def as_column(self) -> Column:
        """Its column."""
        nested = self.plain and self.has_nested
        column = self.evidence.describe_column(self.header, self.column, has_variant=nested)
        if self.look:
            column = replace(column, cells=self.look.kind)
        # Without any value it stays open whether there will be plain ones, objects or lists.
        is_open = not self.plain and self.evidence.known is None
        return replace(column, type=None) if is_open else column


class Shape:
    """The paths of a file's records: `discover` those of some records, at last `finish`.

    Args:
        name_column: Names one key.
        join_names: Makes one name of those along a path.
        known_types: Returns the known types of the columns of the table at a path.
        documented: Gives the documented type of a column, by the path of its table and its name.
        default: The type of the other columns, if it is not inferred.
        look_at: Which columns, by path, are looked at for cells that look personal.
    """

    def __init__(
        self,
        name_column: Callable[[str], str],
        join_names: Callable[..., str],
        known_types: Callable[[tuple[str, ...]], Mapping[str, ColumnType]],
        documented: Callable[..., ColumnType | None],
        *,
        default: ColumnType | None,
        look_at: Callable[[str], bool] | None = None,
    ) -> None:
        self._name_column = name_column
        self._join_names = join_names
        self._known_types = known_types
        self._documented = documented
        self._default = default
        self._look_at = look_at
        #: The column of the records that windows are taken by; None without one.
        self.instants: str | None = None
        self.paths: list[Path] = []
        self.root = Members(Table((), (), known_types(())), (), "")

    def discover(self, records: Iterable[dict[str, Any]]) -> None:
        """Add the paths of records, in the order in which they appear.

        Raises:
            MalformedFileError: The file has too many paths.
        """
        for record in records:
            self._add_members(self.root, record)

    @property
    def is_mixed(self) -> bool:
        """Whether objects or lists of a path were taken apart before it was plain."""
        return any(path.plain and path.was_apart for path in self.paths)

    def finish(self) -> None:
        """Check all names.

        Raises:
            HeaderError: Some keys cannot name columns; they are named.
        """
        faults = [*_key_faults(self.root), *_joined_faults(self.root)]
        raise_faults(
            faults,
            "the keys of objects cannot name the columns of a table",
            # It joins them with a sign that is in no key.
            advise_naming(faults, list(_key_faults(self.root, kept_names))),
        )

    def _add_members(self, members: Members, record: dict[str, Any]) -> None:
        paths = members.paths
        for key, value in record.items():
            path = paths.get(key) or self._new_path(members, key)
            if value is None or value == "":
                continue
            kind = type(value)
            if kind is dict:
                path.has_nested = True
                if not path.plain:
                    self._add_members(self.members(members, path), value)
            elif kind is list:
                path.has_nested = True
                if not path.plain and value:
                    elements = self.elements(members, path)
                    for element in value:
                        self._add_members(elements, as_row(element))
            else:
                path.plain = True

    def _new_path(self, members: Members, key: str) -> Path:
        if len(self.paths) == MOST_PATHS:
            raise MalformedFileError(
                f"the objects have more than {MOST_PATHS:,} different keys, as if data were keys",
                where=members.header or None,
                hint="Ask the vendor for a list instead of such objects.",
            )
        name = spell_header(key, self._name_column)
        names = (*members.names, name)
        column = self._join_names(*names)
        known = members.table.known.get(column)
        path = Path(
            number=len(self.paths),
            header=f"{members.header}.{key}" if members.header else key,
            name=name,
            names=names,
            column=column,
            evidence=Evidence(
                known or self._default, documented=self._documented(*members.table.path, column)
            ),
            # A documented type alone leaves it open whether there are objects or lists.
            plain=known is not None,
            is_instant=members is self.root and column == self.instants,
        )
        if self._look_at is not None and self._look_at("__".join([*members.table.path, column])):
            path.look = CellLook(path.header)
        members.paths[key] = path
        self.paths.append(path)
        return path

    def members(self, of: Members, path: Path) -> Members:
        """The members of the objects at a path, which is one of some members."""
        if path.members is None:
            path.members = Members(of.table, path.names, path.header)
        return path.members

    def elements(self, of: Members, path: Path) -> Members:
        """The members of the elements of the lists at a path, which is one of some members."""
        if path.elements is None:
            table_path = (*of.table.path, *path.names)
            table = Table(table_path, of.table.path, self._known_types(table_path))
            path.elements = Members(table, (), f"{path.header}[]")
        return path.elements


def as_row(element: Any) -> dict[str, Any]:
    """The row that dlt makes of a list's element."""
    if type(element) is dict:
        return element
    return {LIST if type(element) is list else VALUE: element}


def as_cell(value: Any) -> str:
    """The text of a plain value in a CSV file's cell."""
    if value is True or value is False:
        return "true" if value else "false"
    return write_number(value) if type(value) is Number else str(value)


def all_members(members: Members) -> Iterator[Members]:
    """These and all below them that become columns or rows."""
    yield members
    for path in members.paths.values():
        if not path.is_column:
            for below in (path.members, path.elements):
                if below is not None:
                    yield from all_members(below)


def tables(root: Members) -> list[tuple[Table, list[Path]]]:
    """Every table with its columns, in order of first appearance; the file's own comes first."""
    columns_by_table: dict[int, tuple[Table, list[Path]]] = {}
    for members in all_members(root):
        _, columns = columns_by_table.setdefault(id(members.table), (members.table, []))
        columns += [path for path in members.paths.values() if path.is_column]
    for _, columns in columns_by_table.values():
        columns.sort(key=lambda path: path.number)
    return list(columns_by_table.values())


def _key_faults(
    root: Members, name_keys: Callable[[list[str]], list[str]] | None = None
) -> Iterator[str]:
    """The faults of the keys at each path to objects, by their names or those of `name_keys`."""
    for members in all_members(root):
        keys = list(members.paths)
        own = [path.name for path in members.paths.values()]
        names = name_keys(keys) if name_keys else own
        where = f"in {printable_name(members.header)}, " if members.header else ""
        yield from (where + fault for fault in find_name_faults(keys, names, "key"))


def _joined_faults(root: Members) -> Iterator[str]:
    """Paths of different lengths that become one column, or one nested table."""
    all_tables = tables(root)
    for _, columns in all_tables:
        by_name: dict[str, Path] = {}
        for path in columns:
            other = by_name.setdefault(path.column, path)
            # Keys of the same object are checked by `_key_faults`.
            if other is not path and other.names[:-1] != path.names[:-1]:
                headers = f"{printable_name(other.header)} and {printable_name(path.header)}"
                yield f"{headers} both become {printable_name(path.column)}"
    table_paths: set[tuple[str, ...]] = set()
    for table, _ in all_tables:
        if table.path in table_paths:
            yield f"two lists both become the nested table {printable_name('.'.join(table.path))}"
        table_paths.add(table.path)
