"""The records of a JSON file, one after the other, however the file lays them out, or a stop.

A list of objects, one object that holds such a list, or an object a line. What a record's members
are worth is left to `json_shape`, the JSON of one value to `json_text`.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, BinaryIO

from spaaza_source.errors import EncodingError, FileError, MalformedFileError
from spaaza_source.tabular.csv_reader.layout import LONGEST_RECORD
from spaaza_source.tabular.header import show
from spaaza_source.tabular.json_reader.text import (
    DEEPEST,
    SPACE,
    BrokenJSONError,
    TooDeepError,
    check_depth,
    read_value,
    unloadable,
)
from spaaza_source.tabular.rejected import RejectedRow

BLOCK = 2**20
_MARK = "\ufeff"
_LONGEST_TOKEN = 16
"""Characters: a word, or the end of a number or an escape, may be cut off where a block ends."""

_HINT = "Ask the vendor for a sound file: a list of objects, or one object a line."
_CUT = "the file ends in the middle of a value"


class JSONLayout(Enum):
    """How the records lie in the file."""

    LIST = "a list of objects"
    ENVELOPE = "an object that holds one list of objects"
    LINES = "an object a line"


@dataclass(frozen=True)
class Record:
    """An object of the file, and how many characters it takes there."""

    members: dict[str, Any]
    size: int


def read_elements(
    file: BinaryIO, is_record: Callable[[dict[str, Any]], bool]
) -> Iterator[Record | RejectedRow]:
    """Every record of a file in its order, and in their places the rows that are none.

    A list's element that is no object is a bad row, and a line that is no object's JSON; so is an
    object with text that cannot be loaded. All else that is not sound JSON stops the reading.

    Args:
        file: Open for reading bytes, at its begin.
        is_record: Whether an object that stands alone in the file is a record, as far as is known.

    Raises:
        EncodingError: The file is not UTF-8.
        MalformedFileError: The file is not such JSON, or not the whole of it.
    """
    text = _Text(file)
    lines_before = text.skip_space()
    match text.ahead():
        case "":
            raise MalformedFileError("the file is empty", hint=_HINT)
        case "[":
            layout = JSONLayout.LIST
        case "{":
            layout = _layout_of_object(text, is_record)
        case _:
            raise MalformedFileError(
                "the file is neither a list nor objects: an error's page, or no JSON at all",
                where=text.place(),
                hint=_HINT,
            )
    if layout is JSONLayout.LINES:
        if lines_before:
            raise text.broken("an empty line stands before a row")
        yield from _lines(text)
        return
    yield from _list(text) if layout is JSONLayout.LIST else _envelope(text)
    text.skip_space()
    if text.ahead():
        raise text.broken("something follows the end of the JSON text")


class _Text:
    """A window on the file's text: `text`, in which `at` is the place reached."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._undecoded = b""
        self._read = 0
        self.text = ""
        self.at = 0
        self.whole = False
        self._offset = 0
        self._line = 1
        if self.ahead() == _MARK:
            self.at = 1

    def fill(self) -> None:
        """Forget what lies behind, and read on: twice as much as is still waiting."""
        behind = self.text[: self.at]
        self._offset += _length(behind)
        self._line += behind.count("\n")
        waiting = self.text[self.at :]
        block = self._file.read(max(BLOCK, len(waiting)))
        self.whole = not block
        data = self._undecoded + block
        try:
            more, used = codecs.utf_8_decode(data, "strict", self.whole)
        except UnicodeDecodeError as error:
            raise EncodingError(
                "the file is not UTF-8 text",
                where=f"byte offset {self._read - len(self._undecoded) + error.start}",
                hint="Ask for the file in UTF-8.",
            ) from None
        self._read += len(block)
        self._undecoded = data[used:]
        self.text, self.at = waiting + more, 0

    def ahead(self) -> str:
        """The next character; empty at the file's end."""
        while self.at == len(self.text) and not self.whole:
            self.fill()
        return self.text[self.at : self.at + 1]

    def skip_space(self) -> int:
        """Pass over white space; return how many lines end in it."""
        lines = 0
        while (character := self.ahead()) and character in SPACE:
            lines += character == "\n"
            self.at += 1
        return lines

    def take(self, character: str) -> bool:
        """Pass over white space, and over the character if it is next."""
        self.skip_space()
        if self.ahead() != character:
            return False
        self.at += 1
        return True

    def value(self) -> tuple[Any, str]:
        """Pass over the value that begins here, and return it with its text."""
        while True:
            try:
                value, end = read_value(self.text, self.at)
            except TooDeepError:
                raise self._too_deep() from None
            except BrokenJSONError as error:
                near_end = error.at > len(self.text) - _LONGEST_TOKEN
                if self.whole or not (error.unclosed or near_end):
                    cut = error.unclosed or error.at >= len(self.text.rstrip(SPACE))
                    raise self.broken(_CUT if cut else "this is not JSON", error.at) from None
            except MalformedFileError as error:
                error.where = self.place()
                raise
            else:
                # A number at the very end of the window may go on behind it.
                if end < len(self.text) or self.whole:
                    raw = self.text[self.at : end]
                    self.check(raw, value)
                    self.at = end
                    return value, raw
            self.longer("a value")

    def line(self) -> tuple[str, bool]:
        """Pass over the rest of the line; return it without its end, and whether it has one."""
        while (end := self.text.find("\n", self.at)) < 0 and not self.whole:
            self.longer("a line")
        ended = end >= 0
        line = self.text[self.at : end if ended else len(self.text)]
        self.at += len(line) + ended
        return line, ended

    def longer(self, what: str) -> None:
        """Read on, unless what is waiting is too long already."""
        if len(self.text) - self.at > LONGEST_RECORD:
            raise self.broken(f"{what} is longer than {LONGEST_RECORD // 2**20} MiB")
        self.fill()

    def check(self, raw: str, value: Any) -> None:
        """Refuse a value that nests too deep."""
        try:
            check_depth(raw, value)
        except TooDeepError:
            raise self._too_deep() from None

    def rejected(self, begin: int, raw: str, reason: str) -> RejectedRow:
        """The row whose text begins at `begin` of the window."""
        behind = self.text[:begin]
        line = self._line + behind.count("\n")
        return RejectedRow(line, self._offset + _length(behind), reason, None, raw.encode())

    def place(self, at: int | None = None) -> str:
        """Where a place of the window is in the file."""
        behind = self.text[: self.at if at is None else at]
        line = self._line + behind.count("\n")
        return f"line {line}, byte offset {self._offset + _length(behind)}"

    def broken(self, cause: str, at: int | None = None) -> FileError:
        """An error about a place of the window."""
        return MalformedFileError(cause, where=self.place(at), hint=_HINT)

    def _too_deep(self) -> FileError:
        return self.broken(f"objects and lists nest deeper than {DEEPEST} levels")


