"""Sign-ups, retention, sales and the liability book, on rows that can be counted by hand."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import dlt
import duckdb
import growth
import pandas as pd
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from loaded_data import CannotReadError, MissingError, NoDatabase, open_database
from loyalty_model import Model, read_model

Row = tuple[object, ...]


def times(texts: list[str | None]) -> pd.Series:
    return pd.Series(pd.to_datetime(texts, utc=True, format="ISO8601"))


def model_of(**frames: pd.DataFrame) -> Model:
    return read_model(NoDatabase("frames", {}, frames), "frames")


def rows(frame: pd.DataFrame, *columns: str) -> list[Row]:
    shown = [[_plain(value) for value in frame[column]] for column in columns]
    return list(zip(*shown, strict=True))


def _plain(value: object) -> object:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return None if pd.isna(value) else value


def users(*joined: str | None) -> pd.DataFrame:
    names = [f"u{number}" for number in range(len(joined))]
    return pd.DataFrame({"id": names, "created_date": times(list(joined))})


def bought(*rows: tuple[str, str | None, float | None], **more: object) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["timestamp", "user_id", "total_value"])
    frame = frame.assign(id=[f"b{number}" for number in range(len(rows))], **more)
    return frame.assign(timestamp=times(list(frame["timestamp"])))


JOINED = ("2026-01-31T23:30:00-02:00", "2026-02-10", "2026-04-01", "2026-04-30T23:59:59", None)


def test_sign_ups_are_counted_by_month_and_an_empty_month_is_there() -> None:
    found = growth.sign_ups(model_of(users=users(*JOINED)))
    # The first one joined in February by UTC.
    assert rows(found, "period", "members", "total") == [
        ("2026-02-01", 2, 2),
        ("2026-03-01", 0, 2),
        ("2026-04-01", 2, 4),
    ]


def test_sign_ups_of_some_days_still_tell_how_many_there_were_before() -> None:
    model = model_of(users=users(*JOINED)).within((dt.date(2026, 3, 1), dt.date(2026, 4, 29)))
    assert rows(growth.sign_ups(model), "period", "members", "total") == [
        ("2026-03-01", 0, 2),
        ("2026-04-01", 1, 3),
    ]
    assert rows(growth.sign_ups(model, "quarter"), "period", "members", "total") == [
        ("2026-01-01", 0, 2),
        ("2026-04-01", 1, 3),
    ]


SOLD = bought(
    ("2026-01-05", "a", 10.0),
    ("2026-01-31T23:59:59", "b", 30.0),
    ("2026-01-20", "a", -4.0),
    ("2026-03-02", None, 7.5),
    ("2026-03-03", "a", None),
)


def test_sales_are_less_what_came_back_and_the_average_is_not() -> None:
    found = growth.sales(model_of(transactions=SOLD))
    # 10 + 30 - 4; the average is of 10 and 30.
    assert rows(found, "period", "baskets", "sales", "average") == [
        ("2026-01-01", 2, 36.0, 20.0),
        ("2026-02-01", 0, 0.0, None),
        ("2026-03-01", 1, 7.5, 7.5),
    ]


def test_sales_of_some_days_are_of_these_days_alone() -> None:
    model = model_of(transactions=SOLD).within((dt.date(2026, 1, 20), dt.date(2026, 1, 31)))
    assert rows(growth.sales(model), "period", "baskets", "sales", "average") == [
        ("2026-01-01", 1, 26.0, 30.0)
    ]


def test_a_basket_in_several_rows_is_one_and_one_that_was_cancelled_is_none() -> None:
    orders = pd.DataFrame(
        {
            "id": ["x", "x", "y", "z"],
            "customer_id": ["a", "a", "a", "b"],
            "created_at": times(["2026-01-01"] * 4),
            "total_amount": [1000, 550, 250, 9900],
            "status": ["PAID", "PAID", "FULFILLED", "CANCELED"],
        }
    )
    # Voucherify's cents: 15.50 and 2.50.
    assert rows(growth.sales(model_of(orders=orders)), "baskets", "sales", "average") == [
        (2, 18.0, 9.0)
    ]


def test_only_baskets_of_one_currency_are_added_up() -> None:
    sold = bought(("2026-01-01", "a", 1.0), ("2026-01-01", "a", 500.0))
    model = model_of(transactions=sold.assign(currency_code=["EUR", "JPY"]))
    assert rows(growth.sales(model.of_currency("EUR")), "sales") == [(1.0,)]
    # Baskets whose currency nobody knows are not left out by its name.
    none = model_of(transactions=sold).of_currency("EUR")
    assert rows(growth.sales(none), "sales") == [(501.0,)]


LOYAL = bought(
    ("2026-01-05", "a", 1.0),
    ("2026-01-06", "b", 1.0),
    ("2026-02-01", "a", 1.0),
    ("2026-02-28", "a", 1.0),
    ("2026-02-02", "c", 1.0),
    ("2026-03-31", "b", 1.0),
    ("2026-03-15", "c", -1.0),
    ("2026-04-02", "a", 1.0),
)


def test_retention_is_by_the_month_of_the_first_basket() -> None:
    found = growth.retention(model_of(transactions=LOYAL))
    # April is not over by the newest basket. A return in March is no purchase of c's.
    assert rows(found, "cohort", "months", "members", "active", "share") == [
        ("2026-01-01", 0, 2, 2, 1.0),
        ("2026-01-01", 1, 2, 1, 0.5),
        ("2026-01-01", 2, 2, 1, 0.5),
        ("2026-02-01", 0, 1, 1, 1.0),
        ("2026-02-01", 1, 1, 0, 0.0),
    ]


def test_retention_is_by_the_month_of_the_sign_up() -> None:
    joined = pd.DataFrame(
        {"id": ["a", "b", "d"], "created_date": times(["2026-01-20", "2026-02-01", "2026-02-03"])}
    )
    model = model_of(users=joined, transactions=LOYAL)
    # b bought in January, before the sign-up; d never did; nobody knows when c signed up.
    assert rows(growth.retention(model, "sign-up"), "cohort", "months", "members", "active") == [
        ("2026-01-01", 0, 1, 1),
        ("2026-01-01", 1, 1, 1),
        ("2026-01-01", 2, 1, 0),
        ("2026-02-01", 0, 2, 0),
        ("2026-02-01", 1, 2, 1),
    ]


def test_retention_of_some_days_is_of_who_began_on_them() -> None:
    model = model_of(transactions=LOYAL).within((dt.date(2026, 1, 6), dt.date(2026, 2, 28)))
    # a began before; March is after these days.
    assert rows(growth.retention(model), "cohort", "months", "members", "active") == [
        ("2026-01-01", 0, 1, 1),
        ("2026-01-01", 1, 1, 0),
        ("2026-02-01", 0, 1, 1),
    ]


def book(*rows: tuple[str, str, str, str, float, float, float, float]) -> pd.DataFrame:
    names = ["day", "kind", "campaign", "currency", "issued", "redeemed", "expired", "corrected"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.assign(day=pd.to_datetime(frame["day"]).dt.date)


BOOK = book(
    ("2026-01-10", "voucher", "c1", "EUR", 100, 0, 0, 0),
    ("2026-01-10", "voucher", "c2", "EUR", 50, 20, 0, 0),
    ("2026-01-31", "wallet", "c1", "EUR", 7, 0, 0, 0),
    ("2026-03-01", "voucher", "c1", "EUR", 0, 10, 30, -5),
    ("2026-03-02", "points", "c1", "points", 900, 0, 0, 0),
)


def test_the_book_is_shown_by_kind_at_the_end_of_each_month() -> None:
    found = growth.book_over_time(model_of(liability_book=BOOK))
    assert rows(found, "of", "period", "owed") == [
        ("EUR in wallets", "2026-01-01", 7.0),
        ("EUR in wallets", "2026-02-01", 7.0),
        ("EUR in wallets", "2026-03-01", 7.0),
        # 100 + 50 - 20; then 10 and 30 less, corrected by 5 more.
        ("EUR in vouchers", "2026-01-01", 130.0),
        ("EUR in vouchers", "2026-02-01", 130.0),
        ("EUR in vouchers", "2026-03-01", 85.0),
        ("points", "2026-01-01", 0.0),
        ("points", "2026-02-01", 0.0),
        ("points", "2026-03-01", 900.0),
    ]


def test_the_book_of_some_days_opens_with_what_was_owed_before() -> None:
    model = model_of(liability_book=BOOK).within((dt.date(2026, 2, 3), dt.date(2026, 3, 1)))
    found = growth.book_over_time(model)
    assert rows(found[found["kind"] == "voucher"], "period", "expired", "owed") == [
        ("2026-02-01", 0.0, 130.0),
        ("2026-03-01", 30.0, 85.0),
    ]
    assert "points" not in set(found["kind"])


def test_what_is_missing_is_said_in_a_sentence() -> None:
    model = model_of(products=pd.DataFrame({"id": [1]}))
    with pytest.raises(MissingError, match="needs the loaded table `users` or `customers`"):
        growth.sign_ups(model)
    with pytest.raises(MissingError, match="needs the loaded table `transactions` or `orders`"):
        growth.sales(model)
    with pytest.raises(MissingError, match=r"`frames_model.liability_book`, which `spaaza model`"):
        growth.book_over_time(model)
    undated = model_of(users=pd.DataFrame({"id": ["a"]}))
    with pytest.raises(MissingError, match="No row of `users` has created_at"):
        growth.sign_ups(undated)


def test_a_cell_that_the_model_cannot_hold_is_said_and_not_told(tmp_path: Path) -> None:
    path = tmp_path / "large.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE TABLE transactions (id VARCHAR, total HUGEINT)")
        database.execute(f"INSERT INTO transactions VALUES ('a', {'9' * 38})")
    with pytest.raises(CannotReadError, match="DuckDB cannot make the model") as raised:
        read_model(open_database(str(path)), "main")
    assert "9999" not in str(raised.value)


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


def test_the_settings_of_the_model_are_obeyed(configure: Callable[[str], None]) -> None:
    sold = SOLD.assign(worth=[1.0, 2.0, 0.0, 0.0, 0.0])
    # What is set for the other vendor has no effect here.
    configure("[model.spaaza.baskets]\ntotal = 'worth'\n[model.voucherify.baskets]\ntotal = 'gone'")
    assert rows(growth.sales(model_of(transactions=sold)), "sales") == [(3.0,), (0.0,), (0.0,)]
    configure("[model.spaaza.baskets]\ntotal = 'gone'")
    with pytest.raises(CannotReadError, match="has no column 'gone'"):
        model_of(transactions=sold)


@pytest.mark.slow
@pytest.mark.thorough
def test_the_dataset_of_a_pipeline_is_measured_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "lake"))
    pipeline = dlt.pipeline("my_shop", destination="filesystem", dataset_name="loyal")
    pipeline.run([users(*JOINED)], table_name="users", loader_file_format="parquet")
    pipeline.run([SOLD], table_name="transactions", loader_file_format="parquet")
    model = read_model(open_database("my_shop"), "loyal")
    assert rows(growth.sign_ups(model), "members") == [(2,), (0,), (2,)]
    assert rows(growth.sales(model), "sales") == [(36.0,), (0.0,), (7.5,)]


@pytest.mark.slow
def test_the_book_of_a_pipelines_dataset_is_shown_unless_frames_have_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "there.duckdb"))
    pipeline = dlt.pipeline("my_shop", destination="duckdb", dataset_name="loyal")
    pipeline.run([users(*JOINED)], table_name="users")
    with pytest.raises(MissingError, match=r"`loyal_model.liability_book`, which `spaaza model`"):
        growth.book_over_time(read_model(open_database("my_shop"), "loyal"))
    with duckdb.connect(str(tmp_path / "there.duckdb")) as database:
        database.execute("CREATE SCHEMA loyal_model")
        database.register("book", BOOK)
        database.execute(
            "CREATE TABLE loyal_model.liability_book AS SELECT * REPLACE"
            " (issued::DECIMAL(38, 4) AS issued) FROM book"
        )
    found = growth.book_over_time(read_model(open_database("my_shop"), "loyal"))
    frames = growth.book_over_time(model_of(liability_book=BOOK))
    assert rows(found, *found) == rows(frames, *found)
    own = open_database("my_shop", {"liability_book": BOOK.head(1)})
    assert rows(growth.book_over_time(read_model(own, "loyal")), "owed") == [(100.0,)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "vendor", ["spaaza", pytest.param("voucherify", marks=pytest.mark.thorough)]
)
def test_both_vendors_are_measured_and_nothing_is_written(
    demos: dict[str, Path], vendor: str
) -> None:
    path = demos[vendor]
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    model = read_model(open_database(str(path)), f"{vendor}_data")
    with duckdb.connect(str(path), read_only=True) as database:
        table = f"{vendor}_data." + ("users" if vendor == "spaaza" else "customers")
        (members,) = database.sql(f"SELECT count(*) FROM {table}").fetchall()[0]
    assert growth.sign_ups(model)["members"].sum() == members
    assert growth.sales(model)["baskets"].sum() > 0
    assert growth.retention(model)["active"].sum() > 0
    assert not growth.retention(model, "sign-up").empty
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
