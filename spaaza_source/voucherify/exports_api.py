"""Client of Voucherify's `/exports`: its calls, with bodies and answers as documented.

Vendor documents: the export guide, `exports.json` of its OpenAPI description, and "Limits".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from spaaza_source.errors import RequestRefusedError, UnexpectedAnswerError, VanishedError
from spaaza_source.transport import CallLimit, Clock, HttpClient, redact, vendor_words
from spaaza_source.voucherify.credentials import AppKeys
from spaaza_source.voucherify.result_files import find_urls

NOT_FOUND = 404
PATH = "/v1/exports"

#: Headers of every answer: calls left, and the second since 1970 at which the limit is reset.
CALLS_LEFT, LIMIT_RESET = "X-Rate-Limit-Remaining", "X-Rate-Limit-Retry"
#: The kind of a limit. An account that has used up the calls of a billing cycle has none until the
#: next one, whatever `Retry-After` says.
LIMIT_TYPE, CYCLE_LIMIT = "X-Rate-Limit-Type", "api_calls_cycle"

ExportAnswer = dict[str, Any]

_T = TypeVar("_T")


def make_client(base_url: str, credentials: AppKeys, clock: Clock | None = None) -> HttpClient:
    """An HTTP client of Voucherify's API, with credentials."""
    return HttpClient(
        base_url,
        headers=credentials.headers(),
        secrets=credentials.secrets(),
        read_refusal=read_refusal,
        read_limit=read_limit,
        clock=clock,
    )


class ExportsApi:
    """The `/exports` of one project.

    Every call raises only errors under `SpaazaSourceError`: `CredentialsError` on 401 and 403,
    `VanishedError` for an export that no longer exists, `RequestRefusedError` on another 4xx,
    `UnavailableError` if the vendor cannot be reached or keeps failing.

    Args:
        http: The client of the vendor's API.
    """

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    def create(
        self, exported_object: str, parameters: Mapping[str, Any] | None, **more: Any
    ) -> ExportAnswer:
        """`POST /v1/exports`: creates an export. Sent once.

        Args:
            exported_object: What is exported.
            parameters: The fields, filters and order; None to leave them out.
            **more: Further members of the body.
        """
        body = {"exported_object": exported_object, **more}
        if parameters is not None:
            body["parameters"] = dict(parameters)
        return self.http.post(PATH, body, lambda answer: _export_in_a_state(answer, f"POST {PATH}"))

    def get(self, export_id: str) -> ExportAnswer:
        """`GET /v1/exports/{id}`: an export in its present state."""
        return self._get(export_id, lambda export, _where: export)

    def urls(self, export_id: str) -> list[str]:
        """`GET /v1/exports/{id}`: the URLs of the result's files; none while there is no result."""
        return self._get(export_id, _urls)

    def _get(self, export_id: str, look_up: Callable[[ExportAnswer, str], _T]) -> _T:
        path = f"{PATH}/{quote(export_id, safe='')}"
        where = f"GET {path}"

        def read(answer: Any) -> _T:
            export = _export_in_a_state(answer, where)
            if str(export["id"]) != export_id:
                raise _unexpected(where, "the export that was asked for")
            return look_up(export, where)

        try:
            return self.http.get(path, read=read)
        except RequestRefusedError as refusal:
            if refusal.status != NOT_FOUND:
                raise
            raise VanishedError(
                f"the vendor has no export {redact(export_id)} any more", hint="Run again."
            ) from None

    def delete(self, export_id: str) -> None:
        """`DELETE /v1/exports/{id}`: deletes an export and its file, if it still exists."""
        try:
            self.http.delete(f"{PATH}/{quote(export_id, safe='')}")
        except RequestRefusedError as refusal:
            if refusal.status != NOT_FOUND:
                raise

    def list_exports(self, *, page: int, limit: int) -> list[ExportAnswer]:
        """`GET /v1/exports`: one page of the project's exports, the newest first.

        Args:
            page: From 1.
            limit: Exports per page; the vendor allows 100.
        """

        def read(answer: Any) -> list[ExportAnswer]:
            exports = answer.get("exports") if isinstance(answer, dict) else None
            if not isinstance(exports, list):
                raise _unexpected(f"GET {PATH}", "a list of exports")
            return [_export(export, f"GET {PATH}") for export in exports]

        params = {"limit": limit, "page": page, "order": "-created_at"}
        return self.http.get(PATH, params, read)


def read_refusal(body: Any) -> tuple[str, bool]:
    """The message of an error body; it never tells of a permission, which has its own status."""
    return vendor_words(body), False


def read_limit(headers: Mapping[str, str]) -> CallLimit:
    """The rate limit that the headers of an answer describe."""
    used_up = headers.get(LIMIT_TYPE) == CYCLE_LIMIT
    try:
        left, reset = int(headers[CALLS_LEFT]), float(headers[LIMIT_RESET])
    except (KeyError, ValueError):
        return CallLimit(used_up=used_up)
    return CallLimit(left, reset, used_up) if math.isfinite(reset) else CallLimit(used_up=used_up)


def _export(answer: Any, where: str) -> ExportAnswer:
    export_id = answer.get("id") if isinstance(answer, dict) else None
    if isinstance(export_id, bool) or not isinstance(export_id, int | str) or export_id == "":
        raise _unexpected(where, "an export with an id")
    export: ExportAnswer = answer
    return export


def _export_in_a_state(answer: Any, where: str) -> ExportAnswer:
    export = _export(answer, where)
    if not isinstance(export.get("status"), str):
        raise UnexpectedAnswerError(
            f"export {redact(str(export['id']))} has no status",
            where=where,
            hint="Run again later; if it stays so, show this to the vendor.",
        )
    return export


def _urls(export: ExportAnswer, where: str) -> list[str]:
    urls = find_urls(export.get("result"))
    if urls is None:
        raise UnexpectedAnswerError(
            "the export's result names its files in an unknown form",
            where=where,
            hint="Nothing of it was loaded. Run again; if it stays so, report this.",
        )
    return urls


def _unexpected(where: str, expected: str) -> UnexpectedAnswerError:
    return UnexpectedAnswerError(
        f"the answer is not {expected}",
        where=where,
        hint="Check that base_url is the address of the vendor's API.",
    )
