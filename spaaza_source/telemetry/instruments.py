"""Makes spans and metrics of what was noted, by the providers of this program; sets none up.

Spans are made once a run has ended, each from when it began: so what an export is worth telling is
known, and no thread that waits for a vendor has to do with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from typing import TypeAlias

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from spaaza_source.exports import Phase
from spaaza_source.telemetry import names
from spaaza_source.telemetry.measurements import Measurement
from spaaza_source.telemetry.runs import ExportNote, RunNote, StepNote, TableNote
from spaaza_source.windows import iso

Attributes: TypeAlias = dict[str, str | int | float | bool]

#: The bounds of histograms of seconds: a vendor may take a second, or an hour.
SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400)


def set_gauges(measurements: Iterable[Measurement]) -> None:
    """Set gauges to what was measured."""
    meter = _meter()
    for each in measurements:
        metric = each.metric
        gauge = meter.create_gauge(metric.name, metric.unit, metric.description)
        gauge.set(each.value, dict(each.attributes))


@contextmanager
def health_span(dataset: str, broken: Sequence[tuple[str, str]]) -> Iterator[None]:
    """The span of a look at a dataset's health, inside the `with` block.

    Args:
        dataset: The dataset.
        broken: At the end of the block, the table and the rule of each that is broken.
    """
    tracer = trace.get_tracer(names.SCOPE, version("spaaza-source"))
    span = tracer.start_span(names.HEALTH_SPAN, attributes={names.DATASET: dataset})
    error = None
    try:
        yield
    except Exception as failure:
        error = type(failure).__name__
        raise
    finally:
        for table, rule in broken:
            span.add_event(names.BROKEN_EVENT, {names.TABLE: table, names.RULE: rule})
        span.set_attribute("spaaza.broken_rules", len(broken))
        _end(span, None, error)


def tell_run(run: RunNote) -> None:
    """Make the spans and the metrics of a run that has ended."""
    of_run = _known(
        {
            names.PIPELINE: run.pipeline,
            names.DATASET: run.dataset,
            names.DESTINATION: run.destination,
        }
    )
    tracer = trace.get_tracer(names.SCOPE, version("spaaza-source"))
    span = tracer.start_span(names.RUN_SPAN, None, SpanKind.INTERNAL, of_run, None, _ns(run.begun))
    inside = trace.set_span_in_context(span)
    for step in run.steps:
        # The step `run` is all of it.
        if step.name != "run":
            _tell_step(tracer, step, inside, run.ended)
    for table in run.tables:
        _tell_table(tracer, table, inside, run.ended)
    _end(span, run.ended, run.error)
    _count(run, of_run)


def _tell_step(
    tracer: trace.Tracer, step: StepNote, inside: Context, run_ended: datetime | None
) -> None:
    name = names.STEP_SPAN.format(step=step.name)
    span = tracer.start_span(name, inside, start_time=_ns(step.begun))
    _end(span, step.ended or run_ended, step.error)


def _tell_table(
    tracer: trace.Tracer, table: TableNote, inside: Context, run_ended: datetime | None
) -> None:
    of_table: Attributes = {names.TABLE: table.table}
    span = tracer.start_span(
        names.TABLE_SPAN, inside, attributes=of_table, start_time=_ns(table.begun)
    )
    for note in table.exports:
        _tell_export(tracer, table, note, trace.set_span_in_context(span))
    counted = _loaded(table)
    span.set_attribute("spaaza.exports", len(table.exports))
    span.set_attribute("spaaza.rows", counted["loaded"])
    span.set_attribute("spaaza.rejected_rows", counted["rejected"])
    errors = [table.error, *(note.error for note in table.exports if not note.is_replaced)]
    ended = table.loaded or table.ended or run_ended
    _end(span, ended, next((error for error in errors if error), None))


def _tell_export(tracer: trace.Tracer, table: TableNote, note: ExportNote, inside: Context) -> None:
    export = note.export
    request, read, entered = export.request, export.read, export.entered
    window = request.window
    attributes = _known(
        {
            names.TABLE: request.table,
            "spaaza.export.job_id": export.job.job_id,
            "spaaza.export.state": export.job.vendor_state,
            "spaaza.export.window.start": iso(window.start) if window and window.start else None,
            "spaaza.export.window.end": iso(window.end) if window else None,
            "spaaza.export.format": request.export_format,
            "spaaza.export.adopted": export.adopted,
            "spaaza.export.polls": export.polls,
            "spaaza.export.split_from": export.split_from,
            "spaaza.export.replaced": note.is_replaced,
            "spaaza.export.received": export.received,
            "spaaza.export.wait": _waited(note),
            "spaaza.export.download": export.download_seconds if export.arrived else None,
            "spaaza.export.read": read.seconds if read else None,
            "spaaza.export.size": export.arrived.size if export.arrived else None,
            "spaaza.export.unchanged": read.is_unchanged if read else None,
            "spaaza.rows": read.loaded if read else None,
            "spaaza.rejected_rows": read.rejected if read else None,
        }
    )
    begun = min(entered.values())
    span = tracer.start_span(
        names.EXPORT_SPAN, inside, attributes=attributes, start_time=_ns(begun)
    )
    reached = {
        names.READY: entered.get(Phase.READY),
        names.DOWNLOADED: entered.get(Phase.ARRIVED),
        names.READ: read.at if read else None,
        names.LOADED: table.loaded if read else None,
    }
    for name, at in reached.items():
        if at is not None:
            span.add_event(name, timestamp=_ns(at))
    last = max([begun, *entered.values(), *(at for at in reached.values() if at is not None)])
    # The other exports that bring its rows are spans of their own.
    ended = last if note.is_replaced else max(last, export.failed_at or last)
    _end(span, ended, note.error)


def _count(run: RunNote, of_run: Attributes) -> None:
    """Record the metrics of a run."""
    meter = _meter()
    rows, rejected, failures, received = (
        meter.create_counter(each.name, each.unit, each.description)
        for each in (names.ROWS, names.REJECTED, names.FAILURES, names.RECEIVED)
    )
    duration, wait, download = (
        meter.create_histogram(
            each.name,
            each.unit,
            each.description,
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        for each in (names.DURATION, names.WAIT, names.DOWNLOAD)
    )
    if run.ended is not None:
        seconds = (run.ended - run.begun).total_seconds()
        duration.record(seconds, _with_error(of_run, run.error))
    for name, count in run.resumed.items():
        rows.add(count, {**of_run, names.TABLE: name})
    for table in run.tables:
        of_table: Attributes = {**of_run, names.TABLE: table.table}
        if table.loaded is not None:
            counted = _loaded(table)
            rows.add(counted["written"], of_table)
            rejected.add(counted["rejected"], of_table)
        for note in table.exports:
            export = note.export
            if (waited := _waited(note)) is not None:
                wait.record(waited, _with_error(of_table, note.error))
            if export.arrived is not None and Phase.DOWNLOADING in export.entered:
                download.record(export.download_seconds, of_table)
                received.add(export.received, of_table)
            if note.error is not None:
                failures.add(1, _with_error(of_table, note.error))


def _loaded(table: TableNote) -> Counter[str]:
    """What the files of a table have: rows that are loaded, those written by it, rejected ones."""
    counted: Counter[str] = Counter()
    for note in table.exports:
        if (read := note.export.read) is not None:
            counted["loaded"] += read.loaded
            counted["written"] += 0 if read.is_unchanged else read.loaded
            counted["rejected"] += read.rejected
    return counted


def _waited(note: ExportNote) -> float | None:
    """Seconds that the vendor was waited for; None where it was not: of a file that was there."""
    export = note.export
    is_over = Phase.READY in export.entered or note.error is not None
    return export.wait_seconds if export.polls and is_over else None


def _meter() -> metrics.Meter:
    return metrics.get_meter(names.SCOPE, version("spaaza-source"))


def _end(span: Span, at: datetime | None, error: str | None) -> None:
    if error is not None:
        # The class alone: a text may come from a user's own step, with a value of a row in it.
        span.set_attribute(names.ERROR_TYPE, error)
        span.set_status(Status(StatusCode.ERROR, error))
    span.end(None if at is None else _ns(at))


def _with_error(attributes: Attributes, error: str | None) -> Attributes:
    return attributes if error is None else {**attributes, names.ERROR_TYPE: error}


def _known(attributes: Mapping[str, str | int | float | bool | None]) -> Attributes:
    """The attributes that are known: OpenTelemetry has no NULL."""
    return {name: value for name, value in attributes.items() if value is not None}


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1_000
