"""Files that a user has, as exports: downloaded in the vendor's console, for instance.

Nothing is asked of the vendor. Each is copied to the folder of downloads, unpacked and decoded, so
that it may change or go while it is read.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from dlt.common import logger

from spaaza_source.errors import (
    EncodingError,
    IncompleteDownloadError,
    MalformedFileError,
    SettingsError,
    SpaazaSourceError,
)
from spaaza_source.exports.export import Export, Phase
from spaaza_source.exports.jobs import GIVEN, Job, JobState
from spaaza_source.exports.request import ExportFormat, ExportRequest
from spaaza_source.exports.table_sync import SyncPolicy, TableSync
from spaaza_source.settings import by_table
from spaaza_source.tabular import RFC_4180, Declared, Dialect
from spaaza_source.transport import FetchedFile, Gunzip, without_context
from spaaza_source.windows import Window, iso

_SETTING = "files"
_BLOCK = 1 << 20
#: Bytes at a file's end, among which its last lines are.
_TAIL = 1 << 20
_LINE_END = re.compile(rb"\r\n|\r|\n")
_HASH_SHOWN = 12
#: The marks that a file may begin with, and the encoding of each.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class GivenFiles:
    """The files of some tables.

    Attributes:
        paths: Of each table.
        dialect: What all CSV files among them are written in.
    """

    paths: Mapping[str, Sequence[Path]]
    dialect: Dialect

    @classmethod
    def of(
        cls, files: Any, dialect: Declared, find_table: Callable[[str], str]
    ) -> GivenFiles | None:
        """Read the settings `files` and `dialect`; None where no files are given.

        Args:
            files: By table: a path, or a list of paths.
            dialect: As for `Dialect.of`.
            find_table: Gives the table of a name, or raises a `SettingsError`.

        Raises:
            SettingsError: A table or a file is not there; or a dialect is declared for none.
        """
        declared = Dialect.of(dialect)
        paths = {find_table(name): _paths(name, value) for name, value in by_table(_SETTING, files)}
        if not paths:
            if dialect is None:
                return None
            raise SettingsError(
                "a dialect is declared, but no files are given",
                where="dialect",
                hint="Only for files can one be declared: what a vendor sends is as in RFC 4180.",
            )
        return cls(paths, declared)

    def of_table(self, sync: TableSync, dates: SyncPolicy) -> GivenTable:
        """The files of one table.

        Args:
            sync: The table's; its own policy is None where no window can be asked for.
            dates: What the settings say of dates.

        Raises:
            SettingsError: Its files have several formats, or no range of time that it can have; or
                a dialect is declared for JSON.
        """
        paths, make_request = self.paths[sync.table], sync.make_request
        export_format = _format(paths, make_request(None).export_format)
        if export_format == "json" and self.dialect != RFC_4180:
            raise SettingsError(
                f"a dialect is declared, but {paths[0].name} is JSON",
                where="dialect",
                hint="Leave it out: JSON has no dialects.",
            )

        def make(window: Window | None) -> ExportRequest:
            return replace(make_request(window), export_format=export_format)

        own = replace(sync, make_request=make)
        return GivenTable(own, paths, self.dialect, _window(sync, dates))


@dataclass(frozen=True)
class GivenTable:
    """The files of one table.

    Attributes:
        sync: The table's, with requests for the files' format.
        paths: The files.
        dialect: What CSV files are written in.
        window: The range of time that they have all rows of; None for all rows.
    """

    sync: TableSync
    paths: Sequence[Path]
    dialect: Dialect
    window: Window | None


def take_files(
    request: ExportRequest, paths: Sequence[Path], dialect: Dialect, folder: Path
) -> Iterator[Export]:
    """Copy a table's files, one after the other; each is an export that has arrived.

    Args:
        request: What would have been asked of the vendor.
        paths: The files.
        dialect: What they are written in.
        folder: Where the copies go.

    Raises:
        SettingsError: One is given twice, or cannot be read.
        FileError: One is damaged, or not in its encoding.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    seen: dict[str, Path] = {}
    for number, path in enumerate(paths):
        target = folder / f"{request.table}-{request.fingerprint}-{uuid4().hex[:8]}"
        file, skipped = _take(path, target, dialect)
        other = seen.setdefault(file.sha256, path)
        if len(seen) <= number:
            target.unlink()
            raise SettingsError(
                f"{path.name} has the very bytes of {other.name}",
                where=f"files of {request.table}",
                hint="Give each file once.",
            )
        name = "".join(sign if sign.isprintable() else "?" for sign in path.name)
        job = Job(f"{name}#{file.sha256[:_HASH_SHOWN]}", JobState.DONE, GIVEN)
        now = datetime.now(UTC)
        _warn_of_end(request, path)
        export = Export(request, job, now, adopted=True, phase=Phase.ARRIVED, skipped=skipped)
        export.arrive(file, 0.0)
        yield export


