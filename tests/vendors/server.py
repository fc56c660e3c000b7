"""A real HTTP server on loopback whose every answer a test scripts."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

#: In every secret that a test gives; in no file's name.
CANARY = "xcanaryx"


@dataclass
class Answer:
    """What to send; `body` may be shorter than the Content-Length in `headers` claims.

    Behind the body come the `pieces`, one by one, until the other side has had enough. Then the
    connection is `reset`, or nothing more comes on it (`stall`). With the status 0 there is no
    answer but the pieces, which may be headers: the connection is closed, or reset.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    then: Literal["", "reset", "stall"] = ""
    pieces: Iterable[bytes] = ()

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> Answer:
        return cls(
            status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers}
        )


@dataclass(frozen=True)
class Seen:
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class ScriptedServer:
    """Answers by calling `answer` with each request; remembers them all in `seen`."""

    def __init__(self, answer: Callable[[Seen], Answer]) -> None:
        self.seen: list[Seen] = []
        self.over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body are two writes: otherwise the second would wait 40 ms.
            disable_nagle_algorithm = True

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                request = Seen(
                    self.command, self.path, dict(self.headers.items()), self.rfile.read(length)
                )
                outer.seen.append(request)
                reply = answer(request)
                if not reply.status:
                    _drip(self, reply.pieces)
                    self._leave(reply)
                    return
                self.send_response_only(reply.status)
                headers = {"Content-Length": str(len(reply.body)), **reply.headers}
                for name, value in headers.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)
                _drip(self, reply.pieces)
                if int(headers["Content-Length"] or -1) != len(reply.body):
                    self.close_connection = True
                self._leave(reply)

            def _leave(self, reply: Answer) -> None:
                self.close_connection = self.close_connection or not reply.status
                if reply.then == "stall":
                    outer.over.wait(30)
                elif reply.then == "reset":
                    # Closed without a goodbye.
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    socket.close(self.connection.detach())

            do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _drip(handler: BaseHTTPRequestHandler, pieces: Iterable[bytes]) -> None:
    try:
        for piece in pieces:
            handler.wfile.write(piece)
    except OSError:
        handler.close_connection = True


def in_turn(*answers: Answer) -> Callable[[Seen], Answer]:
    """Each answer once, the last for ever."""
    left = list(answers)
    return lambda _request: left.pop(0) if len(left) > 1 else left[0]
