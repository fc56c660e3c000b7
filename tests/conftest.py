"""What every test needs: dlt kept inside the test's own folder, and no setting of this machine."""

from __future__ import annotations

import gc
import os
import sys

import pytest
from hypothesis import settings

# The first example may pay for what libraries import late: pyarrow imports pandas, in 0.8 seconds.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    # On Python 3.10 pyarrow's `read_csv` walks all that the garbage collector tracks, in 8 ms, as
    # often as it is called: many seconds for a file read in tiny blocks. It passes over what
    # is frozen.
    if sys.version_info < (3, 11):
        gc.freeze()


@pytest.fixture(autouse=True)
def _alone(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SOURCES__", "DESTINATION__", "DLT_")):
            monkeypatch.delenv(name)
    own = tmp_path_factory.mktemp("own")
    monkeypatch.setenv("DLT_DATA_DIR", str(own / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    (own / "work").mkdir()
    monkeypatch.chdir(own / "work")
