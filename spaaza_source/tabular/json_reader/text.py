"""Reads and writes JSON text strictly: no repeated keys, no NaN, numbers kept digit by digit."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from typing import Any

from spaaza_source.errors import MalformedFileError
from spaaza_source.tabular.header import printable_name

SPACE = " \t\n\r"
DEEPEST = 100
"""Levels of nested objects and lists; a deeper value stops the load."""
SOUND_FILE_HINT = "Ask for a sound file: a list of objects, or one object a line."

RESERVED_MARKS = "\uf026-\uf02d"
"""dlt marks a value that JSON has no form for by one of these, and decodes it when reading."""
_MARKED = re.compile(f"[{RESERVED_MARKS}]")
_SUSPICIOUS = re.compile(rf"[{RESERVED_MARKS}]|\\u(?:0000|[dD][89a-fA-F]|[fF]02)")
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_DIGITS_WRITTEN_OUT = 60


class Number(str):
    """A number, as its text in the file."""

    __slots__ = ()


class BrokenJSONError(Exception):
    """There is no JSON value: it breaks at `at`, or has an `unclosed` string."""

    def __init__(self, at: int, *, unclosed: bool = False) -> None:
        super().__init__()
        self.at = at
        self.unclosed = unclosed


def read_value(text: str, at: int, *, any_depth: bool = False) -> tuple[Any, int]:
    """The value that begins at an offset of a text, and where it ends; numbers are `Number`s.

    Raises:
        BrokenJSONError: There is no value, or not a whole one.
        MalformedFileError: It nests too deep, even for `any_depth`, or an object has a key twice.
    """
    try:
        value, end = _decoder.raw_decode(text, at)
    except json.JSONDecodeError as error:
        # How deep Python reads depends on its version: one stops at the depth, another here.
        if not any_depth and _opens_too_deep(text, at, error.pos):
            raise _too_deep() from None
        # The error contains the text, so it must not be passed on.
        unclosed = error.msg.startswith("Unterminated string")
        raise BrokenJSONError(error.pos, unclosed=unclosed) from None
    except ValueError:  # NaN or Infinity
        raise BrokenJSONError(at) from None
    except RecursionError:
        raise _too_deep() from None
    if not any_depth and _count_opened(text, at, end) > DEEPEST and _nests_too_deep(value):
        raise _too_deep()
    return value, int(end)


def find_unloadable(raw: str, value: Any) -> str | None:
    """The reason why a value cannot be loaded; None if it can.

    Args:
        raw: The text that the value was read from.
        value: The value.
    """
    if not _SUSPICIOUS.search(raw):
        return None
    pending = [value]
    while pending:
        part = pending.pop()
        if type(part) is str and (reason := _find_unloadable_text(part)):
            return reason
        pending += _parts(part)
    return None


def write_number(number: Number) -> str:
    """A number without an exponent, as a CSV file's cell would have it.

    `1e5` becomes `100000.0`: a number with an exponent is never a whole number. One that fits no
    decimal column stays as it is, so that only text fits it.
    """
    if "e" not in number and "E" not in number:
        return "0" if number == "-0" else str(number)
    try:
        value = Decimal(number)
    except ArithmeticError:
        return str(number)
    if not value:
        return "0.0"
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or abs(exponent) + len(digits) > _DIGITS_WRITTEN_OUT:
        return str(number)
    text = f"{value:f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


def write_value(value: Any) -> str:
    """A value as JSON text, its numbers as they were read."""
    if type(value) is dict:
        members = (f"{write_value(key)}: {write_value(part)}" for key, part in value.items())
        return "{" + ", ".join(members) + "}"
    if type(value) is list:
        return "[" + ", ".join(map(write_value, value)) + "]"
    if type(value) is Number:
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise MalformedFileError(
            f"an object has the key {printable_name(twice)} twice",
            hint="Ask the vendor which of the two counts.",
        )
    return members


def refuse_constant(_: str) -> None:
    """Refuse NaN and Infinity, which Python's parser accepts and JSON does not have."""
    raise ValueError


def _count_opened(text: str, begin: int, end: int) -> int:
    """The brackets that open in a part of a text, those inside of strings among them."""
    return text.count("{", begin, end) + text.count("[", begin, end)


def _opens_too_deep(text: str, begin: int, end: int) -> bool:
    """Whether the part of a text, sound up to its end, nests deeper than a value may."""
    if _count_opened(text, begin, end) <= DEEPEST:
        return False
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text, begin, end):
        sign = text[token.start()]
        depth += (sign in "{[") - (sign in "}]")
        if depth > DEEPEST:
            return True
    return False


def _nests_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [part for whole in level for part in _parts(whole)]
    return bool(level)


def _too_deep() -> MalformedFileError:
    return MalformedFileError(
        f"objects and lists nest deeper than {DEEPEST} levels", hint=SOUND_FILE_HINT
    )


def _parts(whole: Any) -> list[Any]:
    if type(whole) is dict:
        return [*whole.keys(), *whole.values()]
    return whole if type(whole) is list else []


def _find_unloadable_text(text: str) -> str | None:
    if "\x00" in text:
        return "a NUL character"
    if _MARKED.match(text):
        return "a text that begins with a character that dlt reserves"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "half a character: a surrogate without its pair"
    return None


_decoder = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=Number,
    parse_float=Number,
    parse_constant=refuse_constant,
)
