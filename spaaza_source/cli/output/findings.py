"""Shows what `spaaza health` finds: a line for each table and rule, what is broken first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from spaaza_source.cli.output.listing import print_rows
from spaaza_source.health import Finding


def show_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Print findings as they come, then how many rules are broken."""
    rows = [
        (each.table, each.rule, each.level, each.measured, each.expected or each.reason)
        if each.level != "unknown"
        else (each.table, each.rule, each.level, each.measured, each.reason)
        for each in findings
    ]
    console.print()
    print_rows(console, ("table", "rule", "level", "measured", "expected, or why"), rows, lead=3)
    broken = sum(each.level == "broken" for each in findings)
    unknown = sum(each.level == "unknown" for each in findings)
    console.print(
        f"\n{len(findings)} findings: {broken} broken, {unknown} unknown.", highlight=False
    )
