"""A staging dataset of a pipeline's own, where loads do not wait for each other.

PostgreSQL stands for such a database: its lock of the dataset is taken away.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.storages import LoadStorage, PackageStorage
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source.destination import list_own_staging
from spaaza_source.destination.load_lock import TRY_LOCK
from spaaza_source.errors import SettingsError
from tests.destination.destinations import DATASET, Destination
from tests.destination.loads import Load
from tests.destination.servers import PASSWORD
from tests.faults.cut_short import _kill_after, kill_after_commit_of
from tests.hints.loads import check_advice
from tests.processes import exit_codes, settle
from tests.vendors.spaaza_files import FileVendor

pytestmark = pytest.mark.slow

OLD = b"id,name\n1,Ann\n2,Bob\n"
NEW = b"id,name\n1,Ann\n2,Rob\n3,Cy\n"
BY_KEY = {"users": {"primary_key": "id"}}
OWN = r"[0-9a-f]{8}_[0-9a-f]{8}"


@pytest.fixture(autouse=True)
def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(TRY_LOCK, "dlt.destinations.postgres")


@pytest.fixture
def destination(make_destination: Callable[[str], Destination]) -> Destination:
    return make_destination("postgres")


def load_of(destination: Destination, folder: Path, vendor: FileVendor, **more: str) -> Load:
    settings = {**destination.settings, **more}
    return Load(folder, vendor.base_url, ("users",), "postgres", {}, BY_KEY, settings)


def datasets(destination: Destination) -> set[str]:
    """All that there are of the loads, as the server has them."""
    connection = destination.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE '%loyalty%'")
            return {name for (name,) in cursor.fetchall()}
    finally:
        connection.close()


def killed(load: Load, kill: Callable[[], None]) -> int:
    (code,) = exit_codes(partial(_killed, load, kill))
    return code


def _killed(load: Load, kill: Callable[[], None]) -> None:
    settle(load.folder, load.environment)
    TRY_LOCK.clear()
    kill()
    load.run()


KILLS = {
    "before its first row": partial(_kill_after, LoadStorage, "commit_schema_update"),
    "between copy and merge": partial(kill_after_commit_of, "users"),
    "after its merge": partial(kill_after_commit_of, "users", "sql"),
    "when all is loaded": partial(_kill_after, PackageStorage, "complete_loading_package"),
}


@pytest.mark.parametrize("kill", KILLS)
def test_a_killed_load_goes_on_and_leaves_no_dataset(
    kill: str, destination: Destination, tmp_path: Path
) -> None:
    with FileVendor(users=OLD) as vendor:
        load = load_of(destination, tmp_path, vendor)
        load.run()
        assert datasets(destination) == {DATASET}
        vendor.files["users"] = NEW
        assert killed(load, KILLS[kill]) == -signal.SIGKILL
        (left,) = datasets(destination) - {DATASET}
        assert re.fullmatch(f"{DATASET}_staging_{OWN}", left)
        with load.pipeline().sql_client() as client:
            assert list_own_staging(client) == [left]
        load.run()
        assert len(vendor.tasks) == 2
    assert destination.rows("users", "id", "name") == [("1", "Ann"), ("2", "Rob"), ("3", "Cy")]
    assert destination.rows("export_jobs", "loaded", "counted", "proven") == [
        (2, "table", True),
        (3, "table", True),
    ]
    assert datasets(destination) == {DATASET}


def test_a_load_goes_on_where_it_may_no_longer_have_its_own(
    destination: Destination, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FileVendor(users=OLD) as vendor:
        load = load_of(destination, tmp_path, vendor)
        assert killed(load, KILLS["before its first row"]) == -signal.SIGKILL
        monkeypatch.setenv("SPAAZA_SOURCE__OWN_STAGING", "false")
        load.run()
    assert destination.rows("users", "id", "name") == [("1", "Ann"), ("2", "Bob")]
    assert f"{DATASET}_staging" in datasets(destination)


@pytest.mark.parametrize(
    ("layout", "name"),
    [("%s_stage", f"{DATASET}_stage_{OWN}"), ("stage_loyalty", f"stage_loyalty_{DATASET}_{OWN}")],
)
def test_a_users_layout_is_its_stem(
    layout: str,
    name: str,
    destination: Destination,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = "DESTINATION__POSTGRES__STAGING_DATASET_NAME_LAYOUT"
    monkeypatch.setenv(key, layout)
    with FileVendor(users=OLD) as vendor:
        load = load_of(destination, tmp_path, vendor, **{key: layout})
        assert killed(load, KILLS["between copy and merge"]) == -signal.SIGKILL
        (left,) = datasets(destination) - {DATASET}
        assert re.fullmatch(name, left)
        with load.pipeline().sql_client() as client:
            assert list_own_staging(client) == [left]
        load.run()
    assert datasets(destination) == {DATASET}


def test_pipelines_of_one_destination_stage_apart(
    destination: Destination, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sees its own name, and the destination that both were given stays as it was."""
    given = dlt.destinations.postgres(destination.settings["DESTINATION__POSTGRES__CREDENTIALS"])
    before = dict(given.config_params)
    seen: list[str] = []
    create = dlt.destinations.postgres().client_class.with_staging_dataset

    def noted(client: Any) -> Any:
        seen.append(client.sql_client.staging_dataset_name)
        return create(client)

    monkeypatch.setattr(given.client_class, "with_staging_dataset", noted)
    with FileVendor(users=OLD) as vendor:
        for name in ("one", "other"):
            load = load_of(destination, tmp_path / name, vendor)
            pipeline = dlt.pipeline(
                name,
                pipelines_dir=str(tmp_path / name),
                destination=given,
                dataset_name=DATASET,
            )
            pipeline.run(load.source())
            assert pipeline.destination is given
    assert len(set(seen)) == 2
    assert given.config_params == before
    assert datasets(destination) == {DATASET}


