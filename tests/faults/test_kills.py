"""Fault 13, in short: `python -m tests.faults.kills` makes many kills, and in every phase."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.kills import trial
from tests.faults.scenarios import SCENARIOS, Scenario, Undisturbed, undisturbed

pytestmark = [pytest.mark.slow, pytest.mark.wing("dlt_hooks")]

#: Phases that leave something to take up, each in one of the two ways of loading.
KILLS = {
    "months": ("normalize",),
    "snapshot": ("convert", "commit"),
    "redemptions": ("ask",),
}


@pytest.fixture(
    scope="module",
    params=[
        "snapshot",
        *(pytest.param(name, marks=pytest.mark.thorough) for name in ("months", "redemptions")),
    ],
)
def rehearsed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Scenario, Undisturbed]:
    name = request.param
    folder = tmp_path_factory.mktemp("undisturbed") / "once"
    return name, SCENARIOS[name], undisturbed(SCENARIOS[name], folder)


def test_a_load_that_is_killed_ends_as_if_nothing_had_happened(
    rehearsed: tuple[str, Scenario, Undisturbed], tmp_path: Path
) -> None:
    name, scenario, expected = rehearsed
    for phase in KILLS[name]:
        draw = random.Random(f"{name} {phase}")  # noqa: S311 - no secret
        tried = trial(scenario, phase, expected, draw, tmp_path / phase)
        assert tried.wrong == [], tried
