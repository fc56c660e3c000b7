"""Tasks of all chains: their states at a moment of the clock, their runs and files."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from spaaza_source.sandbox.export_files import ExportWriter
from spaaza_source.sandbox.instants import utc_text
from spaaza_source.sandbox.jobs import Job, JobBook, Run
from spaaza_source.sandbox.settings import CHAIN_ID, SandboxSettings
from spaaza_source.sandbox.spaaza.bodies import Order
from spaaza_source.sandbox.spaaza.refusals import refusal
from spaaza_source.sandbox.spaaza.shop import Shop

LOG_LIMIT = 10
# The vendor's field is a date even before the first run; Go's zero time means "never".
_NEVER_RAN = "0001-01-01T00:00:00Z"
_FIRST_ID = 12_001
_PERIODS = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}


@dataclass
class SandboxTask(Job):
    """One task, which runs again and again if it repeats."""

    STATES = ("READY", "INPROGRESS", "DONE", "ERROR")

    number: int
    order: Order
    due: datetime | None

    def state_object(self, now: datetime) -> dict[str, str]:
        """The `state` of a task object; also the answer to an execute call."""
        modified = self.created
        last_run = _NEVER_RAN
        if self.runs:
            run = self.runs[-1]
            last_run = utc_text(run.start)
            modified = run.finish if run.is_over(now) else run.start
        return {
            "code": self.state(now),
            "last_run_date": last_run,
            "last_modified": utc_text(modified),
            "created_date": utc_text(self.created),
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

    def as_json(
        self, now: datetime, log_limit: int = LOG_LIMIT, log_offset: int = 0
    ) -> dict[str, Any]:
        """The task object of the API."""
        return {
            "id": self.number,
            "debug": "",
            **self.order.body,
            "state": self.state_object(now),
            "logs": self.logs(now)[log_offset : log_offset + log_limit],
            "version": 1,
        }


class TaskBook(JobBook[int, SandboxTask]):
    """All tasks of all chains."""

    def __init__(self, settings: SandboxSettings, shop: Shop, writer: ExportWriter) -> None:
        super().__init__(settings, writer)
        self._shop = shop

    def create(self, order: Order, now: datetime) -> SandboxTask:
        """Create a task; one whose `once` has passed is due now."""
        with self._lock:
            task = SandboxTask(now, _FIRST_ID + len(self._jobs), order, due=max(order.once, now))
            self._jobs[task.number] = task
        self.get(task.number, now)
        return task

    def of_chain(self, chain: int, now: datetime) -> list[SandboxTask]:
        """Every task of a chain in its present state, newest first."""
        return self.newest_first(now, lambda task: task.order.chain == chain)

    def execute(self, task: SandboxTask, now: datetime) -> None:
        """Run a task now, outside the queue; returns when its file is written.

        A task that is running is refused. The next time of one that repeats stays as it is.
        """
        with self._lock:
            if task.state(now) == "INPROGRESS":
                raise refusal(400, "task_in_progress", "The task is running already.")
            if task.order.repeat is None:
                task.due = None
            run = self._run(task, now, now)
        run.written.result()

    def _advance(self, now: datetime) -> None:
        missed: dict[int, tuple[datetime, datetime]] = {}
        while waiting := [(task.due, task.number) for task in self._jobs.values() if task.due]:
            due, number = min(waiting)
            if (start := self._start_of(due)) > now:
                break
            missed[number] = (start, self._occupy_slot(start))
            task = self._jobs[number]
            repeat = task.order.repeat
            task.due = due_after(task.order.once, repeat, start) if repeat else None
        # Of several runs since the last request, only the last one can be seen.
        for number, (start, finish) in missed.items():
            self._run(self._jobs[number], start, finish)

    def _run(self, task: SandboxTask, start: datetime, finish: datetime) -> Run:
        written = self._writer.submit(task.order.export_format, self._rows(task.order, start))
        run = Run(start, finish, written)
        task.runs.append(run)
        return run

    def _rows(self, order: Order, at: datetime) -> Iterator[pa.Table]:
        for block in self._shop.blocks(order.index, at, order.segment.spans(at)):
            yield order.segment.keep(_of_chain(block, order.chain), at)


def _of_chain(block: pa.Table, chain: int) -> pa.Table:
    """The same rows as another chain's: the shop's are of the first one."""
    if chain == CHAIN_ID or "chain_id" not in block.column_names:
        return block
    at = block.column_names.index("chain_id")
    own = pa.repeat(pa.scalar(chain, block.schema.field(at).type), block.num_rows)
    return block.set_column(at, block.schema.field(at), own)


def due_after(once: datetime, repeat: str, moment: datetime) -> datetime:
    """The first time after a moment in the series that begins with `once`.

    A monthly series keeps the day of the month, or takes the last day where a month is shorter.
    """
    if moment < once:
        return once
    if repeat == "monthly":
        months = (moment.year - once.year) * 12 + moment.month - once.month
        due = _months_later(once, months)
        return due if due > moment else _months_later(once, months + 1)
    period = _PERIODS[repeat]
    return once + ((moment - once) // period + 1) * period


def _months_later(once: datetime, months: int) -> datetime:
    years, month = divmod(once.month - 1 + months, 12)
    year = once.year + years
    last_day = calendar.monthrange(year, month + 1)[1]
    return once.replace(year=year, month=month + 1, day=min(once.day, last_day))


def _entry(moment: datetime, level: str, message: str) -> dict[str, str]:
    return {"date": utc_text(moment), "level": level, "message": message}
