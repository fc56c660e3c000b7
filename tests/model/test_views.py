"""The views of a model: settled names and types, from whatever columns there are."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from spaaza_source.errors import SettingsError
from spaaza_source.model import check_invariants
from spaaza_source.model.invariants import INVARIANTS
from spaaza_source.model.origins import DIVISORS
from spaaza_source.model.settled import TYPES, VIEWS
from spaaza_source.model.views import RECIPES
from spaaza_source.spaaza.columns.documented_types import DOCUMENTED as SPAAZA_TYPES
from spaaza_source.voucherify.objects import OBJECTS
from tests.model.loaded import MODEL, UTC, Loaded

MORNING = dt.datetime(2026, 5, 1, 8, 30, tzinfo=UTC)


def types_of(shop: Loaded, view: str) -> dict[str, str]:
    with duckdb.connect(str(shop.file)) as connection:
        return {row[0]: row[1] for row in connection.execute(f"DESCRIBE {MODEL}.{view}").fetchall()}


def test_a_view_has_all_its_columns_in_their_types_whatever_was_loaded(tmp_path: Path) -> None:
    shop = Loaded(tmp_path)
    shop.run("CREATE TABLE users (spaaza_user_id BIGINT, created_date TEXT, opted_in TEXT)")
    shop.insert("users", [(7, "2026-05-01 08:30:00", "yes"), (8, "soon", ""), (9, None, "no")])
    view = shop.model()["members"]
    assert list(types_of(shop, "members")) == list(VIEWS["members"])
    names = {"text": "VARCHAR", "decimal": "DECIMAL(38,4)", "count": "BIGINT", "flag": "BOOLEAN"}
    for column, kind in VIEWS["members"].items():
        assert types_of(shop, "members")[column] == names.get(kind, TYPES[kind]), column
    rows = [(row["member_id"], row["created_at"], row["opted_in"]) for row in shop.rows("members")]
    assert rows == [("7", MORNING, True), ("8", None, None), ("9", None, False)]
    assert "member_number" in view.without_source
    assert "created_at" not in view.without_source


@pytest.mark.parametrize(
    ("kind", "cells", "amounts"),
    [
        ("TEXT", ["12.50", " 7 ", "1,5", "NaN", ""], ["12.50", "7", None, None, None]),
        ("DOUBLE", [12.5, float("nan"), float("inf"), 1e300], ["12.50", None, None, None]),
        ("DECIMAL(38, 9)", [Decimal("12.5"), None], ["12.50", None]),
        ("BIGINT", [12], ["12"]),
        ("BOOLEAN", [True], [None]),
    ],
)
def test_a_number_is_read_from_any_type(
    kind: str, cells: list[object], amounts: list[str | None], tmp_path: Path
) -> None:
    shop = Loaded(tmp_path)
    shop.run(f"CREATE TABLE transactions (number INTEGER, total_value {kind})")
    shop.insert("transactions", list(enumerate(cells)))
    shop.model()
    found = [row["total"] for row in shop.rows("baskets")]
    assert found == [None if amount is None else Decimal(amount) for amount in amounts]


@pytest.mark.parametrize(
    ("kind", "cells", "count"),
    [
        ("TEXT", ["2026-05-01T08:30:00Z", "2026-05-01 10:30:00.000+02:00", "2026-05-01 08:30"], 3),
        ("TEXT", ["2026-02-31T08:30:00Z", "2026-13-01", "0001-01-01T00:00:00Z", "yesterday"], 0),
        ("TIMESTAMP", [dt.datetime(2026, 5, 1, 8, 30)], 1),  # noqa: DTZ001 - as it is loaded
        ("TIMESTAMPTZ", [MORNING, dt.datetime(2050, 1, 1, tzinfo=UTC)], 1),
    ],
)
def test_a_moment_is_read_from_any_type_in_utc(
    kind: str, cells: list[object], count: int, tmp_path: Path
) -> None:
    shop = Loaded(tmp_path)
    shop.run(f"CREATE TABLE transactions (timestamp {kind})")
    shop.insert("transactions", [(cell,) for cell in cells])
    shop.model()
    found = [row["happened_at"] for row in shop.rows("baskets")]
    assert found == [MORNING] * count + [None] * (len(cells) - count)


def test_the_twenty_ninth_of_february_is_read_from_text(tmp_path: Path) -> None:
    shop = Loaded(tmp_path)
    shop.run("CREATE TABLE transactions (timestamp TEXT)")
    years = {1904: True, 1999: False, 2000: True, 2024: True, 2026: False, 2048: True}
    shop.insert("transactions", [(f"{year}-02-29T08:30:00Z",) for year in years])
    shop.model()
    found = [row["happened_at"] for row in shop.rows("baskets")]
    assert [moment is not None for moment in found] == list(years.values())


def test_what_has_no_table_is_not_made_and_is_told(tmp_path: Path) -> None:
    shop = Loaded(tmp_path)
    shop.run("CREATE TABLE vouchers (id TEXT)")
    views = shop.model()
    assert [name for name, view in views.items() if view.sql] == ["vouchers", "voucher_events"]
    assert views["members"].missing == ("users",)
    assert views["wallet_entries"].missing == ("wallet_ledger",)
    shop.run("DROP TABLE vouchers", "CREATE TABLE bulk_users (id TEXT, spaaza_user_id TEXT)")
    shop.insert("bulk_users", [("000404097", "1924688")])
    views = shop.model()
    assert [name for name, view in views.items() if view.sql] == ["members"]
    assert views["voucher_events"].missing == ("vouchers",)
    # In the bulk export `id` is the number on the card.
    (member,) = shop.rows("members")
    assert (member["member_id"], member["member_number"]) == ("1924688", "000404097")
    with duckdb.connect(str(shop.file)) as connection:
        left = connection.execute(
            f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{MODEL}'"
        ).fetchall()
    assert left == [("members",)]


def test_a_column_that_comes_later_is_in_the_view_after_the_next_run(tmp_path: Path) -> None:
    shop = Loaded(tmp_path)
    shop.run("CREATE TABLE transactions (id TEXT)", "INSERT INTO transactions VALUES ('1')")
    assert "total" in shop.model()["baskets"].without_source
    shop.run("ALTER TABLE transactions ADD COLUMN total_value DECIMAL(38, 9)")
    shop.run("UPDATE transactions SET total_value = 3.5")
    assert shop.rows("baskets")[0]["total"] is None
    assert "total" not in shop.model()["baskets"].without_source
    assert shop.rows("baskets")[0]["total"] == Decimal("3.5")


def test_of_a_table_with_history_the_rows_of_now_count(tmp_path: Path) -> None:
    shop = Loaded(tmp_path)
    shop.run("CREATE TABLE users (id TEXT, _dlt_valid_to TIMESTAMPTZ)")
    shop.insert("users", [("1", MORNING), ("1", None)])
    shop.model()
    assert len(shop.rows("members")) == 1


@pytest.fixture
def configure() -> Iterator[Callable[[str], None]]:
    """Writes dlt's `config.toml`, and has it read."""
    file = Path(".dlt/config.toml")
    file.parent.mkdir()

    def written(text: str) -> None:
        file.write_text(text)
        Container()[PluggableRunContext].reload_providers()

    yield written
    file.unlink()
    Container()[PluggableRunContext].reload_providers()


