"""Turns: how long a load waits for another one's end, and the error when that is too long."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import dlt

from spaaza_source.errors import UnavailableError
from spaaza_source.settings import CENTURY, OF_ALL_RUNS, TURN_TIMEOUT, require_number

#: Key in dlt's configuration (`SPAAZA_SOURCE__TURN_TIMEOUT`): seconds to wait for a turn.
SETTING = f"{OF_ALL_RUNS}.{TURN_TIMEOUT}"
#: Unless it is set: as long as one export may take, so that of a load every hour one waits at most.
LONGEST = 3600.0


def turn_timeout() -> float:
    """Seconds that a load waits for its turn.

    Raises:
        SettingsError: The setting is no such number.
    """
    value: Any = dlt.config.get(SETTING)
    if isinstance(value, str):
        # From the environment it is text.
        with suppress(ValueError):
            value = json.loads(value)
    return LONGEST if value is None else require_number(SETTING, value, least=0, most=CENTURY)


def no_turn(other: str, where: str, seconds: float) -> UnavailableError:
    """The error of a load that has waited so long for another one, and gives up."""
    return UnavailableError(
        f"{other} is still in progress after {seconds:.0f} seconds",
        where=where,
        hint="Run again when it has ended, or end its process if it hangs. The seconds to wait are"
        " set by SPAAZA_SOURCE__TURN_TIMEOUT.",
    )
