"""Records every request, for tests to look at, and compares its credentials."""

import hmac
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
        self._lock = threading.Lock()
        self._calls: list[Call] = []

    @property
    def calls(self) -> list[Call]:
        """The calls so far, oldest first; a copy."""
        with self._lock:
            return list(self._calls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI calls it."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":  # the client has disconnected
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
    """The call of a request's scope."""
    call: Call = scope[_CALL]
    return call


def secrets_match(received: str, expected: str) -> bool:
    """Compare in constant time, which tells nothing of where two secrets differ."""
    # Bytes, because compare_digest refuses text outside ASCII and a header may hold any.
    return hmac.compare_digest(received.encode(), expected.encode())
