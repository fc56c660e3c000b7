"""Keeps personal columns out of a load: dropped, or replaced by keyed hashes.

Which columns are personal is left to the vendors; where files are read, and where rows that do not
fit are written, to the callers.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.schema.typing import TColumnSchema

from spaaza_source.errors import SettingsError
from spaaza_source.tabular.column_types import TEXT, ColumnType
from spaaza_source.tabular.keyed_hash import KeyedHash
from spaaza_source.tabular.spelling import make_speller

Action: TypeAlias = Literal["hash", "drop", "keep"]
Personal: TypeAlias = Mapping[str, Mapping[str, Literal["hash", "drop"]]]
"""The columns that a vendor's tables are known to hold of persons, by table and column."""

PRESET = "pseudonymise"
"""The setting that takes every known personal column of a table, or of all tables."""
BASE = "preset"
"""The key by which a table's own choices stand on the preset: `{"preset": "pseudonymise", …}`."""
SHORTEST_SECRET = 16
"""Characters. Values as few as phone numbers can all be tried: only the secret is in the way."""

_ACTIONS = ("hash", "drop", "keep")
_SETTING = "privacy"
_SECRET_SETTING = "privacy_secret"  # noqa: S105 - the name of a setting
_HEX_DIGITS = 64
_NOTHING: Any = object()
_spelled = make_speller()


