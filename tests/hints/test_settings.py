"""Hints about settings: what each names is set, and three rows of users are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.pipeline import PipelineContext

from spaaza_source import spaaza_bulk_users, spaaza_source, voucherify_source
from tests.faults.hosts import ours
from tests.hints.loads import QUICK, TOKEN, Shop, advises, check_advice
from tests.vendors.server import Answer, ScriptedServer, in_turn

pytestmark = pytest.mark.slow

SECRET = "sixteen characters and more"
RULE = {"field_name": "country", "operator": "equals", "value": "NL"}
JOINED = {"rules": [RULE], "join": "any"}
SINCE: dict[str, Any] = {"start_date": "2026-05-01"}
ID: dict[str, Any] = {"users": {"id": "hash"}}


def follows(module: str, beginning: str, table: str = "users") -> tuple[str, str, str]:
    """Whose hint is followed, and which table is loaded."""
    return module, beginning, table


#: Whose hint, settings that are refused, and the same as the hint advises: each of these loads.
VALUES: list[tuple[tuple[str, str, str], dict[str, Any], list[dict[str, Any]]]] = [
    (
        follows("settings.py", "Write True or False"),
        {"accept_deletes": "yes"},
        [{"accept_deletes": True}],
    ),
    (
        follows("settings.py", "Give it a value, or leave it out"),
        {"keep_files": " "},
        [{"keep_files": "kept"}, {}],
    ),
    (
        follows("settings.py", "It is a share: 0.2 is 20 %"),
        {"max_deleted_share": 20},
        [{"max_deleted_share": 0.2}],
    ),
    (
        follows("tabular/source_file.py", "It is a share: 0.2 is 20 %"),
        {"max_rejected_share": 5},
        [{"max_rejected_share": 0.05}],
    ),
    (
        follows("tabular/source_file.py", "Give a number of rows"),
        {"max_rejected_rows": -1},
        [{"max_rejected_rows": 0}, {"max_rejected_rows": 5}],
    ),
    (follows("errors.py", "Did you mean"), {"window": "weeks"}, [{"window": "week"}]),
    (
        follows("errors.py", "Choose one of these"),
        {"window": "year"},
        [{"window": "month"}, {"window": "day"}],
    ),
    (follows("drift/notices.py", "Choose "), {"on_drift": 5}, [{"on_drift": "tell"}]),
    (
        follows("writing/soft_deletes.py", "Set export_format to csv"),
        {"deletes": "soft", "export_format": "json"},
        [{"deletes": "soft", "export_format": "csv"}],
    ),
    (
        follows("expectations/settings.py", "Leave the column out"),
        {
            "expectations": {"users": {"not_null": ["id", "name"]}},
            "privacy": {"users": {"name": "drop"}},
        },
        [
            {
                "expectations": {"users": {"not_null": ["id"]}},
                "privacy": {"users": {"name": "drop"}},
            }
        ],
    ),
    (
        follows("expectations/settings.py", "Did you mean {near[0]}?"),
        {"expectations": {"usres": {"min_rows": 3}}},
        [{"expectations": {"users": {"min_rows": 3}}}],
    ),
    (
        follows("expectations/settings.py", "Write a number with its unit"),
        {"expectations": {"transactions": {"freshest": "36"}}},
        [
            {"expectations": {"transactions": {"freshest": "36h"}}},
            {"expectations": {"transactions": {"freshest": "2 d"}}},
        ],
    ),
    (
        follows("expectations/check.py", "Ask the vendor, or correct what expectations say"),
        {"expectations": {"users": {"min_rows": 4}}},
        [
            {"expectations": {"users": {"min_rows": 3}}},
            {"expectations": {"users": {"min_rows": 4, "action": "warn"}}},
        ],
    ),
    (
        follows("tabular/column_types.py", "{f'Did you mean"),
        {"column_types": {"users": {"id": "texd"}}},
        [{"column_types": {"users": {"id": "text"}}}],
    ),
    (
        follows("tabular/table_types.py", "Choose one of these, or give a dict whose keys are tab"),
        {"column_types": "txt"},
        [{"column_types": "text"}, {"column_types": {"users": "text"}}],
    ),
    (
        follows("tabular/table_types.py", "Did you mean"),
        {"column_types": {"usres": "text"}},
        [{"column_types": {"users": "text"}}],
    ),
    (
        follows("tabular/table_types.py", "Choose one of these, or give a dict whose keys are col"),
        {"column_types": {"users": "txt"}},
        [{"column_types": {"users": "text"}}, {"column_types": {"users": {"id": "text"}}}],
    ),
    (
        follows("tabular/privacy/settings.py", "Write {PRESET}, or a dict such as"),
        {"privacy": "pseudonymize"},
        [
            {"privacy": "pseudonymise", "privacy_secret": SECRET},
            {"privacy": {"users": "pseudonymise"}, "privacy_secret": SECRET},
        ],
    ),
    (
        follows("tabular/privacy/settings.py", "Did you mean"),
        {"privacy": {"usres": {"id": "keep"}}},
        [{"privacy": {"users": {"id": "keep"}}}],
    ),
    (
        follows("tabular/privacy/settings.py", "Choose {', '.join(_ACTIONS"),
        {"privacy": {"users": {"id": "hide"}}},
        [{"privacy": {"users": {"id": "keep"}}}],
    ),
    (
        follows("tabular/privacy/settings.py", "Name one of {', '.join(tables)}"),
        {"privacy": {"bulk_users": "pseudonymise"}},
        [{"privacy": {}}, {"privacy": {"users": {"id": "keep"}}}],
    ),
    (
        follows("tabular/privacy/settings.py", "Set {variable}, or"),
        {"privacy": ID, "privacy_secret": "short"},
        [{"privacy": {"users": {"id": "hash", "name": "keep"}}, "privacy_secret": SECRET}],
    ),
    (
        follows("tabular/privacy/policy.py", "Name it as the table does, or remove it"),
        {"privacy": {"users": {"nmae": "drop"}}},
        [{"privacy": {"users": {"name": "drop"}}}, {}],
    ),
    (
        follows("tabular/privacy/policy.py", "List each as hash, drop or keep"),
        {"privacy": {"users": {"id": "hash"}}, "privacy_secret": SECRET},
        [
            {"privacy": {"users": {"id": "hash", "name": action}}, "privacy_secret": SECRET}
            for action in ("hash", "drop", "keep")
        ],
    ),
    (
        follows("tabular/privacy/policy.py", "Remove the type that its hint or column_types"),
        {"privacy": ID, "privacy_secret": SECRET, "column_types": {"users": {"id": "bigint"}}},
        [{"privacy": {"users": {"id": "hash", "name": "keep"}}, "privacy_secret": SECRET}],
    ),
    (
        follows("spaaza/segments.py", "Leave {key} out: it is added"),
        {"segments": {"users": {"rules": [RULE], "chain_id": 5}}},
        [{"segments": {"users": {"rules": [RULE]}}}],
    ),
    (
        follows(
            "spaaza/segments.py",
            "Leave out start_date, and end_date with it, or give the segment",
            table="vouchers",
        ),
        {"segments": {"vouchers": "an id"}, **SINCE, "end_date": "2026-05-20"},
        [{"segments": {"vouchers": "an id"}}, {"segments": {"vouchers": [RULE]}, **SINCE}],
    ),
    (
        follows(
            "spaaza/segments.py",
            "Leave out start_date, and end_date with it, or join",
            table="vouchers",
        ),
        {"segments": {"vouchers": JOINED}, **SINCE, "end_date": "2026-05-20"},
        [
            {"segments": {"vouchers": JOINED}},
            {"segments": {"vouchers": {**JOINED, "join": "all"}}, **SINCE},
        ],
    ),
    (
        follows("spaaza/credentials.py", "Give access_token_id and access_token_secret, or"),
        {"credentials": {"access_token_id": "a", "access_token_secret": " "}},
        [
            {"credentials": TOKEN},
            {"credentials": {"session_user_id": "1", "session_key": "k"}},
        ],
    ),
    (
        follows("configuration/credentials.py", "Keep one of them; an argument in a script"),
        {"credentials": {**TOKEN, "session_user_id": "1", "session_key": "k"}},
        [{"credentials": TOKEN}],
    ),
    (
        follows("configuration/credentials.py", "Give {', '.join(sorted(fields_of(*kinds)))}"),
        {"credentials": [TOKEN]},
        [{"credentials": TOKEN}],
    ),
    (
        follows("configuration/credentials.py", "Did you mean"),
        {"credentials": {"acces_token_id": "a", "access_token_secret": "b"}},
        [{"credentials": TOKEN}],
    ),
    (
        follows("configuration/credentials.py", "Give {', '.join(sorted(fields))}"),
        {"credentials": {"x": "a"}},
        [{"credentials": TOKEN}],
    ),
    (
        follows("spaaza/credentials.py", "Give the number that Spaaza told you"),
        {"chain_id": "my chain"},
        [{"chain_id": 1743}],
    ),
]


@pytest.mark.parametrize(
    ("followed", "wrong", "right"), VALUES, ids=[":".join(case[0][:2])[:60] for case in VALUES]
)
def test_a_value_that_is_refused(
    shop: Shop,
    followed: tuple[str, str, str],
    wrong: dict[str, Any],
    right: list[dict[str, Any]],
) -> None:
    module, beginning, table = followed
    lines = [f"{day},2026-05-0{day}T10:00:00Z\n" for day in (3, 4, 5)]
    shop.give("vouchers", "id,date_time_creation\n" + "".join(lines))
    with pytest.raises(Exception, match=r".") as refused:
        shop.load(table, **wrong)
    check_advice(module, beginning, str(ours(refused.value)))
    for number, settings in enumerate(right):
        there = shop.into(f"way_{number}")
        there.load(table, **settings)
        assert there.rows(table) == 3


def test_the_time_of_a_table_that_has_none(shop: Shop) -> None:
    shop.give("users", f"id,seen\n1,{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n")
    with advises("expectations/settings.py", "Name a column"):
        shop.load("users", expectations={"users": {"freshest": "36h"}})
    shop.load("users", expectations={"users": {"freshest": {"seen": "36h"}}})
    assert shop.rows("users") == 1


def at_voucherify(shop: Shop, fields: list[str], **given: Any) -> None:
    shop.load("redemptions", **{"fields": {"redemptions": fields}, **given})


def test_filters_and_windows_of_voucherify(voucherify: Shop) -> None:
    voucherify.give("redemption", "ID,Date,Result\nr_1,2026-05-03T10:00:00Z,SUCCESS\n")
    fields = ["id", "date", "result"]
    either: dict[str, Any] = {
        "redemptions": {"junction": "OR", "result": {"conditions": {"$is": ["SUCCESS"]}}}
    }
    with advises("voucherify/source.py", "Leave out start_date, and end_date with it, or the"):
        at_voucherify(voucherify, fields, filters=either, **SINCE, end_date="2026-05-20")
    for number, right in enumerate(({"filters": either}, SINCE)):
        there = voucherify.into(f"way_{number}")
        at_voucherify(there, fields, **right)
        assert there.rows("redemptions") == 1


def test_fields_of_voucherify_without_the_time(voucherify: Shop) -> None:
    voucherify.give("publication", "Voucher Code,Date\nA,2026-05-03T10:00:00Z\n")
    with advises("voucherify/source.py", "Add {field}"):
        voucherify.load("publications", fields={"publications": ["voucher_code"]})
    voucherify.load("publications", fields={"publications": ["voucher_code", "date"]})
    assert voucherify.rows("publications") == 1


def test_credentials_of_voucherify(voucherify: Shop) -> None:
    voucherify.give("redemption", "ID,Date,Result\nr_1,2026-05-03T10:00:00Z,SUCCESS\n")
    with advises("voucherify/credentials.py", "Give app_id and app_token"):
        voucherify_source(voucherify.vendor.base_url, {"app_id": "a", "app_token": ""})
    at_voucherify(voucherify, ["id", "date", "result"])
    assert voucherify.rows("redemptions") == 1


def test_credentials_of_bulk_users(shop: Shop) -> None:
    session: dict[str, Any] = {"session_user_id": "1", "session_key": "k"}
    with ScriptedServer(in_turn(Answer(200, b"id,name\n1,a\n"))) as vendor:
        with advises("spaaza/credentials.py", "Give session_user_id and session_key."):
            spaaza_bulk_users(vendor.base_url, 1743, {**session, "session_key": " "})
        shop.pipeline().run(spaaza_bulk_users(vendor.base_url, 1743, session))
    assert shop.rows("bulk_users") == 1


def test_an_address(shop: Shop) -> None:
    with advises("transport/urls.py", "Give the address the vendor named to you"):
        shop.load("users", base_url="services.example")
    shop.load("users", base_url=shop.vendor.base_url)
    assert shop.rows("users") == 3


S = "SOURCES__SPAAZA__"


@pytest.fixture
def environment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Of variables comes what leads a load to the shop."""
    Container()[PipelineContext].deactivate()
    given: Mapping[str, Any] = {"base_url": shop.vendor.base_url, "chain_id": 1743, **QUICK}
    given = {**given, **{f"credentials__{name}": value for name, value in TOKEN.items()}}
    for name, value in given.items():
        monkeypatch.setenv(S + name.upper(), str(value))
    return shop


