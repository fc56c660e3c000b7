"""The page about telemetry names what is told, by kind and unit."""

from __future__ import annotations

import re

from spaaza_source.telemetry import metric_names
from tests.test_readme import rows, section

PAGE = "docs/telemetry.md"


def test_the_page_lists_every_metric_with_its_kind_and_unit() -> None:
    _, *described = rows(section(PAGE, "## Metrics"))
    told = {(name.strip("`"), kind, unit.strip("`")) for name, kind, unit, *_ in described}
    assert told == {(each.name, each.kind, each.unit) for each in metric_names.METRICS}


def test_the_page_lists_every_span() -> None:
    named = set(re.findall(r"`(spaaza[ .][\w. ]+)`", section(PAGE, "## Spans")))
    spans = {
        metric_names.RUN_SPAN,
        metric_names.TABLE_SPAN,
        metric_names.EXPORT_SPAN,
        metric_names.HEALTH_SPAN,
        *(metric_names.STEP_SPAN.format(step=step) for step in ("extract", "normalize", "load")),
        *(
            metric_names.COMMAND_SPAN.format(command=command)
            for command in ("load", "collect", "health")
        ),
    }
    assert spans <= named
