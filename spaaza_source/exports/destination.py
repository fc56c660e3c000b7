"""Asks a pipeline's destination while a load is extracted.

Each time in a thread of its own. The threads that extract share dlt's settings, and while dlt opens
a destination it puts others in their place: two tables that did so at once would mix them up.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_T = TypeVar("_T")


def asked(pipeline: Any, question: Callable[[Any], _T]) -> _T:
    """What the destination answers.

    Args:
        pipeline: Whose destination.
        question: Is given dlt's SQL client; what belongs to the resource that is extracted
            (`dlt.current`) is out of its reach.
    """

    def put() -> _T:
        with pipeline.sql_client() as client:
            return question(client)

    return _apart(put)


def merge_strategies(pipeline: Any) -> list[str]:
    """The merge strategies that the destination has, its default first."""
    capabilities = _apart(pipeline.destination.capabilities)
    return list(capabilities.supported_merge_strategies or [])


def _apart(work: Callable[[], _T]) -> _T:
    with ThreadPoolExecutor(1, thread_name_prefix="destination") as thread:
        return thread.submit(work).result()
