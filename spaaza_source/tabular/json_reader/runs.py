"""Reads many records at once, where each is plain beyond doubt: an object that can be loaded.

The standard library's scanner reads as fast as it can without being asked about each object. What
it does not tell is then proven of all records together.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from spaaza_source.tabular.json_reader.no_cycles import makes_no_cycles
from spaaza_source.tabular.json_reader.text import (
    DEEPEST,
    RESERVED_MARKS,
    SPACE,
    Number,
    refuse_constant,
)

#: Escapes of a NUL, of half a character, or of a mark that dlt reserves; also of two halves.
_ESCAPES = re.compile(
    r"\\u(?:[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|0000|[dD][89a-fA-F]|[fF]02)"
)
_TWO_HALVES = 12
#: A whole number that Python would not write as it stands in the file.
_MINUS_ZERO = re.compile(r"-0[,}\] \t\n\r]")
_MARKS = re.compile(f"[{RESERVED_MARKS}]")
#: Characters of one run, about: what is read is looked at again while it is near the processor.
LONGEST_RUN = 2**18
_MOST_NESTING = 50
#: How each of the marks begins in UTF-8.
MARKS_BEGIN = b"\xef\x80"
_COLON, _QUOTE, _LAST_SPACE = map(ord, ':" ')
_COMMA = re.compile(f"[{SPACE}]*,[{SPACE}]*")


class Run(NamedTuple):
    """Records one after another, each with its length in the file in characters.

    Whole numbers are `int` or `Number`, others `Number`.
    """

    records: list[dict[str, Any]]
    sizes: list[int]


class RunUncertainError(Exception):
    """What is read up to `end` may break a rule, so that it is to be read one by one."""

    def __init__(self, end: int) -> None:
        super().__init__()
        self.end = end


def find_doubts(text: str, *, may_have_marks: bool) -> list[int]:
    """Where a text has something that `read_list_run` and `read_line_run` cannot judge.

    Args:
        text: The text.
        may_have_marks: Whether its bytes hold `MARKS_BEGIN`.
    """
    doubts = [match.start() for match in _MINUS_ZERO.finditer(text)]
    if "\\u" in text:
        for match in _ESCAPES.finditer(text):
            # Behind another backslash the first half is none.
            is_whole = len(match[0]) == _TWO_HALVES and text[match.start() - 1] != "\\"
            if not is_whole:
                doubts.append(match.start())
    if may_have_marks:
        doubts += [match.start() for match in _MARKS.finditer(text)]
    doubts.sort()
    return doubts


@makes_no_cycles
def read_list_run(text: str, at: int, doubts: Sequence[int], nesting: set[str]) -> tuple[Run, int]:
    """Read elements of a list, apart by commas, as long as they are plain records.

    Args:
        text: The text; it may end anywhere.
        at: Where an element begins.
        doubts: Those of the text.
        nesting: Keys of which some objects or lists are known; gets more of them.

    Returns:
        The records, and where the last one ends.

    Raises:
        RunUncertainError: Some of them may be no plain records.
    """
    begin, end, certain = at, at, _certain_end(text, at, doubts)
    run = Run([], [])
    while True:
        value, after = _read_record(text, at)
        if value is None or after > certain:
            break
        run.records.append(value)
        run.sizes.append(after - at)
        end = after
        comma = _COMMA.match(text, end)
        if comma is None or end - begin > LONGEST_RUN:
            break
        at = comma.end()
    _prove(run.records, text, begin, end, nesting)
    return run, end


@makes_no_cycles
def read_line_run(text: str, at: int, doubts: Sequence[int], nesting: set[str]) -> tuple[Run, int]:
    """Read lines, as long as each is a plain record and has an end.

    Args:
        text: As above.
        at: Where a line begins.
        doubts: As above.
        nesting: As above.

    Returns:
        The records, and where the line behind them begins.

    Raises:
        RunUncertainError: As above.
    """
    begin, certain = at, _certain_end(text, at, doubts)
    run = Run([], [])
    while (line_end := text.find("\n", at)) >= 0:
        value, after = _read_record(text, at)
        # An object that goes on in the next line is none of this layout.
        if value is None or after > certain or after > line_end:
            break
        if after < line_end and text[after:line_end].strip(SPACE):
            break
        run.records.append(value)
        run.sizes.append(line_end - (text[line_end - 1] == "\r") - at)
        at = line_end + 1
        if at - begin > LONGEST_RUN:
            break
    _prove(run.records, text, begin, at, nesting)
    return run, at


def _certain_end(text: str, at: int, doubts: Sequence[int]) -> int:
    place = bisect_left(doubts, at)
    return doubts[place] if place < len(doubts) else len(text)


def _read_record(text: str, at: int) -> tuple[dict[str, Any] | None, int]:
    """The object that begins here and where it ends; None if there is none, or not a whole one."""
    if text[at : at + 1] != "{":
        return None, at
    try:
        value, end = _scan(text, at)
    except (StopIteration, ValueError, RecursionError):
        return None, at
    return value, end


def _prove(
    records: Sequence[dict[str, Any]], text: str, begin: int, end: int, nesting: set[str]
) -> None:
    """Prove that no object in a part of a text has a key twice, and none nests too deep."""
    # A colon behind a key follows its quote or white space: there are at most so many keys.
    signs = np.frombuffer(text[begin:end].encode("latin-1", "replace"), np.uint8)
    before = signs[np.flatnonzero(signs == _COLON) - 1]
    colons = int(np.count_nonzero((before == _QUOTE) | (before <= _LAST_SPACE)))
    lists = text.count("[", begin, end)
    if not lists and sum(map(len, records)) == colons:
        return
    if nesting and len(nesting) < _MOST_NESTING:
        levels = list(_find_levels(records, nesting))
        # Lists that are not found may be inside of each other, and below all that is found.
        deepest = len(levels) + lists - sum(len(found) for _, found in levels)
        if _count_keys(levels) == colons and deepest <= DEEPEST:
            return
    levels = list(_find_levels(records))
    if len(levels) > DEEPEST:
        raise RunUncertainError(end)
    nesting.update(_find_nesting(levels))
    keys = _count_keys(levels)
    if keys == colons:
        return
    # Some texts have colons: count them all.
    in_texts = sum(part.count(":") for part in _all_parts(levels) if type(part) is str)
    escaped = text.find("\\u003", begin, end) >= 0
    if escaped or text.count(":", begin, end) != keys + in_texts:
        raise RunUncertainError(end)


_Level: TypeAlias = tuple[Sequence[dict[str, Any]], Sequence[list[Any]]]
"""Objects and lists of one depth."""


def _find_levels(
    records: Sequence[dict[str, Any]], nesting: Collection[str] | None = None
) -> Iterator[_Level]:
    """The objects and lists of each depth; those in objects only under some keys, if given."""
    objects: Sequence[dict[str, Any]] = records
    lists: Sequence[list[Any]] = []
    while objects or lists:
        yield objects, lists
        values = (
            chain.from_iterable(map(dict.values, objects))
            if nesting is None
            else (one[key] for key in nesting for one in objects if key in one)
        )
        parts = chain(values, chain.from_iterable(lists))
        below = [part for part in parts if type(part) is dict or type(part) is list]
        objects = [part for part in below if type(part) is dict]
        lists = [part for part in below if type(part) is list]


def _count_keys(levels: Iterable[_Level]) -> int:
    return sum(len(one) for objects, _ in levels for one in objects)


def _find_nesting(levels: Iterable[_Level]) -> Iterator[str]:
    """The keys of objects and lists."""
    for objects, _ in levels:
        for one in objects:
            yield from (
                key for key, part in one.items() if type(part) is dict or type(part) is list
            )


def _all_parts(levels: Iterable[_Level]) -> Iterator[Any]:
    """All keys, values and elements."""
    for objects, lists in levels:
        yield from chain.from_iterable(objects)
        yield from chain.from_iterable(map(dict.values, objects))
        yield from chain.from_iterable(lists)


_decoder: Any = json.JSONDecoder(parse_float=Number, parse_constant=refuse_constant)
_scan = _decoder.scan_once
