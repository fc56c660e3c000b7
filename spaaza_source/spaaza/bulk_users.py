"""`spaaza_bulk_users`: all users of a chain, streamed by one call, as a dlt resource.

Vendor document: "Exporting users (bulk)". There is no job to wait for and no filter to set.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Literal

import dlt
import requests
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from spaaza_source.configuration import is_argument, vendor_source, with_settings
from spaaza_source.dlt_hooks import install_hooks
from spaaza_source.drift import DriftSettings
from spaaza_source.errors import RequestRefusedError, SettingsError
from spaaza_source.expectations import read_expectations
from spaaza_source.exports import ExportRequest, GivenFiles, TableSync
from spaaza_source.loading import ResourceFactory, Stream, TableSpec
from spaaza_source.reading import ReadSettings
from spaaza_source.settings import CENTURY, require_name, require_number
from spaaza_source.spaaza.columns.documented_types import DOCUMENTED
from spaaza_source.spaaza.columns.identifiers import PEOPLE
from spaaza_source.spaaza.columns.personal_columns import make_policies
from spaaza_source.spaaza.credentials import (
    NO_VENDOR,
    AdminSession,
    SpaazaCredentials,
    require_chain,
    require_credentials,
    require_session,
)
from spaaza_source.spaaza.indexes import BULK_USERS, INDEXES, find_table
from spaaza_source.spaaza.tasks_api import make_client
from spaaza_source.tabular import TableTypes, read_table_types
from spaaza_source.transport import (
    Deadline,
    HttpClient,
    SystemClock,
    check_connection,
    parse_base_url,
)
from spaaza_source.writing import DeleteGuard, read_deletes

#: As the document has it; its example calls the other form.
PATH, SUFFIX = "/segments/export/users", ".csv"
#: Seconds that a check waits for the export to begin.
CHECK_SECONDS = 300.0


@vendor_source("spaaza", NO_VENDOR)
def spaaza_bulk_users(
    base_url: str = dlt.config.value,
    chain_id: int = dlt.config.value,
    credentials: SpaazaCredentials = dlt.secrets.value,
    *,
    column_types: Any = "inferred",
    on_bad_row: Literal["reject", "fail"] = "reject",
    max_rejected_share: float = 0.01,
    max_rejected_rows: int = 10,
    on_drift: Any = "tell",
    expectations: Any = None,
    privacy: Any = None,
    privacy_secret: TSecretStrValue | None = None,
    max_deleted_share: float = 0.2,
    accept_deletes: bool = False,
    deletes: Any = "remove",
    export_timeout: float = 3600.0,
    bulk_users_path: str = PATH,
    keep_files: str | None = None,
    from_files: str | None = None,
    files: Any = None,
    dialect: Any = None,
) -> Iterator[DltResource]:
    """All users of a chain: the 68 documented columns and any that the vendor appends.

    Every argument can also be set in dlt's configuration, under `sources.spaaza`.

    Args:
        base_url: The address of the Services API.
        chain_id: The chain whose users are loaded.
        credentials: `session_user_id` and `session_key`: the vendor documents no others.
        column_types: As for `spaaza_source`, for the table `bulk_users`.
        on_bad_row: `reject` stores a bad row in `rejected_rows`; `fail` stops at the first.
        max_rejected_share: Stop if a larger share of the rows is bad, from 0 to 1.
        max_rejected_rows: As for `spaaza_source`.
        on_drift: As for `spaaza_source`.
        expectations: As for `spaaza_source`, for the table `bulk_users`.
        privacy: As for `spaaza_source`, for the table `bulk_users`; a column that looks personal
            and is not listed stops the load.
        privacy_secret: As for `spaaza_source`.
        max_deleted_share: As for `spaaza_source`.
        accept_deletes: As for `spaaza_source`.
        deletes: As for `spaaza_source`, for the table `bulk_users`.
        export_timeout: Seconds for the whole export; one that breaks off is begun again.
        bulk_users_path: The path of the call below `base_url`. Where there is none, the other form
            that the vendor's document shows is tried once: with or without `.csv`.
        keep_files: As for `spaaza_source`.
        from_files: As for `spaaza_source`.
        files: As for `spaaza_source`, for the table `bulk_users`.
        dialect: As for `spaaza_source`.

    Raises:
        SettingsError: A setting is missing or wrong.
    """
    install_hooks()
    chain, address, table = require_chain(chain_id), parse_base_url(base_url), BULK_USERS.table
    given = GivenFiles.of(files, dialect, lambda name: find_table(name).table)
    session = require_session(credentials) if given is None else require_credentials(credentials)
    body = {"entity": "people", "chain_id": chain, "join": "all", "rules": []}
    path = _require_path(bulk_users_path)
    timeout = require_number("export_timeout", export_timeout, least=0, most=CENTURY)
    resources = ResourceFactory(
        Stream(partial(_open_export, make_client(address, chain, session), path, body), timeout),
        ReadSettings(
            TableTypes(), on_bad_row, max_rejected_share, max_rejected_rows=max_rejected_rows
        ),
        DeleteGuard(max_deleted_share, accept_deletes),
        by_scheduler=False,
        keep_files=keep_files,
        from_files=from_files,
        drift=DriftSettings.of(on_drift, [*INDEXES, table]),
        given=given,
        section="bulk_users",
        expectations=read_expectations(expectations, [*INDEXES, table]),
        soft_deletes=read_deletes(deletes, [*INDEXES, table]),
    )
    policies = make_policies(privacy, privacy_secret, [table], is_shared=not is_argument("privacy"))
    types = read_table_types(column_types, [table], DOCUMENTED, others=list(INDEXES))
    request = ExportRequest(table, BULK_USERS.export_index, str(chain))
    if resources.has(table):
        yield resources.make(
            TableSpec(
                TableSync(table, lambda _: request),
                policies[table],
                None,
                BULK_USERS.keys,
                BULK_USERS.volatile,
                types[table],
                people=PEOPLE,
            )
        )


def open_bulk_users(
    body: Mapping[str, Any], **account: Any
) -> Callable[[Deadline], requests.Response]:
    """What sends the call with a body that a user wrote; its answer is the file.

    Args:
        body: In the vendor's words.
        **account: `base_url` and `credentials`, as for `spaaza_bulk_users`.

    Raises:
        SettingsError: The body names no chain; or a setting is missing or wrong.
    """
    chain = require_chain(body.get("chain_id"))
    address, credentials, path = _read_account(**account)
    return partial(_open_export, make_client(address, chain, credentials), path, dict(body))


@with_settings("spaaza")
def check_bulk_users(
    base_url: str = dlt.config.value,
    chain_id: int = dlt.config.value,
    credentials: SpaazaCredentials = dlt.secrets.value,
    bulk_users_path: str = PATH,
) -> Iterator[str]:
    """Check that the export begins; yields a line for each thing that works.

    The request is sent, and given up once the header is there. Settings as for `spaaza_bulk_users`.

    Raises:
        SettingsError: A setting does not work.
        UnavailableError: The host answers but fails.
    """
    chain, address = require_chain(chain_id), parse_base_url(base_url)
    http = make_client(address, chain, require_session(credentials))
    body = {"entity": "people", "chain_id": chain, "join": "all", "rules": []}

    def begin() -> int:
        deadline = Deadline(SystemClock(), CHECK_SECONDS)
        with _open_export(http, _require_path(bulk_users_path), body, deadline) as answer:
            header = next(answer.iter_lines(), b"").decode(errors="replace")
        return len(next(csv.reader([header]), []))

    columns, lines = check_connection(address, begin)
    yield from lines
    yield f"bulk users:  the export of chain {chain} begins, with {columns} columns"


@with_settings("spaaza")
def _read_account(
    base_url: str = dlt.config.value,
    credentials: SpaazaCredentials = dlt.secrets.value,
    bulk_users_path: str = PATH,
) -> tuple[str, AdminSession, str]:
    path = _require_path(bulk_users_path)
    return parse_base_url(base_url), require_session(credentials), path


def _require_path(bulk_users_path: str) -> str:
    if not require_name("bulk_users_path", bulk_users_path).startswith("/"):
        raise SettingsError(
            f"{bulk_users_path[:40]!r} is no path below base_url",
            where="bulk_users_path",
            hint=f"Leave it out, or give a path such as {PATH}.",
        )
    return bulk_users_path


def _open_export(
    http: HttpClient, path: str, body: dict[str, Any], deadline: Deadline
) -> requests.Response:
    """The answer to the call; where its path is unknown, to that of the other documented form."""
    try:
        return http.stream(path, body, deadline)
    except RequestRefusedError as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        unknown = refusal
    other = path.removesuffix(SUFFIX) if path.endswith(SUFFIX) else path + SUFFIX
    try:
        return http.stream(other, body, deadline)
    except RequestRefusedError as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        unknown.hint = f"Neither is there {other}: ask the vendor, and set bulk_users_path."
        raise unknown from None
