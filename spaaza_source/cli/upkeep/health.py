"""What `spaaza health` does: holds the tables of a dataset to rules, and shows what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from spaaza_source.chat import tell_chat
from spaaza_source.cli.output import Report, with_report
from spaaza_source.cli.output.error_messages import FAILED
from spaaza_source.cli.pipeline import reading_pipeline
from spaaza_source.cli.target import Target
from spaaza_source.health import Finding, HealthRules, check_health, parse_age

#: The pipeline that reads: no load is of it, and no account has to be known for its name.
READER = "spaaza_health"


def health(**options: Any) -> None:
    """Show how healthy tables are; exit code 1 where a rule is broken."""
    _health(verbose=False, **options)


@with_report
def _health(
    *,
    report: Report,
    max_age: str,
    volume_tolerance: float,
    null_tolerance: float,
    max_rejected_share: float,
    invariant_tolerance: float,
    min_loads: int,
    **options: Any,
) -> None:
    rules = HealthRules(
        parse_age(max_age),
        volume_tolerance,
        null_tolerance,
        max_rejected_share,
        invariant_tolerance,
        min_loads,
    )
    broken = 0
    for target in Target.each(**options):
        report.begin_chain(target.chain)
        # Of a DuckDB file that is not there an empty one is read.
        with reading_pipeline(replace(target, pipeline=READER)) as pipeline:
            findings = check_health(pipeline, target.tables if target.are_named else (), rules)
        report.add_findings(findings)
        broken += _tell(target.dataset, findings)
    if broken:
        report.finish([], FAILED)
        raise click.exceptions.Exit(FAILED)


def _tell(dataset: str, findings: Sequence[Finding]) -> int:
    """Tell a chat, if one is set up, of what is broken; returns how many rules that is."""
    broken = [each for each in findings if each.level == "broken"]
    if broken:
        told = ", ".join(f"{each.table} {each.rule} ({each.measured})" for each in broken)
        tell_chat(f"{dataset} is not healthy: {told}")
    return len(broken)
