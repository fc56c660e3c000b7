"""A plan of very many exports: a person at a terminal is asked, a job of cron is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.command import COMMAND, PREFIX, spaaza
from tests.faults.hosts import QUICK, TOKEN
from tests.terminals import Terminal
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

FILE = b"timestamp,id\n2026-10-01T00:00:00Z,1\n"
VOUCHERS = b"id,created_date\n1,2026-10-01T00:00:00Z\n"
RANGE = ("--start-date", "2026-08-01", "--end-date", "2026-11-01")
QUESTION = (
    "This would ask the vendor for 3 exports of {} (from 2026-08-01 to 2026-11-01). Go on? [y/N]: "
)


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(transactions=FILE, vouchers=VOUCHERS) as served:
        yield served


def settings(vendor: FileVendor) -> dict[str, str]:
    given: dict[str, Any] = {f"credentials__{name}": value for name, value in TOKEN.items()}
    given |= {"base_url": vendor.base_url, "chain_id": vendor.chain, "max_exports": 2, **QUICK}
    return {f"{PREFIX}{name.upper()}": str(value) for name, value in given.items()}


def text_of(terminal: Terminal) -> str:
    """What stands there, without the line breaks of a narrow terminal."""
    return re.sub(r"\s+", " ", "".join(line.ljust(terminal.columns) for line in terminal.screen))


@pytest.mark.parametrize("command", ["load", pytest.param("submit", marks=pytest.mark.thorough)])
def test_a_large_plan_is_asked_about_and_requested_with_yes(
    vendor: FileVendor, command: str
) -> None:
    with Terminal([*COMMAND, command, "transactions", *RANGE], settings(vendor)) as terminal:
        terminal.read_until("[y/N]: ")
        assert QUESTION.format("transactions").strip() in text_of(terminal)
        assert vendor.tasks == []
        assert terminal.shows_cursor
        terminal.type("y\n")
        assert terminal.wait() == 0, terminal.written
    assert len(vendor.tasks) == 3


def test_each_table_is_asked_about(vendor: FileVendor) -> None:
    command = [*COMMAND, "submit", "transactions", "vouchers", *RANGE]
    with Terminal(command, settings(vendor)) as terminal:
        for table in ("transactions", "vouchers"):
            terminal.read_until("[y/N]: ")
            assert QUESTION.format(table).strip() in text_of(terminal)
            assert vendor.tasks == []
            terminal.type("y\n")
        assert terminal.wait() == 0, terminal.written
    assert len(vendor.tasks) == 6


@pytest.mark.parametrize(
    "answer",
    [
        "n\n",
        pytest.param("\n", marks=pytest.mark.thorough),
    ],
)
def test_without_a_yes_nothing_is_requested(vendor: FileVendor, answer: str) -> None:
    with Terminal([*COMMAND, "load", "transactions", *RANGE], settings(vendor)) as terminal:
        terminal.read_until("[y/N]: ")
        terminal.type(answer)
        assert terminal.wait() == 2, terminal.written
        assert "(--max-exports 3)." in text_of(terminal)
        assert "Traceback" not in terminal.written
    assert vendor.tasks == []


@pytest.mark.parametrize("code", [130, pytest.param(143, marks=pytest.mark.thorough)])
def test_a_signal_at_the_question_ends_the_command(vendor: FileVendor, code: int) -> None:
    with Terminal([*COMMAND, "load", "transactions", *RANGE], settings(vendor)) as terminal:
        terminal.read_until("[y/N]: ")
        signalled = partial(terminal.type, "\x03") if code == 130 else terminal.terminate
        assert terminal.end_by(signalled, "spaaza: interrupted") == code, terminal.written
        assert "Traceback" not in terminal.written
    assert vendor.tasks == []


@pytest.mark.thorough
def test_a_log_of_json_has_no_question(vendor: FileVendor) -> None:
    command = [*COMMAND, "load", "transactions", "--log", "json", *RANGE]
    with Terminal(command, settings(vendor)) as terminal:
        assert terminal.wait() == 2, terminal.written
        assert "[y/N]" not in terminal.written


@pytest.mark.parametrize("command", ["load", "submit"])
def test_without_a_terminal_nobody_is_asked(vendor: FileVendor, command: str) -> None:
    ran = spaaza(command, "transactions", *RANGE, **settings(vendor))
    assert (ran.returncode, "[y/N]" in ran.stdout + ran.stderr) == (2, False)
    assert "(--max-exports 3)" in ran.stderr
    assert vendor.tasks == []
