"""Balances, counts and amounts of both worlds follow from what happened, whenever one looks."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaaza_source.model import check_invariants
from spaaza_source.sandbox import GeneratedProject, GeneratedShop, SandboxSettings, live_settings
from spaaza_source.sandbox.balances import places, settle
from spaaza_source.sandbox.settings import INDEXES, OBJECTS
from tests.model.loaded import DATASET, Loaded

START = datetime(2026, 11, 29, 9, tzinfo=UTC)
#: What is asked of each vendor's demo.
ASKED = {
    "spaaza": {"member_balance", "member_points", "redemption_basket", "voucher_amount"},
    "voucherify": {"member_points", "card_balance", "voucher_redemptions", "voucher_amount"},
}
#: The tables of Voucherify's objects.
NAMES = {"points_expiration": "points_expirations", "voucher_transactions": "voucher_transactions"}


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(-9, 9).filter(bool))),
    st.lists(st.integers(0, 9), min_size=5, max_size=5),
)
def test_nobody_spends_more_than_is_there(
    entries: list[tuple[int, int]], openings: list[int]
) -> None:
    changes, balances = settle(
        np.array([wallet for wallet, _ in entries], np.int64),
        np.array([wanted for _, wanted in entries], np.int64),
        np.array(openings),
    )
    spendable, held = list(openings), list(openings)
    for (wallet, wanted), change, balance in zip(entries, changes, balances, strict=True):
        expected = max(wanted, -spendable[wallet])
        spendable[wallet] += expected
        assert change == (expected or -wanted)
        held[wallet] += change
        assert balance == held[wallet] >= 0


@given(st.lists(st.integers(0, 4)))
def test_the_place_in_a_group_is_counted(groups: list[int]) -> None:
    seen: dict[int, int] = defaultdict(int)
    for group, place in zip(groups, places(np.array(groups, np.int64)), strict=True):
        assert place == seen[group]
        seen[group] += 1


def check_world(
    folder: Path, vendor: str, made: SandboxSettings, at: datetime, least: int = 0
) -> None:
    """Load all that a world has at a moment, and ask the model all that must hold of it."""
    loaded = Loaded(folder, vendor)
    with duckdb.connect(str(loaded.file)) as warehouse:
        for name in INDEXES if vendor == "spaaza" else OBJECTS:
            if vendor == "spaaza":
                table = name.replace("-", "_")
                rows = pa.concat_tables(GeneratedShop(made).blocks(name, at, {}))
            else:
                table = NAMES.get(name, f"{name}s")
                rows = pa.concat_tables(GeneratedProject(made).blocks(name, at))
            warehouse.register("rows", rows)
            warehouse.execute(f"CREATE OR REPLACE TABLE {DATASET}.{table} AS FROM rows")
    loaded.model()
    with loaded.dataset() as dataset:
        asked = check_invariants(dataset, keys=3)
    assert [each for each in asked if each.wrong] == []
    if least:
        counts = {each.name: each.checked for each in asked}
        assert min(counts[name] for name in ASKED[vendor]) > least


@pytest.mark.parametrize("vendor", ASKED)
def test_each_world_keeps_its_books(vendor: str, tmp_path: Path) -> None:
    check_world(tmp_path, vendor, SandboxSettings(rows=3_000), START, least=300)


@pytest.mark.slow
@pytest.mark.parametrize("vendor", ASKED)
@settings(max_examples=6)
@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(0, 400),
    other=st.dictionaries(st.sampled_from(INDEXES), st.integers(0, 400)),
    objects=st.dictionaries(st.sampled_from(OBJECTS), st.integers(0, 400)),
    day=st.none() | st.floats(0, 90),
    history=st.integers(1, 1_500),
)
def test_any_world_keeps_its_books_at_any_time(  # noqa: PLR0917
    vendor: str,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    rows: int,
    other: dict[str, int],
    objects: dict[str, int],
    day: float | None,
    history: int,
) -> None:
    made = SandboxSettings(
        seed=seed,
        rows=rows,
        rows_per_index=other,
        rows_per_object=objects,
        history_days=history,
        clock=lambda: START,
    )
    if day is not None:
        made = live_settings(made)
    folder = tmp_path_factory.mktemp("world")
    check_world(folder, vendor, made, START + timedelta(days=day or 0))


def test_until_today_nothing_is_of_the_future() -> None:
    midday = datetime(2026, 5, 26, 12, tzinfo=UTC)
    past = SandboxSettings(rows=500, clock=lambda: midday).until_today
    for index in ("transactions", "wallet-ledger"):
        rows = pa.concat_tables(GeneratedShop(past).blocks(index, midday, {}))
        assert max(rows["timestamp"].to_pylist()) < midday
    later = SandboxSettings(clock=lambda: START).until_today
    assert later.data_end == SandboxSettings().data_end
