"""Checks users' settings, for every vendor's source; each error names the setting."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from numbers import Real
from os import PathLike
from typing import Any

from spaaza_source.errors import SettingsError, not_among, wrong_kind

#: The section of dlt's configuration with what holds for all runs, and the settings in it.
OF_ALL_RUNS = "spaaza_source"
TURN_TIMEOUT = "turn_timeout"
OWN_STAGING = "own_staging"

_EMPTY = "is empty"
_HINT = "docs/settings.md has its unit and its default."
#: The longest that a setting may say: beyond, no date could be reckoned with it.
CENTURY_IN_DAYS = 36_500.0
CENTURY = CENTURY_IN_DAYS * 86_400.0
#: PostgreSQL takes 63 signs; a chain's number and `_staging` are added.
LONGEST_DATASET = 42


def require_number(
    setting: str, value: Any, *, least: float, most: float, whole: bool = False
) -> float:
    """The value as a finite number from `least` to `most`.

    Args:
        setting: The setting's name.
        value: What is given; a text or a bool is no number.
        least: The lowest.
        most: The highest: what is beyond is a mistake, or no date could be reckoned with it.
        whole: Whether it must be a whole number.

    Raises:
        SettingsError: It is none.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not least <= value <= most or (whole and value != int(value)):
        raise SettingsError(
            f"{str(value)[:40]!r} is not a {'whole ' if whole else ''}number"
            f" from {least:,.10g} to {most:,.10g}",
            where=setting,
            hint="It is a share: 0.2 is 20 %." if most == 1 else _HINT,
        )
    return float(value)


def require_flag(setting: str, value: Any, *, may_be_none: bool = False) -> bool | None:
    """The value, which must be true or false: any text would count as true.

    Raises:
        SettingsError: It is neither.
    """
    if not isinstance(value, bool) and not (may_be_none and value is None):
        raise SettingsError(
            f"{str(value)[:40]!r} is not true or false", where=setting, hint="Write True or False."
        )
    return value


def require_text(setting: str, value: Any, *, may_be_path: bool = False) -> None:
    """Check that a setting that may be left out is a text, and not empty, where it is given.

    Args:
        setting: The setting's name.
        value: What is given; None where it is left out.
        may_be_path: Whether it may be a path too.

    Raises:
        SettingsError: It is not.
    """
    if value is None:
        return
    if not isinstance(value, (str, PathLike) if may_be_path else str):
        raise wrong_kind(setting, value, "a path" if may_be_path else "a text")
    if not str(value).strip():
        raise SettingsError(_EMPTY, where=setting, hint="Give it a value, or leave it out.")


def require_name(argument: str, value: Any) -> str:
    """The value, which must be a text that is not empty.

    Raises:
        SettingsError: It is not.
    """
    if not isinstance(value, str) or not value.strip():
        raise wrong_kind(argument, value, "a name")
    return value


def require_choice(setting: str, value: Any, *choices: str) -> Any:
    """The value, which must be one of `choices`."""
    if value not in choices:
        raise not_among(setting, value, choices)
    return value


def require_dataset(setting: str, value: str) -> str:
    """The name of a dataset, which every database takes as it is.

    dlt would spell another one anew, so that the tables stood elsewhere than was said.

    Raises:
        SettingsError: It has other signs than letters, digits and underscores, or is too long.
    """
    if not re.fullmatch(rf"[A-Za-z_]\w{{0,{LONGEST_DATASET - 1}}}", value, re.ASCII):
        near = re.sub(r"\W+", "_", value.lower(), flags=re.ASCII).strip("_")[:LONGEST_DATASET]
        near = f"_{near}" if near[:1].isdecimal() else near
        raise SettingsError(
            f"{value[:LONGEST_DATASET]!r} is no name for a dataset",
            where=setting,
            hint=f"Write letters, digits and underscores, at most {LONGEST_DATASET}"
            + (f", such as {near}." if near else "."),
        )
    return value


def by_table(setting: str, value: Any) -> list[tuple[str, Any]]:
    """The entries of a dict by table; from the environment it comes as JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = False
    if not isinstance(value, Mapping) and value is not None:
        raise SettingsError(
            "it is not a dict whose keys are tables",
            where=setting,
            hint="docs/settings.md has an example; in a variable it is JSON.",
        )
    entries = list((value or {}).items())
    for name, _ in entries:
        if not isinstance(name, str):
            raise wrong_kind(setting, name, "the name of a table")
    return entries


def check_header_values(credentials: Mapping[str, Any], hint: str) -> None:
    """Check that credentials are set and can be sent as headers.

    Args:
        credentials: By name.
        hint: Where to get them.

    Raises:
        SettingsError: One is empty, or has characters that no header can hold.
    """
    for name in credentials:
        # No variable holds one where an error is raised: a traceback may show them.
        fault = _fault(credentials[name])
        if fault == _EMPTY:
            raise SettingsError(f"{name} {fault}", where="credentials", hint=hint)
        if fault:
            raise SettingsError(f"{name} {fault}", where="credentials", hint="Copy it again.")


def _fault(value: Any) -> str:
    if value is not None and not isinstance(value, str | int):
        return "is not a text"
    text = str(value or "")
    if not text.strip():
        return _EMPTY
    if not (text.isascii() and text.isprintable()) or text != text.strip():
        return "has a space around it, or a character no header can hold"
    return ""
