"""Redaction of texts for errors and logs: no credential, no signed query, no control characters.

Used wherever the words of a vendor or of a library reach an error or a log. A secret of ours is a
`Secret`, which appears in no repr, traceback or pickle.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn
from urllib.parse import quote

from spaaza_source.errors import SpaazaSourceError

HIDDEN = "***"

_QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s\"'<>?#]*[?#])[^\s\"'<>]*", re.IGNORECASE)
_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer|basic)(\s+|%20)[^\s\"',]+", re.IGNORECASE)
#: Between a name and its value, however it is written.
_IS = r"\\?[\"']?\s*(?:=>|[=:>]|%3[ad])\s*\\?[\"']?"
#: Headers that are secret up to their end.
_HEADER = re.compile(
    rf"\b((?:proxy-)?authorization|(?:set-)?cookie)({_IS})[^\r\n\"'<>]+", re.IGNORECASE
)
_NAMES = (
    r"x-(?:amz|goog)-[a-z-]+",
    r"(?:x[-_])?app[-_](?:id|token)",
    r"(?:x-[a-z-]+-)?session[-_](?:key|token|user[-_]id|passcode(?:[-_]key)?)",
    r"(?:access|api|auth|client|id|refresh|security)[-_]?(?:token|secret|key)(?:[-_](?:id|secret))?",
    r"awsaccesskeyid|credential|passw(?:or)?d|secret|sig|signature|token",
)
_NAMED = re.compile(rf"\b({'|'.join(_NAMES)})({_IS})[^\s\"'&,<>]+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

#: A vendor's message is a hint, not a document.
LONGEST_MESSAGE = 400


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without secrets, on one line, of at most 400 characters.

    Args:
        text: Words that are not our own.
        secrets: Values to hide wherever they occur.
    """
    forms = {form for secret in secrets for form in (secret, quote(secret, safe=""))}
    for secret in sorted(forms, key=len, reverse=True):
        if secret:
            text = text.replace(secret, HIDDEN)
    text = _QUERY.sub(rf"\1{HIDDEN}", text)
    text = _USERINFO.sub(rf"\1{HIDDEN}@", text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _NAMED.sub(rf"\1\2{HIDDEN}", text)
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"


@contextmanager
def without_context() -> Iterator[None]:
    """Remove the original exception from an error of ours that was raised `from None`.

    The original may quote a row or a signed link. `from None` keeps it out of a traceback, but dlt
    writes it into a pipeline's trace all the same.
    """
    try:
        yield
    except SpaazaSourceError as error:
        if error.__suppress_context__:
            error.__context__ = None
        raise


class _QueryFilter(logging.Filter):
    """Removes the query from addresses in log records."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(map(_redact_argument, record.args))
        record.exc_info = None
        return True


def _redact_argument(argument: object) -> object:
    if isinstance(argument, int | float):
        return argument
    if isinstance(argument, Exception):
        # Its text quotes headers that could not be read.
        return type(argument).__name__
    path, mark, _ = redact(str(argument)).partition("?")
    return path + (mark and mark + HIDDEN)


_HIDES_QUERIES = _QueryFilter()


def hide_queries_in_logs() -> None:
    """Keep signed links out of urllib3's log, which at DEBUG has each address in full."""
    for name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry"):
        logging.getLogger(name).addFilter(_HIDES_QUERIES)


class Secret:
    """Shows only its class in its `repr`, and refuses to be pickled.

    Tracebacks with local variables, and many services that collect errors, print a `repr`.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret, so it is not pickled")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self.__reduce__()


class SecretHeaders(Secret, dict[str, str]):
    """Headers, some of them secret."""
