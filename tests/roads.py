"""A run against a scripted vendor, by a clock that does not sleep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports.export import Export
from spaaza_source.exports.patience import Patience
from spaaza_source.exports.run import ExportRun
from tests.clocks import FakeClock
from tests.exports.test_run import arrived, begin, request, run_against
from tests.scripted_tasks import ScriptedTasks

SECRET = "canary-secret-5d1e"


@dataclass
class Road:
    """All that a run needs."""

    vendor: ScriptedTasks
    clock: FakeClock
    folder: Path

    def run(self, **patience: float) -> ExportRun:
        """A run that has not begun."""
        token = {"access_token_id": "id", "access_token_secret": SECRET}
        waits = Patience(**patience)  # type: ignore[arg-type]
        return run_against(self.vendor.base_url, self.clock, self.folder, waits, **token)

    def outcome(self, **patience: float) -> Export:
        """The export of one table as it came, or the error that kept it."""
        return arrived(begin(self.run(**patience), request()))

    def error(self, **patience: float) -> SpaazaSourceError:
        """What stopped the export; it left no file and shows no secret."""
        with pytest.raises(SpaazaSourceError) as raised:
            self.outcome(**patience)
        assert list(self.folder.iterdir()) == []
        assert "canary" not in f"{raised.value} {raised.value!r}"
        return raised.value
