"""Endpoints of Spaaza's Services API, and of the storage behind its links.

Not documented, so chosen here: creating a task answers 201; `GET /tasks` lists 100 tasks unless
`limit` says otherwise.
"""

import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from spaaza_source.sandbox.calls import Call, call_of
from spaaza_source.sandbox.export_files import serve_file
from spaaza_source.sandbox.fields import InvalidFieldError, allow_query, read_number
from spaaza_source.sandbox.formats import file_parts
from spaaza_source.sandbox.refusals import application
from spaaza_source.sandbox.settings import SandboxSettings
from spaaza_source.sandbox.spaaza.authentication import require_session, require_token_or_session
from spaaza_source.sandbox.spaaza.bodies import read_bulk_users, read_order
from spaaza_source.sandbox.spaaza.links import SignedLinks, file_name, task_number
from spaaza_source.sandbox.spaaza.refusals import (
    http_refusal,
    invalid_parameter,
    refusal,
    storage_refusal,
)
from spaaza_source.sandbox.spaaza.shop import Shop
from spaaza_source.sandbox.spaaza.tasks import LOG_LIMIT, SandboxTask, TaskBook

_LIST_LIMIT = 100
_MEDIA_TYPES = {".csv": "text/csv", ".json": "application/json"}


class SpaazaApi:
    """The vendor's Services API and the storage behind its links, as an ASGI application."""

    def __init__(self, settings: SandboxSettings, shop: Shop, tasks: TaskBook) -> None:
        self._settings = settings
        self._shop = shop
        self._tasks = tasks
        self._links = SignedLinks(settings.link_seconds, settings.clock)
        routes = [
            Route("/tasks", self._create, methods=["POST"]),
            Route("/tasks", self._list, methods=["GET"]),
            Route("/tasks/{task}", self._get, methods=["GET"]),
            Route("/tasks/{task}/execute", self._execute, methods=["POST"]),
            Route("/tasks/{task}/download_url", self._download_url, methods=["GET"]),
            Route("/segments/export/users", self._bulk_users, methods=["POST"]),
            Route("/segments/export/users.csv", self._bulk_users, methods=["POST"]),
            Route("/files/{name}", self._file, methods=["GET"]),
        ]
        self.app = application(routes, invalid_parameter, http_refusal)

    def _create(self, request: Request) -> Response:
        call, chain = self._authenticate(request)
        order = read_order(call, self._settings, self._shop, chain)
        now = self._settings.clock()
        return JSONResponse(self._tasks.create(order, now).as_json(now), 201)

    def _list(self, request: Request) -> Response:
        call, chain = self._authenticate(request)
        allow_query(call, "status", "action", "campaign_id", "limit", "offset")
        now = self._settings.clock()
        tasks = self._tasks.of_chain(chain, now)
        if (status := call.query.get("status")) is not None:
            if status not in SandboxTask.STATES:
                states = ", ".join(SandboxTask.STATES)
                raise InvalidFieldError("status", f"must be one of {states}")
            tasks = [task for task in tasks if task.state(now) == status]
        read_number(call, "campaign_id", 0)
        # Every task here is an export, and belongs to no campaign.
        if "campaign_id" in call.query or call.query.get("action", "export") != "export":
            tasks = []
        offset = read_number(call, "offset", 0)
        page = tasks[offset : offset + read_number(call, "limit", _LIST_LIMIT)]
        return JSONResponse([task.as_json(now) for task in page])

    def _get(self, request: Request) -> Response:
        call, chain = self._authenticate(request)
        allow_query(call, "log_limit", "offset")
        now = self._settings.clock()
        task = self._task(request, chain, now)
        log_limit = read_number(call, "log_limit", LOG_LIMIT)
        return JSONResponse(task.as_json(now, log_limit, read_number(call, "offset", 0)))

    def _execute(self, request: Request) -> Response:
        _, chain = self._authenticate(request)
        now = self._settings.clock()
        task = self._task(request, chain, now)
        self._tasks.execute(task, now)
        return JSONResponse(task.state_object(now))

    def _download_url(self, request: Request) -> Response:
        _, chain = self._authenticate(request)
        now = self._settings.clock()
        task = self._task(request, chain, now)
        if (state := task.state(now)) != "DONE":
            raise refusal(400, "task_not_done", f"The task is {state}; its file is not ready.")
        name = file_name(task.order.index, task.number, task.order.export_format)
        link = self._links.sign(f"/files/{name}")
        return JSONResponse({"url": f"{str(request.base_url).rstrip('/')}{link}"})

    def _file(self, request: Request) -> Response:
        self._links.check(call_of(request))
        now = self._settings.clock()
        # The link is signed, so that the name is one of ours.
        task = self._tasks.get(task_number(request.path_params["name"]), now)
        if task is None or (file := task.file(now)) is None:
            raise storage_refusal(404, "NoSuchKey", "The specified key does not exist.")
        return serve_file(file, _MEDIA_TYPES[file.suffix])

    def _bulk_users(self, request: Request) -> Response:
        chain = require_session(call_of(request), self._settings.chain_ids)
        read_bulk_users(call_of(request), chain)
        headers = {
            "content-type": "text/csv",
            "content-encoding": "gzip",
            "content-disposition": "attachment;filename=spaaza-export.csv",
        }
        users = file_parts("csv", self._shop.bulk_users(self._settings.clock()))
        return StreamingResponse(_gzip(users), headers=headers)

    def _authenticate(self, request: Request) -> tuple[Call, int]:
        """The call, and the chain of its credentials."""
        call = call_of(request)
        return call, require_token_or_session(call, self._settings.chain_ids)

    def _task(self, request: Request, chain: int, now: datetime) -> SandboxTask:
        number: str = request.path_params["task"]
        is_number = number.isascii() and number.isdigit()
        task = self._tasks.get(int(number), now) if is_number else None
        if task is None or task.order.chain != chain:
            raise refusal(404, "task_not_found", "Task not found.")
        return task


def _gzip(parts: Iterable[bytes]) -> Iterator[bytes]:
    # Level 1: the point is the encoding, not the size.
    packer = zlib.compressobj(level=1, wbits=31)
    for part in parts:
        if packed := packer.compress(part):
            yield packed
    yield packer.flush()
