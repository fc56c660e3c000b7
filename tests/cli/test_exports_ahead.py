"""While one chain is loaded, the exports of the next begin; whatever ends it, none comes twice."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from filelock import FileLock

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import COMMAND, PREFIX, QUICK, signalled_in, spaaza
from tests.processes import started

pytestmark = pytest.mark.slow

TABLES = ("transactions", "users", "products")
FIRST, SECOND, THIRD = 1743, 1744, 1745
ROWS = 30


@contextmanager
def serving(chains: int, **settings: Any) -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=ROWS, chains=chains, **settings)) as sandbox:
        yield sandbox


def settings_for(sandbox: Sandbox, **more: str) -> dict[str, str]:
    given = {"BASE_URL": sandbox.base_url, "CHAIN_ID": str(list(sandbox.settings.chain_ids))}
    for chain in sandbox.settings.chain_ids:
        for name, value in sandbox.credentials_of(chain).items():
            given[f"CHAIN_{chain}__CREDENTIALS__{name.upper()}"] = value
    return {**QUICK, **{PREFIX + name: value for name, value in (given | more).items()}}


def load(sandbox: Sandbox, *arguments: str, **more: str) -> tuple[int, str]:
    done = spaaza("load", *TABLES, *arguments, **settings_for(sandbox, **more))
    return done.returncode, done.stdout + done.stderr


def asked(sandbox: Sandbox) -> dict[int, int]:
    """How many exports there were of each chain."""
    return dict(Counter(task["chain"] for task in sandbox.tasks))


def rows(sandbox: Sandbox) -> dict[int, list[tuple[int, int]]]:
    """Of each chain whose rows a table has, and how many."""
    found = {}
    with duckdb.connect("spaaza.duckdb", read_only=True) as warehouse:
        for chain in sandbox.settings.chain_ids:
            union = " UNION ALL ".join(
                f"SELECT '{table}' AS t, chain_id FROM spaaza_data_{chain}.{table}"
                for table in TABLES
            )
            found[chain] = warehouse.sql(
                f"SELECT chain_id::INT, count(*) FROM ({union}) GROUP BY t, chain_id"
            ).fetchall()
    return found


def whole(sandbox: Sandbox) -> dict[int, list[tuple[int, int]]]:
    return {chain: [(chain, ROWS)] * len(TABLES) for chain in sandbox.settings.chain_ids}


def until(holds: Callable[[], bool]) -> None:
    for _ in range(3_000):
        if holds():
            return
        time.sleep(0.02)
    pytest.fail("it never came to that")


def chain_of(sandbox: Sandbox, path: str) -> int:
    """The chain that a call for a file is about."""
    number = int(path.rpartition("-")[2].partition(".")[0])
    return next(int(task["chain"]) for task in sandbox.tasks if task["id"] == number)


def test_exports_of_the_next_chain_begin_before_this_one_is_loaded() -> None:
    with serving(3, run_seconds=1) as sandbox:
        code, said = load(sandbox, MAX_CONCURRENT_EXPORTS="6")
        assert code == 0, said
        assert asked(sandbox) == dict.fromkeys((FIRST, SECOND, THIRD), len(TABLES))
        assert rows(sandbox) == whole(sandbox)
        files = [call for call in sandbox.calls if call.path.startswith("/files/")]
        order = [chain_of(sandbox, call.path) for call in files]
        assert order == sorted(order)
        # Two chains fill the limit: the second one's exports do not wait for the first one's load.
        events = [
            ("asked" if call.method == "POST" else "fetched")
            for call in sandbox.calls
            if call.method == "POST" or call in files
        ]
        assert events[: len(TABLES) + 1].count("asked") == len(TABLES) + 1


def test_exports_that_were_begun_ahead_are_found_again_after_a_kill() -> None:
    with serving(2, run_seconds=2) as sandbox:
        settings = settings_for(sandbox, MAX_CONCURRENT_EXPORTS="6")
        command = started([*COMMAND, "load", *TABLES], settings)
        until(lambda: asked(sandbox).get(SECOND, 0) == len(TABLES))
        command.send_signal(signal.SIGKILL)
        command.communicate()
        code, said = load(sandbox)
        assert code == 0, said
        assert asked(sandbox) == dict.fromkeys((FIRST, SECOND), len(TABLES))
        assert rows(sandbox) == whole(sandbox)


def test_ctrl_c_ends_all_chains_and_names_what_was_begun_ahead() -> None:
    with serving(2, run_seconds=30) as sandbox:
        settings = settings_for(sandbox, MAX_CONCURRENT_EXPORTS="6")
        command = started([*COMMAND, "load", *TABLES], settings)
        assert command.stdout is not None
        # The load waits, and imports nothing: DuckDB would keep the signal from it.
        for line in command.stdout:
            if "INPROGRESS" in line:
                break
        until(lambda: asked(sandbox).get(SECOND, 0) == len(TABLES))
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=60)
        jobs = [str(task["id"]) for task in sandbox.tasks if task["chain"] == SECOND]
    assert command.returncode == 130, said
    told = next(line for line in said.splitlines() if f"chain {SECOND}: " in line)
    assert "3 of the vendor's jobs were begun ahead and are not loaded" in told
    assert all(job in told for job in jobs)


def test_what_an_interrupted_load_brings_is_not_exported_ahead() -> None:
    with serving(2) as sandbox:
        killed = signalled_in("load", signal.SIGKILL)
        one = [*killed, "load", *TABLES, f"--chain={SECOND}"]
        started(one, settings_for(sandbox)).communicate()
        assert asked(sandbox) == {SECOND: len(TABLES)}
        code, said = load(sandbox)
        assert code == 0, said
        assert asked(sandbox) == dict.fromkeys((FIRST, SECOND), len(TABLES))
        assert rows(sandbox) == whole(sandbox)


def test_a_chain_that_another_process_loads_is_not_begun_ahead() -> None:
    with serving(2) as sandbox:
        assert load(sandbox, "--pipeline=mine")[0] == 0
        folder = Path(os.environ["DLT_DATA_DIR"], "pipelines", f"mine_{SECOND}")
        with FileLock(f"{folder}.lock"):
            settings = settings_for(sandbox)
            command = started([*COMMAND, "load", *TABLES, "--pipeline=mine"], settings)
            # The first one is loaded once more; the second one waits for its turn.
            until(lambda: asked(sandbox)[FIRST] == 2 * len(TABLES))
            assert command.stderr is not None
            for line in command.stderr:
                if f"Another run of the pipeline 'mine_{SECOND}'" in line:
                    break
            assert asked(sandbox)[SECOND] == len(TABLES)
        command.communicate(timeout=60)
        assert command.returncode == 0
        assert asked(sandbox)[SECOND] == 2 * len(TABLES)


def test_a_chain_whose_vendor_refuses_keeps_no_other_from_being_begun() -> None:
    with serving(3) as sandbox:
        wrong = {f"CHAIN_{SECOND}__CREDENTIALS__ACCESS_TOKEN_SECRET": "wrong"}
        code, said = load(sandbox, MAX_CONCURRENT_EXPORTS="6", **wrong)
        assert code == 2, said
        assert f"chain {SECOND}: " in said
        assert asked(sandbox) == dict.fromkeys((FIRST, THIRD), len(TABLES))
