"""Waits in Airflow's triggerer until a vendor has finished exports; for Airflow to import."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakValueDictionary

from airflow.triggers.base import BaseTrigger, TriggerEvent

from spaaza_source.airflow.settings import BackfillSettings, open_backfill
from spaaza_source.backfill import ExportWatch, JobBoard, Waiting
from spaaza_source.errors import SpaazaSourceError

#: Seconds to the first look, at least. A task that is due again before the scheduler has noticed
#: that it was deferred is taken for lost, and tried anew.
FIRST_LOOK = 5.0
#: A vendor that hangs must not keep the triggerer's own threads from other triggers.
_THREADS = ThreadPoolExecutor(4, thread_name_prefix="spaaza")
#: The vendor's lists of jobs that triggers of this process look at: one for each backfill.
_BOARDS: WeakValueDictionary[tuple[str, ...], JobBoard] = WeakValueDictionary()
_OPENING = threading.Lock()


class ExportsTrigger(BaseTrigger):
    """Fires once there is something to do for a step of a backfill.

    What it is made of is kept in Airflow's database: it holds no secret, and asks dlt's
    configuration for credentials here, in the triggerer.

    Args:
        settings: The backfill.
        waiting: What the step waits for.
    """

    def __init__(self, settings: BackfillSettings, waiting: Waiting) -> None:
        super().__init__()
        self.settings = settings
        self.waiting = waiting

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Where this class is, and what makes another one of it."""
        given = {"settings": dict(self.settings), "waiting": dict(self.waiting)}
        return f"{__name__}.{type(self).__name__}", given

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look now and then, in a thread; an error is told to the task."""
        loop, failure = asyncio.get_running_loop(), ""
        try:
            watch = await loop.run_in_executor(_THREADS, self._watch)
            await asyncio.sleep(max(FIRST_LOOK, watch.pause()))
            # A vendor tells nobody that it is done: there is no event to wait for.
            while not await loop.run_in_executor(_THREADS, watch.is_due):  # noqa: ASYNC110
                await asyncio.sleep(watch.pause())
        except Exception as error:  # noqa: BLE001 - whatever it is, the task looks then
            # No other error is sure to hold no secret.
            is_ours = isinstance(error, SpaazaSourceError)
            failure = str(error) if is_ours else type(error).__name__
        yield TriggerEvent({"waiting": dict(self.waiting), "failure": failure})

    def _watch(self) -> ExportWatch:
        backfill = open_backfill(self.settings)
        with _OPENING:
            key = (*map(str, self.settings.values()), self.waiting["table"], self.waiting["since"])
            board = _BOARDS.get(key)
            if board is None:
                _BOARDS[key] = board = backfill.board(self.waiting)
        return backfill.watch(self.waiting, board)
