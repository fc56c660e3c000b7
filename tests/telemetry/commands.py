"""The command in a process of its own, which has imported nothing of OpenTelemetry."""

from __future__ import annotations

import os
import sys
from typing import Any

from spaaza_source.cli import main


def run(arguments: tuple[str, ...], variables: dict[str, str]) -> None:
    """Run it with more variables in its environment."""
    os.environ.update(variables)
    sys.argv = ["spaaza", *arguments]
    main()


def run_without_the_extra(arguments: tuple[str, ...], variables: dict[str, str]) -> None:
    """Run it as if OpenTelemetry were not installed."""
    blocked: dict[str, Any] = {"opentelemetry": None}
    sys.modules.update(blocked)
    run(arguments, variables)


def run_and_tell_modules(arguments: tuple[str, ...], variables: dict[str, str]) -> None:
    """Run it, and print last which modules of OpenTelemetry it has imported."""
    try:
        run(arguments, variables)
    finally:
        found = [name for name in sys.modules if name.startswith("opentelemetry")]
        print("imported:", found)  # noqa: T201
