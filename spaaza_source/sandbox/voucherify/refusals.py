"""How Voucherify says no: its error body; when to say it is left to the rest of the package.

The keys and messages of 400, 401 and 404 are the vendor's samples. No sample shows the key of 405
or 429, so there is none.
"""

import secrets
from collections.abc import Mapping

from starlette.responses import JSONResponse


class Refusal(Exception):  # noqa: N818 - it is an answer of the API, not a fault of this program
    """Carries an error answer from wherever the reason is found to the edge of the API."""

    def __init__(self, status: int, message: str, **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.more = more

    def response(self, headers: Mapping[str, str] | None = None) -> JSONResponse:
        """The vendor's error body, with its HTTP status."""
        body = {
            "code": self.status,
            "message": self.message,
            **self.more,
            "request_id": f"v-{secrets.token_hex(9)}",
        }
        return JSONResponse(body, self.status, dict(headers or {}))


def unauthorized() -> Refusal:
    """Who asks is not known, or has no right token for the file."""
    return Refusal(401, "Unauthorized", key="unauthorized")


def invalid_payload(details: str) -> Refusal:
    """A field of the request is wrong; the details name it."""
    return Refusal(400, "Invalid payload", key="invalid_payload", details=details)


def invalid_fields(allowed: str) -> Refusal:
    """The export is asked for a field that its object does not have."""
    details = f"Unsupported field used. Allowed fields: {allowed}"
    return Refusal(400, "Invalid Export", key="invalid_export_fields", details=details)


def export_not_found(export_id: str) -> Refusal:
    """No such export, or no longer."""
    return Refusal(
        404,
        "Resource not found",
        key="not_found",
        details=f"Cannot find export with id {export_id}",
        resource_id=export_id,
        resource_type="export",
    )


def from_http(status: int, detail: str) -> Refusal:
    """A path or method the API does not have."""
    if status == 404:  # noqa: PLR2004 - the status says it better than a name
        return Refusal(404, "Resource not found", key="not_found")
    return Refusal(status, f"HTTP {detail}")


def too_many_calls() -> Refusal:
    """The limit of calls is reached."""
    return Refusal(429, "API limit reached")
