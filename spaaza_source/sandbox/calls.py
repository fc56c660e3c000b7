"""Every request the sandbox saw, kept for tests to look at; answering it is left to `api`."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

_CALL = "sandbox.call"


@dataclass(frozen=True)
class Call:
    """One request: header names are in lower case, `body` is what came over the wire."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)  # a repr must not show a credential
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body read as JSON; raises ValueError if it is none."""
        return json.loads(self.body)


class CallRecorder:
    """ASGI middleware: reads the body, records the call and hands it on inside the scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._calls: list[Call] = []

    @property
    def calls(self) -> list[Call]:
        """The calls so far, oldest first; a copy."""
        with self._lock:
            return list(self._calls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, as ASGI asks."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":  # the client has gone
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        call = Call(
            method=scope["method"],
            path=scope["path"],
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            headers={k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]},
            body=bytes(body),
        )
        with self._lock:
            self._calls.append(call)
        scope[_CALL] = call
        await self._app(scope, receive, send)


def call_of(scope: Scope) -> Call:
    """The call that an endpoint is asked to answer."""
    call: Call = scope[_CALL]
    return call
