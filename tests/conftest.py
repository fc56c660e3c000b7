"""What every test needs: dlt kept inside the test's own folder, and no setting of this machine."""

from __future__ import annotations

import gc
import importlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# The first example may pay for what libraries import late: pyarrow imports pandas, in 0.8 seconds.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    # What is there now stays for good: no full collection needs to walk all of it.
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_this_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Also for what several tests share, which is made before a test has its own folders."""
    importlib.import_module("tests.quick_dlt")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("SOURCES__", "DESTINATION__", "DLT_", "OTEL_")):
                patch.delenv(name)
        patch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        _enter(tmp_path_factory.mktemp("shared"), patch)
        yield


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    _enter(tmp_path_factory.mktemp("own"), monkeypatch)


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """With dlt's log, which hands nothing on from the first pipeline of a process on."""
    log = logging.getLogger("dlt")
    log.propagate = False
    log.addHandler(caplog.handler)
    yield caplog
    log.removeHandler(caplog.handler)


def _enter(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Work there, and let dlt keep there what it keeps at home."""
    patch.setenv("DLT_DATA_DIR", str(folder / "dlt"))
    (folder / "work").mkdir()
    patch.chdir(folder / "work")
