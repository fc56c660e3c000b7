"""Random files of one table in a row: each cell is found, and each difference told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drift.sequences import check_sequences
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(8))
def test_each_cell_is_found_and_each_difference_told(
    vendor: FileVendor, tmp_path: Path, seed: int
) -> None:
    check_sequences(vendor, tmp_path, seed)
