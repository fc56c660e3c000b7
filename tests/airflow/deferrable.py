"""A backfill by Airflow with one slot: how long it takes beside the vendor's own time.

`python -m tests.airflow --deferrable` runs this with the Python of an environment that has Airflow.
With `--kill`, the triggerer is killed while exports run, and a task while it loads.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import psutil

from spaaza_source import spaaza_source
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.spaaza.export_service import DESCRIPTION
from tests.airflow.cluster import Airflow, airflow, started, wait
from tests.airflow.trial import DAG, ROOT, access_to, environment, say
from tests.airflow.warehouses import DATASET, Warehouse, postgres
from tests.destination.servers import postgres_server

TABLE = "transactions"
#: DAGs that run when a table has new rows.
DOWNSTREAM = """
from airflow.sdk import Asset, dag, task

for table in ("transactions", "vouchers"):

    @dag(dag_id=f"after_{table}", schedule=[Asset(f"x-dlt://warehouse/spaaza_data/{table}")])
    def after():
        @task
        def read():
            pass

        read()

    after()
"""


class Trial:
    """A vendor that runs some exports at a time, an Airflow with one slot, two empty warehouses."""

    def __init__(
        self,
        sandbox: Sandbox,
        made: Airflow,
        warehouses: tuple[Warehouse, Warehouse],
        stack: contextlib.ExitStack,
    ) -> None:
        self.sandbox, self.airflow = sandbox, made
        self.warehouse, self.undisturbed = warehouses
        self._stack = stack
        self.triggerer = stack.enter_context(started(made, ["triggerer"]))
        self.most_running = 0

    def run(self, run: str, start: datetime, *, order: str, kill: bool) -> None:
        """Run the DAG to its end."""
        self.airflow.trigger(DAG, run, start=str(start.date()), tables=[TABLE], order=order)
        if kill:
            self._kill_triggerer(run)
            self._kill_loading(run)
        wait(lambda: self._has_ended(run), f"the DAG run {run}", 1_500)
        if self.airflow.state(run) != "success":
            tasks = self.airflow.tasks(run)
            failed = [one for one in tasks if one.state != "success"]
            logs = [self.airflow.log(run, task)[-6_000:] for task in {one.task for one in failed}]
            raise RuntimeError("\n".join([f"{run} failed: {failed}", *logs]))

    def seconds(self, run: str) -> float:
        """From the run's start to its end, by Airflow."""
        ((seconds,),) = self.airflow.query(
            "SELECT extract(epoch FROM end_date - start_date) FROM dag_run WHERE run_id = %s", run
        )
        return float(seconds)

    def steps(self) -> list[tuple[Any, ...]]:
        """When each task was queued, began last and ended, in seconds since the run's start."""
        return self.airflow.query(
            "SELECT task_instance.task_id, map_index,"
            " round(extract(epoch FROM task_instance.start_date - dag_run.start_date), 1),"
            " round(extract(epoch FROM task_instance.end_date - dag_run.start_date), 1)"
            " FROM task_instance JOIN dag_run USING (dag_id, run_id) ORDER BY 4"
        )

    def asked(self) -> list[str]:
        """The exports so far: the index, and the window if there is one."""
        found = [DESCRIPTION.search(task["desc"]) for task in self.sandbox.tasks[::-1]]
        return [f"{own['subject']} {own['window'] or ''}".strip() for own in found if own]

    def load_at_once(self, start: datetime) -> None:
        """What the DAG loads, by one load into the other warehouse."""
        with environment({**self.undisturbed.settings, **access_to(self.sandbox)}):
            pipeline = dlt.pipeline("one_load", destination="warehouse", dataset_name=DATASET)
            # The vendor's exports are there.
            source = spaaza_source(start_date=start, max_age=86_400)
            pipeline.run(source.with_resources(TABLE))

    def _has_ended(self, run: str) -> bool:
        running = [one for one in self.airflow.tasks(run) if one.state == "running"]
        self.most_running = max(self.most_running, len(running))
        return self.airflow.state(run) in ("success", "failed")

    def _kill_triggerer(self, run: str) -> None:
        """Kill the triggerer while a task is deferred; start another one."""
        wait(lambda: self._has(run, "deferred"), "a deferred task")
        for process in [
            *psutil.Process(self.triggerer).children(recursive=True),
            psutil.Process(self.triggerer),
        ]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        say("killed: the triggerer, while exports ran")
        self._stack.enter_context(started(self.airflow, ["triggerer"]))

    def _kill_loading(self, run: str) -> None:
        """Kill a task that loads, in its process."""

        def found() -> Any:
            tasks = self.airflow.tasks(run)
            return next(
                (one for one in tasks if one.task == "load" and one.state == "running" and one.pid),
                None,
            )

        wait(lambda: self._has(run, "success", "begin"), "the table")
        with self.warehouse.loading() as port:
            wait(port, "a load")
            task = wait(found, "a task that loads")
            psutil.Process(task.pid).kill()
        say(f"killed: {task.name}, while it loaded")

    def _has(self, run: str, state: str, task: str | None = None) -> bool:
        """Whether a task is in a state."""
        tasks = self.airflow.tasks(run)
        return any(one.state == state and task in (None, one.task) for one in tasks)


