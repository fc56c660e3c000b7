"""The `spaaza model` command: what it makes and says of what the sandbox's loads have left."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from spaaza_source.cli.app import cli
from spaaza_source.cli.output.error_messages import exit_report
from spaaza_source.model.settled import VIEWS
from spaaza_source.sandbox import Sandbox, SandboxSettings, live_settings
from tests.command import settings_for
from tests.hints.loads import check_advice

pytestmark = pytest.mark.slow
BOOK = "SELECT * FROM spaaza_data_model.liability_book ORDER BY ALL"


def said(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        lines, code = exit_report(done.exception)
        return code, "\n".join(lines)
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of each vendor's demo."""
    folder = tmp_path_factory.mktemp("loaded")
    for vendor in ("spaaza", "voucherify"):
        code, told = said(
            "demo", "--vendor", vendor, "--rows", "300", "--db", str(folder / f"{vendor}.duckdb")
        )
        assert code == 0, told
    return folder


@pytest.fixture
def here(loaded: Path, tmp_path: Path) -> Iterator[Path]:
    before = Path.cwd()
    for file in loaded.glob("*.duckdb"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


@pytest.mark.parametrize("vendor", ["spaaza", "voucherify"])
def test_all_views_and_the_book_are_made_without_a_vendors_settings(
    vendor: str, here: Path
) -> None:
    for _ in range(2):
        code, told = said("model", "--vendor", vendor)
        assert code == 0, told
    assert "not made" not in told
    with duckdb.connect(str(here / f"{vendor}.duckdb")) as warehouse:
        for view in (*VIEWS, "liability_book"):
            found = warehouse.execute(f"SELECT count(*) FROM {vendor}_data_model.{view}").fetchone()
            assert found
            assert found[0] >= 300, view
        days = warehouse.execute(
            f"SELECT max(day) FROM {vendor}_data_model.liability_book"
        ).fetchone()
    assert days
    assert abs((days[0] - dt.datetime.now(dt.UTC).date()).days) <= 1


def test_the_model_can_be_read_from_a_file_attached_by_another_name(here: Path) -> None:
    said("model")
    with duckdb.connect() as other:
        other.execute(f"ATTACH '{here / 'spaaza.duckdb'}' AS mine (READ_ONLY)")
        (count,) = other.sql(
            "SELECT count(*) FROM mine.spaaza_data_model.voucher_events"
        ).fetchall()
    assert count[0] > 300


def test_the_sql_is_printed_and_nothing_is_made(here: Path) -> None:
    code, told = said("model", "--print")
    assert code == 0
    with duckdb.connect(str(here / "spaaza.duckdb")) as warehouse:
        schemas = warehouse.sql("SELECT schema_name FROM duckdb_schemas()").fetchall()
        assert ("spaaza_data_model",) not in schemas
        # What is printed makes the same.
        warehouse.execute(told)
        assert warehouse.sql("SELECT count(*) FROM spaaza_data_model.baskets").fetchall() == [
            (300,)
        ]


def test_the_hints_of_what_cannot_be_made_lead_to_a_model(here: Path) -> None:
    code, told = said("model", "--db", "none.duckdb")
    assert (code, (here / "none.duckdb").exists()) == (2, False)
    check_advice("cli/upkeep/model.py", "Load first", told)
    code, told = said("model", "--db", "spaaza.duckdb", "--dataset", "other")
    assert code == 2
    assert "the dataset other has no table" in told
    code, told = said("model", "--time-zone", "Amsterdam")
    assert code == 2
    check_advice("model/months.py", "Name one as in Europe/Amsterdam", told)
    code, told = said("model", "--close-through", "May")
    assert code == 2
    check_advice("model/months.py", "Write 2026-05", told)
    code, told = said("model", "--close-through", "2999-01")
    assert code == 2
    check_advice("model/months.py", "Load first, or name", told)
    assert said("model", "--close-through", "2026-05", "--time-zone", "Europe/Amsterdam")[0] == 0
    code, told = said("model")
    assert code == 2
    check_advice("model/months.py", "Keep to it", told)
    assert said("model", "--time-zone", "Europe/Amsterdam")[0] == 0


def test_what_the_book_lacks_is_loaded_and_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(sql: str) -> None:
        with duckdb.connect("spaaza.duckdb") as warehouse:
            warehouse.execute(f"SET search_path = 'spaaza_data'; {sql}")

    start = dt.datetime(2026, 3, 20, tzinfo=dt.UTC)
    settings = live_settings(SandboxSettings(rows=300, clock=lambda: start))
    with Sandbox(settings) as sandbox:
        for name, value in settings_for(sandbox, MAX_AGE="0").items():
            monkeypatch.setenv(name, value)
        code, told = said("model")
        assert code == 2
        check_advice("cli/upkeep/model.py", "Load first", told)
        load = ("load", "vouchers", "wallet_ledger")
        assert said(*load)[0] == said("model")[0] == 0
        with duckdb.connect("spaaza.duckdb") as warehouse:
            before = warehouse.sql(BOOK).fetchall()

        change("DROP TABLE wallet_ledger")
        code, told = said("model")
        assert code == 2
        check_advice("model/book.py", "Load them again", told)
        assert said(*load)[0] == said("model")[0] == 0

        with duckdb.connect("spaaza.duckdb") as warehouse:
            assert warehouse.sql(BOOK).fetchall() == before

        change(
            "INSERT INTO spaaza_data_model.liability_closings VALUES ('2026-03-01', now(), 'UTC')"
        )
        code, told = said("model")
        assert code == 2
        check_advice("model/book.py", "Load what has happened since", told)
        settings.clock.move(dt.timedelta(days=20))  # type: ignore[attr-defined]
        assert said(*load)[0] == said("model")[0] == 0
    with duckdb.connect("spaaza.duckdb") as warehouse:
        days = warehouse.sql("SELECT max(day) FROM spaaza_data_model.liability_book").fetchall()
    assert days == [(dt.date(2026, 4, 9),)]
