"""Finds the records of a JSON file in each of three layouts.

These are a list of objects, one object with such a list, or an object on each line.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from spaaza_source.errors import EncodingError, MalformedFileError
from spaaza_source.tabular.header import printable_name
from spaaza_source.tabular.instants import NO_INSTANT
from spaaza_source.tabular.json_reader.runs import (
    MARKS_BEGIN,
    Run,
    RunUncertainError,
    find_doubts,
    read_line_run,
    read_list_run,
)
from spaaza_source.tabular.json_reader.text import (
    SOUND_FILE_HINT,
    SPACE,
    BrokenJSONError,
    find_unloadable,
    read_value,
)
from spaaza_source.tabular.json_reader.timeless import Timeless
from spaaza_source.tabular.rejected import RejectedRow
from spaaza_source.tabular.source_file import LONGEST_RECORD, SourceBytes

BLOCK = 2**20
_MARK = "\ufeff"
_LONGEST_TOKEN = 16
"""Characters. The end of a block may cut a word, a number or an escape of this length."""
_CUT = "the file ends in the middle of a value"

Elements: TypeAlias = Iterator[Run | RejectedRow]
"""Records and rejected rows, in the file's order."""
_ReadRun: TypeAlias = Callable[[str, int, Sequence[int], set[str]], tuple[Run, int]]


def read_elements(
    file: SourceBytes,
    is_record: Callable[[dict[str, Any]], bool],
    timeless: Timeless | None = None,
) -> Elements:
    """Every record and every rejected row of a file, in its order.

    Rejected are a list's elements that are no objects, lines that are no object's JSON, and objects
    with text that cannot be loaded. Any other broken JSON is an error.

    Args:
        file: Open for reading bytes, at its start.
        is_record: Whether a single object in the file is a record.
        timeless: Finds records without an instant, which are rejected; None where they may be.

    Raises:
        EncodingError: The file is not UTF-8.
        MalformedFileError: The file is not such JSON, or is cut short.
    """
    text = _Text(file, timeless)
    lines_before = text.skip_space()
    match text.next_character():
        case "":
            raise MalformedFileError("the file is empty", hint=SOUND_FILE_HINT)
        case "[":
            yield from _list(text)
        case "{" if not _is_one_a_line(text, is_record):
            yield from _envelope(text)
        case "{":
            if lines_before:
                raise text.make_error("an empty line precedes a row")
            yield from _lines(text)
        case _:
            raise text.make_error(
                "the file is neither a list nor objects: an error page, or no JSON at all"
            )
    text.skip_space()
    if text.next_character():
        raise text.make_error("something follows the end of the JSON text")


class _Text:
    """A moving section of the file's text: `text`, read as far as `at`."""

    def __init__(self, file: SourceBytes, timeless: Timeless | None) -> None:
        self._file = file
        self._timeless = timeless
        self._undecoded = b""
        self._read = 0
        self.text = ""
        self.at = 0
        self.whole = False
        self._offset = 0
        self._line = 1
        self._doubts: list[int] = []
        self._may_have_marks = False
        self._one_by_one = 0
        self._nesting: set[str] = set()
        if self.next_character() == _MARK:
            self.at = 1

    def fill(self) -> None:
        """Drop the text before `at`, and read on: at least as much as is still unread."""
        unread = self.text[self.at :]
        self._line += self.text.count("\n", 0, self.at)
        self._offset = self._read - len(self._undecoded) - _size(unread)
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
        self._may_have_marks |= MARKS_BEGIN in data
        self._one_by_one = max(0, self._one_by_one - self.at)
        self.text, self.at = unread + more, 0
        self._doubts = find_doubts(self.text, may_have_marks=self._may_have_marks)

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

    def read_run(self, read: _ReadRun) -> Run | None:
        """Read the records from here on that are plain beyond doubt, as far as the section goes.

        Args:
            read: Reads records of the file's layout.

        Returns:
            The records; None if the next element is to be read for itself.
        """
        if self.at < self._one_by_one:
            return None
        try:
            run, end = read(self.text, self.at, self._doubts, self._nesting)
        except RunUncertainError as uncertain:
            self._one_by_one = uncertain.end
            return None
        if self._timeless and self._timeless.has_any(run.records):
            self._one_by_one = end
            return None
        self.at = end
        return run if run.records else None

    def find_fault(self, raw: str, record: dict[str, Any]) -> str | None:
        """The reason why a record cannot be loaded; None if it can.

        Args:
            raw: The text that the record was read from.
            record: The record.
        """
        reason = find_unloadable(raw, record)
        if reason is None and self._timeless and self._timeless.has_any([record]):
            reason = NO_INSTANT
        return reason

    def read_value(self) -> tuple[Any, str]:
        """Read the value that begins here; return it with its text."""
        while True:
            try:
                value, end = self.decode(self.text, self.at, self.at)
            except BrokenJSONError as error:
                near_end = error.at > len(self.text) - _LONGEST_TOKEN
                if self.whole or not (error.unclosed or near_end):
                    cut = error.unclosed or error.at >= len(self.text.rstrip(SPACE))
                    raise self.make_error(_CUT if cut else "this is not JSON", error.at) from None
            else:
                # A number at the very end of the section may continue after it.
                if end < len(self.text) or self.whole:
                    raw = self.text[self.at : end]
                    self.at = end
                    return value, raw
            self.read_on("a value")

    def decode(self, text: str, at: int, begin: int, *, any_depth: bool = False) -> tuple[Any, int]:
        """As `read_value` of a text; an error tells where `begin` of the section is."""
        try:
            return read_value(text, at, any_depth=any_depth)
        except MalformedFileError as error:
            error.where = self.location(begin)
            raise

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

    def make_rejected(self, begin: int, raw: str, reason: str) -> RejectedRow:
        """The rejected row whose text begins at `begin` of the section."""
        return RejectedRow(*self._position(begin), reason, None, raw.encode())

    def location(self, at: int | None = None) -> str:
        """Where an offset of the section is in the file; `at` unless given."""
        line, offset = self._position(self.at if at is None else at)
        return f"line {line}, byte offset {offset}"

    def make_error(self, cause: str, at: int | None = None) -> MalformedFileError:
        """An error about an offset of the section; `at` unless given."""
        return MalformedFileError(cause, where=self.location(at), hint=SOUND_FILE_HINT)

    def make_missing(self, what: str) -> MalformedFileError:
        """An error about something that should be here."""
        return self.make_error(f"{what} is missing" if self.next_character() else _CUT)

    def _position(self, at: int) -> tuple[int, int]:
        """The line in the file, from 1, and the byte offset of an offset of the section."""
        behind = self.text[:at]
        return self._line + behind.count("\n"), self._offset + _size(behind)


