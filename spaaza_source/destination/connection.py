"""Checks what a destination is connected with, before dlt reads it.

A value that cannot be read may be a password: dlt's errors, or their causes, quote parts of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import Any

from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigValueCannotBeCoercedException,
    InvalidNativeValue,
    LookupTraces,
)
from dlt.common.configuration.specs import ConnectionStringCredentials
from dlt.destinations.impl.postgres.configuration import PostgresCredentials

from spaaza_source.errors import SettingsError
from spaaza_source.transport import without_context

CREDENTIALS = "credentials"
#: By dlt's name of a destination: what its connection strings begin with.
SCHEMES = {
    "dlt.destinations.duckdb": ("duckdb",),
    "dlt.destinations.postgres": ("postgresql", "postgres"),
    "dlt.destinations.redshift": ("postgresql", "postgres", "redshift"),
}
HIGHEST_PORT = 65_535


def check_connection(pipeline: Any) -> Any:
    """What a pipeline's destination is connected with, once it is proven that it can be read.

    Nothing is connected. What else dlt may raise of them names no value, and is not changed.

    Args:
        pipeline: Its destination.

    Returns:
        The configuration of dlt's client of the destination.

    Raises:
        SettingsError: It names the key, and never the value.
    """
    return check_configuration(pipeline.destination, lambda: pipeline.destination_client().config)


def check_configuration(destination: Any, resolve: Callable[[], Any]) -> Any:
    """What dlt's configuration says of a destination, once it is proven that it can be read.

    Args:
        destination: dlt's.
        resolve: Has dlt resolve it.

    Raises:
        SettingsError: It names the key, and never the value.
    """
    with without_context():
        try:
            config = resolve()
        except InvalidNativeValue as failure:
            raise _unreadable(destination, failure.embedded_sections) from None
        except ConfigValueCannotBeCoercedException as failure:
            raise _wrong_kind(destination, failure.field_name) from None
        except ConfigFieldMissingException as failure:
            if failure.fields != [CREDENTIALS]:
                raise
            raise _missing(destination, _missing_fields(failure)) from None
        for path, each in _strings(config):
            _check_string(destination, path, each)
        return config


def _strings(config: Any) -> Iterable[tuple[tuple[str, ...], ConnectionStringCredentials]]:
    """All that is given as a connection string, each with where it stands."""
    credentials = getattr(config, CREDENTIALS, None)
    catalogue = getattr(credentials, "catalog", None)
    for path, each in (((CREDENTIALS,), credentials), ((CREDENTIALS, "catalog"), catalogue)):
        if isinstance(each, ConnectionStringCredentials):
            yield path, each


def _check_string(
    destination: Any, path: tuple[str, ...], credentials: ConnectionStringCredentials
) -> None:
    is_own = path == (CREDENTIALS,)
    schemes = SCHEMES.get(destination.destination_type) if is_own else None
    if schemes is not None and credentials.drivername not in schemes:
        raise _unreadable(destination, path)
    # What follows the first @ of two is taken for the host.
    if "@" in (credentials.host or ""):
        raise _unreadable(destination, path)
    port = credentials.port
    if port is not None and not 0 < port <= HIGHEST_PORT:
        raise _wrong(destination, path, f"the port is no number from 1 to {HIGHEST_PORT:,}")
    if isinstance(credentials, PostgresCredentials):
        if not credentials.database:
            raise _missing(destination, ["database"])
        if not _is_understood(credentials):
            raise _unreadable(destination, path)


def _is_understood(credentials: PostgresCredentials) -> bool:
    """Whether PostgreSQL's library knows each option."""
    if find_spec("psycopg2") is None:
        return True
    from psycopg2 import ProgrammingError  # noqa: PLC0415 - it may not be installed
    from psycopg2.extensions import parse_dsn  # noqa: PLC0415

    try:
        parse_dsn(credentials.to_native_representation())
    except ProgrammingError:
        return False
    return True


def _missing_fields(failure: ConfigFieldMissingException) -> list[str]:
    """The fields of the credentials that are missing; of several kinds, those of the first."""
    for trace in failure.traces[CREDENTIALS]:
        if isinstance(trace, LookupTraces):
            return sorted(trace.traces)
    return []


def _missing(destination: Any, fields: list[str]) -> SettingsError:
    verb = "is" if len(fields) == 1 else "are"
    cause = f"{', '.join(fields)} {verb} not set" if fields else "it is not set"
    return _wrong(destination, (CREDENTIALS,), cause, fields)


def _unreadable(destination: Any, path: Iterable[str]) -> SettingsError:
    return _wrong(destination, path, "the value cannot be read")


def _wrong_kind(destination: Any, field: str) -> SettingsError:
    is_own = field in destination.spec.get_resolvable_fields()
    path = (field,) if is_own else (CREDENTIALS, field)
    return _wrong(destination, path, "the value is of the wrong type")


def _wrong(
    destination: Any, path: Iterable[str], cause: str, fields: Iterable[str] = ()
) -> SettingsError:
    names = list(path)
    name = destination.destination_name
    is_given = names[0] in destination.config_params
    key = "__".join(["destination", name, *names]).upper()
    schemes = SCHEMES.get(destination.destination_type, ())
    if "postgresql" in schemes or names[-1] == "catalog":
        hint = "Write postgresql://USERNAME:PASSWORD@HOST:PORT/DATABASE; in a password, @ is %40."
    elif schemes:
        hint = f"Write {schemes[0]}:///PATH, or the path alone."
    else:
        keys = ", ".join(f"{key}__{field}".upper() for field in fields)
        hint = f"Set {keys}, or correct it." if keys else "Correct it; dlt documents what it is."
    where = f"{'.'.join(names)} of {name}" if is_given else key
    return SettingsError(cause, where=where, hint=hint)
