"""One JSON object of a request, read field by field; which fields there are, the caller says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spaaza_source.sandbox.spaaza.refusals import invalid


@dataclass(frozen=True)
class Fields:
    """A JSON object and its path in the body; every getter raises Refused naming the field."""

    values: dict[str, Any]
    path: str

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def where(self, name: str) -> str:
        """The path of a field, such as `trigger.segment.rules[0].operator`."""
        return f"{self.path}.{name}" if self.path else name

    def allow(self, *names: str) -> None:
        """Refuses a field with any other name."""
        if unknown := [name for name in self.values if name not in names]:
            raise invalid(self.where(unknown[0]), "unknown field")

    def text(self, name: str) -> str:
        """A text that is not empty."""
        value = self._required(name)
        if not isinstance(value, str) or not value:
            raise invalid(self.where(name), "must be a string that is not empty")
        return value

    def integer(self, name: str) -> int:
        """A whole number; `true` and `1.0` are none."""
        value = self._required(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise invalid(self.where(name), "must be an integer")
        return value

    def number(self, name: str) -> float:
        """Any JSON number."""
        value = self._required(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise invalid(self.where(name), "must be a number")
        return value

    def boolean(self, name: str) -> bool:
        """Either `true` or `false`."""
        value = self._required(name)
        if not isinstance(value, bool):
            raise invalid(self.where(name), "must be true or false")
        return value

    def scalar(self, name: str) -> str | float | bool:
        """A text, a number or a boolean."""
        value = self._required(name)
        if not isinstance(value, str | int | float | bool):
            raise invalid(self.where(name), "must be a string, a number or a boolean")
        return value

    def list(self, name: str) -> list[Any]:
        """A JSON array of anything."""
        value = self._required(name)
        if not isinstance(value, list):
            raise invalid(self.where(name), "must be an array")
        return value

    def fields(self, name: str) -> "Fields":
        """A JSON object inside this one."""
        value = self._required(name)
        if not isinstance(value, dict):
            raise invalid(self.where(name), "must be an object")
        return Fields(value, self.where(name))

    def one_of(self, name: str, known: Sequence[str]) -> str:
        """One of the words the documents list."""
        value = self.text(name)
        if value not in known:
            raise invalid(self.where(name), f"must be one of {', '.join(known)}")
        return value

    def _required(self, name: str) -> Any:
        if name not in self.values:
            raise invalid(self.where(name), "is required")
        return self.values[name]
