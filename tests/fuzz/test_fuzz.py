"""Each target is fuzzed for some seconds; `python -m tests.fuzz` does it for longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.__main__ import fuzz
from tests.fuzz.targets import SEEDS, TARGETS

pytestmark = pytest.mark.slow

pytest.importorskip("atheris", reason="atheris is made for Linux on x86-64 and Python 3.11 to 3.13")

SECONDS = 5


@pytest.mark.thorough
@pytest.mark.parametrize("name", TARGETS)
def test_only_errors_of_our_own_escape(name: str, tmp_path: Path) -> None:
    sound, said = fuzz(name, SECONDS, tmp_path)
    assert sound, said[-4000:]
    # It found its way beyond the inputs that it began with.
    assert len(list((tmp_path / name).iterdir())) > len(SEEDS[name])


@pytest.mark.thorough
def test_what_escapes_is_found(tmp_path: Path) -> None:
    sound, said = fuzz("breaks", SECONDS, tmp_path)
    assert not sound
    assert "KeyError" in said
    assert list((tmp_path / "breaks").glob("failed-*"))