def _layout_of_object(text: _Text, is_record: Callable[[dict[str, Any]], bool]) -> JSONLayout:
    """Whether the object that begins here is the first of many, or holds the list; stays here.

    A line never ends inside an object's JSON where each line is one.
    """
    while "\n" not in text.text[text.at :] and not text.whole:
        if len(text.text) - text.at > LONGEST_RECORD:
            return JSONLayout.ENVELOPE
        text.fill()
    line, _, rest = text.text[text.at :].partition("\n")
    line = line.rstrip(SPACE)
    try:
        value, end = read_value(line, 0)
    except TooDeepError:
        return JSONLayout.ENVELOPE  # which says where
    except BrokenJSONError as error:
        goes_on = error.at >= len(line)
        return JSONLayout.ENVELOPE if goes_on else JSONLayout.LINES
    except MalformedFileError as error:
        error.where = text.place()
        raise
    alone = end == len(line) and not rest.strip(SPACE)
    while alone and not text.whole:
        # The lines after the first are looked at block by block, and kept for the reading.
        text.longer("the white space behind an object")
        alone = not text.text[text.at :].partition("\n")[2].strip(SPACE)
    return JSONLayout.LINES if not alone or is_record(value) else JSONLayout.ENVELOPE


def _list(text: _Text) -> Iterator[Record | RejectedRow]:
    """The elements of the list that begins here."""
    text.at += 1
    number = 0
    if text.take("]"):
        return
    while True:
        text.skip_space()
        number += 1
        value, raw = text.value()
        reason = unloadable(raw, value)
        if type(value) is not dict:
            reason = f"element {number} is not an object"
        if reason:
            yield text.rejected(text.at - len(raw), raw, reason)
        else:
            yield Record(value, len(raw))
        if text.take("]"):
            return
        if not text.take(","):
            raise text.broken("a comma or the end of the list is missing" if text.ahead() else _CUT)


