"""One clear sentence, and an exit code, for whatever went wrong under a command.

dlt wraps what a source raises and reports missing settings in its own way: here both become words
for someone at a terminal.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
import duckdb
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigurationException,
    ConfigValueCannotBeCoercedException,
    LookupTrace,
    LookupTraces,
)
from dlt.common.configuration.providers import EnvironProvider
from dlt.common.destination.exceptions import DestinationException, UnknownDestinationModule
from dlt.common.exceptions import MissingDependencyException, SignalReceivedException
from dlt.extract.exceptions import ResourceExtractionError

from spaaza_source.errors import (
    ExportTimeoutError,
    FileError,
    IncompleteDownloadError,
    LinkRefusedError,
    SettingsError,
    SpaazaSourceError,
    VendorError,
)
from spaaza_source.transport import redact

FAILED = 1
WRONG_SETTINGS = 2


#: A process that a signal ended exits with this and the signal's number.
BY_SIGNAL = 128


class ExportsFailedError(Exception):
    """Some exports of a load failed; the others are loaded.

    Args:
        failures: What dlt raised for each.
    """

    def __init__(self, failures: Sequence[Exception]) -> None:
        super().__init__(f"{len(failures)} exports failed")
        self.failures = failures


class SigtermError(KeyboardInterrupt):
    """SIGTERM, raised like Ctrl-C.

    Args:
        number: The signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def interruption(failure: BaseException) -> int | None:
    """The number of the signal that is behind `failure`, if one is."""
    for cause in _chain(failure):
        if isinstance(cause, SigtermError):
            return cause.number
        if isinstance(cause, KeyboardInterrupt | SignalReceivedException | click.Abort):
            return signal.SIGINT
    return None


def failed_export(failure: BaseException) -> str | None:
    """The resource whose own export failed, so that the others can be loaded without it.

    None where waiting or other settings are called for: then the others would fail like it.
    """
    causes = list(_chain(failure))
    resource = next((each for each in causes if isinstance(each, ResourceExtractionError)), None)
    ours = next((each for each in causes if isinstance(each, SpaazaSourceError)), None)
    its_own = (
        VendorError | FileError | ExportTimeoutError | IncompleteDownloadError | LinkRefusedError
    )
    if resource is None or not isinstance(ours, its_own):
        return None
    return str(resource.pipe_name)


def exit_report(failure: BaseException) -> tuple[list[str], int]:
    """What to tell a person of a command that `failure` has ended, and its exit code."""
    if number := interruption(failure):
        return ["interrupted; the next run takes up what was begun"], BY_SIGNAL + number
    causes = failure.failures if isinstance(failure, ExportsFailedError) else [failure]
    told = [describe(cause) for cause in causes]
    return [words for words, _ in told], max(code for _, code in told)


def describe(failure: BaseException) -> tuple[str, int]:
    """What to tell a person about `failure`, and the exit code that goes with it."""
    causes = list(_chain(failure))
    for kind, say in MESSAGES.items():
        for cause in causes:
            if isinstance(cause, kind):
                return say(cause)
    return f"{type(failure).__name__}: {redact(str(failure))}", FAILED


def _ours(error: SpaazaSourceError) -> tuple[str, int]:
    return str(error), WRONG_SETTINGS if isinstance(error, SettingsError) else FAILED


def _chain(failure: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = failure
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _missing(failure: ConfigFieldMissingException) -> tuple[str, int]:
    """Which settings are missing, and the environment variable that each can come from."""
    variables = []
    for name, traces in failure.traces.items():
        variables.append(f"{name} ({_variable(name, traces)})")
    named = ", ".join(variables)
    verb = "is" if len(variables) == 1 else "are"
    return (
        f"{named} {verb} not set. Set the environment variable, or the same in"
        " .dlt/config.toml or .dlt/secrets.toml."
    ), WRONG_SETTINGS


def _not_coerced(failure: ConfigValueCannotBeCoercedException) -> tuple[str, int]:
    return f"{failure.field_name}: what is set for it is of the wrong kind.", WRONG_SETTINGS


def _unknown_destination(failure: UnknownDestinationModule) -> tuple[str, int]:
    del failure  # it lists modules and import paths
    return (
        "The destination is not one that dlt knows. Name one, such as duckdb or postgres."
    ), WRONG_SETTINGS


def _setting(failure: Exception) -> tuple[str, int]:
    return redact(str(failure)), WRONG_SETTINGS


def _destination(failure: Exception) -> tuple[str, int]:
    return f"The destination failed: {redact(str(failure))}", FAILED


def _variable(name: str, traces: list[LookupTrace | LookupTraces]) -> str:
    for trace in traces:
        if isinstance(trace, LookupTraces):
            # One of several kinds of credentials: the first is the usual one.
            inner = [_variable(field, found) for field, found in trace.traces.items()]
            return " and ".join(inner)
    tried = [
        trace.key
        for trace in traces
        if isinstance(trace, LookupTrace) and trace.provider == EnvironProvider().name
    ]
    # dlt drops one section after the other; with all but its own gone, a name is as documented:
    # SOURCES__SPAAZA__X, then SOURCES__X, then X.
    return tried[-3] if len(tried) > 2 else name.upper()  # noqa: PLR2004


#: By kind of failure, the first that is found among the causes speaks.
MESSAGES: dict[type[BaseException], Callable[[Any], tuple[str, int]]] = {
    SpaazaSourceError: _ours,
    ConfigFieldMissingException: _missing,
    ConfigValueCannotBeCoercedException: _not_coerced,
    UnknownDestinationModule: _unknown_destination,
    ConfigurationException: _setting,
    MissingDependencyException: _setting,
    duckdb.Error: _destination,
    DestinationException: _destination,
}
