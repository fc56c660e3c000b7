"""An app answers its own page alone: its host, its origin, its token.

What asks here as another page would is harmless: it says so, and expects a refusal.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pytest
import serve
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.notebooks import apps

TOKEN = "a-token-of-the-test"
COOKIE = "notebook_{port}=" + TOKEN
#: What a browser sends for the app's own page.
OWN = {"Host": "127.0.0.1:{port}", "Cookie": COOKIE}


async def app(scope: serve.Scope, receive: serve.Receive, send: serve.Send) -> None:
    """Tells whoever reaches it that it was reached."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"reached"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "reached"})
        await send({"type": "websocket.close", "code": 1000})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serve.listen(0) as listening:
        server = serve.guarded(app, listening, TOKEN)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


def ask(port: int, headers: Mapping[str, str], path: str = "/") -> http.client.HTTPResponse:
    """The answer, whose body has been read; `{port}` in the headers is the app's."""
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.putrequest("GET", path, skip_host=True)
        for name, text in headers.items():
            connection.putheader(name, text.format(port=port))
        connection.endheaders()
        answer = connection.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]
        return answer


@pytest.mark.parametrize(
    "headers",
    [
        OWN,
        {**OWN, "Host": "localhost:{port}"},
        {**OWN, "Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"},
        {**OWN, "Sec-Fetch-Site": "none"},
        {**OWN, "Cookie": f"other=1; {COOKIE}"},
    ],
)
def test_the_apps_own_page_is_answered(port: int, headers: dict[str, str]) -> None:
    assert ask(port, headers).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**OWN, "Host": "rebound.example:{port}"}, 421),
        ({**OWN, "Host": "127.0.0.1"}, 421),
        ({**OWN, "Host": "127.0.0.1.rebound.example:{port}"}, 421),
        ({"Cookie": COOKIE}, 400),
        ({**OWN, "Origin": "http://other.example"}, 403),
        ({**OWN, "Origin": "http://127.0.0.1:1"}, 403),
        ({**OWN, "Origin": "https://127.0.0.1:{port}"}, 403),
        ({**OWN, "Origin": "http://localhost:{port}"}, 403),
        ({**OWN, "Origin": "null"}, 403),
        ({**OWN, "Sec-Fetch-Site": "cross-site"}, 403),
        ({**OWN, "Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": OWN["Host"]}, 401),
        ({**OWN, "Cookie": "notebook_{port}=guessed"}, 401),
        ({**OWN, "Cookie": "notebook_{port}="}, 401),
        ({**OWN, "Cookie": "notebook_{port}=\xe9"}, 401),
        ({**OWN, "Cookie": f"session={TOKEN}"}, 401),
    ],
)
def test_whatever_else_asks_is_refused(port: int, headers: dict[str, str], status: int) -> None:
    answer = ask(port, headers)
    assert answer.status == status
    assert b"reached" not in answer.body  # type: ignore[attr-defined]


def test_the_address_that_is_shown_leads_to_the_page(port: int) -> None:
    answer = ask(port, {"Host": OWN["Host"]}, f"/?token={TOKEN}")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert ask(port, {**OWN, "Cookie": cookie.split(";")[0]}).status == 200


@pytest.mark.parametrize("path", ["/?token=guessed", "/?token=", "/?token=%C3%A9", "/?tokens"])
def test_another_token_leads_nowhere(port: int, path: str) -> None:
    assert ask(port, {"Host": OWN["Host"]}, path).status == 401


def test_the_manifest_needs_no_token_and_the_apps_host_all_the_same(port: int) -> None:
    assert ask(port, {"Host": OWN["Host"]}, serve.MANIFEST).status == 200
    assert ask(port, {"Host": "rebound.example"}, serve.MANIFEST).status == 421
    other = {"Host": OWN["Host"], "Sec-Fetch-Site": "cross-site"}
    assert ask(port, other, serve.MANIFEST).status == 403


def test_the_token_of_an_address_does_not_lead_another_host_in(port: int) -> None:
    answer = ask(port, {"Host": "rebound.example:{port}"}, f"/?token={TOKEN}")
    assert (answer.status, answer.headers["Set-Cookie"]) == (421, None)


def test_a_web_socket_of_the_page_is_accepted(port: int) -> None:
    with connect(
        f"ws://127.0.0.1:{port}/ws",
        origin=Origin(f"http://127.0.0.1:{port}"),
        additional_headers={"Cookie": COOKIE.format(port=port)},
    ) as socket:
        assert socket.recv() == "reached"


@pytest.mark.parametrize("origin", [None, "http://other.example", "http://127.0.0.1:1"])
def test_a_web_socket_of_another_page_is_refused(port: int, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(
            f"ws://127.0.0.1:{port}/ws",
            origin=None if origin is None else Origin(origin),
            additional_headers={"Cookie": COOKIE.format(port=port)},
        )
    assert refused.value.response.status_code == 403


@pytest.mark.slow
def test_a_notebook_is_served_behind_it(tmp_path: Path) -> None:
    database = tmp_path / "some.duckdb"
    with duckdb.connect(str(database)) as warehouse:
        warehouse.execute("CREATE TABLE users AS SELECT 1 AS id")
    with apps.served("first_look", database, tmp_path) as address:
        shown = urlsplit(address)
        assert shown.hostname == "127.0.0.1"
        assert shown.port
        host = {"Host": f"127.0.0.1:{shown.port}"}
        assert ask(shown.port, host).status == 401
        entered = ask(shown.port, host, f"/?{shown.query}")
        page = ask(shown.port, {**host, "Cookie": entered.headers["Set-Cookie"].split(";")[0]})
        assert page.status == 200
        assert b"<html" in page.body  # type: ignore[attr-defined]
        assert ask(shown.port, {"Host": "rebound.example"}).status == 421
