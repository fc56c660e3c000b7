"""Reads a request strictly: the JSON object of its body, field by field, and its query."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from spaaza_source.sandbox.calls import Call
from spaaza_source.sandbox.instants import nanoseconds

Value = TypeVar("Value")


class InvalidFieldError(Exception):
    """A field of a request is wrong; each vendor's API answers it in its own form.

    Args:
        where: Its path, such as `trigger.once`, or the name of a parameter or header.
        reason: What is wrong.
    """

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")


@dataclass(frozen=True)
class Fields:
    """A JSON object and its path in the body; every getter raises InvalidFieldError."""

    values: dict[str, Any]
    path: str

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def where(self, name: str) -> str:
        """The path of a field, such as `trigger.segment.rules[0].operator`."""
        return f"{self.path}.{name}" if self.path else name

    def error(self, name: str, reason: str) -> InvalidFieldError:
        """The error for a field that is wrong."""
        return InvalidFieldError(self.where(name), reason)

    def allow(self, *names: str) -> None:
        """Refuse a field with any other name."""
        if unknown := [name for name in self.values if name not in names]:
            raise self.error(unknown[0], "unknown field")

    def text(self, name: str) -> str:
        """A text, not empty."""
        text = self._read(name, "a string that is not empty", str)
        if not text:
            raise self.error(name, "must be a string that is not empty")
        return text

    def integer(self, name: str) -> int:
        """A whole number, not `true` and not `1.0`."""
        return self._read(name, "an integer", int)

    def number(self, name: str) -> float:
        """Any JSON number."""
        return self._read(name, "a number", int, float)

    def boolean(self, name: str) -> bool:
        """Either `true` or `false`."""
        return self._read(name, "true or false", bool)

    def scalar(self, name: str) -> Any:
        """A text, a number or a boolean."""
        return self._read(name, "a string, a number or a boolean", str, int, float, bool)

    def list(self, name: str) -> list[Any]:
        """A JSON array of anything."""
        return self._read(name, "an array", list)

    def fields(self, name: str) -> "Fields":
        """A JSON object inside this one."""
        return Fields(self._read(name, "an object", dict), self.where(name))

    def instant(self, name: str) -> int:
        """Nanoseconds since 1970 of an ISO 8601 UTC time that ends in `Z`."""
        return read_instant(self.where(name), self.text(name))

    def one_of(self, name: str, known: Sequence[str]) -> str:
        """One of the values that the documents list."""
        value = self.text(name)
        if value not in known:
            raise self.error(name, f"must be one of {', '.join(known)}")
        return value

    def _read(self, name: str, wanted: str, *kinds: type[Value]) -> Value:
        if name not in self.values:
            raise self.error(name, "is required")
        value = self.values[name]
        # To Python a boolean is a whole number, to JSON it is not.
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise self.error(name, f"must be {wanted}")
        return value


def read_instant(where: str, text: str) -> int:
    """Nanoseconds since 1970; raises InvalidFieldError for a text that is no such time."""
    try:
        return nanoseconds(text)
    except ValueError as error:
        raise InvalidFieldError(where, str(error)) from None


def read_object(call: Call) -> Fields:
    """The JSON object of a body; raises InvalidFieldError for any other body."""
    content_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise InvalidFieldError("Content-Type", "must be application/json")
    try:
        body = json.loads(call.body, parse_constant=_refuse_constant)
    except ValueError:
        raise InvalidFieldError("body", "is not valid JSON") from None
    if not isinstance(body, dict):
        raise InvalidFieldError("body", "must be a JSON object")
    return Fields(body, "")


def _refuse_constant(name: str) -> None:
    # Python's reader accepts NaN and Infinity, JSON does not.
    raise ValueError(name)


def allow_query(call: Call, *names: str) -> None:
    """Refuse a parameter with any other name."""
    if unknown := [name for name in call.query if name not in names]:
        raise InvalidFieldError(unknown[0], "unknown parameter")


def read_number(call: Call, name: str, default: int) -> int:
    """A parameter that is a whole number from 0; raises InvalidFieldError for anything else."""
    text = call.query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise InvalidFieldError(name, "must be a whole number")
    return int(text)
