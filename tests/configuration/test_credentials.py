"""Credentials: of one kind, and those that a script gives are those that are sent."""

from __future__ import annotations

from typing import Any

import pytest

from spaaza_source import spaaza_bulk_users, spaaza_source, voucherify_source
from spaaza_source.errors import SettingsError
from spaaza_source.spaaza import check_access
from tests.vendors.server import Seen
from tests.vendors.spaaza_files import FileVendor

TOKEN = {"access_token_id": "id", "access_token_secret": "canary"}
SESSION = {"session_user_id": "1", "session_key": "canary"}
ACCOUNT: dict[str, Any] = {"base_url": "http://127.0.0.1:1", "chain_id": 1}
PREFIX = "SOURCES__SPAAZA__CREDENTIALS__"


def configure(patch: pytest.MonkeyPatch, *kinds: dict[str, str], prefix: str = PREFIX) -> None:
    for kind in kinds:
        for name, value in kind.items():
            patch.setenv(prefix + name.upper(), value)


def test_credentials_that_a_script_gives_are_sent_whatever_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(monkeypatch, TOKEN)
    with FileVendor() as vendor:
        list(check_access(vendor.base_url, 1743, SESSION))
        seen: Seen = vendor.seen[-1]
    assert seen.headers["X-Spaaza-Session-Key"] == "canary"
    assert "Authorization" not in seen.headers


@pytest.mark.parametrize("source", [spaaza_source, spaaza_bulk_users])
def test_two_kinds_are_refused(source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    both = "credentials: two kinds are given, access_token_id and session_key"
    with pytest.raises(SettingsError, match=both) as refused:
        source(**ACCOUNT, credentials=TOKEN | SESSION)
    configure(monkeypatch, TOKEN, SESSION)
    with pytest.raises(SettingsError, match="two kinds are given"):
        source(**ACCOUNT)
    # The hint: an argument counts instead of what is configured.
    assert "an argument in a script counts" in str(refused.value)
    assert source(**ACCOUNT, credentials=SESSION).resources
    assert "canary" not in str(refused.value)


def test_a_chain_may_have_another_kind_than_another_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, TOKEN, prefix="SOURCES__SPAAZA__CHAIN_1__CREDENTIALS__")
    configure(monkeypatch, SESSION, prefix="SOURCES__SPAAZA__CHAIN_2__CREDENTIALS__")
    for chain in (1, 2):
        assert spaaza_source.clone(name=f"chain_{chain}")(**ACCOUNT).resources
    configure(monkeypatch, SESSION, prefix="SOURCES__SPAAZA__CHAIN_1__CREDENTIALS__")
    with pytest.raises(SettingsError, match="two kinds"):
        spaaza_source.clone(name="chain_1")(**ACCOUNT)


@pytest.mark.parametrize(
    ("source", "given", "words"),
    [
        (
            spaaza_source,
            TOKEN | {"acces_token_id": "canary"},
            "'acces_token_id'.*'access_token_id'",
        ),
        (spaaza_source, {"acces_token_id": "canary"}, "'acces_token_id'.*'access_token_id'"),
        (spaaza_source, {"access_token_id": "id"}, "CREDENTIALS__ACCESS_TOKEN_SECRET"),
        (spaaza_source, {"secret": "canary"}, "there is no 'secret'"),
        (voucherify_source, {"app_id": "id", "token": "canary"}, "'token'.*'app_token'"),
        (voucherify_source, TOKEN, "'access_token_id'.*Give app_id, app_token"),
    ],
)
def test_a_wrong_name_of_a_credential_is_told(source: Any, given: Any, words: str) -> None:
    account = ACCOUNT if source is spaaza_source else {}
    with pytest.raises(SettingsError, match=words) as refused:
        source(**account, credentials=given)
    assert "canary" not in str(refused.value)


def test_a_secret_in_a_file_for_all_to_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, {"access_token_id": "id"})
    monkeypatch.delenv(PREFIX + "ACCESS_TOKEN_ID")
    with pytest.raises(SettingsError, match=r"credentials \(.*ACCESS_TOKEN_ID.*\) is not set"):
        spaaza_source(**ACCOUNT)
