"""HTTP client of a vendor's JSON API: sessions, retries, the vendor's clock and its rate limit.

Every failure is one of our errors. No answer is waited for without end, or read beyond a bound. A
POST is sent once by each call, unless it only reads.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from dlt.common import logger

from spaaza_source.errors import IncompleteDownloadError, UnexpectedAnswerError
from spaaza_source.transport.answer_body import (
    LARGEST_ANSWER,
    TooLargeError,
    read_body,
    read_error_body,
)
from spaaza_source.transport.clock import Clock, Deadline, SystemClock
from spaaza_source.transport.patience import Patience, PatientAdapter, TooSlowError
from spaaza_source.transport.rate_limit import CallLimit, ReadLimit
from spaaza_source.transport.redaction import Secret, SecretHeaders, hide_queries_in_logs, redact
from spaaza_source.transport.retry import (
    TIMEOUT,
    RetriableError,
    network_error,
    parse_retry_after,
    retry,
    slow_error,
    status_error,
)
from spaaza_source.transport.urls import is_loopback
from spaaza_source.transport.vendor_words import page_words

#: Seconds that one call waits between its tries in all, unless `within` says otherwise: where a
#: vendor's Retry-After asks for more, the call fails at once.
LONGEST_WAIT = 300.0
#: Seconds for one answer, however long its caller would wait: some kilobytes, or a page of a list.
LONGEST_ANSWER = 300.0
#: Clocks that differ by more are told: no network is so slow.
WRONG_CLOCK = timedelta(hours=1)

_T = TypeVar("_T")

#: Reads a vendor's error body: its own words for what is wrong, and whether a permission is.
ReadRefusal = Callable[[Any], tuple[str, bool]]


def _unchanged(content: Any) -> Any:
    return content


class _OfThread(threading.local):
    """What each thread has of its own: `requests` does not promise to share a session."""

    session: requests.Session | None = None
    deadline: Deadline | None = None
    #: Seconds for the answer that is asked for next.
    longest: float = LONGEST_ANSWER


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - its interface
        """Nowhere: without this the whole body of a redirect is read."""
        return


class HttpClient(Secret):
    """A vendor's JSON API.

    Args:
        base_url: Its address, as `parse_base_url` returns it.
        headers: The headers that carry the credentials.
        secrets: Values no message may show.
        read_refusal: Reads the vendor's error bodies.
        read_limit: Reads the vendor's rate limit from an answer's headers; by default none.
        clock: The time to wait by.

    Attributes:
        stopwatch: What the bytes of answers and of files are timed by; see `Patience`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        secrets: Iterable[str],
        read_refusal: ReadRefusal,
        read_limit: ReadLimit = lambda _headers: CallLimit(),
        clock: Clock | None = None,
    ) -> None:
        self.base_url = base_url
        self._headers = SecretHeaders(headers)
        self._secrets = tuple(secrets)
        self._read_refusal = read_refusal
        self._read_limit = read_limit
        self._clock = clock or SystemClock()
        self.stopwatch: Clock = SystemClock()
        #: How far the vendor's clock is ahead of this machine's.
        self._ahead = timedelta(0)
        #: From the last answer that told one.
        self._limit = CallLimit()
        self._own = _OfThread()

    def now(self) -> datetime:
        """The present instant, UTC, by the vendor's clock as its last answer showed it."""
        return self._clock.now() + self._ahead

    def pace(self) -> float:
        """Seconds between two calls that the vendor's limit leaves room for; 0 without a limit."""
        return self._limit.pace(self.now())

    @contextmanager
    def within(self, deadline: Deadline) -> Iterator[None]:
        """Let no call of this thread wait past `deadline`, inside the `with` block."""
        before, self._own.deadline = self._own.deadline, deadline
        try:
            yield
        finally:
            self._own.deadline = before

    def redact(self, text: str) -> str:
        """A text of the vendor's without secrets, as one short line."""
        return redact(text, self._secrets)

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        read: Callable[[Any], _T] = _unchanged,
    ) -> _T:
        """The JSON at `path`, as `read` turns it into a result, with retries.

        `read` raises `UnexpectedAnswerError` for content that is not what it should be; the call
        is then retried.
        """
        return self._retry(lambda: self._read("GET", path, read, params=params))

    def post(self, path: str, body: Any = None, read: Callable[[Any], _T] = _unchanged) -> _T:
        """The JSON that answers `body`, as `read` turns it into a result; sent once."""
        try:
            return self._read("POST", path, read, json=body)
        except RetriableError as error:
            raise error.final from None

    def delete(self, path: str) -> None:
        """Delete what is at `path`, with retries: deleting twice does no harm."""
        self._retry(lambda: self._send("DELETE", path).close())

    def stream(self, path: str, body: Any, deadline: Deadline) -> requests.Response:
        """The open answer to a POST that only reads, and so may be retried.

        It is a file, which may come until the deadline.
        """
        content = {"json": body, "headers": {"Accept": "*/*"}}
        self._own.longest = math.inf
        try:
            with self.within(deadline):
                return self._retry(lambda: self._send("POST", path, **content))
        finally:
            self._own.longest = LONGEST_ANSWER

    def _retry(self, call: Callable[[], _T]) -> _T:
        deadline = self._own.deadline or Deadline(self._clock, LONGEST_WAIT)
        with self.within(deadline):
            return retry(call, deadline)

    def _patience(self) -> Patience:
        """How long the answer to this thread's next request is waited for."""
        deadline = self._own.deadline or Deadline(self._clock, LONGEST_WAIT)
        return Patience.until(deadline, self.stopwatch, longest=self._own.longest)

    def _session(self) -> requests.Session:
        if self._own.session is None:
            hide_queries_in_logs()
            session = self._own.session = _Session()
            adapter = PatientAdapter(self._patience)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            accepted = {"Accept": "application/json", "Accept-Encoding": "gzip"}
            session.headers.update({**accepted, **self._headers})
            # Without this, a .netrc file may replace the Authorization header.
            session.auth = _unchanged
            session.trust_env = not is_loopback(self.base_url)
        return self._own.session

    def _read(self, method: str, path: str, read: Callable[[Any], _T], **content: Any) -> _T:
        try:
            return read(self._json(method, path, **content))
        except RecursionError:
            raise RetriableError(
                UnexpectedAnswerError(
                    "the answer is nested too deeply",
                    where=self._where(method, path),
                    hint="Run again later; if it stays so, show this to the vendor.",
                )
            ) from None
        except UnexpectedAnswerError as unexpected:
            # Without its traceback: where an answer is read, a variable may hold a link.
            raise RetriableError(unexpected.with_traceback(None)) from None

    def _json(self, method: str, path: str, **content: Any) -> Any:
        where = self._where(method, path)
        response = self._send(method, path, **content)
        try:
            return _parse(read_body(response), response)
        except (ValueError, RecursionError):
            raise RetriableError(
                UnexpectedAnswerError(
                    f"HTTP {response.status_code} with a body that is not JSON",
                    where=where,
                    hint="Check that base_url is the address of the vendor's API.",
                )
            ) from None
        except TooLargeError:
            raise RetriableError(
                UnexpectedAnswerError(
                    f"the answer has more than {LARGEST_ANSWER:,} bytes",
                    where=where,
                    hint="Check that base_url is the address of the vendor's API; if it is, show"
                    " this to the vendor.",
                ),
                tries=1,
            ) from None
        except (UnexpectedAnswerError, IncompleteDownloadError) as damaged:
            damaged.where = where
            raise RetriableError(damaged) from None
        except TooSlowError as slow:
            raise slow_error(slow, where) from None
        except requests.RequestException as failure:
            raise network_error(failure, where) from None

    def _send(self, method: str, path: str, **content: Any) -> requests.Response:
        """A successful answer, its body still to be read."""
        where = self._where(method, path)
        fixed: Any = {"timeout": TIMEOUT, "allow_redirects": False, "stream": True}
        try:
            response = self._session().request(method, self.base_url + path, **fixed, **content)
        except TooSlowError as slow:
            raise slow_error(slow, where) from None
        except OSError as failure:
            raise network_error(failure, where) from None
        self._note_clock(response)
        limit = self._read_limit(response.headers)
        if limit.remaining is not None:
            self._limit = limit
        if not 200 <= response.status_code < 300:  # noqa: PLR2004 - HTTP's own numbers
            raise self._error(response, limit, where)
        return response

    def _where(self, method: str, path: str) -> str:
        return f"{method} {urlsplit(self.base_url).netloc}{path}"

    def _note_clock(self, response: requests.Response) -> None:
        try:
            theirs = parsedate_to_datetime(response.headers["Date"])
            ahead = theirs.astimezone(UTC) - self._clock.now()
        except (KeyError, TypeError, ValueError, OverflowError):
            return
        if abs(ahead) > WRONG_CLOCK >= abs(self._ahead):
            logger.warning(
                f"{urlsplit(self.base_url).netloc}: the vendor's clock and this machine's differ by"
                f" {abs(ahead)}; one of them is wrong. Loads go by the one that is behind"
            )
        self._ahead = ahead

    def _error(self, response: requests.Response, limit: CallLimit, where: str) -> Exception:
        """What an answer that is no success raises."""
        status = response.status_code
        words, is_permission = self._refusal(response)
        wait = parse_retry_after(response.headers.get("Retry-After"), self.now())
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = math.inf if limit.used_up else wait or self.pace() or None
        return status_error(
            status,
            f"HTTP {status}" + (f": {words}" if words else ""),
            where,
            is_permission=is_permission,
            cycle_used_up=limit.used_up,
            retry_after=wait,
        )

    def _refusal(self, response: requests.Response) -> tuple[str, bool]:
        """The vendor's words, redacted, and whether they say that a permission is missing."""
        body = read_error_body(response)
        try:
            words, is_permission = self._read_refusal(_parse(body, response))
        except (ValueError, RecursionError):
            kind = response.headers.get("Content-Type", "")
            words, is_permission = page_words(body.decode(errors="replace"), kind), False
        # Cut by `redact`, once nothing secret can lie across the cut.
        return self.redact(words), is_permission


def _parse(body: bytes, response: requests.Response) -> Any:
    """The JSON of a body: UTF-8, or what the answer says that it is.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        return json.loads(body)
    except UnicodeDecodeError:
        try:
            return json.loads(body.decode(response.encoding or "utf-8"))
        except LookupError:
            raise ValueError("an encoding that nobody knows") from None
