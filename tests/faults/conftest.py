"""What tests of faults share: a road from a vendor that a test scripts to a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clocks import FakeClock
from tests.roads import Road
from tests.scripted_tasks import ScriptedTasks


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    with ScriptedTasks() as vendor:
        yield Road(vendor, FakeClock(), tmp_path)
