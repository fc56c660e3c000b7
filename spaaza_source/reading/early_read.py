"""Reads a file in a thread of its own while it arrives, so that it is judged once it is whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from spaaza_source.transport import (
    AbandonedError,
    ArrivingBytes,
    ArrivingFile,
    StartedOverError,
)

_T = TypeVar("_T")


class EarlyRead(Generic[_T]):
    """The reading of one file, which begins with its first bytes.

    Args:
        arriving: The file.
        read: Reads all of its bytes.
        known_size: The bytes that came over the network of a file that need not be read again: one
            of the same size is left alone until it can be told apart by its hash.
    """

    def __init__(
        self,
        arriving: ArrivingFile,
        read: Callable[[ArrivingBytes], _T],
        *,
        known_size: int | None = None,
    ) -> None:
        self._arriving = arriving
        self._read = read
        self._known_size = known_size
        self._result: _T | None = None
        self._error: Exception | None = None
        self._over = threading.Event()
        # A daemon: a main thread that ends must not wait for a vendor.
        threading.Thread(target=self._work, name="early read", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether `finish` returns at once."""
        return self._over.is_set()

    def finish(self) -> _T | None:
        """What `read` has returned or raised, once it has; None where the file was left alone."""
        self._over.wait()
        if self._error is not None:
            raise self._error
        return self._result

    def _work(self) -> None:
        try:
            total = self._arriving.await_total()
            if total is None or total != self._known_size:
                self._result = self._read_whole()
        except AbandonedError:
            pass
        except Exception as error:  # noqa: BLE001 - whoever needs the file raises it
            self._error = error
        finally:
            self._over.set()

    def _read_whole(self) -> _T:
        """Read until nothing changes any more what has been read."""
        while True:
            data = self._arriving.open()
            try:
                try:
                    return self._read(data)
                except (AbandonedError, StartedOverError):
                    raise
                except Exception:
                    # What is wrong with it may be gone if it begins anew.
                    data.await_end()
                    raise
            except StartedOverError:
                continue
