"""Several chains by one command: each has exports, cursors and a dataset of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from spaaza_source.cli.target import Target
from spaaza_source.errors import SettingsError
from spaaza_source.spaaza import read_chains
from tests.command import runner
from tests.vendors.spaaza_files import DatedVendor, FileVendor
from tests.warehouses import held_elsewhere

Spaaza = Callable[..., tuple[int, list[str]]]
CHAINS = (1743, 1744)


def rows_of(chain: int, *days: int) -> bytes:
    """Both chains have the same ids: only their own data tells them apart."""
    lines = [f"{day},2026-05-{day:02}T10:00:00Z,{chain}" for day in days]
    return "\n".join(["id,timestamp,store", *lines, ""]).encode()


@pytest.fixture
def vendors() -> Iterator[dict[int, FileVendor]]:
    users = b"id,name\n1,a\n2,b\n"
    with DatedVendor(users=users) as first, DatedVendor(users=users) as second:
        first.chain, second.chain = CHAINS
        first.files["transactions"] = rows_of(1743, 1, 2, 3)
        second.files["transactions"] = rows_of(1744, 2, 3, 4, 5)
        yield {1743: first, 1744: second}


@pytest.fixture
def spaaza(vendors: dict[int, FileVendor], monkeypatch: pytest.MonkeyPatch) -> Spaaza:
    settings = {"POLL_INTERVAL": "0.01", "START_MARGIN": "0", "STAGGER": "0", "MAX_AGE": "0"}
    # One token is for all but the second chain, whose own section has another.
    settings |= {"CREDENTIALS__ACCESS_TOKEN_ID": "a", "CREDENTIALS__ACCESS_TOKEN_SECRET": "b"}
    settings |= {"BASE_URL": vendors[1743].base_url}
    own = {"BASE_URL": vendors[1744].base_url}
    own |= {"CREDENTIALS__ACCESS_TOKEN_ID": "c", "CREDENTIALS__ACCESS_TOKEN_SECRET": "d"}
    settings |= {f"CHAIN_1744__{name}": value for name, value in own.items()}
    return runner(monkeypatch, **settings)


def stores(chain: int) -> list[Any]:
    with duckdb.connect("spaaza.duckdb") as warehouse:
        return warehouse.sql(
            f"SELECT store, count(*) FROM spaaza_data_{chain}.transactions GROUP BY store"
        ).fetchall()


@pytest.mark.parametrize(
    ("setting", "chains"),
    [
        (None, None),
        (1743, None),
        ("1743", None),
        ("[1743]", [1743]),
        ("1743, 1744", [1743, 1744]),
        ("[1743,1744,1743]", [1743, 1744]),
        ([1743, "1744"], [1743, 1744]),
        ("no chain", ["no", "chain"]),
        ([], "none"),
        (["x"], "x"),
        ([0], "0"),
    ],
)
def test_a_list_of_chains_is_read_as_configuration_gives_it(setting: Any, chains: Any) -> None:
    if isinstance(chains, str) or chains == ["no", "chain"]:
        with pytest.raises(SettingsError, match="chain"):
            read_chains(setting)
    else:
        assert read_chains(setting) == chains


def test_each_chain_has_a_pipeline_and_a_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    def each(**options: Any) -> list[tuple[str | None, str, int | None]]:
        targets = Target.each(vendor="spaaza", **options)
        return [(target.pipeline, target.dataset, target.chain) for target in targets]

    assert each() == [(None, "spaaza_data", None)]
    monkeypatch.setenv("SOURCES__SPAAZA__CHAIN_ID", "1743")
    assert each() == [(None, "spaaza_data", None)]
    assert each(chains=[7], dataset="x") == [(None, "x_7", 7)]
    assert each(chains=[7], pipeline="mine") == [("mine_7", "spaaza_data_7", 7)]
    monkeypatch.setenv("SOURCES__SPAAZA__CHAIN_ID", "[1743, 1744]")
    assert [chain for _, _, chain in each()] == [1743, 1744]
    with pytest.raises(SettingsError, match="voucherify has no chains"):
        Target.each(vendor="voucherify", chains=[1])


def test_a_setting_that_a_chain_lacks_is_named_as_it_is_documented(
    spaaza: Spaaza, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__SPAAZA__BASE_URL")
    code, lines = spaaza("load", "users", "--chain=1743")
    assert code == 2
    assert "spaaza: chain 1743: base_url (SOURCES__SPAAZA__BASE_URL) is not set" in "".join(lines)


def test_a_check_of_access_needs_no_database(spaaza: Spaaza) -> None:
    with held_elsewhere(Path("spaaza.duckdb")):
        code, lines = spaaza("check", "--chain=1743", "--chain=1744")
    assert code == 0, lines
    assert sum(line.startswith("chain: ") for line in lines) == 2


@pytest.mark.slow
def test_chains_of_the_configuration_are_loaded_by_one_command(
    vendors: dict[int, FileVendor], spaaza: Spaaza, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SPAAZA__CHAIN_ID", "[1743, 1744]")
    code, lines = spaaza("load", "transactions", "users")
    assert code == 0, lines
    assert (stores(1743), stores(1744)) == ([(1743, 3)], [(1744, 4)])
    # The results, with a line for each table under the heading of its chain.
    results = lines[len(lines) - 1 - lines[::-1].index("Chain 1743") :]
    told = [line.split()[:2] for line in results if line[:1].isalpha()]
    assert told[:8] == [
        ["Chain", "1743"],
        ["table", "rows"],
        ["transactions", "3"],
        ["users", "2"],
        ["Chain", "1744"],
        ["table", "rows"],
        ["transactions", "4"],
        ["users", "2"],
    ]
    assert sum("Reconciled" in line for line in lines) == 1
    # Each goes on from its own cursor, and only rows of its own go or come.
    vendors[1743].files["transactions"] = rows_of(1743, 1, 2, 3, 4)
    vendors[1744].files["transactions"] = rows_of(1744, 2, 3, 4, 5)
    code, lines = spaaza("load", "transactions", "--log", "json")
    assert code == 0, lines
    loaded = [json.loads(line) for line in lines]
    assert [each["chain_id"] for each in loaded if each["event"] == "loaded"] == [1743, 1744]
    assert "chain_id" not in loaded[-1]
    for vendor in vendors.values():
        assert vendor.tasks[-1]["trigger"]["segment"]["chain_id"] == vendor.chain
    # The other commands show each chain under a heading of its own.
    for command in (("plan",), ("jobs",), ("check",)):
        code, lines = spaaza(*command, *([] if command == ("check",) else ["transactions"]))
        assert code == 0, lines
        assert [line for line in lines if line.startswith("Chain ")] == ["Chain 1743", "Chain 1744"]
    assert not Path("spaaza_1743.duckdb").exists()


@pytest.mark.slow
def test_a_chain_that_fails_keeps_no_other_from_its_load(
    vendors: dict[int, FileVendor], spaaza: Spaaza
) -> None:
    vendors[1743].files["transactions"] = b'id,timestamp\n1,"a\n'
    chains = [f"--chain={chain}" for chain in CHAINS]
    code, lines = spaaza("load", "transactions", *chains)
    assert code == 1, lines
    assert any(line.startswith("spaaza: chain 1743: ") for line in lines), lines
    assert stores(1744) == [(1744, 4)]


@pytest.mark.slow
@pytest.mark.thorough
def test_chains_are_submitted_in_batches_after_each_other_and_collected(
    vendors: dict[int, FileVendor], spaaza: Spaaza
) -> None:
    arguments = ["transactions", "users", *(f"--chain={chain}" for chain in CHAINS)]
    code, lines = spaaza("submit", "--apart", "3600", *arguments)
    assert code == 0, lines
    starts = [task["trigger"]["once"] for vendor in vendors.values() for task in vendor.tasks]
    first, second = starts[:2], starts[2:]
    assert len(starts) == 4
    assert max(first) < min(second)
    code, lines = spaaza("collect", *arguments)
    assert code == 0, lines
    assert (stores(1743), stores(1744)) == ([(1743, 3)], [(1744, 4)])
