"""Error answers of Spaaza's API.

The core API's shape and the codes 6 (HTTP 401) and 68 (HTTP 500) are documented. The Services
API's own codes are not, so every other refusal has the HTTP status as its code.
"""

from starlette.responses import JSONResponse, Response

from spaaza_source.sandbox.refusals import RefusedError


def refusal(status: int, name: str, description: str, code: int | None = None) -> RefusedError:
    """The vendor's error body, with its HTTP status."""
    error = {"code": code or status, "name": name, "description": description}
    body = {"result": {"code": 2, "status": "error"}, "error": error}
    return RefusedError(JSONResponse(body, status))


def no_valid_session(description: str) -> RefusedError:
    """The caller is unknown."""
    return refusal(401, "no_valid_session", description, code=6)


def permission_denied() -> RefusedError:
    """The caller has no such chain: HTTP 500 at the vendor, strange as it is."""
    description = "Permission denied, or the chain does not exist."
    return refusal(500, "permission_denied_or_non_existent", description, code=68)


def invalid_parameter(description: str) -> RefusedError:
    """A field of the request is wrong; the description names it."""
    return refusal(400, "invalid_parameter", description)


def http_refusal(status: int, detail: str) -> RefusedError:
    """The answer for a path or method that the API does not have."""
    return refusal(status, detail.lower().replace(" ", "_"), f"{detail}.")


def storage_refusal(status: int, code: str, message: str) -> RefusedError:
    """An answer of the storage behind a download link, in XML as of S3."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return RefusedError(Response(text, status, headers={"content-type": "application/xml"}))
