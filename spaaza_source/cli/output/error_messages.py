"""Turns exceptions into one-line messages and exit codes.

dlt wraps what a source raises, and reports missing settings in its own way: here both become a
sentence for a person at a terminal.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click
import duckdb
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigurationException,
    ConfigValueCannotBeCoercedException,
)
from dlt.common.destination.exceptions import DestinationException, UnknownDestinationModule
from dlt.common.exceptions import MissingDependencyException, SignalReceivedException
from dlt.extract.exceptions import ResourceExtractionError

from spaaza_source.cli.output.destination_messages import destination_error, locked_file
from spaaza_source.configuration import missing_setting, wrong_value
from spaaza_source.errors import (
    ExportTimeoutError,
    FileError,
    IncompleteDownloadError,
    LargePlanError,
    LinkRefusedError,
    SettingsError,
    SpaazaSourceError,
    VendorError,
)
from spaaza_source.signals import SigtermError
from spaaza_source.transport import redact

FAILED = 1
WRONG_SETTINGS = 2
#: A process that a signal ended exits with this plus the signal's number.
BY_SIGNAL = 128


class ExportsFailedError(Exception):
    """Some tables of a command failed; the others are loaded, or shown.

    Args:
        failures: What was raised for each.
    """

    def __init__(self, failures: Sequence[Exception]) -> None:
        super().__init__(f"{len(failures)} tables failed")
        self.failures = failures


class ChainsFailedError(Exception):
    """The loads of some chains failed; the others are loaded.

    Args:
        failures: What was raised for each.
    """

    def __init__(self, failures: Mapping[int, Exception]) -> None:
        super().__init__(f"{len(failures)} chains failed")
        self.failures = failures


def causing_signal(failure: BaseException) -> int | None:
    """The number of the signal that caused `failure`; None if no signal did."""
    number: int | None = None
    for cause in _causes(failure):
        # DuckDB says no more than that; which signal it was, DuckDB 1 has as the cause.
        if isinstance(cause, RuntimeError) and str(cause) == "Query interrupted":
            number = signal.SIGINT
        # The last counts: click puts an error of its own above that of the signal.
        if isinstance(cause, SigtermError):
            number = signal.SIGTERM
        elif isinstance(cause, SignalReceivedException):
            number = cause.signal_code
        elif isinstance(cause, KeyboardInterrupt | click.Abort):
            number = signal.SIGINT
    return number


def failed_export(failure: BaseException) -> str | None:
    """The resource whose export alone failed, so that the others can be loaded without it.

    None where the others would fail too: they need other settings, or a vendor that answers.
    """
    causes = list(_causes(failure))
    resource = next((one for one in causes if isinstance(one, ResourceExtractionError)), None)
    error = next((one for one in causes if isinstance(one, SpaazaSourceError)), None)
    of_one_export = (
        VendorError | FileError | ExportTimeoutError | IncompleteDownloadError | LinkRefusedError
    )
    if resource is None or not isinstance(error, of_one_export):
        return None
    return str(resource.pipe_name)


def large_plan(failure: BaseException) -> LargePlanError | None:
    """The plan among the causes that is larger than is allowed without being agreed to."""
    return next((one for one in _causes(failure) if isinstance(one, LargePlanError)), None)


def exit_report(failure: BaseException) -> tuple[list[str], int]:
    """The messages and the exit code of a command that `failure` ended."""
    if number := causing_signal(failure):
        return ["interrupted; the next run resumes from here"], BY_SIGNAL + number
    reports = list(_reports(failure))
    return [message for message, _ in reports], max(code for _, code in reports)


def _reports(failure: BaseException) -> Iterator[tuple[str, int]]:
    """A message and an exit code for each failure of several."""
    if isinstance(failure, ChainsFailedError):
        for chain, one in failure.failures.items():
            yield from ((f"chain {chain}: {message}", code) for message, code in _reports(one))
    elif isinstance(failure, ExportsFailedError):
        yield from map(describe, failure.failures)
    else:
        yield describe(failure)


def describe(failure: BaseException) -> tuple[str, int]:
    """A message about `failure`, and the exit code for it."""
    causes = list(_causes(failure))
    for kind, write in MESSAGES.items():
        for cause in causes:
            if isinstance(cause, kind):
                return write(cause)
    if error := destination_error(causes):
        return _own_error(error)
    return f"{type(failure).__name__}: {redact(str(failure))}", FAILED


def _own_error(error: SpaazaSourceError) -> tuple[str, int]:
    return str(error), WRONG_SETTINGS if isinstance(error, SettingsError) else FAILED


def _causes(failure: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = failure
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _missing_setting(failure: ConfigFieldMissingException) -> tuple[str, int]:
    return _own_error(missing_setting(failure))


def _mistyped_setting(failure: ConfigValueCannotBeCoercedException) -> tuple[str, int]:
    return _own_error(wrong_value(failure))


def _unknown_destination(failure: UnknownDestinationModule) -> tuple[str, int]:
    del failure  # it lists modules and import paths
    return (
        "dlt does not know this destination. Name one that it does, such as duckdb or postgres."
    ), WRONG_SETTINGS


def _wrong_setting(failure: Exception) -> tuple[str, int]:
    return redact(str(failure)), WRONG_SETTINGS


def _failed_destination(failure: Exception) -> tuple[str, int]:
    if "set lock" in str(failure):
        return _own_error(locked_file())
    return (
        f"The destination failed: {redact(str(failure))}. The next run tries again; a load that can"
        " never succeed it gives up, and loads the same exports anew."
    ), FAILED


#: Describes each kind of failure; the first kind that is among the causes counts.
MESSAGES: dict[type[BaseException], Callable[[Any], tuple[str, int]]] = {
    SpaazaSourceError: _own_error,
    ConfigFieldMissingException: _missing_setting,
    ConfigValueCannotBeCoercedException: _mistyped_setting,
    UnknownDestinationModule: _unknown_destination,
    ConfigurationException: _wrong_setting,
    MissingDependencyException: _wrong_setting,
    duckdb.Error: _failed_destination,
    DestinationException: _failed_destination,
}
