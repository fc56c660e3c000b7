"""Notices of a load: what of a table is not as it was, told wherever a user may look, or a stop.

A notice names the table, the column, how many rows, where the first is, and what to do. It never
holds the value of a cell.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from dlt.common import logger

from spaaza_source.chat import tell_chat
from spaaza_source.errors import DriftError, SettingsError, not_among

Kind = Literal[
    "appeared",
    "expectation",
    "forgotten",
    "in_parts",
    "kept",
    "misfit",
    "other_header",
    "outside",
    "rejected",
    "relabelled",
    "removed",
    "renamed",
    "repeated",
    "returned",
    "undeclared",
    "unspelled",
    "vanished",
    "view",
    "widened",
]
#: The kind of what a user expects of the rows: what becomes of that, its own setting says.
EXPECTATION: Kind = "expectation"
#: Table hint: since when each missing column is missing, by its name: ISO 8601, UTC.
MISSING = "x-missing-since"

_SETTING = "on_drift"
_CHOICES = ("tell", "stop")


@dataclass(frozen=True)
class Notice:
    """Something of a table that is not as it was.

    Attributes:
        kind: What it is, for programs.
        table: The table, as the destination has it.
        text: What it is, one sentence without its full stop.
        hint: What to do about it, one sentence.
        column: The column as the table has it; None where rows are meant.
        rows: How many rows it concerns; None where none are counted.
        first: Where the first of them is: its line, export and job.
    """

    kind: Kind
    table: str
    text: str
    hint: str = ""
    column: str | None = None
    rows: int | None = None
    first: str | None = None

    def __str__(self) -> str:
        """All of it in one line."""
        first = f", first in {self.first}" if self.first else ""
        return f"{self.table}: {self.text}{first}." + (f" {self.hint}" if self.hint else "")


@dataclass(frozen=True)
class DriftSettings:
    """Which tables are not loaded where there is something to tell.

    Attributes:
        stops: Their names as the source has them; None for all.
    """

    stops: frozenset[str] | None = frozenset()

    @classmethod
    def of(cls, value: Any, tables: Collection[str]) -> DriftSettings:
        """The setting `on_drift`: `tell`, `stop`, or one of them by table; may be JSON text.

        Raises:
            SettingsError: It is neither, or names a table that the source does not have.
        """
        if isinstance(value, str) and value not in _CHOICES:
            try:
                value = json.loads(value)
            except ValueError:
                raise not_among(_SETTING, value, _CHOICES) from None
        if value is None or isinstance(value, str):
            return cls(None if value == "stop" else frozenset())
        if not isinstance(value, Mapping):
            raise _wrong("it is neither a choice nor a dict whose keys are tables")
        stops = set()
        for name, choice in value.items():
            table = str(name).strip().lower().replace("-", "_")
            if table not in tables:
                near = get_close_matches(table, tables, 1)
                like = f" Did you mean {near[0]}?" if near else ""
                raise SettingsError(
                    f"there is no table {str(name)[:40]!r}",
                    where=_SETTING,
                    hint=f"The tables are {', '.join(tables)}.{like}",
                )
            if choice not in _CHOICES:
                raise not_among(f"{_SETTING} of {table}", choice, _CHOICES)
            if choice == "stop":
                stops.add(table)
        return cls(frozenset(stops))

    def stops_table(self, table: str) -> bool:
        """Whether a table is not loaded where there is something to tell."""
        return self.stops is None or table in self.stops


def tell_notices(notices: Sequence[Notice], *, stop: bool) -> None:
    """Tell the notices of one table in dlt's log, and in a chat if one is set up.

    Args:
        notices: What is not as it was; nothing happens where there is none.
        stop: Whether to stop the load instead.

    Raises:
        DriftError: There is a notice of a difference, and the load is to stop.
    """
    if not notices:
        return
    drifted = [notice for notice in notices if notice.kind != EXPECTATION]
    if stop and drifted:
        texts = "; ".join(
            f"{notice.text}, first in {notice.first}" if notice.first else notice.text
            for notice in drifted
        )
        raise DriftError(
            f"not as it was, and on_drift is stop: {texts}",
            where=notices[0].table,
            hint='To load it as it is, run once with on_drift="tell".',
        )
    for notice in notices:
        logger.warning(str(notice))
    tell_chat("\n".join(map(str, notices)))


def notices_text(notices: Sequence[Notice], told: str | None = None) -> str | None:
    """Notices as JSON for `export_jobs`; None where there is none.

    Args:
        notices: What is new.
        told: What `export_jobs` has of the export already, and stays.
    """
    if not notices:
        return told
    listed = [
        {
            "kind": notice.kind,
            "column": notice.column,
            "rows": notice.rows,
            "first": notice.first,
            "message": str(notice),
        }
        for notice in notices
    ]
    known = [{name: value for name, value in each.items() if value is not None} for each in listed]
    return json.dumps([*json.loads(told or "[]"), *known], ensure_ascii=False)


def _wrong(cause: str) -> SettingsError:
    return SettingsError(cause, where=_SETTING, hint=f"Choose {' or '.join(_CHOICES)}.")
