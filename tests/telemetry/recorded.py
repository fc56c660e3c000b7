"""What a program tells OpenTelemetry: each runs in a process of its own, with providers it sets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.processes import ran

#: What comes before it in the output of a process is not ours.
MARK = "\nrecorded: "


@dataclass(frozen=True)
class Recorded:
    """What was told: spans in the order of their ends, and the points of each metric."""

    spans: list[dict[str, Any]]
    metrics: dict[str, dict[str, Any]]
    text: str

    def named(self, name: str) -> list[dict[str, Any]]:
        return [span for span in self.spans if span["name"] == name]

    def of_table(self, name: str, table: str) -> dict[str, Any]:
        [span] = [span for span in self.named(name) if span["attributes"]["spaaza.table"] == table]
        return span

    def points(self, name: str, attribute: str = "spaaza.table") -> dict[str, float]:
        """The values of a metric's points by one of their attributes."""
        points = self.metrics.get(name, {"points": []})["points"]
        return {attributes[attribute]: value for value, attributes in points}


def recorded(program: Callable[..., None], *given: Any) -> Recorded:
    """Run a program of this folder, and return what it has told."""
    done = ran(_record, program, *given)
    assert done.returncode == 0, done.stderr
    text = done.stdout.rpartition(MARK)[2]
    return Recorded(**json.loads(text), text=text)


def _record(program: Callable[..., None], *given: Any) -> None:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(MeterProvider([reader]))
    program(*given)
    spans = exporter.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans if span.context}
    told: list[dict[str, Any]] = [
        {
            "name": span.name,
            "parent": names.get(span.parent.span_id) if span.parent else None,
            "begun": span.start_time,
            "ended": span.end_time,
            "status": span.status.status_code.name,
            "said": span.status.description,
            "attributes": dict(span.attributes or {}),
            "events": {
                event.name: [event.timestamp, dict(event.attributes or {})] for event in span.events
            },
        }
        for span in spans
    ]
    print(MARK + json.dumps({"spans": told, "metrics": _points(reader)}))  # noqa: T201


def _points(reader: InMemoryMetricReader) -> dict[str, Any]:
    data = reader.get_metrics_data()
    found: dict[str, Any] = {}
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                points: list[Any] = list(metric.data.data_points)
                found[metric.name] = {
                    "unit": metric.unit,
                    "points": [
                        (
                            getattr(each, "value", None) or getattr(each, "sum", 0),
                            dict(each.attributes),
                        )
                        for each in points
                    ],
                }
    return found