def test_the_configuration_names_the_source_of_a_column(
    tmp_path: Path, configure: Callable[[str], None]
) -> None:
    shop = Loaded(tmp_path, "voucherify")
    shop.run("CREATE TABLE vouchers (id TEXT, voucher_type TEXT, value BIGINT, worth BIGINT)")
    shop.insert("vouchers", [("1", "GIFT_VOUCHER", 5, 1250)])
    section = "[model.voucherify.vouchers]\n"
    configure(
        f"{section}amount = {{ column = 'Worth', divisor = 100 }}\ncurrency = {{ value = 'EUR' }}"
    )
    shop.model()
    (row,) = shop.rows("vouchers")
    assert (row["amount"], row["currency"]) == (Decimal("12.50"), "EUR")
    configure(f"{section}amount = 'worth'")
    shop.model()
    assert shop.rows("vouchers")[0]["amount"] == 1250
    for text, told in (
        ("amount = 'wroth'", "the table vouchers has no column 'wroth'"),
        ("amuont = 'worth'", "Did you mean 'amount'"),
        ("amount = { column = 'worth', divisor = 7 }", "'7' is not among 1, 10, 100, 1000"),
        ("amount = { value = '3', column = 'worth' }", "either a column or a value"),
        ("amount = 3", "no section"),
    ):
        configure(section + text)
        with pytest.raises(SettingsError, match=told):
            shop.model()
    configure("[model.voucherify.vuochers]\namount = 'worth'")
    with pytest.raises(SettingsError, match="Did you mean 'vouchers'"):
        shop.model()


