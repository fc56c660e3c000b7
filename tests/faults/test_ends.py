"""Fault 17: a file that comes without a length counts only if its own end proves it whole.

Through a whole load into DuckDB: the host says nothing, so only the reader can tell.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from spaaza_source import spaaza_source
from spaaza_source.errors import FileError, IncompleteDownloadError, SpaazaSourceError
from spaaza_source.exports.downloads import fetch
from tests.faults.hosts import QUICK, TOKEN, BadHost, chunked, ours, until_closed
from tests.vendors.server import Answer
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.wing("transport", "loading")

ROWS = b'id,name,note\n1,a,\n2,b,"two\nlines"\n3,c,last'
WHOLE = ROWS + b"\n"
PACKED = gzip.compress(ROWS)
RECORDS = json.dumps([{"id": number, "name": "a"} for number in range(3)]).encode()
LINES = b'{"id": 1, "name": "a"}\n{"id": 2, "name": "b"}\n{"id": 3, "name": "c"}\n'


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "PAUSE", 0.0)


def load(folder: Path, answer: Answer, **given: Any) -> list[tuple[Any, ...]]:
    with BadHost("users", lambda _seen, _whole: answer, users=b"") as vendor:
        source = spaaza_source(vendor.base_url, 1743, TOKEN, **QUICK, **given)
        pipeline_into(folder).run(source.with_resources("users"))
    return query(folder, "SELECT id FROM users ORDER BY id")


def check_stop(
    folder: Path, answer: Answer, error: type[SpaazaSourceError], words: str, **given: Any
) -> None:
    with pytest.raises(Exception, match=words) as stopped:
        load(folder, answer, **given)
    assert isinstance(ours(stopped.value), error)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as warehouse:
        found = warehouse.sql("SELECT table_name FROM duckdb_tables()").fetchall()
    # What was asked for and did not come is told, and nothing is loaded.
    assert {table for (table,) in found} == {"failed_exports", "_dlt_loads", "_dlt_version"}
    assert list((folder / "pipelines" / "spaaza" / "exports").iterdir()) == []


@pytest.mark.parametrize(
    ("sent", "error", "words"),
    [
        (WHOLE[:-2], IncompleteDownloadError, "the last row has no record end"),
        (WHOLE[: WHOLE.index(b"3,") + 1], FileError, "1 cells where the header has 3"),
        (WHOLE[: WHOLE.index(b"lines")], FileError, "a quote opens a cell and never closes"),
        (WHOLE[: WHOLE.index(b"note") + 2], IncompleteDownloadError, "no record end"),
        (b"", IncompleteDownloadError, "no byte of the file arrived"),
    ],
    ids=[
        "inside the last cell",
        "behind the first cell",
        "inside quotes",
        "inside the header",
        "before anything",
    ],
)
def test_a_cut_file_without_a_length_is_not_loaded(
    tmp_path: Path, sent: bytes, error: type[SpaazaSourceError], words: str
) -> None:
    check_stop(tmp_path, until_closed(sent), error, words)


@pytest.mark.slow
def test_an_answer_that_broke_off_among_its_headers_is_asked_for_again(tmp_path: Path) -> None:
    """What is left of it has neither a length nor a body."""
    answers = [until_closed(b""), Answer(200, WHOLE)]
    with BadHost("users", lambda _seen, _whole: answers.pop(0), users=b"") as vendor:
        source = spaaza_source(vendor.base_url, 1743, TOKEN, **QUICK)
        pipeline_into(tmp_path).run(source.with_resources("users"))
    assert query(tmp_path, "SELECT id FROM users ORDER BY id") == [("1",), ("2",), ("3",)]
    assert answers == []


@pytest.mark.slow
def test_a_final_record_end_is_the_proof_there_is(tmp_path: Path) -> None:
    """A cut that falls behind a record's end is the one that nothing in such a file shows."""
    assert load(tmp_path, until_closed(WHOLE[: WHOLE.index(b"3,")])) == [("1",), ("2",)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(200, ROWS), marks=pytest.mark.thorough),
        pytest.param(chunked(ROWS), marks=pytest.mark.thorough),
        until_closed(PACKED),
    ],
    ids=["a length", "a chunked end", "a gzip trailer"],
)
def test_a_proven_end_needs_no_record_end(tmp_path: Path, answer: Answer) -> None:
    assert load(tmp_path, answer) == [("1",), ("2",), ("3",)]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (chunked(WHOLE, whole=False), "the connection broke"),
        (until_closed(PACKED[:-1]), "ends before its checksum"),
    ],
)
def test_a_cut_of_what_has_an_end_is_noticed(tmp_path: Path, answer: Answer, words: str) -> None:
    check_stop(tmp_path, answer, IncompleteDownloadError, words)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [RECORDS, LINES[:-1]])
def test_json_proves_itself(tmp_path: Path, sent: bytes) -> None:
    assert len(load(tmp_path, until_closed(sent), export_format="json")) == 3


@pytest.mark.parametrize("sent", [RECORDS[:-1], LINES[:-2]])
def test_cut_json_is_not_loaded(tmp_path: Path, sent: bytes) -> None:
    check_stop(tmp_path, until_closed(sent), FileError, "users, job 1", export_format="json")
