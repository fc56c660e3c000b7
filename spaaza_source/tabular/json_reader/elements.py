"""Finds the records of a JSON file in each of three layouts.

These are a list of objects, one object with such a list, or an object on each line.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, BinaryIO

from spaaza_source.errors import EncodingError, FileError, MalformedFileError
from spaaza_source.tabular.header import printable_name
from spaaza_source.tabular.json_reader.text import (
    DEEPEST,
    SPACE,
    BrokenJSONError,
    TooDeepError,
    check_depth,
    find_unloadable,
    read_value,
)
from spaaza_source.tabular.rejected import RejectedRow
from spaaza_source.tabular.source_file import LONGEST_RECORD

BLOCK = 2**20
_MARK = "\ufeff"
_LONGEST_TOKEN = 16
"""Characters. The end of a block may cut a word, a number or an escape of this length."""

_HINT = "Ask the vendor for a sound file: a list of objects, or one object a line."
_CUT = "the file ends in the middle of a value"


class JSONLayout(Enum):
    """How the file lays out its records."""

    LIST = "a list of objects"
    ENVELOPE = "an object with one list of objects"
    LINES = "an object on each line"


@dataclass(frozen=True)
class Record:
    """An object of the file, and its length there in characters."""

    members: dict[str, Any]
    size: int


def read_elements(
    file: BinaryIO, is_record: Callable[[dict[str, Any]], bool]
) -> Iterator[Record | RejectedRow]:
    """Every record and every rejected row of a file, in its order.

    Rejected are a list's elements that are no objects, lines that are no object's JSON, and objects
    with text that cannot be loaded. Any other broken JSON is an error.

    Args:
        file: Open for reading bytes, at its start.
        is_record: Whether a single object in the file is a record.

    Raises:
        EncodingError: The file is not UTF-8.
        MalformedFileError: The file is not such JSON, or is cut short.
    """
    text = _Text(file)
    lines_before = text.skip_space()
    match text.next_character():
        case "":
            raise MalformedFileError("the file is empty", hint=_HINT)
        case "[":
            layout = JSONLayout.LIST
        case "{":
            layout = _layout_of_object(text, is_record)
        case _:
            raise MalformedFileError(
                "the file is neither a list nor objects: an error page, or no JSON at all",
                where=text.location(),
                hint=_HINT,
            )
    if layout is JSONLayout.LINES:
        if lines_before:
            raise text.make_error("an empty line precedes a row")
        yield from _lines(text)
        return
    yield from _list(text) if layout is JSONLayout.LIST else _envelope(text)
    text.skip_space()
    if text.next_character():
        raise text.make_error("something follows the end of the JSON text")


class _Text:
    """A moving section of the file's text: `text`, read as far as `at`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._undecoded = b""
        self._read = 0
        self.text = ""
        self.at = 0
        self.whole = False
        self._offset = 0
        self._line = 1
        if self.next_character() == _MARK:
            self.at = 1

    def fill(self) -> None:
        """Drop the text before `at`, and read on: at least as much as is still unread."""
        behind = self.text[: self.at]
        self._offset += _length(behind)
        self._line += behind.count("\n")
        unread = self.text[self.at :]
        block = self._file.read(max(BLOCK, len(unread)))
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
        self.text, self.at = unread + more, 0

    def next_character(self) -> str:
        """The next character; empty at the file's end."""
        while self.at == len(self.text) and not self.whole:
            self.fill()
        return self.text[self.at : self.at + 1]

    def skip_space(self) -> int:
        """Skip white space; return the number of line ends in it."""
        lines = 0
        while (character := self.next_character()) and character in SPACE:
            lines += character == "\n"
            self.at += 1
        return lines

    def skip(self, character: str) -> bool:
        """Skip white space, and the character if it is next; return whether it was."""
        self.skip_space()
        if self.next_character() != character:
            return False
        self.at += 1
        return True

    def read_value(self) -> tuple[Any, str]:
        """Read the value that begins here; return it with its text."""
        while True:
            try:
                value, end = read_value(self.text, self.at)
            except TooDeepError:
                raise self._too_deep() from None
            except BrokenJSONError as error:
                near_end = error.at > len(self.text) - _LONGEST_TOKEN
                if self.whole or not (error.unclosed or near_end):
                    cut = error.unclosed or error.at >= len(self.text.rstrip(SPACE))
                    raise self.make_error(_CUT if cut else "this is not JSON", error.at) from None
            except MalformedFileError as error:
                error.where = self.location()
                raise
            else:
                # A number at the very end of the section may continue after it.
                if end < len(self.text) or self.whole:
                    raw = self.text[self.at : end]
                    self.check(raw, value)
                    self.at = end
                    return value, raw
            self.read_on("a value")

    def read_line(self) -> tuple[str, bool]:
        """Read the rest of the line; return it without its end, and whether it has one."""
        while (end := self.text.find("\n", self.at)) < 0 and not self.whole:
            self.read_on("a line")
        ended = end >= 0
        line = self.text[self.at : end if ended else len(self.text)]
        self.at += len(line) + ended
        return line, ended

    def read_on(self, what: str) -> None:
        """Read more of the file, unless the unread text is too long already."""
        if len(self.text) - self.at > LONGEST_RECORD:
            raise self.make_error(f"{what} is longer than {LONGEST_RECORD // 2**20} MiB")
        self.fill()

    def check(self, raw: str, value: Any) -> None:
        """Raise an error for a value that nests too deep."""
        try:
            check_depth(raw, value)
        except TooDeepError:
            raise self._too_deep() from None

    def make_rejected(self, begin: int, raw: str, reason: str) -> RejectedRow:
        """The rejected row whose text begins at `begin` of the section."""
        behind = self.text[:begin]
        line = self._line + behind.count("\n")
        return RejectedRow(line, self._offset + _length(behind), reason, None, raw.encode())

    def location(self, at: int | None = None) -> str:
        """Where an offset of the section is in the file; `at` unless given."""
        behind = self.text[: self.at if at is None else at]
        line = self._line + behind.count("\n")
        return f"line {line}, byte offset {self._offset + _length(behind)}"

    def make_error(self, cause: str, at: int | None = None) -> FileError:
        """An error about an offset of the section; `at` unless given."""
        return MalformedFileError(cause, where=self.location(at), hint=_HINT)

    def _too_deep(self) -> FileError:
        return self.make_error(f"objects and lists nest deeper than {DEEPEST} levels")


