from __future__ import annotations

import copy
import hashlib
import hmac
import json
import pickle
import traceback
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spaaza_source.errors import SettingsError
from spaaza_source.tabular import ColumnType, open_csv
from spaaza_source.tabular.column_types import BIGINT, DATE, TEXT
from spaaza_source.tabular.privacy.keyed_hash import KeyedHash
from spaaza_source.tabular.privacy.policy import Action, Policy
from spaaza_source.tabular.privacy.settings import PRESET, Personal, Policies

SECRET = "canary-secret-of-32-characters-x"
CLEAR = "canary.clear@example.com"
VARIABLE = "SOURCES__SHOP__PRIVACY_SECRET"
PERSONAL: Personal = {
    "users": {"email": "hash", "first_name": "drop", "address": "drop", "user_id": "hash"},
    "orders": {"user_id": "hash"},
    "products": {},
}


def policies(privacy: Any, secret: Any = SECRET, tables: Any = ("users", "orders")) -> Policies:
    return Policies.of(privacy, secret, tables=tables, personal=PERSONAL, variable=VARIABLE)


def users(**actions: Any) -> Policy:
    return policies({"users": actions})["users"]


def expected(text: str, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


# What a user may set


@pytest.mark.parametrize(
    ("privacy", "actions"),
    [
        (None, {}),
        ({}, {}),
        ({"orders": "pseudonymise"}, {}),
        ({"users": {}, "orders": PRESET}, {}),
        (PRESET, PERSONAL["users"]),
        ('"pseudonymise"', PERSONAL["users"]),
        ({"users": PRESET}, PERSONAL["users"]),
        ({" Users": {"Phone Number": "drop"}}, {"phone_number": "drop"}),
        ({"users": {"email (username)": "hash"}}, {"email_username": "hash"}),
        ({"users": {"address__street": "drop"}}, {"address_street": "drop"}),
        ('{"users": {"phone": "drop"}}', {"phone": "drop"}),
        # A column may be called `preset` too.
        ({"users": {"preset": "drop"}}, {"preset": "drop"}),
        (
            {"users": {"preset": PRESET, "email": "keep", "shoe_size": "drop"}},
            {**PERSONAL["users"], "email": "keep", "shoe_size": "drop"},
        ),
    ],
)
def test_a_setting_says_what_happens_to_which_column(
    privacy: Any, actions: dict[str, Action]
) -> None:
    assert dict(policies(privacy)["users"].actions) == actions


@pytest.mark.parametrize(
    ("privacy", "told"),
    [
        ("pseudonymize", "neither 'pseudonymise' nor a dict"),
        ("", "neither 'pseudonymise' nor a dict"),
        (["users"], "neither 'pseudonymise' nor a dict"),
        ({"user": PRESET}, "no table 'user'. Did you mean users?"),
        ({"wallets": PRESET}, "no table 'wallets'. The tables are orders, products, users"),
        ({1: PRESET}, "a table has no name"),
        ({"users": PRESET, "Users": {}}, "'users' is named twice"),
        ({"users": ["email"]}, "policy of 'users', a value not shown here, is neither"),
        ({"users": "hash"}, "policy of 'users', 'hash', is neither"),
        ({"users": {"email": "mask"}}, "has the unknown action 'mask'. Choose hash, "),
        ({"users": {"email": PRESET}}, "'email' of 'users' has the unknown action"),
        ({"users": {"email": {"x": "drop"}}}, "has the unknown action a value not shown here"),
        ({"users": {"email": "hash", "Email": "drop"}}, "'email' of 'users' is named twice"),
        ({"users": {" ": "drop"}}, "a column of 'users' has no name"),
        ({"products": PRESET}, "no table of this source is named. Name one of users, orders"),
    ],
)
def test_a_wrong_setting_is_refused_and_told(privacy: Any, told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        policies(privacy)
    assert str(refused.value).startswith("privacy: ")
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        (None, "no secret"),
        ("", "no secret"),
        (" " * 20, "no secret"),
        (1234567890123456, "no secret"),
        ("fifteen-letters", "shorter than 16"),
        (SECRET + "\n", "begins or ends with a space"),
    ],
)
def test_a_secret_that_protects_nothing_is_refused(secret: Any, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as refused:
        policies({"users": {"email": "hash"}}, secret)
    assert VARIABLE in str(refused.value)
    assert "at least 16" in str(refused.value)


def test_a_secret_of_sixteen_characters_is_enough_and_none_is_needed_to_drop() -> None:
    assert policies(PRESET, "s" * 16)["users"].hides_raw
    assert policies({"users": {"email": "drop"}}, None)["users"].hides_raw


def test_a_policy_cannot_be_made_to_hash_without_a_secret() -> None:
    with pytest.raises(SettingsError, match="no secret"):
        Policy("users", {"email": "hash"})


@pytest.mark.parametrize(
    ("privacy", "hidden"),
    [
        (None, False),
        ({"users": {"email": "keep"}}, False),
        ({"orders": PRESET}, False),
        ({"users": {"email": "drop"}}, True),
        (PRESET, True),
    ],
)
def test_raw_rows_are_hidden_where_any_column_is(privacy: Any, hidden: bool) -> None:
    assert policies(privacy)["users"].hides_raw is hidden


def test_a_column_that_the_user_named_must_be_there_and_the_presets_need_not() -> None:
    mixed = users(preset=PRESET, shoe_size="drop", address__door="hash", e_mail="keep")
    mixed.require(["Shoe size", "address__door", "e_mail"])
    with pytest.raises(SettingsError) as refused:
        mixed.require(["id", "nickname", "address_door"])
    assert "'users' has no column 'e_mail', 'shoe_size'" in str(refused.value)
    assert "nickname" not in str(refused.value)
    policies(PRESET)["users"].require([])


# Which columns it finds


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("email", "hash"),
        ("Email", "hash"),
        ("email__v_text", "hash"),
        ("email2", None),
        ("emails", None),
        ("address", "drop"),
        ("address__city", "drop"),
        ("address__phone", "hash"),
        ("address__phone__v_text", "hash"),
        ("address_phone", "hash"),
        ("address___phone", "hash"),  # `_phone` nested in `address`
        ("address_city", None),
        ("address__country", "keep"),
        ("the__address", None),
        ("_dlt_id", None),
        ("", None),
        ("__", None),
    ],
)
def test_a_column_is_found_by_its_longest_name_however_it_is_spelled(
    name: str, action: str | None
) -> None:
    policy = users(email="hash", address="drop", address_phone="hash", address__country="keep")
    assert policy.action(name) == action


