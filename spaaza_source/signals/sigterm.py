"""SIGTERM ends a command like Ctrl-C: at once, with everything closed and reported."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn


class SigtermError(KeyboardInterrupt):
    """SIGTERM, raised like Ctrl-C."""


def raise_on_sigterm() -> None:
    """Have SIGTERM raise `SigtermError` in this process."""
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SigtermError
