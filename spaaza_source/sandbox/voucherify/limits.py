"""Rate limit of Voucherify's API, and its headers on every answer.

Periods follow one another on the clock, like minutes or hours. Whether the vendor's do, or begin
with the first call, is not documented; nor is whether refused calls count: here they do.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from spaaza_source.sandbox.calls import with_headers
from spaaza_source.sandbox.settings import SandboxSettings
from spaaza_source.sandbox.voucherify.refusals import too_many_calls


class RateLimiter:
    """ASGI middleware: counts calls, adds the limit's headers, and refuses calls over it."""

    def __init__(self, app: ASGIApp, settings: SandboxSettings) -> None:
        self._app = app
        self._settings = settings
        self._period = 0
        self._used = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI calls it."""
        limit, seconds = self._settings.voucherify_calls, self._settings.voucherify_calls_seconds
        now = int(self._settings.clock().timestamp())
        period, passed = divmod(now, seconds)
        if period != self._period:
            self._period, self._used = period, 0
        self._used += 1
        # When the next call can be made: now, or in the next period.
        retry = now if self._used < limit else now + seconds - passed
        headers = {
            "x-rate-limit-limit": str(limit),
            "x-rate-limit-remaining": str(max(limit - self._used, 0)),
            "x-rate-limit-retry": str(retry),
        }
        app = self._app
        if self._used > limit:
            headers |= {"retry-after": str(retry - now), "x-rate-limit-type": "api_calls"}
            app = too_many_calls().response
        await app(scope, receive, with_headers(send, headers))
