"""Files of the user's own go down the road that exports go, and no vendor is asked anything."""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source
from spaaza_source.errors import (
    EncodingError,
    FileError,
    IncompleteDownloadError,
    MalformedFileError,
    SettingsError,
)
from tests.command import spaaza
from tests.faults.hosts import ours
from tests.hints.loads import check_advice
from tests.vendors.spaaza_files import DatedVendor, FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
QUICK: dict[str, Any] = {"poll_interval": 0.01, "start_margin": 0, "stagger": 0, "max_age": 0}
USERS = b"user_id,name,points\n1,Ann,5\n2,Bo,7\n"
SALES = "id,timestamp,total\n" + "".join(
    f"{day},2026-05-{day:02}T12:00:00Z,{day}\n" for day in range(1, 31)
)
MAY = {"start_date": "2026-05-01", "end_date": "2026-06-01"}


def given(**settings: Any) -> Any:
    """A source that knows no vendor."""
    return spaaza_source(chain_id=1743, **settings)


def source(vendor: FileVendor, table: str, **settings: Any) -> Any:
    return spaaza_source(
        vendor.base_url, 1743, TOKEN, **{**QUICK, **settings}
    ).with_resources(table)  # fmt: skip


def refused(folder: Path, loaded: Any) -> Exception:
    with pytest.raises(Exception, match=r".") as raised:
        pipeline_into(folder).run(loaded)
    return ours(raised.value)


def test_a_file_is_loaded_as_an_export_is(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_bytes(USERS)
    pipeline = pipeline_into(tmp_path)
    pipeline.run(given(files={"users": str(tmp_path / "users.csv")}))
    assert query(tmp_path, "SELECT user_id, name, points FROM users ORDER BY 1") == [
        ("1", "Ann", 5),
        ("2", "Bo", 7),
    ]
    [job] = query(
        tmp_path,
        "SELECT job_id, state, account, rows, loaded, found, proven, bytes FROM export_jobs",
    )
    assert re.fullmatch("users.csv#[0-9a-f]{12}", job[0])
    assert job[1:] == ("FILE", "1743", 2, 2, 2, True, len(USERS))
    # The user's file is where it was, and no copy stays.
    assert (tmp_path / "users.csv").read_bytes() == USERS
    assert list((tmp_path / "pipelines" / "spaaza" / "exports").iterdir()) == []


def test_several_files_gzip_and_paths(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(USERS))
    (tmp_path / "b.csv").write_bytes(b"user_id,name,points\n3,Cy,8\n")
    files = [tmp_path / "a.csv.gz", tmp_path / "b.csv"]
    pipeline_into(tmp_path).run(given(files={"users": files}))
    assert query(tmp_path, "SELECT count(*), sum(points) FROM users") == [(3, 20)]
    assert query(tmp_path, "SELECT rows FROM export_jobs ORDER BY job_id") == [(2,), (1,)]


def test_json_files_by_their_names(tmp_path: Path) -> None:
    rows = [{"user_id": "1", "tags": ["a", "b"]}, {"user_id": "2", "tags": []}]
    (tmp_path / "users.json").write_text(json.dumps(rows))
    pipeline_into(tmp_path).run(given(files={"users": tmp_path / "users.json"}))
    assert query(tmp_path, "SELECT count(*) FROM users__tags") == [(2,)]
    assert query(tmp_path, "SELECT export_format FROM export_jobs") == [("json",)]


def test_a_declared_dialect(tmp_path: Path) -> None:
    text = "Exported by Jan\r\nuser_id;name;points\r\n1;M\xfcller;3,5\r\n2;Bo;7\r\nTotal;;10,5\r\n"
    (tmp_path / "users.csv").write_bytes(text.encode("cp1252"))
    dialect = {
        "delimiter": ";",
        "encoding": "cp1252",
        "decimal": ",",
        "skip_leading": 1,
        "skip_trailing": 1,
    }
    pipeline_into(tmp_path).run(given(files={"users": tmp_path / "users.csv"}, dialect=dialect))
    assert query(tmp_path, "SELECT name, points::DOUBLE FROM users ORDER BY user_id") == [
        ("Müller", 3.5),
        ("Bo", 7.0),
    ]


def test_a_file_in_utf_16_and_a_bad_row_is_kept_apart(tmp_path: Path) -> None:
    text = "user_id\tname\n" + "".join(f"{row}\tx\n" for row in range(9)) + "9\ta\tb\n"
    (tmp_path / "users.tsv").write_bytes(text.encode("utf-16"))
    dialect = "delimiter=tab encoding=utf-16"
    pipeline_into(tmp_path).run(given(files={"users": tmp_path / "users.tsv"}, dialect=dialect))
    assert query(tmp_path, "SELECT count(*) FROM users") == [(9,)]
    [(line, raw)] = query(tmp_path, "SELECT line_number, raw FROM rejected_rows")
    assert (line, bytes(raw)) == (11, b"9\ta\tb")


def test_a_window_replaces_its_range_alone_and_the_next_load_goes_on(tmp_path: Path) -> None:
    (tmp_path / "may.csv").write_text(SALES)
    start = {"start_date": "2026-05-01"}
    with DatedVendor(transactions=SALES.encode()) as vendor:
        pipeline = pipeline_into(tmp_path)
        pipeline.run(given(files={"transactions": tmp_path / "may.csv"}, **MAY))
        assert query(tmp_path, "SELECT count(*) FROM transactions") == [(30,)]
        pipeline.run(source(vendor, "transactions", **start))
        # The file has all of May, so the vendor is asked for what is new, and the lookback.
        windows = query(
            tmp_path, "SELECT window_start FROM export_jobs WHERE state != 'FILE' ORDER BY 1"
        )
        assert str(windows[0][0]).startswith("2026-05-31")
        (tmp_path / "day.csv").write_text("id,timestamp,total\n7,2026-05-07T12:00:00Z,700\n")
        day = {"start_date": "2026-05-07", "end_date": "2026-05-08"}
        pipeline.run(given(files={"transactions": tmp_path / "day.csv"}, **day))
    found = query(tmp_path, "SELECT count(*), max(total) FROM transactions")
    assert found == [(30, 700)]


def test_nobody_knows_how_old_a_snapshot_is_so_the_next_load_brings_all_rows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "old.csv").write_text("\n".join(SALES.splitlines()[:11]) + "\n")
    with DatedVendor(transactions=SALES.encode()) as vendor:
        pipeline = pipeline_into(tmp_path)
        pipeline.run(source(vendor, "transactions"))
        with caplog.at_level(logging.WARNING, "dlt"):
            pipeline.run(given(files={"transactions": tmp_path / "old.csv"}, accept_deletes=True))
        assert "nobody knows when these files were exported" in caplog.text
        assert query(tmp_path, "SELECT count(*) FROM transactions") == [(10,)]
        pipeline.run(source(vendor, "transactions"))
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(30,)]


