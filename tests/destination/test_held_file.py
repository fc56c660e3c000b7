"""A DuckDB file that another process has open is waited for, and its holder named."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import duckdb
import pytest

from spaaza_source.destination import held_file, keep_open, open_client
from spaaza_source.destination.held_file import enter_when_free
from spaaza_source.errors import UnavailableError
from tests.clocks import FakeClock
from tests.warehouses import held_elsewhere, pipeline_into


class ClosesIt(FakeClock):
    """The holder closes the file in the first pause."""

    def __init__(self, held: ExitStack) -> None:
        super().__init__()
        self._held = held

    def pause(self, seconds: float, wake: threading.Event) -> bool:
        self._held.close()
        return super().pause(seconds, wake)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(path)).close()
    return path


def test_a_held_file_is_opened_once_it_is_free(database: Path) -> None:
    pipeline: Any = pipeline_into(database.parent)
    with ExitStack() as elsewhere, ExitStack() as held:
        elsewhere.enter_context(held_elsewhere(database))
        clock = ClosesIt(elsewhere)
        client = enter_when_free(held, pipeline.sql_client, clock)
        assert client.execute_sql("SELECT 1")
    assert len(clock.pauses) == 1


def test_a_file_that_stays_held_is_given_up_and_its_holder_named(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # At each try DuckDB looks for the file in earnest.
    monkeypatch.setenv("SPAAZA_SOURCE__TURN_TIMEOUT", "1")
    pipeline: Any = pipeline_into(database.parent)
    clock = FakeClock()
    with (
        ExitStack() as held,
        held_elsewhere(database),
        pytest.raises(UnavailableError, match=r"is open in process \d+ .*python.*for 1 seconds"),
    ):
        enter_when_free(held, pipeline.sql_client, clock)
    assert clock.monotonic() == pytest.approx(1.0)


@pytest.mark.parametrize("opened", [open_client, keep_open])
def test_every_way_to_the_destination_waits(
    database: Path,
    opened: Callable[..., AbstractContextManager[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ExitStack() as elsewhere:
        elsewhere.enter_context(held_elsewhere(database))
        monkeypatch.setattr(held_file, "SystemClock", lambda: ClosesIt(elsewhere))
        with opened(pipeline_into(database.parent)):
            pass


def test_a_file_that_cannot_be_opened_is_no_held_one(database: Path) -> None:
    database.write_bytes(b"no database" * 1000)
    pipeline: Any = pipeline_into(database.parent)
    with ExitStack() as held, pytest.raises(Exception, match="not a valid DuckDB"):
        enter_when_free(held, pipeline.sql_client)
