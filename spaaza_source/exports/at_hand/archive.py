"""Archives downloaded files, and loads them again without a new export.

A load has a folder for each table: its files, unpacked, and `kept.json`, which describes them. They
are as the vendor sent them: with personal columns, whatever the privacy policy.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from spaaza_source.errors import FileError, SettingsError
from spaaza_source.exports.export import Export, Phase
from spaaza_source.exports.jobs import Job, JobState
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.table_exports import TableExports
from spaaza_source.exports.table_sync import TableSync
from spaaza_source.transport import FetchedFile
from spaaza_source.windows import iso, parse_instant, parse_window

#: Describes the files of a folder.
CONTENTS = "kept.json"
#: The key of the exports in it; another one once their meaning changes.
VERSION = "exports-1"
#: A job's times in it.
TIMES = ("created_at", "started_at", "finished_at")


def archive_files(
    exports: TableExports,
    folder: Path,
    strip: Callable[[Path, Path, ExportRequest], bool] = lambda *_: False,
) -> None:
    """Move a table's files, which have all arrived, to `<folder>/<table>`.

    Args:
        exports: The table's.
        folder: That of the load.
        strip: Writes the second file from the first where that is not to be archived as it is;
            returns whether it has done so.

    Raises:
        SettingsError: They cannot be written there.
    """
    table = exports.sync.table
    unfinished = folder / f"{table}.part"
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
        archived = []
        for number, export in enumerate(exports.current, 1):
            name = f"{number:04}.{export.request.export_format}"
            described, kept = _describe(export), unfinished / name
            if strip(export.file().path, kept, export.request):
                described |= {"sha256": _digest(kept), "size": kept.stat().st_size}
            else:
                shutil.move(export.file().path, kept)
            archived.append({"file": name, **described})
        covered = str(exports.covered) if exports.covered else None
        contents = {"table": table, "reach": covered, VERSION: archived}
        (unfinished / CONTENTS).write_text(json.dumps(contents, indent=1), encoding="utf-8")
        # Only a complete folder has the table's name.
        unfinished.rename(folder / table)
    except OSError as failure:
        raise SettingsError(
            f"the files cannot be archived ({failure.strerror})",
            where=str(folder),
            hint="Free disk space there, or leave out keep_files.",
        ) from None


def archived_loads(folder: Path) -> list[Path]:
    """The folders of the loads archived under `folder`, old to new; or `folder`, if it is one.

    Raises:
        SettingsError: There is none.
    """
    if any(folder.glob(f"*/{CONTENTS}")):
        return [folder]
    loads = {contents.parent.parent for contents in folder.glob(f"*/*/{CONTENTS}")}
    if not loads:
        raise SettingsError(
            "there are no archived files", where=str(folder), hint="Load with keep_files first."
        )
    return sorted(loads)


def require_one_load(folder: Path) -> None:
    """Check that a folder is that of one archived load: of another, nothing would be loaded.

    Raises:
        SettingsError: It is none, or has several.
    """
    loads = archived_loads(folder)
    if loads != [folder]:
        raise SettingsError(
            f"it has {len(loads)} archived loads",
            where=str(folder),
            hint=f"Name one of them, such as {loads[0].name}, or use spaaza load --from-files.",
        )


def archived_tables(load: Path) -> list[str]:
    """The tables that an archived load has files of."""
    return sorted(contents.parent.name for contents in load.glob(f"*/{CONTENTS}"))


def archived_exports(folder: Path, sync: TableSync) -> TableExports | None:
    """A table's exports in the folder of an archived load; None where it has none.

    Raises:
        FileError: The description of the files cannot be read.
    """
    location = folder / sync.table
    if not (location / CONTENTS).exists():
        return None
    try:
        contents = json.loads((location / CONTENTS).read_text(encoding="utf-8"))
        exports = [_read(location, sync.table, each) for each in contents[VERSION]]
        covered = parse_window(contents["reach"]) if contents["reach"] else None
    except (OSError, ValueError, KeyError, TypeError):
        raise _unreadable(location) from None
    return TableExports(sync, covered=covered, planned=True, exports=exports, complete=True)


def remove_archived(folder: Path, table: str, before: datetime) -> int:
    """Remove a table's archived files, of each load all of whose rows are of before an instant.

    Args:
        folder: That of the archived loads.
        table: The table.
        before: The instant.

    Returns:
        The number of loads whose files were removed.

    Raises:
        FileError: The description of some files cannot be read.
        SettingsError: They cannot be removed.
    """
    removed = 0
    for location in tables_of_archives(folder):
        if location.name != table:
            continue
        try:
            contents = json.loads((location / CONTENTS).read_text(encoding="utf-8"))
            exports = [_read(location, table, each) for each in contents[VERSION]]
        except (OSError, ValueError, KeyError, TypeError):
            raise _unreadable(location) from None
        # No row is of a later time than its file.
        windows = [(each.request.window, each.begun_at) for each in exports]
        if windows and max(window.end if window else at for window, at in windows) <= before:
            _remove_folder(location)
            removed += 1
    return removed


def _remove_folder(location: Path) -> None:
    """Remove a folder of files, what describes them last: a later run finishes a killed one."""
    try:
        for file in sorted(location.iterdir(), key=lambda each: each.name == CONTENTS):
            file.unlink()
        location.rmdir()
    except OSError as failure:
        raise SettingsError(
            f"files that are too old to be kept cannot be removed ({failure.strerror})",
            where=str(location),
            hint="Remove the folder.",
        ) from None


def verify_checksums(exports: Iterable[Export]) -> None:
    """Check that archived files are as they were written.

    Raises:
        FileError: One is not.
    """
    for export in exports:
        file = export.file()
        try:
            is_same = _digest(file.path) == file.sha256
        except OSError:
            is_same = False
        if not is_same:
            raise FileError(
                "the file is not as it was archived",
                where=str(file.path),
                hint="Load from the vendor again.",
            )


def tables_of_archives(folder: Path) -> list[Path]:
    """The folders with the files of a table each, of all archived loads under `folder`."""
    described = {*folder.glob(f"*/{CONTENTS}"), *folder.glob(f"*/*/{CONTENTS}")}
    return sorted(contents.parent for contents in described)


def rewrite_files(
    location: Path,
    rewrite: Callable[[Path, Path, ExportRequest], bool],
    strip_filter: Callable[[ExportRequest], Any] = lambda request: request.selection,
) -> int:
    """Replace archived files of a table, so that they can be loaded as before.

    A new file is written beside the old one, then the description names the new one with its hash,
    then the old one goes. Whenever that is interrupted, what is described is there.

    Args:
        location: One of `tables_of_archives`.
        rewrite: Writes the second file from the first; returns whether that is to take its place.
        strip_filter: Gives what is to be left of a request's filter in the description.

    Returns:
        How many were replaced.

    Raises:
        FileError: The description of the files cannot be read; or as `rewrite`.
    """
    try:
        contents = json.loads((location / CONTENTS).read_text(encoding="utf-8"))
        exports = [(each, _read(location, location.name, each)) for each in contents[VERSION]]
    except (ValueError, KeyError, TypeError):
        raise _unreadable(location) from None
    replaced = 0
    stripped = [_strip(archived, export, strip_filter) for archived, export in exports]
    if any(stripped):
        _write_contents(location, contents)
    for archived, export in exports:
        file = export.file().path
        copy = file.with_name(f"{file.stem.partition('-')[0]}-{uuid4().hex[:8]}{file.suffix}")
        try:
            if not rewrite(file, copy, export.request):
                continue
            archived |= {"file": copy.name, "sha256": _digest(copy), "size": copy.stat().st_size}
            _write_contents(location, contents)
            replaced += 1
        finally:
            if archived["file"] != copy.name:
                copy.unlink(missing_ok=True)
    # What was replaced, now or by a run that was killed.
    described = {CONTENTS, *(Path(archived["file"]).name for archived, _ in exports)}
    for file in location.iterdir():
        if file.is_file() and file.name not in described:
            file.unlink()
    return replaced


def _strip(
    archived: dict[str, Any], export: Export, strip_filter: Callable[[ExportRequest], Any]
) -> bool:
    """Strip the filter in the description of an export; returns whether that changes it.

    Its fingerprint stays: by that the rows are known to be what the settings ask for.
    """
    request = archived["request"]
    selection = strip_filter(export.request)
    if selection == request["selection"]:
        return False
    request |= {"selection": selection, "sent_as": export.request.fingerprint}
    return True


def _write_contents(location: Path, contents: dict[str, Any]) -> None:
    """Describe the files of a folder anew: the description is the old one, or the new one."""
    new = location / f"{CONTENTS}.new"
    new.write_text(json.dumps(contents, indent=1), encoding="utf-8")
    new.replace(location / CONTENTS)


def _digest(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        while data := opened.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def _unreadable(location: Path) -> FileError:
    return FileError(
        "the description of the archived files cannot be read",
        where=str(location / CONTENTS),
        hint="Load from the vendor again.",
    )


def _describe(export: Export) -> dict[str, Any]:
    request, file = export.request, export.file()
    times: dict[str, Any] = {name: getattr(export.job, name) for name in TIMES}
    return {
        "request": {
            **{field.name: getattr(request, field.name) for field in dataclasses.fields(request)},
            "window": str(request.window) if request.window else None,
        },
        "job": {
            "job_id": export.job.job_id,
            "vendor_state": export.job.vendor_state,
            **{name: at and iso(at) for name, at in times.items()},
        },
        "begun_at": iso(export.begun_at),
        "split_from": export.split_from,
        "received": file.received,
        "size": file.size,
        "sha256": file.sha256,
        "proven": file.end_verified,
    }


def _read(location: Path, table: str, archived: dict[str, Any]) -> Export:
    request = dict(archived["request"])
    window = parse_window(request.pop("window") or "")
    job = archived["job"]
    times: dict[str, Any] = {name: job[name] and parse_instant(job[name], name) for name in TIMES}
    file = location / Path(archived["file"]).name
    return Export(
        ExportRequest(**{**request, "table": table, "window": window}),
        Job(job["job_id"], JobState.DONE, job["vendor_state"], **times),
        parse_instant(archived["begun_at"], "begun_at"),
        adopted=True,
        phase=Phase.ARRIVED,
        split_from=archived["split_from"],
        received=archived["received"],
        total=archived["received"],
        arrived=FetchedFile(
            file, archived["received"], archived["size"], archived["sha256"], archived["proven"]
        ),
    )
