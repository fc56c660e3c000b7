"""Digests of identifiers: HMAC-SHA-256 by a salt of the dataset, and by `privacy_secret` if set.

With a secret, it is the salted hash of the pseudonym that `privacy` would give the value: so a
person can be told by what a table has of it, in the clear or hashed. Without one, whoever has the
dataset can try all numbers: the salt only keeps the digests of two datasets apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from spaaza_source.tabular import KeyedHash


class Digester:
    """Makes digests of one kind.

    Args:
        salt: The dataset's, random.
        secret_hash: The hash by `privacy_secret`; None where none is set.
    """

    def __init__(self, salt: str, secret_hash: KeyedHash | None) -> None:
        self._salted = KeyedHash(salt)
        self._secret = secret_hash

    def digests(self, texts: Iterable[str]) -> Iterator[str]:
        """The digest of each text, in hex."""
        messages: Iterable[bytes] = (text.encode(errors="surrogatepass") for text in texts)
        if self._secret is not None:
            messages = (each.hex().encode() for each in self._secret.digests(messages))
        return (each.hex() for each in self._salted.digests(messages))

    def of_pseudonym(self, pseudonym: str) -> str:
        """The digest of the text whose hash by `privacy_secret` is known."""
        (digest,) = self._salted.digests([pseudonym.encode()])
        return digest.hex()

    def pseudonym(self, text: str) -> str | None:
        """What a column that `privacy` hashes has instead of a text; None without a secret."""
        if self._secret is None:
            return None
        (hashed,) = self._secret.digests([text.encode(errors="surrogatepass")])
        return hashed.hex()


def plain_text(value: Any) -> str | None:
    """A cell as the text that it is in a file; None for one that identifies nobody."""
    match value:
        case str():
            return value or None
        case bool() | None:
            return None
        case int():
            return str(value)
        case Decimal():
            return str(int(value)) if value.is_finite() and value % 1 == 0 else str(value)
    return None
