"""The setting `privacy`: which policy each table of a source has."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias

from spaaza_source.errors import SettingsError
from spaaza_source.tabular.privacy.keyed_hash import KeyedHash
from spaaza_source.tabular.privacy.policy import Action, Policy, path_keys

Personal: TypeAlias = Mapping[str, Mapping[str, Literal["hash", "drop"]]]
"""The columns of a vendor's tables that are known to be personal, by table and column."""

PRESET = "pseudonymise"
"""The setting that hides every known personal column of a table, or of all tables."""
BASE = "preset"
"""The key that adds the preset to a table's own choices: `{"preset": "pseudonymise", …}`."""
_EXAMPLE = f"Write {PRESET}, or a dict such as {{'users': '{PRESET}'}}."
SHORTEST_SECRET = 16
"""Characters. All phone numbers can be tried: only the secret prevents that."""

_ACTIONS = ("hash", "drop", "keep")
_SETTING = "privacy"
_SECRET_SETTING = "privacy_secret"  # noqa: S105 - the name of a setting


@dataclass(frozen=True)
class Policies:
    """The policies of a source's tables; each table has one, which may be empty."""

    by_table: Mapping[str, Policy]

    def __getitem__(self, table: str) -> Policy:
        return self.by_table[table]

    @classmethod
    def of(
        cls,
        privacy: Any,
        secret: Any,
        tables: Collection[str],
        *,
        personal: Personal,
        variable: str,
        kept: Mapping[str, Collection[str]] | None = None,
        is_shared: bool = False,
    ) -> Policies:
        """The policies that a user has set.

        Args:
            privacy: `pseudonymise`; or by table `pseudonymise`, or by column `hash`, `drop` or
                `keep`, to which `preset` adds the table's preset. May be JSON text. None for none.
            secret: The secret of the hashes; required only if a column is hashed.
            tables: The source's own tables.
            personal: The preset. All its tables may be named, so that sources can share a setting.
            variable: The environment variable of the secret, for a message.
            kept: By table, the documented columns that are known not to be personal.
            is_shared: Whether another source may read the same setting: then it may be meant for
                that one's tables alone.

        Raises:
            SettingsError: A setting is missing or wrong.
        """
        chosen = _by_table(privacy, personal)
        if chosen and not chosen.keys() & set(tables):
            _check_purpose(tables, is_shared=is_shared)
        choices = {
            table: _columns(table, chosen.get(table, {}), personal.get(table, {}))
            for table in tables
        }
        hashes = any("hash" in actions.values() for actions, _ in choices.values())
        if secret and not hashes:
            _warn(
                "%s is set, but %s hashes no column; without a policy, personal columns are loaded"
                " in the clear",
                _SECRET_SETTING,
                _SETTING,
            )
        keyed = _make_hash(secret, variable) if hashes else None
        secret_hash = keyed or _hash_by(secret)
        told = {table: _spell_choice(choice) for table, choice in chosen.items()}
        return cls(
            {
                table: Policy(
                    table,
                    actions,
                    required,
                    keyed,
                    personal={_key(name, ""): act for name, act in personal.get(table, {}).items()},
                    kept=frozenset(_key(name, "") for name in (kept or {}).get(table, ())),
                    is_guarded=BASE in told.get(table, {})
                    or any(action != "keep" for action in actions.values()),
                    choices=told,
                    secret_hash=secret_hash,
                )
                for table, (actions, required) in choices.items()
            }
        )


def _check_purpose(tables: Collection[str], *, is_shared: bool) -> None:
    """Refuse a setting that names no table of the source, or tell it where another one reads it."""
    if is_shared:
        _warn(
            "%s names no table of this source: of %s, personal columns are loaded in the clear",
            _SETTING,
            ", ".join(tables),
        )
        return
    # Loading would store in clear text what the user believes to be hidden.
    raise _wrong(
        "no table of this source is named",
        f"Name one of {', '.join(tables)}; {{}} for no policy.",
    )


def _warn(text: str, *words: str) -> None:
    # By name: dlt sets its logger up with the first pipeline, which may come later.
    logging.getLogger("dlt").warning(text, *words)


