"""What a vendor's tables are to the model: which column has which role, and how a view is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spaaza_source.model.settled import Kind, kind_named

#: What an amount can be divided by to be in major units.
DIVISORS = {1: "1", 10: "0.1", 100: "0.01", 1000: "0.001"}


@dataclass(frozen=True)
class Role:
    """What a column of a loaded table is.

    Attributes:
        name: The role's; where a column of the view has the same name, it is made of it.
        names: Those that the column may have, the likeliest first.
        kind: How it is read.
        divisor: What a number of it is divided by: 100 where the vendor counts cents.
    """

    name: str
    names: tuple[str, ...]
    kind: Kind = "text"
    divisor: int = 1


@dataclass(frozen=True)
class Origin:
    """A loaded table that a view may be made of, and the roles of its columns."""

    table: str
    roles: tuple[Role, ...]


@dataclass(frozen=True)
class Recipe:
    """How a view is made.

    Attributes:
        origins: The tables that it may be made of; the first that is there.
        needs: Other views of the model that it reads.
        cells: By column: SQL over the roles, where it is not the role of its name.
        sql: A query that selects all columns, where one row is not made of one. `{loaded}` stands
            for the roles of the table; `{vouchers}` and other names for the views.
    """

    origins: tuple[Origin, ...] = ()
    needs: tuple[str, ...] = ()
    cells: Mapping[str, str] = field(default_factory=dict)
    sql: str | None = None


def roles(text: str) -> tuple[Role, ...]:
    """Roles, a line each: `name:kind/divisor = first_name second_name`."""
    made = []
    for line in text.strip().splitlines():
        left, _, names = line.partition("=")
        name, _, kind_and = left.strip().partition(":")
        kind, _, divisor = kind_and.partition("/")
        made.append(Role(name, tuple(names.split()), kind_named(kind), int(divisor or 1)))
    return tuple(made)
