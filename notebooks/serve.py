"""Serves a notebook as an app: on this machine, to its own page in the browser, and to nobody else.

python notebooks/serve.py first_look --db demo.duckdb

Another web page may send requests to an address of this machine too, under a name of its own (DNS
rebinding) or from another origin; so may other users of the machine. So each request must name this
server's host, come from its own page, and bring the token that the terminal shows.
"""

from __future__ import annotations

import argparse
import hmac
import os
import secrets
import socket
import webbrowser
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import marimo
import uvicorn

APPS = ("first_look", "loyalty")
HOST = "127.0.0.1"
#: Browsers ask for it without cookies; it says that the page is one of marimo, and no more.
MANIFEST = "/manifest.json"
#: What browsers say of a request's origin: the page's own, or the user's who typed the address.
OWN_SITES = ("same-origin", "none")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """Passes on the requests of the app's own page, and refuses all others.

    Args:
        app: The app.
        port: Where it is served.
        token: The secret that a browser must bring: in the address once, then in a cookie.
    """

    def __init__(self, app: App, port: int, token: str) -> None:
        self._app = app
        self._hosts = (f"{HOST}:{port}", f"localhost:{port}")
        self._cookie = f"notebook_{port}"
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif (refusal := self._refusal(scope)) is not None:
            await _answer(scope, send, refusal)
        elif scope["path"] == MANIFEST or self._has_token(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "http" and self._brings_token(scope):
            cookie = f"{self._cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/"
            await _answer(scope, send, HTTPStatus.SEE_OTHER, location="/", set_cookie=cookie)
        else:
            await _answer(scope, send, HTTPStatus.UNAUTHORIZED)

    def _refusal(self, scope: Scope) -> HTTPStatus | None:
        """Why a request is none of the app's page; None if it may be."""
        hosts, origins = _values(scope, "host"), _values(scope, "origin")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return HTTPStatus.MISDIRECTED_REQUEST
        is_own = all(origin == f"http://{hosts[0]}" for origin in origins)
        # Browsers name the origin of each web socket.
        has_origin = bool(origins) or scope["type"] == "http"
        by_itself = all(site in OWN_SITES for site in _values(scope, "sec-fetch-site"))
        return None if is_own and has_origin and by_itself else HTTPStatus.FORBIDDEN

    def _has_token(self, scope: Scope) -> bool:
        cookies: SimpleCookie = SimpleCookie()
        try:
            cookies.load("; ".join(_values(scope, "cookie")))
        except CookieError:
            return False
        found = cookies.get(self._cookie)
        return found is not None and self._is_token(found.value)

    def _brings_token(self, scope: Scope) -> bool:
        (brought,) = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[:1]
        return self._is_token(brought)

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())


def _values(scope: Scope, name: str) -> list[str]:
    """What the headers of that name say."""
    wanted = name.encode()
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == wanted]


async def _answer(scope: Scope, send: Send, status: HTTPStatus, **headers: str) -> None:
    if scope["type"] == "websocket":
        # Before it is accepted, so the browser sees it refused.
        await send({"type": "websocket.close", "code": 1008})
        return
    told = {"content-type": "text/plain", "cache-control": "no-store", **headers}
    encoded = [(name.replace("_", "-").encode(), text.encode()) for name, text in told.items()]
    body = b"Open the address that the terminal shows.\n"
    await send({"type": "http.response.start", "status": int(status), "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def listen(port: int) -> socket.socket:
    """A socket that this machine alone can reach; port 0 picks a free one."""
    return socket.create_server((HOST, port))


def guarded(app: App, listening: socket.socket, token: str) -> uvicorn.Server:
    """A server of the app behind its guard; `run` it with that socket."""
    guard = Guard(app, listening.getsockname()[1], token)
    # What is asked has the token in its address once: no log of it.
    return uvicorn.Server(uvicorn.Config(guard, log_level="warning", access_log=False))


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the app that the arguments name, until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Serve a notebook as an app, on this machine.")
    parser.add_argument("app", choices=APPS)
    parser.add_argument("--db", help="DuckDB file, or the name of a dlt pipeline.")
    parser.add_argument("--port", type=int, default=0, help="Port; 0 picks a free one.")
    parser.add_argument("--headless", action="store_true", help="Do not open a browser.")
    given = parser.parse_args(arguments)
    if given.db:
        os.environ["SPAAZA_DB"] = given.db
    notebook = Path(__file__).with_name(f"{given.app}.py")
    app = marimo.create_asgi_app(quiet=True).with_app(path="/", root=str(notebook)).build()
    token = secrets.token_urlsafe(32)
    with listen(given.port) as listening:
        address = f"http://{HOST}:{listening.getsockname()[1]}/?token={token}"
        print(f"{given.app} is at {address}\nCtrl-C ends it.", flush=True)  # noqa: T201
        if not given.headless:
            webbrowser.open(address)
        guarded(app, listening, token).run(sockets=[listening])


if __name__ == "__main__":
    main()
