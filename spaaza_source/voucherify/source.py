"""`voucherify_source`: the objects of Voucherify's `/exports` as dlt resources.

What a user may set stands here; the calls are `api`, the waiting and loading are the road's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal, Optional

import dlt
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from spaaza_source.dlt_hooks import install_hooks
from spaaza_source.errors import SettingsError
from spaaza_source.exports import ExportRequest, ExportRun, PollSettings, SyncPolicy, TableSync
from spaaza_source.loading import (
    ReadSettings,
    ResourceFactory,
    TableSpec,
    downloads_folder,
    make_sync_policy,
)
from spaaza_source.settings import by_table, require_number
from spaaza_source.transport import parse_base_url
from spaaza_source.voucherify import filters as narrowing
from spaaza_source.voucherify.credentials import VoucherifyCredentials, require_keys
from spaaza_source.voucherify.export_service import VoucherifyExports
from spaaza_source.voucherify.exports_api import ExportsApi, make_client
from spaaza_source.voucherify.header_labels import fields_of
from spaaza_source.voucherify.objects import OBJECTS, ExportObject, object_named
from spaaza_source.voucherify.personal_columns import policies
from spaaza_source.windows import Window
from spaaza_source.writing import DeleteGuard

#: A load begins at the begin of its span again after so long where what it brings never changes.
ONCE = timedelta.max


@dlt.source(name="voucherify", section="voucherify")
def voucherify_source(
    base_url: str = "https://api.voucherify.io",
    credentials: VoucherifyCredentials = dlt.secrets.value,
    *,
    objects: Any = None,
    fields: Optional[dict[str, Any]] = None,  # noqa: UP045
    filters: Optional[dict[str, Any]] = None,  # noqa: UP045
    campaign_id: Optional[str] = None,  # noqa: UP045
    start_date: Any = None,
    end_date: Any = None,
    column_types: Literal["inferred", "text"] = "inferred",
    on_bad_row: Literal["reject", "fail"] = "reject",
    max_rejected_share: float = 0.01,
    privacy: Any = None,
    privacy_secret: Optional[TSecretStrValue] = None,  # noqa: UP045
    lag: float = 86_400.0,
    window: Literal["month", "week", "day"] = "month",
    smallest_window: float = 3600.0,
    poll_interval: float = 15.0,
    max_poll_interval: Optional[float] = None,  # noqa: UP045
    export_timeout: float = 3600.0,
    max_concurrent_exports: int = 3,
    max_age: float = 3600.0,
    only_finished: bool = False,
    snapshot_every: float = 7.0,
    allow_external_schedulers: Optional[bool] = None,  # noqa: UP045
    max_deleted_share: float = 0.2,
    accept_deletes: bool = False,
    keep_files: Optional[str] = None,  # noqa: UP045
    from_files: Optional[str] = None,  # noqa: UP045
    cleanup: bool = False,
) -> Iterator[DltResource]:
    """Voucherify's exports, each object of `/exports` a resource and a table.

    They are `vouchers redemptions publications customers points_expirations orders
    voucher_transactions`. Each resource asks for its exports, waits for them, and yields them as
    typed `pyarrow.Table`s with columns named after the fields that were asked for. Every load also
    writes `export_jobs`, `rejected_rows` and `column_changes`.

    A first load brings all rows, or those since `start_date`. From then on vouchers, customers and
    orders bring what was created or updated since the last load, less `lag`, redemptions and
    voucher_transactions what was created, and it is merged by a key that the rows prove;
    publications, which have none, replace that range of the table. Vouchers, customers and orders
    come whole again every `snapshot_every` days, for no filter shows what was deleted.
    points_expirations know no filter by time and always come whole.

    Every argument also comes from dlt's configuration, under `sources.voucherify`.

    Args:
        base_url: The API's address: of the project's region, or a dedicated one.
        credentials: `app_id` and `app_token`.
        objects: The tables to load, as a list or a text; all, unless given.
        fields: By table: the fields to ask for, `metadata.X` among them. Unless given, all that are
            documented, without metadata.
        filters: By table: the vendor's filters as a dict, such as `filters.where` and
            `filters.all_of` make. What they leave out is not loaded; a row that fitted once stays
            until all rows come again. Beside them a window stands only where one junction can say
            so: for the others every load brings all rows.
        campaign_id: Vouchers of this campaign alone; the vendor knows it of no other object.
        start_date: Where history begins: ISO 8601 text or a datetime, UTC where it names no zone.
        end_date: Where the range ends, itself left out. With both, exactly that range is loaded.
        column_types: `inferred` from the file, or `text` for every column.
        on_bad_row: `reject` keeps a bad row in `rejected_rows`; `fail` stops at the first.
        max_rejected_share: Stop when a larger share of a file's rows is bad.
        privacy: `pseudonymise` for every column that is known to be personal; or by table
            `pseudonymise`, or by column `hash`, `drop` or `keep`.
        privacy_secret: What is hashed with, 16 characters at least; from dlt's secrets.
        lag: Seconds before the last load's end at which the next begins, for rows that come late.
        window: History is asked for by calendar `month`, `week` or `day`, in UTC.
        smallest_window: Seconds; a window whose export fails is asked for in halves down to this.
        poll_interval: Seconds to the first look at an export. Where the vendor's limit of calls
            leaves room for fewer looks, the pauses are longer.
        max_poll_interval: Seconds that pauses between looks grow to; twice the first, unless given.
        export_timeout: Seconds to wait for one export.
        max_concurrent_exports: Exports the vendor runs at one time.
        max_age: Seconds that a finished export, which an earlier run asked for and did not load,
            is still good for; 0 for none.
        only_finished: Ask for nothing; load what earlier runs have asked for and is done.
        snapshot_every: Days after which a load of vouchers, customers or orders brings all rows.
        allow_external_schedulers: Load the interval that a scheduler gives, as dlt's incrementals
            do; unless given, as dlt's launcher says.
        max_deleted_share: Stop a load that would take a larger share of a table's rows away, from
            0 to 1, or all of them.
        accept_deletes: Let a load take away any number of rows.
        keep_files: A folder to keep what was downloaded in, a folder in it for each load.
        from_files: The folder of one load that was kept: load it again from its files. The vendor
            is not asked for anything.
        cleanup: Delete the exports that a load has asked for at the vendor, when the next load
            begins. Unless given, nothing is deleted there; what somebody else asked for never is.

    Raises:
        SettingsError: A setting is missing, wrong, or contradicts another.
    """
    install_hooks()
    keys = require_keys(credentials)
    api = ExportsApi(make_client(parse_base_url(base_url), keys))
    policy = make_sync_policy(
        start_date, end_date, lag=lag, window=window, smallest_window=smallest_window
    )
    # From the environment it comes as a text.
    names = re.findall(r"[\w-]+", objects) if isinstance(objects, str) else objects or OBJECTS
    chosen = [object_named(name) for name in names]
    asked = _fields(fields)
    narrowed = {
        object_named(name).table: narrowing.check_filters(given, str(name))
        for name, given in by_table("filters", filters)
    }
    service = VoucherifyExports(api, keys)
    run = ExportRun(
        service,
        downloads_folder,
        PollSettings(
            poll_interval, max_poll_interval, export_timeout, max_concurrent_exports, max_age
        ),
    )
    hidden = policies(privacy, privacy_secret, list(OBJECTS))
    every = timedelta(days=require_number("snapshot_every", snapshot_every, least=0))
    resources = ResourceFactory(
        run,
        ReadSettings(column_types, on_bad_row, max_rejected_share, _meaning),
        DeleteGuard(max_deleted_share, accept_deletes),
        by_scheduler=allow_external_schedulers,
        keep_files=keep_files,
        from_files=from_files,
        remove=service.remove if cleanup else None,
    )
    for each in dict.fromkeys(chosen):
        ask = _Asking(
            each,
            keys.account(),
            asked.get(each.table, each.fields),
            narrowed.get(each.table),
            campaign_id if each.of_a_campaign else None,
        )
        yield resources.make(
            TableSpec(
                TableSync(
                    each.table, ask, _policy_for(ask, policy, every), collect_only=only_finished
                ),
                hidden[each.table],
                each.window_field,
                each.keys,
                each.passing,
            )
        )


@dataclass(frozen=True)
class _Asking:
    """Makes an object's request for a window, or for all rows."""

    each: ExportObject
    account: str
    fields: Sequence[str]
    filters: Mapping[str, Any] | None
    campaign_id: str | None

    @property
    def has_windows(self) -> bool:
        """Whether the request can be narrowed to a window."""
        filters = None if self.filters is None else dict(self.filters)
        return narrowing.can_be_narrowed(filters, self.each.time_filters)

    def __call__(self, window: Window | None) -> ExportRequest:
        filters = None if self.filters is None else dict(self.filters)
        narrowed = narrowing.add_window(filters, self.each.time_filters, window)
        return ExportRequest(
            table=self.each.table,
            subject=self.each.exported_object,
            account=self.account,
            window=window,
            selection={
                "order": self.each.order,
                "fields": list(self.fields),
                **({"filters": narrowed} if narrowed else {}),
                **({"campaign_id": self.campaign_id} if self.campaign_id else {}),
            },
        )


