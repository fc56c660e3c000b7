"""What the objects of a file have in common: their paths, tables and names, and each path's type.

Reading the objects is left to `json_elements`, turning their members into values to
`json_records`. The type of a path is inferred from its values' text as that of a column of cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from spaaza_source.errors import MalformedFileError
from spaaza_source.tabular.column_types import ColumnType
from spaaza_source.tabular.csv_reader.file import Column
from spaaza_source.tabular.header import name_faults, refuse, show, spell
from spaaza_source.tabular.inference import Evidence
from spaaza_source.tabular.json_reader.text import Number, write_number

MOST_PATHS = 50_000
"""Paths of one file. More of them are data in the place of keys, and would fill the memory."""
VALUE, LIST = "value", "list"
"""dlt's names for a list's plain element, and for an element that is a list itself."""

_CELLS_WAITING = 100_000
_CHARACTERS_WAITING = 8 * 2**20

Known = Mapping[str, ColumnType]


@dataclass(frozen=True)
class Naming:
    """How the keys of objects become names.

    `column` names one key, `joined` makes one name of those along a path, `known` tells the types
    that the columns of the table at a path have already.
    """

    column: Callable[[str], str]
    joined: Callable[..., str]
    known: Callable[[tuple[str, ...]], Known]
    default: ColumnType | None


@dataclass
class Table:
    """A table: the file's records at the empty path, the elements of a nested list elsewhere.

    `path` are the names below the file's table, `parent` is the table whose rows hold the lists.
    """

    path: tuple[str, ...]
    parent: Table | None
    known: Known


@dataclass
class Members:
    """The keys of the objects at one path, which flatten into one table's row."""

    table: Table
    names: tuple[str, ...]
    header: str
    paths: dict[str, Path] = field(default_factory=dict)


@dataclass
class Path:
    """One key at one path.

    `names` are those along the path within the table, `column` all of them joined. `plain` tells
    whether it holds plain values: objects and lists are then kept as text beside them; `holds`,
    whether it holds any of these two.
    """

    number: int
    header: str
    name: str
    names: tuple[str, ...]
    column: str
    evidence: Evidence
    plain: bool
    holds: bool = False
    members: Members | None = None
    elements: Members | None = None
    cells: list[str] = field(default_factory=list)

    @property
    def is_column(self) -> bool:
        """Whether it is a column; else it is what other columns or a nested table are made of."""
        return self.plain or not self.holds

    @property
    def describe(self) -> Column:
        """The column it is."""
        kind = self.evidence.column_type
        variant = self.evidence.misfits or (self.plain and self.holds)
        return Column(self.header, self.column, kind, has_variant=variant)


