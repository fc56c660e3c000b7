"""Messages about failures of a destination, or of dlt's own folder: one line with a way out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dlt.common.runtime.run_context import active
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source.errors import SettingsError, SpaazaSourceError, UnavailableError
from spaaza_source.transport import redact

#: The steps of dlt's pipeline that talk to a destination.
STEPS = ("sync", "load")
#: What a database's driver calls a connection that could not be made, or that broke.
_CONNECTIONS = ("OperationalError", "InterfaceError", "DatabaseTransientException")
#: What PostgreSQL's library says of an option of a connection before it makes one.
_OPTION = re.compile(r"invalid [a-z_ ]+ value(?=:)")
AGAIN = "the next run goes on with the same exports"


def destination_error(causes: Sequence[BaseException]) -> SpaazaSourceError | None:
    """The error that a failure means; None where neither destination nor folder failed.

    Args:
        causes: The failure and its causes.
    """
    for cause in causes:
        if isinstance(cause, OSError) and (folder := _data_folder(cause)):
            return SettingsError(
                f"dlt's folder {folder!r} cannot be used ({cause.strerror})",
                where="DLT_DATA_DIR",
                hint="Set it to a folder that can be written.",
            )
    step = next((cause for cause in causes if isinstance(cause, PipelineStepFailed)), None)
    if step is None or step.step not in STEPS:
        return None
    name = step.pipeline.destination.destination_name
    for cause in causes:
        if type(cause).__name__ in _CONNECTIONS and not getattr(cause, "pgcode", None):
            if wrong := _OPTION.match(str(cause)):
                return SettingsError(
                    wrong[0],
                    where=f"DESTINATION__{name.upper()}__CREDENTIALS",
                    hint="Correct it; PostgreSQL documents what it may be.",
                )
            return UnavailableError(
                f"the destination cannot be reached ({redact(str(cause).splitlines()[0])})",
                where=name,
                hint=f"Start it, or correct DESTINATION__{name.upper()}__CREDENTIALS; {AGAIN}.",
            )
        if isinstance(cause, OSError):
            return UnavailableError(
                f"the destination cannot be used ({cause.strerror or type(cause).__name__})",
                where=name,
                hint=f"Check that it is there and can be written; {AGAIN}.",
            )
    return None


def locked_file() -> SpaazaSourceError:
    """The error for a DuckDB file that another process took while a load was under way."""
    return UnavailableError(
        "the DuckDB file is open in another process",
        where="db",
        hint=f"Close it there, then run again: {AGAIN}.",
    )


def _data_folder(failure: OSError) -> str | None:
    """The folder of dlt's own where the failure is of a file in it, or above it."""
    folder = Path(active().data_dir).absolute()
    if not failure.filename:
        return None
    path = Path(str(failure.filename)).absolute()
    is_its = path == folder or folder in path.parents or path in folder.parents
    return str(folder) if is_its else None
