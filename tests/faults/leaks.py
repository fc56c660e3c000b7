"""Where a secret could be left behind: logs, an exception with its causes, and files."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spaaza_source.explain import explain
from tests.vendors import CANARY


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
    return "\n".join([*texts, explain(failure)[0]])


def check_files(folder: Path) -> None:
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "trace.pickle" for path in written)
    for path in written:
        assert CANARY.encode() not in path.read_bytes(), path
