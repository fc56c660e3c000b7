"""Fault 51: a setting that is misspelled, out of range or of another vendor stops; its hint works.

All that is known to be written wrong is in the table of `tests/cli/wrong_settings.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext

from spaaza_source import spaaza_source
from spaaza_source.errors import SettingsError
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.wing("configuration", "spaaza", "cli")

S = "SOURCES__SPAAZA__"
SECRET = "sixteen characters and more"
#: What was written, and what the hint makes of it; both with the same value.
FOLLOWED = [
    (S + "PRIVCY", S + "PRIVACY", "pseudonymise"),
    ("SOURCES__SPAZA__PRIVACY", S + "PRIVACY", "pseudonymise"),
    ("SOURCES_SPAAZA_PRIVACY", S + "PRIVACY", "pseudonymise"),
    ("sources__spaaza__privacy", S + "PRIVACY", "pseudonymise"),
    ("SPAAZA__PRIVACY", S + "PRIVACY", "pseudonymise"),
    (S + "CREDENTIALS__ACCES_TOKEN_ID", S + "CREDENTIALS__ACCESS_TOKEN_ID", "id"),
    (S + "ON_BAD_ROWS", S + "ON_BAD_ROW", "fail"),
]


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Any:
    Container()[PipelineContext].deactivate()
    given = {"CHAIN_ID": "1743", "CREDENTIALS__ACCESS_TOKEN_ID": "id"}
    given |= {"CREDENTIALS__ACCESS_TOKEN_SECRET": "canary", "PRIVACY_SECRET": SECRET}
    given |= {"POLL_INTERVAL": "0.01", "START_MARGIN": "0", "STAGGER": "0"}
    with FileVendor(users=b"id,first_name\n1,Ann\n") as served:
        for name, value in (given | {"BASE_URL": served.base_url}).items():
            monkeypatch.setenv(S + name, value)
        yield served


@pytest.mark.follows("configuration/config_errors.py", "Did you mean {variable}?")
@pytest.mark.parametrize("followed", FOLLOWED, ids=lambda followed: followed[0])
def test_a_misspelled_setting_stops_and_its_hint_ends_in_a_sound_load(
    followed: tuple[str, str, str],
    vendor: FileVendor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typed, right, value = followed
    monkeypatch.delenv(right, raising=False)
    monkeypatch.setenv(typed, value)
    with pytest.raises(SettingsError, match=typed) as refused:
        spaaza_source()
    assert f"Did you mean {right}?" in str(refused.value)
    assert vendor.seen == []
    monkeypatch.delenv(typed)
    monkeypatch.setenv(right, value)
    pipeline_into(tmp_path).run(spaaza_source().with_resources("users"))
    assert query(tmp_path, "SELECT count(*) FROM users") == [(1,)]
    columns = query(tmp_path, "SELECT column_name FROM duckdb_columns WHERE table_name = 'users'")
    assert (("first_name",) in columns) == ("PRIVACY" not in right)


@pytest.mark.parametrize(
    "given",
    [
        ("MAX_DELETED_SHARE", "20", "0.2"),
        ("MAX_REJECTED_SHARE", "5", "0.05"),
        ("WINDOW", "weeks", "week"),
        ("SEGMENTS", '{"users": {"ruls": []}}', '{"users": {"rules": []}}'),
    ],
)
def test_a_value_out_of_range_stops_and_another_loads(
    given: tuple[str, str, str],
    vendor: FileVendor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setting, wrong, right = given
    monkeypatch.setenv(S + setting, wrong)
    with pytest.raises(SettingsError) as refused:
        spaaza_source()
    assert refused.value.hint
    assert vendor.seen == []
    monkeypatch.setenv(S + setting, right)
    pipeline_into(tmp_path).run(spaaza_source().with_resources("users"))
    assert query(tmp_path, "SELECT count(*) FROM users") == [(1,)]
