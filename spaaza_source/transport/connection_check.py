"""Connection check: one small request to a vendor, its failure explained by the settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from spaaza_source.errors import (
    RequestRefusedError,
    SettingsError,
    UnexpectedAnswerError,
    UnreachableError,
)

_T = TypeVar("_T")


def check_connection(address: str, ask: Callable[[], _T]) -> tuple[_T, list[str]]:
    """The result of `ask`, and the lines that say what works.

    Args:
        address: The vendor's address, for messages.
        ask: Asks the vendor for something small; creates nothing.

    Raises:
        SettingsError: Nothing, or something else, answers at that address.
        CredentialsError: The credentials are refused.
        UnavailableError: The host is there but fails.
    """
    began = time.monotonic()
    try:
        answer = ask()
    except (UnreachableError, UnexpectedAnswerError, RequestRefusedError) as error:
        raise SettingsError(error.cause, where=f"base_url {address}", hint=error.hint) from error
    seconds = time.monotonic() - began
    return answer, [f"host:        {address} answers ({seconds:.1f} s)", "credentials: accepted"]
