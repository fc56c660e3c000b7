"""Files that are kept when they have been loaded, to be loaded again without a new export.

One folder a load and table: the files as they arrived, unpacked, and `kept.json`, which tells what
they are. They hold what the vendor sent, personal columns and all, whatever the policy.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from spaaza_source.errors import FileError, SettingsError
from spaaza_source.exports.jobs import Job, JobState
from spaaza_source.exports.plan import TableSync
from spaaza_source.exports.request import ExportRequest
from spaaza_source.exports.table_exports import Export, Phase, TableExports
from spaaza_source.transport import FetchedFile
from spaaza_source.windows import iso, parse_instant, parse_window

#: Tells what the files of a folder are.
CONTENTS = "kept.json"
#: The key of the exports there; another one once their meaning changes.
VERSION = "exports-1"


def archive_files(exports: TableExports, folder: Path) -> None:
    """Move a table's files to `<folder>/<table>`, for good.

    Args:
        exports: All have arrived.
        folder: Of the load.

    Raises:
        SettingsError: They cannot be put there.
    """
    table = exports.sync.table
    begun = folder / f"{table}.part"
    try:
        begun.mkdir(parents=True, exist_ok=True)
        kept = []
        for number, export in enumerate(exports.current, 1):
            name = f"{number:04}.{export.request.export_format}"
            shutil.move(export.file().path, begun / name)
            kept.append({"file": name, **_told(export)})
        reach = str(exports.covered) if exports.covered else None
        told = {"table": table, "reach": reach, VERSION: kept}
        (begun / CONTENTS).write_text(json.dumps(told, indent=1), encoding="utf-8")
        # Only a whole folder has its name.
        begun.rename(folder / table)
    except OSError as failure:
        raise SettingsError(
            f"the files cannot be kept ({failure.strerror})",
            where=str(folder),
            hint="Make room there, or leave out keep_files.",
        ) from None


def archived_loads(folder: Path) -> list[Path]:
    """The folders of the loads kept under `folder`, old to new; itself, if it is one.

    Raises:
        SettingsError: There is none.
    """
    if any(folder.glob(f"*/{CONTENTS}")):
        return [folder]
    loads = {contents.parent.parent for contents in folder.glob(f"*/*/{CONTENTS}")}
    if not loads:
        raise SettingsError(
            "no kept files are there", where=str(folder), hint="Load with keep_files first."
        )
    return sorted(loads)


def archived_tables(load: Path) -> list[str]:
    """The tables that a load has kept files of."""
    return sorted(contents.parent.name for contents in load.glob(f"*/{CONTENTS}"))


def archived_exports(folder: Path, wanted: TableSync) -> TableExports | None:
    """A table's exports from the files of one load; None where that load kept none of it.

    Args:
        folder: Of the load.
        wanted: The table.

    Raises:
        FileError: A file is not there, or not as it was kept.
    """
    place = folder / wanted.table
    if not (place / CONTENTS).exists():
        return None
    try:
        told = json.loads((place / CONTENTS).read_text(encoding="utf-8"))
        exports = [_export(place, wanted.table, each) for each in told[VERSION]]
        reach = parse_window(told["reach"]) if told["reach"] else None
    except (OSError, ValueError, KeyError, TypeError):
        raise FileError(
            "what was kept there cannot be read",
            where=str(place / CONTENTS),
            hint="Load from the vendor again.",
        ) from None
    return TableExports(wanted, covered=reach, planned=True, exports=exports, complete=True)


def verify_checksums(exports: Iterable[Export]) -> None:
    """Make sure that kept files are as they were.

    Raises:
        FileError: One is not.
    """
    for export in exports:
        file = export.file()
        try:
            with file.path.open("rb") as opened:
                digest = _hash(opened)
        except OSError:
            digest = ""
        if digest != file.sha256:
            raise FileError(
                "the file is not as it was kept",
                where=str(file.path),
                hint="Load from the vendor again.",
            )


def _hash(opened: BinaryIO) -> str:
    digest = hashlib.sha256()
    while data := opened.read(1 << 20):
        digest.update(data)
    return digest.hexdigest()


def _told(export: Export) -> dict[str, Any]:
    request, file = export.request, export.file()
    return {
        "request": {
            **{field.name: getattr(request, field.name) for field in dataclasses.fields(request)},
            "window": str(request.window) if request.window else None,
        },
        "job": {
            "job_id": export.job.job_id,
            "vendor_state": export.job.vendor_state,
            "created_at": _text(export.job.created_at),
            "started_at": _text(export.job.started_at),
            "finished_at": _text(export.job.finished_at),
        },
        "begun_at": iso(export.begun_at),
        "split_from": export.split_from,
        "received": file.received,
        "size": file.size,
        "sha256": file.sha256,
        "proven": file.end_verified,
    }


def _export(place: Path, table: str, told: dict[str, Any]) -> Export:
    request = dict(told["request"])
    window = parse_window(request.pop("window") or "")
    job = told["job"]
    file = place / Path(told["file"]).name
    return Export(
        ExportRequest(**{**request, "table": table, "window": window}),
        Job(
            job["job_id"],
            JobState.DONE,
            job["vendor_state"],
            created_at=_instant(job["created_at"]),
            started_at=_instant(job["started_at"]),
            finished_at=_instant(job["finished_at"]),
        ),
        parse_instant(told["begun_at"], "begun_at"),
        adopted=True,
        phase=Phase.ARRIVED,
        split_from=told["split_from"],
        received=told["received"],
        total=told["received"],
        arrived=FetchedFile(file, told["received"], told["size"], told["sha256"], told["proven"]),
    )


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else iso(instant)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text, "instant")