def test_rows_outside_of_the_range_are_left_out_and_told(tmp_path: Path) -> None:
    (tmp_path / "may.csv").write_text(SALES)
    days = {"start_date": "2026-05-01", "end_date": "2026-05-11"}
    pipeline_into(tmp_path).run(given(files={"transactions": tmp_path / "may.csv"}, **days))
    assert query(tmp_path, "SELECT count(*) FROM transactions") == [(10,)]
    [(notices,)] = query(tmp_path, "SELECT notices FROM export_jobs")
    [notice] = json.loads(notices)
    assert (notice["kind"], notice["rows"]) == ("outside", 20)


def test_a_file_that_would_delete_much_is_guarded(tmp_path: Path) -> None:
    many = b"user_id,name,points\n" + b"".join(b"%d,x,1\n" % row for row in range(50))
    (tmp_path / "users.csv").write_bytes(many)
    (tmp_path / "few.csv").write_bytes(USERS)
    pipeline_into(tmp_path).run(given(files={"users": tmp_path / "users.csv"}))
    error = refused(tmp_path, given(files={"users": tmp_path / "few.csv"}))
    assert "delete" in str(error)
    assert query(tmp_path, "SELECT count(*) FROM users") == [(50,)]


TOTAL = (
    "user_id,name,points\n" + "".join(f"{row},x,5.00\n" for row in range(20)) + "Total,,100.00\n"
)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (TOTAL, "line 22"),
        (TOTAL.replace("Total,", "Totaal generaal,"), "line 22"),
        ("name,day,points\n" + "x,2026-01-01,5\n" * 3 + ",Sum,15\n", "in 'day' it has a word"),
        (TOTAL.replace("Total,", "Totaal 20,"), "line 22"),
        # Numbers with zeros before them are texts, and no words.
        (re.sub(r"(?m)^([0-9])", r"00\1", TOTAL), "line 22"),
    ],
)
def test_a_row_of_totals_is_told_for_what_it_looks_like(
    tmp_path: Path, text: str, word: str
) -> None:
    (tmp_path / "users.csv").write_text(text)
    error = refused(tmp_path, given(files={"users": tmp_path / "users.csv"}))
    assert isinstance(error, MalformedFileError)
    assert "looks like a total of the others" in str(error)
    assert word in str(error)
    # Both ways out work: leaving it out, and saying that it is a row.
    dialect = {"skip_trailing": 1}
    pipeline_into(tmp_path).run(given(files={"users": tmp_path / "users.csv"}, dialect=dialect))
    rows = text.count("\n") - 2
    assert query(tmp_path, "SELECT count(*) FROM users") == [(rows,)]
    column = "user_id" if "user_id" in text else "day"
    types = {"users": {column: "text"}}
    (tmp_path / "again").mkdir()
    pipeline_into(tmp_path / "again").run(
        given(files={"users": tmp_path / "users.csv"}, column_types=types)
    )
    assert query(tmp_path / "again", "SELECT count(*) FROM users") == [(rows + 1,)]


