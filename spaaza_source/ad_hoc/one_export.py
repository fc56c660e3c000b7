"""`export_file`: asks for one export in the vendor's own words, waits, and fetches its file."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from os import PathLike
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
from dlt.common import logger

from spaaza_source.ad_hoc.exported_file import ExportedFile
from spaaza_source.configuration import with_settings
from spaaza_source.errors import ExportFailedError, SettingsError, wrong_kind
from spaaza_source.exports import (
    ExportRequest,
    ExportRun,
    JobState,
    Phase,
    PollSettings,
    TableSync,
    fetch_again,
    process_folder,
)
from spaaza_source.spaaza import DOCUMENTED as SPAAZA_TYPES
from spaaza_source.spaaza import TaskOfBody, open_bulk_users
from spaaza_source.tabular import DocumentedTypes
from spaaza_source.transport import Deadline, Download, FetchedFile, SystemClock
from spaaza_source.voucherify import DOCUMENTED as VOUCHERIFY_TYPES
from spaaza_source.voucherify import ExportOfBody

#: A recurring task runs once a month at least: its last run may be as old, and is good.
LAST_RUN = timedelta(days=35)


def export_file(
    body: Mapping[str, Any] | str,
    *,
    base_url: str | None = None,
    credentials: Any = None,
    folder: str | PathLike[str] = ".",
    poll_interval: float | None = None,
    export_timeout: float | None = None,
    execute_after: float | None = None,
    max_age: float = 0.0,
) -> ExportedFile:
    """Ask a vendor for one export, wait for it, and fetch its file; there is no pipeline.

    The body is sent as it is given, as the vendor's documents print it: `desc`, `order`, `trigger`,
    a `segment` or a `segment_id` mean what they mean there. A task of Spaaza has a `target`, its
    bulk users export an `entity`; an export of Voucherify has an `exported_object`. Only a Spaaza
    task's `trigger.once` may be left out: it then runs at once.

    A task that repeats (`trigger.repeat`) is created once: where the vendor has one of this body,
    the file of its last run is fetched.

    Args:
        body: The body of the request: a dict, or JSON.
        base_url: The address of the vendor's API. It and the others that are left out are read from
            dlt's configuration, as for `spaaza_source` and `voucherify_source`.
        credentials: As for these sources.
        folder: Where the file is put. It has the vendor's rows as they are, personal ones too.
        poll_interval: Seconds until the first poll; 15 unless set.
        export_timeout: Seconds to wait for the export, and then for its download; 3,600 unless set.
        execute_after: Seconds after which a Spaaza task that was due and still waits is executed,
            once; 300 unless set.
        max_age: Seconds for which a finished export of the same body, whoever asked for it, is used
            instead of a new one; one that is not finished is waited for. 0 for never.

    Returns:
        The file, with its `path` and its rows as Arrow.

    Raises:
        SettingsError: The body is none of these, or contradicts itself; a setting is wrong.
        SpaazaSourceError: The export failed, or its download.
    """
    body = _read_body(body)
    account = _given(base_url=base_url, credentials=credentials)
    waits = _given(poll_interval=poll_interval, export_timeout=export_timeout)
    if "exported_object" in body:
        poll = _read_voucherify_waits(**waits)
    else:
        poll = _read_spaaza_waits(**waits, **_given(execute_after=execute_after))
    poll = replace(poll, max_age=max_age)
    place = _make_folder(folder)
    if "target" in body:
        task = TaskOfBody(body, **account)
        _check_start(task, poll.export_timeout)
        types = SPAAZA_TYPES.get(task.request.table, DocumentedTypes())
        return _run(task, poll, place, tuple, types)
    if "exported_object" in body:
        export = ExportOfBody(body, **account)
        types = VOUCHERIFY_TYPES.get(export.request.table, DocumentedTypes())
        return _run(export, poll, place, export.name_header, types)
    if "entity" in body:
        return _stream(open_bulk_users(body, **account), body, poll.export_timeout, place)
    raise SettingsError(
        "the body is of no export that the vendors document",
        where="body",
        hint="A task of Spaaza has a target, its bulk users export an entity, an export of"
        " Voucherify an exported_object.",
    )


@with_settings("spaaza")
def _read_spaaza_waits(
    poll_interval: float = 15.0,
    max_poll_interval: float | None = None,
    export_timeout: float = 3600.0,
    start_timeout: float | None = None,
    execute_after: float | None = 300.0,
) -> PollSettings:
    return PollSettings(
        poll_interval,
        max_poll_interval,
        export_timeout,
        execute_after=execute_after,
        start_timeout=start_timeout,
    )


@with_settings("voucherify")
def _read_voucherify_waits(
    poll_interval: float = 15.0,
    max_poll_interval: float | None = None,
    export_timeout: float = 3600.0,
    start_timeout: float | None = None,
) -> PollSettings:
    return PollSettings(
        poll_interval, max_poll_interval, export_timeout, start_timeout=start_timeout
    )


def _given(**arguments: Any) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def _read_body(body: Any) -> dict[str, Any]:
    try:
        read = json.loads(body) if isinstance(body, str) else body
        json.dumps(read, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise SettingsError(
            "the body is not JSON",
            where="body",
            hint="Give a dict of texts, numbers, lists and dicts, with the chain's number for"
            " YOUR_CHAIN_ID.",
        ) from None
    if not isinstance(read, Mapping):
        raise wrong_kind("body", type(body).__name__, "a dict")
    return dict(read)


def _make_folder(folder: Any) -> Path:
    if not isinstance(folder, str | PathLike):
        raise wrong_kind("folder", folder, "a path")
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise SettingsError(
            f"the folder cannot be made ({failure.strerror})",
            where="folder",
            hint="Name a folder that you may write to.",
        ) from None
    return place


def _check_start(task: TaskOfBody, export_timeout: float) -> None:
    """Check, before anything is sent, that the wait does not end before the task is to run."""
    once, now = task.once, task.http.now()
    if once is not None and (once - now).total_seconds() > export_timeout:
        raise SettingsError(
            "the task is to run after the wait for it has ended",
            where="trigger.once",
            hint="Let it run sooner, or raise export_timeout.",
        )


def _run(
    service: TaskOfBody | ExportOfBody,
    poll: PollSettings,
    place: Path,
    name_header: Callable[[Sequence[str]], Sequence[str]],
    types: DocumentedTypes,
) -> ExportedFile:
    """The files of a job."""
    request = service.request
    if request.repeat is not None:
        poll = replace(poll, max_age=LAST_RUN.total_seconds())
    run = ExportRun(service, process_folder, poll)
    if request.repeat is not None:
        _check_last_run(run, request)
    is_new = request.repeat is None and not poll.max_age
    exports = run.begin(TableSync(request.table, lambda _: request, ignore_existing=is_new))
    try:
        run.wait(exports)
        current = exports.require_current()
        paths = []
        for number, export in enumerate(current, 1):
            part = f"-{number}" if len(current) > 1 else ""
            name = f"{request.subject}-{current[0].job.job_id}{part}.{request.export_format}"
            paths.append(_keep(export.file(), place, name))
    except BaseException:
        for job in (each.job for each in exports.exports if each.phase is Phase.EXPORTING):
            logger.warning(
                f"{request}: the vendor's job {job.job_id} is still {job.vendor_state}; with"
                " max_age a later call waits for it"
            )
        raise
    finally:
        run.drop(exports)
    return ExportedFile(current[0].job.job_id, tuple(paths), name_header, types)


def _check_last_run(run: ExportRun, request: ExportRequest) -> None:
    """Check that the vendor's recurring task of a body has not failed: it is not created anew."""
    jobs = [known.job for known in run.submitter.known_jobs() if known.is_of(request)]
    if jobs and all(job.state is JobState.FAILED for job in jobs):
        detail = f" ({jobs[-1].detail})" if jobs[-1].detail else ""
        raise ExportFailedError(
            f"the last run of the vendor's task {jobs[-1].job_id} ended in an error{detail}",
            where=str(request),
            hint="Wait for its next run, or ask the vendor. It is not created again.",
        )


def _stream(
    open_stream: Callable[[Deadline], requests.Response],
    body: Mapping[str, Any],
    export_timeout: float,
    place: Path,
) -> ExportedFile:
    """The file that the bulk users export answers with."""
    clock = SystemClock()
    deadline = Deadline(clock, export_timeout)
    job_id = f"{body['chain_id']}-{clock.now():%Y%m%dT%H%M%SZ}"
    with Download(process_folder() / uuid4().hex) as download:
        file = fetch_again(lambda: download.receive(open_stream(deadline)), deadline)
    path = _keep(file, place, f"bulk-users-{job_id}.csv")
    return ExportedFile(job_id, (path,), tuple, SPAAZA_TYPES["bulk_users"])


def _keep(file: FetchedFile, place: Path, name: str) -> Path:
    """Move a file from the folder of downloads, whole or not at all."""
    path = place / re.sub(r"[^\w.-]", "-", name)
    part = path.with_name(f"{path.name}.part")
    try:
        shutil.move(file.path, part)
        part.replace(path)
    except OSError as failure:
        raise SettingsError(
            f"the file cannot be written ({failure.strerror})",
            where="folder",
            hint="Free disk space there, or name another folder.",
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return path
