"""Credentials of several kinds: exactly one is given, and that one is used.

dlt takes the first kind that it finds complete anywhere, whatever else is set: an argument of
another kind would be passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from dlt.common.configuration.specs.base_configuration import BaseConfiguration

from spaaza_source.configuration.given_keys import GivenKey, fields_of
from spaaza_source.errors import SettingsError


def one_kind(
    setting: str, kinds: Sequence[type[BaseConfiguration]], given: Any, keys: Iterable[GivenKey]
) -> BaseConfiguration | None:
    """The configuration that an argument makes; None where dlt's configuration has to complete it.

    Args:
        setting: Its name.
        kinds: What it may be.
        given: The argument; None where there is none.
        keys: What is set elsewhere.

    Raises:
        SettingsError: The argument has keys of no kind; or keys of several kinds are set.
    """
    argument: Mapping[str, Any] = {}
    if isinstance(given, BaseConfiguration):
        return None
    if given is not None and not isinstance(given, Mapping | str):
        raise SettingsError(
            "it is not a dict", where=setting, hint=f"Give {', '.join(sorted(fields_of(*kinds)))}."
        )
    if isinstance(given, Mapping):
        argument = given
        _check_names(setting, fields_of(*kinds), argument)
        (kind,) = _only(setting, kinds, argument) or kinds[:1]
        complete = kind.from_init_value(dict(argument))
        if complete.is_resolved():
            return complete
    elsewhere = (key.path[-1] for key in keys if key.path[-2:-1] == (setting,))
    _only(setting, kinds, [*argument, *elsewhere])
    return None


def _only(
    setting: str, kinds: Sequence[type[BaseConfiguration]], names: Iterable[str]
) -> list[type[BaseConfiguration]]:
    """The kind that has fields of these names; none where no kind has."""
    given = set(names)
    found = [kind for kind in kinds if given & fields_of(kind)]
    if len(found) > 1:
        told = " and ".join(min(given & fields_of(kind)) for kind in found)
        raise SettingsError(
            f"two kinds are given, {told}",
            where=setting,
            hint="Keep one of them; an argument in a script counts instead of what is configured.",
        )
    return found


def _check_names(setting: str, fields: frozenset[str], given: Mapping[str, Any]) -> None:
    for name in given:
        if name not in fields:
            near = get_close_matches(str(name), fields, 1)
            raise SettingsError(
                f"there is no {str(name)[:40]!r}",
                where=setting,
                hint=f"Did you mean {near[0]!r}?" if near else f"Give {', '.join(sorted(fields))}.",
            )
