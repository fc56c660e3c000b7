"""Makes text fit to be shown: no credential, no signed query, no control characters.

Used wherever words of a vendor or of a library reach an error or a log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "***"

_QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s\"'<>?]*)\?[^\s\"'<>]*", re.IGNORECASE)
_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer|basic)\s+[^\s\"',]+", re.IGNORECASE)
_NAMED = re.compile(
    r"\b((?:x-amz-[a-z-]+|x-spaaza-session-key|x-app-token|session_key|access_token_secret|"
    r"signature|token|sig|awsaccesskeyid)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,<>]+",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

#: A vendor's message is a hint, not a document.
LONGEST = 400


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` on one line, at most 400 characters, without anything that opens a door.

    Args:
        text: Words that are not our own.
        secrets: Values to hide wherever they stand.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, HIDDEN)
    text = _QUERY.sub(rf"\1?{HIDDEN}", text)
    text = _USERINFO.sub(rf"\1{HIDDEN}@", text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _NAMED.sub(rf"\1{HIDDEN}", text)
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
