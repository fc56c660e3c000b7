"""Makes dlt resources of a vendor's tables, and finds their exports again in a source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
from dlt.extract import DltResource, DltSource

from spaaza_source.drift import DriftSettings
from spaaza_source.errors import SettingsError
from spaaza_source.expectations import Expectations
from spaaza_source.exports import (
    SMALLEST_WINDOW,
    ExportRun,
    GivenFiles,
    SyncPolicy,
    TableSync,
)
from spaaza_source.loading.extract import export_table
from spaaza_source.loading.files_at_hand import load_archived, load_given
from spaaza_source.loading.stream import Stream, stream_table
from spaaza_source.loading.table_load import TableLoad, times_of
from spaaza_source.loading.vendor_cleanup import Remove
from spaaza_source.reading import RangeColumns, ReadSettings
from spaaza_source.retention import RetainDays
from spaaza_source.settings import (
    CENTURY,
    CENTURY_IN_DAYS,
    require_choice,
    require_flag,
    require_number,
    require_text,
)
from spaaza_source.tabular import ALL_TEXT, Policy, TableTypes
from spaaza_source.tombstones import People, Tombstones
from spaaza_source.writing import REPLACE, REPLACE_WINDOW, DeleteGuard, Disposition, WriteSettings

#: The section of dlt's configuration for a resource that is run without its source. It is named, so
#: that users' configuration does not depend on the name of a module, which dlt would take.
SECTION = "load"


def make_sync_policy(
    start_date: object,
    end_date: object,
    *,
    lag: Any,
    window: Any,
    smallest_window: Any,
    max_exports: Any,
    reload_every: Any = None,
) -> SyncPolicy:
    """The rows, by time, that a source's settings of these names ask for.

    Raises:
        SettingsError: One of them is wrong.
    """
    return replace(
        SyncPolicy.of(start_date, end_date),
        lag=timedelta(seconds=require_number("lag", lag, least=0, most=CENTURY)),
        window_size=require_choice("window", window or "month", "month", "week", "day"),
        min_window=timedelta(
            seconds=require_number(
                "smallest_window", smallest_window, least=SMALLEST_WINDOW, most=CENTURY
            )
        ),
        max_exports=int(
            require_number("max_exports", max_exports, least=1, most=1_000_000, whole=True)
        ),
        reload_every=None
        if reload_every is None
        else timedelta(
            days=require_number("reload_every", reload_every, least=0, most=CENTURY_IN_DAYS)
        ),
    )


@dataclass(frozen=True)
class TableSpec:
    """What a vendor's source knows of one of its tables.

    Attributes:
        sync: What to ask for.
        privacy: What happens to personal columns.
        time_column: The column that windows are taken by; None where rows are merged by a key.
        keys: Columns that may be its key; the rows must prove it.
        volatile: Columns whose cells change as time passes.
        types: What gives its columns their types.
        range_columns: Where rows are merged by a key: the columns that tell whether one is of a
            range.
        people: What is known of the people in the source's tables.
    """

    sync: TableSync
    privacy: Policy
    time_column: str | None
    keys: Sequence[str]
    volatile: Sequence[str]
    types: TableTypes
    range_columns: RangeColumns | None = None
    people: People = field(default_factory=People)

    @property
    def times(self) -> tuple[str, ...]:
        """The columns with the times that it is asked for by, as the header has them."""
        return times_of(self.time_column, self.range_columns)


@dataclass(frozen=True)
class ResourceFactory:
    """Makes the resources of a source.

    Attributes:
        run: The exports of a load; or the one that the vendor streams.
        read_settings: How files are read, but for the types of a table's columns.
        delete_guard: How many rows a load may delete.
        by_scheduler: Whether a scheduler's interval is the range; None for what dlt says.
        keep_files: A folder to archive the files in; None to remove them.
        from_files: The folder of an archived load that is loaded again; None to ask the vendor.
        given: Files of the user's own; None without any. Other tables are not loaded then.
        dates: What the settings say of dates, for their range of time.
        drift: Which tables are not loaded where a file differs from the last one.
        remove: Removes jobs at the vendor, once a later load begins; None to leave them there.
        section: That of dlt's configuration for a resource that is run without its source.
        expectations: By table, what its rows must hold.
        soft_deletes: The tables whose rows are marked as deleted instead of removed.
        retain_days: How long rows stay in their tables.
    """

    run: ExportRun | Stream
    read_settings: ReadSettings
    delete_guard: DeleteGuard
    by_scheduler: bool | None
    keep_files: str | None
    from_files: str | None
    drift: DriftSettings = field(default_factory=DriftSettings)
    remove: Remove | None = None
    given: GivenFiles | None = None
    dates: SyncPolicy = field(default_factory=SyncPolicy)
    section: str = SECTION
    expectations: Mapping[str, Expectations] = field(default_factory=dict)
    soft_deletes: frozenset[str] = frozenset()
    retain_days: RetainDays = field(default_factory=RetainDays)

    def __post_init__(self) -> None:
        require_flag("allow_external_schedulers", self.by_scheduler, may_be_none=True)
        require_text("keep_files", self.keep_files, may_be_path=True)
        require_text("from_files", self.from_files, may_be_path=True)
        if self.given is not None and self.from_files is not None:
            raise SettingsError(
                "both files and from_files are set", where="files", hint="Leave out one of them."
            )

    def has(self, table: str) -> bool:
        """Whether a table is loaded: where files are given, only those that have some."""
        return self.given is None or table in self.given.paths

    def make(self, table: TableSpec) -> DltResource:
        """The resource of one table.

        Raises:
            SettingsError: As `GivenFiles.of_table`, or `Expectations.check_table`.
        """
        files = None if self.given is None else self.given.of_table(table.sync, self.dates)
        sync = table.sync if files is None else files.sync
        sync = self.retain_days.apply(
            sync, table.times, table.privacy.action, as_text=table.types.setting == ALL_TEXT
        )
        is_narrowed = sync.policy is not None and (
            sync.policy.is_given or sync.policy.keep is not None
        )
        # A declared "replace" would empty the table of a resource that has nothing to load.
        is_at_hand = self.from_files is not None or files is not None
        keeps_rows = sync.collect_only or sync.keeps_others or is_at_hand or is_narrowed
        declared: Any = REPLACE_WINDOW if keeps_rows else REPLACE
        load = TableLoad(
            sync,
            replace(self.read_settings, types=table.types),
            table.privacy,
            table.time_column,
            WriteSettings(
                Disposition(declared, table.volatile),
                self.delete_guard,
                table.keys,
                times=table.times,
                soft_deletes=sync.table in self.soft_deletes,
            ),
            self.drift.stops_table(sync.table),
            range_columns=table.range_columns,
            people=table.people,
            expectations=self.expectations.get(sync.table),
        )
        if load.expectations is not None:
            load.expectations.check_table(sync.table, load.times, table.privacy.action)
        given: Any = {"name": sync.table, "section": self.section, "write_disposition": declared}
        keep_files = None if self.keep_files is None else Path(self.keep_files)
        resource: DltResource
        if self.from_files is not None:
            resource = dlt.resource(load_archived, **given)(load, Path(self.from_files))
        elif files is not None:
            resource = dlt.resource(load_given, **given)(load, replace(files, sync=sync))
        elif isinstance(self.run, Stream):
            resource = dlt.resource(stream_table, **given)(self.run, load, keep_files=keep_files)
        else:
            resource = dlt.resource(export_table, **given)(
                self.run,
                load,
                by_scheduler=self.by_scheduler,
                keep_files=keep_files,
                remove=self.remove,
            )
        return resource


@dataclass(frozen=True)
class SourceExports:
    """The exports of a source's selected tables.

    Attributes:
        run: Asks for them; one for all.
        loads: How each table is loaded, by name.
    """

    run: ExportRun
    loads: Mapping[str, TableLoad]


def asks_vendor(source: DltSource) -> bool:
    """Whether a source of this package asks a vendor; else it loads files.

    Args:
        source: At least one of its resources is selected.
    """
    resources = source.selected_resources.values()
    return any({"run", "stream"} & resource.explicit_args.keys() for resource in resources)


def streamed_tables(source: DltSource) -> list[str]:
    """The selected tables of a source of this package that its vendor streams, without a job."""
    resources = source.selected_resources.items()
    return [name for name, each in resources if "stream" in each.explicit_args]


def loads_of(source: DltSource) -> dict[str, TableLoad]:
    """How each selected table of a source that this package made is loaded, by name."""
    arguments = [resource.explicit_args for resource in source.selected_resources.values()]
    return {given["load"].sync.table: given["load"] for given in arguments}


def exports_of(source: DltSource) -> SourceExports:
    """The exports of a source that this package made, and that asks a vendor; of jobs alone.

    Args:
        source: At least one of its resources is selected.

    Raises:
        SettingsError: It loads files, and asks no vendor; or what the vendor streams, without jobs.
    """
    arguments = [resource.explicit_args for resource in source.selected_resources.values()]
    if not asks_vendor(source):
        raise SettingsError(
            "files are set to be loaded, so no vendor is asked",
            where="files" if "files" in arguments[0] else "from_files",
            hint="Leave it out.",
        )
    jobs = [name for name in source.selected_resources if name not in streamed_tables(source)]
    if not jobs:
        raise not_requested(next(iter(source.selected_resources)))
    run = next(given["run"] for given in arguments if "run" in given)
    return SourceExports(run, loads_of(source.with_resources(*jobs)))


def not_requested(table: str) -> SettingsError:
    """The error of what needs a job, for a table whose export the vendor streams."""
    return SettingsError(
        "it is streamed by one call, so there is no job to request or to collect",
        where=table,
        hint=f"Load it: spaaza load {table}.",
    )


def account_of(source: DltSource) -> str:
    """The account whose rows a source of this package loads, as `export_jobs` has it.

    Args:
        source: At least one of its resources is selected.
    """
    resource = next(iter(source.selected_resources.values()))
    load: TableLoad = resource.explicit_args["load"]
    return load.sync.make_request(None).account


def with_new_export(
    source: DltSource,
    table: str,
    on_rejected: Callable[[int], None] | None = None,
    tombstones: Tombstones | None = None,
    moment: datetime | None = None,
) -> DltResource:
    """A resource of the table that asks for an export of its own, whatever jobs there are.

    It has the range of the settings, whatever interval a scheduler gives. `on_rejected` is told the
    number of each file's bad rows. Rows of people of the `tombstones` are left out,
    and so are those that are too old to be kept at that `moment`.
    """
    chosen = source.with_resources(table)
    load = loads_of(chosen)[table]
    sync = replace(load.sync, ignore_existing=True, collect_only=False, adopt_job=None)
    if sync.policy is not None and moment is not None:
        sync = replace(sync, policy=sync.policy.kept_at(moment))
    load = replace(load, sync=sync, on_rejected=on_rejected, tombstones=tombstones or Tombstones())
    given: Any = {"name": table, "section": SECTION}
    resource: DltResource
    if streamed_tables(chosen):
        stream = chosen.resources[table].explicit_args["stream"]
        resource = dlt.resource(stream_table, **given)(stream, load)
    else:
        run = exports_of(chosen).run
        resource = dlt.resource(export_table, **given)(run, load, by_scheduler=False)
    return resource
