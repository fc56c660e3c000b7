"""`spaaza health` and its function, over the loads of real runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source import spaaza_source
from spaaza_source.errors import SettingsError
from spaaza_source.health import Finding, HealthRules, check_health
from spaaza_source.model import make_views, open_dataset, plan_views
from tests.command import runner
from tests.faults.hosts import QUICK, TOKEN
from tests.hints.loads import check_advice
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

pytestmark = pytest.mark.slow

#: In every cell that nobody is to see.
CANARY = "xcanaryx"
Command = Callable[..., tuple[int, list[str]]]


def users(number: int, *, empty: int = 0) -> bytes:
    cells = [f"{row},{'' if row < empty else f'{CANARY}{row}'}" for row in range(number)]
    return "\n".join(["id,email", *cells, ""]).encode()


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor(users=users(100), products=b"id\n1\n") as served:
        yield served


def load(vendor: FileVendor, folder: Path, *tables: str, **given: Any) -> None:
    source = spaaza_source(vendor.base_url, 1743, TOKEN, **QUICK, max_age=0, **given)
    pipeline_into(folder).run(source.with_resources(*(tables or ("users",))))


def load_days(vendor: FileVendor, folder: Path) -> None:
    """Four loads, each of another file."""
    for rows in (100, 101, 102, 103):
        vendor.files["users"] = users(rows)
        load(vendor, folder)


def found(folder: Path, **given: Any) -> dict[str, Finding]:
    findings = check_health(pipeline_into(folder), **given)
    assert CANARY not in str(findings)
    return {f"{each.table} {each.rule}": each for each in findings}


def test_a_model_is_held_to_its_invariants(vendor: FileVendor, tmp_path: Path) -> None:
    vendor.files["vouchers"] = b"id,status\n" + b"".join(b"%d,redeemed\n" % i for i in range(50))
    load(vendor, tmp_path, "vouchers")
    assert not any("invariant" in place for place in levels(tmp_path))
    pipeline = pipeline_into(tmp_path)
    with open_dataset(pipeline) as dataset:
        make_views(dataset, plan_views(dataset, "spaaza"))
    [found] = [each for each in check_health(pipeline) if each.column == "redeemed_time"]
    assert (found.rule, found.level, found.value) == ("invariant", "broken", 1.0)
    assert "redeemed_time fails for 50 of 50" in found.measured
    lenient = check_health(pipeline, rules=HealthRules(invariant_tolerance=1.0))
    assert {each.level for each in lenient if each.rule == "invariant"} == {"ok"}
    # A table by itself is not asked for what others have to do with it.
    assert "invariant" not in {each.rule for each in check_health(pipeline, ["vouchers"])}
    query(tmp_path, "DROP TABLE vouchers")
    [unread] = [each for each in check_health(pipeline) if each.rule == "invariant"]
    assert unread.level == "unknown"
    check_advice("health/invariants.py", "its views cannot be read", unread.reason)
    vendor.files["vouchers"] = b"id\n1\n"
    load(vendor, tmp_path, "vouchers")
    with open_dataset(pipeline) as dataset:
        make_views(dataset, plan_views(dataset, "spaaza"))
    assert {each.level for each in check_health(pipeline) if each.rule == "invariant"} <= {"ok"}


def levels(folder: Path, **given: Any) -> dict[str, str]:
    return {place: each.level for place, each in found(folder, **given).items()}


def test_a_dataset_is_healthy_until_something_is_not(vendor: FileVendor, tmp_path: Path) -> None:
    load_days(vendor, tmp_path)
    assert set(levels(tmp_path).values()) == {"ok"}
    vendor.files["users"] = users(400, empty=200)
    load(vendor, tmp_path)
    broken = {place for place, level in levels(tmp_path).items() if level == "broken"}
    assert broken == {"users volume", "users nulls"}
    assert found(tmp_path)["users nulls"].measured == "50% NULL in email"
    later = datetime.now(UTC) + timedelta(hours=27)
    assert levels(tmp_path, now=later)["users freshness"] == "broken"
    strict = HealthRules(volume_tolerance=5.0, null_tolerance=0.6)
    assert set(levels(tmp_path, rules=strict).values()) == {"ok"}


def test_a_failed_export_is_broken_until_the_next_good_load(
    vendor: FileVendor, tmp_path: Path
) -> None:
    load(vendor, tmp_path)
    vendor.files["users"] = b"id,id\n1,1\n"
    with pytest.raises(PipelineStepFailed):
        load(vendor, tmp_path)
    failed = found(tmp_path)["users failed"]
    assert (failed.level, failed.measured) == ("broken", "1 not loaded (HeaderError)")
    vendor.files["users"] = users(101)
    load(vendor, tmp_path)
    assert levels(tmp_path)["users failed"] == "ok"


def test_a_table_that_only_ever_failed_is_told(vendor: FileVendor, tmp_path: Path) -> None:
    vendor.files["users"] = b"id,id\n1,1\n"
    with pytest.raises(PipelineStepFailed):
        load(vendor, tmp_path)
    assert levels(tmp_path) == {"users freshness": "broken", "users failed": "broken"}


def test_open_discrepancies_and_bad_rows_are_told(vendor: FileVendor, tmp_path: Path) -> None:
    vendor.files["users"] = users(100).replace(b"50,", b"1,2,3\n50,")
    vendor.files["users"] = vendor.files["users"].replace(b"70,", b"1,2,3\n70,")
    load(vendor, tmp_path)
    query(tmp_path, "UPDATE export_jobs SET proven = false, found = 1")
    told = levels(tmp_path)
    assert (told["users rejected"], told["users discrepancies"]) == ("broken", "broken")


def test_a_dataset_of_an_older_version_is_read(vendor: FileVendor, tmp_path: Path) -> None:
    load_days(vendor, tmp_path)
    query(tmp_path, "ALTER TABLE export_jobs DROP nulls")
    told = found(tmp_path)
    assert told["users nulls"].level == "unknown"
    assert told["users nulls"].reason.startswith("not counted")
    assert {each.level for place, each in told.items() if "nulls" not in place} == {"ok"}


def test_a_dataset_without_loads_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nothing was ever loaded"):
        check_health(pipeline_into(tmp_path))


def test_named_tables_alone_are_looked_at(vendor: FileVendor, tmp_path: Path) -> None:
    load(vendor, tmp_path, "users", "products")
    assert {place.split()[0] for place in levels(tmp_path, tables=["products"])} == {"products"}
    assert levels(tmp_path, tables=["vouchers"])["vouchers freshness"] == "broken"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command without any setting of a vendor."""
    return runner(monkeypatch)


