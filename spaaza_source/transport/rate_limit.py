"""Rate limit of a vendor's API, and the pace at which calls stay under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class CallLimit:
    """The rate limit that an answer told.

    Attributes:
        remaining: Calls that are left; None where the answer does not say.
        resets_at: When the full number is available again, in seconds since 1970; None where the
            answer does not say.
        used_up: Whether the account has no calls left before its next billing cycle, so that
            waiting does not help.
    """

    remaining: int | None = None
    resets_at: float | None = None
    used_up: bool = False

    def pace(self, now: datetime) -> float:
        """Seconds between two calls that make the remaining ones last until the limit resets."""
        if self.remaining is None or self.resets_at is None:
            return 0.0
        return max(0.0, self.resets_at - now.timestamp()) / max(1, self.remaining)


#: Reads the rate limit from the headers of an answer.
ReadLimit = Callable[[Mapping[str, str]], CallLimit]
