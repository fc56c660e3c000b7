"""Rate limit of Voucherify's API, and its headers on every answer.

Periods follow one another on the clock, like minutes or hours. Whether the vendor's do, or begin
with the first call, is not documented; nor is whether refused calls count: here they do.
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timezone

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spaaza_source.sandbox.settings import SandboxSettings
from spaaza_source.sandbox.voucherify.refusals import too_many_calls


@dataclass(frozen=True)
class _Count:
    """The count of calls at one call."""

    limit: int
    used: int
    now: datetime
    seconds_left: int

    @property
    def reached(self) -> bool:
        """Whether this call is over the limit."""
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        """The vendor's headers; `Retry` is when the next call can be made."""
        remaining = max(self.limit - self.used, 0)
        wait = 0 if remaining else self.seconds_left
        headers = {
            "x-rate-limit-limit": str(self.limit),
            "x-rate-limit-remaining": str(remaining),
            "x-rate-limit-retry": str(int(self.now.timestamp()) + wait),
        }
        if self.reached:
            headers |= {"retry-after": str(wait), "x-rate-limit-type": "api_calls"}
        return headers


class RateLimiter:
    """ASGI middleware: counts calls, adds the limit's headers, and refuses calls over it."""

    def __init__(self, app: ASGIApp, settings: SandboxSettings) -> None:
        self._app = app
        self._settings = settings
        self._lock = threading.Lock()
        self._period = 0
        self._used = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI calls it."""
        count = self._count_call()

        async def send_limited(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [
                    (name.encode(), value.encode()) for name, value in count.headers().items()
                ]
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        app = too_many_calls().response() if count.reached else self._app
        await app(scope, receive, send_limited)

    def _count_call(self) -> _Count:
        now = self._settings.clock().astimezone(timezone.utc)
        seconds = self._settings.voucherify_calls_seconds
        period, passed = divmod(int(now.timestamp()), seconds)
        with self._lock:
            if period != self._period:
                self._period, self._used = period, 0
            self._used += 1
            return _Count(self._settings.voucherify_calls, self._used, now, seconds - passed)
