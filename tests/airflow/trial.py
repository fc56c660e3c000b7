"""A whole backfill by Airflow, two of its tasks killed, beside one load that nobody disturbed.

`python -m tests.airflow` runs this with the Python of an environment that has Airflow.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dlt
import psutil

from spaaza_source import spaaza_source
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.spaaza.export_service import DESCRIPTION
from spaaza_source.windows import parse_window
from tests.airflow.cluster import Airflow, TaskInstance, airflow, wait
from tests.airflow.warehouses import DATASET, Warehouse, ducklake, postgres, put_extensions
from tests.destination.servers import postgres_server

ROOT = Path(__file__).parents[2]
DAG = "spaaza_backfill"
END = datetime(2026, 11, 1, tzinfo=UTC)
QUICK = {"POLL_INTERVAL": "0.5", "START_MARGIN": "0", "STAGGER": "0"}
#: Seconds that an export runs at the vendor.
RUN_SECONDS = 5.0
#: So many may be open there, so that tasks wait for theirs.
OPEN = 2


class Trial:
    """A sandbox, an Airflow and two empty warehouses."""

    def __init__(
        self, sandbox: Sandbox, made: Airflow, warehouses: tuple[Warehouse, Warehouse]
    ) -> None:
        self.sandbox, self.airflow = sandbox, made
        self.warehouse, self.undisturbed = warehouses
        self.killed: list[str] = []

    def run(self, name: str, start: datetime, tables: Sequence[str], *, kill: bool) -> float:
        """Run the DAG to its end; how many seconds that took."""
        begun = time.monotonic()
        self.airflow.trigger(
            DAG,
            name,
            start=str(start.date()),
            end=str(END.date()),
            tables=list(tables),
            windows_per_task=1,
        )
        if kill:
            self._kill_while_exporting(name)
            self._kill_while_loading(name)
        ended = ("success", "failed")
        wait(lambda: self.airflow.state(name) in ended, f"the DAG run {name}", 1_500)
        if self.airflow.state(name) != "success":
            failed = [one for one in self.airflow.tasks(name) if one.state != "success"]
            logs = [self.airflow.log(name, task)[-6_000:] for task in {one.task for one in failed}]
            raise RuntimeError("\n".join([f"{name} failed: {failed}", *logs]))
        return time.monotonic() - begun

    def load_at_once(self, start: datetime, tables: Sequence[str]) -> None:
        """What the DAG loads, by one load into the other warehouse."""
        with environment({**self.undisturbed.settings, **access_to(self.sandbox)}):
            pipeline = dlt.pipeline("one_load", destination="warehouse", dataset_name=DATASET)
            source = spaaza_source(start_date=start, max_age=0, max_concurrent_exports=20)
            pipeline.run(source.with_resources(*tables))

    def load_daily(self, start: datetime, tables: Sequence[str]) -> list[str]:
        """A daily load on another machine, with the range's start; what it asks for."""
        before = len(self.sandbox.tasks)
        with environment({**self.warehouse.settings, **access_to(self.sandbox)}):
            pipeline = dlt.pipeline("spaaza", destination="warehouse", dataset_name=DATASET)
            pipeline.run(spaaza_source(start_date=start, max_age=0).with_resources(*tables))
        return self.asked()[before:]

    def asked(self) -> list[str]:
        """The exports so far: the index, and the window if there is one."""
        found = [DESCRIPTION.search(task["desc"]) for task in self.sandbox.tasks[::-1]]
        return [f"{own['subject']} {own['window'] or ''}".strip() for own in found if own]

    def _kill_while_exporting(self, name: str) -> None:
        """Kill a task whose export is running at the vendor."""

        def found() -> TaskInstance | None:
            exports = zip(self.sandbox.tasks[::-1], self.asked(), strict=True)
            going = {text for task, text in exports if task["state"]["code"] == "INPROGRESS"}
            return next((task for task in self._running(name) if task.part in going), None)

        self._kill(name, wait(found, "a task whose export runs"), "while its export ran")

    def _kill_while_loading(self, name: str) -> None:
        """Kill a task whose rows are on their way into the table."""
        with self.warehouse.loading() as port:

            def found() -> TaskInstance | None:
                local = port()
                return next((task for task in self._running(name) if _has(task, local)), None)

            self._kill(name, wait(found, "a task that loads"), "while its rows were merged")

    def _kill(self, name: str, task: TaskInstance, moment: str) -> None:
        psutil.Process(task.pid).kill()
        self.killed.append(f"{task.part} {moment}")
        wait(lambda: self._tries(name, task) != task.tries, f"another try of {task.name}")

    def _running(self, name: str) -> list[TaskInstance]:
        tasks = self.airflow.tasks(name)
        return [one for one in tasks if one.task == "load" and one.state == "running" and one.pid]

    def _tries(self, name: str, same: TaskInstance) -> int:
        return next(one.tries for one in self.airflow.tasks(name) if one.name == same.name)


def _has(task: TaskInstance, port: int | None) -> bool:
    """Whether a task's process has a connection from that port."""
    with contextlib.suppress(psutil.Error):
        connections = psutil.Process(task.pid).net_connections("tcp")
        return any(one.laddr and one.laddr.port == port for one in connections)
    return False