class Shape:
    """Gathers the paths of one record after the other; then `finish` it.

    Args:
        naming: How keys become names.
    """

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        self._paths = 0
        self._waiting: list[Path] = []
        self._cells = 0
        self._characters = 0
        self.root = Members(Table((), None, naming.known(())), (), "")

    def add(self, record: dict[str, Any], size: int) -> None:
        """Gather from one record, of so many characters.

        Raises:
            MalformedFileError: The file has too many paths.
        """
        self._gather(self.root, record)
        self._characters += size
        if self._characters > _CHARACTERS_WAITING or self._cells > _CELLS_WAITING:
            self._weigh()

    def finish(self) -> None:
        """Weigh what is left, and check all names.

        Raises:
            HeaderError: Names every key that cannot name a column.
        """
        self._weigh()
        refuse(
            [*_key_faults(self.root), *_joined_faults(self.root)],
            "the keys of objects cannot name the columns of a table",
        )

    def _gather(self, members: Members, record: dict[str, Any]) -> None:
        paths = members.paths
        for key, value in record.items():
            path = paths.get(key) or self._new_path(members, key)
            if value is None or value == "":
                continue
            kind = type(value)
            if kind is dict:
                path.holds = True
                if not path.plain:
                    self._gather(self._members(members, path), value)
            elif kind is list:
                path.holds = True
                if not path.plain and value:
                    elements = self._elements(members, path)
                    for element in value:
                        self._gather(elements, as_row(element))
            else:
                path.plain = True
                if not path.evidence.settled:
                    self._keep(path, as_cell(value))

    def _new_path(self, members: Members, key: str) -> Path:
        self._paths += 1
        if self._paths > MOST_PATHS:
            raise MalformedFileError(
                f"the objects have more than {MOST_PATHS:,} different keys, as if data were keys",
                where=members.header or None,
                hint="Ask the vendor for a list in the place of such objects.",
            )
        name = spell(key, self._naming.column)
        names = (*members.names, name)
        column = self._naming.joined(*names)
        known = members.table.known.get(column)
        path = Path(
            number=self._paths,
            header=f"{members.header}.{key}" if members.header else key,
            name=name,
            names=names,
            column=column,
            evidence=Evidence(known or self._naming.default),
            plain=known is not None,
        )
        members.paths[key] = path
        return path

    def _members(self, of: Members, path: Path) -> Members:
        if path.members is None:
            path.members = Members(of.table, path.names, path.header)
        return path.members

    def _elements(self, of: Members, path: Path) -> Members:
        if path.elements is None:
            place = (*of.table.path, *path.names)
            table = Table(place, of.table, self._naming.known(place))
            path.elements = Members(table, (), f"{path.header}[]")
        return path.elements

    def _keep(self, path: Path, cell: str) -> None:
        if not path.cells:
            self._waiting.append(path)
        path.cells.append(cell)
        self._cells += 1

    def _weigh(self) -> None:
        for path in self._waiting:
            path.evidence = path.evidence.with_cells(pa.array(path.cells, pa.string()))
            path.cells = []
        self._waiting = []
        self._cells = self._characters = 0


def as_row(element: Any) -> dict[str, Any]:
    """A list's element as the row that dlt makes of it."""
    if type(element) is dict:
        return element
    return {LIST if type(element) is list else VALUE: element}


def as_cell(value: Any) -> str:
    """A plain value as the cell of a table that would hold it."""
    if value is True or value is False:
        return "true" if value else "false"
    return write_number(value) if type(value) is Number else str(value)


def all_members(members: Members) -> Iterator[Members]:
    """These and all that count below them: those of the same table, then of nested ones."""
    yield members
    for path in members.paths.values():
        if not path.is_column:
            for below in (path.members, path.elements):
                if below is not None:
                    yield from all_members(below)


def tables(root: Members) -> list[tuple[Table, list[Path]]]:
    """Every table with its columns, in order of first appearance; the file's own comes first."""
    found: dict[int, tuple[Table, list[Path]]] = {}
    for members in all_members(root):
        _, columns = found.setdefault(id(members.table), (members.table, []))
        columns += [path for path in members.paths.values() if path.is_column]
    for _, columns in found.values():
        columns.sort(key=lambda path: path.number)
    return list(found.values())


def _key_faults(root: Members) -> Iterator[str]:
    """What is wrong with the keys of one object, for each path to objects."""
    for members in all_members(root):
        keys = list(members.paths)
        names = [path.name for path in members.paths.values()]
        where = f"in {show(members.header)}, " if members.header else ""
        yield from (where + fault for fault in name_faults(keys, names, "key"))


def _joined_faults(root: Members) -> Iterator[str]:
    """What paths of different lengths become one column, or one nested table."""
    found = tables(root)
    for _, columns in found:
        by_name: dict[str, Path] = {}
        for path in columns:
            other = by_name.setdefault(path.column, path)
            # Keys of the same object are told apart already.
            if other is not path and other.names[:-1] != path.names[:-1]:
                yield (
                    f"{show(other.header)} and {show(path.header)} both become {show(path.column)}"
                )
    places: set[tuple[str, ...]] = set()
    for table, _ in found:
        if table.path in places:
            yield f"two lists both become the nested table {show('.'.join(table.path))}"
        places.add(table.path)
