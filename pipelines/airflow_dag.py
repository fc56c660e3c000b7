"""A backfill of history on many workers: an Airflow 3 DAG; copy it into the folder of DAGs.

`plan` splits the range into parts; `begin` creates the tables; `load` loads one part on any worker,
as many at a time as the pool has slots; `reconcile` checks that all rows are there, then loads what
is new since, and pipelines/daily.py continues from there. Each task may be repeated. The DAG needs
a pool with as many slots as the vendor runs exports at one time, and a destination in dlt's
configuration, for instance:

    airflow pools set loyalty_exports 3 "exports at one time"
    DESTINATION__WAREHOUSE__DESTINATION_TYPE=postgres
    DESTINATION__WAREHOUSE__CREDENTIALS=postgresql://…
    SOURCES__SPAAZA__BASE_URL=…  (and the rest of what pipelines/daily.py needs)
"""

import os
from typing import Any

from airflow.sdk import Param, dag, task

POOL = "loyalty_exports"
# dlt would look up thousands of settings as Airflow variables: let it read whole sections only,
# such as the variable dlt_secrets_toml.
os.environ.setdefault("PROVIDERS__AIRFLOW_SECRETS__ONLY_TOML_FRAGMENTS", "true")


def backfill() -> Any:
    """The source and its destination; imported here, for Airflow parses this file often."""
    from spaaza_source import spaaza_source  # noqa: PLC0415
    from spaaza_source.backfill import Backfill  # noqa: PLC0415

    return Backfill(spaaza_source, "spaaza", "warehouse", "spaaza_data", side_by_side=True)


@dag(
    schedule=None,
    max_active_runs=1,
    default_args={"retries": 3},
    params={
        "start": Param("2024-01-01", type="string", format="date"),
        "end": Param(None, type=["null", "string"], description="exclusive; now unless given"),
        "tables": Param(
            None, type=["null", "array"], description="tables to load; all unless given"
        ),
        "again": Param(False, type="boolean", description="load again what is already loaded"),
    },
)
def spaaza_backfill() -> None:
    """Load a range of history, window by window."""

    @task
    def plan(params: Any = None, dag_run: Any = None) -> list[Any]:
        again_since = dag_run.run_after if params["again"] else None
        options = {"tables": params["tables"], "again_since": again_since}
        return list(backfill().plan(params["start"], params["end"], **options))

    @task(pool=POOL)
    def begin(parts: list[Any]) -> list[Any]:
        return list(backfill().begin(parts))

    @task(pool=POOL, map_index_template="{{ task.op_kwargs['part']['name'] }}")
    def load(part: Any) -> list[str]:
        return list(backfill().load(part))

    # If nothing is left to load, the mapped task is skipped.
    @task(pool=POOL, trigger_rule="none_failed")
    def reconcile(parts: list[Any]) -> list[str]:
        return list(backfill().reconcile(parts))

    parts = plan()
    load.expand(part=begin(parts)) >> reconcile(parts)


spaaza_backfill()
