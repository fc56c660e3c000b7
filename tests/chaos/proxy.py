"""A TCP proxy that does to a connection what networks do: delays, slices, cuts, resets, stalls.

What it does is drawn from a seed; what is said over the connection it does not look at.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

FAULTS = ("delay", "slice", "cut", "reset", "stall")
#: Bytes that pass in one piece.
CHUNK = 16_384
#: Seconds of a delay at most; longer than whoever reads is patient: a stall.
DELAY = 0.2
#: Bytes of an answer before a fault at most: some strike before the first, or in a file.
FARTHEST = 60_000


class ChaoticProxy:
    """Stands before a server.

    Args:
        target: The server's address, `http://HOST:PORT`.
        seed: Of what is drawn.
        share: Of connections that something happens to.
        stall: Seconds that a stall lasts.
    """

    def __init__(self, target: str, seed: int, *, share: float = 0.3, stall: float = 3.0) -> None:
        self._target = urlsplit(target)
        self._draw = random.Random(seed)  # noqa: S311 - no secret
        self._share = share
        self._stall = stall
        #: What has happened, how often.
        self.struck: Counter[str] = Counter()
        #: asyncio itself holds a task but weakly.
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._port = 0
        self._thread = threading.Thread(target=self._serve, name="chaos", daemon=True)

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def calm(self) -> None:
        """From now on nothing happens."""
        self._share = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._listen())
            for task in self._connections:
                task.cancel()
            self._loop.run_until_complete(
                asyncio.gather(*self._connections, return_exceptions=True)
            )
        finally:
            self._loop.close()

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=512)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._connection(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, there = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            writer.transport.abort()
            return
        asking = asyncio.ensure_future(_pass_on(reader, there))
        try:
            await self._answer(back, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            asking.cancel()
            for end in (there, writer):
                end.transport.abort()

    async def _answer(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the server says; once something happens on the way."""
        fault = self._draw.choice(FAULTS) if self._draw.random() < self._share else ""
        # As often in the first bytes as far behind them.
        left = int(FARTHEST ** self._draw.random()) - 1
        while data := await back.read(CHUNK):
            if not fault or len(data) <= left:
                left -= len(data)
                await _write(writer, data)
                continue
            await _write(writer, data[:left])
            self.struck[fault] += 1
            if await self._strike(fault, writer, data[left:]):
                return
            fault = ""

    async def _strike(self, fault: str, writer: asyncio.StreamWriter, rest: bytes) -> bool:
        """Whether the connection is over."""
        if fault == "delay":
            await asyncio.sleep(self._draw.random() * DELAY)
            await _write(writer, rest)
        elif fault == "slice":
            while rest:
                size = self._draw.randint(1, 400)
                await _write(writer, rest[:size])
                rest = rest[size:]
                await asyncio.sleep(0)
        elif fault == "cut":
            writer.close()
        elif fault == "reset":
            connection: socket.socket = writer.get_extra_info("socket")
            # Closed without a goodbye.
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        else:
            await asyncio.sleep(self._stall)
        return fault in ("cut", "reset", "stall")


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK):
            await _write(writer, data)
        writer.write_eof()
    except OSError:
        return


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
