"""Short-lived tokens in the addresses of files, required beside the credentials."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from spaaza_source.sandbox.calls import secrets_match
from spaaza_source.sandbox.instants import microseconds


class Tokens:
    """Makes and checks tokens, with a key of its own."""

    def __init__(self, seconds: int, clock: Callable[[], datetime]) -> None:
        self._life = timedelta(seconds=seconds)
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def make(self, export_id: str) -> str:
        """A token that opens the file of one export for a limited time."""
        expires = microseconds(self._clock() + self._life)
        return f"{expires}.{self._signature(export_id, str(expires))}"

    def is_valid(self, token: str, export_id: str) -> bool:
        """Whether a token was made here for this export, and has not expired."""
        expires, _, signature = token.partition(".")
        if not secrets_match(signature, self._signature(export_id, expires)):
            return False
        return microseconds(self._clock()) < int(expires)

    def _signature(self, export_id: str, expires: str) -> str:
        signed = f"{export_id} {expires}".encode()
        return hmac.new(self._key, signed, hashlib.sha256).hexdigest()