def _size(text: str) -> int:
    """The number of its bytes."""
    return len(text) if text.isascii() else len(text.encode())


def _is_one_a_line(text: _Text, is_record: Callable[[dict[str, Any]], bool]) -> bool:
    """Whether a file that begins with the object here has one on each line; does not move `at`.

    In that layout no object continues on the next line.
    """
    while "\n" not in text.text[text.at :] and not text.whole:
        if len(text.text) - text.at > LONGEST_RECORD:
            return False
        text.fill()
    line, _, rest = text.text[text.at :].partition("\n")
    line = line.rstrip(SPACE)
    try:
        # If the records are in a list in this object, only their own depth counts.
        value, end = text.decode(line, 0, text.at, any_depth=True)
    except BrokenJSONError as error:
        return error.at < len(line)
    alone = end == len(line) and not rest.strip(SPACE)
    while alone and not text.whole:
        # The text after the first line is read block by block, and kept.
        text.read_on("the white space after an object")
        alone = not text.text[text.at :].partition("\n")[2].strip(SPACE)
    return not alone or is_record(value)


def _items(text: _Text, end: str) -> Iterator[None]:
    """Go to each item of the list or object that begins here, and after them behind its end."""
    text.at += 1
    if text.skip(end):
        return
    while True:
        text.skip_space()
        yield
        if text.skip(end):
            return
        if not text.skip(","):
            raise text.make_missing(f"a comma or a closing {end}")


def _list(text: _Text) -> Elements:
    """The elements of the list that begins here."""
    number = 0
    for _ in _items(text, "]"):
        run = text.read_run(read_list_run)
        if run:
            number += len(run.records)
            yield run
            continue
        number += 1
        value, raw = text.read_value()
        is_record = type(value) is dict
        reason = text.find_fault(raw, value) if is_record else f"element {number} is not an object"
        if reason:
            yield text.make_rejected(text.at - len(raw), raw, reason)
        else:
            yield Run([value], [len(raw)])


def _envelope(text: _Text) -> Elements:
    """The elements of the one list in the object that begins here."""
    begin = text.location()
    keys: set[str] = set()
    listed = False
    for _ in _items(text, "}"):
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
    own_id = any(key.lower() == "id" for key in keys)
    if listed and not own_id:
        return
    raise MalformedFileError(
        "the file is one object with an id, so its list is not that of the records"
        if listed
        else "the file is one object without a list of records: an error, or a single record",
        where=begin,
        hint=SOUND_FILE_HINT,
    )


def _key(text: _Text) -> str:
    """Read a key and its colon."""
    if text.next_character() != '"':
        raise text.make_missing("a key")
    key = str(text.read_value()[0])
    if not text.skip(":"):
        raise text.make_missing("a colon")
    text.skip_space()
    return key


def _refuse_error(text: _Text, key: str) -> None:
    if key.lower() in ("error", "errors"):
        raise text.make_error("the file reports an error instead of records")


def _lines(text: _Text) -> Elements:
    """The objects of a file with one on each line."""
    blank = False
    while text.next_character():
        run = None if blank else text.read_run(read_line_run)
        if run:
            yield run
            continue
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
            yield Run([value], [len(raw)])


def _line_value(text: _Text, raw: str, begin: int) -> tuple[Any, str | None]:
    """The object of a line, None if it has none, and the reason if the line is rejected."""
    try:
        value, end = text.decode(raw, len(raw) - len(raw.lstrip(SPACE)), begin)
    except BrokenJSONError:
        return None, "not JSON"
    if raw[end:].strip(SPACE):
        return None, "more than one JSON value"
    if type(value) is not dict:
        return None, "not an object"
    return value, text.find_fault(raw, value)
