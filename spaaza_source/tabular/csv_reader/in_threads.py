"""Works on the parts of a file side by side, and gives the results in the parts' order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa

_T = TypeVar("_T")
_R = TypeVar("_R")


def run_in_threads(
    work: Callable[[_T], _R], items: Iterable[_T], *, ahead: int = 0
) -> Iterator[_R]:
    """The results of work on items, in their order, one item per processor at a time.

    Up to `ahead` items are worked on while the caller is busy with a result.
    """
    threads = min(4, pa.cpu_count())
    with ThreadPoolExecutor(threads, thread_name_prefix="csv") as pool:
        running: deque[Future[_R]] = deque()
        for item in items:
            running.append(pool.submit(work, item))
            if len(running) > max(threads, ahead):
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