@pytest.mark.slow
@given(st.text() | st.text("_ )(x\x1f"))
@example("\x1f)")
def test_any_name_can_be_asked_for(name: str) -> None:
    assert users(zzz="drop").action(name) in (None, "drop")


def test_hidden_columns_are_read_as_text_and_the_others_as_they_are_known() -> None:
    known: dict[str, ColumnType] = {"id": BIGINT, "birthday": DATE, "email": TEXT}
    types = users(email="hash", phone="hash", birthday="drop").types(known)
    asked = ["id", "birthday", "email", "Phone", "phone__v_text", "town"]
    assert [types.get(name) for name in asked] == [BIGINT, TEXT, TEXT, TEXT, TEXT, None]
    assert list(types) == list(known)
    assert len(types) == 3


def test_a_column_that_was_loaded_in_the_clear_with_another_type_is_not_hashed() -> None:
    with pytest.raises(
        SettingsError, match="'id' of 'users' has the type bigint, but a hash is text"
    ):
        users(id="hash").types({"id": BIGINT})


# What it does to Arrow tables


@given(
    st.lists(st.none() | st.text() | st.sampled_from("ab"), max_size=30),
    st.text(st.characters(exclude_categories=["Cs", "Z", "C"]), min_size=16, max_size=100),
    st.integers(0, 5),
    st.booleans(),
)
def test_each_cell_becomes_its_hmac_in_its_row(
    cells: list[str | None], secret: str, cut: int, large: bool
) -> None:
    kind = pa.large_string() if large else pa.string()
    column = pa.chunked_array([pa.array(cells[:cut], kind), pa.array(cells[cut:], kind)])
    table = pa.table({"row": pa.array(range(len(cells)), pa.int64()), "email": column})
    policy = policies({"users": {"email": "hash"}}, secret)["users"]
    hashed = policy.apply(table.slice(1))
    hashed.validate(full=True)
    assert hashed.schema == pa.schema({"row": pa.int64(), "email": pa.string()})
    assert hashed.column("row").to_pylist() == list(range(len(cells)))[1:]
    assert hashed.column("email").to_pylist() == [
        expected(cell, secret) if cell else None for cell in cells[1:]
    ]
    assert [
        policy.apply_to_record({"email": cell})["email"] for cell in cells[1:]
    ] == hashed.column("email").to_pylist()


