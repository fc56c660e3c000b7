"""Resolves what dlt's configuration says of a destination once for a run, not at each client.

dlt makes a client for each of its jobs, and asks all its providers for each field of the settings
each time: some ninety times in a load of six tables. Its load step hands on what it has resolved;
here the other steps get that too. With it they share DuckDB's connection, if one is open. A DuckDB
file that the user has set nothing of gets the settings that suit large loads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from dlt.common.configuration.container import Container
from dlt.common.configuration.specs import BaseConfiguration, ConfigSectionContext
from dlt.common.destination import Destination

_T = TypeVar("_T")

#: dlt's name of the destination.
DUCKDB = "dlt.destinations.duckdb"


@dataclass
class _Resolved:
    """What has been resolved of a destination, while runs are in progress; by what was asked."""

    runs: int = 0
    answers: list[tuple[Any, Any]] = field(default_factory=list)
    made: dict[Any, Any] = field(default_factory=dict)


#: Destinations of runs in progress. Others, and copies of these, are resolved anew each time.
_RESOLVED: WeakKeyDictionary[Any, _Resolved] = WeakKeyDictionary()


@contextmanager
def resolved_once(destination: Any) -> Iterator[None]:
    """Resolve each setting of a pipeline's destination once inside the `with` block.

    A setting that is changed meanwhile counts from the next block on. Of a destination that is
    still a name, all is resolved as ever.
    """
    if not isinstance(destination, Destination):
        yield
        return
    _install()
    resolved = _RESOLVED.setdefault(destination, _Resolved())
    resolved.runs += 1
    try:
        yield
    finally:
        resolved.runs -= 1
        if not resolved.runs:
            _RESOLVED.pop(destination, None)


def made_once(destination: Any, key: object, make: Callable[[], _T]) -> _T:
    """What is made for a destination: once inside the `with` block, else each time."""
    resolved = _RESOLVED.get(destination)
    if resolved is None:
        return make()
    if key not in resolved.made:
        resolved.made[key] = make()
    made: _T = resolved.made[key]
    return made


def _install() -> None:
    """Let dlt's destinations look here first, in this process from now on."""
    if hasattr(Destination.configuration, "__wrapped__"):
        return
    resolve = Destination.configuration

    @wraps(resolve)
    def configuration(destination: Any, initial_config: Any, accept_partial: bool = False) -> Any:
        resolved = _RESOLVED.get(destination)
        if resolved is None or initial_config is None or initial_config.is_resolved():
            return resolve(destination, initial_config, accept_partial)
        asked = _describe(destination, initial_config, accept_partial=accept_partial)
        for other, answer in list(resolved.answers):
            if other == asked:
                return answer
        answer = resolve(destination, initial_config, accept_partial)
        # Else it is one of no database, to tell capabilities by.
        if destination.destination_type == DUCKDB and not accept_partial:
            # Not for others: to import it takes time.
            from spaaza_source.warehouse import suit  # noqa: PLC0415

            suit(answer)
        if accept_partial or answer.is_resolved():
            resolved.answers.append((asked, answer))
        return answer

    Destination.configuration = configuration  # type: ignore[assignment, method-assign]


def _describe(destination: Any, initial_config: Any, *, accept_partial: bool) -> tuple[Any, ...]:
    """All that decides what dlt resolves, apart from its providers."""
    # Resolving changes what it is given: so a copy is kept of it.
    return (
        type(initial_config),
        {name: _copy(value) for name, value in vars(initial_config).items()},
        {name: _copy(value) for name, value in destination.config_params.items()},
        accept_partial,
        Container()[ConfigSectionContext].pipeline_name,
    )


def _copy(value: Any) -> Any:
    return (type(value), dict(value)) if isinstance(value, BaseConfiguration) else value
