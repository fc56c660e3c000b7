"""`voucherify_source`: the seven objects of Voucherify's `/exports` as dlt resources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

import dlt
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from spaaza_source.configuration import vendor_source
from spaaza_source.dlt_hooks import install_hooks
from spaaza_source.drift import DriftSettings
from spaaza_source.errors import SettingsError, wrong_kind
from spaaza_source.expectations import read_expectations
from spaaza_source.exports import (
    ExportRequest,
    ExportRun,
    GivenFiles,
    PollSettings,
    SyncPolicy,
    TableSync,
)
from spaaza_source.loading import (
    ResourceFactory,
    TableSpec,
    downloads_folder,
    make_sync_policy,
)
from spaaza_source.reading import RangeColumns, ReadSettings
from spaaza_source.retention import read_retain_days
from spaaza_source.settings import (
    CENTURY_IN_DAYS,
    by_table,
    require_choice,
    require_flag,
    require_number,
    require_text,
)
from spaaza_source.tabular import SharedThreads, TableTypes, read_table_types
from spaaza_source.transport import parse_base_url
from spaaza_source.voucherify.credentials import VoucherifyCredentials, require_keys
from spaaza_source.voucherify.documented_types import DOCUMENTED
from spaaza_source.voucherify.export_service import VoucherifyExports
from spaaza_source.voucherify.exports_api import ExportsApi, make_client
from spaaza_source.voucherify.filters import Filters, add_window, can_be_narrowed, check_filters
from spaaza_source.voucherify.header_labels import match_fields
from spaaza_source.voucherify.identifiers import PEOPLE
from spaaza_source.voucherify.objects import OBJECTS, ExportObject, object_named
from spaaza_source.voucherify.personal_columns import make_policies
from spaaza_source.windows import Window
from spaaza_source.writing import DeleteGuard, read_deletes

#: How often a table is loaded whole whose rows never change: only at first.
ONCE = timedelta.max


@vendor_source("voucherify")
def voucherify_source(
    base_url: str = "https://api.voucherify.io",
    credentials: VoucherifyCredentials = dlt.secrets.value,
    *,
    objects: Any = None,
    fields: dict[str, Any] | None = None,
    filters: dict[str, Any] | None = None,
    campaign_id: str | None = None,
    order: dict[str, str] | None = None,
    start_date: Any = None,
    end_date: Any = None,
    column_types: Any = "inferred",
    on_bad_row: Literal["reject", "fail"] = "reject",
    max_rejected_share: float = 0.01,
    max_rejected_rows: int = 10,
    empty_files: Literal["stop", "accept"] = "stop",
    on_drift: Any = "tell",
    expectations: Any = None,
    privacy: Any = None,
    privacy_secret: TSecretStrValue | None = None,
    lag: float = 86_400.0,
    window: Literal["month", "week", "day"] | None = "month",
    smallest_window: float = 3600.0,
    max_exports: int = 240,
    poll_interval: float = 15.0,
    max_poll_interval: float | None = None,
    export_timeout: float = 3600.0,
    start_timeout: float | None = None,
    max_concurrent_exports: int = 3,
    max_age: float = 3600.0,
    only_finished: bool = False,
    snapshot_every: float = 7.0,
    reload_every: float | None = None,
    allow_external_schedulers: bool | None = None,
    max_deleted_share: float = 0.2,
    accept_deletes: bool = False,
    deletes: Any = "remove",
    retain_days: Any = None,
    keep_files: str | None = None,
    from_files: str | None = None,
    cleanup: bool = False,
    files: Any = None,
    dialect: Any = None,
) -> Iterator[DltResource]:
    """Voucherify's exports, each object of `/exports` a resource and a table.

    They are `vouchers redemptions publications customers points_expirations orders
    voucher_transactions`. Each resource requests its exports, waits for them, and yields them as
    typed `pyarrow.Table`s with columns named after the requested fields. Every load also writes
    `export_jobs`, `rejected_rows` and `column_changes`.

    The first load brings all rows, or those since `start_date`. Later loads start `lag` before the
    end of the last one: vouchers, customers and orders with the rows created or updated since,
    redemptions and voucher_transactions with those created, merged by a key that the rows prove.
    Publications have no key and replace that range of the table. Vouchers, customers and orders are
    loaded whole every `snapshot_every` days, for no filter shows what was deleted.
    points_expirations have no filter by time and are always loaded whole.

    Every argument can also be set in dlt's configuration, under `sources.voucherify`.

    Args:
        base_url: The API's address: of the project's region, or a dedicated one.
        credentials: `app_id` and `app_token`.
        objects: The tables to load, as a list or a text; all unless given.
        fields: By table: the fields to request, `metadata.X` among them. Unless given, all that
            are documented, without metadata.
        filters: By table: the vendor's filters as a dict, such as `filters.where` and
            `filters.all_of` make. Rows that they exclude are not loaded; a row that no longer
            matches stays until the next whole load. Where Voucherify's one junction cannot combine
            them with a window, every load brings all rows.
        campaign_id: Load the vouchers of this campaign only; the other objects have no such filter.
        order: By table: how its files are sorted, as the vendor writes it: `-created_at` from the
            newest row on. The rows of a table are the same in any order.
        start_date: Start of history: ISO 8601 text or a datetime, UTC if it names no zone.
        end_date: With `start_date`, the end of exactly that range (exclusive); alone, where loads
            stop. As for `spaaza_source`.
        column_types: `inferred`: as documented, else from the file; or `text` for every column; or
            by table one of these, or types by column: `{"users": {"points": "decimal"}}`.
        on_bad_row: `reject` stores a bad row in `rejected_rows`; `fail` stops at the first.
        max_rejected_share: Stop if a larger share of a file's rows is bad, from 0 to 1.
        max_rejected_rows: As for `spaaza_source`.
        empty_files: `accept` takes a file of a window without any byte, not even a header, for no
            row; `stop` refuses it, as a full export is always refused.
        on_drift: `tell` what of a file is not as it was (columns gone or new, values that do not
            fit, rows that could not be read), or `stop` and load nothing of it; or one of them by
            table.
        expectations: By table, what its rows must hold before they are loaded: a dict with any of
            `min_rows max_rows required_columns not_null unique_columns allowed_values freshest
            action`, or `spaaza_source.expectations.Expectations`.
        privacy: `pseudonymise` for every column that is known to be personal; or by table
            `pseudonymise`, or by column `hash`, `drop` or `keep`.
            Any other column that looks personal stops the load, until it is listed.
        privacy_secret: The secret of the hashes, at least 16 characters; from dlt's secrets.
        lag: Lookback in seconds: how far before the end of the last load the next one starts, for
            rows that arrive late.
        window: The windows that history is requested in: `month`, `week` or `day`, in UTC; months
            unless given.
        smallest_window: Seconds; a window whose export fails is split in two, down to this length.
        max_exports: Windows of one table that a first load, or a range, may request; one of more
            stops before anything is requested.
        poll_interval: Seconds until the first poll of an export; longer where the vendor's rate
            limit allows fewer calls.
        max_poll_interval: Seconds that the pauses between polls grow to; twice the first, unless
            given.
        export_timeout: Seconds to wait for one export, and then for its download.
        start_timeout: Seconds to wait until the vendor begins an export; `export_timeout` counts
            from there then, and for both unless given.
        max_concurrent_exports: Exports that run at the vendor at one time.
        max_age: Seconds for which a finished export that an earlier run requested and did not load
            may still be adopted; 0 for never.
        only_finished: Request nothing; load the finished exports of earlier runs, each once.
        snapshot_every: Days after which all vouchers, customers and orders are loaded again.
        reload_every: Days after which redemptions, publications and voucher_transactions are loaded
            in full again; never unless given.
        allow_external_schedulers: Load the interval that a scheduler gives, as dlt's incrementals
            do; unless given, dlt's launcher decides.
        max_deleted_share: Stop a load that would delete a larger share of a table's rows, from 0
            to 1, or all of them.
        accept_deletes: Allow a load to delete any number of rows.
        deletes: `remove` rows that the vendor has no more, or `soft`: they stay, with the time of
            the load in `deleted_at`; or one of these by table. It needs a key.
        retain_days: How many days rows stay in a table, by the time that its windows are taken by;
            or numbers by table. Each load that ends well removes older ones, and asks for none.
        keep_files: Folder to archive the downloaded files in, one folder per load.
        from_files: Folder of one archived load: load it again from its files. Nothing is requested
            from the vendor.
        cleanup: Delete the exports that a load requested at the vendor, when the next load begins.
            Exports that somebody else requested are never deleted.
        files: As for `spaaza_source`.
        dialect: As for `spaaza_source`.

    Raises:
        SettingsError: A setting is missing, wrong, or contradicts another.
    """
    install_hooks()
    keys = require_keys(credentials)
    service = VoucherifyExports(ExportsApi(make_client(parse_base_url(base_url), keys)), keys)
    dates = make_sync_policy(
        start_date,
        end_date,
        lag=lag,
        window=window,
        smallest_window=smallest_window,
        max_exports=max_exports,
        reload_every=reload_every,
    )
    # From the environment it comes as a text.
    if not isinstance(objects, str | list | tuple | None):
        raise wrong_kind("objects", objects, "a list of objects")
    names = re.findall(r"[\w-]+", objects) if isinstance(objects, str) else objects or OBJECTS
    chosen = [object_named(name) for name in names]
    fields_of = _check_fields(fields)
    order_of = _check_order(order)
    filters_of = {
        object_named(name).table: check_filters(one, str(name))
        for name, one in by_table("filters", filters)
    }
    poll = PollSettings(
        poll_interval,
        max_poll_interval,
        export_timeout,
        max_concurrent_exports,
        max_age,
        start_timeout=start_timeout,
    )
    run = ExportRun(service, downloads_folder, poll, threads=SharedThreads())
    require_flag("only_finished", only_finished)
    require_flag("cleanup", cleanup)
    require_text("campaign_id", campaign_id)
    policies = make_policies(privacy, privacy_secret, list(OBJECTS))
    snapshot = timedelta(
        days=require_number("snapshot_every", snapshot_every, least=0, most=CENTURY_IN_DAYS)
    )
    types = read_table_types(column_types, OBJECTS, DOCUMENTED)
    resources = ResourceFactory(
        run,
        ReadSettings(
            TableTypes(),
            on_bad_row,
            max_rejected_share,
            _name_header,
            max_rejected_rows=max_rejected_rows,
            empty_files=empty_files,
        ),
        DeleteGuard(max_deleted_share, accept_deletes),
        by_scheduler=allow_external_schedulers,
        keep_files=keep_files,
        from_files=from_files,
        drift=DriftSettings.of(on_drift, list(OBJECTS)),
        remove=service.remove if cleanup else None,
        given=GivenFiles.of(files, dialect, lambda name: object_named(name).table),
        dates=dates,
        expectations=read_expectations(expectations, list(OBJECTS)),
        soft_deletes=read_deletes(deletes, list(OBJECTS)),
        retain_days=read_retain_days(retain_days, list(OBJECTS)),
    )
    for exported in (each for each in dict.fromkeys(chosen) if resources.has(each.table)):
        make_request = _RequestFactory(
            exported,
            keys.account(),
            fields_of.get(exported.table, exported.fields),
            filters_of.get(exported.table),
            campaign_id if exported.of_a_campaign else None,
            order_of.get(exported.table, exported.order),
        )
        sync = make_request.narrow(dates, snapshot)
        yield resources.make(
            TableSpec(
                TableSync(
                    exported.table,
                    make_request,
                    sync,
                    collect_only=only_finished,
                    other_requests=[
                        replace(make_request, order=each) for each in exported.all_orders
                    ],
                    dates_refused=make_request.dates_refused(dates),
                    narrowed_by="filters",
                    is_range=dates.is_backfill,
                ),
                policies[exported.table],
                exported.window_field,
                exported.keys,
                exported.volatile,
                types[exported.table],
                RangeColumns(exported.range_fields) if exported.range_fields else None,
                PEOPLE,
            )
        )


@dataclass(frozen=True)
class _RequestFactory:
    """Makes an object's request for a window, or for all rows."""

    exported: ExportObject
    account: str
    fields: Sequence[str]
    #: Its conditions may hold personal values.
    filters: Filters | None = field(repr=False)
    campaign_id: str | None
    order: str

    def __call__(self, window: Window | None) -> ExportRequest:
        filters = add_window(self.filters, self.exported.time_filters, window)
        return ExportRequest(
            table=self.exported.table,
            subject=self.exported.exported_object,
            account=self.account,
            window=window,
            selection={
                "order": self.order,
                "fields": list(self.fields),
                **({"filters": filters} if filters else {}),
                **({"campaign_id": self.campaign_id} if self.campaign_id else {}),
            },
        )

    def dates_refused(self, dates: SyncPolicy) -> SettingsError | None:
        """Why the settings' dates cannot narrow the object by its filters; None if they can."""
        exported = self.exported
        if not exported.time_filters or not dates.is_given:
            return None
        if can_be_narrowed(self.filters, exported.time_filters):
            return None
        return SettingsError(
            "these filters cannot be combined with a window: Voucherify joins all conditions by one"
            " junction",
            where=f"filters of {exported.table}",
            hint="Leave out start_date, and end_date with it, or the filters.",
        )

    def narrow(self, dates: SyncPolicy, snapshot: timedelta) -> SyncPolicy | None:
        """The settings' dates for this object; None if it is always loaded whole.

        An object whose changes are loaded is loaded whole every `snapshot`.

        Raises:
            SettingsError: The field is not requested that a window is taken by.
        """
        exported, field = self.exported, self.exported.window_field
        if not can_be_narrowed(self.filters, exported.time_filters):
            return None
        if field is None:
            rarely = ONCE if dates.reload_every is None else dates.reload_every
            return replace(dates, full_refresh_every=rarely if exported.is_final else snapshot)
        if field not in self.fields:
            raise SettingsError(
                f"windows are taken by {field}, which is not among the fields",
                where=f"fields of {exported.table}",
                hint=f"Add {field!r}.",
            )
        return dates


def _check_fields(fields: Any) -> dict[str, tuple[str, ...]]:
    """The setting `fields`: by table the names of the fields to request."""
    checked = {}
    for name, value in by_table("fields", fields):
        names = value.split() if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not names or not all(map(_is_name, names)):
            raise SettingsError("not a list of field names", where=f"fields of {str(name)[:40]}")
        checked[object_named(name).table] = tuple(dict.fromkeys(names))
    return checked


def _check_order(order: Any) -> dict[str, str]:
    """The setting `order`: by table how its files are sorted."""
    checked = {}
    for name, value in by_table("order", order):
        exported = object_named(name)
        choices = exported.all_orders
        checked[exported.table] = require_choice(f"order of {exported.table}", value, *choices)
    return checked


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and bool(name.strip())


def _name_header(request: ExportRequest, header: Sequence[str]) -> Sequence[str]:
    return match_fields(request.subject, request.selection["fields"], header)
