"""Where a finished export's file lies: an address that is a key as well, for its query signs it.

Opening it, and which addresses are good, is left to `download`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from spaaza_source.transport.secret import Secret

#: Those that a message names: in a text that is no link, anything may stand before a colon.
SCHEMES_SHOWN = ("https", "http", "ftp", "file", "s3", "gs")
HTTPS_PORT, HTTP_PORT = 443, 80


class Origin(NamedTuple):
    """What of a link may be shown."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, repr=False)
class Link(Secret):
    """An address, and what its host wants to see. Neither ever shows.

    Attributes:
        url: The whole address.
        headers: Empty for a signed link.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> Origin | None:
        """Scheme, host (empty for none) and port; None where the text is no address."""
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError:
            return None
        # Before a backslash `requests` ends the host, where `urlsplit` goes on to an `@`.
        if parts.scheme not in SCHEMES_SHOWN or "\\" in parts.netloc:
            return None
        usual = HTTPS_PORT if parts.scheme == "https" else HTTP_PORT
        return Origin(parts.scheme, parts.hostname or "", port or usual)

    def moved(self, target: str) -> Link | None:
        """Where a redirect leads; None where that is no address.

        Another origin than this link's sees none of its headers.
        """
        try:
            moved = Link(urljoin(self.url, target), self.headers)
        except ValueError:
            return None
        return moved if moved.origin == self.origin else Link(moved.url)
