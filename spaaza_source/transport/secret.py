"""Values that never appear in a repr, log, traceback or pickle."""

from __future__ import annotations

from typing import NoReturn


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
