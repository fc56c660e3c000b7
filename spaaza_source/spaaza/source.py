"""`spaaza_source`: the six indexes of the Tasks API as dlt resources.

What a user may set stands here; the calls are `tasks`, the waiting and loading are the road's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal, Optional

import dlt
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from spaaza_source.exports.clock import SystemClock
from spaaza_source.exports.content import Reading
from spaaza_source.exports.http import checked_base_url
from spaaza_source.exports.load import export_tables, working_folder
from spaaza_source.exports.request import ExportFormat, ExportRequest
from spaaza_source.exports.run import ExportRun, Patience
from spaaza_source.exports.settings import by_table, choice, number
from spaaza_source.exports.windows import Window, chosen_window, iso
from spaaza_source.spaaza.credentials import SpaazaCredentials, checked, checked_chain
from spaaza_source.spaaza.indexes import INDEXES, index_named
from spaaza_source.spaaza.personal import policies
from spaaza_source.spaaza.segments import selection_for
from spaaza_source.spaaza.service import SpaazaExports
from spaaza_source.spaaza.tasks import TasksApi, vendor_http


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
    poll_interval: float = 15.0,
    export_timeout: float = 3600.0,
    max_concurrent_exports: int = 3,
    start_margin: float = 2.0,
    max_age: float = 3600.0,
) -> Iterator[DltResource]:
    """Spaaza's exports: `transactions users vouchers wallet_ledger products product_variants`.

    Each resource asks for one export, waits for it, and yields it as typed `pyarrow.Table`s with
    columns named after the file's header. Every load also writes `export_jobs`, `rejected_rows`
    and `column_changes`.

    Every argument also comes from dlt's configuration, under `sources.spaaza`.

    Args:
        base_url: The Services API's address, which Spaaza names to its customers.
        chain_id: The chain whose data it is.
        credentials: `access_token_id` and `access_token_secret`, or `session_user_id` and
            `session_key`.
        start_date: Where history begins: ISO 8601 text or a datetime, UTC where it names no zone.
            It narrows transactions, wallet_ledger and vouchers, by their time of creation; that
            range of the table is replaced. The other indexes know no such filter and always come
            whole. Without it, everything comes.
        end_date: Where the range ends, itself left out; now, without it.
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
        poll_interval: Seconds between two looks at an export; the vendor asks for 10 to 30.
        export_timeout: Seconds to wait for one export.
        max_concurrent_exports: Exports the vendor runs at one time.
        start_margin: Seconds ahead that an export is scheduled.
        max_age: Seconds that a finished export, which an earlier run asked for and did not load,
            is still good for.

    Raises:
        SettingsError: A setting is missing, wrong, or contradicts another.
    """
    chain = checked_chain(chain_id)
    api = TasksApi(vendor_http(checked_base_url(base_url), chain, checked(credentials)))
    window = chosen_window(start_date, end_date, SystemClock().now())
    wanted = {index_named(name).table: segment for name, segment in by_table("segments", segments)}
    times = {
        index_named(name).table: str(column)
        for name, column in by_table("time_columns", time_columns)
    }
    run = ExportRun(
        SpaazaExports(
            api,
            chain,
            start_margin=timedelta(seconds=number("start_margin", start_margin, least=0)),
        ),
        working_folder,
        Patience(poll_interval, export_timeout, max_concurrent_exports, max_age),
    )
    reading = Reading(column_types, on_bad_row, max_rejected_share)
    hidden = policies(privacy, privacy_secret, list(INDEXES))
    file_format: ExportFormat = choice("export_format", export_format, "csv", "json")
    for index in INDEXES.values():
        narrowed = window if index.time_field else None
        request = ExportRequest(
            table=index.table,
            subject=index.export_index,
            account=str(chain),
            export_format=file_format,
            window=narrowed,
            selection=selection_for(
                wanted.get(index.table),
                index=index.export_index,
                chain_id=chain,
                time_field=index.time_field,
                window=narrowed,
            ),
        )
        column = times.get(index.table) or index.time_field
        yield dlt.resource(
            export_tables,
            name=index.table,
            write_disposition=_disposition(request.window, column or ""),
        )(run, request, reading, hidden[index.table], column)


def _disposition(window: Window | None, column: str) -> Any:
    """A full export is the table; an export of a window is that range of it."""
    if window is None:
        return "replace"
    return {
        "disposition": "merge",
        "strategy": "delete-insert",
        "destination_scope": _scope(column, window),
    }


def _scope(column: str, window: Window) -> str:
    """The rows of the destination that a window's export replaces, as SQL.

    The column's name is dlt's, made of letters, digits and underscores, and it is qualified: so
    no database needs it quoted, and each folds its case as it folded it when it was created.
    """
    name = dlt.Schema("spaaza").naming.normalize_identifier(column)
    start, end = iso(window.start), iso(window.end)
    return f"{{table}}.{name} >= '{start}' AND {{table}}.{name} < '{end}'"
