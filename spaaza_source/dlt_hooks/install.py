"""Installs the hooks into dlt, which calls its tracking modules at each step of each run."""

from __future__ import annotations

from dlt.common.runtime.tracking import SupportsTracking
from dlt.pipeline import trace

from spaaza_source.dlt_hooks.csv_times import write_instants_fast
from spaaza_source.dlt_hooks.job_errors import hide_values_of_jobs
from spaaza_source.dlt_hooks.load_end import LoadEndHook
from spaaza_source.dlt_hooks.load_scopes import fill_in_scopes
from spaaza_source.dlt_hooks.merges import improve_merges, keep_merges_whole
from spaaza_source.dlt_hooks.run_lock import RunLock
from spaaza_source.dlt_hooks.run_telemetry import RunTelemetry
from spaaza_source.dlt_hooks.table_updates import update_tables_always

#: In the order in which dlt calls them. What they do not define, dlt's own class defines to do
#: nothing; mypy takes that for abstract.
HOOKS: tuple[SupportsTracking, ...] = (
    RunLock(),  # type: ignore[abstract]
    LoadEndHook(),  # type: ignore[abstract]
    RunTelemetry(),
)


def install_hooks() -> None:
    """Lock each run of a pipeline in this process from now on, and reconcile each of its loads.

    Its jobs tell no value of a row; its CSV files and its merges take no more time than they need;
    a merge is done as a whole or not at all, and two into one table follow each other.
    """
    for hook in HOOKS:
        if hook not in trace.TRACKING_MODULES:
            trace.TRACKING_MODULES.append(hook)
    hide_values_of_jobs()
    write_instants_fast()
    improve_merges()
    fill_in_scopes()
    update_tables_always()
    keep_merges_whole()
