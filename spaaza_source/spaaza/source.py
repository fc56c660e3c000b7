"""`spaaza_source`: the six indexes of the Tasks API as dlt resources.

What a user may set stands here; the calls are `tasks`, the waiting and loading are the road's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal, Optional

import dlt
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from spaaza_source.dlt_hooks import install_hooks
from spaaza_source.errors import SettingsError
from spaaza_source.exports import (
    ExportFormat,
    ExportRequest,
    ExportRun,
    PollSettings,
    SyncPolicy,
    TableSync,
)
from spaaza_source.loading import (
    ReadSettings,
    ResourceFactory,
    TableSpec,
    downloads_folder,
    make_sync_policy,
)
from spaaza_source.settings import by_table, require_choice, require_number
from spaaza_source.spaaza.credentials import SpaazaCredentials, require_chain, require_credentials
from spaaza_source.spaaza.export_service import SpaazaExports
from spaaza_source.spaaza.indexes import INDEXES, Index, index_named
from spaaza_source.spaaza.personal_columns import policies
from spaaza_source.spaaza.segments import selection_for
from spaaza_source.spaaza.tasks_api import TasksApi, make_client
from spaaza_source.transport import parse_base_url
from spaaza_source.windows import EARLIEST, Window
from spaaza_source.writing import DeleteGuard


@dlt.source(name="spaaza", section="spaaza")
def spaaza_source(
    base_url: str = dlt.config.value,
    chain_id: int = dlt.config.value,
    credentials: SpaazaCredentials = dlt.secrets.value,
    *,
    start_date: Any = None,
    end_date: Any = None,
    segments: Optional[dict[str, Any]] = None,  # noqa: UP045
    export_format: Literal["csv", "json"] = "csv",
    column_types: Literal["inferred", "text"] = "inferred",
    on_bad_row: Literal["reject", "fail"] = "reject",
    max_rejected_share: float = 0.01,
    privacy: Any = None,
    privacy_secret: Optional[TSecretStrValue] = None,  # noqa: UP045
    time_columns: Optional[dict[str, str]] = None,  # noqa: UP045
    lag: float = 86_400.0,
    window: Literal["month", "week", "day"] = "month",
    smallest_window: float = 3600.0,
    poll_interval: float = 15.0,
    max_poll_interval: Optional[float] = None,  # noqa: UP045
    export_timeout: float = 3600.0,
    max_concurrent_exports: int = 3,
    start_margin: float = 2.0,
    stagger: float = 1.0,
    max_age: float = 3600.0,
    only_finished: bool = False,
    snapshot_every: float = 7.0,
    allow_external_schedulers: Optional[bool] = None,  # noqa: UP045
    max_deleted_share: float = 0.2,
    accept_deletes: bool = False,
    keep_files: Optional[str] = None,  # noqa: UP045
    from_files: Optional[str] = None,  # noqa: UP045
) -> Iterator[DltResource]:
    """Spaaza's exports: `transactions users vouchers wallet_ledger products product_variants`.

    Each resource asks for its exports, waits for them, and yields them as typed `pyarrow.Table`s
    with columns named after the file's header. Every load also writes `export_jobs`,
    `rejected_rows` and `column_changes`.

    A first load brings all rows, or those since `start_date`. From then on transactions and
    wallet_ledger go on where the last load ended, less `lag`, and replace that range of the table.
    So do vouchers, with those created or redeemed since, which are merged by a key that the rows
    prove; every `snapshot_every` days they come whole again. The other indexes always do.

    Every argument also comes from dlt's configuration, under `sources.spaaza`.

    Args:
        base_url: The Services API's address, which Spaaza names to its customers.
        chain_id: The chain whose data it is.
        credentials: `access_token_id` and `access_token_secret`, or `session_user_id` and
            `session_key`.
        start_date: Where history begins: ISO 8601 text or a datetime, UTC where it names no zone.
            It narrows transactions and wallet_ledger by their time, vouchers to those created or
            redeemed since. The other indexes know no such filter and always come whole.
        end_date: Where the range ends, itself left out. With both, exactly that range is loaded
            and replaced, and what later loads go on from stays as it was.
        segments: By table: a saved segment's id, a list of rules, or a dict with `rules`.
        export_format: `csv`, or `json`, whose nested lists become tables of their own.
        column_types: `inferred` from the file, or `text` for every column.
        on_bad_row: `reject` keeps a bad row in `rejected_rows`; `fail` stops at the first.
        max_rejected_share: Stop when a larger share of a file's rows is bad.
        privacy: `pseudonymise` for every column that is known to be personal; or by table
            `pseudonymise`, or by column `hash`, `drop` or `keep`. A hash is the HMAC-SHA-256 of
            the cell's text, so that equal values still join.
        privacy_secret: What is hashed with, 16 characters at least; from dlt's secrets.
        time_columns: By table: the column that a window is taken by, if the file does not call
            it as the filter does (`timestamp`, `date_time_creation`).
        lag: Seconds before the last load's end at which the next begins, for rows that come late.
        window: History is asked for by calendar `month`, `week` or `day`, in UTC.
        smallest_window: Seconds; a window whose export fails is asked for in halves down to this.
        poll_interval: Seconds to the first look at an export; the vendor asks for 10 to 30.
        max_poll_interval: Seconds that pauses between looks grow to; twice the first, unless given.
        export_timeout: Seconds to wait for one export.
        max_concurrent_exports: Exports the vendor runs at one time.
        start_margin: Seconds ahead that an export is scheduled, up to a whole second; 0: at once.
        stagger: Seconds between the starts of exports that are asked for together.
        max_age: Seconds that a finished export, which an earlier run asked for and did not load,
            is still good for; 0 for none.
        only_finished: Ask for nothing; load what earlier runs, `spaaza submit` or the vendor's own
            recurring tasks have asked for and is done, each once. The rest is left alone.
        snapshot_every: Days after which a load of vouchers brings all rows again: no filter shows a
            voucher that was locked, expired early or deleted.
        allow_external_schedulers: Load the interval that a scheduler gives (Airflow's data
            interval, or `DLT_INTERVAL_START` and `…_END`) like `start_date` and `end_date`, as
            dlt's incrementals do; unless given, as dlt's launcher says.
        max_deleted_share: Stop a load that would take a larger share of a table's rows away, from
            0 to 1, or all of them.
        accept_deletes: Let a load take away any number of rows.
        keep_files: A folder to keep what was downloaded in, a folder in it for each load. The
            files are as the vendor sent them: with personal columns, whatever `privacy` says.
        from_files: The folder of one load that was kept: load it again from its files. The vendor
            is not asked for anything.

    Raises:
        SettingsError: A setting is missing, wrong, or contradicts another.
    """
    install_hooks()
    chain = require_chain(chain_id)
    api = TasksApi(make_client(parse_base_url(base_url), chain, require_credentials(credentials)))
    policy = make_sync_policy(
        start_date, end_date, lag=lag, window=window, smallest_window=smallest_window
    )
    chosen = {index_named(name).table: segment for name, segment in by_table("segments", segments)}
    columns = {
        index_named(name).table: str(column)
        for name, column in by_table("time_columns", time_columns)
    }
    run = ExportRun(
        SpaazaExports(
            api,
            chain,
            start_margin=timedelta(seconds=require_number("start_margin", start_margin, least=0)),
        ),
        downloads_folder,
        PollSettings(
            poll_interval,
            max_poll_interval,
            export_timeout,
            max_concurrent_exports,
            max_age,
            stagger,
        ),
    )
    hidden = policies(privacy, privacy_secret, list(INDEXES))
    file_format: ExportFormat = require_choice("export_format", export_format, "csv", "json")
    begins_again = timedelta(days=require_number("snapshot_every", snapshot_every, least=0))
    resources = ResourceFactory(
        run,
        ReadSettings(column_types, on_bad_row, max_rejected_share),
        DeleteGuard(max_deleted_share, accept_deletes),
        by_scheduler=allow_external_schedulers,
        keep_files=keep_files,
        from_files=from_files,
    )
    for index in INDEXES.values():
        ask = _request_of(index, chain, file_format, chosen.get(index.table))
        changes = _shows_changes(index, file_format, chosen.get(index.table))
        times = _policy_for(index, policy, ask)
        if changes and times is not None:
            times = replace(times, incremental=True, full_refresh_every=begins_again)
        yield resources.make(
            TableSpec(
                TableSync(index.table, ask, times, collect_only=only_finished),
                hidden[index.table],
                # A row that changed may be of any time.
                None if changes else columns.get(index.table) or index.time_field,
                index.keys,
                index.passing,
            )
        )


def _request_of(
    index: Index, chain: int, file_format: ExportFormat, segment: object
) -> Callable[[Window | None], ExportRequest]:
    """Makes an index's request for a window, or for all rows."""
    changes = _shows_changes(index, file_format, segment)
    fields = [index.time_field, index.change_field if changes else None]

    def ask(window: Window | None) -> ExportRequest:
        return ExportRequest(
            table=index.table,
            subject=index.export_index,
            account=str(chain),
            export_format=file_format,
            window=window,
            selection=selection_for(
                segment,
                index=index.export_index,
                chain_id=chain,
                time_fields=[field for field in fields if field],
                window=window,
            ),
        )

    ask(None)
    return ask


def _shows_changes(index: Index, file_format: ExportFormat, segment: object) -> bool:
    """Whether an index's windows can bring the rows that changed in them.

    Not in JSON, whose lists become tables that a later load could not merge; nor beside rules of
    the user's: a segment joins all rules or any, no groups of them.
    """
    return index.change_field is not None and file_format == "csv" and segment is None


def _policy_for(
    index: Index, policy: SyncPolicy, ask: Callable[[Window | None], ExportRequest]
) -> SyncPolicy | None:
    """The times that an index is loaded by; None where it always comes whole.

    Raises:
        SettingsError: A start is given, but the index's segment cannot be narrowed to a window.
    """
    if index.time_field is None:
        return None
    try:
        ask(Window(None, EARLIEST + timedelta(days=1)))
    except SettingsError:
        if policy.start is not None:
            raise
        return None
    return replace(policy, incremental=index.is_final)
