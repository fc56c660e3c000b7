"""What loads tell of themselves, read from a real load and from one with all that can go wrong."""

from __future__ import annotations

import datetime as dt
import importlib
from pathlib import Path

import duckdb
import load_accounts as accounts
import pandas as pd
import pytest
from loaded_data import MissingError, NoDatabase, open_database

SECRET = "Mevrouw de Vries"
SCHEMA = "spaaza_data"


TROUBLES = f"""
CREATE TABLE users AS SELECT 1 AS id, TIMESTAMPTZ '2026-03-01 08:00:00' AS created_date;
CREATE TABLE users__tags AS SELECT 'x' AS value, 'a' AS _dlt_parent_id;
CREATE TABLE notes AS SELECT 'free' AS text;
CREATE TABLE _dlt_loads (load_id TEXT, schema_name TEXT, status BIGINT, inserted_at TIMESTAMPTZ);
INSERT INTO _dlt_loads VALUES ('1.0', 'spaaza', 0, '2026-03-01 09:00:00'),
    ('2.0', 'spaaza', 0, '2026-03-02 09:00:00'), ('3.0', 'spaaza', 1, '2026-03-03 09:00:00');
CREATE TABLE export_jobs (job_id TEXT, table_name TEXT, rows BIGINT, loaded BIGINT,
    wait_seconds DOUBLE, download_seconds DOUBLE, proven BOOLEAN, _dlt_load_id TEXT);
INSERT INTO export_jobs VALUES ('11', 'users', 1, 1, 4, 0.5, true, '1.0'),
    ('12', 'users', 3, 2, 8, 1.5, false, '2.0');
CREATE TABLE column_changes (job_id TEXT, table_name TEXT, column_name TEXT, change TEXT,
    header TEXT, previous_name TEXT, _dlt_load_id TEXT);
INSERT INTO column_changes VALUES ('12', 'users', 'tier', 'added', 'Tier', NULL, '2.0'),
    ('12', 'users', 'phone_nr', 'renamed', 'Phone nr', 'phone', '2.0');
CREATE TABLE rejected_rows (job_id TEXT, table_name TEXT, line_number BIGINT, reason TEXT,
    raw BLOB, _dlt_load_id TEXT);
INSERT INTO rejected_rows VALUES ('12', 'users', 7, 'too many cells', '{SECRET}'::BLOB, '2.0'),
    ('12', 'users', 9, 'too many cells', '\\xFF\\x00'::BLOB, '2.0'),
    ('12', 'users', 12, 'a bare quote', NULL, '2.0')
"""


@pytest.fixture
def troubled(tmp_path: Path) -> Path:
    """Two loads of one table: the second found a changed header and rows that do not fit."""
    path = tmp_path / "troubled.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE SCHEMA spaaza_data; USE spaaza_data")
        database.execute("SET TimeZone = 'UTC'")
        for sql in TROUBLES.split(";"):
            database.execute(sql)
    return path


@pytest.mark.slow
@pytest.mark.thorough
def test_a_real_load_is_fresh_and_whole(demos: dict[str, Path]) -> None:
    read = accounts.read(open_database(str(demos["spaaza"])), SCHEMA)
    tables = accounts.tables(read)
    assert set(tables["age"]) == {"fresh"}
    assert set(tables["rows"]) == {600}
    assert tables.set_index("table").loc["transactions", "newest"].year >= 2025
    assert len(accounts.exports(read)) == 7
    assert set(accounts.rows_by_load(read)["loaded"]) == {600}
    assert set(accounts.durations(read)["phase"]) == {
        "waiting for the vendor",
        "downloading",
        "converting",
    }
    with pytest.raises(MissingError, match="No header has changed"):
        accounts.changes(read)
    with pytest.raises(MissingError, match="No row has been rejected"):
        accounts.rejected(read)


