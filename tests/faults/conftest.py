"""What tests of faults share: a road from a vendor that a test scripts to a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clocks import FakeClock
from tests.roads import AnyRoad, Road, SpaazaRoad, VoucherifyRoad
from tests.scripted_exports import ScriptedExports
from tests.scripted_tasks import ScriptedTasks


@pytest.fixture
def spaaza_road(tmp_path: Path) -> Iterator[SpaazaRoad]:
    with ScriptedTasks() as vendor:
        yield Road(vendor, FakeClock(), tmp_path)


@pytest.fixture
def voucherify_road(tmp_path: Path) -> Iterator[VoucherifyRoad]:
    with ScriptedExports() as vendor:
        yield Road(vendor, FakeClock(), tmp_path)


@pytest.fixture(params=["spaaza_road", "voucherify_road"], ids=["spaaza", "voucherify"])
def road(request: pytest.FixtureRequest) -> AnyRoad:
    """To each vendor in its turn."""
    found: AnyRoad = request.getfixturevalue(request.param)
    return found
