"""Tells OpenTelemetry of loads and of health, where a program has set it up; else imports none."""

from spaaza_source.telemetry import names as metric_names
from spaaza_source.telemetry.command import tell_command
from spaaza_source.telemetry.measurements import (
    Measurement,
    is_asked_for,
    set_gauges,
    tell_health,
)
from spaaza_source.telemetry.names import Metric
from spaaza_source.telemetry.runs import begin_run, begin_step, end_run, end_step, observe_table

__all__ = [
    "Measurement",
    "Metric",
    "begin_run",
    "begin_step",
    "end_run",
    "end_step",
    "is_asked_for",
    "metric_names",
    "observe_table",
    "set_gauges",
    "tell_command",
    "tell_health",
]