def _policy_for(ask: _Asking, policy: SyncPolicy, every: timedelta) -> SyncPolicy | None:
    """The times that an object is loaded by; None where it always comes whole.

    Raises:
        SettingsError: A start is given, but the object's filters have no place for a window.
    """
    each = ask.each
    if not ask.has_windows:
        if policy.start is not None and each.time_filters:
            raise SettingsError(
                "a window has no place beside these filters: Voucherify joins all conditions by one"
                " junction",
                where=f"filters of {each.table}",
                hint="Leave out start_date, or the filters.",
            )
        return None
    if each.window_field is None:
        return replace(policy, full_refresh_every=ONCE if each.is_final else every)
    if each.window_field not in ask.fields:
        raise SettingsError(
            f"without {each.window_field} nothing tells of which time a row is",
            where=f"fields of {each.table}",
            hint=f"Add {each.window_field!r}.",
        )
    return policy


def _fields(fields: Any) -> dict[str, tuple[str, ...]]:
    chosen = {}
    for name, given in by_table("fields", fields):
        names = given.split() if isinstance(given, str) else given
        if not isinstance(names, list | tuple) or not names or not all(map(_is_name, names)):
            raise SettingsError(
                "it is not a list of fields' names", where=f"fields of {str(name)[:40]}"
            )
        chosen[object_named(name).table] = tuple(dict.fromkeys(names))
    return chosen


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and bool(name.strip())


def _meaning(request: ExportRequest, header: Sequence[str]) -> Sequence[str]:
    return fields_of(request.subject, request.selection["fields"], header)
