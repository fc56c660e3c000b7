"""Keeps customers' values out of what dlt tells of a load job that failed.

dlt logs what a job raises, writes it into the load package and into its trace, and raises it again;
so it is changed where the job raises it, before anyone else sees it.
"""

from __future__ import annotations

from functools import wraps
from threading import BoundedSemaphore
from typing import Any

from dlt.common.destination.client import JobClientBase, RunnableLoadJob

from spaaza_source.destination import hide_values


def hide_values_of_jobs() -> None:
    """Let the jobs of each load in this process from now on tell no value of a row."""
    if hasattr(RunnableLoadJob.run_managed, "__wrapped__"):
        return
    run_managed = RunnableLoadJob.run_managed

    @wraps(run_managed)
    def run(job: Any, client: JobClientBase, done: BoundedSemaphore, /) -> None:
        job.run = _hiding(job)
        run_managed(job, client, done)

    RunnableLoadJob.run_managed = run  # type: ignore[method-assign]


def _hiding(job: Any) -> Any:
    """The job's `run`, whose errors hold no value."""
    run = job.run

    def run_hiding() -> None:
        try:
            run()
        except Exception as failure:
            columns = (job._load_table or {}).get("columns", {})  # noqa: SLF001 - it has no other name
            hide_values(failure, job.job_file_info().table_name, columns)
            # BigQuery's jobs would tell what their server said.
            for name in ("failed_message", "exception"):
                setattr(job, name, getattr(RunnableLoadJob, name).__get__(job))
            raise

    return run_hiding
