"""The types that a vendor's documents and a user's settings give the columns of a table."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

from spaaza_source.errors import SettingsError
from spaaza_source.tabular.column_types import ColumnType
from spaaza_source.tabular.header import make_speller

SETTING = "column_types"
INFERRED, ALL_TEXT = "inferred", "text"
#: What a vendor's customers store on its objects: no document says what is in it.
METADATA = "metadata"

_spell = make_speller()


@dataclass(frozen=True)
class DocumentedTypes:
    """The types that a vendor documents for the columns of one table.

    Attributes:
        by_name: By the name that dlt's snake case gives the documented one.
        by_ending: By the end of a name, such as `_id`, which `id` has too, for the names that are
            not in `by_name`.
    """

    by_name: Mapping[str, ColumnType] = field(default_factory=dict)
    by_ending: Mapping[str, ColumnType] = field(default_factory=dict)

    def find(self, *path: str) -> ColumnType | None:
        """The documented type of a column; None where no document gives one.

        A nested one has that of the name it has in a flat file, or of its own name: that of
        `user__address__postal_code` is found as `user_address_postal_code`, `address_postal_code`
        or `postal_code`. Metadata has no documented type, unless its whole name has one.

        Args:
            path: The names of the lists that it is nested in, then the name of the column.
        """
        parts = [_spelled(part) for name in path for part in name.split("__") if part]
        for start in range(len(parts)):
            if METADATA in parts[:start]:
                return None
            found = self.by_name.get("_".join(parts[start:]))
            if found is not None:
                return found
        whole = "_".join(["", *parts])
        if METADATA in whole.split("_"):
            return None
        return next((kind for end, kind in self.by_ending.items() if whole.endswith(end)), None)


@dataclass(frozen=True)
class TableTypes:
    """What gives the columns of a table their types, beside hints and the table itself.

    Attributes:
        setting: `inferred`, or `text` for every column.
        by_column: The types that the user has set, by column.
        documented: The types that the vendor documents; for `inferred` only.
    """

    setting: Literal["inferred", "text"] = "inferred"
    by_column: Mapping[str, ColumnType] = field(default_factory=dict)
    documented: DocumentedTypes = field(default_factory=DocumentedTypes)

    def find_documented(self, *path: str) -> ColumnType | None:
        """The documented type of a column, given with the lists that it is nested in."""
        return self.documented.find(*path) if self.setting == INFERRED else None


def read_table_types(
    given: Any,
    tables: Iterable[str],
    documented: Mapping[str, DocumentedTypes],
    *,
    others: Collection[str] = (),
) -> dict[str, TableTypes]:
    """The setting `column_types` of a source, by table.

    Args:
        given: `inferred`, `text`, or by table one of these or a type by column; may be JSON text.
        tables: The source's tables.
        documented: What the vendor documents, by table.
        others: Tables of another source that has the same settings.

    Raises:
        SettingsError: It is none of these; or there is no such table, or type.
    """
    chosen = _by_table(given, [*tables, *others])
    types = {}
    for table in tables:
        setting, by_column = _of_table(table, chosen.get(table, INFERRED))
        types[table] = TableTypes(setting, by_column, documented.get(table, DocumentedTypes()))
    return types


def read_column_types(given: Any) -> TableTypes:
    """The same setting for one file: `inferred`, `text`, or a type by column.

    Raises:
        SettingsError: It is none of these.
    """
    return TableTypes(*_of_table("", given))


def _spelled(name: str) -> str:
    try:
        return _spell(name)
    except ValueError:  # dlt refuses a blank name
        return name


def _by_table(given: Any, tables: Collection[str]) -> dict[str, Any]:
    if isinstance(given, str) and given not in (INFERRED, ALL_TEXT):
        given = _read_json(given)
    if given is None or given == {}:
        given = INFERRED
    if isinstance(given, str) and given in (INFERRED, ALL_TEXT):
        return dict.fromkeys(tables, given)
    if not isinstance(given, Mapping):
        raise _wrong(
            f"{str(given)[:40]!r} is not among inferred, text",
            "Choose one of these, or give a dict whose keys are tables.",
        )
    chosen: dict[str, Any] = {}
    for name, choice in given.items():
        table = str(name).strip().lower().replace("-", "_")
        if table not in tables:
            near = get_close_matches(table, tables, 1)
            raise _wrong(
                f"there is no table {str(name)[:40]!r}",
                f"Did you mean {near[0]}?" if near else f"The tables are {', '.join(tables)}.",
            )
        if table in chosen:
            raise _wrong(f"the table {table!r} is named twice")
        chosen[table] = choice
    return chosen


def _of_table(table: str, choice: Any) -> tuple[Any, dict[str, ColumnType]]:
    """The setting and the types by column that a user has chosen for one table."""
    where = f"{SETTING} of {table}" if table else SETTING
    if isinstance(choice, str) and choice in (INFERRED, ALL_TEXT):
        return choice, {}
    if not isinstance(choice, Mapping):
        raise _wrong(
            f"{str(choice)[:40]!r} is not among inferred, text",
            "Choose one of these, or give a dict whose keys are columns.",
            where=where,
        )
    types: dict[str, ColumnType] = {}
    for name, text in choice.items():
        if not isinstance(name, str) or not name.strip():
            raise _wrong("a column has no name", where=where)
        if _spelled(name) in map(_spelled, types):
            raise _wrong(f"the column {name[:40]!r} is named twice", where=where)
        try:
            types[name] = ColumnType.parse(text)
        except SettingsError as fault:
            raise _wrong(f"{name[:40]!r}: {fault.cause}", fault.hint, where=where) from None
    return INFERRED, types


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _wrong(cause: str, hint: str | None = None, *, where: str = SETTING) -> SettingsError:
    return SettingsError(cause, where=where, hint=hint)
