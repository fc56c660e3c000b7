"""A daily load that crashes follows a living shop, and is right every day: a short life of one.

`python -m tests.simulation` lives longer, from any seed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.follow import Follower

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("seed", "days", "troubles"), [(2, 4, 0), pytest.param(5, 10, 1, marks=pytest.mark.thorough)]
)
@pytest.mark.thorough
def test_every_day_the_tables_hold_what_is_promised(
    seed: int, days: int, troubles: int, tmp_path: Path
) -> None:
    tally = Follower(tmp_path, days=days, seed=seed, crashes=0.6, troubles=0.2).follow()
    assert tally.days == days
    assert tally.crashes >= 2
    assert tally.troubles >= troubles
