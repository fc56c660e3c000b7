"""An export has so long to begin, and so long to be done: one setting for both, or two."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spaaza_source.errors import ExportTimeoutError
from spaaza_source.exports.polling import PollSettings
from tests.clocks import FakeClock
from tests.export_runs import SpaazaBench
from tests.hints.loads import check_advice
from tests.vendors.scripted_spaaza import ScriptedTasks


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SpaazaBench]:
    clock = FakeClock()
    with ScriptedTasks(clock=clock.now) as vendor:
        yield SpaazaBench(vendor, clock, tmp_path)


def states(waiting: int, running: int) -> tuple[str, ...]:
    """At one look after the other, a minute apart."""
    return ("READY",) * waiting + ("INPROGRESS",) * running + ("DONE",)


POLLS = {"poll_interval": 60.0, "max_poll_interval": 60.0}


@pytest.mark.parametrize(
    ("waiting", "running", "start_timeout", "export_timeout"),
    [(20, 8, None, 1800.0), (40, 8, 3000.0, 600.0), (8, 40, 600.0, 3000.0)],
)
def test_both_are_waited_for(
    bench: SpaazaBench,
    waiting: int,
    running: int,
    start_timeout: float | None,
    export_timeout: float,
) -> None:
    bench.vendor.states = states(waiting, running)
    own = {} if start_timeout is None else {"start_timeout": start_timeout}
    export = bench.outcome(**POLLS, **own, export_timeout=export_timeout)
    assert export.job.vendor_state == "DONE"


def test_each_ends_by_its_own(bench: SpaazaBench) -> None:
    own = {**POLLS, "start_timeout": 3000.0, "export_timeout": 600.0}
    bench.vendor.states = states(900, 1)
    with pytest.raises(ExportTimeoutError) as given_up:
        bench.outcome(**own)
    check_advice(
        "exports/overdue.py", "Run again later, or raise start_timeout.", str(given_up.value)
    )
    # The job of before is adopted, and begins at once.
    bench.vendor.states = states(0, 900)
    with pytest.raises(ExportTimeoutError) as given_up:
        bench.outcome(**own)
    check_advice(
        "exports/overdue.py", "Run again later, or raise export_timeout.", str(given_up.value)
    )
    assert bench.vendor.asked("create") == 1


def test_the_setting_is_checked() -> None:
    with pytest.raises(Exception, match="start_timeout"):
        PollSettings(start_timeout=-1)
