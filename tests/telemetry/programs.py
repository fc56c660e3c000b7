"""Programs that load, as users write them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dlt.pipeline.exceptions import PipelineStepFailed
from opentelemetry import trace

from spaaza_source import spaaza_source
from spaaza_source.health import check_health
from tests.faults.hosts import QUICK, TOKEN
from tests.vendors.server import CANARY
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into

USERS = f"id,email\n1,{CANARY}@a.example\n2,{CANARY}\n3\n".encode()
PRODUCTS = b"id,name\n1,Tea\n2,\n"


class FailingVendor(FileVendor):
    """One whose every export of products fails."""

    def _task(self, number: int, code: str) -> dict[str, Any]:
        task = super()._task(number, code)
        if self.tasks[number - 1]["target"]["export_index"] == "products":
            task["state"]["code"] = "ERROR" if code == "DONE" else code
        return task


def source(vendor: FileVendor, *tables: str, **given: Any) -> Any:
    made = spaaza_source(vendor.base_url, 1743, TOKEN, **QUICK, max_age=0, **given)
    return made.with_resources(*(tables or ("users", "products")))


def load(folder: Path) -> None:
    """One good load of two tables; a row of one is bad."""
    with FileVendor(users=USERS, products=PRODUCTS) as vendor:
        pipeline_into(folder).run(source(vendor))


def load_window(folder: Path) -> None:
    """A range of a table that is asked for by time."""
    rows = b"id,timestamp\n1,2026-05-03T10:00:00Z\n"
    with FileVendor(transactions=rows) as vendor:
        given = source(
            vendor,
            "transactions",
            start_date="2026-05-01",
            end_date="2026-05-08",
            segments={"transactions": [{"id": "store", "operator": "eq", "value": CANARY}]},
        )
        pipeline_into(folder).run(given)


def load_twice(folder: Path) -> None:
    """The same files twice: the second time nothing is written."""
    with FileVendor(users=b"id\n1\n") as vendor:
        for _ in range(2):
            pipeline_into(folder).run(source(vendor, "users"))


def fail_at_vendor(folder: Path) -> None:
    with FailingVendor(users=USERS, products=PRODUCTS) as vendor:
        run_in_vain(folder, lambda: source(vendor))


def fail_to_read(folder: Path) -> None:
    with FileVendor(users=b"id,id\n1,1\n") as vendor:
        run_in_vain(folder, lambda: source(vendor, "users"))


def run_in_vain(folder: Path, make: Callable[[], Any]) -> None:
    with contextlib.suppress(PipelineStepFailed):
        pipeline_into(folder).run(make())
        raise AssertionError


def load_by_steps(folder: Path) -> None:
    """dlt's three steps, called one by one."""
    with FileVendor(users=USERS) as vendor:
        pipeline = pipeline_into(folder)
        pipeline.extract(source(vendor, "users"))
        pipeline.normalize()
        pipeline.load()


def leave_extracted(folder: Path) -> None:
    """A run that ends before it has loaded."""
    with FileVendor(users=USERS, products=PRODUCTS) as vendor:
        pipeline = pipeline_into(folder)
        pipeline.extract(source(vendor))
        pipeline.normalize()


def load_what_is_left(folder: Path) -> None:
    with FileVendor(users=USERS, products=PRODUCTS) as vendor:
        source(vendor)
        pipeline_into(folder).load()


def load_within_a_span(folder: Path) -> None:
    with trace.get_tracer("theirs").start_as_current_span("theirs"):
        load(folder)


def load_another(folder: Path) -> None:
    """A pipeline of somebody else's in the same program."""
    with FileVendor(users=USERS) as vendor:
        source(vendor)
        pipeline_into(folder, "another").run([{"id": 1}], table_name="theirs")


def look(folder: Path) -> None:
    """Four loads, and the last one is too large, older than it may be, and has a bad row."""
    with FileVendor() as vendor:
        for rows in (100, 101, 102, 103, 400):
            cells = [f"{row},{'' if row % 4 else CANARY}" for row in range(rows)]
            vendor.files["users"] = "\n".join(["id,email", *cells, "bad", ""]).encode()
            pipeline_into(folder).run(source(vendor, "users"))
    check_health(pipeline_into(folder))