def _envelope(text: _Text) -> Iterator[Record | RejectedRow]:
    """The elements of the one list that the object holds which begins here."""
    begin = text.place()
    text.at += 1
    keys: set[str] = set()
    listed = False
    if not text.take("}"):
        while True:
            key = _key(text)
            if key in keys:
                raise text.broken(f"an object has the key {show(key)} twice")
            keys.add(key)
            opened = text.ahead()
            if opened == "[" and not listed:
                _refuse_error(text, key)
                listed = True
                yield from _list(text)
            elif opened in ("[", "{"):
                raise text.broken(
                    "the file is one object that holds more than a list of records beside plain "
                    "values: an error, or a single record"
                )
            elif text.value()[0] not in (None, False, ""):
                _refuse_error(text, key)
            if text.take("}"):
                break
            if not text.take(","):
                raise text.broken("a comma or the end of the object is missing")
    own_id = any(key.lower() == "id" for key in keys)
    if listed and not own_id:
        return
    raise MalformedFileError(
        "the file is one object with an id of its own, so its list is not that of the records"
        if listed
        else "the file is one object that holds no list of records: an error, or a single record",
        where=begin,
        hint=_HINT,
    )


def _key(text: _Text) -> str:
    """Pass over a key and its colon."""
    text.skip_space()
    if text.ahead() != '"':
        raise text.broken("a key is missing" if text.ahead() else _CUT)
    key = str(text.value()[0])
    if not text.take(":"):
        raise text.broken("a colon is missing" if text.ahead() else _CUT)
    text.skip_space()
    return key


def _refuse_error(text: _Text, key: str) -> None:
    if key.lower() in ("error", "errors"):
        raise text.broken("the file reports an error instead of holding records")


def _lines(text: _Text) -> Iterator[Record | RejectedRow]:
    """The objects of a file that has one on each line."""
    blank = False
    while text.ahead():
        begin = text.at
        line, ended = text.line()
        begin = text.at - len(line) - ended
        raw = line.removesuffix("\r")
        if not raw.strip(SPACE):
            blank = True
            continue
        if blank:
            raise text.broken("an empty line stands before a row", begin)
        value, reason = _line_value(text, raw, begin)
        if value is None and not ended:
            raise text.broken(f"the last line has no end and is {reason}: the file is cut", begin)
        if reason:
            yield text.rejected(begin, raw, reason)
        else:
            yield Record(value, len(raw))


def _line_value(text: _Text, raw: str, begin: int) -> tuple[Any, str | None]:
    """The object of a line, or why it is none."""
    try:
        value, end = read_value(raw, len(raw) - len(raw.lstrip(SPACE)))
        text.check(raw, value)
    except BrokenJSONError:
        return None, "not JSON"
    except TooDeepError:
        raise text.broken(f"objects and lists nest deeper than {DEEPEST} levels", begin) from None
    except MalformedFileError as error:
        error.where = text.place(begin)
        raise
    if raw[end:].strip(SPACE):
        return None, "more than one JSON value"
    if type(value) is not dict:
        return None, "not an object"
    return value, unloadable(raw, value)


def _length(text: str) -> int:
    """In bytes."""
    return len(text) if text.isascii() else len(text.encode())
