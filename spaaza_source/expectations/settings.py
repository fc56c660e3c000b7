"""The setting `expectations`: by table, what its rows must hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches
from numbers import Real
from typing import Any, Literal

from spaaza_source.errors import SettingsError, wrong_kind
from spaaza_source.settings import CENTURY, by_table, require_choice, require_name, require_number
from spaaza_source.tabular import make_speller

SETTING = "expectations"
#: More rows than any table has.
MOST_ROWS = 10**12
#: Stands for the columns that the table's windows are taken by, whatever these are.
OWN_TIMES = ""

_spell = make_speller()
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGE = re.compile(rf"(\d+(?:\.\d+)?)\s*({'|'.join(_SECONDS)})")


@dataclass(frozen=True)
class Expectations:
    """What the rows of one load of one table must hold.

    The rows are those of the load's files, within their windows, before steps of the user's own.
    Columns are named as dlt names them, or as the header does.

    Attributes:
        min_rows: How many rows there must be at least.
        max_rows: And at most.
        required_columns: Columns that each file must have.
        not_null: Columns in which no cell may be empty.
        unique_columns: Columns in which no filled cell may come twice; a list among them stands for
            columns of which no row may have the same cells as another.
        allowed_values: By column the values that a filled cell may have.
        freshest: How much older the newest row may be than the export: `36h`, seconds, or a
            `timedelta`, by the table's own time; or these by column.
        action: What happens where one does not hold: `stop`, and nothing of the table is loaded, or
            `warn`.

    Raises:
        SettingsError: One of them is wrong.
    """

    min_rows: int | None = None
    max_rows: int | None = None
    required_columns: Any = ()
    not_null: Any = ()
    unique_columns: Any = ()
    allowed_values: Any = field(default_factory=dict)
    freshest: Any = None
    action: Literal["stop", "warn"] = "stop"

    def __post_init__(self) -> None:
        self._settle("min_rows", _read_count)
        self._settle("max_rows", _read_count)
        if None not in (self.min_rows, self.max_rows) and self.min_rows > self.max_rows:  # type: ignore[operator]
            raise SettingsError("min_rows is more than max_rows", where=SETTING)
        self._settle("required_columns", _read_columns)
        self._settle("not_null", _read_columns)
        self._settle("unique_columns", _read_unique)
        self._settle("allowed_values", _read_allowed)
        self._settle("freshest", _read_freshest)
        require_choice(f"action in {SETTING}", self.action, "stop", "warn")

    def _settle(self, rule: str, read: Callable[[str, Any], Any]) -> None:
        object.__setattr__(self, rule, read(f"{rule} in {SETTING}", getattr(self, rule)))

    @property
    def cell_columns(self) -> dict[str, set[str]]:
        """By rule, the columns whose cells are looked at, as the user wrote them."""
        return {
            "not_null": set(self.not_null),
            "unique_columns": {name for key in self.unique_columns for name in key},
            "allowed_values": set(self.allowed_values),
            "freshest": set(self.freshest) - {OWN_TIMES},
        }

    def check_table(
        self, table: str, times: Collection[str], action_of: Callable[[str], str | None]
    ) -> None:
        """Check what can be known of a table before anything is requested.

        Args:
            table: Its name.
            times: The columns with the table's own times.
            action_of: What a privacy policy does with a column, as dlt's snake case names it.

        Raises:
            SettingsError: The table has no time of its own, or the policy hides what is looked at.
        """
        if OWN_TIMES in self.freshest and not times:
            raise SettingsError(
                "the table has no time of its own",
                where=f"freshest in {SETTING} of {table}",
                hint='Name a column: freshest = {"COLUMN": "36h"}.',
            )
        for rule, names in self.cell_columns.items():
            hidden = ("drop", "hash") if rule in ("allowed_values", "freshest") else ("drop",)
            for name in sorted(names):
                if action_of(_spell(name)) in hidden:
                    raise SettingsError(
                        f"privacy hides the cells of {name!r}",
                        where=f"{rule} in {SETTING} of {table}",
                        hint="Leave the column out.",
                    )


def read_expectations(given: Any, tables: Collection[str]) -> dict[str, Expectations]:
    """The setting `expectations` of a source, by table.

    Args:
        given: By table a dict, or `Expectations`; may be JSON text. None for none.
        tables: All that may be named.

    Raises:
        SettingsError: It is none of these; or a table, a rule or its value is wrong.
    """
    found: dict[str, Expectations] = {}
    for name, rules in by_table(SETTING, given):
        table = name.strip().lower().replace("-", "_")
        if table not in tables:
            near = get_close_matches(table, tables, 1)
            raise SettingsError(
                f"there is no table {name[:40]!r}",
                where=SETTING,
                hint=f"Did you mean {near[0]}?" if near else f"The tables are {', '.join(tables)}.",
            )
        if table in found:
            raise SettingsError(f"the table {table!r} is named twice", where=SETTING)
        found[table] = _of_table(table, rules)
    return found


def _of_table(table: str, rules: Any) -> Expectations:
    where = f"{SETTING} of {table}"
    if isinstance(rules, Expectations):
        return rules
    if not isinstance(rules, Mapping):
        raise wrong_kind(where, rules, "a dict of rules")
    known = [each.name for each in fields(Expectations)]
    for name in rules:
        if name not in known:
            near = get_close_matches(str(name).lower(), known, 1)
            raise SettingsError(
                f"there is no rule {str(name)[:40]!r}",
                where=where,
                hint=f"Did you mean {near[0]}?" if near else f"The rules are {', '.join(known)}.",
            )
    try:
        return Expectations(**rules)
    except SettingsError as wrong:
        wrong.where = f"{wrong.where} of {table}"
        raise


def _read_count(where: str, given: Any) -> int | None:
    if given is None:
        return None
    return int(require_number(where, given, least=0, most=MOST_ROWS, whole=True))


def _read_columns(where: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, list | tuple):
        raise wrong_kind(where, given, "a list of columns")
    return tuple(dict.fromkeys(require_name(where, name) for name in given))


def _read_unique(where: str, given: Any) -> tuple[tuple[str, ...], ...]:
    if not isinstance(given, list | tuple):
        raise wrong_kind(where, given, "a list of columns")
    keys = [_read_columns(where, [each] if isinstance(each, str) else each) for each in given]
    if () in keys:
        raise SettingsError("a list of columns is empty", where=where)
    return tuple(dict.fromkeys(keys))


def _read_allowed(where: str, given: Any) -> dict[str, tuple[Any, ...]]:
    if not isinstance(given, Mapping):
        raise wrong_kind(where, given, "a dict of lists by column")
    allowed = {}
    for name, values in given.items():
        column = require_name(where, name)
        if not isinstance(values, list | tuple) or not values:
            raise SettingsError(f"what {column[:40]!r} may have is no list of values", where=where)
        if not all(isinstance(each, str | int | float | Decimal) for each in values):
            raise SettingsError(
                f"what {column[:40]!r} may have is not all text, number, true or false", where=where
            )
        allowed[column] = tuple(values)
    return allowed


def _read_freshest(where: str, given: Any) -> dict[str, timedelta]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {
            name if name == OWN_TIMES else require_name(where, name): _read_age(where, age)
            for name, age in given.items()
        }
    return {OWN_TIMES: _read_age(where, given)}


def _read_age(where: str, given: Any) -> timedelta:
    """A length of time: a text with a unit, seconds, or a `timedelta`."""
    written = _AGE.fullmatch(given.strip()) if isinstance(given, str) else None
    if written:
        given = float(written[1]) * _SECONDS[written[2]]
    if isinstance(given, timedelta):
        given = given.total_seconds()
    if not isinstance(given, Real):
        raise SettingsError(
            f"{str(given)[:40]!r} is no length of time",
            where=where,
            hint=f'Write a number with its unit ({", ".join(_SECONDS)}), such as "36h".',
        )
    return timedelta(seconds=require_number(where, given, least=0, most=CENTURY))
