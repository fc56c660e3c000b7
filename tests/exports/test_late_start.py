"""A task that still waits well after its time is executed once, and never created anew."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import ExportTimeoutError
from spaaza_source.exports.table_sync import TableSync
from spaaza_source.windows import iso
from tests.clocks import FakeClock
from tests.export_runs import SpaazaBench, arrived, wait
from tests.vendors.scripted_spaaza import ScriptedTasks
from tests.vendors.server import Answer, Seen


class SlowStarter(ScriptedTasks):
    """Its tasks wait until they are executed."""

    once: str | None = None
    repeat: str | None = None
    #: What executing a task brings it to, after some more looks.
    leads_to: tuple[str, ...] = ("READY", "INPROGRESS", "DONE")

    #: Until when the answer to an execute call is held back.
    holds_answer: threading.Event | None = None

    def _answer(self, seen: Seen) -> Answer:
        answer = super()._answer(seen)
        if self.holds_answer is not None and seen.path.endswith("/execute"):
            self.holds_answer.wait(20)
        return answer

    def state_of(self, number: int) -> str:
        del number  # there is one
        if "execute" not in self.calls:
            return "READY"
        looks = self.calls[self.calls.index("execute") :].count("look")
        return self.leads_to[min(looks, len(self.leads_to) - 1)]

    def as_json(self, number: int) -> dict[str, Any]:
        task = super().as_json(number)
        trigger = {**task["trigger"], "once": self.once or task["trigger"]["once"]}
        return {**task, "trigger": trigger | ({"repeat": self.repeat} if self.repeat else {})}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SpaazaBench]:
    clock = FakeClock()
    with SlowStarter(clock=clock.now) as vendor:
        yield SpaazaBench(vendor, clock, tmp_path)


def test_a_task_that_waits_on_is_executed_once(bench: SpaazaBench) -> None:
    export = bench.outcome(execute_after=300)
    assert export.job.vendor_state == "DONE"
    assert (bench.vendor.asked("execute"), bench.vendor.asked("create")) == (1, 1)
    assert export.wait_seconds >= 300


@pytest.mark.parametrize(
    "answer",
    [
        Answer.json({"code": "DONE", "last_run_date": "2026-05-26T12:00:00Z"}),
        Answer.json({"id": 1, "state": {"code": "INPROGRESS"}}),
        Answer.json([]),
        Answer(200, b"no JSON"),
        Answer.json({"error": {"name": "x", "description": "Task not found"}}, 404),
        Answer.json({}, 403),
        Answer.json({}, 500),
        Answer(200, b"{", {"Content-Length": "99"}),
    ],
)
def test_any_answer_to_it_is_taken(bench: SpaazaBench, answer: Answer) -> None:
    bench.vendor.always("execute", answer)
    assert bench.outcome(execute_after=300).job.vendor_state == "DONE"
    assert (bench.vendor.asked("execute"), bench.vendor.asked("create")) == (1, 1)


def test_what_nobody_wants_executed_is_not(bench: SpaazaBench) -> None:
    assert isinstance(bench.error(export_timeout=900), ExportTimeoutError)
    assert bench.vendor.asked("execute") == 0


def test_a_task_that_is_not_due_yet_or_repeats_is_not_executed(bench: SpaazaBench) -> None:
    assert isinstance(bench.vendor, SlowStarter)
    bench.vendor.once = iso(bench.clock.now() + timedelta(hours=1))
    assert isinstance(bench.error(export_timeout=900, execute_after=300), ExportTimeoutError)
    bench.vendor.once, bench.vendor.repeat = None, "daily"
    assert isinstance(bench.error(export_timeout=900, execute_after=300), ExportTimeoutError)
    assert bench.vendor.asked("execute") == 0


def test_one_that_stays_as_it_is_meets_its_deadline(bench: SpaazaBench) -> None:
    assert isinstance(bench.vendor, SlowStarter)
    bench.vendor.leads_to = ("READY",) * 3
    error = bench.error(export_timeout=900, execute_after=300)
    assert isinstance(error, ExportTimeoutError)
    assert (bench.vendor.asked("execute"), bench.vendor.asked("create")) == (1, 1)


def test_collecting_executes_it_too_and_waits_for_nothing(bench: SpaazaBench) -> None:
    assert isinstance(bench.vendor, SlowStarter)
    bench.error(export_timeout=900)
    wanted = bench.vendor.request()
    sync = TableSync(wanted.table, lambda _: wanted, collect_only=True)
    first = bench.run(execute_after=300).begin(sync)
    wait(first)
    assert first.require_current() == []
    assert (bench.vendor.asked("execute"), bench.vendor.asked("create")) == (1, 1)
    bench.vendor.leads_to = ("DONE",)
    bench.vendor.dates = {"last_modified": iso(bench.clock.now())}
    second = bench.run(execute_after=300).begin(sync)
    assert arrived(second).job.vendor_state == "DONE"
    assert (bench.vendor.asked("execute"), bench.vendor.asked("create")) == (1, 1)


@pytest.mark.parametrize("after", [None, 9_000])
def test_collecting_executes_nothing_that_is_not_late(
    bench: SpaazaBench, after: float | None
) -> None:
    bench.error(export_timeout=900)
    wanted = bench.vendor.request()
    sync = TableSync(wanted.table, lambda _: wanted, collect_only=True)
    polling = {} if after is None else {"execute_after": after}
    wait(bench.run(**polling).begin(sync))
    assert bench.vendor.asked("execute") == 0


def test_the_polls_go_on_while_an_answer_is_waited_for(bench: SpaazaBench) -> None:
    """The documented answer comes when the task is done."""
    assert isinstance(bench.vendor, SlowStarter)
    bench.vendor.holds_answer = threading.Event()
    try:
        assert bench.outcome(execute_after=300).job.vendor_state == "DONE"
    finally:
        bench.vendor.holds_answer.set()
