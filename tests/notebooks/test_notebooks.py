"""Both notebooks run on databases whole, bare, empty and odd; at worst a panel is grey."""

from __future__ import annotations

import datetime as dt
import importlib
import re
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bulk_members
import duckdb
import loyalty_charts
import loyalty_measures as measures
import pandas as pd
import panels
import pytest
from loaded_data import MissingError, NoDatabase
from loyalty_model import Model, read_model

NAMES = ("first_look", "loyalty")
GREY = 'class="missing"'


def run(name: str, database: Path | str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Any]:
    """What a notebook shows, and the names it defines."""
    monkeypatch.setenv("SPAAZA_DB", str(database))
    outputs, defined = importlib.import_module(name).app.run()
    return "\n".join(getattr(each, "text", "") for each in outputs if each is not None), defined


@pytest.mark.slow
@pytest.mark.parametrize(
    "vendor", ["spaaza", pytest.param("voucherify", marks=pytest.mark.thorough)]
)
@pytest.mark.thorough
def test_every_panel_of_loyalty_finds_something(
    demos: dict[str, Path], vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, defined = run("loyalty", demos[vendor], monkeypatch)
    frames = ["active", "segments", "grid", "members", "campaigns", "funnel", "redemption_days"]
    frames += ["held", "expiring", "sizes", "baskets"]
    assert [name for name in frames if not isinstance(defined[name], pd.DataFrame)] == []
    grown = {name: isinstance(rows, pd.DataFrame) for name, rows in defined["grown"].items()}
    assert grown == {"sign_ups": True, "retention": True, "sales": True, "owed": False}
    assert f"{vendor}_data_model.liability_book" in shown
    # The demo writes no liability book. Voucherify's orders do not tell where something was bought;
    # no member of the demo at Spaaza has a date of review.
    assert shown.count(GREY) == 2
    assert isinstance(defined["channels"], pd.DataFrame) == (vendor == "spaaza")
    for name in ("scores", "balances", "levels"):
        assert isinstance(defined[name], pd.DataFrame) == (vendor == "spaaza"), name


@pytest.mark.slow
@pytest.mark.thorough
def test_every_panel_of_loyalty_obeys_the_days(
    demos: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPAAZA_DB", str(demos["spaaza"]))
    chosen = (dt.date(2026, 9, 1), dt.date(2026, 9, 30))
    fields = {"every_field": "month", "currency_field": "EUR", "range_field": chosen}
    defs: dict[str, Any] = {name: SimpleNamespace(value=value) for name, value in fields.items()}
    outputs, defined = importlib.import_module("loyalty").app.run(
        defs={**defs, "whole_span": (dt.date(2022, 1, 1), dt.date(2026, 12, 1))}
    )
    september = pd.Timestamp("2026-09-01")
    shown = [defined["grown"]["sign_ups"], defined["grown"]["sales"], defined["baskets"]]
    shown += [defined["held"], defined["active"]]
    assert [set(frame["period"]) for frame in shown] == [{september}] * 5
    assert set(defined["grown"]["retention"]["cohort"]) == {september}
    assert defined["members"]["last_purchase"].between(september, pd.Timestamp("2026-10-01")).all()
    text = "".join(each.text for each in outputs if hasattr(each, "text"))
    # A month that stands alone is compared with none.
    assert re.search(r"[\d,]+ members signed up in September 2026\. ", text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "vendor", [pytest.param("spaaza", marks=pytest.mark.thorough), "voucherify"]
)
def test_the_first_look_finds_what_was_loaded(
    demos: dict[str, Path], vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, defined = run("first_look", demos[vendor], monkeypatch)
    for name in ("tables", "loads", "durations", "exports", "profile"):
        assert isinstance(defined[name], pd.DataFrame), name
    # Nothing has changed, and no row was rejected.
    assert shown.count(GREY) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_database_that_is_not_there_is_said(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, _ = run(name, tmp_path / "none.duckdb", monkeypatch)
    assert "There is no file" in shown


ODD = """
CREATE SCHEMA "mijn data"; USE "mijn data";
CREATE TABLE transactions ("datum; 'van" TIMESTAMP, "lid ""nr" VARCHAR, "額 €" DOUBLE);
INSERT INTO transactions
    SELECT TIMESTAMP '2026-01-01' + i * INTERVAL 1 DAY, i % 7, i FROM range(50) t(i);
CREATE TABLE vouchers (status VARCHAR, "</script><b>" INTEGER);
INSERT INTO vouchers VALUES ('redeemed', 1), ('generated', 2);
CREATE TABLE wallet_ledger (amount VARCHAR);
CREATE TABLE "tabel | met `alles`" AS SELECT 1 AS a;
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE nothing_we_know (a INTEGER)",
        pytest.param(
            "CREATE TABLE transactions (timestamp TIMESTAMP, user_id BIGINT, total_value DOUBLE)",
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            "CREATE TABLE users (id BIGINT, created_date VARCHAR)", marks=pytest.mark.thorough
        ),
        ODD,
    ],
    ids=["unknown", "empty", "users alone", "odd"],
)
def test_no_database_breaks_a_notebook(
    name: str, made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "odd.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute(made)
    shown, _ = run(name, path, monkeypatch)
    assert GREY in shown
    assert "<b>" not in shown.replace("&lt;b&gt;", "")


def test_what_an_odd_database_does_have_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "odd.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute(ODD)
    _, defined = run("loyalty", path, monkeypatch)
    assert list(defined["funnel"]["vouchers"]) == [2, 1, 0, 1]


def drawn(data: Model) -> set[str]:
    """The measures that find something, each drawn."""
    as_of = data.days()[1] or dt.date(2026, 1, 1)
    units = ["money"]
    with suppress(MissingError):
        units = measures.wallet_units(data)
    found: dict[str, Any] = {
        "active": lambda: loyalty_charts.active_members(measures.active_members(data), "month"),
        "grid": lambda: loyalty_charts.rfm_grid(measures.rfm_grid(data, as_of)),
        "members": lambda: panels.table(measures.rfm_members(data, as_of)),
        "funnel": lambda: loyalty_charts.voucher_funnel(measures.voucher_funnel(data, as_of)),
        "campaigns": lambda: measures.vouchers_by(data, as_of, "campaign"),
        "kinds": lambda: measures.vouchers_by(data, as_of, "type"),
        "days": lambda: loyalty_charts.time_to_redemption(measures.time_to_redemption(data, as_of)),
        "held": lambda: loyalty_charts.liability(measures.liability(data, units[0]), "month", "x"),
        "expiring": lambda: measures.liability_by_expiry(data, as_of),
        "sizes": lambda: loyalty_charts.basket_sizes(measures.basket_sizes(data)),
        "baskets": lambda: loyalty_charts.baskets_over_time(
            measures.baskets_over_time(data, "week"), "week"
        ),
        "channels": lambda: measures.baskets_by_channel(data),
        "scores": lambda: bulk_members.draw_scores(bulk_members.scores(data)),
        "balances": lambda: bulk_members.balances(data),
        "levels": lambda: loyalty_charts.levels(bulk_members.levels(data)),
        "reviews": lambda: bulk_members.reviews(data),
    }
    there = set()
    for name, draw in found.items():
        try:
            chart = draw()
        except MissingError:
            continue
        if hasattr(chart, "to_dict") and not isinstance(chart, pd.DataFrame):
            chart.to_dict()
        there.add(name)
    return there


TABLES = ("users", "transactions", "vouchers", "wallet_ledger", "bulk_users", "_dlt_loads")


class Demo:
    """The loaded tables of the demo at Spaaza, and all measures that they give."""

    def __init__(self, path: Path) -> None:
        with duckdb.connect(str(path), read_only=True) as database:
            self.frames = {
                table: database.sql(f"FROM spaaza_data.{table}").to_arrow_table().to_pandas()
                for table in TABLES
            }
        self.measures = drawn(self.model())

    def model(self, **changed: pd.DataFrame) -> Model:
        return read_model(NoDatabase("frames", {}, {**self.frames, **changed}), "frames")


@pytest.fixture(scope="module")
def demo(demos: dict[str, Path]) -> Demo:
    return Demo(demos["spaaza"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "column", "gone"),
    [
        ("transactions", "timestamp", {"active", "grid", "members", "baskets"}),
        pytest.param(
            "transactions", "user_id", {"active", "grid", "members"}, marks=pytest.mark.thorough
        ),
        ("transactions", "total_value", {"grid", "members", "sizes", "baskets", "channels"}),
        pytest.param("transactions", "type", {"channels"}, marks=pytest.mark.thorough),
        pytest.param("transactions", "quantity", set(), marks=pytest.mark.thorough),
        ("transactions", "id", set()),
        ("vouchers", "date_time_creation", {"days"}),
        pytest.param("vouchers", "date_time_redeemed", {"days"}, marks=pytest.mark.thorough),
        ("vouchers", "date_time_expiry", {"expiring"}),
        pytest.param("vouchers", "campaign_title", {"campaigns"}, marks=pytest.mark.thorough),
        pytest.param("vouchers", "type", {"kinds"}, marks=pytest.mark.thorough),
        ("wallet_ledger", "timestamp", {"held"}),
        pytest.param("wallet_ledger", "amount", {"held"}, marks=pytest.mark.thorough),
        pytest.param("wallet_ledger", "earn_or_spend", set(), marks=pytest.mark.thorough),
        pytest.param("wallet_ledger", "currency_symbol", set(), marks=pytest.mark.thorough),
        ("wallet_ledger", "user_id", set()),
        ("bulk_users", "recency", set()),
        pytest.param("bulk_users", "points_balance", set(), marks=pytest.mark.thorough),
        ("bulk_users", "loyalty_status_level", {"levels"}),
    ],
)
def test_a_missing_column_takes_away_its_panels_and_no_others(
    demo: Demo, table: str, column: str, gone: set[str]
) -> None:
    without = demo.frames[table].drop(columns=column)
    assert demo.measures - drawn(demo.model(**{table: without})) == gone


@pytest.mark.slow
@pytest.mark.parametrize(
    "table",
    [
        name if name == "transactions" else pytest.param(name, marks=pytest.mark.thorough)
        for name in TABLES
    ],
)
@pytest.mark.parametrize("wrong", ["de Vries", '[{"a": 1}]', dt.date(1990, 2, 3)])
def test_columns_of_the_wrong_kind_break_nothing(demo: Demo, table: str, wrong: object) -> None:
    frame = demo.frames[table]
    drawn(demo.model(**{table: frame.assign(**dict.fromkeys(frame.columns, wrong))}))


def test_a_failing_query_is_grey_and_tells_no_cell() -> None:
    def measure() -> pd.DataFrame:
        return duckdb.sql("SELECT CAST('Mevrouw de Vries' AS INTEGER)").df()

    shown = panels.measured(measure)
    assert not isinstance(shown, pd.DataFrame)
    assert "ConversionException" in shown.text
    assert "Vries" not in shown.text


def test_a_browser_gets_times_with_their_zone() -> None:
    frame = pd.DataFrame({"period": [pd.Timestamp("2026-11-01")], "members": [1], "kind": ["new"]})
    drawn = loyalty_charts.active_members(frame.assign(baskets=1), "month")
    assert str(drawn.data["period"].iloc[0]) == "2026-11-01 00:00:00+00:00"
    assert drawn.to_dict()["encoding"]["x"]["timeUnit"] == "utcyearmonth"
