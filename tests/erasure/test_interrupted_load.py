"""A load was killed, at any step: `forget` leaves nothing of the person that it has left."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import pytest

from spaaza_source.cli import main
from tests.command import PREFIX, QUICK, spaaza
from tests.erasure.traces import left_in
from tests.hints.loads import check_advice
from tests.processes import ran
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

USERS = b"id,username,firstname\n1,ann@example.com,Annabel\n2,bob@example.com,Bobby\n"
THEIRS = {"ann@example.com", "Annabel", "Anneliese"}
#: Where a load is killed: as dlt calls that. With the first the package is in nobody's list.
EXTRACTED = "dlt.extract.storage.ExtractStorage.commit_new_load_package"
NORMALIZED = "dlt.common.storages.load_storage.LoadStorage.commit_new_load_package"
LOADED = "dlt.load.load.Load.complete_package"


def _kill(*_given: object, **_named: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _load_and_die(step: str, settings: dict[str, str]) -> None:
    module, owner, name = step.rsplit(".", 2)
    setattr(getattr(import_module(module), owner), name, _kill)
    os.environ.update(settings)
    sys.argv = ["spaaza", "load", "users"]
    main()


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=USERS) as served:
        yield served


@pytest.mark.parametrize(
    ("step", "advice"),
    [
        (EXTRACTED, ()),
        (NORMALIZED, ("load", "users")),
        pytest.param(NORMALIZED, ("load", "users", "--abandon"), marks=pytest.mark.thorough),
        (LOADED, ("load", "users", "--abandon")),
        pytest.param(LOADED, ("load", "users"), marks=pytest.mark.thorough),
    ],
)
def test_nothing_is_left_of_a_load_that_was_killed(
    vendor: FileVendor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    advice: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    given = {
        "BASE_URL": vendor.base_url,
        "CHAIN_ID": "1743",
        "CREDENTIALS__ACCESS_TOKEN_ID": "a",
        "CREDENTIALS__ACCESS_TOKEN_SECRET": "b",
        "MAX_AGE": "0",
    }
    settings = {**QUICK, **{PREFIX + name: value for name, value in given.items()}}
    forget = ("forget", "users", "--key", "1", "--yes")
    assert spaaza("load", "users", **settings).returncode == 0
    vendor.files["users"] = USERS.replace(b"Annabel", b"Anneliese")
    assert ran(_load_and_die, step, settings).returncode == -signal.SIGKILL
    # What has not changed is in no package.
    assert any("Anneliese" in texts for texts in left_in(tmp_path / "dlt", THEIRS).values())
    if advice:
        refused = spaaza(*forget, **settings)
        assert refused.returncode == 2
        check_advice("erasure/packages.py", "Finish it", refused.stderr)
        assert spaaza(*advice, **settings).returncode == 0
    done = spaaza(*forget, **settings)
    assert done.returncode == 0, done.stderr
    assert left_in(tmp_path, THEIRS) == {}
    assert spaaza("load", "users", **settings).returncode == 0
    assert left_in(tmp_path, THEIRS) == {}