@pytest.mark.parametrize(
    "text",
    [
        # A bool is no word, and a number that is no sum is none.
        "user_id,is_member,points\n1,true,5\n2,false,5\n,true,7\n",
        # Nothing is missing in it; a text like others; the only row; a word in a column of words.
        "user_id,name,points\n1,x,5\n2,x,5\nGuest,x,7\n",
        "user_id,name,points\n1,x,5\nA-7,x,5\nTotal,,7\n",
        "user_id,name,points\nGuest,,7\n",
        "user_id,name,points\n1,x,5\n2,Total,\n",
        "user_id,name,points\n1,x,5\n2a,,5\n",
        "user_id,name,points\n1,x,5\n,Total,5\n",
        "user_id,mail,points\n1,x,5\n2,y,0\n3,,0\n",
    ],
)
def test_other_last_rows_are_rows(tmp_path: Path, text: str) -> None:
    (tmp_path / "users.csv").write_text(text)
    pipeline_into(tmp_path).run(given(files={"users": tmp_path / "users.csv"}))
    assert query(tmp_path, "SELECT count(*) FROM users") == [(text.count("\n") - 1,)]


def test_a_row_of_totals_under_a_known_column(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text(TOTAL)
    (tmp_path / "sound.csv").write_text(TOTAL.replace("Total,,100.00\n", ""))
    numbers = {"users": {"user_id": "bigint"}}
    pipeline = pipeline_into(tmp_path)
    pipeline.run(given(files={"users": tmp_path / "sound.csv"}, column_types=numbers))
    error = refused(tmp_path, given(files={"users": tmp_path / "users.csv"}, column_types=numbers))
    assert "looks like a total of the others: in 'user_id' it has a word" in str(error)


@pytest.mark.parametrize(
    ("name", "data", "dialect", "told"),
    [
        ("a.csv", b"user_id;name\n1;x\n", None, (MalformedFileError, "delimiter=;")),
        ("a.csv", b"user_id,name\n1,x", None, (IncompleteDownloadError, "end its last line")),
        ("a.csv", b"", None, (MalformedFileError, "the file is empty")),
        (
            "a.csv.gz",
            gzip.compress(USERS, mtime=0)[:-5],
            None,
            (IncompleteDownloadError, "a.csv.gz"),
        ),
        ("a.csv", "é".encode(), "encoding=ascii", (EncodingError, "byte offset 0")),
        ("a.csv", b"id,n\n1,\x81\n", "encoding=cp1252", (EncodingError, "byte offset 7")),
        ("a.csv", b"id\n", "skip_trailing=3", (MalformedFileError, "Lower skip_trailing")),
    ],
)
def test_what_is_wrong_with_a_file_is_told(
    tmp_path: Path, name: str, data: bytes, dialect: Any, told: tuple[type[Exception], str]
) -> None:
    (tmp_path / name).write_bytes(data)
    kind, words = told
    error = refused(tmp_path, given(files={"users": tmp_path / name}, dialect=dialect))
    assert isinstance(error, kind)
    assert words in str(error)
    assert list((tmp_path / "pipelines" / "spaaza" / "exports").iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"files": {"users": "no.csv"}}, "no.csv is not there"),
        ({"files": {"users": "."}}, ". is a folder"),
        ({"files": {"users": []}}, "the list of files is empty"),
        ({"files": {"users": [7]}}, "'7' is not the path of a file"),
        ({"files": {"user": "a.csv"}}, "user"),
        ({"files": "a.csv"}, "not a dict whose keys are tables"),
        ({"files": {"users": ["a.csv", "a.json"]}}, "a.csv is CSV and a.json is JSON"),
        ({"files": {"users": "a.json"}, "dialect": "delimiter=;"}, "JSON has no dialects"),
        ({"files": {"users": "a.csv"}, "from_files": "kept"}, "both files and from_files"),
        ({"files": {"users": "a.csv"}, **MAY}, "Leave out start_date and end_date"),
        ({"files": {"transactions": "a.csv"}, "start_date": "2026-05-01"}, "Give end_date too"),
        ({"files": {"users": "a.csv"}, "dialect": {"delimeter": ";"}}, "'delimiter'"),
    ],
)
def test_wrong_settings_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "a.json"):
        (tmp_path / name).write_bytes(USERS)
    with pytest.raises(SettingsError) as wrong:
        list(given(**settings).resources)
    assert words in str(wrong.value)


