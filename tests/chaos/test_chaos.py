"""Some of the runs of `python -m tests.chaos`, and that they would tell what is wrong."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.__main__ import FILES, leaks
from tests.chaos.loads import Run, chaotic, differences, held, undisturbed
from tests.chaos.proxy import ChaoticProxy
from tests.vendors.server import Answer, ScriptedServer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    return undisturbed(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("seed", [101, pytest.param(103, marks=pytest.mark.thorough)])
@pytest.mark.thorough
def test_a_load_over_a_line_that_breaks_is_exact_or_is_completed_by_a_rerun(
    seed: int, expected: dict[str, list[Any]], tmp_path: Path
) -> None:
    files, _ = held()
    run = chaotic(seed, tmp_path, expected)
    assert run.wrong == []
    assert run.held[0] - files <= FILES
    assert run.struck.total() > 5


@pytest.mark.thorough
def test_rows_that_lack_or_differ_are_seen(expected: dict[str, list[Any]]) -> None:
    assert differences(expected, expected) == []
    lacking = {**expected, "users": expected["users"][1:]}
    assert differences(lacking, expected) == ["users: 1999 rows, not 2000, or others"]


def test_what_a_process_keeps_is_seen() -> None:
    runs = [Run(seed, held=(10 + seed, 200)) for seed in range(30)]
    assert leaks(runs) == "19 more open files, 0 MB more"
    assert leaks([Run(seed, held=(10, 200)) for seed in range(30)]) == ""


def test_the_line_breaks() -> None:
    body = b"x" * 100_000
    outcomes = set()
    with (
        ScriptedServer(lambda _: Answer(200, body)) as server,
        ChaoticProxy(server.base_url, 5, share=1.0, stall=0.1) as line,
    ):
        port = int(line.base_url.rsplit(":", 1)[1])
        while len(line.struck) < 5:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                outcomes.add(_received(connection) > len(body))
    assert outcomes == {True, False}


def _received(connection: socket.socket) -> int:
    size = 0
    try:
        while data := connection.recv(65_536):
            size += len(data)
    except ConnectionResetError:
        pass
    return size
