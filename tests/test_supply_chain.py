"""What is installed: pinned by hash, asked of a database of faults; and names that are no SQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from spaaza_source import spaaza_source
from spaaza_source.cli.deep_check.check import deep_check
from spaaza_source.spaaza.indexes import INDEXES
from tests.vendors.server import Answer, ScriptedServer, Seen
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

AUDIT = Path(__file__).parent.parent / ".ci" / "audit.py"
FAULT = {
    "id": "PYSEC-2026-1",
    "summary": "a fault",
    "affected": [
        {
            "package": {"name": "requests", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9"}]}],
        }
    ],
}


def audit(url: str) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, str(AUDIT)],
        env={**os.environ, "PIP_AUDIT_OSV_URL": url},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return ran.returncode, ran.stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the pins' markers are read on this platform")
@pytest.mark.thorough
def test_a_known_fault_of_a_pinned_package_fails_the_audit() -> None:
    def answer(seen: Seen) -> Answer:
        name = json.loads(seen.body)["package"]["name"]
        return Answer.json({"vulns": [FAULT]} if name == "requests" else {})

    with ScriptedServer(answer) as database:
        code, told = audit(database.base_url)
    assert code == 1
    assert "audit of constraints.txt: 1 known faults" in told
    assert "PYSEC-2026-1 (mended in 9.9)" in told


@pytest.mark.slow
@pytest.mark.thorough
def test_a_database_that_cannot_be_reached_is_said() -> None:
    with ScriptedServer(lambda _: Answer(503)) as database:
        code, told = audit(database.base_url)
    assert code == 0
    assert told.count("cannot be reached") == 2


#: Each would do something else than name a column, were it put into SQL as it is.
HOSTILE = (
    'a"; DROP TABLE users; --',
    "b' OR '1'='1",
    "c`); ATTACH 'x.db'; --",
    "{table}.d %s ? $1",
    'e\\"\\',
    "SELECT",
)


@pytest.mark.slow
@pytest.mark.thorough
def test_a_header_is_no_sql_anywhere_on_the_road(tmp_path: Path) -> None:
    """Loaded, merged, replaced by a range, its deletions and lateness counted, compared deeply."""
    header = ",".join('"' + name.replace('"', '""') + '"' for name in HOSTILE)
    time = HOSTILE[0]

    def rows(first: int, last: int) -> bytes:
        lines = [
            f"2026-05-{day:02}T10:00:00Z," + ",".join(f"{day}{n}" for n in range(len(HOSTILE) - 1))
            for day in range(first, last)
        ]
        return "\n".join([header, *lines, ""]).encode()

    credentials = {"access_token_id": "a", "access_token_secret": "b"}
    with FileVendor(transactions=rows(1, 20), users=rows(1, 20)) as vendor:

        def source(**given: object) -> object:
            made = spaaza_source(
                vendor.base_url,
                1743,
                credentials,
                poll_interval=0.01,
                start_margin=0,
                stagger=0,
                max_age=0,
                time_columns={"transactions": time},
                **given,  # type: ignore[arg-type]
            ).with_resources("transactions", "users")
            made.resources["users"].apply_hints(primary_key="select")
            return made

        pipeline = pipeline_into(tmp_path)
        pipeline.run(source(start_date="2026-05-01"))
        vendor.files["transactions"] = rows(10, 25)
        vendor.files["users"] = rows(2, 22)
        pipeline.run(source(start_date="2026-05-01"))
        # Ranges overlap, keys merge, rows go: each by names that came from the header.
        pipeline.run(source(start_date="2026-05-10", end_date="2026-05-22"))
        checked = list(deep_check(pipeline, [source()], INDEXES, 5, exists=True))  # type: ignore[list-item]
    by_table = {each.table: each.differences for each in checked}
    assert by_table["users"] is not None
    assert by_table["users"].equal
    columns = {name for name, *_ in query(tmp_path, "DESCRIBE users")}
    assert len(columns) == len(HOSTILE)
    assert all(name.replace("_", "").isalnum() for name in columns)
    assert query(tmp_path, "SELECT count(*) FROM users") == [(20,)]
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as warehouse:
        assert warehouse.sql(
            "SELECT count(*) FROM duckdb_databases() WHERE NOT internal"
        ).fetchall() == [(1,)]
