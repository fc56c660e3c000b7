"""A backfill of history on many workers: an Airflow 3 DAG; copy it into the folder of DAGs.

`plan` splits the range into parts and asks for their exports; `begin` creates the tables; `load`
loads one part on any worker, as many at a time as the pool has slots; `reconcile` checks that all
rows are there, then loads what is new since, and pipelines/daily.py continues from there. While the
vendor works, a task gives its slot back, and Airflow's triggerer looks whether exports are ready.
Each task may be repeated. The DAG needs a pool, and a destination in dlt's configuration:

    airflow pools set loyalty_exports 3 "loads at one time"
    DESTINATION__WAREHOUSE__DESTINATION_TYPE=postgres
    DESTINATION__WAREHOUSE__CREDENTIALS=postgresql://…
    SOURCES__SPAAZA__BASE_URL=…  (and the rest of what pipelines/daily.py needs)

Each table is an asset once it was loaded: a DAG with
schedule=[Asset("x-dlt://warehouse/spaaza_data/transactions")] runs whenever it has new rows.
"""

from typing import Any

from airflow.sdk import AssetAlias, Param, dag, task

from spaaza_source.airflow import BackfillSettings, open_backfill
from spaaza_source.airflow.operators import BeginBackfill, LoadPart, ReconcileBackfill

BACKFILL = BackfillSettings(
    source="spaaza_source.spaaza_source",
    pipeline="spaaza",
    destination="warehouse",
    dataset="spaaza_data",
)
STEP: dict[str, Any] = {
    "settings": BACKFILL,
    "pool": "loyalty_exports",
    # The tables, as assets.
    "outlets": [AssetAlias(BACKFILL["dataset"])],
    # Exports that may wait or run at the vendor at one time; None leaves that to the vendor.
    "most_open": None,
    # False where no triggerer runs: then a task keeps its slot while the vendor works.
    "deferrable": True,
}


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
        "order": Param("oldest", enum=["oldest", "newest"], description="what is loaded first"),
        "windows_per_task": Param(
            12, type="integer", minimum=1, description="windows that one task loads"
        ),
    },
)
def spaaza_backfill() -> None:
    """Load a range of history, window by window."""

    @task(pool=STEP["pool"])
    def plan(params: Any = None, dag_run: Any = None) -> list[Any]:
        backfill = open_backfill(BACKFILL)
        parts = backfill.plan(
            params["start"],
            params["end"],
            tables=params["tables"],
            again_since=dag_run.run_after if params["again"] else None,
            order=params["order"],
            windows_per_part=params["windows_per_task"],
        )
        # The vendor begins while the next tasks do.
        backfill.submit(parts, most_open=STEP["most_open"])
        return list(parts)

    parts = plan()
    begin = BeginBackfill(task_id="begin", parts=parts, **STEP)
    load = LoadPart.partial(
        task_id="load", map_index_template="{{ task.part['name'] }}", **STEP
    ).expand(part=begin.output)
    # If nothing is left to load, the mapped task is skipped.
    load >> ReconcileBackfill(task_id="reconcile", parts=parts, trigger_rule="none_failed", **STEP)


spaaza_backfill()
