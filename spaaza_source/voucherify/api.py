"""Voucherify's `/exports`: its calls, with bodies and answers as the vendor documents them.

Vendor documents: the export guide, `exports.json` of its OpenAPI description, and "Limits". What an
export object means for the road is left to `service`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from spaaza_source.errors import RequestRefusedError, UnexpectedAnswerError, VanishedError
from spaaza_source.exports.call_limit import CallLimit
from spaaza_source.exports.clock import Clock
from spaaza_source.exports.http import VendorHttp
from spaaza_source.exports.redaction import redact
from spaaza_source.voucherify.credentials import AppKeys

NOT_FOUND = 404
PATH = "/v1/exports"

#: Headers of every answer: calls left, and the second since 1970 at which all are given anew.
CALLS_LEFT, CALLS_ANEW = "X-Rate-Limit-Remaining", "X-Rate-Limit-Retry"
#: Of which kind a limit is. An account that has used up its calls of a billing cycle has none
#: before the next, whatever `Retry-After` says.
LIMIT_TYPE, CYCLE_LIMIT = "X-Rate-Limit-Type", "api_calls_cycle"

ExportAnswer = dict[str, Any]


def vendor_http(base_url: str, credentials: AppKeys, clock: Clock | None = None) -> VendorHttp:
    """A way to Voucherify's API that proves who asks."""
    return VendorHttp(
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

    def __init__(self, http: VendorHttp) -> None:
        self.http = http

    def create(self, exported_object: str, parameters: Mapping[str, Any]) -> ExportAnswer:
        """`POST /v1/exports`: the export as created. Sent once."""
        body = {"exported_object": exported_object, "parameters": dict(parameters)}
        return _export(self.http.post(PATH, body), f"POST {PATH}")

    def get(self, export_id: str) -> ExportAnswer:
        """`GET /v1/exports/{id}`: the export as it stands."""
        path = f"{PATH}/{quote(export_id, safe='')}"

        def read(answer: Any) -> ExportAnswer:
            export = _export(answer, f"GET {path}")
            if str(export["id"]) != export_id:
                raise _unexpected(f"GET {path}", "the export that was asked for")
            return export

        try:
            found: ExportAnswer = self.http.get(path, read=read)
        except RequestRefusedError as refusal:
            if refusal.status != NOT_FOUND:
                raise
            raise VanishedError(
                f"the vendor has no export {redact(export_id)} any more", way_out="Run again."
            ) from None
        return found

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

    They are its `message` and `details`, and the `key` by which its documents know the error.
    """
    if not isinstance(body, dict):
        return "", False
    told = [str(body[name]) for name in ("message", "details", "key") if body.get(name)]
    return ", ".join(dict.fromkeys(told)), False


def read_limit(headers: Mapping[str, str]) -> CallLimit:
    """What the vendor's headers tell of its limit of calls."""
    used_up = headers.get(LIMIT_TYPE) == CYCLE_LIMIT
    try:
        left, anew = int(headers[CALLS_LEFT]), float(headers[CALLS_ANEW])
    except (KeyError, ValueError):
        return CallLimit(used_up=used_up)
    return CallLimit(left, anew, used_up) if math.isfinite(anew) else CallLimit(used_up=used_up)


def _export(answer: Any, place: str) -> ExportAnswer:
    if not isinstance(answer, dict) or not answer.get("id"):
        raise _unexpected(place, "an export")
    return answer


def _unexpected(place: str, expected: str) -> UnexpectedAnswerError:
    return UnexpectedAnswerError(
        f"the answer is not {expected}",
        where=place,
        way_out="Check that base_url is the address of the vendor's API.",
    )
