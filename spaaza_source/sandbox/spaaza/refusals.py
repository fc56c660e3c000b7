"""Error answers of Spaaza's API.

The core API's shape and the codes 6 (HTTP 401) and 68 (HTTP 500) are documented. The Services
API's own codes are not, so every other refusal has the HTTP status as its code.
"""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response


class SpaazaRefusal(Exception):  # noqa: N818 - it is an answer of the API, not a fault of this program
    """Raised to answer a request with an error."""

    def __init__(self, status: int, code: int, name: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.code = code
        self.name = name
        self.description = description

    def response(self) -> JSONResponse:
        """The vendor's error body, with its HTTP status."""
        error = {"code": self.code, "name": self.name, "description": self.description}
        body = {"result": {"code": 2, "status": "error"}, "error": error}
        return JSONResponse(body, self.status)


def no_valid_session(description: str) -> SpaazaRefusal:
    """The caller is unknown."""
    return SpaazaRefusal(401, 6, "no_valid_session", description)


def permission_denied() -> SpaazaRefusal:
    """The caller has no such chain: HTTP 500 at the vendor, strange as it is."""
    return SpaazaRefusal(
        500,
        68,
        "permission_denied_or_non_existent",
        "Permission denied, or the chain does not exist.",
    )


def invalid_parameter(description: str) -> SpaazaRefusal:
    """A field of the request is wrong; the description names it."""
    return SpaazaRefusal(400, 400, "invalid_parameter", description)


def task_not_found() -> SpaazaRefusal:
    """No such task in this chain."""
    return SpaazaRefusal(404, 404, "task_not_found", "Task not found.")


def storage_refusal(status: int, code: str, message: str) -> Response:
    """An answer of the storage behind a download link, in XML as of S3."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return Response(text, status, headers={"content-type": "application/xml"})


def http_refusal(status: int, detail: str, headers: Mapping[str, str] | None) -> Response:
    """The answer for a path or method that the API does not have."""
    response = SpaazaRefusal(
        status, status, detail.lower().replace(" ", "_"), f"{detail}."
    ).response()
    response.headers.update(headers or {})
    return response
