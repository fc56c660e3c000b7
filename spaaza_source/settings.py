"""Checks users' settings, for every vendor's source; each error names the setting."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from spaaza_source.errors import SettingsError

_EMPTY = "is empty"


def require_number(setting: str, value: Any, *, least: float, most: float = math.inf) -> float:
    """The value as a finite number from `least` to `most`."""
    try:
        given = float(value)
    except (TypeError, ValueError):
        given = float("nan")
    if not least <= given <= most or math.isinf(given):
        bounds = f"from {least:g} up" if math.isinf(most) else f"from {least:g} to {most:g}"
        raise SettingsError(f"{value!r} is not a number {bounds}", where=setting)
    return given


def require_choice(setting: str, value: Any, *choices: str) -> Any:
    """The value, which must be one of `choices`."""
    if value not in choices:
        raise not_among(setting, value, *choices)
    return value


def not_among(setting: str, value: object, *choices: object) -> SettingsError:
    """The error for a value that is none of the choices: it repeats the value and names them."""
    near = get_close_matches(str(value).lower(), [str(choice) for choice in choices], 1)
    return SettingsError(
        f"{str(value)[:40]!r} is not among {', '.join(map(str, choices))}",
        where=setting,
        hint=f"Did you mean {near[0]!r}?" if near else "Choose one of these.",
    )


def by_table(setting: str, value: Any) -> list[tuple[str, Any]]:
    """The entries of a dict by table; from the environment it comes as JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = False
    if not isinstance(value, Mapping) and value is not None:
        raise SettingsError("it is not a dict whose keys are tables", where=setting)
    return list((value or {}).items())


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
    text = str(value or "")
    if not text.strip():
        return _EMPTY
    if not (text.isascii() and text.isprintable()) or text != text.strip():
        return "has a space around it, or a character no header can hold"
    return ""
