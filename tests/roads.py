"""A run against a scripted vendor, by a clock that does not sleep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import pytest

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports.polling import PollSettings
from spaaza_source.exports.run import ExportRun
from spaaza_source.exports.table_exports import Export
from tests.clocks import FakeClock
from tests.exports.test_run import arrived, begin
from tests.scripted_exports import ScriptedExports
from tests.scripted_tasks import ScriptedTasks
from tests.scripted_vendor import ScriptedVendor

Vendor = TypeVar("Vendor", bound=ScriptedVendor)


@dataclass
class Road(Generic[Vendor]):
    """All that a run needs."""

    vendor: Vendor
    clock: FakeClock
    folder: Path

    def run(self, **patience: float) -> ExportRun:
        """A run that has not begun."""
        waits = PollSettings(**patience)  # type: ignore[arg-type]
        service = self.vendor.service(self.clock)
        return ExportRun(service, lambda: self.folder, waits, self.clock)

    def outcome(self, **patience: float) -> Export:
        """The export of one table as it came, or the error that kept it."""
        return arrived(begin(self.run(**patience), self.vendor.request()))

    def error(self, **patience: float) -> SpaazaSourceError:
        """What stopped the export; it left no file and shows no secret."""
        with pytest.raises(SpaazaSourceError) as raised:
            self.outcome(**patience)
        assert list(self.folder.iterdir()) == []
        assert "canary" not in f"{raised.value} {raised.value!r}"
        return raised.value


AnyRoad = Road[ScriptedVendor]
SpaazaRoad = Road[ScriptedTasks]
VoucherifyRoad = Road[ScriptedExports]
