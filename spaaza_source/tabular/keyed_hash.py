"""HMAC-SHA-256 of many short texts under one secret.

What is hashed, and what a secret must be, is left to `privacy`.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from typing import NoReturn


class KeyedHash:
    """The hash under one secret, which it neither keeps nor shows; it refuses to be pickled.

    The state that begins with the secret is made once and copied for every message: faster than
    `hmac.digest`, which begins anew.
    """

    __slots__ = ("_begun",)

    def __init__(self, secret: str) -> None:
        self._begun = hmac.new(secret.encode(errors="surrogatepass"), digestmod="sha256")

    def digests(self, messages: Iterable[bytes]) -> Iterator[bytes]:
        """The HMAC of each message."""
        for message in messages:
            keyed = self._begun.copy()
            keyed.update(message)
            yield keyed.digest()

    def __repr__(self) -> str:
        return "KeyedHash(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a hash under a secret is not pickled")
