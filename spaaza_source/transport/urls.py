"""Checks of the address of a vendor's API."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from spaaza_source.errors import SettingsError
from spaaza_source.transport.redaction import redact


def is_loopback(url: str) -> bool:
    """Whether the address names this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_base_url(base_url: object) -> str:
    """The address of a vendor's API, without a slash at its end.

    Raises:
        SettingsError: It is not an `https` address (plain `http` is allowed to this machine only),
            or it carries credentials, a query or a fragment.
    """
    hint = "Give the address the vendor named to you, such as https://HOST."
    if not isinstance(base_url, str) or not base_url.strip():
        raise SettingsError("the address of the vendor's API is empty", where="base_url")
    text = base_url.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if not parts.hostname or parts.scheme not in ("http", "https"):
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