def test_a_known_vector_of_the_standard_comes_out() -> None:
    digests = KeyedHash("Jefe").digests([b"what do ya want for nothing?"])
    assert [digest.hex() for digest in digests] == [
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    ]


@pytest.mark.parametrize("length", [0, 1, 16, 63, 64, 65, 200])
def test_a_secret_of_any_length_hashes_as_the_standard_has_it(length: int) -> None:
    secret = "k\u00e9y\udcff"[:length].ljust(length, "k")
    key = secret.encode(errors="surrogatepass")
    messages = [b"", b"a", b"a", b"ab" * 100]
    keyed = KeyedHash(secret)
    for _ in range(2):
        assert list(keyed.digests(messages)) == [
            hmac.digest(key, message, "sha256") for message in messages
        ]


def test_equal_text_has_equal_hashes_in_every_table_and_other_text_has_not() -> None:
    both = policies(PRESET)
    ids = pa.table({"user_id": ["7", "07"]})
    of_users = both["users"].apply(ids).column("user_id").to_pylist()
    assert of_users == both["orders"].apply(ids).column("user_id").to_pylist()
    assert of_users[0] != of_users[1]


def test_dropped_columns_go_with_their_variants_and_the_rest_keeps_its_order() -> None:
    table = pa.table(
        {"a": [1], "phone": ["1"], "email": ["x"], "b": [2], "phone__v_text": ["+1"], "c": [3]}
    ).replace_schema_metadata({"kept": "yes"})
    kept = users(phone="drop", email="hash").apply(table)
    assert kept.column_names == ["a", "email", "b", "c"]
    assert kept.schema.metadata == {b"kept": b"yes"}


def test_every_batch_of_a_file_has_one_schema() -> None:
    policy = users(phone="drop", email="hash")
    schema = pa.schema({"phone": pa.string(), "email": pa.string()})
    tables = [
        schema.empty_table(),
        pa.table([pa.nulls(2, pa.string())] * 2, schema=schema),
        pa.table([["1"], ["x"]], schema=schema),
        pa.table([["1"] * 3, ["x", None, ""]], schema=schema),
    ]
    assert {policy.apply(table).schema for table in tables} == {pa.schema({"email": pa.string()})}


def test_a_column_without_any_value_becomes_text() -> None:
    hashed = users(email="hash").apply(pa.table({"email": pa.nulls(2)}))
    assert hashed.schema == pa.schema({"email": pa.string()})
    assert hashed.column("email").to_pylist() == [None, None]


def test_a_column_that_was_not_read_as_text_is_never_hashed() -> None:
    with pytest.raises(TypeError, match="'email' must be hashed, but was not read as text"):
        users(email="hash").apply(pa.table({"email": [31612345678]}))


def test_without_a_policy_a_table_and_a_record_pass_as_they_are() -> None:
    table, record = pa.table({"email": ["x"]}), {"email": "x"}
    assert Policy().apply(table) is table
    assert Policy().apply_to_record(record) is record
    assert users(email="keep").apply(table) is table


# What it does to records


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        ({"id": 1, "email": "x"}, {"id": 1, "email": expected("x")}),
        ({"Email": "x"}, {"Email": expected("x")}),
        ({"email": None}, {"email": None}),
        ({"email": ""}, {"email": None}),
        ({"email": 12345678901234567890}, {"email": expected("12345678901234567890")}),
        ({"email": Decimal("1.50")}, {"email": expected("1.50")}),
        ({"email": True}, {"email": expected("true")}),
        ({"email": ["x", None]}, {"email": [expected("x"), None]}),
        ({"email": {"work": "x"}}, {"email": {"work": expected("x")}}),
        ({"first_name": "x", "b": 2}, {"b": 2}),
        ({"first_name": ["x"], "b": []}, {"b": []}),
        ({"first_name": {"a": {"b": "x"}}, "b": {}}, {"b": {}}),
        ({"first_name": {}, "b": {}}, {"b": {}}),
        ({"user": {"email": "x", "b": 1}}, {"user": {"email": expected("x"), "b": 1}}),
        ({"user": {"First name": "x"}}, {"user": {}}),
        (
            {"items": [{"sku": 1, "giftee": "x"}, {"sku": 2}]},
            {"items": [{"sku": 1, "giftee": expected("x")}, {"sku": 2}]},
        ),
        (
            {"address": {"city": "x", "phone": "y", "lines": ["x"]}},
            {"address": {"phone": expected("y")}},
        ),
    ],
)
def test_a_record_is_covered_as_deep_as_it_is_nested(
    record: dict[str, Any], kept: dict[str, Any]
) -> None:
    policy = users(
        email="hash",
        user__email="hash",
        first_name="drop",
        user_first_name="drop",
        items__giftee="hash",
        address="drop",
        address_phone="hash",
    )
    before = copy.deepcopy(record)
    assert policy.apply_to_record(record) == kept
    assert record == before


