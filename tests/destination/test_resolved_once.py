"""Within a run a destination's settings are resolved once; between runs they may change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.common.configuration import resolve_configuration
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.destination import reference

from spaaza_source import spaaza_source
from spaaza_source.destination import resolved_once, with_own_staging
from spaaza_source.warehouse import duckdb_file
from tests.destination.destinations import DATASET, Destination
from tests.faults.cut_short import QUICK, TOKEN
from tests.vendors.spaaza_files import FileVendor

KEY = "DESTINATION__DUCKDB__CREDENTIALS"


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Each time that dlt asks its providers for a destination's settings."""
    found: list[Any] = []

    def resolve(config: Any, **given: Any) -> Any:
        if not config.is_resolved():
            found.append(type(config))
        return resolve_configuration(config, **given)

    monkeypatch.setattr(reference, "resolve_configuration", resolve)
    return found


def source(vendor: FileVendor) -> Any:
    given: dict[str, Any] = {"max_age": 0, **QUICK}
    return spaaza_source(vendor.base_url, 1743, TOKEN, **given)


def client(destination: Any, dataset: str = DATASET) -> Any:
    """As dlt's pipelines make one."""
    config = destination.spec()
    config._bind_dataset_name(dataset)
    return destination.client(dlt.Schema("shop"), config)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_a_load_resolves_its_destination_a_few_times(
    kind: str, make_destination: Callable[[str], Destination], resolved: list[Any]
) -> None:
    destination = make_destination(kind)
    with FileVendor(users=b"id\n1\n", products=b"id\n2\n") as vendor:
        pipeline = dlt.pipeline("spaaza", destination=destination.name, dataset_name=DATASET)
        for _ in range(2):
            resolved.clear()
            pipeline.run(source(vendor).with_resources("users", "products"))
    # More than fifty, else.
    assert 0 < len(resolved) < 8


@pytest.mark.slow
def test_settings_that_change_between_two_runs_of_a_process_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [str(tmp_path / f"{name}.duckdb") for name in ("first", "second")]
    with FileVendor(users=b"id\n1\n") as vendor:
        pipeline = dlt.pipeline("spaaza", destination="duckdb", dataset_name=DATASET)
        for file in files:
            monkeypatch.setenv(KEY, file)
            pipeline.run(source(vendor).with_resources("users"))
    for file in files:
        with duckdb.connect(file) as connection:
            assert connection.sql(f"SELECT id FROM {DATASET}.users").fetchall() == [("1",)]


def test_inside_the_block_clients_share_what_was_resolved(
    tmp_path: Path, resolved: list[Any]
) -> None:
    destination = duckdb_file(tmp_path / "shop.duckdb")
    with resolved_once(destination):
        first, second = client(destination), client(destination)
        assert first.config is second.config
        assert len(resolved) == 1
        # Another dataset is another question.
        assert client(destination, "other").config.dataset_name == "other"
        assert len(resolved) == 2
        with first.sql_client, second.sql_client:
            second.sql_client.execute_sql("CREATE TABLE shops (id INT)")
            assert first.sql_client.execute_sql("SELECT count(*) FROM shops") == [(0,)]
    # All is closed: another kind of connection may be opened.
    duckdb.connect(str(tmp_path / "shop.duckdb"), read_only=True).close()
    assert client(destination).config is not first.config


def test_what_a_destination_is_given_is_part_of_the_question(tmp_path: Path) -> None:
    destination: Any = duckdb_file(tmp_path / "shop.duckdb")
    with resolved_once(destination):
        before = client(destination).config
        destination.config_params["create_indexes"] = True
        assert client(destination).config.create_indexes
        assert not before.create_indexes


def test_a_copy_of_a_destination_is_resolved_for_itself(tmp_path: Path) -> None:
    destination: Any = duckdb_file(tmp_path / "shop.duckdb")
    with resolved_once(destination):
        shared = client(destination).config.staging_dataset_name_layout
        own = client(with_own_staging(destination, "one")).config.staging_dataset_name_layout
    assert (shared, own) == ("%s_staging", "%s_staging_one")


def test_blocks_may_stand_in_each_other(tmp_path: Path, resolved: list[Any]) -> None:
    destination = duckdb_file(tmp_path / "shop.duckdb")
    with resolved_once(destination):
        with resolved_once(destination):
            config = client(destination).config
        assert client(destination).config is config
    assert len(resolved) == 1


def test_what_cannot_be_resolved_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    destination = dlt.destinations.postgres()
    with resolved_once(destination):
        with pytest.raises(ConfigFieldMissingException):
            client(destination)
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://me:x@host/base")
        assert client(destination).config.credentials.host == "host"
