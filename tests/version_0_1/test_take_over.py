"""Datasets that version 0.1 has loaded: the present one goes on with them, on any machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from click.testing import CliRunner

from spaaza_source import spaaza_source, voucherify_source
from spaaza_source.cli.app import cli
from spaaza_source.errors import SettingsError, SpaazaSourceError, TooManyDeletionsError
from spaaza_source.spaaza.segments import keyword
from spaaza_source.windows import Window
from tests.vendors.voucherify_files import VoucherifyVendor
from tests.version_0_1 import shop as shops
from tests.version_0_1.shop import Shop

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
NOW = shops.LOADS[3]
#: Where the windows of the next load begin: the lookback before the last load of version 0.1.
SINCE = shops.LOADS[2] - DAY
SECRET = "0123456789abcdef"
#: The tables with the vendor's names of their columns.
TABLES = {
    "spaaza_data.transactions": "transactions",
    "spaaza_data.wallet_ledger": "wallet_ledger",
    "spaaza_data.vouchers": "vouchers",
    "spaaza_data.users": "users",
    "spaaza_data.products": "products",
    "voucherify_data.vouchers": "coupons",
    "voucherify_data.redemptions": "redemptions",
}


@pytest.fixture
def database() -> Path:
    """What three loads of version 0.1 have left."""
    file = Path("warehouse.duckdb").absolute()
    with duckdb.connect(str(file)) as warehouse:
        warehouse.execute(Path(__file__).with_name("warehouse.sql").read_text(encoding="utf-8"))
    return file


@pytest.fixture
def vendors(database: Path) -> Iterator[tuple[Shop, VoucherifyVendor]]:
    """Both of them a day later; they have the exports that version 0.1 asked for."""
    asked = query(
        database,
        "SELECT created_at, subject, window_start, window_end, fingerprint"
        " FROM spaaza_data.export_jobs ORDER BY job_id::INT",
    )
    with shops.open_shop() as (shop, voucherify):
        for created, subject, start, end, fingerprint in asked:
            window = f" {Window(start, end)}" if end else ""
            desc = f"spaaza_source {subject} csv{window} #{fingerprint}"
            shop.remember([(created, desc)])
        voucherify.remember(6)
        shops.move_to(NOW, shop, voucherify)
        yield shop, voucherify


@pytest.fixture
def shop(vendors: tuple[Shop, VoucherifyVendor]) -> Shop:
    return vendors[0]


def pipeline(database: Path, name: str = "spaaza", dataset: str = "") -> dlt.Pipeline:
    return dlt.pipeline(
        name,
        destination=dlt.destinations.duckdb(str(database)),
        dataset_name=dataset or f"{name}_data",
    )


def load(database: Path, shop: Shop, *tables: str, **given: Any) -> None:
    source = spaaza_source(**shops.spaaza_settings(shop, **given))
    pipeline(database).run(source.with_resources(*tables))


def load_all(database: Path, shop: Shop, voucherify: VoucherifyVendor) -> None:
    load(database, shop, *shops.BY_START, start_date=shops.START_DATE)
    load(database, shop, *shops.WITHOUT_START)
    coupons = voucherify_source(**shops.voucherify_settings(voucherify))
    pipeline(database, "voucherify").run(coupons)


def refusal(database: Path, shop: Shop, *tables: str, **given: Any) -> SpaazaSourceError:
    with pytest.raises(Exception, match=r".") as raised:
        load(database, shop, *tables, **given)
    found: BaseException | None = raised.value
    while not isinstance(found, SpaazaSourceError):
        assert found is not None
        found = found.__cause__ or found.__context__
    return found


def query(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database)) as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        return warehouse.execute(sql).fetchall()


def types(database: Path) -> list[tuple[Any, ...]]:
    tables = ", ".join(f"'{name}'" for name in TABLES)
    return query(
        database,
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns()"
        f" WHERE schema_name || '.' || table_name IN ({tables}) ORDER BY ALL",
    )


def rows_are_the_vendors(database: Path, at: datetime = NOW) -> None:
    for table, kind in TABLES.items():
        names = {"Creation Date": "created_at"}
        expected = Counter(
            tuple(
                sorted((names.get(name, name.lower()), _told(cell)) for name, cell in row.items())
            )
            for row in shops.rows_at(kind, at)
        )
        with duckdb.connect(str(database)) as warehouse:
            warehouse.execute("SET TimeZone = 'UTC'")
            columns = warehouse.table(table).columns
            found = warehouse.table(table).fetchall()
        loaded = Counter(
            tuple(sorted((name, _told(cell)) for name, cell in zip(columns, row, strict=True)))
            for row in found
        )
        assert loaded == expected, table


def _told(cell: Any) -> str:
    """A cell as one text, whatever wrote it."""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat()
    return str(cell.normalize() if isinstance(cell, Decimal) else _number(cell))


def _number(cell: Any) -> Any:
    whole = isinstance(cell, str) and "." in cell
    return Decimal(cell).normalize() if whole else cell


def windows(database: Path, dataset: str) -> set[tuple[Any, ...]]:
    """What the load of the present version has asked for."""
    return set(
        query(
            database,
            f"SELECT table_name, window_start, window_end FROM {dataset}.export_jobs"
            " WHERE intent IS NOT NULL AND proven AND found = loaded",
        )
    )


@pytest.mark.parametrize(
    "machine",
    [
        "new",
        pytest.param("without state", marks=pytest.mark.thorough),
        pytest.param("same", marks=pytest.mark.thorough),
    ],
)
def test_the_next_load_asks_for_what_is_new_and_has_the_vendors_rows(
    machine: str,
    database: Path,
    vendors: tuple[Shop, VoucherifyVendor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if machine == "without state":
        monkeypatch.setenv("RESTORE_FROM_DESTINATION", "false")
    if machine == "same":
        for name in ("spaaza", "voucherify"):
            pipeline(database, name).sync_destination()
    before = types(database)
    load_all(database, *vendors)
    rows_are_the_vendors(database)
    assert types(database) == before
    new = (SINCE, NOW)
    assert windows(database, "spaaza_data") == {
        ("transactions", *new),
        ("wallet_ledger", *new),
        ("vouchers", *new),
        ("users", None, None),
        ("products", None, None),
    }
    assert windows(database, "voucherify_data") == {("vouchers", *new), ("redemptions", *new)}
    # And the one after it goes on from there.
    shops.move_to(NOW + DAY, *vendors)
    load(database, vendors[0], *shops.BY_START, start_date=shops.START_DATE)
    assert ("transactions", NOW - DAY, NOW + DAY) in windows(database, "spaaza_data")
    found = query(database, "SELECT count(*) FROM spaaza_data.transactions")
    assert found == [(len(shops.rows_at("transactions", NOW + DAY)),)]


# What is compared before anything is asked


@pytest.mark.parametrize(
    "given", [{"chain_id": 1744}, {"segments": {"wallet_ledger": [keyword("user_id").equals("1")]}}]
)
@pytest.mark.thorough
def test_another_chain_or_filter_is_refused(
    given: dict[str, Any], database: Path, shop: Shop
) -> None:
    refused = refusal(database, shop, "wallet_ledger", **given)
    assert isinstance(refused, SettingsError)
    assert ("1743" if "chain_id" in given else "filter") in str(refused)
    assert len(shop.tasks) == 19


@pytest.mark.thorough
def test_the_other_vendors_table_of_that_name_is_refused(database: Path, shop: Shop) -> None:
    source = spaaza_source(**shops.spaaza_settings(shop)).with_resources("vouchers")
    with pytest.raises(Exception, match="account"):
        pipeline(database, dataset="voucherify_data").run(source)
    assert len(shop.tasks) == 19


@pytest.mark.thorough
def test_what_version_0_1_did_not_note_is_taken_to_be_as_now(database: Path, shop: Shop) -> None:
    """A policy that is switched on at the first load passes; from then on it is compared."""
    policy = {
        "privacy": {"users": {"first_name": "hash", "postal_code": "keep"}},
        "privacy_secret": SECRET,
    }
    load(database, shop, "users", **policy)
    assert "privacy" in str(refusal(database, shop, "users"))


@pytest.mark.thorough
def test_a_count_that_version_0_1_found_wrong_is_still_open(database: Path, shop: Shop) -> None:
    wrong = "UPDATE spaaza_data.export_jobs SET proven = false, found = 4 WHERE job_id = '5'"
    query(database, wrong)
    refused = refusal(database, shop, "transactions", start_date=shops.START_DATE)
    assert "2024-01-16" in str(refused)
    load(database, shop, "transactions", start_date="2024-01-01", end_date="2024-01-16T12:00:00Z")
    load(database, shop, "transactions", start_date=shops.START_DATE)
    settled = "SELECT settled_by IS NOT NULL FROM spaaza_data.export_jobs WHERE job_id = '5'"
    assert query(database, settled) == [(True,)]


# What the destination holds


@pytest.mark.thorough
def test_the_guard_counts_the_rows_that_version_0_1_loaded(database: Path, shop: Shop) -> None:
    shop.instead["users"] = shops.rows_at("users", NOW)[:10]
    refused = refusal(database, shop, "users")
    assert isinstance(refused, TooManyDeletionsError)
    assert "30 of the 40 rows" in str(refused)
    shop.instead["transactions"] = []
    refused = refusal(database, shop, "transactions", start_date=shops.START_DATE)
    assert isinstance(refused, TooManyDeletionsError)


@pytest.mark.thorough
def test_a_table_that_is_gone_is_loaded_whole(database: Path, shop: Shop) -> None:
    query(database, "DROP TABLE spaaza_data.transactions")
    load(database, shop, "transactions", start_date=shops.START_DATE)
    found = query(database, "SELECT count(*) FROM spaaza_data.transactions")
    assert found == [(len(shops.rows_at("transactions", NOW)),)]


# The command


@pytest.mark.thorough
def test_the_commands_tell_of_what_version_0_1_loaded_and_go_on(
    database: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "BASE_URL": shop.base_url,
        "CHAIN_ID": str(shops.CHAIN),
        "CREDENTIALS__ACCESS_TOKEN_ID": "a",
        "CREDENTIALS__ACCESS_TOKEN_SECRET": "b",
        "POLL_INTERVAL": "0.01",
        "START_MARGIN": "0",
        "STAGGER": "0",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"SOURCES__SPAAZA__{name}", value)

    def spaaza(*arguments: str) -> list[str]:
        ran = CliRunner().invoke(cli, [*arguments, "--db", str(database)], catch_exceptions=False)
        assert ran.exit_code == 0, ran.output
        return ran.output.splitlines()

    listed = [line.split() for line in spaaza("jobs", "--all") if line[:1].isdigit()]
    # All but the one that was halved.
    assert [words[0] for words in listed if words[-1] == "no"] == ["1"]
    assert len(listed) == 19
    tables = ["vouchers", "users", "wallet_ledger"]
    window = "2024-03-11T04:00:00Z to 2024-03-13T04:00:00Z"
    planned = [line.split()[0] for line in spaaza("plan", *tables) if window in line]
    assert planned == ["vouchers", "wallet_ledger"]
    spaaza("load", *tables)
    told = spaaza("check", "--deep", *tables)[-3:]
    assert [line.split(",")[0].split()[-1] for line in told] == ["equal"] * 3
