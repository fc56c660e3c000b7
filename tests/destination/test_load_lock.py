"""The load lock of a dataset: whoever waits for it says for whom, and gives up at a deadline."""

from __future__ import annotations

from collections.abc import Callable

import dlt
import pytest

from spaaza_source.destination import hold_load_lock
from spaaza_source.errors import UnavailableError
from tests.destination.destinations import Destination

pytestmark = pytest.mark.slow


@pytest.mark.thorough
def test_a_load_gives_up_its_turn_and_names_whose_it_is(
    make_destination: Callable[[str], Destination],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPAAZA_SOURCE__TURN_TIMEOUT", "0")
    made = make_destination("postgres")
    first, second = (
        dlt.pipeline(name, destination=made.name, dataset_name="shared")
        for name in ("first", "second")
    )
    with (
        hold_load_lock(first),
        pytest.raises(UnavailableError) as raised,
        hold_load_lock(second),
    ):
        pass
    assert raised.value.where == "dataset 'shared'"
    assert "another load into it (process " in str(raised.value)
    assert " of PostgreSQL, for 127.0.0.1, since 20" in str(raised.value)
    # Its hint: run again when the other one has ended.
    with hold_load_lock(second):
        pass