@dataclass(frozen=True)
class Policy:
    """What happens to the personal columns of one table.

    A name stands for the column, and for all that a JSON export nests in it; of several names the
    longest decides. A column is found however its name is spelled: `Phone Number`,
    `phone_number` and, for a nested one, `address__street_name` or `address_street_name`.

    A hash is the lowercase hex HMAC-SHA-256 of the cell's UTF-8 text exactly as the vendor wrote
    it, without any normalisation: `Ann@example.com` and `ann@example.com` get two hashes. There
    is no salt by column, so equal text has equal hashes in every table and they join. NULL and
    empty text are NULL.

    Attributes:
        table: Whose policy.
        actions: By column name: `hash`, `drop`, or `keep` as it is.
        required: The names that a file must have, because a user wrote them.
    """

    table: str = ""
    actions: Mapping[str, Action] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    keyed: KeyedHash | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.keyed is None and "hash" in self.actions.values():
            raise SettingsError("there is no secret to hash with", where=_SECRET_SETTING)

    @property
    def hides_raw(self) -> bool:
        """Whether raw text of the table's rows must not be shown or stored."""
        return any(action != "keep" for action in self.actions.values())

    def action(self, name: str) -> Action | None:
        """What happens to a column, or to a value at a path such as `user__address__city`."""
        found = None
        for key in _keys(name):
            found = self.actions.get(key, found)
        return found

    def types(
        self, known: Mapping[str, ColumnType], *, under: tuple[str, ...] = ()
    ) -> Mapping[str, ColumnType]:
        """`known` types, with text for each column that is hashed or dropped.

        So a hash is of the cell as it stands, no cell of such a column ever misses its type, and
        none is looked at to find a type. Hand it to the reader as it is: it also answers for
        columns that it does not list. `under` is the path of the nested table that they are of.

        Raises:
            SettingsError: The table, or a hint, has a type for a hashed column that is not text.
        """
        for name, column_type in known.items():
            if self.action("__".join([*under, name])) == "hash" and column_type != TEXT:
                raise SettingsError(
                    f"the column {name!r} of {self.table!r} is {column_type} already, and a hash "
                    "is text",
                    where=_SETTING,
                    hint="Take away the column's hint, or load into a new dataset: this one "
                    "holds the column in the clear.",
                )
        return _Types(self, known, under)

    def mask_hints(self, hints: Iterable[TColumnSchema]) -> list[TColumnSchema]:
        """Column hints as they are true under the policy: without dropped ones, hashes as text."""
        kept: list[TColumnSchema] = []
        for hint in hints:
            action = self.action(str(hint["name"]))
            if action == "hash":
                kept.append({**hint, "data_type": "text"})
            elif action != "drop":
                kept.append(hint)
        return kept

    def require(self, names: Iterable[str]) -> None:
        """Hold the user's own choices against the columns that a file has.

        Args:
            names: Column names, or those that `applied_to_record` has met.

        Raises:
            SettingsError: A choice names no column; a personal column may have another name now.
        """
        missing = self.required.difference(*map(_keys, names))
        if missing:
            listed = ", ".join(repr(name) for name in sorted(missing))
            raise SettingsError(
                f"the export for {self.table!r} has no column {listed}",
                where=_SETTING,
                hint="Name it as the table does, or take it out.",
            )

    def apply(self, table: pa.Table) -> pa.Table:
        """An Arrow table under the policy; columns keep their order.

        Raises:
            TypeError: A hashed column is not text, so its reader was not told the `types`.
        """
        for name in table.column_names:
            action = self.action(name)
            if action == "drop":
                table = table.drop_columns([name])
            elif action == "hash":
                place = table.schema.get_field_index(name)
                hashed = self._hashed(table.column(name), name)
                table = table.set_column(place, table.field(name).with_type(pa.string()), hashed)
        return table

    def apply_to_record(
        self, record: dict[str, Any], *, met: set[str] | None = None
    ) -> dict[str, Any]:
        """A record of a JSON export under the policy, as deep as it is nested.

        Text has the same hash as in a CSV file. Of a number it is taken as Python prints it, so
        let the parser give numbers that must join as whole numbers, decimals or text. An object
        or list of which nothing is left goes too.

        Args:
            record: As parsed; it is not changed.
            met: Gets the paths of the policy that are in the record, for `require`.
        """
        if not self.actions:
            return record
        return {
            key: kept
            for key, value in record.items()
            if (kept := self._kept(value, key, met)) is not _NOTHING
        }

    def _kept(self, value: Any, path: str, met: set[str] | None) -> Any:
        action = self.action(path)
        if met is not None and action is not None:
            met.add(path)
        kept: Any
        if isinstance(value, dict):
            kept = {
                key: inner
                for key, nested in value.items()
                if (inner := self._kept(nested, f"{path}__{key}", met)) is not _NOTHING
            }
        elif isinstance(value, list):
            kept = [
                inner
                for nested in value
                if (inner := self._kept(nested, path, met)) is not _NOTHING
            ]
        elif action == "hash":
            return self._hash_of(value)
        else:
            return _NOTHING if action == "drop" else value
        return _NOTHING if action == "drop" and not kept else kept

    def _hash_of(self, value: Any) -> str | None:
        if value is None or value == "" or self.keyed is None:
            return None
        if not isinstance(value, str):
            value = str(value) if isinstance(value, Decimal) else json.dumps(value)
        # JSON can write half of a surrogate pair, and an error about it would hold the value.
        (digest,) = self.keyed.digests([value.encode(errors="surrogatepass")])
        return digest.hex()

    def _hashed(self, column: Any, name: str) -> Any:
        """A column's hashes, made once for each distinct value."""
        if pa.types.is_null(column.type) or self.keyed is None:
            return pa.nulls(len(column), pa.string())
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise TypeError(f"the column {name!r} is to be hashed, and was not read as text")
        encoded = column.combine_chunks().dictionary_encode()
        values = encoded.dictionary.cast(pa.large_binary())
        digests = b"".join(self.keyed.digests(values.to_numpy(zero_copy_only=False)))
        ends = np.arange(len(values) + 1, dtype=np.int32) * np.int32(_HEX_DIGITS)
        hashes = pa.StringArray.from_buffers(
            len(values), pa.py_buffer(ends), pa.py_buffer(binascii.hexlify(digests))
        )
        return pc.if_else(pc.equal(values, b""), None, hashes).take(encoded.indices)


@dataclass(frozen=True)
class Policies:
    """The policies of a source's tables, each of which has one, be it empty."""

    by_table: Mapping[str, Policy]

    def __getitem__(self, table: str) -> Policy:
        return self.by_table[table]

    @classmethod
    def of(
        cls,
        privacy: Any,
        secret: Any,
        *,
        tables: Collection[str],
        personal: Personal,
        secret_variable: str,
    ) -> Policies:
        """The policies that a user has set.

        Args:
            privacy: `pseudonymise`; or by table `pseudonymise`, or by column `hash`, `drop` or
                `keep`, to which `preset` adds the table's preset; as JSON text too. None: none.
            secret: What is hashed with; needed only where something is.
            tables: The source's own tables.
            personal: The preset. Its tables may be named, so that sources can share a setting.
            secret_variable: The environment variable of the secret, for a message.

        Raises:
            SettingsError: A setting is missing or wrong.
        """
        chosen = _by_table(privacy, personal)
        if chosen and not chosen.keys() & set(tables):
            # To go on would load in the clear what a user believes to be covered.
            raise _wrong(
                "it names none of this source's tables",
                f"Name one of {', '.join(tables)}; {{}} for no policy.",
            )
        choices = {
            table: _columns(table, chosen.get(table, {}), personal.get(table, {}))
            for table in tables
        }
        hashes = any("hash" in actions.values() for actions, _ in choices.values())
        keyed = _keyed(secret, secret_variable) if hashes else None
        return cls(
            MappingProxyType(
                {
                    table: Policy(table, MappingProxyType(actions), required, keyed)
                    for table, (actions, required) in choices.items()
                }
            )
        )


