"""Holds the views of `spaaza model`, where they are made, to what must hold between exports."""

from __future__ import annotations

from typing import Any

from dlt.destinations.exceptions import DatabaseException

from spaaza_source.health.findings import Finding, HealthRules
from spaaza_source.model import can_model, check_invariants, open_dataset


def check_model(pipeline: Any, rules: HealthRules) -> list[Finding]:
    """The findings of a dataset's model; none where there is no model.

    Args:
        pipeline: A dlt pipeline; its destination and dataset are read, and nothing else.
        rules: What it is held to.
    """
    if not can_model(pipeline):
        return []
    most = f"at most {rules.invariant_tolerance:.1%}"
    with open_dataset(pipeline) as dataset:
        model = dataset.model_name
        try:
            asked = check_invariants(dataset)
        except DatabaseException:
            why = "its views cannot be read: make them again by spaaza model"
            return [Finding(model, "invariant", "unknown", "", most, why)]
    findings = []
    for each in asked:
        share = each.wrong / each.checked
        findings.append(
            Finding(
                model,
                "invariant",
                "broken" if share > rules.invariant_tolerance else "ok",
                f"{each.name} fails for {each.wrong:,} of {each.checked:,}",
                f"{most}. {each.meaning}",
                value=share,
                column=each.name,
            )
        )
    return findings
