"""What holds a secret, and shows it to nobody who does not ask: no log, no traceback, no pickle.

Words of other people's, in which a secret may stand, are left to `redaction`.
"""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """Shows no more of itself than its kind, and refuses to be pickled.

    Its `repr` is what a traceback that shows local variables prints, and so does many a service
    that collects errors.
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
    """Texts by name, some of them secret: headers, say."""
