"""Waits for a DuckDB file that another process has open: only one at a time can write it."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

from dlt.common import logger

from spaaza_source.destination.turn import turn_timeout
from spaaza_source.errors import UnavailableError
from spaaza_source.transport import Clock, Deadline, SystemClock

_T = TypeVar("_T")

#: Seconds between two tries to open it.
POLL_INTERVAL = 0.2
#: What DuckDB says, on Windows and elsewhere, of a file that another process has open.
_HELD = re.compile(
    r"Could not set lock on file \"(?P<file>[^\"]+)\""
    r"|Cannot open file \"(?P<other>[^\"]+)\": .*being used by another process"
)
_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")


def enter_when_free(
    held: ExitStack,
    open_client: Callable[[], AbstractContextManager[_T]],
    clock: Clock | None = None,
) -> _T:
    """Open a destination in a stack; where it is a DuckDB file of another process, wait for it.

    Args:
        held: What closes it.
        open_client: Makes dlt's client, which opens the destination when it is entered.
        clock: The time to wait by.

    Raises:
        UnavailableError: The other process has not closed the file in the time to wait for a turn.
    """
    deadline: Deadline | None = None
    seconds = turn_timeout()
    while True:
        try:
            return held.enter_context(open_client())
        except Exception as failure:
            told = str(failure)
            named = _HELD.search(told)
            if named is None:
                raise
            file = named["file"] or named["other"]
        holder = _HOLDER.search(told)
        whose = f"process {holder['pid']} ({holder['program']})" if holder else "another process"
        if deadline is None:
            deadline = Deadline(clock or SystemClock(), seconds)
            logger.warning(
                f"{file!r} is open in {whose}; waiting until it is closed there,"
                f" for {seconds:.0f} seconds at most"
            )
        if not deadline.pause(POLL_INTERVAL):
            raise UnavailableError(
                f"{file!r} is open in {whose}, for {seconds:.0f} seconds by now",
                where="destination",
                hint="Close it there, then run again.",
            )
