"""Patience: gives up an answer whose bytes come too slowly, or that does not end by its deadline.

A read timeout alone is no bound: a host that sends a byte within each keeps a connection for ever.
So each read of a socket is judged, from the first byte of the headers to the last one of the body.
"""

from __future__ import annotations

import http.client
import io
import math
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter

from spaaza_source.transport.clock import Clock, Deadline, SystemClock

if TYPE_CHECKING:
    from urllib3.connectionpool import HTTPConnectionPool

#: Within each span of so many seconds, from the first byte on, at least so many bytes must come.
#: The span is as long as the read timeout, so that one pause of that length is no reason. The mean
#: of 137 bytes a second is half of what the slowest modem brings: only what drips stays below. What
#: is a little faster ends at the deadline.
SPAN = 60.0
LEAST_BYTES = 8 << 10
#: Seconds for a whole answer, unless its caller says otherwise.
LONGEST = 3600.0
#: Seconds after a deadline for an answer that was asked for just before it.
GRACE = 10.0


class TooSlowError(Exception):
    """An answer is given up; what comes of that, the caller decides.

    Attributes:
        is_late: Whether its deadline has passed; else its bytes came too slowly.
    """

    def __init__(self, cause: str, *, is_late: bool) -> None:
        super().__init__(cause)
        self.is_late = is_late


class Patience:
    """How long the bytes of one answer are waited for.

    Args:
        seconds: From now to the end of the answer.
        stopwatch: Measures them. Bytes come in real time, so it is the machine's own, even where
            pauses go by another clock.
    """

    def __init__(self, seconds: float = LONGEST, stopwatch: Clock | None = None) -> None:
        self._stopwatch = stopwatch or SystemClock()
        self._seconds = seconds
        self._end = self._stopwatch.monotonic() + seconds
        #: When the present span began; None before the first byte.
        self._begun: float | None = None
        self._bytes = 0

    @classmethod
    def until(
        cls, deadline: Deadline, stopwatch: Clock | None = None, *, longest: float = math.inf
    ) -> Patience:
        """For an answer that is asked for before `deadline`, and takes `longest` at most."""
        return cls(min(deadline.left() + GRACE, longest), stopwatch)

    def left(self) -> float:
        """Seconds, more than 0, that the next bytes may take.

        Raises:
            TooSlowError: There are none left, or too few bytes came in the last span.
        """
        now = self._stopwatch.monotonic()
        if now >= self._end:
            raise TooSlowError(f"it did not end within {self._seconds:.0f} seconds", is_late=True)
        if self._begun is not None and now - self._begun >= SPAN:
            if self._bytes < LEAST_BYTES:
                seconds = now - self._begun
                cause = f"only {self._bytes:,} bytes of it came within {seconds:.0f} seconds"
                raise TooSlowError(cause, is_late=False)
            self._begun, self._bytes = now, 0
        return self._end - now

    def note(self, size: int) -> None:
        """Count bytes that have come."""
        if self._begun is None:
            self._begun = self._stopwatch.monotonic()
        self._bytes += size


class PatientAdapter(HTTPAdapter):
    """Lets `requests` read each answer as patiently as `new_patience` says; for one thread.

    Where the patience ends, a `TooSlowError` passes through `requests`, which does not know it.
    """

    def __init__(self, new_patience: Callable[[], Patience]) -> None:
        self._new_patience = new_patience
        self._patience = new_patience()
        super().__init__()

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, whose answer is waited for from now on."""
        self._patience = self._new_patience()
        return super().send(*args, **kwargs)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        """A pool whose connections read patiently, through a proxy too."""
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        connection: Any = pool.ConnectionCls
        if not hasattr(connection, "reads_patiently"):
            # urllib3 holds a pool's connections until the pool is gone: they may not hold the pool.
            weak = weakref.WeakMethod(self._open)
            own = {"reads_patiently": True, "response_class": staticmethod(partial(_open, weak))}
            pool.ConnectionCls = type(connection.__name__, (connection,), own)
        return pool

    def _open(self, sock: Any, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
        """What `http.client` reads an answer by."""
        answer = http.client.HTTPResponse(sock, *args, **kwargs)
        raw = _PatientReader(answer.fp.detach(), sock, self._patience)
        answer.fp = io.BufferedReader(raw)
        return answer


def _open(weak: Any, sock: Any, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
    answer: http.client.HTTPResponse = weak()(sock, *args, **kwargs)
    return answer


class _PatientReader(io.RawIOBase):
    """Reads a socket, and asks before each read how long that may take."""

    def __init__(self, raw: Any, sock: Any, patience: Patience) -> None:
        self._raw = raw
        self._sock = sock
        self._patience = patience
        self._timeout: float | None = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._patience.left()
        self._sock.settimeout(left if self._timeout is None else min(self._timeout, left))
        try:
            size: int = self._raw.readinto(buffer)
        except TimeoutError:
            # Of two limits the shorter one: the deadline's says more.
            self._patience.left()
            raise
        self._patience.note(size)
        return size

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()
