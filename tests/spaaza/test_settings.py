from __future__ import annotations

from typing import Any

import pytest

from spaaza_source import SpaazaSourceError, spaaza_source
from spaaza_source.errors import SettingsError

TOKEN = {"access_token_id": "id", "access_token_secret": "secret-canary"}


def source(**given: Any) -> Any:
    return spaaza_source(
        **{"base_url": "https://services.example", "chain_id": 1743, "credentials": TOKEN, **given}
    )


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"base_url": "services.example"}, "base_url"),
        ({"base_url": "http://services.example"}, "base_url"),
        ({"chain_id": "seventeen"}, "chain_id"),
        ({"chain_id": 0}, "chain_id"),
        ({"chain_id": 17.5}, "chain_id"),
        ({"credentials": {"access_token_id": "id", "access_token_secret": ""}}, "credentials"),
        ({"credentials": {"access_token_id": "id", "access_token_secret": "a\nb"}}, "credentials"),
        ({"credentials": {"access_token_id": "id", "access_token_secret": " x "}}, "credentials"),
        ({"start_date": "soon"}, "start_date"),
        ({"start_date": "2026-02-01", "end_date": "2026-01-01"}, "window"),
        ({"end_date": "soon"}, "end_date"),
        ({"segments": {"shoes": []}}, "shoes"),
        ({"segments": ["users"]}, "segments"),
        ({"segments": {"users": 5}}, "users"),
        ({"poll_interval": -1}, "poll_interval"),
        ({"export_timeout": "long"}, "export_timeout"),
        ({"max_concurrent_exports": 0}, "max_concurrent_exports"),
        ({"max_rejected_share": float("nan")}, "max_rejected_share"),
        ({"column_types": "guess"}, "column_types"),
        ({"on_bad_row": "ignore"}, "on_bad_row"),
        ({"export_format": "xml"}, "export_format"),
        ({"time_columns": {"shoes": "x"}}, "shoes"),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence(given: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError) as raised:
        source(**given)
    assert named in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "secret-canary" not in str(raised.value)


def test_every_error_has_one_root() -> None:
    with pytest.raises(SpaazaSourceError):
        source(base_url="")


def test_the_six_indexes_are_the_resources() -> None:
    assert set(source().resources) == {
        "transactions",
        "users",
        "vouchers",
        "wallet_ledger",
        "products",
        "product_variants",
    }


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = "SOURCES__SPAAZA__"
    monkeypatch.setenv(prefix + "BASE_URL", "https://services.example")
    monkeypatch.setenv(prefix + "CHAIN_ID", "1743")
    monkeypatch.setenv(prefix + "CREDENTIALS__SESSION_USER_ID", "1")
    monkeypatch.setenv(prefix + "CREDENTIALS__SESSION_KEY", "key")
    monkeypatch.setenv(prefix + "SEGMENTS", '{"users": [{"field_name": "country"}]}')
    monkeypatch.setenv(prefix + "START_DATE", "2026-01-01")
    disposition: Any = spaaza_source().resources["vouchers"].write_disposition
    assert disposition["disposition"] == "merge"
