"""Works on the parts of a file side by side, and gives the results in the parts' order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeVar

import pyarrow as pa

_T = TypeVar("_T")
_R = TypeVar("_R")


def make_threads() -> Executor:
    """Threads for the parts of files: as many as work side by side, or four."""
    return ThreadPoolExecutor(_side_by_side(), thread_name_prefix="csv")


def run_in_threads(
    work: Callable[[_T], _R],
    items: Iterable[_T],
    *,
    ahead: int = 0,
    threads: Executor | None = None,
) -> Iterator[_R]:
    """The results of work on items, in their order, one item per processor at a time.

    Args:
        work: What is done with an item.
        items: The items.
        ahead: How many are worked on while the caller is busy with a result, if more than that.
        threads: Where the work is done; in threads of its own unless given.
    """
    with make_threads() if threads is None else nullcontext(threads) as pool:
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


def _side_by_side() -> int:
    return min(4, int(pa.cpu_count()))
