"""A `forget` that is killed at any step is run again, and finishes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import duckdb
import pytest

from spaaza_source.cli import main
from tests.command import PREFIX, QUICK, spaaza
from tests.erasure.traces import every_row, left_in, only_theirs
from tests.processes import ran
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

USERS = b"id,username,firstname\n1,ann@example.com,Annabel\n2,bob@example.com,Bobby\n"
BASKETS = (
    b"id,timestamp,user_id,note\n"
    b"b1,2026-05-01T10:00:00Z,1,first basket\n"
    b"b2,2026-05-02T10:00:00Z,2,second basket\n"
)
#: Where a process is killed: as it calls that.
STEPS = (
    "erasure.forget.begin_receipt",
    "erasure.forget.erase_from_archives",
    "tombstones.stripped_files.copy_without",
    "erasure.forget.remove_packages",
    "erasure.compact._contents",
    "erasure.compact._flush",
    "erasure.forget.finish_receipt",
)


def _kill(*_given: object, **_named: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _forget_and_die(step: str, settings: dict[str, str]) -> None:
    module, _, name = f"spaaza_source.{step}".rpartition(".")
    setattr(import_module(module), name, _kill)
    os.environ.update(settings)
    sys.argv = ["spaaza", "forget", "users", "--key", "1", "--yes"]
    main()


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=USERS, transactions=BASKETS) as served:
        yield served


@pytest.mark.parametrize(
    "step",
    [
        step if step in STEPS[1:2] else pytest.param(step, marks=pytest.mark.thorough)
        for step in STEPS
    ],
)
def test_it_is_run_again_and_finishes(
    vendor: FileVendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    given = {
        "BASE_URL": vendor.base_url,
        "CHAIN_ID": "1743",
        "CREDENTIALS__ACCESS_TOKEN_ID": "a",
        "CREDENTIALS__ACCESS_TOKEN_SECRET": "b",
        "MAX_AGE": "0",
        "KEEP_FILES": "kept",
    }
    settings = {**QUICK, **{PREFIX + name: value for name, value in given.items()}}
    load = ("load", "users", "transactions")
    assert spaaza(*load, **settings).returncode == 0
    database = tmp_path / "spaaza.duckdb"
    theirs = only_theirs(
        every_row(database, "spaaza_data"),
        lambda table, row: (
            str(row.get("user_id", row.get("id") if table == "users" else "")) == "1"
        ),
    )
    assert theirs == {"ann@example.com", "Annabel", "first basket"}
    assert ran(_forget_and_die, step, settings).returncode != 0
    assert left_in(tmp_path, theirs) or step == STEPS[-1]

    done = spaaza("forget", "users", "--key", "1", "--yes", **settings)
    assert done.returncode == 0, done.stderr
    assert left_in(tmp_path, theirs) == {}
    (load_folder,) = (tmp_path / "kept").iterdir()
    again = ("load", "--from-files", str(load_folder), "--accept-deletes")
    for command in (load, again):
        after = spaaza(*command, **settings)
        assert after.returncode == 0, after.stderr
        with duckdb.connect(str(database)) as connection:
            (users,), (baskets,) = (
                connection.execute(f"SELECT count(*) FROM spaaza_data.{table}").fetchall()[0]
                for table in ("users", "transactions")
            )
        assert (users, baskets) == (1, 1)
    assert left_in(tmp_path, theirs) == {}
