"""Fault 40, by kind: what holds a secret shows it to no `repr`, no pickle and no traceback.

That of a traceback with local variables too, as services that collect errors make it. Loads and
commands as a whole are test_canary's; how words of a vendor's are made fit to be shown is
tests/transport/test_redaction.py's.
"""

from __future__ import annotations

import base64
import copy
import gzip
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spaaza_source import spaaza_source, voucherify_source
from spaaza_source.errors import SettingsError, SpaazaSourceError, UnsafeLinkError
from spaaza_source.spaaza.connection_check import check_access
from spaaza_source.spaaza.credentials import AccessToken, AdminSession
from spaaza_source.spaaza.tasks_api import TasksApi
from spaaza_source.spaaza.tasks_api import make_client as to_spaaza
from spaaza_source.transport.clock import SystemClock
from spaaza_source.transport.links import Link, open_link
from spaaza_source.transport.redaction import Secret
from spaaza_source.voucherify.credentials import AppKeys
from spaaza_source.voucherify.exports_api import ExportsApi
from spaaza_source.voucherify.exports_api import make_client as to_voucherify
from tests.faults.hosts import TOKEN, ours
from tests.faults.leaks import check_files, check_variables, shown_from_within
from tests.vendors.server import CANARY, Answer, ScriptedServer, in_turn
from tests.vendors.voucherify_files import KEYS

pytestmark = pytest.mark.wing("transport")


def token() -> AccessToken:
    made = AccessToken()
    made.update(TOKEN)
    return made


def session() -> AdminSession:
    made = AdminSession()
    made.update({"session_user_id": CANARY, "session_key": f"{CANARY}-key"})
    return made


def keys() -> AppKeys:
    made = AppKeys()
    made.update(KEYS)
    return made


#: Each way to something that holds a secret.
HOLDERS: dict[str, Callable[[], Any]] = {
    "access token": token,
    "session": session,
    "application keys": keys,
    "headers of an access token": lambda: token().headers(1743),
    "headers of a session": lambda: session().headers(1743),
    "headers of keys": lambda: keys().headers(),
    "link": lambda: Link(f"https://files.example/{CANARY}?sig={CANARY}", {"X-App-Token": CANARY}),
    "way to Spaaza": lambda: to_spaaza("https://vendor.example", 1743, token()),
    "way to Voucherify": lambda: to_voucherify("https://vendor.example", keys()),
    "calls of Spaaza's": lambda: TasksApi(to_spaaza("https://vendor.example", 1743, token())),
    "calls of Voucherify's": lambda: ExportsApi(to_voucherify("https://vendor.example", keys())),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_holds_a_secret_does_not_show_it(holder: str) -> None:
    held = HOLDERS[holder]()
    shown = [repr(held), str(held), f"{held}", f"{held!r:>40}", "%s" % held, repr([held])]  # noqa: UP031
    shown += [str(ValueError(held)), repr(KeyError(held))]
    for text in shown:
        assert CANARY not in text


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_holds_a_secret_is_not_pickled(holder: str) -> None:
    held = HOLDERS[holder]()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="holds a secret") as refused:
            pickle.dumps({"in": [held]}, protocol)
        assert CANARY not in str(refused.value)
    if isinstance(held, Secret):
        with pytest.raises(TypeError, match="holds a secret"):
            copy.deepcopy(held)


def test_dlt_may_copy_credentials_all_the_same() -> None:
    assert dict(token().copy()) == TOKEN


# Tracebacks with local variables; those of loads that fail are looked through in test_canary and
# test_voucherify_canary.


@pytest.mark.parametrize("target", ["https://10.0.0.1", "https://[fc00::1]"])
@pytest.mark.parametrize("moved", [False, True])
def test_no_variable_of_a_refused_link_shows_a_secret(target: str, moved: bool) -> None:
    url = f"{target}/{CANARY}?X-Amz-Signature={CANARY}"
    headers = {"X-App-Token": CANARY}
    with ScriptedServer(in_turn(Answer(302, headers={"Location": url}))) as server:
        link = Link(f"{server.base_url}/x?sig={CANARY}" if moved else url, headers)
        base_url = server.base_url if moved else "https://vendor.example"
        with pytest.raises(UnsafeLinkError) as refused:
            open_link(link, base_url=base_url)
    assert CANARY not in shown_from_within(refused.value)


@pytest.mark.parametrize("fault", [" ", "\n", "é", ""])
@pytest.mark.parametrize("vendor", ["spaaza", "voucherify"])
def test_credentials_that_cannot_be_sent_are_named_and_not_shown(
    vendor: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"spaaza": "access_token_secret", "voucherify": "app_token"}[vendor]
    given = TOKEN if vendor == "spaaza" else KEYS
    for key, value in given.items():
        wrong = value + fault if fault else "  "
        value = wrong if key == name else value  # noqa: PLW2901
        monkeypatch.setenv(f"SOURCES__{vendor.upper()}__CREDENTIALS__{key.upper()}", value)
    monkeypatch.setenv("SOURCES__SPAAZA__BASE_URL", "https://vendor.example")
    monkeypatch.setenv("SOURCES__SPAAZA__CHAIN_ID", "1743")
    with pytest.raises(Exception, match=name) as refused:
        spaaza_source() if vendor == "spaaza" else voucherify_source()
    assert isinstance(ours(refused.value), SettingsError)
    assert CANARY not in shown_from_within(refused.value)


@pytest.mark.parametrize("status", [200, 400, 401, 503])
def test_no_variable_of_a_failed_connection_check_shows_a_secret(status: int) -> None:
    words = f"Bearer {TOKEN['access_token_id']}:{TOKEN['access_token_secret']} sig={CANARY}"
    answer = Answer.json({"message": words}, status, **{"Retry-After": "0.001"})
    with ScriptedServer(in_turn(answer)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemClock, "pause", lambda *_: False)
        with pytest.raises(SpaazaSourceError) as failed:
            list(check_access(server.base_url, 1743, token()))
    del words
    check_variables(failed.value)


# The look through a folder sees through every packing


def _database(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT '{CANARY}' || range AS x FROM range(5000)")


PACKED: dict[str, Callable[[Path], Any]] = {
    "plain": lambda path: path.write_text(f"x {CANARY}"),
    "gzip": lambda path: path.write_bytes(gzip.compress(CANARY.encode())),
    "parquet": lambda path: pq.write_table(pa.table({"x": [CANARY] * 9}), path, compression="zstd"),
    "state": lambda path: path.write_bytes(
        b'{"state": "%s"}' % base64.b64encode(zlib.compress(f'{{"x": "{CANARY}"}}'.encode(), 9))
    ),
    "state in gzip": lambda path: path.write_bytes(
        gzip.compress(b"E'%s'" % base64.b64encode(zlib.compress(CANARY.encode() * 9, 9)))
    ),
    "database": _database,
}


@pytest.mark.parametrize("packing", PACKED)
def test_a_secret_in_a_file_is_found_in_whatever_packing(packing: str, tmp_path: Path) -> None:
    (tmp_path / "trace.pickle").write_bytes(pickle.dumps({"x": 1}))
    check_files(tmp_path)
    PACKED[packing](tmp_path / "left")
    with pytest.raises(AssertionError):
        check_files(tmp_path)