def _warn_of_end(request: ExportRequest, path: Path) -> None:
    """Warn of a file that was written before the range ends that it is to have all rows of."""
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    if request.window is not None and written < request.window.end:
        logger.warning(
            f"{path.name} was written at {iso(written)}, before end_date: rows of after that are"
            " taken for loaded, and are not"
        )


def _window(sync: TableSync, dates: SyncPolicy) -> Window | None:
    """The range of time that a table's files have all rows of; None for all rows."""
    where = f"files of {sync.table}"
    if dates.start is None and dates.end is not None:
        raise SettingsError(
            "end_date is set without start_date, and nobody knows since when a file has all rows",
            where=where,
            hint="Give start_date too: the start of the range that was exported.",
        )
    if dates.start is None:
        return None
    if sync.policy is None:
        if not dates.is_backfill:
            # It narrows the tables that have windows; this one comes whole.
            return None
        raise SettingsError(
            "a file of this table has all its rows, of no range of time",
            where=where,
            hint="Leave out start_date and end_date.",
        )
    if dates.end is None:
        raise SettingsError(
            "start_date is set without end_date, and nobody knows until when a file has all rows",
            where=where,
            hint="Give end_date too: the end of the range that was exported.",
        )
    if dates.end > datetime.now(UTC):
        raise SettingsError(
            "end_date lies in the future, and no file has the rows of then",
            where=where,
            hint="Give the end of the range that was exported as end_date.",
        )
    return Window(dates.start, dates.end)


def _format(paths: Sequence[Path], otherwise: ExportFormat) -> ExportFormat:
    """The format of a table's files, by their names; of those that tell none the other."""
    formats: dict[ExportFormat, Path] = {}
    for path in paths:
        name = path.name.lower().removesuffix(".gz")
        is_csv = name.endswith((".csv", ".tsv", ".txt"))
        is_json = name.endswith((".json", ".jsonl", ".ndjson"))
        formats["csv" if is_csv else "json" if is_json else otherwise] = path
    if len(formats) > 1:
        raise SettingsError(
            f"{formats['csv'].name} is CSV and {formats['json'].name} is JSON",
            where=_SETTING,
            hint="Load files of one format at a time.",
        )
    return next(iter(formats))


def _paths(table: str, value: Any) -> list[Path]:
    given = list(value) if isinstance(value, list | tuple) else [value]
    where = f"files of {table}"
    for each in given:
        if not isinstance(each, str | os.PathLike) or not str(each).strip():
            raise SettingsError(
                f"{str(each)[:40]!r} is not the path of a file", where=where, hint=_EXAMPLE
            )
        path = Path(each)
        if path.is_dir() or not path.exists():
            what = "a folder" if path.is_dir() else "not there"
            raise SettingsError(f"{path} is {what}", where=where, hint="Name each file.")
    if not given:
        raise SettingsError("the list of files is empty", where=where, hint=_EXAMPLE)
    return [Path(each) for each in given]


_EXAMPLE = 'Write files={"users": ["users.csv"]}.'


