"""One load in a process of its own, which can be killed just after one of its commits.

`python -m tests.faults.cut_short FOLDER SETTINGS`: the settings as JSON. Where `killed_after` names
a table, the process dies by SIGKILL when a file of that table is committed and dlt has not yet
noted it; the kill stands where dlt writes its note. `killed_by` is the format of the file's job, if
it is not the file's own. With `killed_extracted` it dies when dlt has
put the extracted package in its place, and not yet saved its schema; with `killed_normalized`, when
the normalized package is in its place, and the extracted one not yet removed; with `killed_ending`,
when the package is marked as loaded, and not yet put aside; with `killed_counted`, before that
mark, and after the load's row in `_dlt_loads`. With `killed_extracting` it dies when the rows of
a package are written. What is to come of it is left to the tests.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from dlt.common.storages import LoadStorage, PackageStorage, ParsedLoadJobFileName
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.extract.extract import Extract
from dlt.extract.storage import ExtractStorage

from spaaza_source import spaaza_source, voucherify_source
from tests.vendors.voucherify_files import KEYS
from tests.warehouses import pipeline_into

QUICK = {"poll_interval": 0.02, "start_margin": 0, "stagger": 0}
TOKEN = {"access_token_id": "a", "access_token_secret": "b"}


def load(
    folder: Path,
    *,
    base_url: str,
    table: str,
    killed_after: str | None = None,
    killed_by: str | None = None,
    killed_extracted: bool = False,
    killed_normalized: bool = False,
    killed_ending: bool = False,
    killed_counted: bool = False,
    killed_extracting: bool = False,
    hints: dict[str, Any] | None = None,
    vendor: str = "spaaza",
    **settings: Any,
) -> None:
    """Load one table of a vendor's, or begin to."""
    if killed_after is not None:
        kill_after_commit_of(killed_after, killed_by)
    if killed_extracted:
        _kill_after(Extract, "commit_packages")
    if killed_normalized:
        _kill_after(LoadStorage, "commit_new_load_package")
    if killed_ending:
        _kill_after(PackageStorage, "complete_loading_package")
    if killed_counted:
        _kill_after(SqlJobClientBase, "complete_load")
    if killed_extracting:
        _kill_after(ExtractStorage, "close_writers")
    if vendor == "voucherify":
        source = voucherify_source(
            base_url, **{"poll_interval": 0.02, "credentials": KEYS, **settings}
        )
    else:
        source = spaaza_source(base_url, 1743, **{**QUICK, "credentials": TOKEN, **settings})
    source = source.with_resources(table)
    source.resources[table].apply_hints(**hints or {})
    pipeline_into(folder).run(source)


def kill_after_commit_of(table: str, by: str | None = None) -> None:
    """Let this process die when a file of that table is committed, and not noted.

    Args:
        table: Its name.
        by: The format of the job that commits it; None for that of the file itself.
    """
    note = PackageStorage.save_pending_transition

    def killed(self: PackageStorage, load_id: str, file_name: str, *more: Any) -> None:
        job = ParsedLoadJobFileName.parse(file_name)
        is_copy = job.file_format not in {"sql", "reference"}
        if job.table_name == table and (is_copy if by is None else job.file_format == by):
            os.kill(os.getpid(), signal.SIGKILL)
        note(self, load_id, file_name, *more)

    PackageStorage.save_pending_transition = killed  # type: ignore[assignment, method-assign]


def _kill_after(owner: Any, method: str) -> None:
    """Let this process die when a method of dlt's has done its work."""
    work = getattr(owner, method)

    def killed(*given: Any, **more: Any) -> None:
        work(*given, **more)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, method, killed)


if __name__ == "__main__":
    # Also where the tests run in the background, and so ignore this signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    load(Path(sys.argv[1]), **json.loads(sys.argv[2]))
