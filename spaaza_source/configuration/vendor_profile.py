"""The vendor profile: what a probe has found out of a vendor, as settings that nobody has set.

It is a file of dlt's configuration beside `config.toml`. What is set elsewhere counts before it. It
is of one host: for another one it is not obeyed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dlt
import tomlkit
from dlt.common.configuration import with_config
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ConfigValueCannotBeCoercedException
from dlt.common.configuration.providers import CustomLoaderDocProvider
from dlt.common.configuration.specs import known_sections
from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from tomlkit.exceptions import TOMLKitError

from spaaza_source.errors import SettingsError

PROFILE = "vendor_profile.toml"
#: The section that says what was found, beside the settings.
FOUND = "vendor_profile"
#: The vendor that a profile is of: its section below `sources`.
SECTION = "spaaza"
_OWN = f"{known_sections.SOURCES}.{SECTION}"
#: What `spaaza check` would show, and no file but dlt's own may have.
SECRETS = frozenset({"credentials", "privacy_secret"})
#: Of one name, whichever of these is written.
USUAL_PORTS = (None, 80, 443)

_IS_LEFT_OUT: ContextVar[bool] = ContextVar("_IS_LEFT_OUT", default=False)
#: What was told already: a command makes several sources.
_TOLD: set[str] = set()


def profile_path() -> Path:
    """Where the profile is, or would be: in the folder of dlt's configuration."""
    return Path(dlt.current.run_context().settings_dir) / PROFILE


def read_profile() -> dict[str, Any] | None:
    """The profile; None where there is none.

    Raises:
        SettingsError: It cannot be read, or has something else than a profile.
    """
    path = profile_path()
    try:
        profile: dict[str, Any] = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, TOMLKitError):
        raise SettingsError(
            "it is no TOML file that can be read",
            where=str(path),
            hint="Remove it, and let it be written again: spaaza probe.",
        ) from None
    fault = _find_fault(profile)
    if fault is not None:
        raise SettingsError(
            fault,
            where=str(path),
            hint=f"It may have [{_OWN}] and [{FOUND}]. Correct it, or write it anew: spaaza probe.",
        )
    return profile


def write_profile(settings: Mapping[str, Any], found: Mapping[str, Any]) -> Path:
    """Write the profile, and return where it is.

    Args:
        settings: What is set by it, as dlt's configuration has it.
        found: What was found.

    Raises:
        SettingsError: It cannot be written.
    """
    path = profile_path()
    document = tomlkit.document()
    document.add(
        tomlkit.comment("Written by `spaaza probe`. What is set elsewhere counts before it.")
    )
    for name, value in {**settings, FOUND: found}.items():
        document[name] = value
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(tomlkit.dumps(document), encoding="utf-8")
        part.replace(path)
    except OSError as failure:
        raise SettingsError(
            f"the profile cannot be written ({failure.strerror})",
            where=str(path),
            hint="Run in a folder that you may write to.",
        ) from None
    return path


def obey_profile(section: str, source: str, base_url: object = None) -> None:
    """Let dlt read the profile, after all other places, for what is resolved from now on.

    Args:
        section: The section of the source whose settings will be resolved.
        source: Its name.
        base_url: The address that it is called with; None for that of the configuration.

    Raises:
        SettingsError: It cannot be read.
    """
    if section != SECTION:
        return
    profile = {} if _IS_LEFT_OUT.get() else read_profile() or {}
    found = profile.pop(FOUND, {})
    _provide({})
    if profile and "host" in found:
        asked = base_url or _configured_address(source)
        if not is_of_host(found, asked):
            _tell_once(
                f"{profile_path()} was found out at {_host_of(found['host'])}, and base_url names"
                f" {_host_of(asked)}: it is not obeyed. Probe this host, or remove it: spaaza"
                " probe."
            )
            return
    _provide(profile)


@contextmanager
def without_profile() -> Iterator[None]:
    """No profile is read or obeyed within, so that another one can be written in its place."""
    token = _IS_LEFT_OUT.set(True)
    try:
        yield
    finally:
        _IS_LEFT_OUT.reset(token)


def is_of_host(found: Mapping[str, Any], base_url: object) -> bool:
    """Whether a profile is of the host of an address.

    One that was written by hand names none, and is of all; and where no vendor is asked, as for
    files, no address is set.

    Args:
        found: What the profile says was found.
        base_url: The address.
    """
    return base_url is None or "host" not in found or _host_of(found["host"]) == _host_of(base_url)


def _find_fault(profile: Mapping[str, Any]) -> str | None:
    """What is in a profile that does not belong there; None if it is right."""
    sources = profile.get(known_sections.SOURCES, {})
    own = sources.get(SECTION, {}) if isinstance(sources, Mapping) else {}
    tables = {known_sections.SOURCES: sources, _OWN: own, FOUND: profile.get(FOUND, {})}
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            return f"{name} is not a table of settings"
    others = sorted(profile.keys() - {known_sections.SOURCES, FOUND})
    others += [f"{known_sections.SOURCES}.{name}" for name in sources if name != SECTION]
    if others:
        return f"{others[0]} is nothing that a profile sets"
    secret = next((name for name in _names(own) if name in SECRETS), None)
    return f"{secret} is a secret, which a profile must not have" if secret else None


def _names(table: Mapping[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        yield name
        if isinstance(value, Mapping):
            yield from _names(value)


def _provide(settings: dict[str, Any]) -> None:
    """Give dlt these settings as those of the profile."""
    providers: ConfigProvidersContainer = Container()[PluggableRunContext].providers
    if settings or PROFILE in providers:
        providers[PROFILE] = CustomLoaderDocProvider(
            PROFILE, lambda: settings, supports_secrets=False, locations=[str(profile_path())]
        )


def _configured_address(source: str) -> object:
    sections = (known_sections.SOURCES, SECTION, source)
    try:
        return with_config(_give_address, sections=sections)()
    except ConfigValueCannotBeCoercedException:
        # It is told when the source's settings are resolved.
        return None


def _give_address(base_url: str | None = None) -> object:
    return base_url


def _host_of(address: object) -> str:
    """An address's host, and its port where that is no usual one. Never what else is in it."""
    text = str(address).strip()
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
        port = parts.port
    except ValueError:
        return ""
    host = parts.hostname or ""
    return host if port in USUAL_PORTS else f"{host}:{port}"


def _tell_once(text: str) -> None:
    if text not in _TOLD:
        _TOLD.add(text)
        # By name: dlt sets its logger up with the first pipeline, which may come later.
        logging.getLogger("dlt").warning(text)
