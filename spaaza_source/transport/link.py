"""Download link of an exported file, kept secret: whoever has it may read the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from spaaza_source.transport.redaction import Secret

#: Schemes that a message may name: in a text that is no link, a colon may follow anything.
SCHEMES_SHOWN = ("https", "http", "ftp", "file", "s3", "gs")
HTTPS_PORT, HTTP_PORT = 443, 80


class Origin(NamedTuple):
    """The part of a link that may be shown."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, repr=False)
class Link(Secret):
    """An address, and the headers its host asks for. Neither is ever shown.

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
        default = HTTPS_PORT if parts.scheme == "https" else HTTP_PORT
        return Origin(parts.scheme, parts.hostname or "", port or default)

    def redirect(self, location: str) -> Link | None:
        """The link that a redirect leads to; None where `location` is no address.

        Another origin than this link's is sent none of its headers.
        """
        try:
            target = Link(urljoin(self.url, location), self.headers)
        except ValueError:
            return None
        return target if target.origin == self.origin else Link(target.url)