def test_half_a_surrogate_pair_is_hashed_too() -> None:
    record = json.loads('{"email": "\\ud800"}')
    assert len(users(email="hash").apply_to_record(record)["email"]) == 64


def test_names_that_no_record_has_are_refused_when_all_are_read() -> None:
    policy = users(user__email="hash", items__giftee="drop", town="keep")
    met: set[str] = set()
    policy.apply_to_record({"user": {"email": None}, "town": "x", "other": 1}, met=met)
    with pytest.raises(SettingsError, match="has no column 'items_giftee'"):
        policy.require(met)
    policy.apply_to_record({"items": [{"giftee": "x"}]}, met=met)
    policy.require(met)
    assert met == {"user__email", "town", "items__giftee"}


# What nobody may see


def test_neither_secret_nor_clear_value_is_shown_by_anything() -> None:
    both = policies({"users": {"email": "hash", "phone": "hash"}})
    policy = both["users"]
    assert policy.keyed_hash is not None
    shown = [
        repr(both),
        str(both),
        repr(policy),
        str(policy),
        repr(policy.keyed_hash),
        f"{policy!r}",
    ]
    shown += [repr(policy.types({})), repr(policy.apply(pa.table({"email": [CLEAR]})))]
    for wrong in (
        lambda: policy.apply(pa.table({"phone": pa.array([CLEAR.encode()])})),
        lambda: policy.apply(pa.table({"phone": pa.array([[CLEAR]])})),
        lambda: policy.apply_to_record({"email": object()}),
        lambda: policy.types({"email": BIGINT}),
        lambda: policy.require([CLEAR]),
        lambda: policies({"users": {"email": SECRET}}),
        lambda: policies(SECRET),
        lambda: policies({"users": SECRET}),
        lambda: policies(PRESET, f" {SECRET}"),
        lambda: policies(PRESET, SECRET[:15]),
        lambda: pickle.dumps(policy),
        lambda: pickle.dumps(policy.keyed_hash),
        lambda: copy.deepcopy(both),
    ):
        with pytest.raises((SettingsError, TypeError)) as refused:
            wrong()
        shown += traceback.format_exception_only(refused.type, refused.value)
        shown += [repr(refused.value), repr(refused.value.args)]
        if isinstance(refused.value, SettingsError):
            shown += [pickle.dumps(refused.value).decode("latin-1")]
    assert not [text for text in shown if "canary" in text]
    assert repr(policy.keyed_hash) == "KeyedHash(***)"
    assert "keyed" not in repr(policy)
    with pytest.raises(TypeError, match="a keyed hash cannot be pickled"):
        pickle.dumps(policy.keyed_hash)


@pytest.mark.parametrize("header", ["Phone", "phone__number"])
def test_no_clear_cell_of_a_hidden_column_comes_out_of_a_file(tmp_path: Path, header: str) -> None:
    path = tmp_path / "users.csv"
    rows = [f"{number},{number}.50,2001-01-01,ann{number}@canary" for number in range(50)]
    path.write_text(
        f"ID,{header},Birthday,email (username)\n" + "\n".join([*rows, "50,canary,canary,canary"])
    )
    choice: dict[str, Any] = {header: "hash", "Birthday": "drop", "email_username": "hash"}
    policy = policies({"users": choice})["users"]
    types = policy.types({"birthday": DATE, "id": BIGINT})
    file = open_csv(path, known_types=types)
    policy.require(column.name for column in file.columns)
    (table,) = [policy.apply(table) for table in file.tables()]
    phone = file.columns[1].name
    assert table.column_names == ["id", phone, "email_username"]
    assert table.column(phone)[7].as_py() == expected("7.50")
    assert table.column(phone)[50].as_py() == expected("canary")
    assert "canary" not in str(table.to_pylist())
