"""The vendor profile: what may be in it, which host it is of, and what counts before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from spaaza_source import spaaza_source, voucherify_source
from spaaza_source.configuration import profile_path, read_profile
from spaaza_source.errors import SettingsError
from spaaza_source.loading import exports_of
from spaaza_source.probe import run
from spaaza_source.spaaza import chain_source
from tests.command import runner
from tests.hints.loads import advises, check_advice
from tests.probe.vendors import OpenVendor, Ways

ACCEPT = '[sources.spaaza]\nempty_files = "accept"\n'
PREFIX = "SOURCES__SPAAZA__"


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenVendor]:
    monkeypatch.setattr(run, "PATIENCE", 0.2)
    with OpenVendor(Ways(nothing=b"")) as vendor:
        yield vendor


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, vendor: OpenVendor) -> Iterator[Any]:
    given = {"POLL_INTERVAL": "0.01", "CHAIN_ID": "1743", "BASE_URL": vendor.base_url}
    key = {"CREDENTIALS__ACCESS_TOKEN_ID": "id", "CREDENTIALS__ACCESS_TOKEN_SECRET": "canary"}
    yield runner(monkeypatch, **given, **key)
    # What a test has written is forgotten.
    monkeypatch.undo()
    Container()[PluggableRunContext].reload_providers()


def write(text: str, *, host: str | None = None, chain: int = 1743) -> None:
    profile_path().parent.mkdir(exist_ok=True)
    found = f'[vendor_profile]\nchain = {chain}\nat = "2026-05-26"\nhost = "{host}"\n'
    profile_path().write_text(text + found * (host is not None), encoding="utf-8")


def empty_files(**given: Any) -> str:
    source = spaaza_source(**given).with_resources("transactions")
    return exports_of(source).loads["transactions"].read_settings.empty_files


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("sources = 3\n", "sources is not a table of settings"),
        ("[sources]\nspaaza = 3\n", "sources.spaaza is not a table"),
        ("vendor_profile = 3\n", "vendor_profile is not a table"),
        ("[sources.voucherify]\nlag = 1\n", "sources.voucherify is nothing that a profile sets"),
        ('"sources.spaaza" = 3\n', "sources.spaaza is nothing that a profile sets"),
        ("[runtime]\nlog_level = 1\n", "runtime is nothing that a profile sets"),
        ('[sources.spaaza.credentials]\naccess_token_id = "canary"\n', "credentials is a secret"),
        ('[sources.spaaza.chain_1]\nprivacy_secret = "canary"\n', "privacy_secret is a secret"),
    ],
)
def test_what_is_no_profile_is_refused(text: str, cause: str, command: Any) -> None:
    write(text)
    with pytest.raises(SettingsError) as told:
        command("check")
    assert cause in told.value.cause
    assert str(profile_path()) in str(told.value)
    assert "canary" not in str(told.value)
    check_advice("configuration/vendor_profile.py", "It may have", str(told.value))
    # Another vendor is not concerned.
    assert voucherify_source(credentials={"app_id": "id", "app_token": "token"}).resources


@pytest.mark.slow
def test_a_profile_that_is_none_is_written_anew(command: Any) -> None:
    write("sources = 3\n")
    with advises("configuration/vendor_profile.py", "It may have"):
        spaaza_source()
    command("probe", "--yes")
    assert empty_files() == "accept"


def test_a_typo_is_told(command: Any) -> None:
    write("[sources.spaaza]\nfilter_margn = 1.0\n")
    told = r"filter_margn \(vendor_profile.toml\)\. Did you mean sources.spaaza.filter_margin"
    with pytest.raises(SettingsError, match=told):
        spaaza_source()
    with pytest.raises(SettingsError, match=told):
        command("check")


@pytest.mark.parametrize("where", ["profile", "environment"])
def test_check_tells_a_wrong_value_of_any_setting(
    where: str, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "profile":
        write('[sources.spaaza]\nfilter_margin = "abc"\n')
    else:
        monkeypatch.setenv(f"{PREFIX}FILTER_MARGIN", "abc")
    with pytest.raises(SettingsError, match="filter_margin: 'abc' is not a number"):
        command("check")


def test_a_profile_of_another_host_is_not_obeyed(
    command: Any, caplog: pytest.LogCaptureFixture
) -> None:
    write(ACCEPT, host="https://staging.test:8443/v1")
    assert empty_files() == "stop"
    assert "was found out at staging.test:8443, and base_url names 127.0.0.1" in caplog.text
    _, lines = command("check")
    assert any("is of another host, and not obeyed" in line for line in lines)
    assert not any("empty_files" in line for line in lines)
    # It is the address that counts which a script gives; each of two sources has its own.
    given = {"chain_id": 1, "credentials": {"access_token_id": "a", "access_token_secret": "b"}}
    assert empty_files(base_url="https://STAGING.test:8443/", **given) == "accept"
    assert empty_files(base_url="https://staging.test/v1", **given) == "stop"
    assert empty_files() == "stop"
    # It is told once.
    assert caplog.text.count("base_url names 127.0.0.1") == 1


@pytest.mark.slow
def test_who_is_told_of_another_host_probes_this_one(
    command: Any, caplog: pytest.LogCaptureFixture
) -> None:
    write("[sources.spaaza]\nlag = 0\n", host="https://other.test")
    spaaza_source()
    check_advice("configuration/vendor_profile.py", "{profile_path()} was found out", caplog.text)
    command("probe", "--yes")
    assert empty_files() == "accept"
    assert "lag" not in (read_profile() or {})["sources"]["spaaza"]


@pytest.mark.usefixtures("command")
def test_a_chain_may_have_a_host_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    write(ACCEPT, host="https://other.test")
    monkeypatch.setenv(f"{PREFIX}CHAIN_1744__BASE_URL", "https://other.test")
    for chain, expected in {1743: "stop", 1744: "accept"}.items():
        source = chain_source(chain)().with_resources("transactions")
        assert exports_of(source).loads["transactions"].read_settings.empty_files == expected


def test_a_profile_by_hand_or_of_another_chain_is_obeyed(command: Any, vendor: OpenVendor) -> None:
    write(ACCEPT)
    assert empty_files() == "accept"
    assert any("(written by hand) sets" in line for line in command("check")[1])
    write(ACCEPT, host=vendor.base_url, chain=9)
    assert empty_files() == "accept"
    lines = " ".join(command("check")[1])
    assert "(chain 9, 2026-05-26) was found out with another chain of this host than 1743" in lines


def test_check_shows_what_counts_before_it(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        "[sources.spaaza]\nfilter_margin = 86400.0\nlag = 5\nexecute_after = 30.0\n"
        '[sources.spaaza.time_columns]\ntransactions = "sold_at"\n'
    )
    config = profile_path().with_name("config.toml")
    config.write_text(
        "[sources.spaaza]\nlag = 7\nfilter_margin = 3\n"
        '[sources.spaaza.time_columns]\nusers = "x"\n',
        encoding="utf-8",
    )
    Container()[PluggableRunContext].reload_providers()
    monkeypatch.setenv(f"{PREFIX}FILTER_MARGIN", "5")
    lines = [line.strip() for line in command("check")[1]]
    text = " ".join(lines)
    overridden = f"filter_margin = 86400.0, which does not count: {PREFIX}FILTER_MARGIN"
    assert f"{overridden} (the environment) says 5" in text
    assert "lag = 5, which does not count: sources.spaaza.lag (config.toml) says 7" in text
    assert "sources.spaaza.time_columns.users (config.toml) says {'users': 'x'}" in text
    assert "execute_after = 30.0" in lines


@pytest.mark.slow
def test_one_of_several_chains_is_probed(
    command: Any, vendor: OpenVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}CHAIN_ID", "[1743, 1744]")
    # The second chain has credentials of its own; that of all would not do.
    monkeypatch.setenv(f"{PREFIX}CHAIN_1744__CREDENTIALS__ACCESS_TOKEN_ID", "other")
    monkeypatch.setenv(f"{PREFIX}CHAIN_1744__CREDENTIALS__ACCESS_TOKEN_SECRET", "canary")
    with advises("cli/probe.py", "Name one: spaaza probe --chain") as told:
        command("probe", "--yes")
    assert "spaaza probe --chain 1743" in told[0]
    assert vendor.tasks == []
    command("probe", "--yes", "--chain", "1744")
    assert {task["chain"] for task in vendor.tasks} == {1744}
    assert (read_profile() or {})["vendor_profile"]["chain"] == 1744
    for chain in (1743, 1744):
        source = chain_source(chain)().with_resources("transactions")
        assert exports_of(source).loads["transactions"].read_settings.empty_files == "accept"


def test_a_list_of_one_chain_needs_no_name(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}CHAIN_ID", "[1744]")
    with advises("cli/probe.py", "Agree by --yes."):
        command("probe")
    assert not Path(profile_path()).exists()