@contextlib.contextmanager
def stage(given: argparse.Namespace, now: datetime) -> Iterator[Trial]:
    """Set up all that a trial needs."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="airflow-")))
        quiet = {"DLT_DATA_DIR": str(folder / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false"}
        stack.enter_context(environment(quiet))
        settings = SandboxSettings(
            rows=given.rows,
            data_end=now,
            history_days=31 * given.windows,
            run_seconds=given.seconds,
            side_by_side=given.at_a_time,
        )
        sandbox = stack.enter_context(Sandbox(settings))
        server = stack.enter_context(postgres_server())
        warehouses = postgres(server, "warehouse"), postgres(server, "undisturbed")
        own = {**warehouses[0].settings, **access_to(sandbox)}
        # As the docs say where all settings are environment variables.
        own["PROVIDERS__ENABLE_AIRFLOW_SECRETS"] = "false"
        dag = (ROOT / "pipelines" / "airflow_dag.py").read_text(encoding="utf-8")
        made = stack.enter_context(
            airflow(
                folder / "airflow",
                {"backfill.py": dag, "downstream.py": DOWNSTREAM},
                server.create("airflow"),
                given.parallel,
                {**quiet, **({} if given.variable else own), "PYTHONPATH": str(ROOT)},
            )
        )
        if given.variable:
            made.command("variables", "set", "dlt_secrets_toml", as_toml(own))
        made.command("pools", "set", "loyalty_exports", "1", "loads at one time")
        wait(lambda: f"after_{TABLE}" in made.command("dags", "list", "-o", "plain"), "the DAGs")
        wait(lambda: DAG in made.command("dags", "list", "-o", "plain"), "the DAG")
        for table in (TABLE, "vouchers"):
            made.command("dags", "unpause", f"after_{table}")
        yield Trial(sandbox, made, warehouses, stack)


def as_toml(settings: Mapping[str, str]) -> str:
    """Environment variables as dlt has them in a file."""
    lines = [
        f"{name.lower().replace('__', '.')} = {value if value.isdigit() else json.dumps(value)}"
        for name, value in settings.items()
        if name.startswith(("SOURCES__", "DESTINATION__"))
    ]
    return "\n".join(lines)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.airflow --deferrable")
    parser.add_argument("--windows", type=int, default=24, help="months (24)")
    parser.add_argument("--seconds", type=float, default=30, help="that an export runs (30)")
    parser.add_argument("--at-a-time", type=int, default=8, help="exports that the vendor runs (8)")
    parser.add_argument("--rows", type=int, default=5_000, help="of the table (5000)")
    parser.add_argument("--parallel", type=int, default=2, help="tasks of Airflow at one time (2)")
    parser.add_argument("--order", choices=("oldest", "newest"), default="oldest")
    parser.add_argument("--kill", action="store_true", help="the triggerer, and a task that loads")
    parser.add_argument(
        "--variable", action="store_true", help="keep the settings in an Airflow variable"
    )
    given = parser.parse_args()
    now = datetime.now(UTC).replace(microsecond=0)
    start = now.replace(day=1, hour=0, minute=0, second=0)
    for _ in range(given.windows - 1):
        start = (start - timedelta(days=1)).replace(day=1)
    wrong: list[str] = []
    with stage(given, now) as trial:
        trial.run("first", start, order=given.order, kill=given.kill)
        seconds, asked = trial.seconds("first"), Counter(trial.asked())
        own = math.ceil(given.windows / given.at_a_time) * given.seconds
        for task, index, begun, ended in trial.steps():
            say(f"  {task}[{index}]: {begun} to {ended}")
        say(
            f"{len(asked)} exports of {given.seconds:.0f} s, {given.at_a_time} at a time:"
            f" {own:.0f} s at the vendor; the DAG with one slot: {seconds:.0f} s"
            f" = {seconds / own:.2f} x"
        )
        if seconds > 1.5 * own and not given.kill:
            wrong.append(f"the DAG took {seconds / own:.2f} x the vendor's own time")
        if len(asked) != given.windows:
            wrong.append(f"{len(asked)} exports were asked for, of {given.windows} windows")
        wrong += [f"{one} was asked for {n} times" for one, n in asked.items() if n > 1]
        wrong += secrets_in(trial)
        trial.load_at_once(start)
        rows = Counter(trial.warehouse.rows(TABLE))
        expected = Counter(trial.undisturbed.rows(TABLE))
        missing, more = (expected - rows).total(), (rows - expected).total()
        say(f"{rows.total()} rows; {missing} missing, {more} too many")
        if rows != expected or not rows:
            wrong.append("the table differs from one load of the same exports")
        wrong += wrong_assets(trial)
    for each in wrong:
        say(f"WRONG: {each}")
    return int(bool(wrong))


def secrets_in(trial: Trial) -> list[str]:
    """Where Airflow's database has a credential of the vendor's or the warehouse's."""
    secrets = [*trial.sandbox.credentials.values(), "postgresql://"]
    found = []
    for table in ("trigger", "task_instance", "task_instance_history", "xcom", "serialized_dag"):
        for row in trial.airflow.query(f"SELECT to_json(t)::text FROM {table} AS t"):
            found += [f"{table} has a secret" for secret in secrets if secret in row[0]]
    return found


def wrong_assets(trial: Trial) -> list[str]:
    """What asset events tell otherwise than they should."""
    events = trial.airflow.query(
        "SELECT asset.uri, asset_event.extra::text"
        " FROM asset_event JOIN asset ON asset.id = asset_id"
    )
    uris = {uri for uri, _ in events}
    windows = {one for _, extra in events for one in json.loads(extra)["windows"]}
    say(f"asset events: {len(events)}, of {', '.join(sorted(uris))}")
    wrong = []
    if uris != {f"x-dlt://warehouse/{DATASET}/{TABLE}"}:
        wrong.append(f"the assets {sorted(uris)} had events")
    told = {f"{TABLE} {window}" for window in windows}
    if told != set(trial.asked()):
        wrong.append(f"other windows were told of than asked for: {told ^ set(trial.asked())}")
    end = time.monotonic() + 60
    ran: set[str] = set()
    while time.monotonic() < end and f"after_{TABLE}" not in ran:
        ran = {row[0] for row in trial.airflow.query("SELECT dag_id FROM dag_run")}
        time.sleep(1)
    if ran != {DAG, f"after_{TABLE}"}:
        wrong.append(f"the DAGs that ran: {sorted(ran)}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