def _layout_of_object(text: _Text, is_record: Callable[[dict[str, Any]], bool]) -> JSONLayout:
    """The layout of a file that begins with the object here; does not move `at`.

    In the layout with an object on each line, no object continues on the next line.
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
        return JSONLayout.ENVELOPE  # reading it raises the error with its location
    except BrokenJSONError as error:
        continues = error.at >= len(line)
        return JSONLayout.ENVELOPE if continues else JSONLayout.LINES
    except MalformedFileError as error:
        error.where = text.location()
        raise
    alone = end == len(line) and not rest.strip(SPACE)
    while alone and not text.whole:
        # The text after the first line is read block by block, and kept.
        text.read_on("the white space after an object")
        alone = not text.text[text.at :].partition("\n")[2].strip(SPACE)
    return JSONLayout.LINES if not alone or is_record(value) else JSONLayout.ENVELOPE


def _list(text: _Text) -> Iterator[Record | RejectedRow]:
    """The elements of the list that begins here."""
    text.at += 1
    number = 0
    if text.skip("]"):
        return
    while True:
        text.skip_space()
        number += 1
        value, raw = text.read_value()
        reason = find_unloadable(raw, value)
        if type(value) is not dict:
            reason = f"element {number} is not an object"
        if reason:
            yield text.make_rejected(text.at - len(raw), raw, reason)
        else:
            yield Record(value, len(raw))
        if text.skip("]"):
            return
        if not text.skip(","):
            raise text.make_error(
                "a comma or the end of the list is missing" if text.next_character() else _CUT
            )


def _envelope(text: _Text) -> Iterator[Record | RejectedRow]:
    """The elements of the one list in the object that begins here."""
    begin = text.location()
    text.at += 1
    keys: set[str] = set()
    listed = False
    if not text.skip("}"):
        while True:
            key = _key(text)
            if key in keys:
                raise text.make_error(f"an object has the key {printable_name(key)} twice")
            keys.add(key)
            opened = text.next_character()
            if opened == "[" and not listed:
                _refuse_error(text, key)
                listed = True
                yield from _list(text)
            elif opened in ("[", "{"):
                raise text.make_error(
                    "the file is one object with more than a list of records and plain values: an"
                    " error, or a single record"
                )
            elif text.read_value()[0] not in (None, False, ""):
                _refuse_error(text, key)
            if text.skip("}"):
                break
            if not text.skip(","):
                raise text.make_error("a comma or the end of the object is missing")
    own_id = any(key.lower() == "id" for key in keys)
    if listed and not own_id:
        return
    raise MalformedFileError(
        "the file is one object with an id, so its list is not that of the records"
        if listed
        else "the file is one object without a list of records: an error, or a single record",
        where=begin,
        hint=_HINT,
    )


def _key(text: _Text) -> str:
    """Read a key and its colon."""
    text.skip_space()
    if text.next_character() != '"':
        raise text.make_error("a key is missing" if text.next_character() else _CUT)
    key = str(text.read_value()[0])
    if not text.skip(":"):
        raise text.make_error("a colon is missing" if text.next_character() else _CUT)
    text.skip_space()
    return key


def _refuse_error(text: _Text, key: str) -> None:
    if key.lower() in ("error", "errors"):
        raise text.make_error("the file reports an error instead of records")


def _lines(text: _Text) -> Iterator[Record | RejectedRow]:
    """The objects of a file with one on each line."""
    blank = False
    while text.next_character():
        begin = text.at
        line, ended = text.read_line()
        begin = text.at - len(line) - ended
        raw = line.removesuffix("\r")
        if not raw.strip(SPACE):
            blank = True
            continue
        if blank:
            raise text.make_error("an empty line precedes a row", begin)
        value, reason = _line_value(text, raw, begin)
        if value is None and not ended:
            raise text.make_error(
                f"the last line has no end and is {reason}: the file is cut short", begin
            )
        if reason:
            yield text.make_rejected(begin, raw, reason)
        else:
            yield Record(value, len(raw))


def _line_value(text: _Text, raw: str, begin: int) -> tuple[Any, str | None]:
    """The object of a line, None if it has none, and the reason if the line is rejected."""
    try:
        value, end = read_value(raw, len(raw) - len(raw.lstrip(SPACE)))
        text.check(raw, value)
    except BrokenJSONError:
        return None, "not JSON"
    except TooDeepError:
        raise text.make_error(
            f"objects and lists nest deeper than {DEEPEST} levels", begin
        ) from None
    except MalformedFileError as error:
        error.where = text.location(begin)
        raise
    if raw[end:].strip(SPACE):
        return None, "more than one JSON value"
    if type(value) is not dict:
        return None, "not an object"
    return value, find_unloadable(raw, value)


def _length(text: str) -> int:
    """The length of a text in bytes."""
    return len(text) if text.isascii() else len(text.encode())
