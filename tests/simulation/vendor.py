"""The sandbox as the vendor of a living shop, and its bad days: failures that are told beforehand.

The sandbox itself reads the tasks, honours their filters and writes the files; here it gets the
shop's rows, as they were in the whole second in which an export ran.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import pyarrow as pa
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spaaza_source.sandbox import Sandbox, SandboxSettings, TimeSpan
from spaaza_source.sandbox.export_files import _TooManyRowsError
from spaaza_source.sandbox.settings import INDEXES
from tests.simulation.life import Life

#: What goes wrong: a question is answered with 503; a file's link is refused; a task is created,
#: but 503 is the answer; the next export of an index ends in an error.
TROUBLES = ("busy", "expired", "lost", "transactions", "vouchers", "wallet-ledger", "users")


class LivingShop:
    """A sandbox's `Shop` that changes with the clock."""

    def __init__(self, life: Life, clock: Callable[[], datetime]) -> None:
        self._life = life
        self._clock = clock
        #: Indexes whose next export fails.
        self.failing: list[str] = []

    def schema(self, index: str) -> pa.Schema:
        """The columns of the day."""
        return self._life.tables[index].schema(self._clock())

    def blocks(
        self,
        index: str,
        at: datetime,
        near: Mapping[str, TimeSpan],  # noqa: ARG002 - all rows are given; the sandbox filters them
    ) -> Iterator[pa.Table]:
        """All rows as they were."""
        if index in self.failing:
            self.failing.remove(index)
            raise _TooManyRowsError
        table, moment = self._life.tables[index], at.replace(microsecond=0)
        rows = [table.rows[row].cells(version) for row, version in table.versions(moment).items()]
        yield pa.Table.from_pylist(rows, table.schema(moment))

    def bulk_users(self, at: datetime) -> Iterator[pa.Table]:
        """Nobody asks for them here."""
        raise NotImplementedError


class Vendor(Sandbox):
    """A sandbox of a living shop, which can be told to fail.

    Args:
        life: The shop's.
        clock: What time it is.
        chain: The id of its chain.
    """

    def __init__(self, life: Life, clock: Callable[[], datetime], chain: int) -> None:
        self.shop = LivingShop(life, clock)
        super().__init__(SandboxSettings(clock=clock), self.shop)
        app: ASGIApp = self._recorder
        if chain != self.chain_id:
            app = _renumbered(app, self.chain_id, chain)
        self.chain_id = chain
        self._troubles: list[str] = []
        self._server.config.app = self._troubled(app)

    def expect(self, trouble: str) -> None:
        """Let the next call or export that one of `TROUBLES` fits fail, once.

        No two in a row: a vendor that always fails ends a load, and rightly.
        """
        coming = self.shop.failing if trouble in INDEXES else self._troubles
        if trouble not in coming:
            coming.append(trouble)

    def _troubled(self, app: ASGIApp) -> ASGIApp:
        async def troubled(scope: Scope, receive: Receive, send: Send) -> None:
            trouble = self._trouble_of(scope)
            if trouble is None:
                await app(scope, receive, send)
            elif trouble == "expired":
                await Response("expired", 403)(scope, receive, send)
            else:
                if trouble == "lost":
                    await app(scope, receive, _nowhere)
                await Response("busy", 503, {"Retry-After": "1"})(scope, receive, send)

        return troubled

    def _trouble_of(self, scope: Scope) -> str | None:
        path, method = scope["path"], scope["method"]
        fitting = "busy"
        if path.startswith("/files/"):
            fitting = "expired"
        elif method == "POST":
            fitting = "lost"
        if fitting not in self._troubles:
            return None
        self._troubles.remove(fitting)
        return fitting


def _renumbered(app: ASGIApp, own: int, chain: int) -> ASGIApp:
    """A sandbox with another chain than its own; both ids have as many digits."""

    def told(message: Message, known: int, meant: int) -> Message:
        body = message.get("body")
        if body:
            told_as = rb"\g<1>%d" % meant
            message["body"] = re.sub(rb'("chain(?:_id)?": ?)%d\b' % known, told_as, body)
        return message

    async def renumbered(scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_own() -> Message:
            return told(await receive(), chain, own)

        async def send_meant(message: Message) -> None:
            await send(told(message, own, chain))

        is_file = scope["path"].startswith("/files/")
        await app(scope, receive_own, send if is_file else send_meant)

    return renumbered


async def _nowhere(_message: Message) -> None:
    """The answer that never arrives."""
