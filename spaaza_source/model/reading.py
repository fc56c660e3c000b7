"""SQL that reads a loaded column as a settled kind, whatever type it was loaded as.

It is the same for DuckDB and PostgreSQL. What cannot be read so is NULL, and never an error. The
vendors' words for "never", the years before 1900 and from 2050 on, are NULL too.
"""

from __future__ import annotations

from spaaza_source.model.origins import DIVISORS
from spaaza_source.model.settled import TYPES, Kind

_NUMBER = "^[+-]?[0-9]{1,28}([.][0-9]+)?$"
_DAY = (
    "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8]))|([0-9]{2}(0[48]|[2468][048]|[13579][26])"
    "|([02468][048]|[13579][26])00)-02-29)"
)
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
_ZONE = "(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
#: What a number can be that is no decimal; the rest would not fit.
_LARGEST = "1e15"
_FIRST, _LAST = ("TIMESTAMP WITH TIME ZONE '1900-01-01 00:00:00+00'",
                 "TIMESTAMP WITH TIME ZONE '2050-01-01 00:00:00+00'")  # fmt: skip


def read_as(column: str, loaded_type: str, kind: Kind, divisor: int = 1) -> str:
    """SQL of a column as a kind.

    Args:
        column: Its name, quoted.
        loaded_type: Its type, as the database calls it.
        kind: How it is read.
        divisor: Of numbers.
    """
    its = _family(loaded_type)
    match kind:
        case "decimal":
            return _decimal(column, its, divisor)
        case "count":
            return f"CAST({_decimal(column, its, divisor)} AS BIGINT)"
        case "instant":
            return _instant(column, its)
        case "date":
            return f"CAST({_instant(column, its)} AT TIME ZONE 'UTC' AS DATE)"
        case "flag":
            return (
                f"CASE lower({_text(column)}) WHEN 'true' THEN TRUE WHEN 't' THEN TRUE"
                " WHEN '1' THEN TRUE WHEN 'yes' THEN TRUE WHEN 'false' THEN FALSE"
                " WHEN 'f' THEN FALSE WHEN '0' THEN FALSE WHEN 'no' THEN FALSE END"
            )
        case _:
            return f"nullif({_text(column)}, '')"


def nothing(kind: Kind) -> str:
    """SQL of a column that no table has."""
    return f"CAST(NULL AS {TYPES[kind]})"


def _text(column: str) -> str:
    return f"CAST({column} AS TEXT)"


def _family(loaded_type: str) -> str:
    name = loaded_type.lower()
    for family, beginnings in {
        "instant": ("timestamp with time zone", "timestamptz"),
        "wall clock": ("timestamp", "datetime"),
        "date": ("date",),
        "whole": ("bigint", "integer", "smallint", "tinyint", "hugeint", "int", "ubigint"),
        "decimal": ("decimal", "numeric"),
        "float": ("double", "float", "real"),
        "flag": ("bool",),
    }.items():
        if name.startswith(beginnings):
            return family
    return "text"


def _decimal(column: str, its: str, divisor: int) -> str:
    number = f"CAST({column} AS {TYPES['decimal']})"
    match its:
        case "whole" | "decimal":
            pass
        case "float":
            number = f"CASE WHEN {column} BETWEEN -{_LARGEST} AND {_LARGEST} THEN {number} END"
        case "text":
            trimmed = f"trim({_text(column)})"
            number = (
                f"CASE WHEN {trimmed} ~ '{_NUMBER}' THEN CAST({trimmed} AS {TYPES['decimal']}) END"
            )
        case _:
            return nothing("decimal")
    if divisor == 1:
        return number
    share = f"CAST('{DIVISORS[divisor]}' AS DECIMAL(4, 3))"
    return f"CAST({number} * {share} AS {TYPES['decimal']})"


def _instant(column: str, its: str) -> str:
    match its:
        case "instant":
            moment = column
        case "wall clock" | "date":
            moment = f"CAST({column} AS TIMESTAMP) AT TIME ZONE 'UTC'"
        case "text":
            text = f"trim({_text(column)})"
            # Without a zone it is UTC, whatever zone the session has.
            moment = (
                f"CASE WHEN {text} ~ '^{_DAY}([T ]{_TIME})?$'"
                f" THEN CAST({text} AS TIMESTAMP) AT TIME ZONE 'UTC'"
                f" WHEN {text} ~ '^{_DAY}[T ]{_TIME} ?{_ZONE}$'"
                f" THEN CAST({text} AS TIMESTAMP WITH TIME ZONE) END"
            )
        case _:
            return nothing("instant")
    return f"CASE WHEN {moment} >= {_FIRST} AND {moment} < {_LAST} THEN {moment} END"
