"""What `spaaza health` finds, as metrics: of each table, and of the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from spaaza_source.health.findings import Finding, HealthRules, Rule
from spaaza_source.health.rules import usual_rows
from spaaza_source.health.table_loads import TableLoad
from spaaza_source.telemetry import Measurement, Metric, metric_names

#: By rule, the metric that its finding's value is of.
BY_RULE: Mapping[Rule, Metric] = {
    "freshness": metric_names.AGE,
    "discrepancies": metric_names.DISCREPANCIES,
    "failed": metric_names.FAILED,
}


def measure_table(
    dataset: str,
    table: str,
    loads: Sequence[TableLoad],
    findings: Sequence[Finding],
    rules: HealthRules,
) -> Iterator[Measurement]:
    """The metrics of a table.

    Args:
        dataset: Its dataset.
        table: Its name.
        loads: Its loads.
        findings: What was found of it.
        rules: What it was held to.
    """
    of_table = {metric_names.DATASET: dataset, metric_names.TABLE: table}
    for each in findings:
        if each.rule in BY_RULE and each.value is not None:
            yield Measurement(BY_RULE[each.rule], each.value, of_table)
    yield from _measure_rules(of_table, findings)
    if not loads:
        return
    last, usual = loads[-1], usual_rows(loads, rules)
    yield Measurement(metric_names.LAST_ROWS, last.rows, of_table)
    yield Measurement(metric_names.TABLE_REJECTED, last.rejected, of_table)
    if usual is not None:
        yield Measurement(metric_names.USUAL_ROWS, usual, of_table)
    for column, share in (last.nulls or {}).items():
        yield Measurement(metric_names.NULLS, share, {**of_table, metric_names.COLUMN: column})


def measure_model(dataset: str, findings: Sequence[Finding]) -> Iterator[Measurement]:
    """The metrics of a dataset's model.

    Args:
        dataset: The dataset.
        findings: What was found of the model.
    """
    for each in findings:
        if each.value is not None and each.column is not None:
            of = {metric_names.DATASET: dataset, metric_names.INVARIANT: each.column}
            yield Measurement(metric_names.VIOLATIONS, each.value, of)
    if findings:
        of_model = {metric_names.DATASET: dataset, metric_names.TABLE: findings[0].table}
        yield from _measure_rules(of_model, findings)


def _measure_rules(of: Mapping[str, str], findings: Sequence[Finding]) -> Iterator[Measurement]:
    """By rule, whether it is broken; nothing where nobody knows."""
    for rule in sorted({each.rule for each in findings}):
        levels = {each.level for each in findings if each.rule == rule}
        if levels != {"unknown"}:
            broken = int("broken" in levels)
            yield Measurement(metric_names.BROKEN, broken, {**of, metric_names.RULE: rule})
