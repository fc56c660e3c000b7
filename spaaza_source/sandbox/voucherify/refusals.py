"""Error answers of Voucherify's API.

The keys and messages of 400, 401 and 404 are the vendor's samples. No sample shows the key of 405
or 429, so there is none.
"""

import secrets
from collections.abc import Mapping

from starlette.responses import JSONResponse


class VoucherifyRefusal(Exception):  # noqa: N818 - it is an answer of the API, not a fault of this program
    """Raised to answer a request with an error."""

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


def unauthorized() -> VoucherifyRefusal:
    """The caller is unknown, or the token of the file is not valid."""
    return VoucherifyRefusal(401, "Unauthorized", key="unauthorized")


def invalid_payload(details: str) -> VoucherifyRefusal:
    """A field of the request is wrong; the details name it."""
    return VoucherifyRefusal(400, "Invalid payload", key="invalid_payload", details=details)


def invalid_fields(allowed: str) -> VoucherifyRefusal:
    """The request names a field that the object does not have."""
    details = f"Unsupported field used. Allowed fields: {allowed}"
    return VoucherifyRefusal(400, "Invalid Export", key="invalid_export_fields", details=details)


def export_not_found(export_id: str) -> VoucherifyRefusal:
    """There is no such export, or no longer."""
    return VoucherifyRefusal(
        404,
        "Resource not found",
        key="not_found",
        details=f"Cannot find export with id {export_id}",
        resource_id=export_id,
        resource_type="export",
    )


def http_refusal(status: int, detail: str) -> VoucherifyRefusal:
    """The answer for a path or method that the API does not have."""
    if status == 404:  # noqa: PLR2004 - the status says it better than a name
        return VoucherifyRefusal(404, "Resource not found", key="not_found")
    return VoucherifyRefusal(status, f"HTTP {detail}")


def too_many_calls() -> VoucherifyRefusal:
    """The rate limit is exceeded."""
    return VoucherifyRefusal(429, "API limit reached")