def test_a_dialect_without_files_is_refused() -> None:
    with pytest.raises(SettingsError, match="no files are given"):
        spaaza_source("https://no-vendor.invalid", 1743, TOKEN, dialect={"delimiter": ";"})


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(USERS)
    files = {"users": [tmp_path / "a.csv", tmp_path / "b.csv"]}
    error = refused(tmp_path, given(files=files))
    assert "b.csv has the very bytes of a.csv" in str(error)
    assert isinstance(error, SettingsError)
    assert not isinstance(error, FileError)


def test_a_start_alone_leaves_a_table_without_windows_whole(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_bytes(USERS)
    start = {"start_date": "2026-05-01"}
    pipeline_into(tmp_path).run(given(files={"users": tmp_path / "users.csv"}, **start))
    assert query(tmp_path, "SELECT count(*) FROM users") == [(2,)]


@pytest.mark.parametrize("total", [",,40", ",Total,40", ",Totaal 8,40"])
def test_a_total_without_a_word_is_known_by_its_sum(tmp_path: Path, total: str) -> None:
    path = tmp_path / "users.csv"
    path.write_text("user_id,name,points\n" + "".join(f"{row},x,5\n" for row in range(8)))
    sound = path.read_text()
    path.write_text(f"{sound}{total}\n\n")
    error = refused(tmp_path, given(files={"users": path}))
    assert "beside the sum of points" in str(error)
    # The empty line behind it counts.
    assert "skip_trailing=2" in str(error)
    pipeline_into(tmp_path).run(given(files={"users": path}, dialect="skip_trailing=2"))
    assert query(tmp_path, "SELECT count(*) FROM users") == [(8,)]


def test_rows_are_not_skipped_as_if_they_were_totals(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TOTAL)
    (tmp_path / "b.csv").write_text("user_id,name,points\n30,x,5.00\n31,x,5.00\n")
    files = {"users": [tmp_path / "a.csv", tmp_path / "b.csv"]}
    error = refused(tmp_path, given(files=files, dialect={"skip_trailing": 1}))
    assert "b.csv" in str(error)
    assert "1 look like rows" in str(error)


def test_a_last_line_that_is_skipped_must_have_an_end(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text(TOTAL.rstrip())
    error = refused(
        tmp_path, given(files={"users": tmp_path / "users.csv"}, dialect="skip_trailing=1")
    )
    assert isinstance(error, IncompleteDownloadError)


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_files_that_share_rows_are_refused(tmp_path: Path, suffix: str) -> None:
    people = [[{"user_id": n, "at": file} for n in range(file, file + 5)] for file in range(2)]
    for file, rows in enumerate(people):
        text = "user_id,at\n" + "".join(f"{row['user_id']},{row['at']}\n" for row in rows)
        (tmp_path / f"{file}.{suffix}").write_text(text if suffix == "csv" else json.dumps(rows))
    files = {"users": [tmp_path / f"{file}.{suffix}" for file in range(2)]}
    error = refused(tmp_path, given(files=files))
    assert "the files share 4 rows by user_id" in str(error)


def test_sales_that_several_files_share_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(SALES)
    (tmp_path / "b.csv").write_bytes(SALES.replace("\n", "\r\n").encode())
    files = {"transactions": [tmp_path / "a.csv", tmp_path / "b.csv"]}
    assert "share 30 rows by id" in str(refused(tmp_path, given(files=files, **MAY)))


@pytest.mark.parametrize(
    ("data", "encoding", "hint"),
    [
        ("\ufeffid\n1\n".encode(), "cp1252", "Leave encoding out of the dialect"),
        ("\ufeffid\n1\n".encode("utf-16-be"), "utf-16-le", "Declare utf-16-be"),
    ],
)
def test_a_mark_that_contradicts_the_encoding(
    tmp_path: Path, data: bytes, encoding: str, hint: str
) -> None:
    (tmp_path / "users.csv").write_bytes(data)
    dialect = {"encoding": encoding}
    error = refused(tmp_path, given(files={"users": tmp_path / "users.csv"}, dialect=dialect))
    assert isinstance(error, EncodingError)
    assert hint in str(error)


def test_a_range_that_ends_in_the_future_is_refused(tmp_path: Path) -> None:
    (tmp_path / "may.csv").write_text(SALES)
    dates = {"start_date": "2026-05-01", "end_date": "2999-01-01"}
    with pytest.raises(SettingsError, match="lies in the future"):
        given(files={"transactions": tmp_path / "may.csv"}, **dates)


def test_a_file_that_is_older_than_its_range_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "may.csv").write_text(SALES)
    os.utime(tmp_path / "may.csv", (1_779_000_000, 1_779_000_000))
    with caplog.at_level(logging.WARNING, "dlt"):
        pipeline_into(tmp_path).run(given(files={"transactions": tmp_path / "may.csv"}, **MAY))
    assert "before end_date" in caplog.text


def test_vouchers_of_an_older_file_are_brought_anew(tmp_path: Path) -> None:
    """Its rows may be what they were before they changed."""
    header = "id,date_time_creation,date_time_redeemed,status\n"
    old = f"{header}1,2026-05-04T00:00:00Z,,open\n"
    new = f"{header}1,2026-05-04T00:00:00Z,2026-06-04T00:00:00Z,redeemed\n"
    (tmp_path / "may.csv").write_text(old)
    with DatedVendor(vouchers=new.encode()) as vendor:
        pipeline = pipeline_into(tmp_path)
        pipeline.run(source(vendor, "vouchers"))
        pipeline.run(given(files={"vouchers": tmp_path / "may.csv"}, **MAY))
        assert query(tmp_path, "SELECT status FROM vouchers") == [("open",)]
        pipeline.run(source(vendor, "vouchers"))
        assert "segment" not in vendor.tasks[-1]["trigger"]
    assert query(tmp_path, "SELECT status FROM vouchers") == [("redeemed",)]


def test_files_of_the_configuration_are_loaded_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("users.csv").write_bytes(USERS)
    account = {"BASE_URL": "https://no-vendor.invalid", "CHAIN_ID": "1743"}
    account |= {f"CREDENTIALS__ACCESS_TOKEN_{name}": "x" * 9 for name in ("ID", "SECRET")}
    settings = {f"SOURCES__SPAAZA__{name}": value for name, value in account.items()}
    files = '{"users": "users.csv"}'
    done = spaaza("load", "users", **settings, SOURCES__SPAAZA__FILES=files)
    assert done.returncode == 0, done.stderr
    refused = spaaza("plan", "users", **settings, SOURCES__SPAAZA__FILES=files)
    assert "files: files are set to be loaded, so no vendor is asked" in refused.stderr


def test_forms_that_nobody_has_declared_are_told(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text(
        "user_id;spent;born;note\n1;3,50;31-12-1999 10:05;a\n2;1.200,00;1-2-1998 9:30;3,5\n"
    )
    pipeline = pipeline_into(tmp_path)
    pipeline.run(given(files={"users": path}, dialect="delimiter=;"))
    [(notices,)] = query(tmp_path, "SELECT notices FROM export_jobs")
    told = {notice["column"]: notice["message"] for notice in json.loads(notices)}
    assert set(told) == {"spent", "born"}
    for column, declared in (("spent", "decimal=,"), ("born", "date_format=%d-%m-%Y %H:%M")):
        assert declared in told[column]
    check_advice("reading/given_rows.py", "{declares}If the table has it as text", told["born"])
    # The table has text now: as the notice says, it is to be loaded again.
    path.write_text("user_id;spent;born;note\n1;3,50;31-12-1999;a\n2;1,25;1-2-1998;3,5\n")
    dialect = "delimiter=; decimal=, date_format=%d-%m-%Y"
    pipeline.run(given(files={"users": path}, dialect=dialect))
    assert query(tmp_path, "SELECT count(*) FROM export_jobs WHERE notices IS NOT NULL") == [(2,)]
    pipeline.run(given(files={"users": path}, dialect=dialect), refresh="drop_resources")
    assert query(tmp_path, "SELECT sum(spent)::DOUBLE FROM users") == [(4.75,)]
