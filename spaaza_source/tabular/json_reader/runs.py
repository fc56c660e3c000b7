"""Reads many records at once, where each is plain beyond doubt: an object that can be loaded.

The standard library's scanner reads as fast as it can without being asked about each object. What
it does not tell is then proven of all records together.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from spaaza_source.tabular.json_reader.no_cycles import makes_no_cycles
from spaaza_source.tabular.json_reader.text import (
    DEEPEST,
    RESERVED_MARKS,
    SPACE,
    Number,
    refuse_constant,
)

#: Escapes of a NUL, of half a character, or of a mark that dlt reserves.
_ESCAPES = re.compile(r"\\u(?:0000|[dD][89a-fA-F]|[fF]02)")
#: A whole number that Python would not write as it stands in the file.
_MINUS_ZERO = re.compile(r"-0[,}\] \t\n\r]")
_MARKS = re.compile(f"[{RESERVED_MARKS}]")
#: How each of the marks begins in UTF-8.
MARKS_BEGIN = b"\xef\x80"
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
        doubts += [match.start() for match in _ESCAPES.finditer(text)]
    if may_have_marks:
        doubts += [match.start() for match in _MARKS.finditer(text)]
    doubts.sort()
    return doubts


@makes_no_cycles
def read_list_run(text: str, at: int, doubts: Sequence[int]) -> tuple[Run, int]:
    """Read elements of a list, apart by commas, as long as they are plain records.

    Args:
        text: The text; it may end anywhere.
        at: Where an element begins.
        doubts: Those of the text.

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
        if comma is None:
            break
        at = comma.end()
    _prove(run.records, text, begin, end)
    return run, end


@makes_no_cycles
def read_line_run(text: str, at: int, doubts: Sequence[int]) -> tuple[Run, int]:
    """Read lines, as long as each is a plain record and has an end.

    Args:
        text: As above.
        at: Where a line begins.
        doubts: As above.

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
    _prove(run.records, text, begin, at)
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


def _prove(records: Sequence[dict[str, Any]], text: str, begin: int, end: int) -> None:
    """Prove that no object in a part of a text has a key twice, and none nests too deep."""
    # A colon behind a key follows its quote or white space: there are at most so many keys.
    colons = text.count('":', begin, end) + sum(
        text.count(f"{space}:", begin, end) for space in SPACE if text.find(space, begin, end) >= 0
    )
    if sum(map(len, records)) == colons and text.find("[", begin, end) < 0:
        return
    levels = list(_find_levels(records))
    if len(levels) > DEEPEST:
        raise RunUncertainError(end)
    dicts = [part for level in levels for part in level if type(part) is dict]
    keys = sum(map(len, dicts))
    if keys == colons:
        return
    # Some texts have colons: count them all.
    texts = chain.from_iterable(chain(one, one.values()) for one in dicts)
    lists = chain.from_iterable(part for level in levels for part in level if type(part) is list)
    in_texts = sum(part.count(":") for part in chain(texts, lists) if type(part) is str)
    escaped = text.find("\\u003", begin, end) >= 0
    if escaped or text.count(":", begin, end) != keys + in_texts:
        raise RunUncertainError(end)


def _find_levels(records: Sequence[dict[str, Any]]) -> Iterator[list[Any]]:
    """The objects and lists of each level, those of the first one first."""
    level: list[Any] = list(records)
    while level:
        yield level
        parts = chain.from_iterable(one.values() if type(one) is dict else one for one in level)
        level = [part for part in parts if type(part) is dict or type(part) is list]


_scan = json.JSONDecoder(parse_float=Number, parse_constant=refuse_constant).scan_once
