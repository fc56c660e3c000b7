"""What tests of faults share: runs against a vendor that a test scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clocks import FakeClock
from tests.export_runs import AnyBench, Bench, SpaazaBench, VoucherifyBench
from tests.vendors.scripted_spaaza import ScriptedTasks
from tests.vendors.scripted_voucherify import ScriptedExports


@pytest.fixture
def spaaza_bench(tmp_path: Path) -> Iterator[SpaazaBench]:
    with ScriptedTasks() as vendor:
        yield Bench(vendor, FakeClock(), tmp_path)


@pytest.fixture
def voucherify_bench(tmp_path: Path) -> Iterator[VoucherifyBench]:
    with ScriptedExports() as vendor:
        yield Bench(vendor, FakeClock(), tmp_path)


@pytest.fixture(params=["spaaza_bench", "voucherify_bench"], ids=["spaaza", "voucherify"])
def bench(request: pytest.FixtureRequest) -> AnyBench:
    """Of each vendor in its turn."""
    found: AnyBench = request.getfixturevalue(request.param)
    return found