def _spell_choice(choice: Any) -> dict[str, str]:
    """A table's setting as a dict of its columns, to be shown; unknown words are left out."""
    if choice == PRESET:
        return {BASE: PRESET}
    items = choice.items() if isinstance(choice, Mapping) else ()
    return {str(name): action for name, action in items if action in (*_ACTIONS, PRESET)}


def _key(name: Any, what: str) -> str:
    keys = path_keys(name) if isinstance(name, str) else ()
    if not keys:
        raise _wrong(f"{what} has no name")
    return keys[-1]


def _by_table(privacy: Any, personal: Personal) -> dict[str, Any]:
    typed = privacy
    if isinstance(privacy, str) and privacy != PRESET:
        try:
            privacy = json.loads(privacy)
        except ValueError:
            privacy = False
    if privacy == PRESET:
        return dict.fromkeys(personal, PRESET)
    if privacy is None:
        return {}
    if not isinstance(privacy, Mapping):
        raise _wrong(
            f"{_shown(typed)} is neither {PRESET!r} nor a dict whose keys are tables", _EXAMPLE
        )
    chosen: dict[str, Any] = {}
    for name, choice in privacy.items():
        table = _key(name, "a table")
        if table not in personal:
            near = get_close_matches(table, personal, 1)
            raise _wrong(
                f"there is no table {name!r}",
                f"Did you mean {near[0]}?"
                if near
                else f"The tables are {', '.join(sorted(personal))}.",
            )
        if table in chosen:
            raise _wrong(f"the table {table!r} is named twice")
        chosen[table] = choice
    return chosen


def _columns(
    table: str, choice: Any, personal: Mapping[str, Action]
) -> tuple[dict[str, Action], frozenset[str]]:
    """The action for each column, and the columns that the user has named."""
    if choice == PRESET:
        choice = {BASE: PRESET}
    if not isinstance(choice, Mapping):
        raise _wrong(
            f"the policy of {table!r}, {_shown(choice)}, is neither {PRESET!r} nor a dict of"
            " its columns",
            _EXAMPLE,
        )
    named: dict[str, Action] = {}
    preset: dict[str, Action] = {}
    for name, action in choice.items():
        if name == BASE and action == PRESET:
            preset = {_key(column, "a column"): done for column, done in personal.items()}
            continue
        column = _key(name, f"a column of {table!r}")
        if action not in _ACTIONS:
            raise _wrong(
                f"the column {column!r} of {table!r} has the unknown action {_shown(action)}",
                f"Choose {', '.join(_ACTIONS[:-1])} or {_ACTIONS[-1]}.",
            )
        if column in named:
            raise _wrong(f"the column {column!r} of {table!r} is named twice")
        named[column] = action
    return {**preset, **named}, frozenset(named)


def _hash_by(secret: Any) -> KeyedHash | None:
    """The hash by a secret that may be set for another source; None where it can be none."""
    is_one = isinstance(secret, str) and len(secret.strip()) >= SHORTEST_SECRET
    return KeyedHash(secret) if is_one and secret == secret.strip() else None


def _make_hash(secret: Any, variable: str) -> KeyedHash:
    fault = None
    if not isinstance(secret, str) or not secret.strip():
        fault = "no secret is set for the hashes"
    elif secret != secret.strip():
        fault = "it begins or ends with a space"
    elif len(secret) < SHORTEST_SECRET:
        fault = f"it is shorter than {SHORTEST_SECRET} characters"
    if fault:
        raise SettingsError(
            fault,
            where=_SECRET_SETTING,
            hint=f"Set {variable}, or {_SECRET_SETTING} in secrets.toml, to at least"
            f" {SHORTEST_SECRET} random characters, and never change it: that changes all hashes.",
        )
    return KeyedHash(secret)


def _shown(value: Any) -> str:
    """A value that is wrong: as typed, if it is a word, and too short for a secret."""
    is_word = isinstance(value, str) and value.isalpha() and len(value) < SHORTEST_SECRET
    return repr(value) if is_word else "a value not shown here"


def _wrong(cause: str, hint: str | None = None) -> SettingsError:
    return SettingsError(cause, where=_SETTING, hint=hint)
