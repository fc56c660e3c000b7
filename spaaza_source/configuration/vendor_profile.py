"""The vendor profile: what a probe has found out of a vendor, as settings that nobody has set.

It is a file of dlt's configuration beside `config.toml`. What is set elsewhere counts before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dlt
import tomlkit
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import CustomLoaderDocProvider
from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from tomlkit.exceptions import TOMLKitError

from spaaza_source.errors import SettingsError

PROFILE = "vendor_profile.toml"
#: The section that says what was found, beside the settings.
FOUND = "vendor_profile"


def profile_path() -> Path:
    """Where the profile is, or would be: in the folder of dlt's configuration."""
    return Path(dlt.current.run_context().settings_dir) / PROFILE


def read_profile() -> dict[str, Any] | None:
    """The profile; None where there is none.

    Raises:
        SettingsError: It cannot be read.
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


def obey_profile() -> None:
    """Let dlt read the profile, after all other places, for what is resolved from now on.

    Raises:
        SettingsError: It cannot be read.
    """
    profile = read_profile() or {}
    settings = {name: value for name, value in profile.items() if name != FOUND}
    providers: ConfigProvidersContainer = Container()[PluggableRunContext].providers
    if settings or PROFILE in providers:
        providers[PROFILE] = CustomLoaderDocProvider(
            PROFILE, lambda: settings, supports_secrets=False, locations=[str(profile_path())]
        )
