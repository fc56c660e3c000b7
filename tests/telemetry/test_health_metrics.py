"""What `check_health` finds, as gauges and a span."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.telemetry import programs
from tests.telemetry.recorded import recorded
from tests.vendors.server import CANARY

pytestmark = pytest.mark.slow


def test_what_is_found_is_set_as_gauges(tmp_path: Path) -> None:
    told = recorded(programs.look, tmp_path)
    assert CANARY not in told.text
    assert told.points("spaaza.table.rows") == {"users": 400}
    assert told.points("spaaza.table.usual_rows") == {"users": 101.5}
    assert told.points("spaaza.table.rejected_rows") == {"users": 1}
    assert told.points("spaaza.table.discrepancies") == {"users": 0}
    assert told.points("spaaza.table.failed_exports") == {"users": 0}
    assert told.points("spaaza.table.age")["users"] > 0
    assert told.points("spaaza.table.null_ratio", "spaaza.column") == {"id": 0, "email": 0.75}
    assert told.points("spaaza.table.broken_rules", "spaaza.rule") == {
        "freshness": 0,
        "volume": 1,
        "nulls": 0,
        "rejected": 0,
        "discrepancies": 0,
        "failed": 0,
    }
    [span] = told.named("spaaza.health")
    assert span["attributes"] == {"spaaza.dataset": "loyalty", "spaaza.broken_rules": 1}
    assert span["events"]["broken"][1] == {"spaaza.table": "users", "spaaza.rule": "volume"}
