"""The sandbox's HTTP server on loopback: starts, serves and stops."""

import asyncio
import signal
import socket
import threading
from datetime import datetime, timedelta
from email.utils import formatdate
from typing import Any, Self

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from spaaza_source.sandbox.calls import Call, CallRecorder, with_headers
from spaaza_source.sandbox.export_files import ExportWriter
from spaaza_source.sandbox.instants import utc_text
from spaaza_source.sandbox.live import LiveClock
from spaaza_source.sandbox.settings import (
    CHAIN_ID,
    SESSION,
    VOUCHERIFY_CREDENTIALS,
    SandboxSettings,
    credentials_of,
)
from spaaza_source.sandbox.spaaza.api import SpaazaApi
from spaaza_source.sandbox.spaaza.shop import GeneratedShop, Shop
from spaaza_source.sandbox.spaaza.tasks import TaskBook
from spaaza_source.sandbox.voucherify.api import PATHS, VoucherifyApi
from spaaza_source.sandbox.voucherify.project import GeneratedProject, Project

_HOST = "127.0.0.1"
#: A POST to it sets the clock of a live sandbox a day forward.
NEXT_DAY = "/sandbox/next-day"
_POLL_SECONDS = 0.01
# A client that is still downloading must not keep the sandbox from stopping.
_GRACE_SECONDS = 1


class _Server(uvicorn.Server):
    """Stops within 10 ms; uvicorn itself checks ten times a second, which slows tests."""

    async def main_loop(self) -> None:
        """Run until the server is to stop."""
        # The flag is uvicorn's, and another thread sets it: there is no event to await.
        while not self.should_exit:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)


class Sandbox:
    """Spaaza's Services API and Voucherify's exports on 127.0.0.1, as a context manager.

    Without a shop or a project it serves one generated from the settings. The files of its exports
    are in a temporary directory, which is removed when it stops. A stopped sandbox cannot be
    started again.

    Attributes:
        settings: As they were given.
        chain_id: The id of its first chain, and of its only one unless the settings say so.
        credentials: Its access token, as the source's `credentials` argument takes it.
        session: The admin session, likewise.
        voucherify_credentials: The `app_id` and `app_token` of Voucherify's API.
    """

    def __init__(
        self,
        settings: SandboxSettings | None = None,
        shop: Shop | None = None,
        project: Project | None = None,
    ) -> None:
        self.settings = settings = settings or SandboxSettings()
        self.chain_id = CHAIN_ID
        self.credentials = credentials_of(CHAIN_ID)
        self.session = dict(SESSION)
        self.voucherify_credentials = dict(VOUCHERIFY_CREDENTIALS)
        shop = shop or GeneratedShop(settings)
        project = project or GeneratedProject(settings)
        self._writer = ExportWriter(settings.max_export_rows)
        self._book = TaskBook(settings, shop, self._writer)
        self._spaaza = SpaazaApi(settings, shop, self._book)
        self._voucherify = VoucherifyApi(settings, project, self._writer)
        self._recorder = CallRecorder(self._answer)
        self._socket: socket.socket | None = None
        self._server = _Server(
            uvicorn.Config(
                self._recorder,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._thread = threading.Thread(
            target=self._serve, name="spaaza-sandbox-server", daemon=True
        )

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT`, once started."""
        if self._socket is None:
            raise RuntimeError("the sandbox is not started")
        return f"http://{_HOST}:{self._socket.getsockname()[1]}"

    def credentials_of(self, chain: int) -> dict[str, str]:
        """The access token of a chain, as the source's `credentials` argument takes it."""
        return credentials_of(chain)

    @property
    def calls(self) -> list[Call]:
        """Every request so far, oldest first."""
        return self._recorder.calls

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """Every task as the API shows it, newest first."""
        now = self.settings.clock()
        return [task.as_json(now) for task in self._book.newest_first(now)]

    @property
    def voucherify_exports(self) -> list[dict[str, Any]]:
        """Every export as Voucherify's API shows it, newest first."""
        return self._voucherify.exports_as_json(self.base_url)

    def start(self) -> None:
        """Bind the port and serve in a thread; raises OSError if the port is taken."""
        # asyncio turns Nagle's delay off only if the protocol is given: else each answer on a kept
        # connection would wait 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, self.settings.port))
        except OSError:
            listener.close()
            self._writer.close()
            raise
        self._socket = listener
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop serving, wait for the thread and remove the files."""
        if self._thread.is_alive():
            self._server.should_exit = True
            self._thread.join()
        if self._socket is not None:
            self._socket.close()
        self._writer.close()

    def serve_forever(self) -> None:
        """Serve until SIGINT or SIGTERM; call it in the main thread, started or not."""
        stop = threading.Event()
        before = {
            number: signal.signal(number, lambda *_: stop.set())
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            if self._socket is None:
                self.start()
            stop.wait()
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket] if self._socket else None)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the vendor whose path it is, with a `Date` by the sandbox's clock."""
        clock = self.settings.clock
        if isinstance(clock, LiveClock) and scope["path"] == NEXT_DAY and scope["method"] == "POST":
            clock.move(timedelta(days=1))
            told = PlainTextResponse(f"It is {utc_text(clock())} in the sandbox.\n")
            await told(scope, receive, with_headers(send, {"date": _date(clock())}))
            return
        app = self._voucherify.app if scope["path"].startswith(PATHS) else self._spaaza.app
        await app(scope, receive, with_headers(send, {"date": _date(clock())}))


def _date(moment: datetime) -> str:
    return formatdate(moment.timestamp(), usegmt=True)
