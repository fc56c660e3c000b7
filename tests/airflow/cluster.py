"""Airflow's processes for the time of a test run: scheduler, API server and DAG processor.

Tasks run on a LocalExecutor: each in a process of its own, which can be killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

#: Seconds to wait for what should have happened long ago.
PATIENCE = 300.0
LOOK = 0.2


@dataclass(frozen=True)
class TaskInstance:
    """A task of a run, as Airflow's database has it."""

    task: str
    map_index: int
    state: str | None
    tries: int
    pid: int | None
    part: str

    @property
    def name(self) -> str:
        return self.task if self.map_index < 0 else f"{self.task}[{self.map_index}]"


@dataclass
class Airflow:
    """An Airflow under way.

    Attributes:
        home: Its folder, with its logs.
        database: The address of its own database.
        environment: Of its processes, and so of the tasks.
    """

    home: Path
    database: str
    environment: Mapping[str, str]

    def command(self, *words: str) -> str:
        """What an `airflow` command prints."""
        ran = subprocess.run(
            [sys.executable, "-m", "airflow", *words],
            env=dict(self.environment),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if ran.returncode:
            said = ran.stdout[-2000:] + ran.stderr[-4000:]
            raise RuntimeError(f"airflow {' '.join(words)}: {said}")
        return ran.stdout

    def trigger(self, dag: str, run: str, **params: Any) -> None:
        self.command("dags", "unpause", dag)
        self.command("dags", "trigger", dag, "--run-id", run, "--conf", json.dumps(params))

    def tasks(self, run: str) -> list[TaskInstance]:
        rows = self.query(
            "SELECT task_id, map_index, state, try_number, pid,"
            " coalesce(rendered_map_index, '') FROM task_instance"
            " WHERE run_id = %s ORDER BY task_id, map_index",
            run,
        )
        return [TaskInstance(*row) for row in rows]

    def state(self, run: str) -> str:
        ((state,),) = self.query("SELECT state FROM dag_run WHERE run_id = %s", run)
        return str(state)

    def log(self, run: str, task: str) -> str:
        """All that the tries of a task have logged."""
        files = sorted((self.home / "logs").glob(f"*/run_id={run}/task_id={task}/**/*.log"))
        return "\n".join(file.read_text(encoding="utf-8") for file in files)

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of Airflow's own database."""
        connection = psycopg2.connect(self.database)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return list(cursor.fetchall())
        finally:
            connection.close()


@contextlib.contextmanager
def airflow(
    home: Path, dags: Mapping[str, str], database: str, parallel: int, settings: Mapping[str, str]
) -> Iterator[Airflow]:
    """Start one.

    Args:
        home: An empty folder.
        dags: The files with DAGs: what is in each.
        database: The address of an empty database.
        parallel: How many tasks it runs at one time.
        settings: Environment variables for the tasks.
    """
    folder = home / "dags"
    folder.mkdir(parents=True)
    for name, text in dags.items():
        (folder / name).write_text(text, encoding="utf-8")
    port = _free_port()
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(parallel),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "2",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.replace("//", "+psycopg2://", 1).replace(
            "postgresql:+", "postgresql+"
        ),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-tests-only-for-tests-only-for-tests",
        "AIRFLOW__API__SECRET_KEY": "only-for-tests",
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
        **settings,
    }
    made = Airflow(home, database, environment)
    made.command("db", "migrate")
    with contextlib.ExitStack() as running:
        for words in (["api-server"], ["dag-processor"], ["scheduler"]):
            running.enter_context(started(made, words))
        wait(lambda: _listens(port), "the API server")
        yield made


@contextlib.contextmanager
def started(made: Airflow, words: list[str]) -> Iterator[int]:
    """One of its processes, by its id; it is ended with all that it has started."""
    with (made.home / f"{words[0]}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", *words],
            env=dict(made.environment),
            cwd=made.home,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait(happened: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Wait for it; what it was."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        found = happened()
        if found:
            return found
        time.sleep(LOOK)
    raise RuntimeError(f"waited {patience:.0f} seconds for {what}")


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
