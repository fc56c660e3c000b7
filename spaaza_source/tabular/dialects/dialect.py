"""The dialect of a user's file: how it differs from RFC 4180, as declared; it is never sniffed."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from spaaza_source.errors import SettingsError, not_among, wrong_kind

#: In messages; and a byte that is in no UTF-8 text, for a file without quotes.
SETTING, NO_QUOTE = "dialect", "\xff"
#: Words for characters that are hard to type.
_WORDS = {"tab": "\t", "\\t": "\t", "none": NO_QUOTE}
_DIRECTIVES = {
    "%Y": r"(?P<Y>[0-9]{4})",
    "%m": r"(?P<m>[0-9]{SHORT2})",
    "%d": r"(?P<d>[0-9]{SHORT2})",
    "%H": r"(?P<H>[0-9]{SHORT2})",
    "%M": r"(?P<M>[0-9]{2})",
    "%S": r"(?P<S>[0-9]{2})",
    "%f": r"(?P<f>[0-9]{1,6})",
    "%z": r"(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})",
}
"""Of `datetime.strptime`, those that mean the same everywhere; and what they match."""
_DATE, _TIME = ("%Y", "%m", "%d"), ("%H", "%M")
_MOST_LINES = 1_000

#: What a user gives: a dict, JSON, or `NAME=VALUE`; or several of these.
Declared: TypeAlias = Mapping[str, Any] | str | Sequence[str] | None


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Attributes:
        delimiter: Between cells: one ASCII character.
        quote: Around a cell, and doubled within: one ASCII character; `NO_QUOTE` where none is.
        encoding: Python's name of it.
        decimal: `.` or `,`, in numbers. Where it is a comma, a number with a point is none.
        date_format: Forms of dates and times beside ISO 8601, with directives of `strptime`.
        skip_leading: Lines before the header.
        skip_trailing: Lines after the last row.
    """

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    decimal: str = "."
    date_format: tuple[str, ...] = ()
    skip_leading: int = 0
    skip_trailing: int = 0

    @classmethod
    def of(cls, declared: Declared) -> Dialect:
        """The dialect that a user declares.

        Args:
            declared: Values by name, as a dict, as JSON, or as a text such as
                `delimiter=; decimal=,`; or several such texts. `tab` stands for a tab, and `none`
                for no quote.

        Raises:
            SettingsError: A name is unknown, or its value is not possible.
        """
        values = _read_values(declared)
        names = [field.name for field in fields(cls)]
        for name in values:
            if name not in names:
                raise not_among(SETTING, name, names)
        read: dict[str, Any] = {name: _READERS[name](name, each) for name, each in values.items()}
        dialect = cls(**read)
        if dialect.delimiter == dialect.quote:
            raise _wrong("quote", "is the delimiter too")
        return dialect

    @property
    def has_forms(self) -> bool:
        """Whether its values have forms of their own."""
        return self.decimal != "." or bool(self.date_format)


#: What every vendor's files are.
RFC_4180 = Dialect()


def advise(dialect: Dialect | None, declaration: str, otherwise: str) -> str:
    """The hint for a file of another dialect.

    Args:
        dialect: As declared; None where none can be, as for a file that a vendor has sent.
        declaration: What would explain the file, as `name=value`.
        otherwise: The hint where none can be declared.
    """
    return otherwise if dialect is None else ask_to_declare(declaration)


def ask_to_declare(declaration: str) -> str:
    """The hint to declare something, as `name=value`, on the command line or in Python."""
    name, _, value = declaration.partition("=")
    python = value if name.startswith("skip") else f'"{value}"'
    shell = f'"{declaration}"' if "'" in declaration else f"'{declaration}'"
    return f'Declare it: --dialect {shell}, or dialect={{"{name}": {python}}}.'


def form_of(date_format: str) -> str:
    """A regular expression for the texts of a date format, with a group for each directive."""
    parts = [part for part in re.split(r"(%.)", date_format) if part]
    beside = zip(["", *parts], parts, [*parts[1:], ""], strict=False)
    form = ""
    for before, part, after in beside:
        # Where nothing stands between two numbers, their digits tell them apart.
        touches = before in _DIRECTIVES or after in _DIRECTIVES
        directive = _DIRECTIVES.get(part, re.escape(part))
        form += directive.replace("SHORT", "" if touches else "1,")
    return form