def test_spending_is_negative_whichever_way_the_ledger_writes_it(tmp_path: Path) -> None:
    shop = Loaded(tmp_path)
    shop.run("CREATE TABLE wallet_ledger (amount BIGINT, earn_or_spend TEXT, wallet_type TEXT)")
    shop.insert("wallet_ledger", [(5, "earn", "wallet"), (3, "spend", "wallet")])
    shop.model()
    assert [row["amount"] for row in shop.rows("wallet_entries")] == [5, -3]
    # Where spending has a sign of its own, one above zero gives something back.
    shop.insert("wallet_ledger", [(-4, "spend", "wallet")])
    shop.model()
    assert [row["amount"] for row in shop.rows("wallet_entries")] == [5, 3, -4]


def test_cards_of_voucherify_are_wallets_and_codes_are_owed_for_each_use(tmp_path: Path) -> None:
    shop = Loaded(tmp_path, "voucherify")
    shop.run(
        "CREATE TABLE vouchers (id TEXT, code TEXT, voucher_type TEXT, discount_type TEXT,"
        " value DECIMAL(38, 9), gift_balance DECIMAL(38, 9), loyalty_balance DECIMAL(38, 9),"
        " redemption_quantity BIGINT, redemption_count BIGINT, created_at TIMESTAMPTZ,"
        " expiration_date TIMESTAMPTZ)",
        "CREATE TABLE redemptions (date TIMESTAMPTZ, voucher_code TEXT, object TEXT, result TEXT)",
        "CREATE TABLE voucher_transactions (id TEXT, voucher_id TEXT, type TEXT, balance BIGINT,"
        " amount BIGINT, created_at TIMESTAMPTZ)",
    )
    later = [MORNING + dt.timedelta(days=number) for number in range(10)]
    expiry = later[8]
    shop.insert(
        "vouchers",
        [
            ("g", "G", "GIFT_VOUCHER", None, 20, 12, None, None, 1, MORNING, expiry),
            ("l", "L", "LOYALTY_CARD", None, 500, None, 500, None, 0, MORNING, None),
            ("d", "D", "DISCOUNT_VOUCHER", "AMOUNT", 5, None, None, 3, 1, MORNING, expiry),
            ("p", "P", "DISCOUNT_VOUCHER", "PERCENT", 5, None, None, 3, 0, MORNING, expiry),
            ("u", "U", "DISCOUNT_VOUCHER", "AMOUNT", 5, None, None, None, 1, MORNING, expiry),
        ],
    )
    shop.insert(
        "redemptions",
        [
            (later[1], "D", "redemption", "SUCCESS"),
            (later[2], "D", "redemption", "SUCCESS"),
            (later[3], "D", "redemption_rollback", "SUCCESS"),
            (later[4], "D", "redemption", "FAILURE"),
            (later[5], "U", "redemption", "SUCCESS"),
        ],
    )
    shop.insert("voucher_transactions", [("t", "g", "CREDITS_REDEMPTION", 1200, -800, later[1])])
    shop.loaded_until(later[9], "vouchers", "redemptions", "voucher_transactions")
    shop.book()
    moves = [
        (row["kind"], row["day"].day, *(int(row[move]) for move in ("issued", "redeemed")),
         *(int(row[move]) for move in ("expired", "corrected", "closing")))
        for row in shop.booked()
        if any(row[move] for move in ("issued", "redeemed", "expired", "corrected"))
    ]  # fmt: skip
    assert moves == [
        ("points", 1, 500, 0, 0, 0, 500),
        ("voucher", 1, 15, 0, 0, 0, 15),
        ("voucher", 2, 0, 5, 0, 0, 10),
        ("voucher", 3, 0, 5, 0, 0, 5),
        ("voucher", 4, 0, 0, 0, 5, 10),
        ("voucher", 9, 0, 0, 10, 0, 0),
        ("wallet", 1, 20, 0, 0, 0, 20),
        ("wallet", 2, 0, 8, 0, 0, 12),
        ("wallet", 9, 0, 0, 12, 0, 0),
    ]
    with shop.dataset() as dataset:
        findings = {each.name: (each.checked, each.wrong) for each in check_invariants(dataset)}
    assert findings["card_balance"] == (2, 0)
    # The gift card's redemption is in no list of redemptions.
    assert findings["voucher_redemptions"] == (5, 1)


