"""The folder `.dlt`: every setting is there, as it is without being set, and works when it is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
import tomlkit

from spaaza_source import spaaza_bulk_users, spaaza_source, voucherify_source
from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests import command

FOLDER = Path(__file__).parent.parent / ".dlt"
CONFIG = (FOLDER / "config.toml").read_text(encoding="utf-8")
SECRETS = (FOLDER / "example.secrets.toml").read_text(encoding="utf-8")
SOURCES: dict[str, Any] = {"spaaza": spaaza_source, "voucherify": voucherify_source}
SETTING = re.compile(r"^# (\w+) = (.*?)(?: +# (.*))?$", re.MULTILINE)
TABLE = re.compile(r"^# \[sources\.\w+\.(\w+)", re.MULTILINE)


def section(name: str) -> str:
    return re.split(r"^\[", CONFIG.split(f"[sources.{name}]\n")[1], flags=re.MULTILINE)[0]


@pytest.mark.parametrize("name", SOURCES)
def test_every_setting_is_there_as_it_is_without_being_set(name: str) -> None:
    parameters = inspect.signature(SOURCES[name]).parameters
    text = section(name)
    told = {setting: (value, words) for setting, value, words in SETTING.findall(text)}
    secrets: Any = tomlkit.parse(SECRETS)
    secret = set(secrets["sources"][name])
    tables = set(TABLE.findall(text))
    inside = {setting for setting in told if setting not in parameters}
    assert set(told) - inside | tables | secret == set(parameters)
    for setting, (value, words) in told.items():
        if setting in inside or "example" in words or "required" in words:
            continue
        default = parameters[setting].default
        given = tomlkit.parse(f"x = {value}")["x"]
        assert (default is None and "twice" in (words or "twice")) or default == given, setting


def test_the_config_section_of_each_resource_stays_as_users_have_it() -> None:
    account: dict[str, Any] = {"base_url": "http://127.0.0.1:1", "chain_id": 1}
    bearer = {"access_token_id": "id", "access_token_secret": "secret"}
    session = {"session_user_id": "1", "session_key": "key"}
    keys = {"app_id": "id", "app_token": "token"}
    for source, expected in (
        (spaaza_source(**account, credentials=bearer), "load"),
        (spaaza_source(**account, credentials=bearer, from_files="kept"), "load"),
        (spaaza_bulk_users(**account, credentials=session), "bulk_users"),
        (voucherify_source(credentials=keys), "load"),
    ):
        assert {resource.section for resource in source.resources.values()} == {expected}


def as_it_stands(sandbox: Sandbox) -> str:
    """What is commented, taken as it stands, but for what only a real account has."""
    text = re.sub(r'^# (?=\w+ = |\[|"\$)', "", CONFIG, flags=re.MULTILINE)
    examples = ("end_date", "from_files", "dialect", "allow_external_schedulers")
    for name in (*examples, "users", "vouchers", "transactions"):
        text = re.sub(rf"^{name} = .*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^poll_interval = .*$", "poll_interval = 0.05", text, flags=re.MULTILINE)
    return re.sub(
        r'^base_url = ".*?"', f'base_url = "{sandbox.base_url}"', text, flags=re.MULTILINE
    )


@pytest.mark.slow
@pytest.mark.thorough
def test_what_is_commented_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Sandbox(SandboxSettings(rows=30, run_seconds=0.1)) as sandbox:
        folder = tmp_path / ".dlt"
        folder.mkdir()
        (folder / "config.toml").write_text(as_it_stands(sandbox), encoding="utf-8")
        secrets: Any = tomlkit.parse(SECRETS)
        secrets["sources"]["spaaza"]["credentials"] = sandbox.credentials
        secrets["sources"]["voucherify"]["credentials"] = sandbox.voucherify_credentials
        del secrets["runtime"]
        (folder / "secrets.toml").write_text(tomlkit.dumps(secrets), encoding="utf-8")

        def spaaza(*arguments: str) -> str:
            ran = command.spaaza(*arguments)
            assert ran.returncode == 0, ran.stderr
            return ran.stdout

        # Windows of months since the start, of the objects that are named.
        assert "2024-01-01 to 2024-02-01" in spaaza("plan", "--vendor", "voucherify")
        assert "2024-01-01 to 2024-02-01" in spaaza("plan", "transactions")
        spaaza("load", "users")
    with duckdb.connect(str(tmp_path / "spaaza.duckdb")) as warehouse:
        columns = {name for name, *_ in warehouse.sql("DESCRIBE spaaza_data.users").fetchall()}
    assert "first_name" not in columns
    assert list((tmp_path / "downloads").glob("*/*"))
