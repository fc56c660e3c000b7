"""Reads `export_jobs`, the destination's own ledger of what was loaded of each table.

An export counts where its load has ended: where `export_jobs` has it and dlt's list of loads has
its load. No local file is asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.destination import completed_loads, fetch_chunks
from spaaza_source.exports import GIVEN
from spaaza_source.windows import Window

LEDGER = "export_jobs"


@dataclass(frozen=True)
class LoadedExport:
    """An export whose rows were loaded.

    Attributes:
        job_id: The vendor's job.
        account: Whose data: Spaaza's chain id; of Voucherify a hash of the application's id.
        window: Its window; None for all rows.
        fingerprint: Its request's.
        created_at: When the vendor created its job, UTC; None where nobody knows.
        finished_at: When the vendor had finished it, UTC.
        loaded_at: When its file was read, UTC, by the clock of the machine that loaded it.
        rows: Rows of it in the table after the load; those of the file, if nobody counted.
        duplicates: How many rows too many the table was found to have of it.
        open_discrepancy: Whether the table was found to have another number of its rows, and no
            later load has resolved that.
        superseded: Whether a discrepancy was ever found: others bring its rows.
        load: The id of its load.
        schema: The hash of the schema that it was loaded by; empty where no table tells it.
        intent: The settings that shaped its rows, by name; empty where none were noted.
        replaces_all: Whether its load left no row of earlier loads in the table.
        sha256: Of its file.
        received: Bytes of its file as it came over the network.
        is_exact: Whether every row of the file is in the table, and was counted there.
        is_given: Whether it is a file of the user's own: nobody knows when it was exported.
        loaded: Rows of its file that were loaded.
        rejected: Bad rows of its file.
        nulls: Cells without a value, by column; None where nobody counted them.
        kept_since: From when on its load was to leave rows in the table; None for all rows.
        removed: How many older ones it has removed; None where it has not, or nobody knows.
        gone_before: From before when its rows are in the table no more: its load, or a later one
            that has left it others, does not keep them.
    """

    job_id: str
    account: str
    window: Window | None
    fingerprint: str
    created_at: datetime | None
    finished_at: datetime
    loaded_at: datetime
    rows: int
    duplicates: int
    open_discrepancy: bool
    superseded: bool
    load: str
    schema: str
    intent: Mapping[str, str] = field(default_factory=dict)
    replaces_all: bool = False
    sha256: str = ""
    received: int | None = None
    is_exact: bool = False
    is_given: bool = False
    loaded: int = 0
    rejected: int = 0
    nulls: Mapping[str, int] | None = None
    kept_since: datetime | None = None
    removed: int | None = None
    gone_before: datetime | None = None

    @property
    def is_gone(self) -> bool:
        """Whether none of its rows is kept any more."""
        return bool(self.gone_before and self.window and self.window.end <= self.gone_before)

    def covers(self, lag: timedelta) -> Window | None:
        """The window that it has all rows of, those too that arrive up to `lag` late.

        None where it surely has none. Where a vendor's clock is wrong, a window may end in the
        future: so it counts for no later rows than either clock had seen.
        """
        if self.window is None and self.created_at is None:
            return None
        final = min(self.loaded_at, self.created_at or self.loaded_at) - lag
        window = self.window or Window(None, final)
        end = min(window.end, final)
        return Window(window.start, end).since(self.gone_before) if window.begin < end else None


#: The loaded exports of each table, the oldest load first.
Ledger = Mapping[str, Sequence[LoadedExport]]


def read_ledger(client: Any) -> Ledger:
    """The loaded exports of all tables, by one query; none without a ledger."""
    jobs, loads = client.make_qualified_table_name(LEDGER), completed_loads(client)
    # All columns: a ledger of an earlier version lacks some.
    version, join = "", ""
    if loads is not None:
        version = ", loads.schema_version_hash"
        join = f" JOIN {loads} AS loads ON loads.load_id = jobs._dlt_load_id AND loads.status = 0"
    query = f"SELECT jobs.*{version} FROM {jobs} AS jobs{join}"  # noqa: S608 - our own names
    try:
        chunks = list(fetch_chunks(client, query))
    except DatabaseUndefinedRelation:
        return {}
    ledger: dict[str, list[LoadedExport]] = {}
    for row in (row for rows in chunks for row in rows.to_pylist()):
        if row["loaded"] is not None:
            ledger.setdefault(row["table_name"], []).append(_loaded_export(row))
    return {
        table: _with_removals(sorted(exports, key=lambda each: float(each.load)))
        for table, exports in ledger.items()
    }


def _with_removals(exports: Sequence[LoadedExport]) -> list[LoadedExport]:
    """A table's exports, each with what its load and later ones have removed of its rows."""
    found, gone_before = [], None
    for _, group in groupby(reversed(exports), key=lambda each: each.load):
        load = list(group)
        limits = [gone_before, *(each.kept_since for each in load)]
        gone_before = max((each for each in limits if each is not None), default=None)
        found += [replace(each, gone_before=gone_before) for each in load]
    return found[::-1]


def present_exports(exports: Sequence[LoadedExport]) -> list[LoadedExport]:
    """Those of a table's loaded exports whose rows no later load has replaced as a whole."""
    last = next((each.load for each in reversed(exports) if each.replaces_all), None)
    return [each for each in exports if last is None or float(each.load) >= float(last)]


def _loaded_export(row: Mapping[str, Any]) -> LoadedExport:
    start, end, created, finished, kept_since = (
        None if (instant := row.get(name)) is None else _utc(instant)
        for name in ("window_start", "window_end", "created_at", "finished_at", "kept_since")
    )
    proven, found, loaded = row.get("proven"), row.get("found"), int(row["loaded"])
    wrong = proven is not None and not proven
    replaces_all = row.get("replaces_all")
    return LoadedExport(
        job_id=row["job_id"],
        account=row["account"],
        window=Window(start, end) if end else None,
        fingerprint=row["fingerprint"],
        created_at=created,
        finished_at=finished or created or _utc(row["loaded_at"]),
        loaded_at=_utc(row["loaded_at"]),
        rows=int(found if proven and found is not None else loaded),
        duplicates=max(0, (found or 0) - loaded),
        open_discrepancy=wrong and row.get("settled_by") is None,
        superseded=wrong,
        load=row["_dlt_load_id"],
        schema=row.get("schema_version_hash") or "",
        intent=json.loads(row.get("intent") or "{}"),
        # Earlier versions did not note it; of theirs, an export of all rows is taken for it.
        replaces_all=end is None if replaces_all is None else bool(replaces_all),
        sha256=row["sha256"] or "",
        received=row.get("bytes_received"),
        is_exact=bool(proven) and not row["rejected"] and row["rows"] == loaded == found,
        is_given=row.get("state") == GIVEN,
        loaded=loaded,
        rejected=int(row["rejected"] or 0),
        nulls=json.loads(nulls) if (nulls := row.get("nulls")) else None,
        kept_since=kept_since,
        removed=row.get("removed"),
    )


def _utc(instant: Any) -> datetime:
    """A time as any destination's driver gives it."""
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    moment: datetime = instant.astimezone(UTC)
    return datetime.fromisoformat(moment.isoformat())
