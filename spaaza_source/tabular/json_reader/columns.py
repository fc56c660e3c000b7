"""Takes records apart into columns of texts, level by level, as Arrow arrays.

What is done with many values at once takes a fraction of what each would for itself.

The arrays have names:

* `N`: the values at the path with the number N as texts in a CSV file's cells, or as the numbers or
  bools that become these; absent where all are NULL. `N w`: those that were written in another way,
  as they were written. `N v`: the JSON of objects and lists among plain values.
* `N kinds`: where a path has objects and lists alone, which of both each value is. `N sizes`: how
  many elements each list has. The objects' members are a level `N o`, the elements a level `N e`.
* `LEVEL sizes`, `LEVEL paths`: the objects of a level, grouped by their keys: the size of each
  group, and the numbers of its paths, with -1 at the end of each. A path's values are in the order
  of the groups. `LEVEL groups`: the group of each object, if they are not in the groups' order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.tabular.instants import as_instants
from spaaza_source.tabular.json_reader.shape import Members, Path, Shape, as_cell, as_row
from spaaza_source.tabular.json_reader.text import Number, write_value

Arrays: TypeAlias = dict[str, Any]
OBJECT, LIST = 1, 2
ROOT = "o"
GROUP_END = -1
_EMPTY = type(None)
_NESTED: set[type] = {dict, list}
_WITH_EXPONENT = ("e", "E")


class _NotDiscoveredError(Exception):
    """Records have paths that the shape does not have yet, or not for sure."""


class Piece:
    """Some records that are taken apart.

    `values` are the arrays of paths, by name, with the path of each; they are as long as `counts`
    has it by the path's number. `others` are the other arrays. `groups` has, by level, the group of
    each object and the number of groups.
    """

    def __init__(self, shape: Shape) -> None:
        self.values: dict[str, tuple[int, Any]] = {}
        self.counts: dict[int, int] = {}
        self.others: Arrays = {}
        self.groups: dict[str, tuple[npt.NDArray[np.int32], int]] = {}
        self._shape = shape
        self._discovered = False

    @classmethod
    def of(cls, shape: Shape, records: Sequence[dict[str, Any]]) -> Piece:
        """Some records, taken apart.

        Args:
            shape: The paths; those of the records are added to it.
            records: The records.

        Raises:
            MalformedFileError: The file has too many paths.
        """
        piece = cls(shape)
        try:
            piece._take(ROOT, shape.root, records)
        except _NotDiscoveredError:
            # Which path comes first is found record by record, as is which is one too many.
            shape.discover(records)
            piece = cls(shape)
            piece._discovered = True
            piece._take(ROOT, shape.root, records)
        return piece

    def _take(self, level: str, members: Members, objects: Sequence[dict[str, Any]]) -> None:
        """Take apart the objects of one level."""
        groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        all_keys = list(map(tuple, objects))
        if all_keys.count(all_keys[0]) == len(all_keys):
            groups[all_keys[0]] = list(objects)
            of_each = np.zeros(len(objects), np.int32)
        else:
            for keys, one in zip(all_keys, objects, strict=True):
                groups.setdefault(keys, []).append(one)
            number_of = {keys: number for number, keys in enumerate(groups)}
            of_each = np.fromiter(map(number_of.__getitem__, all_keys), np.int32, len(objects))
        self.groups[level] = of_each, len(groups)
        columns: dict[str, list[Sequence[Any]]] = {}
        numbers: list[int] = []
        for keys, group in groups.items():
            for key, values in zip(keys, zip(*map(dict.values, group), strict=True), strict=True):
                columns.setdefault(key, []).append(values)
            numbers += [*(self._path(members, key).number for key in keys), GROUP_END]
        self.others[f"{level} sizes"] = pa.array(map(len, groups.values()), pa.int32())
        self.others[f"{level} paths"] = pa.array(numbers, pa.int32())
        for key, parts in columns.items():
            whole = parts[0] if len(parts) == 1 else tuple(chain.from_iterable(parts))
            self._take_values(members, members.paths[key], whole)

    def _path(self, members: Members, key: str) -> Path:
        path = members.paths.get(key)
        if path is None:
            raise _NotDiscoveredError
        return path

    def _take_values(self, members: Members, path: Path, values: Sequence[Any]) -> None:
        self.counts[path.number] = len(values)
        kinds = set(map(type, values))
        kinds.discard(_EMPTY)
        nested = not kinds.isdisjoint(_NESTED)
        plain = not kinds <= {*_NESTED, str} or (str in kinds and _has_text(values, nested=nested))
        if nested and plain and not path.plain and not self._discovered:
            raise _NotDiscoveredError
        path.has_nested |= nested
        path.plain |= plain
        if nested and not path.plain:
            path.was_apart = True
            self._take_nested(members, path, values)
        elif plain or nested:
            self._take_plain(path, values, kinds)

    def _take_plain(self, path: Path, values: Sequence[Any], kinds: set[type]) -> None:
        if not kinds.isdisjoint(_NESTED):
            texts = [write_value(value) if type(value) in _NESTED else None for value in values]
            self._put(path, " v", pa.array(texts, pa.string()))
            values = [None if type(value) in _NESTED else value for value in values]
            kinds = kinds - _NESTED
        cells, written = _as_cells(values, kinds)
        if path.is_instant and pa.types.is_string(cells.type):
            cells = self._take_instants(path, _without_empty(cells))
        self._put(path, "", cells)
        if written is not None:
            self._put(path, " w", written)

    def _take_instants(self, path: Path, cells: Any) -> Any:
        """The cells up to the microsecond; the texts of those that were finer are kept beside."""
        times, cut = as_instants(cells)
        if cut is not None:
            self._put(path, " v", cut)
        return times

    def _take_nested(self, members: Members, path: Path, values: Sequence[Any]) -> None:
        name = str(path.number)
        objects = [value for value in values if type(value) is dict]
        lists = [value for value in values if type(value) is list]
        kinds = [_KINDS.get(type(value)) for value in values]
        self._put(path, " kinds", pa.array(kinds, pa.int8()))
        if objects:
            self._take(f"{name} o", self._shape.members(members, path), objects)
        self.others[f"{name} sizes"] = pa.array(map(len, lists), pa.int32())
        elements = [as_row(element) for element in chain.from_iterable(lists)]
        if elements:
            self._take(f"{name} e", self._shape.elements(members, path), elements)

    def _put(self, path: Path, suffix: str, array: Any) -> None:
        self.values[f"{path.number}{suffix}"] = path.number, array


_KINDS: dict[type, int] = {dict: OBJECT, list: LIST}


def _without_empty(cells: Any) -> Any:
    return pc.if_else(pc.equal(cells, ""), None, cells)


def _has_text(values: Iterable[Any], *, nested: bool) -> bool:
    """Whether some of them are texts that are not empty."""
    if not nested:
        return any(values)
    return any(value for value in values if type(value) is str)


def _as_cells(values: Sequence[Any], kinds: set[type]) -> tuple[Any, Any | None]:
    """Plain values as texts in a CSV file's cells, and those that were written in another way."""
    if kinds == {str}:
        return pa.array(values, pa.string()), None
    if kinds == {bool}:
        return pa.array(values, pa.bool_()), None
    if kinds == {int}:
        return _whole_numbers(values), None
    if kinds <= {int, Number}:
        texts = [None if value is None else str(value) for value in values]
        if not _have_other_forms(texts):
            return pa.array(texts, pa.string()), None
    cells = [None if value is None else as_cell(value) or None for value in values]
    cells_array = pa.array(cells, pa.string())
    if Number not in kinds:
        return cells_array, None
    written = [
        str(value) if type(value) is Number and value != cell else None
        for value, cell in zip(values, cells, strict=True)
    ]
    return cells_array, pa.array(written, pa.string()) if any(written) else None


def _whole_numbers(values: Sequence[Any]) -> Any:
    try:
        return pa.array(values, pa.int64())
    except (OverflowError, pa.ArrowInvalid):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _have_other_forms(texts: Sequence[str | None]) -> bool:
    """Whether numbers have exponents, or one is `-0`: a cell has it in another way."""
    together = "".join(filter(None, texts))
    return any(sign in together for sign in _WITH_EXPONENT) or "-0" in texts
