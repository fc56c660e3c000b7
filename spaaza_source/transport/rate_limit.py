"""What a vendor tells of its limit of calls, and the pace at which calls then fit under it.

How a vendor words it, and whether it does, is read by the vendor's own package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class CallLimit:
    """A limit of calls, as an answer told it.

    Attributes:
        left: Calls that are left.
        anew: When all are given anew, in seconds since 1970.
        used_up: Whether waiting a while does not help: there are none before the next period of
            the account.
    """

    left: int | None = None
    anew: float | None = None
    used_up: bool = False

    def pace(self, now: datetime) -> float:
        """Seconds between two calls that make those which are left last until there are more."""
        if self.left is None or self.anew is None:
            return 0.0
        return max(0.0, self.anew - now.timestamp()) / max(1, self.left)


#: Reads the headers of an answer.
ReadLimit = Callable[[Mapping[str, str]], CallLimit]


def no_limit(headers: Mapping[str, str]) -> CallLimit:
    """Of a vendor that tells nothing."""
    del headers
    return CallLimit()
