"""The user's word about a model's columns: which loaded column one is made of, in dlt's config.

`[model.spaaza.vouchers]` with `amount = "worth"`, `amount = { column = "worth", divisor = 100 }` or
`currency = { value = "EUR" }`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dlt

from spaaza_source.errors import SettingsError, not_among
from spaaza_source.model.origins import DIVISORS, Recipe

SECTION = "model"
_KEYS = ("column", "divisor", "value")


@dataclass(frozen=True)
class Choice:
    """What a role is made of.

    Attributes:
        column: A loaded column; None for the value.
        divisor: Of its numbers; None for the one that the vendor's column has.
        value: The same for each row.
    """

    column: str | None = None
    divisor: int | None = None
    value: str | None = None


def read_choices(vendor: str, recipes: Mapping[str, Recipe]) -> dict[str, dict[str, Choice]]:
    """What is set for a vendor, by view and role.

    Raises:
        SettingsError: Something else is set there.
    """
    where = f"{SECTION}.{vendor}"
    told: Any = dlt.config.get(where)
    given = _table(where, told or {})
    made = {view: recipe for view, recipe in recipes.items() if recipe.origins}
    choices: dict[str, dict[str, Choice]] = {}
    for view, columns in given.items():
        if view not in made:
            raise not_among(where, view, made)
        names = sorted({role.name for origin in made[view].origins for role in origin.roles})
        if "currency" not in names and made[view].sql is None:
            names.append("currency")
        for name, told in _table(f"{where}.{view}", columns).items():
            if name not in names:
                raise not_among(f"{where}.{view}", name, names)
            choices.setdefault(view, {})[name] = _choice(f"{where}.{view}.{name}", told)
    return choices


def _table(where: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise SettingsError("it is no section of names and values", where=where)
    return given


def _choice(where: str, told: Any) -> Choice:
    if isinstance(told, str) and told:
        return Choice(told)
    given = _table(where, told)
    if unknown := sorted(given.keys() - set(_KEYS)):
        raise not_among(where, unknown[0], _KEYS)
    if ("column" in given) == ("value" in given):
        raise SettingsError("it has either a column or a value", where=where)
    divisor = given.get("divisor")
    if divisor is not None and divisor not in DIVISORS:
        raise not_among(f"{where}.divisor", divisor, DIVISORS)
    column, value = given.get("column"), given.get("value")
    return Choice(
        None if column is None else str(column), divisor, None if value is None else str(value)
    )
