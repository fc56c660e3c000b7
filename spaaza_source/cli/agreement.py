"""Asks a person at a terminal before a plan of very many exports is requested."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import click

from spaaza_source.cli.output.error_messages import large_plan
from spaaza_source.errors import LargePlanError
from spaaza_source.exports import ExportSubmitter
from spaaza_source.windows import iso

_T = TypeVar("_T")


def run_agreed(submitter: ExportSubmitter, run: Callable[[], _T], *, may_ask: bool = True) -> _T:
    """Run what requests exports; where they would be more than `max_exports`, ask, and run again.

    Nothing has been requested when the question comes. It comes for each table. Without a terminal
    nobody is asked, and the error stays one.

    Args:
        submitter: What requests the exports; it keeps what was agreed to.
        run: Requests them.
        may_ask: Whether a question may be written to stdout at all.

    Raises:
        LargePlanError: They are more, and nobody could be asked, or said yes; or what `run` raises.
    """
    while True:
        try:
            return run()
        except Exception as failure:
            plan = large_plan(failure)
            if plan is None or not (may_ask and _is_interactive() and _agree(plan)):
                raise
            submitter.agreed.add(plan.table)


def _is_interactive() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _agree(plan: LargePlanError) -> bool:
    start, end = (iso(instant).removesuffix("T00:00:00Z") for instant in (plan.start, plan.end))
    return click.confirm(
        f"This would ask the vendor for {plan.exports:,} exports of {plan.table}"
        f" (from {start} to {end}). Go on?"
    )
