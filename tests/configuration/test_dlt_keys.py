"""What dlt looks up for our sources is what the check of the settings takes for read."""

from __future__ import annotations

import inspect
import time
from typing import Any

import dlt
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import EnvironProvider
from dlt.common.pipeline import PipelineContext

from spaaza_source import spaaza_bulk_users, spaaza_source
from spaaza_source.configuration.config_errors import SECTIONS
from spaaza_source.configuration.given_keys import GivenKey, given_keys
from spaaza_source.configuration.known_keys import KnownKeys
from spaaza_source.spaaza import chain_source
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into

ACCOUNT: dict[str, Any] = {"access_token_id": "id", "access_token_secret": "secret"}
QUICK: dict[str, Any] = {"poll_interval": 0.01, "start_margin": 0.0, "stagger": 0.0}


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, ...]]:
    """The keys that dlt asks the environment for, from now on."""
    keys: set[tuple[str, ...]] = set()
    get_value = EnvironProvider.get_value

    def watch(self: EnvironProvider, key: str, hint: Any, *sections: Any) -> Any:
        keys.add((*(each for each in sections if each), key))
        return get_value(self, key, hint, *sections)

    monkeypatch.setattr(EnvironProvider, "get_value", watch)
    return keys


def is_known(known: KnownKeys, path: tuple[str, ...], active: str | None) -> bool:
    name = "__".join(path).upper()
    key = GivenKey(tuple(name.lower().split("__")), name, "the environment", in_environment=True)
    return known.find_wrong(key, active) is None


@pytest.mark.parametrize("chain", [None, 1743])
def test_every_key_that_dlt_looks_up_in_a_load_is_right(
    chain: int | None, looked_up: set[tuple[str, ...]], tmp_path: Any
) -> None:
    make: Any = spaaza_source if chain is None else chain_source(chain)
    name = "spaaza" if chain is None else f"chain_{chain}"
    with FileVendor(users=b"id,name\n1,a\n") as vendor:
        given = {"chain_id": 1743} if chain is None else {}
        source = make(base_url=vendor.base_url, credentials=ACCOUNT, **given, **QUICK)
        pipeline = pipeline_into(tmp_path)
        pipeline.run(source.with_resources("users"))
    known = KnownKeys("spaaza", SECTIONS["spaaza"], name, "chain_")
    asked = {path for path in looked_up if path[0] == "sources" or path[1:2] == ("sources",)}
    assert {path for path in asked if not is_known(known, path, pipeline.pipeline_name)} == set()
    # All that is taken for read is asked for, but for the writers of other kinds of files.
    given_here = {"base_url", "chain_id", "credentials", *QUICK}
    of_bulk_users = inspect.signature(spaaza_bulk_users).parameters.keys()
    given_here |= of_bulk_users - inspect.signature(spaaza_source).parameters.keys()
    names = {path[-1] for path in asked if path[:2] == ("sources", "spaaza")}
    assert set(SECTIONS["spaaza"]) - given_here - names == set()
    ours = {path[-2:] for path in asked if path[-2] in ("extract", "data_writer", "schema")}
    assert ("schema", "naming") in ours
    assert ("extract", "workers") in ours
    assert ("data_writer", "file_max_items") in ours


def test_the_active_pipelines_name_may_stand_before_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    Container()[PipelineContext].deactivate()
    monkeypatch.setenv("SPAAZA__SOURCES__SPAAZA__LAG", "-1")
    given: dict[str, Any] = {
        "base_url": "http://127.0.0.1:1",
        "chain_id": 1,
        "credentials": ACCOUNT,
    }
    with pytest.raises(Exception, match="Did you mean SOURCES__SPAAZA__LAG"):
        spaaza_source(**given)
    dlt.pipeline("spaaza", destination="duckdb", dataset_name="d").activate()
    with pytest.raises(Exception, match=r"lag: '-1.0'"):
        spaaza_source(**given)


def test_dlts_own_settings_of_a_pipeline_with_the_sources_name_are_right() -> None:
    known = KnownKeys("spaaza", SECTIONS["spaaza"], "spaaza", "chain_")

    def nearest(*path: str) -> tuple[str, ...] | None:
        return known.find_wrong(GivenKey(path, ".".join(path), "config.toml"), None)

    assert nearest("spaaza", "data_writer", "compression") is None
    assert nearest("spaaza", "data_writer", "compresion") is not None
    assert nearest("spaaza", "window") == ("sources", "spaaza", "window")


def test_the_check_costs_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(200):
        monkeypatch.setenv(f"SOME_{number}", "x")
        monkeypatch.setenv(f"OTHER__{number}", "x")
    began = time.process_time()
    for _ in range(20):
        known = KnownKeys("spaaza", SECTIONS["spaaza"], "spaaza", "chain_")
        assert not [key for key in given_keys() if known.find_wrong(key, None) is not None]
    assert (time.process_time() - began) / 20 < 0.05
