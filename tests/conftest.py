"""What every test needs: dlt kept inside the test's own folder, and no setting of this machine."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
#: By wing: the fault classes that it answers for, of those in `faults`.
FAULTS = {
    "cli": ("canary", "interruption", "voucherify_canary"),
    "dlt_hooks": ("cut_short", "kills", "two_runs"),
    "exports": ("clock_skew", "create_and_poll", "lost_answers", "odd_answers"),
    "loading": ("csv_headers", "csv_rows", "csv_values", "error_pages", "loads_of_bad_files"),
    "tabular": ("csv_headers", "csv_rows", "csv_values"),
    "transport": (
        *("download_faults", "ends", "links", "packed_files", "secrets", "too_many_requests"),
        "voucherify_downloads",
    ),
    "voucherify": ("voucherify_canary", "voucherify_downloads", "voucherify_loads"),
    "writing": ("load_faults", "voucherify_loads"),
}

# The first example may pay for what libraries import late: pyarrow imports pandas, in 0.8 seconds.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--wing", help="All tests of a wing: those of its folder, and its faults.")


def pytest_configure(config: pytest.Config) -> None:
    wing = config.getoption("--wing")
    package = TESTS.parent / "spaaza_source"
    wings = sorted(path.parent.name for path in package.glob("*/__init__.py"))
    if wing is not None and wing not in wings:
        raise pytest.UsageError(f"no wing is called {wing!r}; the wings are {', '.join(wings)}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wing = config.getoption("--wing")
    if wing is None:
        return
    faults = [TESTS / "faults" / f"test_{name}.py" for name in FAULTS.get(wing, ())]
    chosen = [item for item in items if item.path in faults or TESTS / wing in item.path.parents]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


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
