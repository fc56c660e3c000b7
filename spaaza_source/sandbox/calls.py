"""Records every request, for tests to look at."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CALL = "sandbox.call"


@dataclass(frozen=True)
class Call:
    """One request: header names in lower case, `body` as received."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)  # a repr must not show a credential
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON; raises ValueError if it is not JSON."""
        return json.loads(self.body)


class CallRecorder:
    """ASGI middleware: reads the body, records the call and passes it on in the scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._calls: list[Call] = []

    @property
    def calls(self) -> list[Call]:
        """The calls so far, oldest first; a copy."""
        return list(self._calls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI calls it."""
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        query, headers = dict(request.query_params), dict(request.headers)
        scope[_CALL] = Call(request.method, scope["path"], query, headers, body)
        self._calls.append(scope[_CALL])
        await self._app(scope, receive, send)


def call_of(request: Request) -> Call:
    """The recorded call of a request, whose body is read already."""
    call: Call = request.scope[_CALL]
    return call


def with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """Send an answer with more headers."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with_headers
