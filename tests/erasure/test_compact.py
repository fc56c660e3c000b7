"""A rewritten DuckDB file is read by whoever read the one before."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from spaaza_source.erasure.compact import rewrite_file

VERSION = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE NOT internal"


@pytest.mark.parametrize("version", ["v1.0.0", "v1.5.0"])
def test_its_storage_version_stays(version: str, tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(file), config={"storage_compatibility_version": version}) as made:
        made.execute("CREATE TABLE users AS SELECT range AS id FROM range(10)")
    assert rewrite_file(file) is None
    with duckdb.connect(str(file)) as rewritten:
        assert rewritten.execute(VERSION).fetchall() == [(f"{version}+",)]
        assert rewritten.execute("SELECT count(*) FROM users").fetchall() == [(10,)]
