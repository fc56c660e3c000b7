"""Endpoints of Spaaza's Services API, and of the storage behind its links.

Not documented, so chosen here: creating a task answers 201; `GET /tasks` lists 100 tasks unless
`limit` says otherwise.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from spaaza_source.sandbox.calls import Call, call_of
from spaaza_source.sandbox.export_files import serve_file
from spaaza_source.sandbox.fields import InvalidFieldError, allow_query, read_number
from spaaza_source.sandbox.formats import file_parts
from spaaza_source.sandbox.settings import SandboxSettings
from spaaza_source.sandbox.spaaza.authentication import require_session, require_token_or_session
from spaaza_source.sandbox.spaaza.bodies import read_bulk_users, read_order
from spaaza_source.sandbox.spaaza.links import SignedLinks, file_name, task_number
from spaaza_source.sandbox.spaaza.refusals import (
    SpaazaRefusal,
    http_refusal,
    invalid_parameter,
    storage_refusal,
    task_not_found,
)
from spaaza_source.sandbox.spaaza.shop import Shop
from spaaza_source.sandbox.spaaza.tasks import STATES, SandboxTask, TaskBook

LOG_LIMIT = 10
_LIST_LIMIT = 100
_MEDIA_TYPES = {"csv": "text/csv", "json": "application/json"}


class SpaazaApi:
    """The vendor's Services API and the storage behind its links, as an ASGI application."""

    def __init__(self, settings: SandboxSettings, shop: Shop, tasks: TaskBook) -> None:
        self._settings = settings
        self._shop = shop
        self._tasks = tasks
        self._links = SignedLinks(settings.link_seconds, settings.clock)
        self.app = Starlette(
            routes=[
                Route("/tasks", self._create, methods=["POST"]),
                Route("/tasks", self._list, methods=["GET"]),
                Route("/tasks/{task}", self._get, methods=["GET"]),
                Route("/tasks/{task}/execute", self._execute, methods=["POST"]),
                Route("/tasks/{task}/download_url", self._download_url, methods=["GET"]),
                Route("/segments/export/users", self._bulk_users, methods=["POST"]),
                Route("/segments/export/users.csv", self._bulk_users, methods=["POST"]),
                Route("/files/{name}", self._file, methods=["GET"]),
            ],
            exception_handlers={
                SpaazaRefusal: _refuse,
                InvalidFieldError: _refuse_field,
                HTTPException: _refuse_http,
            },
        )

    def _create(self, request: Request) -> Response:
        call = self._authenticate(request)
        order = read_order(call, self._settings, self._shop)
        now = self._settings.clock()
        task = self._tasks.create(order, now)
        return JSONResponse(task.as_json(now, LOG_LIMIT, 0), 201)

    def _list(self, request: Request) -> Response:
        call = self._authenticate(request)
        allow_query(call, "status", "action", "campaign_id", "limit", "offset")
        now = self._settings.clock()
        tasks = self._tasks.newest_first(now)
        if (status := call.query.get("status")) is not None:
            if status not in STATES:
                raise InvalidFieldError("status", f"must be one of {', '.join(STATES)}")
            tasks = [task for task in tasks if task.state(now) == status]
        if "campaign_id" in call.query:
            # An export belongs to no campaign.
            read_number(call, "campaign_id", 0)
            tasks = []
        if (action := call.query.get("action")) is not None:
            tasks = [task for task in tasks if task.order.target["action"] == action]
        offset = read_number(call, "offset", 0)
        page = tasks[offset : offset + read_number(call, "limit", _LIST_LIMIT)]
        return JSONResponse([task.as_json(now, LOG_LIMIT, 0) for task in page])

    def _get(self, request: Request) -> Response:
        call = self._authenticate(request)
        allow_query(call, "log_limit", "offset")
        now = self._settings.clock()
        task = self._tasks.get(_task_number(request), now)
        log_limit = read_number(call, "log_limit", LOG_LIMIT)
        return JSONResponse(task.as_json(now, log_limit, read_number(call, "offset", 0)))

    def _execute(self, request: Request) -> Response:
        self._authenticate(request)
        now = self._settings.clock()
        return JSONResponse(self._tasks.execute(_task_number(request), now).state_object(now))

    def _download_url(self, request: Request) -> Response:
        self._authenticate(request)
        now = self._settings.clock()
        task = self._tasks.get(_task_number(request), now)
        if (state := task.state(now)) != "DONE":
            raise SpaazaRefusal(
                400, 400, "task_not_done", f"The task is {state}; its file is not ready."
            )
        link = self._links.sign(f"/files/{_file_of(task)}")
        return JSONResponse({"url": f"{str(request.base_url).rstrip('/')}{link}"})

    def _file(self, request: Request) -> Response:
        if refusal := self._links.refusal(call_of(request.scope)):
            return refusal
        name = request.path_params["name"]
        number = task_number(name)
        file = None if number is None else self._tasks.file_of(number, self._settings.clock())
        if file is None:
            return storage_refusal(404, "NoSuchKey", "The specified key does not exist.")
        return serve_file(file, _MEDIA_TYPES[file.suffix[1:]])

    def _bulk_users(self, request: Request) -> Response:
        call = call_of(request.scope)
        require_session(call, self._settings)
        read_bulk_users(call, self._settings)
        blocks = self._shop.bulk_users(self._settings.clock())
        first = next(blocks)
        parts = file_parts("csv", first.schema, _chain(first, blocks))
        headers = {
            "content-type": "text/csv",
            "content-encoding": "gzip",
            "content-disposition": "attachment;filename=spaaza-export.csv",
        }
        return StreamingResponse(_gzip(parts), headers=headers)

    def _authenticate(self, request: Request) -> Call:
        call = call_of(request.scope)
        require_token_or_session(call, self._settings)
        return call


def _file_of(task: SandboxTask) -> str:
    return file_name(task.order.index, task.number, task.order.export_format)


def _task_number(request: Request) -> int:
    number: str = request.path_params["task"]
    if not (number.isascii() and number.isdigit()):
        raise task_not_found()
    return int(number)


def _chain(first: Any, rest: Iterable[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _gzip(parts: Iterable[bytes]) -> Iterator[bytes]:
    # Level 1: the point is the encoding, not the size.
    packer = zlib.compressobj(level=1, wbits=31)
    for part in parts:
        if packed := packer.compress(part):
            yield packed
    yield packer.flush()


def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, SpaazaRefusal)  # noqa: S101 - starlette types every handler alike
    return error.response()


def _refuse_field(_request: Request, error: Exception) -> Response:
    return invalid_parameter(str(error)).response()


def _refuse_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    return http_refusal(error.status_code, error.detail, error.headers)
