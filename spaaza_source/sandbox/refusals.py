"""Errors that a vendor's API answers with, and the application that does so."""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from spaaza_source.sandbox.fields import InvalidFieldError


class RefusedError(Exception):
    """Raised to answer a request with an error of the vendor's kind."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.response = response


def application(
    routes: Sequence[Route],
    invalid_field: Callable[[str], RefusedError],
    http_refusal: Callable[[int, str], RefusedError],
) -> Starlette:
    """The routes of a vendor's API.

    Args:
        routes: Their endpoints may raise RefusedError and InvalidFieldError.
        invalid_field: The vendor's answer to a field that is wrong.
        http_refusal: Its answer, by HTTP status and phrase, to an unknown path or method.
    """

    def refuse(_request: Request, error: Exception) -> Response:
        if isinstance(error, RefusedError):
            return error.response
        if not isinstance(error, HTTPException):
            return invalid_field(str(error)).response
        response = http_refusal(error.status_code, error.detail).response
        response.headers.update(error.headers or {})
        return response

    refused = (RefusedError, InvalidFieldError, HTTPException)
    return Starlette(routes=routes, exception_handlers=dict.fromkeys(refused, refuse))