def test_other_sources_stage_as_ever(destination: Destination) -> None:
    pipeline = dlt.pipeline("other", destination=destination.name, dataset_name=DATASET)
    pipeline.run([{"id": 1}], table_name="a", write_disposition="merge", primary_key="id")
    assert datasets(destination) == {DATASET, f"{DATASET}_staging"}


def test_who_may_create_no_dataset_is_told_the_setting(
    destination: Destination,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = destination.connect()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE stager LOGIN PASSWORD '{PASSWORD}'")
        for name in (DATASET, f"{DATASET}_staging"):
            cursor.execute(f"CREATE SCHEMA {name} AUTHORIZATION stager")
    connection.commit()
    connection.close()
    key = "DESTINATION__POSTGRES__CREDENTIALS"
    monkeypatch.setenv(key, destination.settings[key].replace("//postgres:", "//stager:"))
    with FileVendor(users=OLD) as vendor:
        load = load_of(destination, tmp_path, vendor)
        with pytest.raises(PipelineStepFailed) as raised:
            load.run()
        refused = raised.value.__cause__
        assert isinstance(refused, SettingsError)
        check_advice("destination/staging.py", "Let its user create datasets", str(refused))
        monkeypatch.setenv("SPAAZA_SOURCE__OWN_STAGING", "false")
        load.run()
        assert len(vendor.tasks) == 1
    assert destination.rows("users", "id", "name") == [("1", "Ann"), ("2", "Bob")]


def test_a_setting_that_is_neither_true_nor_false(
    destination: Destination, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPAAZA_SOURCE__OWN_STAGING", "no")
    with FileVendor(users=OLD) as vendor:
        load = load_of(destination, tmp_path, vendor)
        with pytest.raises(PipelineStepFailed) as raised:
            load.run()
        assert isinstance(raised.value.__cause__, SettingsError)
        assert "spaaza_source.own_staging: 'no' is not true or false" in str(raised.value)
        monkeypatch.setenv("SPAAZA_SOURCE__OWN_STAGING", "True")
        load.run()
    assert datasets(destination) == {DATASET}


def test_a_copied_folder_gets_a_name_of_its_own(tmp_path: Path) -> None:
    from spaaza_source.destination.staging import NAME_FILE, _own_name  # noqa: PLC0415

    one, copy = tmp_path / "one", tmp_path / "copy"
    for folder in (one, copy):
        folder.mkdir()
    name = _own_name(one)
    assert _own_name(one) == name
    (copy / NAME_FILE).write_text(name, encoding="utf-8")
    assert _own_name(copy) != name
    (one / NAME_FILE).write_text("damaged", encoding="utf-8")
    assert re.fullmatch(OWN, _own_name(one))
