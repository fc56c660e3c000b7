"""Voucherify's endpoints: each reads its request, asks the exports, answers.

Not documented, so chosen here: `GET /v1/exports` shows the newest first unless `order` says
otherwise, and those of one status newest first; a file is served by the same host.
"""

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from spaaza_source.sandbox.calls import Call, call_of
from spaaza_source.sandbox.exports import ExportWriter
from spaaza_source.sandbox.queries import allow_query, whole_number
from spaaza_source.sandbox.settings import SandboxSettings
from spaaza_source.sandbox.spaaza.authentication import same
from spaaza_source.sandbox.spaaza.refusals import Refused, invalid
from spaaza_source.sandbox.stored import stored_file
from spaaza_source.sandbox.voucherify.exports import Export, ExportBook
from spaaza_source.sandbox.voucherify.limits import CallLimit
from spaaza_source.sandbox.voucherify.project import Project
from spaaza_source.sandbox.voucherify.refusals import (
    Refusal,
    export_not_found,
    from_http,
    invalid_payload,
    unauthorized,
)
from spaaza_source.sandbox.voucherify.request import read_request
from spaaza_source.sandbox.voucherify.tokens import Tokens

PATHS = ("/v1/", "/download/")
"""How the paths begin that this API answers."""

_LIST_LIMIT = 10
_MOST = 100
_LIST_ORDERS = ("created_at", "-created_at", "status", "-status")


class VoucherifyApi:
    """The exports of one project and the downloads of their files, as an ASGI application."""

    def __init__(self, settings: SandboxSettings, project: Project, writer: ExportWriter) -> None:
        self._settings = settings
        self._book = ExportBook(settings, project, writer)
        self._tokens = Tokens(settings.link_seconds, settings.clock)
        routes = Starlette(
            routes=[
                Route("/v1/exports", self._create, methods=["POST"]),
                Route("/v1/exports", self._list, methods=["GET"]),
                Route("/v1/exports/{export}", self._get, methods=["GET"]),
                Route("/v1/exports/{export}", self._delete, methods=["DELETE"]),
                Route("/download/v1/exports/{export}", self._file, methods=["GET"]),
            ],
            exception_handlers={
                Refusal: _refuse,
                Refused: _refuse_field,
                HTTPException: _refuse_http,
            },
        )
        self.app = CallLimit(routes, settings)

    def shown(self, base_url: str) -> list[dict[str, Any]]:
        """Every export as the API at an address shows it, newest first."""
        now = self._settings.clock()
        return [self._shown(export, base_url) for export in self._book.newest_first(now)]

    def _create(self, request: Request) -> Response:
        export_request = read_request(self._authenticated(request))
        export = self._book.create(export_request, self._settings.clock())
        # Nothing has been done yet when the vendor answers, however fast it is.
        return JSONResponse(export.as_json("SCHEDULED", None))

    def _list(self, request: Request) -> Response:
        call = self._authenticated(request)
        allow_query(call, "limit", "page", "order")
        limit = _up_to_a_hundred(call, "limit", _LIST_LIMIT)
        page = _up_to_a_hundred(call, "page", 1)
        order = call.query.get("order", "-created_at")
        if order not in _LIST_ORDERS:
            raise invalid("order", f"must be one of {', '.join(_LIST_ORDERS)}")
        now = self._settings.clock()
        exports = self._book.newest_first(now)
        if order == "created_at":
            exports.reverse()
        elif order.endswith("status"):
            exports.sort(key=lambda export: export.status(now), reverse=order.startswith("-"))
        shown = exports[(page - 1) * limit : page * limit]
        return JSONResponse(
            {
                "object": "list",
                "data_ref": "exports",
                "exports": [self._shown(export, str(request.base_url)) for export in shown],
                "total": len(exports),
            }
        )

    def _get(self, request: Request) -> Response:
        self._authenticated(request)
        export = self._book.get(request.path_params["export"], self._settings.clock())
        return JSONResponse(self._shown(export, str(request.base_url)))

    def _delete(self, request: Request) -> Response:
        self._authenticated(request)
        self._book.delete(request.path_params["export"])
        return Response(status_code=204)

    def _file(self, request: Request) -> Response:
        call = self._authenticated(request)
        export_id = request.path_params["export"]
        if not self._tokens.opens(call.query.get("token", ""), export_id):
            raise unauthorized()
        now = self._settings.clock()
        file = self._book.get(export_id, now).file(now)
        if file is None:
            raise export_not_found(export_id)
        return stored_file(file, "text/plain")

    def _shown(self, export: Export, base_url: str) -> dict[str, Any]:
        status = export.status(self._settings.clock())
        url = None
        if status == "DONE":
            token = self._tokens.token(export.id)
            url = f"{base_url.rstrip('/')}/download/v1/exports/{export.id}?token={token}"
        return export.as_json(status, url)

    def _authenticated(self, request: Request) -> Call:
        call = call_of(request.scope)
        app_id = same(call.headers.get("x-app-id", ""), self._settings.voucherify_app_id)
        token = same(call.headers.get("x-app-token", ""), self._settings.voucherify_app_token)
        if not (app_id and token):
            raise unauthorized()
        return call


def _up_to_a_hundred(call: Call, name: str, default: int) -> int:
    number = whole_number(call, name, default)
    if not 1 <= number <= _MOST:
        raise invalid(name, f"must be from 1 to {_MOST}")
    return number


def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - starlette types every handler alike
    return error.response()


def _refuse_field(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - as above
    return invalid_payload(error.description).response()


def _refuse_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    return from_http(error.status_code, error.detail).response(error.headers)
