"""Error answers of Voucherify's API.

The keys and messages of 400, 401 and 404 are the vendor's samples. No sample shows the key of 405
or 429, so there is none.
"""

import secrets

from starlette.responses import JSONResponse

from spaaza_source.sandbox.refusals import RefusedError


def _refusal(status: int, message: str, **more: str) -> RefusedError:
    request_id = f"v-{secrets.token_hex(9)}"
    body = {"code": status, "message": message, **more, "request_id": request_id}
    return RefusedError(JSONResponse(body, status))


def unauthorized() -> RefusedError:
    """The caller is unknown, or the token of the file is not valid."""
    return _refusal(401, "Unauthorized", key="unauthorized")


def invalid_payload(details: str) -> RefusedError:
    """A field of the request is wrong; the details name it."""
    return _refusal(400, "Invalid payload", key="invalid_payload", details=details)


def invalid_fields(allowed: str) -> RefusedError:
    """The request names a field that the object does not have."""
    details = f"Unsupported field used. Allowed fields: {allowed}"
    return _refusal(400, "Invalid Export", key="invalid_export_fields", details=details)


def export_not_found(export_id: str) -> RefusedError:
    """There is no such export, or no longer."""
    return _refusal(
        404,
        "Resource not found",
        key="not_found",
        details=f"Cannot find export with id {export_id}",
        resource_id=export_id,
        resource_type="export",
    )


def http_refusal(status: int, detail: str) -> RefusedError:
    """The answer for a path or method that the API does not have."""
    if status == 404:  # noqa: PLR2004 - the status says it better than a name
        return _refusal(404, "Resource not found", key="not_found")
    return _refusal(status, f"HTTP {detail}")


def too_many_calls() -> RefusedError:
    """The rate limit is exceeded."""
    return _refusal(429, "API limit reached")