def test_an_invariant_tells_how_often_it_fails_and_keys_to_who_asks(tmp_path: Path) -> None:
    shop = Loaded(tmp_path)
    shop.run(
        "CREATE TABLE users (id TEXT, points_wallet_balance BIGINT)",
        "CREATE TABLE wallet_ledger (user_id TEXT, amount BIGINT, wallet_type TEXT,"
        " timestamp TIMESTAMPTZ)",
        "CREATE TABLE vouchers (id TEXT, status TEXT, amount BIGINT, redeeming_basket_id TEXT)",
        "CREATE TABLE transactions (id TEXT)",
    )
    shop.insert("users", [("a", 5), ("b", 6), ("c", 0), ("d", None)])
    shop.insert("wallet_ledger", [("a", 2, "points", MORNING), ("a", 3, "points", None)])
    shop.insert("vouchers", [("v", "redeemed", 5, "1"), ("w", "redeemed", 5, "2")])
    shop.insert("transactions", [("1",), ("1",)])
    shop.model()
    with shop.dataset() as dataset:
        found = {each.name: each for each in check_invariants(dataset)}
        named = {each.name: each for each in check_invariants(dataset, keys=5)}
    counts = {name: (each.checked, each.wrong) for name, each in found.items()}
    assert counts == {
        "member_points": (3, 1),
        "redemption_voucher": (2, 0),
        "redemption_basket": (2, 1),
        "voucher_amount": (2, 0),
        "redeemed_time": (2, 2),
        "voucher_event_time": (4, 4),
        "wallet_entry_time": (2, 1),
        "basket_row": (1, 1),
    }
    assert not any(each.keys for each in found.values())
    assert named["member_points"].keys == ("b",)
    assert named["redemption_basket"].keys == ("w",)


def test_no_view_is_asked_of_a_dataset_without_a_model(tmp_path: Path) -> None:
    shop = Loaded(tmp_path)
    shop.run("CREATE TABLE users (id TEXT)")
    with shop.dataset() as dataset:
        assert check_invariants(dataset) == []


@pytest.mark.parametrize("vendor", RECIPES)
def test_recipes_are_of_views_and_documented_columns(vendor: str) -> None:
    recipes = RECIPES[vendor]
    assert list(recipes) == list(VIEWS)
    for view, recipe in recipes.items():
        assert recipe.cells.keys() <= VIEWS[view].keys()
        for origin in recipe.origins:
            for role in origin.roles:
                assert role.divisor in DIVISORS
                if recipe.sql is None and role.name in VIEWS[view]:
                    assert role.kind == VIEWS[view][role.name], (view, role.name)


def test_each_column_that_is_looked_for_is_in_a_vendors_document() -> None:
    unknown = []
    for recipe in RECIPES["voucherify"].values():
        for origin in recipe.origins:
            documented = {*OBJECTS[origin.table].fields, "order_id", "birthday"}
            for role in origin.roles:
                unknown += [name for name in role.names[:1] if name not in documented]
    for recipe in RECIPES["spaaza"].values():
        for origin in recipe.origins:
            known = SPAAZA_TYPES[origin.table].by_name
            for role in origin.roles:
                if not any(name in known for name in role.names):
                    unknown.append(f"{origin.table}.{role.name}")
    # What no document shows is looked for in case it is there.
    assert unknown == ["transactions.status", "wallet_ledger.entry_id", "wallet_ledger.expires_at"]


def test_the_page_names_each_view_column_and_invariant() -> None:
    page = (Path(__file__).parents[2] / "docs/model.md").read_text(encoding="utf-8")
    for view, columns in VIEWS.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{view}` |")]
        assert re.findall(r"`(\w+)`", row)[1:] == list(columns)
    named = set(re.findall(r"`(\w+)`", page.partition("| invariant |")[2]))
    assert named >= {each.name for each in INVARIANTS}
