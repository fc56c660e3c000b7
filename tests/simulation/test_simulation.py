"""A daily load that crashes follows a living shop, and is right every day: a short life of one.

`python -m tests.simulation` lives longer, from any seed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.events import KINDS
from tests.simulation.follow import Follower

pytestmark = pytest.mark.slow


@pytest.mark.thorough
def test_every_day_the_tables_hold_what_is_promised(tmp_path: Path) -> None:
    tally = Follower(tmp_path, days=8, seed=5, crashes=0.4, troubles=0.4).follow()
    assert tally.days == 8
    assert tally.crashes >= 2, tally
    assert tally.troubles >= 1, tally
    assert set(tally.events) == set(KINDS)