class _Types(Mapping[str, ColumnType]):
    """Known types, under a policy, of any column that is asked for."""

    def __init__(
        self, policy: Policy, known: Mapping[str, ColumnType], under: tuple[str, ...]
    ) -> None:
        self._policy = policy
        self._known = known
        self._under = under

    def __getitem__(self, name: str) -> ColumnType:
        hidden = self._policy.action("__".join([*self._under, name])) in ("hash", "drop")
        return TEXT if hidden else self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


@lru_cache(maxsize=8192)
def _keys(name: str) -> tuple[str, ...]:
    """What policies call a column or path, from its outermost part to the whole of it.

    `user__first_name` gives `user` and `user_first_name`: whether a vendor nests or flattens, and
    whatever the destination's naming convention, a name means the same. dlt's variant of a column
    is a part of it: `phone__v_text` gives `phone` too.
    """
    keys: list[str] = []
    for part in name.split("__"):
        try:
            spelled = _spelled(part)
        except ValueError:  # dlt's way to refuse a blank name
            continue
        keys.append(re.sub("_+", "_", f"{keys[-1]}_{spelled}" if keys else spelled))
    return tuple(keys)


def _key(name: Any, what: str) -> str:
    keys = _keys(name) if isinstance(name, str) else ()
    if not keys:
        raise _wrong(f"{what} has no name")
    return keys[-1]


def _by_table(privacy: Any, personal: Personal) -> dict[str, Any]:
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
        raise _wrong(f"it is neither {PRESET!r} nor a dict whose keys are tables")
    chosen: dict[str, Any] = {}
    for name, choice in privacy.items():
        table = _key(name, "a table")
        if table not in personal:
            raise _wrong(
                f"there is no table {name!r}", f"The tables are {', '.join(sorted(personal))}."
            )
        if table in chosen:
            raise _wrong(f"the table {table!r} is there twice")
        chosen[table] = choice
    return chosen


def _columns(
    table: str, choice: Any, personal: Mapping[str, Action]
) -> tuple[dict[str, Action], frozenset[str]]:
    """What happens to which column, and the columns that the user has named."""
    if choice == PRESET:
        choice = {BASE: PRESET}
    if not isinstance(choice, Mapping):
        raise _wrong(f"the policy of {table!r} is neither {PRESET!r} nor a dict of its columns")
    named: dict[str, Action] = {}
    preset: dict[str, Action] = {}
    for name, action in choice.items():
        if name == BASE and action == PRESET:
            preset = {_key(column, "a column"): done for column, done in personal.items()}
            continue
        column = _key(name, f"a column of {table!r}")
        if action not in _ACTIONS:
            # What stands there instead is not shown: it may be anything, even a secret.
            raise _wrong(
                f"the column {column!r} of {table!r} has an unknown action",
                f"Choose {', '.join(_ACTIONS[:-1])} or {_ACTIONS[-1]}.",
            )
        if column in named:
            raise _wrong(f"the column {column!r} of {table!r} is there twice")
        named[column] = action
    return {**preset, **named}, frozenset(named)


def _keyed(secret: Any, variable: str) -> KeyedHash:
    fault = None
    if not isinstance(secret, str) or not secret.strip():
        fault = "there is no secret to hash with"
    elif secret != secret.strip():
        fault = "there is a space around it"
    elif len(secret) < SHORTEST_SECRET:
        fault = f"it is shorter than {SHORTEST_SECRET} characters"
    if fault:
        raise SettingsError(
            fault,
            where=_SECRET_SETTING,
            hint=f"Set {variable}, or {_SECRET_SETTING} in secrets.toml, to at least "
            f"{SHORTEST_SECRET} random characters, and keep it: another secret, other hashes.",
        )
    return KeyedHash(secret)


def _wrong(cause: str, hint: str | None = None) -> SettingsError:
    return SettingsError(cause, where=_SETTING, hint=hint)
