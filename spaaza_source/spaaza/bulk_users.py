"""`spaaza_bulk_users`: all users of a chain, streamed by one call, as a dlt resource.

Vendor document: "Exporting users (bulk)". There is no job to wait for and no filter to set.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Optional
from uuid import uuid4

import dlt
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from spaaza_source.dlt_hooks.load_end import install_load_end_hook
from spaaza_source.dlt_hooks.run_lock import install_run_lock
from spaaza_source.exports.jobs import Job, JobState
from spaaza_source.exports.plan import TableSync
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.table_exports import Export, Phase, TableExports
from spaaza_source.loading.extract import Progress, load_files, working_folder
from spaaza_source.loading.reader import FileReader, ReadSettings
from spaaza_source.spaaza.bulk_columns import documented_columns
from spaaza_source.spaaza.credentials import SpaazaCredentials, require_chain, require_credentials
from spaaza_source.spaaza.personal_columns import make_policies
from spaaza_source.spaaza.tasks_api import make_client
from spaaza_source.tabular import Policy
from spaaza_source.transport.clock import SystemClock
from spaaza_source.transport.download import save
from spaaza_source.transport.http_client import HttpClient, parse_base_url
from spaaza_source.writing.delete_guard import DeleteGuard
from spaaza_source.writing.table_write import WriteSettings
from spaaza_source.writing.write_disposition import REPLACE, Disposition

#: Columns that may be the key; the rows must prove it.
KEYS = ("spaaza_user_id", "user_id", "id")
#: Columns whose cells change by themselves.
PASSING = ("days_since_last_purchase",)
PATH = "/segments/export/users"


@dlt.source(name="spaaza", section="spaaza")
def spaaza_bulk_users(
    base_url: str = dlt.config.value,
    chain_id: int = dlt.config.value,
    credentials: SpaazaCredentials = dlt.secrets.value,
    *,
    column_types: Literal["inferred", "text"] = "inferred",
    on_bad_row: Literal["reject", "fail"] = "reject",
    max_rejected_share: float = 0.01,
    privacy: Any = None,
    privacy_secret: Optional[TSecretStrValue] = None,  # noqa: UP045
    max_deleted_share: float = 0.2,
    accept_deletes: bool = False,
) -> Iterator[DltResource]:
    """All users of a chain: the 68 documented columns and any that the vendor appends.

    Every argument can also be set in dlt's configuration, under `sources.spaaza`.

    Args:
        base_url: The address of the Services API.
        chain_id: The chain whose users are loaded.
        credentials: `session_user_id` and `session_key`: the vendor documents no others.
        column_types: `inferred`, with the documented columns typed as documented, or `text`.
        on_bad_row: `reject` stores a bad row in `rejected_rows`; `fail` stops at the first.
        max_rejected_share: Stop if a larger share of the rows is bad, from 0 to 1.
        privacy: As for `spaaza_source`, for the table `bulk_users`.
        privacy_secret: As for `spaaza_source`.
        max_deleted_share: As for `spaaza_source`.
        accept_deletes: As for `spaaza_source`.

    Raises:
        SettingsError: A setting is missing or wrong.
    """
    install_run_lock()
    install_load_end_hook()
    chain = require_chain(chain_id)
    http = make_client(parse_base_url(base_url), chain, require_credentials(credentials))
    reading = ReadSettings(column_types, on_bad_row, max_rejected_share)
    deletions = DeleteGuard(max_deleted_share, accept_deletes)
    policy = make_policies(privacy, privacy_secret, ["bulk_users"])["bulk_users"]
    columns: Any = (
        None if reading.column_types == "text" else policy.mask_hints(documented_columns())
    )
    yield dlt.resource(
        _users,
        name="bulk_users",
        write_disposition=REPLACE,
        columns=columns,
    )(http, chain, reading, policy, WriteSettings(Disposition(REPLACE, PASSING), deletions, KEYS))


def _users(
    http: HttpClient, chain: int, reading: ReadSettings, policy: Policy, upkeep: WriteSettings
) -> Iterator[Any]:
    clock = SystemClock()
    request = ExportRequest("bulk_users", "users (bulk)", str(chain))
    begun_at = clock.now()
    job_id = f"bulk-users-{chain}-{begun_at:%Y%m%dT%H%M%S.%fZ}"
    job = Job(job_id, JobState.DONE, "STREAMED", created_at=begun_at)
    export = Export(request, job, begun_at, phase=Phase.DOWNLOADING)
    exports = TableExports(TableSync(request.table, lambda _: request), exports=[export])
    progress = Progress(exports)
    folder = working_folder()
    folder.mkdir(parents=True, exist_ok=True)

    def on_bytes(arrived: int, total: int | None) -> None:
        export.received += arrived
        export.total = total
        progress.report()

    begun = clock.monotonic()
    body = {"entity": "people", "chain_id": chain, "join": "all", "rules": []}
    export.arrived = save(
        http.stream(PATH, body),
        folder / f"{request.table}-{request.fingerprint}-{uuid4().hex[:8]}",
        on_bytes=on_bytes,
    )
    export.download_seconds = clock.monotonic() - begun
    export.phase = Phase.ARRIVED
    try:
        yield from load_files(exports, FileReader(reading, policy), upkeep)
    finally:
        export.arrived.path.unlink(missing_ok=True)
