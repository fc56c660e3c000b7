"""Spaaza as an export service: a request becomes a task of the Tasks API, a task a job."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from spaaza_source.errors import LinkRefusedError, RequestRefusedError, UnexpectedAnswerError
from spaaza_source.exports import (
    REPEATS,
    RUN_MARK,
    ExportRequest,
    Job,
    JobState,
    KnownJob,
)
from spaaza_source.spaaza.tasks_api import Task, TasksApi, export_task, state_code
from spaaza_source.transport import LONGEST_MESSAGE, Link, redact
from spaaza_source.windows import iso, parse_vendor_instant, parse_window

#: The vendor writes INPROGRESS; spaces and underscores are ignored.
STATES = {
    "READY": JobState.WAITING,
    "INPROGRESS": JobState.RUNNING,
    "DONE": JobState.DONE,
    "ERROR": JobState.FAILED,
}

#: States whose `last_modified` is the time at which they were reached.
ENDED = (JobState.DONE, JobState.FAILED)

#: The description of a task that this package created, as `describe` writes it.
DESCRIPTION = re.compile(
    r"^spaaza_source (?P<subject>\S+) (?P<format>\S+)(?: (?P<window>\[.*\)))?"
    r"(?: (?:daily|weekly|monthly))? #(?P<fingerprint>[0-9a-f]{12})$"
)

#: Tasks per page, and tasks to read at most: a chain's old ones may never be deleted, but more than
#: a year of hourly loads has is a list without an end.
PAGE = 100
MOST_TASKS = 200_000

#: What of a trigger is understood.
KNOWN_TRIGGER = ("once", "repeat", "segment", "segment_id")

#: Entries of a task's log that the vendor sends by default, and that are requested of a failed one.
DEFAULT_LOGS, FAILURE_LOGS = 10, 50


class SpaazaExports:
    """An `ExportService` over the Tasks API.

    Args:
        api: The Tasks API.
        chain_id: The chain whose rows are exported.
        start_margin: How far ahead a task is scheduled: the documents ask for "shortly in the
            future"; zero starts it at once.
    """

    def __init__(
        self, api: TasksApi, chain_id: int, *, start_margin: timedelta = timedelta(seconds=2)
    ) -> None:
        self.http = api.http
        self._api = api
        self._chain_id = chain_id
        self._start_margin = start_margin
        #: What each task is to export that somebody else made, by its id.
        self._adopted: dict[str, ExportRequest] = {}

    def known_jobs(self, since: datetime) -> Iterator[KnownJob]:
        """The tasks whose description this package wrote, and those that are adopted by their ids.

        Raises:
            UnexpectedAnswerError: The list does not end.
        """
        subjects = {request.subject for request in self._adopted.values()}
        for task in self.tasks(since):
            if request := self._adopted.get(str(task["id"])):
                yield self._adopt(task, request)
                continue
            ours = DESCRIPTION.search(str(task.get("desc") or ""))
            if ours and ours["subject"] in subjects:
                # The task that is adopted stands for all of ours.
                continue
            if ours and _is_as_described(task, self._chain_id, ours):
                window, trigger = parse_window(ours["window"] or ""), task.get("trigger")
                yield KnownJob(
                    ours["fingerprint"],
                    ours["subject"],
                    window,
                    self._job(task),
                    selection_of(task) if isinstance(trigger, dict) else None,
                )

    def adopt(self, task_id: str, request: ExportRequest) -> None:
        """Take a task that somebody else made for one of ours.

        Args:
            task_id: Its id.
            request: What it has to export: all rows of a table, by the settings' filter.
        """
        self._adopted[task_id] = request

    def _adopt(self, task: Task, request: ExportRequest) -> KnownJob:
        """A task of somebody else as the job of a request; of none where it is something else."""
        target, trigger = _dict_at(task, "target"), _dict_at(task, "trigger")
        exported = (target.get("export_index"), target.get("export_format"))
        repeat = trigger.get("repeat")
        request = replace(request, repeat=repeat if repeat in REPEATS else None)
        selection = selection_of(task)
        # Of two filters nobody knows which one holds.
        is_same = exported == (request.subject, request.export_format) and len(selection) <= 1
        return KnownJob(
            request.fingerprint if is_same and not unknown_filter(task) else "",
            request.subject,
            None,
            self._job(task),
            selection,
        )

    def tasks(self, since: datetime) -> Iterator[Task]:
        """The chain's exports that were created since then, page by page; older ones among them.

        The order of the list and the length of a page are undocumented. So a short page is not
        taken for the last one, and only a list that runs from new to old is not read to its end.
        """
        seen: set[str] = set()
        offset = 0
        page: int | None = PAGE
        while len(seen) < MOST_TASKS:
            try:
                tasks = self._api.list_tasks(action="export", limit=page, offset=offset)
            except RequestRefusedError:
                if page is None:
                    raise
                # The longest page is undocumented: then the vendor's own.
                page = None
                continue
            new = [task for task in tasks if str(task["id"]) not in seen]
            yield from new
            # A vendor without paging would send the same page again.
            if not new or _is_followed_by_older(new, since):
                return
            seen.update(str(task["id"]) for task in new)
            offset += len(tasks)
        raise UnexpectedAnswerError(
            f"the vendor's list of tasks does not end: {len(seen):,} were read",
            where="GET /tasks",
            hint="Check that base_url is the address of Spaaza's Services API; if it is, ask Spaaza"
            " to delete old tasks.",
        )

    def task(self, task_id: str) -> Task:
        """One task of the chain.

        Raises:
            VanishedError: The vendor has none of that id.
        """
        return self._api.get_task(task_id)

    def create(self, request: ExportRequest, later: timedelta = timedelta(0)) -> Job:
        """Create the task; sent once.

        Args:
            request: What to export.
            later: How much later than `start_margin` it starts.
        """
        return self._job(
            self._api.create_task(
                export_task(
                    chain_id=self._chain_id,
                    desc=describe(request),
                    export_index=request.subject,
                    export_format=request.export_format,
                    once=self._once(later),
                    selection=request.selection,
                    repeat=request.repeat,
                )
            )
        )

    def _once(self, later: timedelta = timedelta(0)) -> datetime:
        """When a task that is created now is to run."""
        ahead = self._start_margin + later
        # The vendor takes whole seconds: never start earlier than the margin.
        return self.http.now() + ahead + timedelta(seconds=1 if ahead else 0)

    def poll(self, job_id: str) -> Job:
        """The present state of the task."""
        task_id = _task_of(job_id)
        task = self._api.get_task(task_id)
        job = self._job(task)
        logs = task.get("logs")
        if job.state is JobState.FAILED and isinstance(logs, list) and len(logs) >= DEFAULT_LOGS:
            # How many may be requested is undocumented; the failure itself is known.
            with suppress(RequestRefusedError):
                return self._job(self._api.get_task(task_id, log_limit=FAILURE_LOGS))
        return job

    def execute(self, job_id: str) -> None:
        """Run the task now."""
        self._api.execute_task(_task_of(job_id))

    def links(self, job_id: str) -> Sequence[Link]:
        """A signed link, to be opened without credentials."""
        try:
            return [Link(self._api.download_url(_task_of(job_id)))]
        except RequestRefusedError as refusal:
            # Right after a job is done there may be no link for a moment.
            raise LinkRefusedError(refusal.cause, where=refusal.where, hint="Run again.") from None

    def _job(self, task: Task) -> Job:
        return job_of(task, self.http.redact)


def describe(request: ExportRequest) -> str:
    """The task's `desc`: readable in the vendor's Console, and known again by its fingerprint."""
    parts = [request.subject, request.export_format, request.window, request.repeat]
    text = " ".join(str(part) for part in parts if part)
    return f"spaaza_source {text} #{request.fingerprint}"


def _is_as_described(task: Task, chain_id: int, described: re.Match[str]) -> bool:
    """Whether a task exports what its description says, as far as the vendor shows it."""
    target = _dict_at(task, "target")
    shown = (task.get("chain"), target.get("export_index"), target.get("export_format"))
    asked = (chain_id, described["subject"], described["format"])
    return all(
        its is None or str(its).casefold() == str(own).casefold()
        for its, own in zip(shown, asked, strict=True)
    )


def _dict_at(task: Task, name: str) -> dict[str, Any]:
    value = task.get(name)
    return value if isinstance(value, dict) else {}


def selection_of(task: Task) -> dict[str, Any]:
    """The filter of a task, as a request has it."""
    trigger = _dict_at(task, "trigger")
    return {name: trigger[name] for name in ("segment", "segment_id") if trigger.get(name)}


def unknown_filter(task: Task) -> str | None:
    """What narrows a task and no document describes, as a list of users may; None for nothing."""
    trigger = _dict_at(task, "trigger")
    return next((name for name in trigger if trigger[name] and name not in KNOWN_TRIGGER), None)


def job_of(task: Task, clean: Callable[[str], str] = redact) -> Job:
    """A task as a job.

    Args:
        task: The task; without a state it is in an unknown one.
        clean: Redacts the vendor's texts.
    """
    code = state_code(task) or ""
    state = _dict_at(task, "state")
    known = STATES.get(code.upper().replace("_", "").replace(" ", ""), JobState.UNKNOWN)
    created, started, modified = (
        parse_vendor_instant(state.get(name))
        for name in ("created_date", "last_run_date", "last_modified")
    )
    job_id = str(task["id"])
    trigger = _dict_at(task, "trigger")
    repeats = bool(trigger.get("repeat"))
    if repeats and started is not None:
        # A recurring task waits again after a run: it is this run that is done.
        job_id = f"{job_id}{RUN_MARK}{iso(started)}"
        created = started
        known = JobState.DONE if known is JobState.WAITING else known
    return Job(
        job_id=job_id,
        state=known,
        vendor_state=clean(code),
        created_at=created,
        started_at=started,
        finished_at=modified if known in ENDED else None,
        detail=_logs(task.get("logs"), clean) if known is JobState.FAILED else "",
        due_at=parse_vendor_instant(trigger.get("once")),
        repeats=repeats,
    )


def _task_of(job_id: str) -> str:
    """The task's id, without the time of a run."""
    return job_id.partition(RUN_MARK)[0]


def _is_followed_by_older(tasks: Sequence[Task], since: datetime) -> bool:
    """Whether the pages after this one are older than `since`: it runs from new to old."""
    states = [task.get("state") for task in tasks]
    created = [
        parse_vendor_instant(state.get("created_date")) if isinstance(state, dict) else None
        for state in states
    ]
    known = [instant for instant in created if instant is not None]
    descends = all(newer >= older for newer, older in pairwise(known))
    return descends and len(known) == len(tasks) > 1 and known[0] > known[-1] and known[-1] < since


def _logs(logs: Any, clean: Callable[[str], str]) -> str:
    """A task's log as one text. Its entries have no documented shape and are shown as they are.

    Nor is their order documented, and the last written one tells the cause: of a long log both
    ends are shown.
    """
    entries = logs if isinstance(logs, list) else [logs] if logs else []
    text = "; ".join(
        clean(entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False))
        for entry in entries
    )
    half = LONGEST_MESSAGE // 2
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:half]} … {text[-half:]}"
