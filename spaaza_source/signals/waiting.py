"""Ctrl-C and SIGTERM wait for the end of what must not be broken off, such as an import.

A broken import leaves modules half made, and libraries may take it for something else. DuckDB
imports pandas in its first query, and takes a Ctrl-C meanwhile for a pandas that is not there: the
run went on, and could wait for ever for Python's lock of imports (duckdb 1.5.5).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def signals_wait() -> Iterator[None]:
    """Have signals wait for the end of the `with` block; then they do what they always do.

    In a thread, where they do nothing, nothing changes.

    Raises:
        KeyboardInterrupt: Ctrl-C came meanwhile; the block has ended.
    """
    came: list[int] = []
    # Python runs handlers in the main thread alone.
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in _NUMBERS if is_main}
    # None: it is another library's, in C.
    held = {each: does for each, does in before.items() if does not in (None, signal.SIG_IGN)}
    for number in held:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, does in held.items():
            signal.signal(number, does)
        for each in came:
            signal.raise_signal(each)
