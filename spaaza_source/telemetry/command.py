"""Tells OpenTelemetry of a command, by providers that are set up for it and sent off at its end.

Only OpenTelemetry's own variables in the environment say whether, and where to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

#: Variables that ask for telemetry, by signal. The value `none` asks for no such signal.
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
SIGNALS = {
    "traces": ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
    "metrics": ("OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
}
#: The extra that installs what is needed.
EXTRA = "spaaza-source[otel]"
OTLP, CONSOLE, NONE = "otlp", "console", "none"


class Outcome:
    """How a command ends: its exit code, which is 0 until it is set, and the class of its error."""

    def __init__(self) -> None:
        self.code = 0
        self.error: str | None = None


@contextmanager
def tell_command(name: str, warn: Callable[[str], None]) -> Iterator[Outcome]:
    """Make a span of a command inside the `with` block, and send all telemetry off at its end.

    Without a variable that asks for it, nothing is imported. Where `opentelemetry-instrument` runs
    the command, its providers are used, and it sends them off.

    Args:
        name: The command's, such as `load`.
        warn: Tells the user what could not be sent, or why nothing is.

    Yields:
        The command's outcome, to be set before the end.
    """
    outcome = Outcome()
    asked_for = exporters_asked_for()
    if not asked_for:
        yield outcome
        return
    try:
        providers = import_module("spaaza_source.telemetry.providers")
    except ModuleNotFoundError as missing:
        if not (missing.name or "").startswith("opentelemetry"):
            raise
        warn(
            "OpenTelemetry's variables are set, but it is not installed, so nothing is sent."
            f" Install it: pip install '{EXTRA}'; or unset them."
        )
        yield outcome
        return
    with (
        providers.providers_for_command(asked_for, warn),
        providers.command_span(name, outcome),
    ):
        yield outcome


def exporters_asked_for() -> dict[str, list[str]]:
    """By signal, the exporters that the environment names; none where nothing asks for any."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return {}
    found = {}
    for signal, (exporter, endpoint) in SIGNALS.items():
        named = os.environ.get(exporter, "")
        if not named and (os.environ.get(ENDPOINT) or os.environ.get(endpoint)):
            named = OTLP
        names = [each.strip().lower() for each in named.split(",")]
        if names := [each for each in names if each not in ("", NONE)]:
            found[signal] = names
    return found