def test_age_counts_from_the_last_load_that_ended(troubled: Path) -> None:
    read = accounts.read(open_database(str(troubled)), SCHEMA)
    hours = (read.at - dt.datetime(2026, 3, 2, 9)).total_seconds() / 3600  # noqa: DTZ001 - UTC
    stale = accounts.tables(read, stale_after_hours=hours - 1).set_index("table")
    assert stale["age"].to_dict() == {"users": "stale", "users__tags": "stale", "notes": "unknown"}
    assert stale.loc["users", "hours"] == pytest.approx(hours)
    assert stale["columns"].to_dict() == {"users": 2, "users__tags": 1, "notes": 1}
    fresh = accounts.tables(read, stale_after_hours=hours + 1).set_index("table")
    assert fresh.loc["users", "age"] == "fresh"
    headline = accounts.headline(read, stale.reset_index())
    assert headline["Last load"][1] == "2026-03-02 09:00 UTC"
    assert headline["Rejected rows"][0] == "3"
    assert headline["Wrong counts"][0] == "1"


def test_exports_changes_and_causes_are_told(troubled: Path) -> None:
    read = accounts.read(open_database(str(troubled)), SCHEMA)
    assert list(accounts.exports(read)["job_id"]) == ["12", "11"]
    durations = accounts.durations(read).set_index("phase")["seconds"]
    assert durations.to_dict() == {"waiting for the vendor": 6.0, "downloading": 1.0}
    last = accounts.durations(read, last=1).set_index("phase")["seconds"]
    assert last["waiting for the vendor"] == 8
    assert list(accounts.rows_by_load(read)["loaded"]) == [1, 2]
    changes = accounts.changes(read)
    assert list(changes["change"]) == ["renamed", "added"]
    assert changes["previous_name"].iloc[0] == "phone"
    causes = accounts.rejected(read)
    assert list(zip(causes["reason"], causes["rows"], strict=True)) == [
        ("too many cells", 2),
        ("a bare quote", 1),
    ]


def test_no_text_of_a_row_is_read_unless_it_is_asked_for(troubled: Path) -> None:
    database = open_database(str(troubled))
    read = accounts.read(database, SCHEMA)
    frames = [read.loads, read.jobs, read.changes, read.rejected, accounts.tables(read)]
    assert not any(SECRET in frame.to_csv() for frame in frames)
    texts = accounts.rejected_texts(database, SCHEMA)
    assert texts["text"].iloc[0] == SECRET
    assert texts["text"].iloc[1] == "\ufffd\x00"
    assert pd.isna(texts["text"].iloc[2])
    assert len(accounts.rejected_texts(database, SCHEMA, limit=1)) == 1


@pytest.mark.slow
@pytest.mark.thorough
def test_a_notebook_shows_no_text_of_a_row(troubled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPAAZA_DB", str(troubled))
    outputs, defined = importlib.import_module("first_look").app.run()
    shown = "".join(getattr(each, "text", "") for each in outputs)
    assert "too many cells" in defined["rejected"].to_csv()
    frames = [each for each in defined.values() if isinstance(each, pd.DataFrame)]
    assert not any(SECRET in text for text in [shown, *(frame.to_csv() for frame in frames)])


@pytest.mark.slow
def test_columns_are_told_without_their_values(demos: dict[str, Path]) -> None:
    database = open_database(str(demos["spaaza"]))
    profile = accounts.profile(database, SCHEMA, "users").set_index("column")
    assert profile.loc["id", "filled"] == 1
    assert profile.loc["id", "distinct"] == pytest.approx(600, rel=0.2)
    assert 0 < profile.loc["birthday", "filled"] < 1
    assert (profile["distinct"] <= 600).all()
    assert len(accounts.first_rows(database, SCHEMA, "users", 3)) == 3


def test_tables_that_others_loaded_are_counted_too() -> None:
    odd = pd.DataFrame({'a "b': [1, 2], "when": pd.to_datetime(["2026-01-01", None])})
    database = NoDatabase("frames", {}, {"my; table": odd, "empty": odd.head(0)})
    read = accounts.read(database, "frames")
    tables = accounts.tables(read).set_index("table")
    assert tables["rows"].to_dict() == {"my; table": 2, "empty": 0}
    assert set(tables["age"]) == {"unknown"}
    assert accounts.headline(read, tables)["Last load"][0] == "none"
    with pytest.raises(MissingError, match="There is no table `export_jobs`"):
        accounts.exports(read)
    assert accounts.profile(database, "frames", "my; table")["filled"].tolist() == [1, 0.5]
    with pytest.raises(MissingError, match="empty"):
        accounts.profile(database, "frames", "empty")
