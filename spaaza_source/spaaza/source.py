"""`spaaza_source`: the six indexes of Spaaza's Tasks API as dlt resources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import dlt
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from spaaza_source.configuration import is_argument, vendor_source
from spaaza_source.dlt_hooks import install_hooks
from spaaza_source.drift import DriftSettings
from spaaza_source.errors import wrong_kind
from spaaza_source.expectations import read_expectations
from spaaza_source.exports import (
    ExportFormat,
    ExportRun,
    GivenFiles,
    PollSettings,
    TableSync,
)
from spaaza_source.loading import (
    ResourceFactory,
    TableSpec,
    downloads_folder,
    make_sync_policy,
)
from spaaza_source.reading import ReadSettings
from spaaza_source.retention import read_retain_days
from spaaza_source.settings import (
    CENTURY_IN_DAYS,
    by_table,
    require_choice,
    require_flag,
    require_name,
    require_number,
)
from spaaza_source.spaaza.columns.documented_types import DOCUMENTED
from spaaza_source.spaaza.columns.identifiers import PEOPLE
from spaaza_source.spaaza.columns.personal_columns import make_policies
from spaaza_source.spaaza.credentials import (
    NO_VENDOR,
    SpaazaCredentials,
    require_chain,
    require_credentials,
)
from spaaza_source.spaaza.export_service import SpaazaExports
from spaaza_source.spaaza.index_requests import IndexRequests
from spaaza_source.spaaza.indexes import INDEXES, find_table, index_named
from spaaza_source.spaaza.tasks_api import TasksApi, make_client
from spaaza_source.tabular import SharedThreads, TableTypes, read_table_types
from spaaza_source.transport import parse_base_url
from spaaza_source.windows import MARGIN
from spaaza_source.writing import DeleteGuard, read_deletes

#: Seconds: how far ahead an export may be scheduled, and how much wider a window may be asked for.
MOST_AHEAD = WIDEST_MARGIN = 7 * 86_400.0


@vendor_source("spaaza", NO_VENDOR)
def spaaza_source(
    base_url: str = dlt.config.value,
    chain_id: int = dlt.config.value,
    credentials: SpaazaCredentials = dlt.secrets.value,
    *,
    start_date: Any = None,
    end_date: Any = None,
    segments: dict[str, Any] | None = None,
    export_format: Literal["csv", "json"] = "csv",
    column_types: Any = "inferred",
    on_bad_row: Literal["reject", "fail"] = "reject",
    max_rejected_share: float = 0.01,
    max_rejected_rows: int = 10,
    empty_files: Literal["stop", "accept"] = "stop",
    on_drift: Any = "tell",
    expectations: Any = None,
    privacy: Any = None,
    privacy_secret: TSecretStrValue | None = None,
    time_columns: dict[str, str] | None = None,
    lag: float = 86_400.0,
    window: Literal["month", "week", "day"] | None = "month",
    smallest_window: float = 3600.0,
    max_exports: int = 240,
    filter_margin: float = 1.0,
    poll_interval: float = 15.0,
    max_poll_interval: float | None = None,
    export_timeout: float = 3600.0,
    start_timeout: float | None = None,
    max_concurrent_exports: int = 3,
    start_margin: float = 2.0,
    stagger: float = 1.0,
    execute_after: float | None = 300.0,
    max_age: float = 3600.0,
    only_finished: bool = False,
    adopt_tasks: dict[str, Any] | None = None,
    snapshot_every: float = 7.0,
    reload_every: float | None = None,
    allow_external_schedulers: bool | None = None,
    max_deleted_share: float = 0.2,
    accept_deletes: bool = False,
    deletes: Any = "remove",
    retain_days: Any = None,
    keep_files: str | None = None,
    from_files: str | None = None,
    files: Any = None,
    dialect: Any = None,
) -> Iterator[DltResource]:
    """Spaaza's exports: `transactions users vouchers wallet_ledger products product_variants`.

    Each resource requests its exports, waits for them, and yields them as typed `pyarrow.Table`s
    with columns named after the file's header. Every load also writes `export_jobs`,
    `rejected_rows` and `column_changes`.

    The first load brings all rows, or those since `start_date`. Later loads of transactions and
    wallet_ledger start `lag` before the end of the last one, and replace that range of the table.
    Vouchers are narrowed to those created or redeemed since, which are merged by a key that the
    rows prove; every `snapshot_every` days all of them are loaded again. The other indexes are
    always loaded whole.

    Every argument can also be set in dlt's configuration, under `sources.spaaza`.

    Args:
        base_url: The address of the Services API, as Spaaza tells it to its customers.
        chain_id: The chain whose data is loaded.
        credentials: `access_token_id` and `access_token_secret`, or `session_user_id` and
            `session_key`.
        start_date: Start of history: ISO 8601 text or a datetime, UTC if it names no zone. It
            narrows transactions and wallet_ledger by their time, vouchers to those created or
            redeemed since. The other indexes have no such filter and are always loaded whole.
        end_date: End of the range (exclusive), with `start_date`: exactly that range is loaded and
            replaced, and the cursor of later loads does not move. Alone: where loads stop, as an
            hour ago; the next one goes on from there.
        segments: By table: a saved segment's id, a list of rules, or a dict with `rules`. With a
            relative rule ("within the last day") a table keeps the rows that have left it; a range
            (`start_date` and `end_date`) takes the place of that rule.
        export_format: `csv`, or `json`, whose nested lists become tables of their own.
        column_types: `inferred`: as documented, else from the file; or `text` for every column; or
            by table one of these, or types by column: `{"users": {"points": "decimal"}}`.
        on_bad_row: `reject` stores a bad row in `rejected_rows`; `fail` stops at the first.
        max_rejected_share: Stop if a larger share of a file's rows is bad, from 0 to 1.
        max_rejected_rows: So many rows of a file may be bad, even if they are a larger share; but
            no more than a third.
        empty_files: `accept` takes a file of a window without any byte, not even a header, for no
            row; `stop` refuses it, as a full export is always refused.
        on_drift: `tell` what of a file is not as it was (columns gone or new, values that do not
            fit, rows that could not be read), or `stop` and load nothing of it; or one of them by
            table.
        expectations: By table, what its rows must hold before they are loaded: a dict with any of
            `min_rows max_rows required_columns not_null unique_columns allowed_values freshest
            action`, or `spaaza_source.expectations.Expectations`.
        privacy: `pseudonymise` for every column that is known to be personal; or by table
            `pseudonymise`, or by column `hash`, `drop` or `keep`. A hash is the HMAC-SHA-256 of
            the cell's text, so that equal values still join.
            Any other column that looks personal stops the load, until it is listed.
        privacy_secret: The secret of the hashes, at least 16 characters; from dlt's secrets.
        time_columns: By table: the column that windows are taken by, if the file does not name it
            as the filter does (`timestamp`, `date_time_creation`).
        lag: Lookback in seconds: how far before the end of the last load the next one starts, for
            rows that arrive late.
        window: The windows that history is requested in: `month`, `week` or `day`, in UTC; months
            unless given.
        smallest_window: Seconds; a window whose export fails is split in two, down to this length.
        max_exports: Windows of one table that a first load, or a range, may request; one of more
            stops before anything is requested.
        filter_margin: Seconds that each window is asked for beyond both of its ends; rows outside
            of it are removed. A day where the vendor's filter means local time.
        poll_interval: Seconds until the first poll of an export; the vendor asks for 10 to 30.
        max_poll_interval: Seconds that the pauses between polls grow to; twice the first, unless
            given.
        export_timeout: Seconds to wait for one export, and then for its download.
        start_timeout: Seconds to wait until the vendor begins an export; `export_timeout` counts
            from there then, and for both unless given.
        max_concurrent_exports: Exports that run at the vendor at one time.
        start_margin: Seconds ahead that an export is scheduled, rounded up to a whole second; 0
            starts it at once.
        stagger: Seconds between the starts of exports that are requested together.
        execute_after: Seconds after which a task that was due and still waits is executed, once
            in a run; None for never.
        max_age: Seconds for which a finished export that an earlier run requested and did not load
            may still be adopted; 0 for never.
        only_finished: Request nothing; load the finished exports of earlier runs, of
            `spaaza submit` and of the vendor's own recurring tasks, each once.
        adopt_tasks: By table: the id of a task that somebody else made, by curl or in the vendor's
            Console. Its finished runs are loaded, each once, and nothing is requested for the
            table but a range (`start_date` and `end_date`). `segments` and `export_format` have to
            be the task's own.
        snapshot_every: Days after which all vouchers are loaded again: no filter shows a voucher
            that was locked, expired early or deleted.
        reload_every: Days after which transactions and wallet_ledger are loaded in full again, for
            rows that change or arrive later than `lag` after their time; never unless given.
        allow_external_schedulers: Load the interval that a scheduler gives (Airflow's data
            interval, or `DLT_INTERVAL_START` and `…_END`) like `start_date` and `end_date`, as
            dlt's incrementals do; unless given, dlt's launcher decides.
        max_deleted_share: Stop a load that would delete a larger share of a table's rows, from 0
            to 1, or all of them.
        accept_deletes: Allow a load to delete any number of rows.
        deletes: `remove` rows that the vendor has no more, or `soft`: they stay, with the time of
            the load in `deleted_at`; or one of these by table. It needs a key.
        retain_days: How many days rows stay in a table, by the time that its windows are taken by;
            or numbers by table. Each load that ends well removes older ones, and asks for none.
        keep_files: Folder to archive the downloaded files in, one folder per load. They are as the
            vendor sent them: with personal columns, whatever `privacy` says.
        from_files: Folder of one archived load: load it again from its files. Nothing is requested
            from the vendor.
        files: By table: the path of a file, or a list of them, that somebody has downloaded in the
            vendor's console. They are loaded instead of exports: all rows of their tables, or those
            of the range from `start_date` to `end_date`. CSV or JSON by their names, gzip or not.
            Nothing is requested from the vendor.
        dialect: What the CSV files of `files` are written in, where they are not as in RFC 4180:
            a dict with any of `delimiter quote encoding decimal date_format skip_leading
            skip_trailing`. It is never guessed.

    Raises:
        SettingsError: A setting is missing, wrong, or contradicts another.
    """
    install_hooks()
    chain = require_chain(chain_id)
    api = TasksApi(make_client(parse_base_url(base_url), chain, require_credentials(credentials)))
    dates = make_sync_policy(
        start_date,
        end_date,
        lag=lag,
        window=window,
        smallest_window=smallest_window,
        max_exports=max_exports,
        reload_every=reload_every,
    )
    segment_of = {index_named(name).table: one for name, one in by_table("segments", segments)}
    time_column_of = {
        index_named(name).table: require_name(f"time_columns of {name}", column)
        for name, column in by_table("time_columns", time_columns)
    }
    margin = timedelta(
        seconds=require_number("start_margin", start_margin, least=0, most=MOST_AHEAD)
    )
    wider = timedelta(
        seconds=require_number("filter_margin", filter_margin, least=1, most=WIDEST_MARGIN)
    )
    service = SpaazaExports(api, chain, start_margin=margin)
    task_of = _read_task_ids(adopt_tasks)
    run = ExportRun(
        service,
        downloads_folder,
        PollSettings(
            poll_interval,
            max_poll_interval,
            export_timeout,
            max_concurrent_exports,
            max_age,
            stagger,
            execute_after,
            start_timeout,
        ),
        threads=SharedThreads(),
    )
    require_flag("only_finished", only_finished)
    policies = make_policies(
        privacy, privacy_secret, list(INDEXES), is_shared=not is_argument("privacy")
    )
    file_format: ExportFormat = require_choice("export_format", export_format, "csv", "json")
    snapshot = timedelta(
        days=require_number("snapshot_every", snapshot_every, least=0, most=CENTURY_IN_DAYS)
    )
    types = read_table_types(column_types, INDEXES, DOCUMENTED, others=["bulk_users"])
    resources = ResourceFactory(
        run,
        ReadSettings(
            TableTypes(),
            on_bad_row,
            max_rejected_share,
            has_window_settings=True,
            max_rejected_rows=max_rejected_rows,
            empty_files=empty_files,
        ),
        DeleteGuard(max_deleted_share, accept_deletes),
        by_scheduler=allow_external_schedulers,
        keep_files=keep_files,
        from_files=from_files,
        drift=DriftSettings.of(on_drift, [*INDEXES, "bulk_users"]),
        given=GivenFiles.of(files, dialect, lambda name: find_table(name).table),
        dates=dates,
        expectations=read_expectations(expectations, [*INDEXES, "bulk_users"]),
        soft_deletes=read_deletes(deletes, [*INDEXES, "bulk_users"]),
        retain_days=read_retain_days(retain_days, [*INDEXES]),
    )
    for index in (each for each in INDEXES.values() if resources.has(each.table)):
        make_request = IndexRequests(index, chain, file_format, segment_of.get(index.table), wider)
        # No run of a task has a range of the past: that is requested by the task's filter.
        task_id = None if dates.is_backfill else task_of.get(index.table)
        if task_id is not None:
            service.adopt(task_id, make_request(None))
        sync = TableSync(
            index.table,
            make_request,
            make_request.narrow(dates, snapshot),
            collect_only=only_finished or task_id is not None,
            adopt_job=task_id,
            in_parts=make_request.in_parts(dates),
            narrowed_by="segments",
            keeps_others=make_request.moves_with_time,
            has_saved_filter=isinstance(make_request.segment, str),
            dates_refused=make_request.dates_refused(dates),
            is_range=dates.is_backfill,
            takes_range=make_request.takes_range,
            other_requests=[
                replace(make_request, margin=MARGIN),
                replace(make_request, narrows_last_days=True),
            ],
        )
        time_column = time_column_of.get(index.table) or index.time_field
        # A row that changed, or that a rule of the user's selects, may be of any time.
        is_moving = make_request.moves_with_time and not dates.is_backfill
        of_any_time = make_request.shows_changes or is_moving
        yield resources.make(
            TableSpec(
                sync,
                policies[index.table],
                None if of_any_time else time_column,
                index.keys,
                index.volatile,
                types[index.table],
                make_request.range_columns(time_column),
                PEOPLE,
            )
        )


def _read_task_ids(adopt_tasks: Any) -> dict[str, str]:
    """The setting `adopt_tasks`: by table the id of a task."""
    tasks = {}
    for name, task_id in by_table("adopt_tasks", adopt_tasks):
        is_id = isinstance(task_id, str | int) and not isinstance(task_id, bool)
        if not is_id or not str(task_id).strip():
            raise wrong_kind(f"adopt_tasks of {name}", task_id, "the id of a task")
        tasks[index_named(name).table] = str(task_id).strip()
    return tasks
