"""What a look at a dataset finds: by table and rule, whether it is as it should be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

from spaaza_source.errors import SettingsError
from spaaza_source.settings import CENTURY, require_number

#: `unknown`: nothing there tells; no monitor is to call anybody for it.
Level: TypeAlias = Literal["ok", "broken", "unknown"]
Rule: TypeAlias = Literal[
    "freshness", "volume", "nulls", "rejected", "discrepancies", "failed", "retention", "invariant"
]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Finding:
    """What was found of one table by one rule; no value of a row is in it.

    Attributes:
        table: The table.
        rule: The rule.
        level: Whether it is kept.
        measured: What is there, for a person.
        expected: What was expected.
        reason: Why it is unknown; empty otherwise.
        value: What is there, as a number: seconds, rows, a share or a count; None where unknown.
        column: The column, or invariant, that it is about; None for the table.
    """

    table: str
    rule: Rule
    level: Level
    measured: str
    expected: str
    reason: str = ""
    value: float | None = None
    column: str | None = None


@dataclass(frozen=True)
class HealthRules:
    """What a table is held to.

    Attributes:
        max_age: What the vendor has had longer ago than this is to be loaded.
        volume_tolerance: By which share the rows of the last load may differ from the median of
            those before it; fewer than `few_rows` more or less are no difference.
        null_tolerance: By how much the share of NULL in a column may be larger than it was.
        max_rejected_share: The largest share of bad rows in the last load.
        invariant_tolerance: The largest share of members, vouchers or entries for which something
            does not hold that must between exports: they are not all of one moment.
        min_loads: So many earlier loads are needed to tell what is usual.
        few_rows: Of fewer rows no share is told.
    """

    max_age: timedelta = timedelta(hours=26)
    volume_tolerance: float = 0.5
    null_tolerance: float = 0.2
    max_rejected_share: float = 0.01
    invariant_tolerance: float = 0.01
    min_loads: int = 3
    few_rows: int = 20

    def __post_init__(self) -> None:
        for name, most in (
            ("volume_tolerance", 1_000.0),
            ("null_tolerance", 1.0),
            ("max_rejected_share", 1.0),
            ("invariant_tolerance", 1.0),
            ("min_loads", 1_000.0),
            ("few_rows", 1_000_000.0),
        ):
            require_number(name, getattr(self, name), least=0, most=most)


def parse_age(text: str) -> timedelta:
    """The time that a text such as `26h` says.

    Raises:
        SettingsError: It says none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip().lower())
    if found is None or float(found[1]) * _UNITS[found[2]] > CENTURY:
        raise SettingsError(
            f"{text[:40]!r} is no time",
            where="--max-age",
            hint="Write a number and its unit: 90m, 26h, 2d.",
        )
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])