@contextlib.contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """For this process."""
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def access_to(sandbox: Sandbox) -> dict[str, str]:
    """What dlt's configuration says of the vendor."""
    given = {"BASE_URL": sandbox.base_url, "CHAIN_ID": str(sandbox.chain_id), **QUICK}
    given |= {f"CREDENTIALS__{name.upper()}": key for name, key in sandbox.credentials.items()}
    return {f"SOURCES__SPAAZA__{name}": value for name, value in given.items()}


@contextlib.contextmanager
def stage(into: str, months: int, rows: int, parallel: int) -> Iterator[Trial]:
    """Set up all that a trial needs."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="airflow-")))
        quiet = {"DLT_DATA_DIR": str(folder / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false"}
        stack.enter_context(environment(quiet))
        settings = SandboxSettings(
            rows=rows, data_end=END, history_days=31 * months, run_seconds=RUN_SECONDS
        )
        sandbox = stack.enter_context(Sandbox(settings))
        server = stack.enter_context(postgres_server())
        if into == "ducklake":
            put_extensions()
        warehouses = [
            postgres(server, name) if into == "postgres" else ducklake(server, name, folder / name)
            for name in ("warehouse", "undisturbed")
        ]
        made = stack.enter_context(
            airflow(
                folder / "airflow",
                {"backfill.py": waiting_dag()},
                server.create("airflow"),
                parallel,
                {**quiet, **warehouses[0].settings, **access_to(sandbox), "PYTHONPATH": str(ROOT)},
            )
        )
        made.command("pools", "set", "loyalty_exports", str(parallel), "exports at one time")
        wait(lambda: DAG in made.command("dags", "list", "-o", "plain"), "the DAG")
        yield Trial(sandbox, made, (warehouses[0], warehouses[1]))


def waiting_dag() -> str:
    """The DAG as it is where no triggerer runs: its tasks wait, and can be killed meanwhile."""
    text = (ROOT / "pipelines" / "airflow_dag.py").read_text(encoding="utf-8")
    for default, own in (
        ('"deferrable": True', '"deferrable": False'),
        ('"most_open": None', f'"most_open": {OPEN}'),
    ):
        if text.count(default) != 1:
            raise RuntimeError(f"the DAG has no {default}")
        text = text.replace(default, own)
    return text


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.airflow")
    parser.add_argument("--into", choices=("postgres", "ducklake"), default="postgres")
    parser.add_argument("--months", type=int, default=24, help="windows of each table (24)")
    parser.add_argument("--rows", type=int, default=5_000, help="of each table (5000)")
    parser.add_argument("--parallel", type=int, default=4, help="tasks at one time (4)")
    parser.add_argument("--tables", nargs="+", default=["transactions", "vouchers", "users"])
    given = parser.parse_args()
    start = END
    for _ in range(given.months):
        start = (start - timedelta(days=1)).replace(day=1)
    wrong: list[str] = []
    with stage(given.into, given.months, given.rows, given.parallel) as trial:
        seconds = trial.run("first", start, given.tables, kill=True)
        asked = Counter(trial.asked())
        say(f"{given.months} windows, {given.parallel} tasks at one time: {seconds:.0f} s")
        for killed in trial.killed:
            say(f"killed: {killed}")
        wrong += [f"{one} was asked for {n} times" for one, n in asked.items() if n > 1]
        trial.load_at_once(start, given.tables)
        wrong += [each for table in given.tables for each in differences(trial, table)]
        wrong += unsound(trial)
        again = trial.run("again", start, given.tables, kill=False)
        loaded = [one for one in trial.airflow.tasks("again") if one.task == "load"]
        say(f"run again: {again:.0f} s")
        wrong += [f"{one.part} was loaded again" for one in loaded if one.state != "skipped"]
        goes_on = [table for table in given.tables if table != "users"]
        for text in trial.load_daily(start, goes_on):
            window = parse_window(text.split(" ", 1)[1])
            if window is None or window.length > timedelta(days=60):
                wrong.append(f"the daily load asked for {text}")
    for each in wrong:
        say(f"WRONG: {each}")
    if not wrong:
        say("The tables equal one undisturbed load; each window was exported once.")
    return int(bool(wrong))


def differences(trial: Trial, table: str) -> list[str]:
    """What differs from the undisturbed load."""
    found = []
    there, wanted = trial.warehouse.columns(table), trial.undisturbed.columns(table)
    if there != wanted:
        found.append(f"{table}: other columns: {set(there.items()) ^ set(wanted.items())}")
        return found
    rows, expected = Counter(trial.warehouse.rows(table)), Counter(trial.undisturbed.rows(table))
    missing, more = (expected - rows).total(), (rows - expected).total()
    say(f"{table}: {rows.total()} rows; {missing} missing, {more} too many")
    if missing or more or not rows:
        found.append(f"{table}: {missing} rows are missing, {more} too many, of {expected.total()}")
    return found


def unsound(trial: Trial) -> list[str]:
    """What the tables that account for loads tell otherwise than they should."""
    ledger = f"{DATASET}.export_jobs"
    jobs = "SELECT table_name, job_id, count(*), max(found) - max(loaded) FROM {} GROUP BY 1, 2"
    found = [
        f"{table}, job {job}: {n} times in export_jobs, {gap} rows apart"
        for table, job, n, gap in trial.warehouse.query(jobs.format(ledger))
        if n > 1 or gap
    ]
    schemas = trial.warehouse.query("SELECT schema_name FROM information_schema.schemata")
    found += [f"{name} was left behind" for (name,) in schemas if "_staging_" in str(name)]
    return found


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
