"""Where a secret could be left behind: logs, an exception with its causes, and files."""

from __future__ import annotations

import base64
import binascii
import contextlib
import gzip
import io
import logging
import re
import traceback
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from spaaza_source.cli.output.error_messages import describe
from tests.vendors.server import CANARY


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """All that is logged, by anybody, at DEBUG."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s %(args)s"))
    loggers = [logging.getLogger(name) for name in (None, "dlt", "urllib3", "spaaza_source")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        if logger.parent is None or not logger.propagate:
            logger.addHandler(handler)
    try:
        yield stream
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
            logger.removeHandler(handler)


def texts_of(failure: BaseException) -> str:
    """All that an exception and those behind it say, shown or not."""
    texts, waiting, seen = traceback.format_exception(failure), [failure], set[int]()
    while waiting:
        error = waiting.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        texts += [str(error), repr(error), repr(error.args), *map(repr, vars(error).values())]
        waiting += [cause for cause in (error.__cause__, error.__context__) if cause is not None]
    return "\n".join([*texts, describe(failure)[0]])


def shown_with_variables(failure: BaseException) -> str:
    """What services that collect errors tell: each frame's local variables too.

    Those of frames that no traceback shows as well, for some show them all the same.
    """
    texts, waiting, seen = [], [failure], set[int]()
    while waiting:
        error = waiting.pop()
        if id(error) not in seen:
            seen.add(id(error))
            shown = traceback.TracebackException.from_exception(error, capture_locals=True)
            texts.append("".join(shown.format()))
            waiting += [each for each in (error.__cause__, error.__context__) if each is not None]
    return "\n".join(texts)


def shown_from_within(failure: BaseException) -> str:
    """As `shown_with_variables`, without the first frame, which is the test's own."""
    first = failure.__traceback__
    return shown_with_variables(failure.with_traceback(first and first.tb_next))


def check_variables(failure: BaseException) -> None:
    """No local variable of the package's or dlt's frames holds the canary."""
    shown = shown_from_within(failure)
    assert "/spaaza_source/" in shown
    assert CANARY not in shown


def check_files(folder: Path) -> None:
    """No file below it holds the canary, in the clear or in any packing that dlt has."""
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "trace.pickle" for path in written)
    for path in written:
        for content in _contents(path):
            assert CANARY.encode() not in content, path


def _contents(path: Path) -> Iterator[bytes]:
    raw = path.read_bytes()
    texts = [raw]
    if raw.startswith(b"\x1f\x8b"):
        texts.append(gzip.decompress(raw))
    elif raw.startswith(b"PAR1"):
        table = pq.read_table(path)
        texts.append(f"{table.schema} {table.to_pylist()}".encode())
    elif raw[8:12] == b"DUCK":
        with duckdb.connect(str(path), read_only=True) as warehouse:
            names = warehouse.sql("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
            for schema, name in names:
                texts.append(str(warehouse.sql(f'FROM "{schema}"."{name}"').fetchall()).encode())
    for text in texts:
        yield text
        # As dlt keeps a pipeline's state.
        for packed in re.findall(rb"eN[A-Za-z0-9+/]{20,}={0,2}", text):
            with contextlib.suppress(binascii.Error, zlib.error):
                yield zlib.decompress(base64.b64decode(packed))
