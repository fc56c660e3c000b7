"""Voucherify's `/exports`: its calls, with bodies and answers as the vendor documents them.

Vendor documents: the export guide, `exports.json` of its OpenAPI description, and "Limits". What an
export object means for the road is left to `service`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from spaaza_source.errors import RequestRefusedError, UnexpectedAnswerError, VanishedError
from spaaza_source.transport import CallLimit, Clock, HttpClient, redact
from spaaza_source.voucherify.credentials import AppKeys
from spaaza_source.voucherify.result_files import addresses

NOT_FOUND = 404
PATH = "/v1/exports"

#: Headers of every answer: calls left, and the second since 1970 at which all are given anew.
CALLS_LEFT, CALLS_ANEW = "X-Rate-Limit-Remaining", "X-Rate-Limit-Retry"
#: Of which kind a limit is. An account that has used up its calls of a billing cycle has none
#: before the next, whatever `Retry-After` says.
LIMIT_TYPE, CYCLE_LIMIT = "X-Rate-Limit-Type", "api_calls_cycle"

ExportAnswer = dict[str, Any]


def make_client(base_url: str, credentials: AppKeys, clock: Clock | None = None) -> HttpClient:
    """A way to Voucherify's API that proves who asks."""
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
    `VanishedError` where an export is looked at that is not there, `RequestRefusedError` on another
    4xx, `UnavailableError` when the vendor cannot be reached or keeps failing.

    Args:
        http: The way to the vendor.
    """

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    def create(self, exported_object: str, parameters: Mapping[str, Any]) -> ExportAnswer:
        """`POST /v1/exports`: the export as created. Sent once."""
        body = {"exported_object": exported_object, "parameters": dict(parameters)}
        created: ExportAnswer = self.http.post(
            PATH, body, lambda answer: _export_in_a_state(answer, f"POST {PATH}")
        )
        return created

    def get(self, export_id: str) -> ExportAnswer:
        """`GET /v1/exports/{id}`: the export as it stands."""
        found: ExportAnswer = self._found(export_id, lambda export, _place: export)
        return found

    def urls(self, export_id: str) -> list[str]:
        """The same call, for the addresses of the result's files; none while there is no result."""
        urls: list[str] = self._found(export_id, _urls)
        return urls

    def _found(self, export_id: str, look_up: Callable[[ExportAnswer, str], Any]) -> Any:
        path = f"{PATH}/{quote(export_id, safe='')}"
        place = f"GET {path}"

        def read(answer: Any) -> Any:
            export = _export_in_a_state(answer, place)
            if str(export["id"]) != export_id:
                raise _unexpected(place, "the export that was asked for")
            return look_up(export, place)

        try:
            return self.http.get(path, read=read)
        except RequestRefusedError as refusal:
            if refusal.status != NOT_FOUND:
                raise
            raise VanishedError(
                f"the vendor has no export {redact(export_id)} any more", hint="Run again."
            ) from None

    def delete(self, export_id: str) -> None:
        """`DELETE /v1/exports/{id}`: the export and its file are gone, now or before."""
        try:
            self.http.delete(f"{PATH}/{quote(export_id, safe='')}")
        except RequestRefusedError as refusal:
            if refusal.status != NOT_FOUND:
                raise

    def list_exports(self, *, page: int, limit: int) -> list[ExportAnswer]:
        """`GET /v1/exports`: the project's exports, one page, the newest first.

        Args:
            page: From 1.
            limit: Exports to a page; the vendor allows 100.
        """

        def read(answer: Any) -> list[ExportAnswer]:
            exports = answer.get("exports") if isinstance(answer, dict) else None
            if not isinstance(exports, list):
                raise _unexpected(f"GET {PATH}", "a list of exports")
            return [_export(each, f"GET {PATH}") for each in exports]

        params = {"limit": limit, "page": page, "order": "-created_at"}
        found: list[ExportAnswer] = self.http.get(PATH, params, read)
        return found


def read_refusal(body: Any) -> tuple[str, bool]:
    """The vendor's own words for what is wrong; a missing permission has a status of its own.

    They are its `message` and `details`, the `key` by which its documents know the error, and the
    message of its `error`.
    """
    if not isinstance(body, dict):
        return "", False
    error = body.get("error")
    told = [body.get("message"), body.get("details"), body.get("key")]
    told.append(error.get("message") if isinstance(error, dict) else error)
    words = [
        each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)
        for each in told
        if each
    ]
    return ", ".join(dict.fromkeys(words)), False


def read_limit(headers: Mapping[str, str]) -> CallLimit:
    """What the vendor's headers tell of its limit of calls."""
    used_up = headers.get(LIMIT_TYPE) == CYCLE_LIMIT
    try:
        left, anew = int(headers[CALLS_LEFT]), float(headers[CALLS_ANEW])
    except (KeyError, ValueError):
        return CallLimit(used_up=used_up)
    return CallLimit(left, anew, used_up) if math.isfinite(anew) else CallLimit(used_up=used_up)


def _export(answer: Any, place: str) -> ExportAnswer:
    export_id = answer.get("id") if isinstance(answer, dict) else None
    if isinstance(export_id, bool) or not isinstance(export_id, int | str) or export_id == "":
        raise _unexpected(place, "an export with an id")
    export: ExportAnswer = answer
    return export


def _export_in_a_state(answer: Any, place: str) -> ExportAnswer:
    export = _export(answer, place)
    if not isinstance(export.get("status"), str):
        raise UnexpectedAnswerError(
            f"export {redact(str(export['id']))} has no status",
            where=place,
            hint="Run again later; if it stays so, show this to the vendor.",
        )
    return export


def _urls(export: ExportAnswer, place: str) -> list[str]:
    urls = addresses(export.get("result"))
    if urls is None:
        raise UnexpectedAnswerError(
            "the export's result names its files in no form that is known",
            where=place,
            hint="Nothing of it was loaded. Run again; if it stays so, report it.",
        )
    return urls


def _unexpected(place: str, expected: str) -> UnexpectedAnswerError:
    return UnexpectedAnswerError(
        f"the answer is not {expected}",
        where=place,
        hint="Check that base_url is the address of the vendor's API.",
    )
