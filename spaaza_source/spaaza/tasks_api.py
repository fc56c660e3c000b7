"""Client of Spaaza's Tasks API: its calls, with bodies and answers as documented.

Vendor documents: "Exporting data from Spaaza" and the Tasks API reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from spaaza_source.errors import RequestRefusedError, UnexpectedAnswerError, VanishedError
from spaaza_source.spaaza.credentials import AccessToken, AdminSession
from spaaza_source.transport import Clock, HttpClient, redact, vendor_words
from spaaza_source.windows import iso

#: The core API's code for a missing permission; it is sent with HTTP 500.
PERMISSION_DENIED = 68

NOT_FOUND = 404

Task = dict[str, Any]


def make_client(
    base_url: str,
    chain_id: int,
    credentials: AccessToken | AdminSession,
    clock: Clock | None = None,
) -> HttpClient:
    """An HTTP client of Spaaza's Services API, with credentials."""
    return HttpClient(
        base_url,
        headers=credentials.headers(chain_id),
        secrets=credentials.secrets(),
        read_refusal=read_refusal,
        clock=clock,
    )


class TasksApi:
    """The Tasks API of one chain.

    Every call raises only errors under `SpaazaSourceError`: `CredentialsError` on 401, 403 and
    the permission error that is sent as 500; `VanishedError` for a task that no longer exists;
    `RequestRefusedError` on another 4xx; `UnavailableError` if the vendor cannot be reached or
    keeps failing.

    Args:
        http: The client of the vendor's API.
    """

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    def create_task(self, body: Mapping[str, Any]) -> Task:
        """`POST /tasks`: creates a task. Sent once."""
        created: Task = self.http.post(
            "/tasks", body, lambda answer: _task_in_a_state(answer, "POST /tasks")
        )
        return created

    def get_task(self, task_id: str | int, *, log_limit: int | None = None) -> Task:
        """`GET /tasks/{id}`: a task with its newest log entries (10 unless given)."""
        params = None if log_limit is None else {"log_limit": log_limit}
        path = f"/tasks/{_segment(task_id)}"

        def read(answer: Any) -> Task:
            task = _task_in_a_state(answer, f"GET {path}")
            if str(task["id"]) != str(task_id):
                raise _unexpected(f"GET {path}", "the task that was asked for")
            return task

        try:
            found: Task = self.http.get(path, params, read)
        except RequestRefusedError as refusal:
            if refusal.status != NOT_FOUND:
                raise
            raise VanishedError(
                f"the vendor has no task {redact(str(task_id))} any more", hint="Run again."
            ) from None
        return found

    def execute_task(self, task_id: str | int) -> None:
        """`POST /tasks/{id}/execute`: runs a task now, whatever its `once`. Sent once.

        The documented answer is the state in which it ended, so it may come late; a task is taken
        for an answer as well.
        """
        path = f"/tasks/{_segment(task_id)}/execute"

        def read(answer: Any) -> None:
            if not isinstance(answer, dict):
                raise _unexpected(f"POST {path}", "a state")

        self.http.post(path, None, read)

    def list_tasks(
        self,
        *,
        action: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[Task]:
        """`GET /tasks`: one page of the chain's tasks."""
        given = {"action": action, "limit": limit, "offset": offset}
        params = {name: value for name, value in given.items() if value is not None}
        tasks: list[Task] = self.http.get("/tasks", params, _tasks)
        return tasks

    def download_url(self, task_id: str | int) -> str:
        """`GET /tasks/{id}/download_url`: a link to the result, valid for about an hour."""
        path = f"/tasks/{_segment(task_id)}/download_url"

        def read(answer: Any) -> str:
            url = answer.get("url") if isinstance(answer, dict) else None
            if not isinstance(url, str) or not url.strip():
                raise _unexpected(f"GET {path}", "a url")
            return url

        url: str = self.http.get(path, read=read)
        return url


def export_task(
    *,
    chain_id: int,
    desc: str,
    export_index: str,
    once: datetime | str,
    export_format: str = "csv",
    selection: Mapping[str, Any] | None = None,
    repeat: str | None = None,
) -> Task:
    """The body that creates an export, key for key as the vendor's guides show it.

    Args:
        chain_id: The chain whose rows are exported.
        desc: Free text, shown in the vendor's Console.
        export_index: One of the vendor's six names.
        once: When it runs: an aware datetime or ISO 8601 text in UTC.
        export_format: `csv` or `json`.
        selection: `{"segment": …}`, `{"segment_id": …}` or nothing.
        repeat: `daily`, `weekly` or `monthly`, for a task that reschedules itself.
    """
    trigger: dict[str, Any] = {
        "once": once if isinstance(once, str) else iso(once.replace(microsecond=0))
    }
    if repeat is not None:
        trigger["repeat"] = repeat
    return {
        "chain": chain_id,
        "desc": desc,
        "target": {
            "action": "export",
            "export_index": export_index,
            "export_format": export_format,
        },
        "trigger": {**trigger, **(selection or {})},
    }


def read_refusal(body: Any) -> tuple[str, bool]:
    """The message of an error body, and whether it says that a permission is missing.

    The core API sends `{"error": {code, name, description}}`, its older versions an `errors`
    object keyed by code. What the Services API sends is undocumented.
    """
    errors: list[Any] = []
    if isinstance(body, dict):
        older = body.get("errors")
        several = list(older.values()) if isinstance(older, dict) else older
        errors = [body.get("error"), older, *(several if isinstance(several, list) else ())]
    codes = [error.get("code") for error in errors if isinstance(error, dict)]
    return vendor_words(body), PERMISSION_DENIED in codes


def state_code(task: Task) -> str | None:
    """The vendor's code for the state of a task; None if it has none."""
    state = task.get("state")
    code = state.get("code") if isinstance(state, dict) else None
    return code if isinstance(code, str) else None


def _segment(task_id: str | int) -> str:
    return quote(str(task_id), safe="")


def _tasks(answer: Any) -> list[Task]:
    # States are not checked here: another user's task with a strange state must stop nothing. A
    # chain without tasks may have `null` for a list.
    if answer is None:
        return []
    if not isinstance(answer, list):
        raise _unexpected("GET /tasks", "a list of tasks")
    return [_task(task, "GET /tasks") for task in answer]


def _task(answer: Any, where: str) -> Task:
    task_id = answer.get("id") if isinstance(answer, dict) else None
    if isinstance(task_id, bool) or not isinstance(task_id, int | str) or task_id == "":
        raise _unexpected(where, "a task with an id")
    task: Task = answer
    return task


def _task_in_a_state(answer: Any, where: str) -> Task:
    task = _task(answer, where)
    if state_code(task) is None:
        raise UnexpectedAnswerError(
            f"task {redact(str(task['id']))} has no state",
            where=where,
            hint="Run again later; if it stays so, show this to the vendor.",
        )
    return task


def _unexpected(where: str, expected: str) -> UnexpectedAnswerError:
    return UnexpectedAnswerError(
        f"the answer is not {expected}",
        where=where,
        hint="Check that base_url is the address of Spaaza's Services API.",
    )