def place(folder: Path) -> tuple[str, ...]:
    return f"--db={folder / 'warehouse.duckdb'}", "--dataset=loyalty"


def test_the_command_needs_no_vendor(vendor: FileVendor, tmp_path: Path, command: Command) -> None:
    load_days(vendor, tmp_path)
    code, lines = command("health", *place(tmp_path))
    assert code == 0, lines
    assert lines[-1] == "6 findings: 0 broken, 0 unknown."
    code, lines = command("health", *place(tmp_path), "--max-age=0s", "users")
    assert code == 1
    assert "users  freshness      broken" in "\n".join(lines)
    assert CANARY not in "\n".join(lines)


def test_the_command_tells_a_monitor_line_by_line(
    vendor: FileVendor, tmp_path: Path, command: Command
) -> None:
    load(vendor, tmp_path)
    code, lines = command("health", *place(tmp_path), "--max-age=0s", "--log=json")
    assert code == 1
    *events, ended = map(json.loads, lines)
    assert (ended["event"], ended["exit_code"]) == ("ended", 1)
    assert {each["event"] for each in events} == {"health"}
    first = {name: events[0][name] for name in ("table_name", "rule", "level", "expected")}
    assert first == {
        "table_name": "users",
        "rule": "freshness",
        "level": "broken",
        "expected": "at most 0.0 h old",
    }
    unknown = next(each for each in events if each["rule"] == "volume")
    assert unknown["level"] == "unknown"
    assert unknown["reason"].startswith("too little history")


@pytest.mark.parametrize("wrong", [("--max-age=soon",), ("--dataset=elsewhere",)])
def test_the_command_tells_wrong_settings(
    vendor: FileVendor, tmp_path: Path, command: Command, wrong: tuple[str, ...]
) -> None:
    load(vendor, tmp_path)
    code, lines = command("health", *place(tmp_path), "--log=json", *wrong)
    assert code == 2
    assert json.loads(lines[0])["event"] == "failed"


def test_looking_makes_no_file(tmp_path: Path, command: Command) -> None:
    code, _ = command("health", *place(tmp_path), "--log=json")
    assert code == 2
    assert not (tmp_path / "warehouse.duckdb").exists()
