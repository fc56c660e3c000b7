"""Gathers the columns of a batch's records, piece by piece, and learns their types.

A piece is small enough to stay near the processor until it is taken apart: with a whole batch, most
of the time would go into waiting for memory.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.tabular.json_reader.columns import Arrays, Piece
from spaaza_source.tabular.json_reader.no_cycles import makes_no_cycles
from spaaza_source.tabular.json_reader.shape import Shape

PIECE_CHARACTERS = 2**18


class Batch:
    """Records that become one batch: `add` each with its length, then `finish`.

    Args:
        shape: The paths; those of the records are added to it.
        learn: Whether the cells are evidence of their paths' types.
    """

    def __init__(self, shape: Shape, *, learn: bool) -> None:
        #: How many records it has, and their characters in the file.
        self.rows = self.characters = 0
        self._shape = shape
        self._learn = learn
        self._records: list[dict[str, Any]] = []
        self._pending = 0
        self._parts: dict[str, list[Any]] = {}
        self._lengths: Counter[str] = Counter()
        self._path_of: dict[str, int] = {}
        self._counts: Counter[int] = Counter()
        self._groups: dict[str, list[npt.NDArray[np.int32]]] = {}
        self._group_counts: Counter[str] = Counter()

    def add(self, record: dict[str, Any], size: int) -> None:
        """Add a record.

        Args:
            record: The record.
            size: The characters it takes in the file.

        Raises:
            MalformedFileError: The file has too many paths.
        """
        self._records.append(record)
        self.rows += 1
        self.characters += size
        self._pending += size
        if self._pending > PIECE_CHARACTERS:
            self._take_apart()

    @makes_no_cycles
    def finish(self) -> Arrays:
        """The arrays of all records, as `columns` describes them.

        Raises:
            MalformedFileError: As above.
        """
        self._take_apart()
        arrays: Arrays = {}
        for name, parts in self._parts.items():
            if name in self._path_of:
                self._fill_up(name, parts[0].type)
            # Names of cells are numbers alone.
            arrays[name] = _as_texts(parts) if name.isdigit() else pa.concat_arrays(parts)
        for level, groups in self._groups.items():
            of_each = np.concatenate(groups)
            if bool((np.diff(of_each) < 0).any()):
                arrays[f"{level} groups"] = pa.array(of_each)
        if self._learn:
            for number in self._counts:
                if str(number) in arrays:
                    self._learn_of(number, arrays[str(number)])
                path = self._shape.paths[number]
                if path.is_instant and f"{number} v" in arrays:
                    # An instant that is finer than the column has its text beside it.
                    path.evidence = replace(path.evidence, misfits=True)
        return arrays

    @makes_no_cycles
    def _take_apart(self) -> None:
        records, self._records, self._pending = self._records, [], 0
        if records:
            self._merge(Piece.of(self._shape, records))

    def _merge(self, piece: Piece) -> None:
        for name, (number, array) in piece.values.items():
            self._path_of[name] = number
            self._fill_up(name, array.type)
            self._put(name, array)
        self._counts.update(piece.counts)
        for name, array in piece.others.items():
            self._put(name, array)
        for level, (of_each, count) in piece.groups.items():
            self._groups.setdefault(level, []).append(of_each + self._group_counts[level])
            self._group_counts[level] += count

    def _put(self, name: str, array: Any) -> None:
        self._parts.setdefault(name, []).append(array)
        self._lengths[name] += len(array)

    def _fill_up(self, name: str, kind: Any) -> None:
        """Add NULL for each value of a path that earlier pieces have and this array lacks."""
        lacking = self._counts[self._path_of[name]] - self._lengths[name]
        if lacking:
            self._put(name, pa.nulls(lacking, kind))

    def _learn_of(self, number: int, cells: Any) -> None:
        path = self._shape.paths[number]
        if not path.evidence.is_settled:
            path.evidence = path.evidence.with_cells(cells)
        if path.look is not None:
            path.look.add(cells.drop_null())


def _as_texts(parts: list[Any]) -> Any:
    """Cells in one array, as texts that are not empty, or NULL."""
    kinds = {part.type for part in parts}
    if len(kinds) == 1:
        cells = pa.concat_arrays(parts)
        texts = cells if kinds == {pa.string()} else pc.cast(cells, pa.string())
    else:
        texts = pa.concat_arrays([pc.cast(part, pa.string()) for part in parts])
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[: len(texts) + 1]
    if np.count_nonzero(np.diff(offsets) == 0) == texts.null_count:
        return texts
    return pc.if_else(pc.equal(texts, ""), None, texts)
