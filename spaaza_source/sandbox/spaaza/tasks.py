"""Tasks of a chain: their states at a moment of the clock, their runs and files.

States follow from the clock alone: nothing waits or wakes. A run is made at the first request after
its start; its file is then written in the background. A large file may not be ready when the clock
says it should be: the task then stays INPROGRESS a little longer.
"""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from spaaza_source.sandbox.export_files import ExportWriter, Outcome, wait_briefly
from spaaza_source.sandbox.instants import instant_text
from spaaza_source.sandbox.settings import SandboxSettings
from spaaza_source.sandbox.slots import Slots
from spaaza_source.sandbox.spaaza.bodies import Order
from spaaza_source.sandbox.spaaza.refusals import SpaazaRefusal, task_not_found
from spaaza_source.sandbox.spaaza.schedule import due_after
from spaaza_source.sandbox.spaaza.shop import Shop

STATES = ("READY", "INPROGRESS", "DONE", "ERROR")

# The vendor's field is a date even before the first run; Go's zero time means "never".
_NEVER_RAN = "0001-01-01T00:00:00Z"
_FIRST_ID = 12_001


@dataclass(frozen=True)
class Run:
    """One run: its start and end by the clock, and its file, which may still be written."""

    start: datetime
    finish: datetime
    written: "Future[Outcome]"

    def is_over(self, now: datetime) -> bool:
        """Whether its end has passed and its file is written."""
        return now >= self.finish and self.written.done()


@dataclass
class SandboxTask:
    """One task; guarded by the lock of its `TaskBook`."""

    number: int
    order: Order
    created: datetime
    due: datetime | None
    runs: list[Run] = field(default_factory=list)

    def state(self, now: datetime) -> str:
        """One of STATES."""
        if not self.runs:
            return "READY"
        run = self.runs[-1]
        if not run.is_over(now):
            return "INPROGRESS"
        return "ERROR" if run.written.result().file is None else "DONE"

    def state_object(self, now: datetime) -> dict[str, str]:
        """The `state` of a task object; also the answer to an execute call."""
        modified = self.created
        last_run = _NEVER_RAN
        if self.runs:
            run = self.runs[-1]
            last_run = instant_text(run.start)
            modified = run.finish if run.is_over(now) else run.start
        return {
            "code": self.state(now),
            "last_run_date": last_run,
            "last_modified": instant_text(modified),
            "created_date": instant_text(self.created),
        }

    def logs(self, now: datetime) -> list[dict[str, str]]:
        """Newest first. The fields of an entry are not documented, so these are a guess."""
        entries = [_entry(self.created, "info", "Task created")]
        for run in self.runs:
            entries.append(_entry(run.start, "info", f"Export of {self.order.index} started"))
            if run.is_over(now):
                outcome = run.written.result()
                entries.append(
                    _entry(run.finish, "info", f"Export finished: {outcome.rows} rows")
                    if outcome.file
                    else _entry(run.finish, "error", "Export timed out: too many records")
                )
        return entries[::-1]

    def as_json(self, now: datetime, log_limit: int, log_offset: int) -> dict[str, Any]:
        """The task object of the API."""
        return {
            "id": self.number,
            "chain": self.order.chain,
            "desc": self.order.desc,
            "state": self.state_object(now),
            "trigger": self.order.trigger,
            "target": self.order.target,
            "logs": self.logs(now)[log_offset : log_offset + log_limit],
            "debug": self.order.debug,
            "version": 1,
        }


class TaskBook:
    """All tasks, in the order they were created; thread-safe."""

    def __init__(self, settings: SandboxSettings, shop: Shop, writer: ExportWriter) -> None:
        self._settings = settings
        self._shop = shop
        self._writer = writer
        self._lock = threading.Lock()
        self._tasks: dict[int, SandboxTask] = {}
        self._slots = Slots(settings.side_by_side)

    def create(self, order: Order, now: datetime) -> SandboxTask:
        """Create a task; one whose `once` has passed is due now."""
        with self._lock:
            task = SandboxTask(_FIRST_ID + len(self._tasks), order, now, due=max(order.once, now))
            self._tasks[task.number] = task
        return self.get(task.number, now)

    def get(self, number: int, now: datetime) -> SandboxTask:
        """A task in its present state; raises SpaazaRefusal where there is none."""
        with self._lock:
            self._advance(now)
            task = self._tasks.get(number)
        if task is None:
            raise task_not_found()
        self._wait_for_files([task], now)
        return task

    def newest_first(self, now: datetime) -> list[SandboxTask]:
        """Every task in its present state."""
        with self._lock:
            self._advance(now)
            tasks = list(self._tasks.values())[::-1]
        self._wait_for_files(tasks, now)
        return tasks

    def execute(self, number: int, now: datetime) -> SandboxTask:
        """Run a task now, outside the queue; returns when its file is written.

        A task that is running is refused. The next time of one that repeats stays as it is.
        """
        task = self.get(number, now)
        with self._lock:
            if task.state(now) == "INPROGRESS":
                raise SpaazaRefusal(400, 400, "task_in_progress", "The task is running already.")
            if task.order.repeat is None:
                task.due = None
            run = self._run(task, now, now)
        run.written.result()
        return task

    def file_of(self, number: int, now: datetime) -> Path | None:
        """The file of a task's latest run that wrote one; None where there is none."""
        try:
            task = self.get(number, now)
        except SpaazaRefusal:
            return None
        files = (run.written.result().file for run in reversed(task.runs) if run.is_over(now))
        return next((file for file in files if file is not None), None)

    def _advance(self, now: datetime) -> None:
        """Make every run that has started by now, in the order of their starts."""
        queue = timedelta(seconds=self._settings.queue_seconds)
        missed: dict[int, tuple[datetime, datetime]] = {}
        while waiting := [task for task in self._tasks.values() if task.due is not None]:
            task = min(waiting, key=lambda each: (each.due, each.number))
            due = task.due
            if due is None or (start := self._slots.first_free(due + queue)) > now:
                break
            finish = start + timedelta(seconds=self._settings.run_seconds)
            self._slots.occupy(finish)
            missed[task.number] = (start, finish)
            repeat = task.order.repeat
            task.due = due_after(task.order.once, repeat, start) if repeat else None
        # Of several runs since the last request, only the last one can be seen.
        for number, (start, finish) in missed.items():
            self._run(self._tasks[number], start, finish)

    def _run(self, task: SandboxTask, start: datetime, finish: datetime) -> Run:
        order = task.order
        schema = partial(self._shop.schema, order.index)
        written = self._writer.submit(order.export_format, schema, self._rows(order, start))
        run = Run(start, finish, written)
        task.runs.append(run)
        return run

    def _rows(self, order: Order, at: datetime) -> Iterator[pa.Table]:
        segment = order.segment
        near = {} if segment is None else segment.spans(at)
        for block in self._shop.blocks(order.index, at, near):
            yield block if segment is None else segment.keep(block, at)

    def _wait_for_files(self, tasks: Iterable[SandboxTask], now: datetime) -> None:
        wait_briefly(run.written for task in tasks for run in task.runs if run.finish <= now)


def _entry(moment: datetime, level: str, message: str) -> dict[str, str]:
    return {"date": instant_text(moment), "level": level, "message": message}
