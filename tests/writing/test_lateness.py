"""How late rows come is measured where loads overlap, and a `lag` is advised from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spaaza_source import spaaza_source
from spaaza_source.cli.app import cli
from spaaza_source.cli.lag_advice import advise, readable
from spaaza_source.writing.late_rows import slices
from tests.vendors import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
NOTED = "SELECT late_rows, latest_seconds, overlap_seconds FROM export_jobs ORDER BY loaded_at"


class Till(FileVendor):
    """Its rows are of so many hours before it began to serve."""

    def __init__(self) -> None:
        super().__init__(transactions=b"", users=b"id\n1\n")
        self.began = datetime.now(timezone.utc)

    def ago(self, hours: float) -> str:
        return (self.began - hours * HOUR).isoformat().replace("+00:00", "Z")


@pytest.fixture
def vendor() -> Iterator[Till]:
    with Till() as served:
        yield served


def load(vendor: Till, folder: Path, *hours: float, drop: int | None = None, **given: Any) -> None:
    """Load transactions of that many hours ago; only those after `drop` by a step of the user's."""
    if given.get("export_format") == "json":
        rows = [f'{{"id": 1, "timestamp": "{vendor.ago(each)}"}}' for each in hours]
        vendor.files["transactions"] = f"[{','.join(rows)}]".encode()
    else:
        rows = [f"{vendor.ago(each)},{each}" for each in hours]
        vendor.files["transactions"] = "\n".join(["timestamp,id", *rows, ""]).encode()
    source = spaaza_source(
        vendor.base_url,
        1743,
        {"access_token_id": "a", "access_token_secret": "b"},
        **{"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0, **given},
    ).with_resources("transactions")
    if drop is not None:
        source.transactions.add_map(lambda rows: rows.slice(drop))
    pipeline_into(folder).run(source)


@pytest.mark.parametrize("export_format", ["csv", "json"])
def test_what_the_overlap_has_more_than_the_table_came_late(
    export_format: str, vendor: Till, tmp_path: Path
) -> None:
    on_time = [30, 20, 15, 3, 1]
    load(vendor, tmp_path, *on_time, export_format=export_format)
    load(vendor, tmp_path, *on_time, export_format=export_format)
    load(vendor, tmp_path, *on_time, 5.2, 5.1, 0.4, export_format=export_format)
    first, second, third = query(tmp_path, NOTED)
    assert first == (None, None, None)
    assert second == (0, 0.0, 86400.0)
    late, latest, _ = third
    assert late == 3
    # No more than a quarter too long.
    assert 5.2 * 3600 <= latest < 5.2 * 3600 * 1.26


def test_a_lag_that_is_too_short_is_seen(vendor: Till, tmp_path: Path) -> None:
    load(vendor, tmp_path, 3, 2, lag=3600)
    load(vendor, tmp_path, 3, 2, 0.95, 0.1, lag=3600)
    assert query(tmp_path, NOTED)[1] == (2, 3600.0, 3600.0)


def test_what_was_deleted_is_not_late(vendor: Till, tmp_path: Path) -> None:
    load(vendor, tmp_path, *range(1, 40))
    load(vendor, tmp_path, *range(2, 40))
    assert query(tmp_path, NOTED)[1][:2] == (0, 0.0)


def test_what_the_users_own_steps_change_is_not_measured(vendor: Till, tmp_path: Path) -> None:
    load(vendor, tmp_path, 30, 20, 3, 2, drop=2)
    load(vendor, tmp_path, 30, 20, 3, 2, drop=1)
    assert query(tmp_path, NOTED) == [(None, None, None)] * 2


def test_a_range_of_the_past_is_not_measured(vendor: Till, tmp_path: Path) -> None:
    load(vendor, tmp_path, 30, 20, 3, 2)
    now = vendor.began
    load(vendor, tmp_path, 30, 25, 20, 3, 2, start_date=now - 35 * HOUR, end_date=now - HOUR)
    assert query(tmp_path, NOTED) == [(None, None, None)] * 2


def test_slices_are_finest_next_to_the_last_loads_end() -> None:
    bounds = slices(86_400)
    assert bounds[-1] == 86_400
    assert 0 < bounds[0] <= 60
    assert all(later / earlier == pytest.approx(1.25) for earlier, later in pairwise(bounds))
    assert slices(30) == [30]


def entry(late: int, latest: float, overlap: float = 86_400) -> dict[str, Any]:
    return {
        "table_name": "transactions",
        "late_rows": late,
        "latest_seconds": latest,
        "overlap_seconds": overlap,
    }


@pytest.mark.parametrize(
    ("history", "lag", "at_the_end"),
    [
        ([entry(0, 0.0)], 3600, False),
        ([entry(0, 0.0), entry(4, 300.0)], 3600, False),
        ([entry(4, 300.0), entry(1, 7000.0)], 4 * 3600, False),
        ([entry(9, 86_400.0)], 2 * 86_400, True),
        # A longer overlap has shown since that this was all.
        ([entry(9, 86_400.0), entry(9, 100_000.0, 3 * 86_400)], 3 * 86_400, False),
    ],
)
def test_the_advice_is_twice_the_latest_that_was_seen(
    history: list[dict[str, Any]], lag: float, at_the_end: bool
) -> None:
    (advice,) = advise(history, {"transactions": 86_400.0, "wallet_ledger": 86_400.0})
    assert (advice.lag, advice.at_the_end, advice.loads) == (lag, at_the_end, len(history))


def test_a_lag_is_easily_read() -> None:
    assert [readable(hours * 3600) / 3600 for hours in (0, 1, 5, 13, 25, 80)] == [
        1,
        1,
        6,
        24,
        48,
        96,
    ]


def test_the_command_tells_what_was_measured(
    vendor: Till, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "BASE_URL": vendor.base_url,
        "CHAIN_ID": "1743",
        "CREDENTIALS__ACCESS_TOKEN_ID": "a",
        "CREDENTIALS__ACCESS_TOKEN_SECRET": "b",
        "LAG": "7200",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"SOURCES__SPAAZA__{name}", value)

    def told(*indexes: str) -> str:
        place = ("--db", str(tmp_path / "warehouse.duckdb"), "--dataset", "loyalty")
        ran = CliRunner().invoke(
            cli, ["jobs", *indexes, "--advice", *place], catch_exceptions=False
        )
        assert ran.exit_code == 0
        return ran.output

    assert "Nothing has been measured yet of transactions, wallet_ledger" in told()
    assert "they have no lag" in told("users", "vouchers")
    load(vendor, tmp_path, 3, 2, lag=7200)
    load(vendor, tmp_path, 3, 2, 1.99, 0.1, lag=7200)
    lines = told().splitlines()
    assert lines[0].split() == ["index", "loads", "late", "rows", "latest", "lag", "advised"]
    assert lines[1].split() == ["transactions", "1", "2", "2", "h", "2", "h", "4", "h"]
    assert "load history again with --start-date" in lines[3]
    assert "Nothing has been measured yet of wallet_ledger" in lines[4]
    assert lines[5] == "Advised for all: lag = 14400"
    assert not vendor.seen[-1].path.startswith("/tasks?")
