"""JSON over HTTP with a vendor: one session, bounded retries, every failure one of our errors.

A GET may be repeated; a POST never is, for nobody can tell whether a lost one was done. What a
vendor's error bodies and headers say is read by the vendor's own package; downloads are left to
`download`.
"""

from __future__ import annotations

import ipaddress
import math
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3

from spaaza_source.errors import (
    CredentialsError,
    RequestRefusedError,
    SettingsError,
    SpaazaSourceError,
    UnavailableError,
    UnexpectedAnswerError,
    UnreachableError,
)
from spaaza_source.transport.clock import Clock, Deadline, SystemClock
from spaaza_source.transport.rate_limit import CallLimit, ReadLimit, no_limit
from spaaza_source.transport.redaction import hide_queries_in_logs, redact
from spaaza_source.transport.secret import Secret, SecretHeaders

#: Seconds to connect, and seconds without a byte of an answer.
TIMEOUT = (10.0, 60.0)
#: Tries of one GET. An HTTP 500 may be a permission error, which no waiting cures: fewer for it.
TRIES = 5
TRIES_AFTER_500 = 3
#: Seconds that one call waits in all, unless `within` says otherwise: where a vendor's Retry-After
#: asks for more, the call fails at once.
LONGEST_WAIT = 300.0
TOO_MANY = 429

_T = TypeVar("_T")

#: Reads a vendor's error body: its own words for what is wrong, and whether a permission is.
ReadRefusal = Callable[[Any], tuple[str, bool]]


def is_loopback(base_url: str) -> bool:
    """Whether the address names this very machine."""
    host = urlsplit(base_url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_base_url(base_url: object) -> str:
    """The address of a vendor's API, without a slash at its end.

    Raises:
        SettingsError: It is no `https` address (plain `http` only to this machine), or it carries
            credentials, a query or a fragment.
    """
    hint = "Give the address the vendor named to you, such as https://HOST."
    if not isinstance(base_url, str) or not base_url.strip():
        raise SettingsError("the address of the vendor's API is empty", where="base_url")
    text = base_url.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    if not host or parts.scheme not in ("http", "https"):
        raise SettingsError(f"{redact(text)!r} is not a web address", where="base_url", hint=hint)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            "the address holds more than a host and a path", where="base_url", hint=hint
        )
    if parts.scheme == "http" and not is_loopback(text):
        raise SettingsError(
            f"{text!r} would send the credentials unencrypted", where="base_url", hint=hint
        )
    return text


def _unchanged(answer: Any) -> Any:
    return answer


