"""Databases for the notebooks: the demo's, made once, and models small enough to count."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock
from loaded_data import NoDatabase
from loyalty_model import Model, read_model

from tests.command import spaaza

ROWS = 600


@pytest.fixture(scope="session")
def demos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """`spaaza demo`'s database of each vendor; the test processes share them."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demos"
    shared.mkdir(exist_ok=True)
    made = {vendor: shared / f"{vendor}.duckdb" for vendor in ("spaaza", "voucherify")}
    with FileLock(shared / "lock"):
        for vendor, path in made.items():
            if (shared / vendor).exists():
                continue
            arguments = ["demo", "--vendor", vendor, "--db", str(path), "--rows", str(ROWS)]
            if vendor == "spaaza":
                arguments.append("--bulk-users")
            spaaza(*arguments, DLT_DATA_DIR=str(shared / f"dlt-{vendor}")).check_returncode()
            (shared / vendor).touch()
    return made


@pytest.fixture
def of_frames() -> Callable[..., Model]:
    """The model of DataFrames, each in the place of a loaded table."""

    def made(**frames: pd.DataFrame) -> Model:
        return read_model(NoDatabase("frames", {}, frames), "frames")

    return made
