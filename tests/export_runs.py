"""Runs of exports by a clock that does not sleep: against a sandbox, or a scripted vendor."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports.export import Export
from spaaza_source.exports.polling import PollSettings
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.run import ExportRun
from spaaza_source.exports.table_exports import TableExports
from spaaza_source.exports.table_sync import TableSync
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.spaaza.credentials import AccessToken
from spaaza_source.spaaza.export_service import SpaazaExports
from spaaza_source.spaaza.tasks_api import TasksApi, make_client
from tests.clocks import FakeClock
from tests.vendors.scripted import ScriptedVendor
from tests.vendors.scripted_spaaza import ScriptedTasks
from tests.vendors.scripted_voucherify import ScriptedExports


def token(**given: str) -> AccessToken:
    credentials = AccessToken()
    credentials.update(given)
    return credentials


def run_against(
    base_url: str, clock: FakeClock, folder: Path, polling: PollSettings, **given: str
) -> ExportRun:
    credentials = token(**(given or {"access_token_id": "id", "access_token_secret": "secret"}))
    api = TasksApi(make_client(base_url, 1743, credentials, clock))
    service = SpaazaExports(api, 1743, start_margin=timedelta(0))
    return ExportRun(service, lambda: folder, polling, clock)


@contextmanager
def sandbox_run(
    folder: Path, polling: PollSettings | None = None, **settings: Any
) -> Iterator[tuple[Sandbox, ExportRun, FakeClock]]:
    clock = FakeClock()
    with Sandbox(SandboxSettings(clock=clock.now, **{"rows": 50, **settings})) as sandbox:
        polling = polling or PollSettings()
        run = run_against(sandbox.base_url, clock, folder, polling, **sandbox.credentials)
        yield sandbox, run, clock


def request(subject: str = "users") -> ExportRequest:
    return ExportRequest(subject.replace("-", "_"), subject, "1743")


def begin(run: ExportRun, wanted: ExportRequest, loaded: Collection[str] = ()) -> TableExports:
    """Begin a table that knows no windows."""
    return run.begin(TableSync(wanted.table, lambda _: wanted, loaded=loaded))


def wait(*tables: TableExports) -> None:
    """Until all are settled: the run's clock is a fake, so this takes milliseconds."""
    while not all(table.settled for table in tables):
        time.sleep(0.002)


def arrived(table: TableExports) -> Export:
    """The one export of a table, once it is there; raises what kept it from arriving."""
    wait(table)
    (export,) = table.require_current()
    return export


Vendor = TypeVar("Vendor", bound=ScriptedVendor)


@dataclass
class Bench(Generic[Vendor]):
    """All that a run needs: a scripted vendor, a clock that does not sleep, and a folder."""

    vendor: Vendor
    clock: FakeClock
    folder: Path

    def run(self, **polling: float) -> ExportRun:
        """A run that has not begun."""
        settings = PollSettings(**polling)  # type: ignore[arg-type]
        service = self.vendor.service(self.clock)
        return ExportRun(service, lambda: self.folder, settings, self.clock)

    def outcome(self, **polling: float) -> Export:
        """The export of one table as it came, or the error that kept it."""
        return arrived(begin(self.run(**polling), self.vendor.request()))

    def error(self, **polling: float) -> SpaazaSourceError:
        """What stopped the export; it left no file and shows no secret."""
        with pytest.raises(SpaazaSourceError) as raised:
            self.outcome(**polling)
        assert list(self.folder.iterdir()) == []
        assert "canary" not in f"{raised.value} {raised.value!r}"
        return raised.value


AnyBench = Bench[ScriptedVendor]
SpaazaBench = Bench[ScriptedTasks]
VoucherifyBench = Bench[ScriptedExports]