class HttpClient(Secret):
    """A vendor's JSON API.

    Args:
        base_url: Its address, as `checked_base_url` returns it.
        headers: The headers that prove who asks.
        secrets: Values no message may show.
        read_refusal: Reads the vendor's error bodies.
        read_limit: Reads what the vendor's headers tell of a limit of calls.
        clock: The time to wait by.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        secrets: Iterable[str],
        read_refusal: ReadRefusal,
        read_limit: ReadLimit = no_limit,
        clock: Clock | None = None,
    ) -> None:
        self.base_url = base_url
        self._host = urlsplit(base_url).netloc
        self._headers = SecretHeaders(headers)
        #: Values no message may show.
        self.secrets = tuple(secrets)
        self._read_refusal = read_refusal
        self._read_limit = read_limit
        self._clock = clock or SystemClock()
        self._ahead = timedelta(0)
        #: As the vendor said last.
        self._limit = CallLimit()
        self._local = threading.local()

    def now(self) -> datetime:
        """The present instant by the vendor's clock, as far as its answers have shown it."""
        return self._clock.now() + self._ahead

    def pace(self) -> float:
        """Seconds between two calls that the vendor's limit leaves room for; 0 without a limit."""
        return self._limit.pace(self.now())

    @contextmanager
    def within(self, deadline: Deadline) -> Iterator[None]:
        """Calls that this thread makes meanwhile wait no longer than until then."""
        before = self._deadline
        self._local.deadline = deadline
        try:
            yield
        finally:
            self._local.deadline = before

    def redact(self, text: str) -> str:
        """Words of the vendor's, fit to be shown."""
        return redact(text, self.secrets)

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        read: Callable[[Any], Any] = _unchanged,
    ) -> Any:
        """The JSON at `path`, tried again where trying again can help.

        Args:
            path: Where.
            params: The query.
            read: Makes of the JSON what is returned instead; raises `UnexpectedAnswerError` where
                that is not what it should be, and then the vendor is asked again.
        """
        return self._retry(lambda: self._read("GET", path, read, params=params))

    def post(self, path: str, body: Any = None, read: Callable[[Any], Any] = _unchanged) -> Any:
        """The JSON that answers `body`, as `read` makes it; sent once, whatever happens to it."""
        try:
            return self._read("POST", path, read, json=body)
        except _RetriableError as error:
            raise error.final from None

    def delete(self, path: str) -> None:
        """Let what is at `path` be gone; tried again, for that does no harm."""
        self._retry(lambda: self._response("DELETE", path).close())

    def stream(self, path: str, body: Any) -> requests.Response:
        """The open answer to a POST that only reads, and so may be tried again."""
        headers = {"Accept": "*/*", "Accept-Encoding": "gzip"}
        return self._retry(
            lambda: self._response("POST", path, json=body, stream=True, headers=headers)
        )

    def _retry(self, call: Callable[[], _T]) -> _T:
        tries = 0
        deadline = self._deadline or Deadline(self._clock, LONGEST_WAIT)
        while True:
            tries += 1
            try:
                return call()
            except _RetriableError as error:
                if tries >= error.tries or not deadline.pause(error.wait_seconds(tries)):
                    raise error.final from None

    @property
    def _deadline(self) -> Deadline | None:
        deadline: Deadline | None = getattr(self._local, "deadline", None)
        return deadline

    def _session(self) -> requests.Session:
        # A session per thread: `requests` does not promise to share one between them.
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            hide_queries_in_logs()
            session = requests.Session()
            session.headers.update({"Accept": "application/json", **self._headers})
            # Without this, a .netrc file may replace the Authorization header.
            session.auth = _as_it_is
            session.trust_env = not is_loopback(self.base_url)
            self._local.session = session
        return session

    def _read(self, method: str, path: str, read: Callable[[Any], Any], **content: Any) -> Any:
        try:
            return read(self._json(method, path, **content))
        except UnexpectedAnswerError as odd:
            # Without the way it came: where an answer is read, a variable may hold a link.
            raise _RetriableError(odd.with_traceback(None)) from None

    def _json(self, method: str, path: str, **content: Any) -> Any:
        response = self._response(method, path, **content)
        try:
            return response.json()
        except (ValueError, RecursionError):
            raise _RetriableError(
                UnexpectedAnswerError(
                    f"HTTP {response.status_code} with a body that is not JSON",
                    where=self._place(method, path),
                    hint="Check that base_url is the address of the vendor's API.",
                )
            ) from None

    def _response(self, method: str, path: str, **content: Any) -> requests.Response:
        """A successful answer, its body still to be read."""
        place = self._place(method, path)
        try:
            response = self._session().request(
                method,
                self.base_url + path,
                timeout=TIMEOUT,
                allow_redirects=False,
                **content,
            )
        except requests.RequestException as failure:
            raise _lost(failure, place) from None
        self._note_clock(response)
        limit = self._read_limit(response.headers)
        if limit.left is not None:
            self._limit = limit
        if not 200 <= response.status_code < 300:  # noqa: PLR2004 - HTTP's own numbers
            with response:
                self._raise_for_status(response, place)
        return response

    def _place(self, method: str, path: str) -> str:
        return f"{method} {self._host}{path}"

    def _note_clock(self, response: requests.Response) -> None:
        try:
            theirs = parsedate_to_datetime(response.headers["Date"])
            self._ahead = theirs.astimezone(timezone.utc) - self._clock.now()
        except (KeyError, TypeError, ValueError, OverflowError):
            return

    def _raise_for_status(self, response: requests.Response, place: str) -> NoReturn:
        status = response.status_code
        words, is_permission = self._refusal(response)
        said = f"HTTP {status}" + (f": {words}" if words else "")
        if status in (401, 403) or is_permission:
            raise CredentialsError(
                f"the vendor refused the credentials ({said})",
                where=place,
                hint="Check the credentials, and that they belong to this account.",
            )
        asked_to_wait = retry_after(response.headers.get("Retry-After"), self.now())
        if status == TOO_MANY and self._read_limit(response.headers).used_up:
            raise _RetriableError(
                UnavailableError(
                    f"the account has used up its calls of this billing cycle ({said})",
                    where=place,
                    hint="Run again in the next one, or ask the vendor for more calls.",
                ),
                status=status,
                retry_after=math.inf,
            )
        if status == TOO_MANY:
            if asked_to_wait is None:
                asked_to_wait = self.pace() or None
            raise _RetriableError(
                UnavailableError(
                    f"too many requests ({said})", where=place, hint="Run again later."
                ),
                status=status,
                retry_after=asked_to_wait,
            )
        if status >= 500:  # noqa: PLR2004
            raise _RetriableError(
                UnavailableError(
                    f"the vendor failed ({said})",
                    where=place,
                    hint="Run again later; if it stays so, show this to the vendor.",
                ),
                status=status,
                tries=TRIES_AFTER_500 if status == 500 else TRIES,  # noqa: PLR2004
                retry_after=asked_to_wait,
            )
        refusal = RequestRefusedError(
            f"the vendor refused the request ({said})",
            where=place,
            hint="Check the settings named there, or show this to the vendor.",
        )
        refusal.status = status
        raise refusal

    def _refusal(self, response: requests.Response) -> tuple[str, bool]:
        try:
            words, is_permission = self._read_refusal(response.json())
        except (ValueError, RecursionError):
            # A proxy's page tells a reader nothing its status does not.
            kind = response.headers.get("Content-Type", "")
            page = "html" in kind or response.text.lstrip().startswith("<")
            words, is_permission = ("" if page else response.text), False
        # Cut by `redact`, once nothing secret can lie across the cut.
        return self.redact(words), is_permission


