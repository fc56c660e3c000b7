"""Spaaza as the road sees it: a request becomes a task, a task becomes a job.

The calls themselves are `tasks`; the waiting is the road's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from spaaza_source.errors import LinkRefusedError, RequestRefusedError
from spaaza_source.exports import ExportRequest, Job, JobState, KnownJob
from spaaza_source.spaaza.tasks_api import Task, TasksApi, export_task, state_code
from spaaza_source.transport import LONGEST_MESSAGE, Link, redact
from spaaza_source.windows import iso, parse_vendor_instant, parse_window

#: The vendor writes INPROGRESS; other spellings cost nothing to understand.
STATES = {
    "READY": JobState.WAITING,
    "INPROGRESS": JobState.RUNNING,
    "DONE": JobState.DONE,
    "ERROR": JobState.FAILED,
}

#: States whose `last_modified` is the time at which they were reached.
ENDED = (JobState.DONE, JobState.FAILED)

#: How a task of ours is known, in the vendor's Console and in its list.
OWN = re.compile(
    r"^spaaza_source (?P<subject>\S+) \S+(?: (?P<window>\[.*\)))?(?: (?:daily|weekly|monthly))?"
    r" #(?P<fingerprint>[0-9a-f]{12})$"
)

#: Stands between a task's id and the time of one of its runs.
RUN = "@"

#: Tasks to a page, and pages to look through: a chain's old tasks may never be deleted.
PAGE = 100
PAGES = 500

#: Entries of a task's log that the vendor gives unasked, and that an error shows.
LOGS_GIVEN, LOGS_SHOWN = 10, 50


class SpaazaExports:
    """An `ExportService` over the Tasks API.

    Args:
        api: The Tasks API.
        chain_id: Whose rows.
        start_margin: How far ahead a task is scheduled: the documents ask for "shortly in the
            future"; zero: at once.
    """

    def __init__(
        self, api: TasksApi, chain_id: int, *, start_margin: timedelta = timedelta(seconds=2)
    ) -> None:
        self.http = api.http
        self._api = api
        self._chain_id = chain_id
        self._start_margin = start_margin

    def known_jobs(self, since: datetime) -> Iterator[KnownJob]:
        """The tasks whose description this package wrote, page by page.

        The documents tell neither the order of the list nor how long a page may be: so a short
        page is not taken for the last one, and only a list that runs from new to old is left
        before its end.
        """
        seen: set[str] = set()
        offset = 0
        for _ in range(PAGES):
            tasks = self._api.list_tasks(action="export", limit=PAGE, offset=offset)
            fresh = [task for task in tasks if str(task["id"]) not in seen]
            for task in fresh:
                own = OWN.search(str(task.get("desc") or ""))
                if own and str(task.get("chain") or self._chain_id) == str(self._chain_id):
                    window = parse_window(own["window"] or "")
                    yield KnownJob(own["fingerprint"], own["subject"], window, self._job(task))
            # A vendor that knows no paging answers the same page again.
            if not fresh or _older_from_here(fresh, since):
                return
            seen.update(str(task["id"]) for task in fresh)
            offset += len(tasks)

    def create(self, request: ExportRequest, later: timedelta = timedelta(0)) -> Job:
        """Create the task, once."""
        ahead = self._start_margin + later
        if ahead:
            # Up to the next whole second: never earlier than the margin says.
            ahead += timedelta(seconds=1)
        return self._job(
            self._api.create_task(
                export_task(
                    chain_id=self._chain_id,
                    desc=description(request),
                    export_index=request.subject,
                    export_format=request.export_format,
                    once=self.http.now() + ahead,
                    selection=request.selection,
                    repeat=request.repeat,
                )
            )
        )

    def poll(self, job_id: str) -> Job:
        """The task as it stands."""
        task_id = _task_of(job_id)
        task = self._api.get_task(task_id)
        job = self._job(task)
        logs = task.get("logs")
        if job.state is JobState.FAILED and isinstance(logs, list) and len(logs) >= LOGS_GIVEN:
            return self._job(self._api.get_task(task_id, log_limit=LOGS_SHOWN))
        return job

    def links(self, job_id: str) -> Sequence[Link]:
        """A signed link: its host must see no credential of ours."""
        try:
            return [Link(self._api.download_url(_task_of(job_id)))]
        except RequestRefusedError as refusal:
            # Right after a job is done there may be none for a moment.
            raise LinkRefusedError(refusal.cause, where=refusal.where, hint="Run again.") from None

    def _job(self, task: Task) -> Job:
        return job_of(task, self.http.redact)


def description(request: ExportRequest) -> str:
    """The task's `desc`: readable in the vendor's Console, and found again by its fingerprint."""
    parts = [request.subject, request.export_format, request.window, request.repeat]
    told = " ".join(str(part) for part in parts if part)
    return f"spaaza_source {told} #{request.fingerprint}"


def job_of(task: Task, fit: Callable[[str], str] = redact) -> Job:
    """A task as a job.

    Args:
        task: One without a state is in an unknown one.
        fit: Makes words of the vendor's fit to be shown.
    """
    code = state_code(task) or ""
    state = task["state"] if isinstance(task.get("state"), dict) else {}
    known = STATES.get(code.upper().replace("_", "").replace(" ", ""), JobState.UNKNOWN)
    created, started, modified = (
        parse_vendor_instant(state.get(name))
        for name in ("created_date", "last_run_date", "last_modified")
    )
    job_id = str(task["id"])
    trigger = task.get("trigger")
    if isinstance(trigger, dict) and trigger.get("repeat") and started is not None:
        # A task that repeats waits again after a run: what counts is that the run is over.
        job_id = f"{job_id}{RUN}{iso(started)}"
        created = started
        known = JobState.DONE if known is JobState.WAITING else known
    return Job(
        job_id=job_id,
        state=known,
        vendor_state=fit(code),
        created_at=created,
        started_at=started,
        finished_at=modified if known in ENDED else None,
        detail=_logs(task.get("logs"), fit) if known is JobState.FAILED else "",
    )


def _task_of(job_id: str) -> str:
    """The task's own id, whichever run of it is meant."""
    return job_id.partition(RUN)[0]


def _older_from_here(tasks: Sequence[Task], since: datetime) -> bool:
    """Whether a page runs from new to old, and ends before `since`."""
    states = [task.get("state") for task in tasks]
    created = [
        parse_vendor_instant(state.get("created_date")) if isinstance(state, dict) else None
        for state in states
    ]
    known = [instant for instant in created if instant is not None]
    falls = all(newer >= older for newer, older in pairwise(known))
    return falls and len(known) == len(tasks) > 1 and known[0] > known[-1] and known[-1] < since


def _logs(logs: Any, fit: Callable[[str], str]) -> str:
    """Log entries have no documented shape: shown as they are.

    Nor have they an order, and what was written last tells the cause: where not all can be shown,
    both ends are.
    """
    entries = logs if isinstance(logs, list) else [logs] if logs else []
    told = "; ".join(
        fit(entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False))
        for entry in entries
    )
    half = LONGEST_MESSAGE // 2
    return told if len(told) <= LONGEST_MESSAGE else f"{told[:half]} … {told[-half:]}"
