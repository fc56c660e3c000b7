"""Works on the parts of a file side by side, and gives the results in the parts' order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pyarrow as pa

_T = TypeVar("_T")
_R = TypeVar("_R")


class SharedThreads:
    """Threads in which the parts of several files are worked on; there only while any are.

    A thread that rests keeps memory, which what follows needs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._borrowers = 0
        self._pool: ThreadPoolExecutor | None = None

    @contextmanager
    def lend(self) -> Iterator[ThreadPoolExecutor]:
        """The threads, for one file."""
        with self._lock:
            pool = self._pool = self._pool or _make_pool()
            self._borrowers += 1
        try:
            yield pool
        finally:
            with self._lock:
                self._borrowers -= 1
                is_last = not self._borrowers
                if is_last:
                    self._pool = None
            if is_last:
                pool.shutdown()


def run_in_threads(
    work: Callable[[_T], _R],
    items: Iterable[_T],
    *,
    ahead: int = 0,
    threads: SharedThreads | None = None,
) -> Iterator[_R]:
    """The results of work on items, in their order, one item per processor at a time.

    Args:
        work: What is done with an item.
        items: The items.
        ahead: How many are worked on while the caller is busy with a result, if more than that.
        threads: Where the work is done; in threads of its own unless given.
    """
    with _make_pool() if threads is None else threads.lend() as pool:
        running: deque[Future[_R]] = deque()
        most = max(_side_by_side(), ahead)
        try:
            for item in items:
                running.append(pool.submit(work, item))
                # The next item may take long to come: what is done is not kept until then.
                while len(running) > most or (running and running[0].done()):
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()


def _make_pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_side_by_side(), thread_name_prefix="csv")


def _side_by_side() -> int:
    return min(4, int(pa.cpu_count()))
