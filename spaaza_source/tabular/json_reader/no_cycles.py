"""Keeps Python from looking for cycles while many objects are made that can have none.

It would look through all of them time and again: a third of what reading nested records takes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


def makes_no_cycles(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A function during which Python does not look for cycles, for some milliseconds.

    Of calls in several threads, only those that have stopped it let it begin again: so it is never
    left stopped, nor started by one that has found it stopped.
    """

    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        if not gc.isenabled():
            return function(*args, **kwargs)
        gc.disable()
        try:
            return function(*args, **kwargs)
        finally:
            gc.enable()

    return run