def load_of_environment(shop: Shop) -> None:
    source = spaaza_source(start_margin=0, stagger=0).with_resources("users")
    shop.pipeline().run(source)
    assert shop.rows("users") == 3


def configure(name: str, text: str) -> None:
    """Write a file of dlt's configuration."""
    Path(".dlt").mkdir(exist_ok=True)
    Path(".dlt", name).write_text(text, encoding="utf-8")
    Container()[PluggableRunContext].reload_providers()


@pytest.fixture
def configured(environment: Shop, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same, and files of dlt's configuration are forgotten afterwards."""
    yield environment
    monkeypatch.undo()
    Container()[PluggableRunContext].reload_providers()


def test_a_variable_that_has_no_keys_of_its_own(
    environment: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(S + "COLUMN_TYPES__USERS", "text")
    with advises("configuration/config_errors.py", "A variable has no keys of its own"):
        load_of_environment(environment)
    monkeypatch.delenv(S + "COLUMN_TYPES__USERS")
    monkeypatch.setenv(S + "COLUMN_TYPES", '{"users": "text"}')
    load_of_environment(environment)


def test_a_setting_of_the_other_vendor(environment: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(S + "CAMPAIGN_ID", "c")
    with advises("configuration/config_errors.py", "{name} is a setting of sources.{own}"):
        load_of_environment(environment)
    monkeypatch.delenv(S + "CAMPAIGN_ID")
    monkeypatch.setenv("SOURCES__VOUCHERIFY__CAMPAIGN_ID", "c")
    load_of_environment(environment)


def test_a_variable_that_nobody_reads(environment: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(S + "FOO__BAR", "c")
    with advises("configuration/config_errors.py", "Remove it; docs/settings.md lists"):
        load_of_environment(environment)
    monkeypatch.delenv(S + "FOO__BAR")
    load_of_environment(environment)


def test_a_hint_among_the_variables(environment: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(S + "PRIMARY_KEY", "id")
    with advises("configuration/config_errors.py", "{name} is a hint: use apply_hints"):
        load_of_environment(environment)
    monkeypatch.delenv(S + "PRIMARY_KEY")
    environment.load("users", hints={"primary_key": "id"})
    assert environment.rows("users") == 3


@pytest.mark.parametrize(
    "place", ["variable", "config.toml", pytest.param("secrets.toml", marks=pytest.mark.thorough)]
)
def test_a_setting_that_is_missing(
    configured: Shop, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.delenv(S + "CHAIN_ID")
    with advises("configuration/config_errors.py", "Set the environment variable, or the setting"):
        load_of_environment(configured)
    if place == "variable":
        monkeypatch.setenv(S + "CHAIN_ID", "1743")
    else:
        configure(place, "[sources.spaaza]\nchain_id = 1743\n")
    load_of_environment(configured)


def test_a_key_of_a_file_that_nobody_reads(configured: Shop) -> None:
    configure("config.toml", "[sources.spaza]\nlag = 60\n")
    with advises("configuration/config_errors.py", "Did you mean {'.'.join(nearest)}?"):
        load_of_environment(configured)
    configure("config.toml", "[sources.spaaza]\nlag = 60\n")
    load_of_environment(configured)


@pytest.mark.parametrize("way", ["file", pytest.param("variable", marks=pytest.mark.thorough)])
def test_a_secret_in_the_wrong_file(
    configured: Shop, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.delenv(S + "CREDENTIALS__ACCESS_TOKEN_SECRET")
    secret = "[sources.spaaza.credentials]\naccess_token_secret = 'b'\n"
    configure("config.toml", secret)
    with advises("configuration/config_errors.py", "Move it to .dlt/secrets.toml, or set an"):
        load_of_environment(configured)
    configure("config.toml", "")
    if way == "file":
        configure("secrets.toml", secret)
    else:
        monkeypatch.setenv(S + "CREDENTIALS__ACCESS_TOKEN_SECRET", "b")
    load_of_environment(configured)


def test_a_secret_for_hashes(environment: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that the message names."""
    monkeypatch.setenv(S + "PRIVACY", '{"users": {"id": "hash", "name": "keep"}}')
    with advises("tabular/privacy/settings.py", "Set {variable}, or") as told:
        load_of_environment(environment)
    assert f"Set {S}PRIVACY_SECRET" in told[0]
    monkeypatch.setenv(S + "PRIVACY_SECRET", SECRET)
    load_of_environment(environment)


def test_a_column_to_be_hashed_that_plain_files_have_in_the_clear(shop: Shop) -> None:
    hashed: dict[str, Any] = {
        "privacy": {"products": {"id": "hash", "name": "keep"}},
        "privacy_secret": SECRET,
    }
    shop.give("products", "id,name\n1,a\n")
    files = shop.into(kind="files")
    files.load("products", column_types={"products": {"id": "bigint"}})
    with advises("tabular/privacy/policy.py", "Remove the type that its hint or column_types"):
        files.load("products", **hashed)
    files.into("new").load("products", **hashed)
    assert files.into("new").rows("products") == 1