def _take(path: Path, target: Path, dialect: Dialect) -> tuple[FetchedFile, list[bytes]]:
    """Copy one file, unpacked, in UTF-8; and cut off the lines to skip at its end."""
    digest, gunzip, decoder = hashlib.sha256(), Gunzip(), _Decoder(dialect)
    received = size = 0
    skipped: list[bytes] = []

    def unpack(file: BinaryIO) -> Iterator[bytes]:
        nonlocal received
        try:
            while data := file.read(_BLOCK):
                received += len(data)
                yield from gunzip.feed(data)
            yield from gunzip.finish()
        except SpaazaSourceError as failure:
            failure.hint = "Fetch the file again."
            raise

    try:
        with without_context(), path.open("rb") as file, target.open("x+b") as copy:
            target.chmod(0o600)
            for piece in unpack(file):
                digest.update(piece)
                size += len(piece)
                copy.write(decoder.feed(piece))
            copy.write(decoder.finish())
            if dialect.skip_trailing:
                skipped = _cut_lines(copy, dialect.skip_trailing, is_proven=gunzip.is_gzip)
    except BaseException as failure:
        target.unlink(missing_ok=True)
        if isinstance(failure, OSError):
            raise SettingsError(
                f"{path} cannot be read, or there is no room for a copy ({failure.strerror})",
                where=_SETTING,
                hint=f"Free room in {target.parent}, or name another file.",
            ) from None
        if isinstance(failure, SpaazaSourceError):
            failure.where = path.name + (f", {failure.where}" if failure.where else "")
        raise
    file_hash = digest.hexdigest()
    return FetchedFile(target, received, size, file_hash, end_verified=gunzip.is_gzip), skipped


class _Decoder:
    """Makes UTF-8 of bytes in a declared encoding; leaves UTF-8 as it is, for the reader to judge.

    Raises:
        EncodingError: From each method: the bytes are no text in that encoding.
    """

    def __init__(self, dialect: Dialect) -> None:
        name = codecs.lookup(dialect.encoding).name
        self._name = name
        self._decoder = None if name == "utf-8" else codecs.getincrementaldecoder(name)("strict")
        self._fed = 0

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        if not self._fed:
            self._check_mark(data)
        self._fed += len(data)
        if self._decoder is None:
            return data
        try:
            return self._decoder.decode(data, final=last).encode()
        except UnicodeError as error:
            at = ""
            if isinstance(error, UnicodeDecodeError):
                at = f", byte offset {self._fed - len(error.object) + error.start}"
        raise EncodingError(
            f"the file is not {self._name} text{at}",
            hint="Declare the encoding that it is in: encoding of the dialect.",
        )

    def finish(self) -> bytes:
        return self.feed(b"", last=True)

    def _check_mark(self, data: bytes) -> None:
        """Refuse a file whose first bytes show another encoding than the declared one."""
        if self._name == "utf-8":
            # The reader knows marks.
            return
        mark, name = next((each for each in _MARKS if data.startswith(each[0])), (b"", ""))
        if not mark or self._name in (name, name[:-3], f"{name}-sig"):
            return
        cause = f"the file begins with the mark of {name.upper()}, and {self._name} is declared"
        hint = f"Declare {name} as the encoding of the dialect."
        if name == "utf-8":
            hint = "Leave encoding out of the dialect."
        raise EncodingError(cause, hint=hint)


def _cut_lines(file: BinaryIO, count: int, *, is_proven: bool) -> list[bytes]:
    """Cut the last lines off a file; returns them.

    Raises:
        IncompleteDownloadError: Nothing proves that the last of them is whole: a download that
            broke off would lose rows, and no one would see it.
        MalformedFileError: It has no more lines.
    """
    length, tail = file.seek(0, os.SEEK_END), _TAIL
    while True:
        start = max(0, length - tail)
        file.seek(start)
        data = file.read()
        ends = [found.end() for found in _LINE_END.finditer(data)]
        if not is_proven and ends[-1:] != [len(data)]:
            raise IncompleteDownloadError(
                "the last line has no end, so the file may be cut short",
                hint="Fetch it again; if it is whole, end its last line.",
            )
        if ends and ends[-1] == len(data):
            # It ends the last line, and begins none.
            ends.pop()
        if len(ends) >= count:
            file.truncate(start + ends[-count])
            return [line for line in _LINE_END.split(data[ends[-count] :]) if line]
        if not start:
            raise MalformedFileError(
                f"the file has {len(ends)} lines after its first, fewer than are to be skipped",
                hint="Lower skip_trailing of the dialect.",
            )
        tail *= 2
