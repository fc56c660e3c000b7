"""History on many workers: an Airflow 3 DAG, to be copied into the folder of DAGs.

`plan` cuts the range into parts; `begin` makes the tables; `load` loads one part on any worker, as
many at a time as the pool has slots; `reconcile` sees that all is there and goes on up to now, for
pipelines/daily.py to go on from. Each may be repeated. Needed are a pool, as large as the exports
that the vendor runs at one time, and a destination by dlt's configuration, for instance:

    airflow pools set loyalty_exports 3 "exports at one time"
    DESTINATION__WAREHOUSE__DESTINATION_TYPE=postgres
    DESTINATION__WAREHOUSE__CREDENTIALS=postgresql://…
    SOURCES__SPAAZA__BASE_URL=…  (and the rest of what pipelines/daily.py needs)
"""

import os
from typing import Any

from airflow.sdk import Param, dag, task

POOL = "loyalty_exports"
# dlt would ask Airflow for a variable at each of thousands of settings: only whole sections, such
# as the variable dlt_secrets_toml holds.
os.environ.setdefault("PROVIDERS__AIRFLOW_SECRETS__ONLY_TOML_FRAGMENTS", "true")


def backfill() -> Any:
    """What is loaded, and where to; imported late, for Airflow reads this file again and again."""
    from spaaza_source import spaaza_source  # noqa: PLC0415
    from spaaza_source.backfill import Backfill  # noqa: PLC0415

    return Backfill(spaaza_source, "spaaza", "warehouse", "spaaza_data", side_by_side=True)


@dag(
    schedule=None,
    max_active_runs=1,
    default_args={"retries": 3},
    params={
        "start": Param("2024-01-01", type="string", format="date"),
        "end": Param(None, type=["null", "string"], description="itself left out; now"),
        "tables": Param(None, type=["null", "array"], description="of the source's tables these"),
        "again": Param(False, type="boolean", description="load anew what is loaded already"),
    },
)
def spaaza_backfill() -> None:
    """Load a range of history, window by window."""

    @task
    def plan(params: Any = None, dag_run: Any = None) -> list[Any]:
        again_since = dag_run.run_after if params["again"] else None
        given = {"tables": params["tables"], "again_since": again_since}
        return list(backfill().plan(params["start"], params["end"], **given))

    @task(pool=POOL)
    def begin(parts: list[Any]) -> list[Any]:
        return list(backfill().begin(parts))

    @task(pool=POOL, map_index_template="{{ task.op_kwargs['part']['name'] }}")
    def load(part: Any) -> list[str]:
        return list(backfill().load(part))

    # Where nothing was left to load, the mapped task is skipped.
    @task(pool=POOL, trigger_rule="none_failed")
    def reconcile(parts: list[Any]) -> list[str]:
        return list(backfill().reconcile(parts))

    parts = plan()
    load.expand(part=begin(parts)) >> reconcile(parts)


spaaza_backfill()
