"""Sets up OpenTelemetry's SDK for a command, as its own variables say; sends all off at the end.

What the SDK reads from the environment by itself (the service's name, the sampler, headers, time
limits, the interval of metrics) is left to it. Whatever a collector does, a command waits for it
no longer than `LONGEST`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    ConsoleMetricExporter,
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SpanExporter,
    SpanExportResult,
)

from spaaza_source.telemetry import names
from spaaza_source.telemetry.command import CONSOLE, ENDPOINT, NONE, OTLP, SIGNALS, Outcome

#: Seconds that a command's end waits for a collector, for all signals together.
LONGEST = 10.0
#: What the service is called where the environment does not name it.
SERVICE = "spaaza"
#: Spans that wait to be sent: those of a run are made all at once, and those of the SDK's own
#: number would not be enough for a run of thousands of exports.
WAITING = 50_000
#: What the extra's exporter speaks.
HTTP = "http/protobuf"
#: Where the exporter sends to, if the environment does not say.
DEFAULT = "http://localhost:4318"

Warn: TypeAlias = Callable[[str], None]


@contextmanager
def providers_for_command(asked_for: Mapping[str, Sequence[str]], warn: Warn) -> Iterator[None]:
    """Set up the providers that are asked for; send off what they have at the end.

    Args:
        asked_for: By signal, the names of its exporters.
        warn: Tells the user what could not be sent, or why nothing is.
    """
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        # `opentelemetry-instrument` has set up all that this program has.
        yield
        return
    unsent: Counter[str] = Counter()
    ends: dict[str, Callable[[], Any]] = {}
    for signal, set_up in (("traces", _set_up_traces), ("metrics", _set_up_metrics)):
        try:
            if exporters := _make_exporters(signal, asked_for.get(signal, ()), unsent, warn):
                ends[signal] = set_up(exporters)
        except Exception as wrong:  # noqa: BLE001 - no load fails for it
            warn(
                f"OpenTelemetry: {signal} cannot be set up by its variables"
                f" ({type(wrong).__name__}), so none are sent. Correct them, or unset them."
            )
    # From here on its lines tell of each try, with the collector's answers; ours of what is lost.
    own = logging.getLogger("opentelemetry")
    own.addHandler(logging.NullHandler())
    own.propagate = False
    try:
        yield
    finally:
        late = _end_together(ends)
        for signal in ends:
            if unsent[signal] or signal in late:
                why = "has not answered" if signal in late else "has not taken them all"
                warn(
                    f"OpenTelemetry: the collector at {_locate(signal)} {why}, so {signal} of this"
                    f" command are lost. Check the collector, or {ENDPOINT}."
                )


@contextmanager
def command_span(name: str, outcome: Outcome) -> Iterator[None]:
    """The span of a command inside the `with` block; what it runs is below it."""
    attributes: dict[str, str | int] = {
        "process.executable.name": "spaaza",
        "process.pid": os.getpid(),
    }
    tracer = trace.get_tracer(names.SCOPE, version("spaaza-source"))
    with tracer.start_as_current_span(
        names.COMMAND_SPAN.format(command=name),
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        finally:
            span.set_attribute("process.exit.code", outcome.code)
            if outcome.code:
                error = outcome.error or str(outcome.code)
                span.set_attribute(names.ERROR_TYPE, error)
                span.set_status(trace.Status(trace.StatusCode.ERROR, error))


def _end_together(ends: Mapping[str, Callable[[], Any]]) -> list[str]:
    """End providers side by side; returns the signals of those that are not done in time."""
    # Daemons: whatever a collector does, the command ends.
    threads = {
        signal: threading.Thread(target=end, name=f"end {signal}", daemon=True)
        for signal, end in ends.items()
    }
    until = time.monotonic() + LONGEST
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join(max(0.0, until - time.monotonic()))
    return [signal for signal, thread in threads.items() if thread.is_alive()]


def _set_up_traces(exporters: Sequence[SpanExporter]) -> Callable[[], None]:
    """Set up what sends spans; returns what sends the last ones off."""
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    for exporter in exporters:
        waiting = None if os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE") else WAITING
        provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=waiting))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def _set_up_metrics(exporters: Sequence[MetricExporter]) -> Callable[[], None]:
    """Set up what sends metrics; returns what sends the last ones off."""
    readers = [PeriodicExportingMetricReader(exporter) for exporter in exporters]
    provider = MeterProvider(readers, resource=_resource(), shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    return provider.shutdown


def _resource() -> Resource:
    """What the telemetry is of: what the environment says comes first."""
    found = Resource.create()
    if str(found.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        found = found.merge(Resource({SERVICE_NAME: SERVICE}))
    return Resource({SERVICE_VERSION: version("spaaza-source")}).merge(found)


def _make_exporters(
    signal: str, asked_for: Sequence[str], unsent: Counter[str], warn: Warn
) -> list[Any]:
    """The exporters of a signal that are asked for, as far as there are such."""
    made: list[Any] = []
    for name in asked_for:
        if name == OTLP and _speaks_http(signal, warn):
            made.append(_Spans(unsent) if signal == "traces" else _Metrics(unsent))
        elif name == CONSOLE:
            # On stdout are the command's own lines.
            console = ConsoleSpanExporter if signal == "traces" else ConsoleMetricExporter
            made.append(console(out=sys.stderr))
        elif name != OTLP:
            warn(
                f"OpenTelemetry: {SIGNALS[signal][0]} names an exporter that spaaza does not have."
                f" Set it to {OTLP}, {CONSOLE} or {NONE}."
            )
    return made


def _speaks_http(signal: str, warn: Warn) -> bool:
    """Whether the environment leaves it to the exporter over HTTP to send."""
    names = (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    name = next((name for name in names if os.environ.get(name)), names[1])
    if os.environ.get(name, HTTP).strip().lower() == HTTP:
        return True
    warn(
        f"OpenTelemetry: spaaza sends by {HTTP} alone, so no {signal} are sent. Set"
        f" {name}={HTTP}, and {ENDPOINT} to the collector's port for that, usually 4318."
    )
    return False


def _locate(signal: str) -> str:
    """Where a signal is sent to; without what may be a secret."""
    address = os.environ.get(SIGNALS[signal][1]) or os.environ.get(ENDPOINT) or DEFAULT
    try:
        found = urlsplit(address)
        port = f":{found.port}" if found.port else ""
    except ValueError:
        return "that address"
    return f"{found.scheme}://{found.hostname}{port}"


class _Spans(OTLPSpanExporter):
    """Sends spans; counts the batches that were not taken."""

    def __init__(self, unsent: Counter[str]) -> None:
        super().__init__()
        self._unsent = unsent

    def export(self, *spans: Any, **more: Any) -> SpanExportResult:
        """Send a batch."""
        self._unsent["traces"] += 1
        result = super().export(*spans, **more)
        self._unsent["traces"] -= result is SpanExportResult.SUCCESS
        return result


class _Metrics(OTLPMetricExporter):
    """Sends metrics; notes whether the last batch was not taken: each has what came before."""

    def __init__(self, unsent: Counter[str]) -> None:
        super().__init__()
        self._unsent = unsent

    def export(self, *data: Any, **more: Any) -> MetricExportResult:
        """Send a batch."""
        self._unsent["metrics"] = 1
        result = super().export(*data, **more)
        self._unsent["metrics"] -= result is MetricExportResult.SUCCESS
        return result
