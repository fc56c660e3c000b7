"""The names, units and descriptions of all metrics and spans; docs/telemetry.md lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: The instrumentation scope.
SCOPE = "spaaza_source"

#: The span of a command, of a run of a pipeline, of a step of dlt's in it, a table, and an export.
COMMAND_SPAN = "spaaza {command}"
RUN_SPAN = "spaaza.load"
STEP_SPAN = "spaaza.load.{step}"
TABLE_SPAN = "spaaza.table"
EXPORT_SPAN = "spaaza.export"
#: That of a look at a dataset's health, with an event for each rule that is broken.
HEALTH_SPAN, BROKEN_EVENT = "spaaza.health", "broken"

#: Events of an export's span, which begins when it is asked for.
READY, DOWNLOADED, READ, LOADED = "ready", "downloaded", "read", "loaded"

#: Attributes. `error.type` and those of `process` are OpenTelemetry's own.
ERROR_TYPE = "error.type"
PIPELINE = "spaaza.pipeline"
DATASET = "spaaza.dataset"
DESTINATION = "spaaza.destination"
TABLE = "spaaza.table"
COLUMN = "spaaza.column"
RULE = "spaaza.rule"
INVARIANT = "spaaza.invariant"


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: Its name.
        kind: What it is.
        unit: By UCUM.
        description: What it counts or measures.
    """

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    unit: str
    description: str


ROWS = Metric("spaaza.load.rows", "counter", "{row}", "Rows that were loaded")
REJECTED = Metric(
    "spaaza.load.rejected_rows", "counter", "{row}", "Rows that were kept apart, in rejected_rows"
)
DURATION = Metric("spaaza.load.duration", "histogram", "s", "How long a run of a pipeline took")
FAILURES = Metric(
    "spaaza.export.failures", "counter", "{export}", "Exports that failed, or were not loaded"
)
WAIT = Metric(
    "spaaza.export.wait", "histogram", "s", "From the request of an export to its end at the vendor"
)
DOWNLOAD = Metric("spaaza.export.download", "histogram", "s", "How long an export's download took")
RECEIVED = Metric("spaaza.export.received", "counter", "By", "Bytes of exports that were received")

AGE = Metric("spaaza.table.age", "gauge", "s", "Since when the table has nothing newer")
LAST_ROWS = Metric("spaaza.table.rows", "gauge", "{row}", "Rows of the last load")
USUAL_ROWS = Metric("spaaza.table.usual_rows", "gauge", "{row}", "Rows that a load usually has")
NULLS = Metric("spaaza.table.null_ratio", "gauge", "1", "Share of NULL in a column, last load")
TABLE_REJECTED = Metric(
    "spaaza.table.rejected_rows", "gauge", "{row}", "Rows of the last load that were kept apart"
)
DISCREPANCIES = Metric(
    "spaaza.table.discrepancies", "gauge", "{export}", "Exports with an open discrepancy"
)
FAILED = Metric(
    "spaaza.table.failed_exports", "gauge", "{export}", "Exports that failed since the last load"
)
BROKEN = Metric("spaaza.table.broken_rules", "gauge", "{rule}", "1 where the rule is broken")
VIOLATIONS = Metric(
    "spaaza.model.violation_ratio", "gauge", "1", "Share for which an invariant does not hold"
)

METRICS = (
    *(ROWS, REJECTED, DURATION, FAILURES, WAIT, DOWNLOAD, RECEIVED),
    *(AGE, LAST_ROWS, USUAL_ROWS, NULLS, TABLE_REJECTED, DISCREPANCIES, FAILED, BROKEN, VIOLATIONS),
)
