"""Sets gauges to what was measured, where OpenTelemetry is in use."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

from spaaza_source.telemetry.names import Metric

#: Whoever has set up OpenTelemetry has imported one of these.
_APIS = ("opentelemetry.metrics", "opentelemetry.trace")


@dataclass(frozen=True)
class Measurement:
    """What a gauge is set to.

    Attributes:
        metric: The gauge.
        value: What was measured, in its unit.
        attributes: What it was measured of; no value of a row.
    """

    metric: Metric
    value: float
    attributes: Mapping[str, str]


def is_asked_for() -> bool:
    """Whether this program uses OpenTelemetry; nothing of it is imported to find that out."""
    return any(name in sys.modules for name in _APIS)


def set_gauges(measurements: Iterable[Measurement]) -> None:
    """Set gauges, by the meter provider of this program; without any nothing happens."""
    if is_asked_for():
        import_module("spaaza_source.telemetry.instruments").set_gauges(measurements)


@contextmanager
def tell_health(dataset: str) -> Iterator[list[tuple[str, str]]]:
    """Make a span of a look at a dataset's health, inside the `with` block.

    Args:
        dataset: The dataset.

    Yields:
        A list, to be filled with the table and the rule of each that is broken.
    """
    broken: list[tuple[str, str]] = []
    if not is_asked_for():
        yield broken
        return
    with import_module("spaaza_source.telemetry.instruments").health_span(dataset, broken):
        yield broken
