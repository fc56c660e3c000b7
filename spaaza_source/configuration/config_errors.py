"""Turns what is wrong with dlt's configuration of a source into errors of ours.

Each names the key as it was typed and where, and what to write instead; none shows a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args, get_origin

from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigValueCannotBeCoercedException,
    LookupTrace,
    LookupTraces,
    ValueNotSecretException,
)
from dlt.common.configuration.providers import EnvironProvider
from dlt.common.configuration.specs.base_configuration import (
    BaseConfiguration,
    extract_inner_hint,
    is_secret_hint,
)
from dlt.extract.hints import DltResourceHints

from spaaza_source.configuration.credentials import one_kind
from spaaza_source.configuration.given_keys import (
    OF_DLT,
    SEPARATOR,
    GivenKey,
    active_pipeline,
    given_keys,
)
from spaaza_source.configuration.known_keys import KnownKeys, Path
from spaaza_source.configuration.run_keys import SETTINGS, find_wrong_of_all_runs
from spaaza_source.errors import SettingsError, not_among
from spaaza_source.settings import OF_ALL_RUNS

#: By section: the settings of all its sources.
SECTIONS: dict[str, dict[str, Sequence[type[BaseConfiguration]]]] = {}
#: What a script gives a resource by its method, and no file does.
HINTS = frozenset(DltResourceHints.apply_hints.__annotations__) - {"return"}
#: The most keys that a message names.
SHOWN = 3
#: What a value is to be, by its type.
_KINDS: Mapping[Any, str] = {
    bool: "not true or false",
    dict: "not a dict, as JSON",
    float: "not a number",
    int: "not a whole number",
}


@contextmanager
def checked_settings(known: KnownKeys, arguments: dict[str, Any]) -> Iterator[None]:
    """Check the keys that are set for a source, then raise what dlt says of them as ours.

    Args:
        known: What may be set.
        arguments: What it is called with; credentials that are complete are made what they are, so
            that dlt takes none of another kind from elsewhere.

    Raises:
        SettingsError: Some key is none that a source of ours reads; or inside, a setting is missing
            or has a value of another type.
    """
    keys = list(given_keys())
    check_keys(known, keys)
    own = [key for key in keys if known.is_for_source(key.path)]
    for setting, kinds in known.settings.items():
        if setting not in OF_DLT and kinds:
            given = one_kind(setting, kinds, arguments.get(setting), own)
            if given is not None:
                arguments[setting] = given
    try:
        yield
    except ConfigFieldMissingException as failure:
        raise missing_setting(failure) from None
    except ConfigValueCannotBeCoercedException as failure:
        raise wrong_value(failure) from None
    except ValueNotSecretException as failure:
        raise SettingsError(
            f"a secret must not be in {failure.provider_name}",
            where=failure.key,
            hint="Move it to .dlt/secrets.toml, or set an environment variable.",
        ) from None


def check_keys(known: KnownKeys, keys: Sequence[GivenKey]) -> None:
    """Check that each key which is set for a section is read by a source of ours.

    Raises:
        SettingsError: It names those that are not.
    """
    active = active_pipeline()
    wrong = [
        (key, nearest)
        for key in keys
        if (nearest := find_wrong_of_all_runs(key, active)) is not None
        or (nearest := known.find_wrong(key, active)) is not None
    ]
    if not wrong:
        return
    named = ", ".join(f"{key.typed} ({key.place})" for key, _ in wrong[:SHOWN])
    more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    raise SettingsError(
        f"no source reads {named}{more}",
        where=f"sources.{known.section}",
        hint=" ".join(dict.fromkeys(_advise(known, *one) for one in wrong[:SHOWN])),
    )


def _advise(known: KnownKeys, key: GivenKey, nearest: Path) -> str:
    """What to do about a key that nobody reads."""
    name = key.path[-1]
    if name in SETTINGS:
        # Of all runs, and not of a source.
        nearest = (OF_ALL_RUNS, name)
    if name not in known.settings or not nearest:
        sections = [known.section, *SECTIONS]
        own = next((each for each in sections if name in SECTIONS.get(each, ())), None)
        if own is not None:
            return f"{name} is a setting of sources.{own}."
    if nearest and key.in_environment:
        variable = SEPARATOR.join(nearest).upper()
        if key.typed.startswith(variable + SEPARATOR):
            return f"A variable has no keys of its own: write {variable} as JSON."
        return f"Did you mean {variable}?"
    if nearest:
        return f"Did you mean {'.'.join(nearest)}?"
    if name in HINTS:
        return f"{name} is a hint: use apply_hints in a script."
    return "Remove it; docs/settings.md lists the settings."


def missing_setting(failure: ConfigFieldMissingException) -> SettingsError:
    """An error that names the settings that are missing, and the environment variable of each."""
    settings = [f"{name} ({_variable(name, traces)})" for name, traces in failure.traces.items()]
    verb = "is" if len(settings) == 1 else "are"
    return SettingsError(
        f"{', '.join(settings)} {verb} not set",
        hint="Set the environment variable, or the setting in .dlt/config.toml or"
        " .dlt/secrets.toml.",
    )


def wrong_value(failure: ConfigValueCannotBeCoercedException) -> SettingsError:
    """An error that repeats the value, unless it is a secret, and says what it may be."""
    name, hint = failure.field_name, failure.hint
    kind = extract_inner_hint(hint, preserve_literal=True)
    if get_origin(kind) is Literal:
        return not_among(name, failure.field_value, get_args(kind))
    words = _KINDS.get(get_origin(kind) or kind, "of the wrong type")
    shown = "the value" if is_secret_hint(hint) else repr(str(failure.field_value)[:40])
    return SettingsError(f"{shown} is {words}", where=name, hint="docs/settings.md describes it.")


def _variable(name: str, traces: list[LookupTrace | LookupTraces]) -> str:
    for trace in traces:
        if isinstance(trace, LookupTraces):
            # One of several kinds of credentials: the first is the usual one.
            return " and ".join(_variable(*field) for field in trace.traces.items())
    keys = [
        trace.key
        for trace in traces
        if isinstance(trace, LookupTrace) and trace.provider == EnvironProvider().name
    ]
    # dlt looks with fewer and fewer sections. The last keys are SOURCES__SPAAZA__X (the one that is
    # documented), of one of several chains SOURCES__CHAIN_1743__X, then SOURCES__X and X.
    documented = [key for key in keys[:-2] if not key.startswith("SOURCES__CHAIN_")]
    return documented[-1] if documented else name.upper()
