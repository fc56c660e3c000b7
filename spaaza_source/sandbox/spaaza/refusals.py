"""How the API says no: the vendor's error body; when to say it is left to the rest of the package.

The core API's shape and the codes 6 (HTTP 401) and 68 (HTTP 500) are documented. The Services
API's own codes are not, so for every other refusal the HTTP status stands in for the code.
"""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response


class Refused(Exception):  # noqa: N818 - it is an answer of the API, not a fault of this program
    """Carries an error answer from wherever the reason is found to the edge of the API."""

    def __init__(self, status: int, code: int, name: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.code = code
        self.name = name
        self.description = description

    def response(self) -> JSONResponse:
        """The vendor's kind of error body, with its HTTP status."""
        error = {"code": self.code, "name": self.name, "description": self.description}
        body = {"result": {"code": 2, "status": "error"}, "error": error}
        return JSONResponse(body, self.status)


def no_valid_session(description: str) -> Refused:
    """Who asks is not known."""
    return Refused(401, 6, "no_valid_session", description)


def permission_denied() -> Refused:
    """Who asks is known, and has no such chain: HTTP 500 at the vendor, strange as it is."""
    return Refused(
        500,
        68,
        "permission_denied_or_non_existent",
        "Permission denied, or the chain does not exist.",
    )


def invalid(where: str, reason: str) -> Refused:
    """A field of the request is wrong; `where` is its path, such as `trigger.once`."""
    return Refused(400, 400, "invalid_parameter", f"{where}: {reason}")


def task_not_found() -> Refused:
    """No such task in this chain."""
    return Refused(404, 404, "task_not_found", "Task not found.")


def storage_refusal(status: int, code: str, message: str) -> Response:
    """The storage behind a download link answers in XML, as S3 does."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return Response(text, status, headers={"content-type": "application/xml"})


def from_http(status: int, detail: str, headers: Mapping[str, str] | None) -> Response:
    """A path or method the API does not have."""
    response = Refused(status, status, detail.lower().replace(" ", "_"), f"{detail}.").response()
    response.headers.update(headers or {})
    return response