class _RetriableError(Exception):
    """A failure that may pass, with the error to raise when it does not."""

    def __init__(
        self,
        final: SpaazaSourceError,
        *,
        status: int | None = None,
        tries: int = TRIES,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(str(final))
        if isinstance(final, UnavailableError):
            final.status, final.retry_after = status, retry_after
        self.final = final
        self.tries = tries
        self.retry_after = retry_after

    def wait_seconds(self, tried: int) -> float:
        if self.retry_after is not None:
            return self.retry_after
        # Jitter, so that many runs that failed together do not come back together.
        return float(2 ** (tried - 1)) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds a `Retry-After` header asks for: it holds seconds or a date; None if neither."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - now).total_seconds()
        except (TypeError, ValueError):
            return None
    return seconds if seconds > 0 else None


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _lost(failure: requests.RequestException, place: str) -> _RetriableError:
    """A failure of the network; the library's own words hold addresses with their queries."""
    kind: type[UnavailableError] = UnavailableError
    tries = TRIES
    if isinstance(failure, requests.exceptions.SSLError):
        reason, kind, tries = "the TLS certificate is not accepted", UnreachableError, 1
    elif isinstance(failure, requests.ConnectTimeout) or _never_connected(failure):
        reason, kind, tries = "no connection to the host can be made", UnreachableError, 3
    elif isinstance(failure, requests.Timeout):
        reason = "the answer took too long"
    elif isinstance(failure, requests.ConnectionError):
        reason = "the connection broke"
    else:
        reason = type(failure).__name__
    hint = "Check base_url and the network, then run again."
    return _RetriableError(kind(reason, where=place, hint=hint), tries=tries)


def _never_connected(failure: requests.RequestException) -> bool:
    cause = failure.args[0] if failure.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, urllib3.exceptions.NewConnectionError)
