"""Endpoints of Voucherify's API.

Not documented, so chosen here: `GET /v1/exports` lists the newest first unless `order` says
otherwise, and those of one status newest first; a file is served by the same host.
"""

from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from spaaza_source.sandbox.calls import Call, call_of
from spaaza_source.sandbox.export_files import ExportWriter, serve_file
from spaaza_source.sandbox.fields import InvalidFieldError, allow_query, read_number
from spaaza_source.sandbox.instants import microseconds
from spaaza_source.sandbox.refusals import application
from spaaza_source.sandbox.settings import VOUCHERIFY_CREDENTIALS, SandboxSettings
from spaaza_source.sandbox.signing import Signer, secrets_match
from spaaza_source.sandbox.voucherify.exports import ExportBook, SandboxExport
from spaaza_source.sandbox.voucherify.limits import RateLimiter
from spaaza_source.sandbox.voucherify.project import Project
from spaaza_source.sandbox.voucherify.refusals import (
    export_not_found,
    http_refusal,
    invalid_payload,
    unauthorized,
)
from spaaza_source.sandbox.voucherify.request import read_request

PATHS = ("/v1/", "/download/")
"""Prefixes of the paths that this API answers."""

_LIST_LIMIT = 10
_MOST = 100
_LIST_ORDERS = ("created_at", "-created_at", "status", "-status")


class VoucherifyApi:
    """The exports of one project and the downloads of their files, as an ASGI application."""

    def __init__(self, settings: SandboxSettings, project: Project, writer: ExportWriter) -> None:
        self._settings = settings
        self._book = ExportBook(settings, project, writer)
        self._signer = Signer()
        routes = [
            Route("/v1/exports", self._create, methods=["POST"]),
            Route("/v1/exports", self._list, methods=["GET"]),
            Route("/v1/exports/{export}", self._get, methods=["GET"]),
            Route("/v1/exports/{export}", self._delete, methods=["DELETE"]),
            Route("/download/v1/exports/{export}", self._file, methods=["GET"]),
        ]
        self.app = RateLimiter(application(routes, invalid_payload, http_refusal), settings)

    def exports_as_json(self, base_url: str) -> list[dict[str, Any]]:
        """Every export as the API at an address shows it, newest first."""
        now = self._settings.clock()
        return [self._as_json(export, base_url) for export in self._book.newest_first(now)]

    def _create(self, request: Request) -> Response:
        export_request = read_request(self._authenticate(request))
        export = self._book.create(export_request, self._settings.clock())
        # The vendor answers before it has done anything, however fast it is.
        return JSONResponse(export.as_json("SCHEDULED", None))

    def _list(self, request: Request) -> Response:
        call = self._authenticate(request)
        allow_query(call, "limit", "page", "order")
        limit = _read_page_number(call, "limit", _LIST_LIMIT)
        page = _read_page_number(call, "page", 1)
        order = call.query.get("order", "-created_at")
        if order not in _LIST_ORDERS:
            raise InvalidFieldError("order", f"must be one of {', '.join(_LIST_ORDERS)}")
        now = self._settings.clock()
        exports = self._book.newest_first(now)
        if order == "created_at":
            exports.reverse()
        elif order.endswith("status"):
            exports.sort(key=lambda export: export.state(now), reverse=order.startswith("-"))
        shown = exports[(page - 1) * limit : page * limit]
        return JSONResponse(
            {
                "object": "list",
                "data_ref": "exports",
                "exports": [self._as_json(export, str(request.base_url)) for export in shown],
                "total": len(exports),
            }
        )

    def _get(self, request: Request) -> Response:
        self._authenticate(request)
        export = self._export(request, self._settings.clock())
        return JSONResponse(self._as_json(export, str(request.base_url)))

    def _delete(self, request: Request) -> Response:
        self._authenticate(request)
        export_id = request.path_params["export"]
        if not self._book.delete(export_id):
            raise export_not_found(export_id)
        return Response(status_code=204)

    def _file(self, request: Request) -> Response:
        token = self._authenticate(request).query.get("token", "")
        export_id = request.path_params["export"]
        expires = token.partition(".")[0]
        now = self._settings.clock()
        if not secrets_match(token, self._token(export_id, expires)):
            raise unauthorized()
        if microseconds(now) >= int(expires):
            raise unauthorized()
        file = self._export(request, now).file(now)
        if file is None:
            raise export_not_found(export_id)
        return serve_file(file, "text/plain")

    def _export(self, request: Request, now: datetime) -> SandboxExport:
        export_id = request.path_params["export"]
        export = self._book.get(export_id, now)
        if export is None:
            raise export_not_found(export_id)
        return export

    def _as_json(self, export: SandboxExport, base_url: str) -> dict[str, Any]:
        now = self._settings.clock()
        status = export.state(now)
        url = None
        if status == "DONE":
            expires = microseconds(now + timedelta(seconds=self._settings.link_seconds))
            token = self._token(export.id, str(expires))
            url = f"{base_url.rstrip('/')}/download/v1/exports/{export.id}?token={token}"
        return export.as_json(status, url)

    def _token(self, export_id: str, expires: str) -> str:
        """What opens the file of one export until a microsecond, beside the credentials."""
        return f"{expires}.{self._signer.sign(f'{export_id} {expires}')}"

    def _authenticate(self, request: Request) -> Call:
        call = call_of(request)
        given = f"{call.headers.get('x-app-id')} {call.headers.get('x-app-token')}"
        if not secrets_match(given, " ".join(VOUCHERIFY_CREDENTIALS.values())):
            raise unauthorized()
        return call


def _read_page_number(call: Call, name: str, default: int) -> int:
    number = read_number(call, name, default)
    if not 1 <= number <= _MOST:
        raise InvalidFieldError(name, f"must be from 1 to {_MOST}")
    return number