def is_of_digits(date_format: str) -> bool:
    """Whether the texts of a date format have digits alone, and so may be numbers."""
    return not re.sub("%[^z]", "", date_format)


def _read_values(declared: Declared) -> dict[str, Any]:
    if declared is None:
        return {}
    if isinstance(declared, Mapping):
        return dict(declared)
    if not isinstance(declared, str | list | tuple):
        raise wrong_kind(SETTING, declared, "a dict or NAME=VALUE")
    values: dict[str, Any] = {}
    for text in [declared] if isinstance(declared, str) else declared:
        if not isinstance(text, str):
            raise _wrong(str(text)[:40], "is not NAME=VALUE")
        more = _read_text(text)
        # Several forms of dates come one by one.
        both = [values.get("date_format"), more.get("date_format")]
        if all(both):
            more["date_format"] = [form for each in both for form in _listed(each)]
        values |= more
    return values


def _read_text(text: str) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        try:
            read = json.loads(text)
        except ValueError:
            raise _wrong(text[:40], "is not JSON") from None
        return dict(read)
    name = r"(?P<name>[a-z_]+)="
    found = list(re.finditer(rf"{name}(?P<value>.+?)(?=(?:,\s*|\s+)[a-z_]+=|$)", text, re.DOTALL))
    if not found or found[0].start():
        raise _wrong(text[:40], "is not NAME=VALUE")
    return {each["name"]: each["value"] for each in found}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _read_sign(name: str, value: Any) -> str:
    sign = _WORDS.get(value, value) if isinstance(value, str) else value
    if name == "quote" and sign == NO_QUOTE:
        return NO_QUOTE
    is_one = isinstance(sign, str) and len(sign) == 1 and sign.isascii()
    if not is_one or sign.isalnum() or (sign.isspace() and sign != "\t") or sign in "\0.-+":
        raise _wrong(name, f"{str(value)[:40]!r} is not one sign, such as ; or tab")
    return str(sign)


def _read_encoding(name: str, value: Any) -> str:
    try:
        "".encode(value)
        return codecs.lookup(value).name
    except (LookupError, TypeError, ValueError):
        raise _wrong(name, f"{str(value)[:40]!r} is no encoding, such as cp1252") from None


def _read_decimal(name: str, value: Any) -> str:
    if value not in (".", ","):
        raise _wrong(name, f"{str(value)[:40]!r} is neither a point nor a comma")
    return str(value)


def _read_date_format(name: str, value: Any) -> tuple[str, ...]:
    forms = _listed(value)
    for form in forms:
        directives = re.findall("%.?", form) if isinstance(form, str) else []
        unknown = [each for each in directives if each not in _DIRECTIVES]
        if unknown:
            known = " ".join(_DIRECTIVES)
            raise _wrong(name, f"{unknown[0]} is not among {known}")
        has_time = [each for each in directives if each not in _DATE]
        needed = (*_DATE, *_TIME) if has_time else _DATE
        if any(directives.count(each) != 1 for each in {*needed, *directives}):
            raise _wrong(name, f"{str(form)[:40]!r} does not have {' '.join(needed)} once each")
    if len({re.sub(r"\?P<.>", "", form_of(form)) for form in forms}) < len(forms):
        raise _wrong(name, "two forms would fit the same texts")
    return tuple(forms)


def _read_lines(name: str, value: Any) -> int:
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    is_number = isinstance(number, int) and not isinstance(number, bool)
    if not is_number or not 0 <= number <= _MOST_LINES:
        raise _wrong(name, f"{str(value)[:40]!r} is not a number of lines, up to {_MOST_LINES:,}")
    return int(number)


def _wrong(name: str, cause: str) -> SettingsError:
    return SettingsError(
        cause, where=f"{SETTING}, {name}", hint="docs/files.md lists what can be declared."
    )


_READERS = {
    "delimiter": _read_sign,
    "quote": _read_sign,
    "encoding": _read_encoding,
    "decimal": _read_decimal,
    "date_format": _read_date_format,
    "skip_leading": _read_lines,
    "skip_trailing": _read_lines,
}
