"""Single defects in small tables, as `python -m tests.benchmarks.damage` makes more of them."""

from __future__ import annotations

import pytest

from tests.benchmarks.damage import OTHERS, RECORDS, count_outcomes


@pytest.mark.slow
def test_no_defect_is_silently_wrong_and_one_of_a_record_keeps_it_apart() -> None:
    counts = count_outcomes(tables=6, seed=3)
    assert set(counts) == {*RECORDS, *OTHERS}
    assert {kind for kind, found in counts.items() if found["silently wrong"]} == set()
    apart = {kind for kind, found in counts.items() if found["kept apart"]}
    assert apart == {*RECORDS, *OTHERS} - {
        "encoding: a byte of Latin-1",
        "blank line",
        "preamble",
    }
