"""The short-lived tokens in the addresses of files; the credentials are checked besides."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from spaaza_source.sandbox.instants import microseconds
from spaaza_source.sandbox.spaaza.authentication import same


class Tokens:
    """Makes and checks tokens with a key that lives as long as this object."""

    def __init__(self, seconds: int, clock: Callable[[], datetime]) -> None:
        self._life = timedelta(seconds=seconds)
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def token(self, export_id: str) -> str:
        """A token that opens the file of one export for a while."""
        expires = microseconds(self._clock() + self._life)
        return f"{expires}.{self._signature(export_id, str(expires))}"

    def opens(self, token: str, export_id: str) -> bool:
        """Whether a token is one of these, of this export and not yet expired."""
        expires, _, signature = token.partition(".")
        if not same(signature, self._signature(export_id, expires)):
            return False
        return microseconds(self._clock()) < int(expires)

    def _signature(self, export_id: str, expires: str) -> str:
        signed = f"{export_id} {expires}".encode()
        return hmac.new(self._key, signed, hashlib.sha256).hexdigest()
