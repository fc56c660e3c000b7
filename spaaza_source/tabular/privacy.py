"""Privacy policies: drop the personal columns of a table, or replace them by keyed hashes."""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.schema.typing import TColumnSchema

from spaaza_source.errors import SettingsError
from spaaza_source.tabular.column_types import TEXT, ColumnType
from spaaza_source.tabular.header import make_speller
from spaaza_source.tabular.keyed_hash import KeyedHash

Action: TypeAlias = Literal["hash", "drop", "keep"]
Personal: TypeAlias = Mapping[str, Mapping[str, Literal["hash", "drop"]]]
"""The columns of a vendor's tables that are known to be personal, by table and column."""

PRESET = "pseudonymise"
"""The setting that hides every known personal column of a table, or of all tables."""
BASE = "preset"
"""The key that adds the preset to a table's own choices: `{"preset": "pseudonymise", …}`."""
SHORTEST_SECRET = 16
"""Characters. All phone numbers can be tried: only the secret prevents that."""

_ACTIONS = ("hash", "drop", "keep")
_SETTING = "privacy"
_SECRET_SETTING = "privacy_secret"  # noqa: S105 - the name of a setting
_HEX_DIGITS = 64
_NOTHING: Any = object()
_spell = make_speller()


@dataclass(frozen=True)
class Policy:
    """What happens to the personal columns of one table.

    A name applies to its column, and to all that a JSON export nests in it; of several names the
    longest decides. A column matches in any spelling: `Phone Number`, `phone_number` and, for a
    nested one, `address__street_name` or `address_street_name`.

    A hash is the lowercase hex HMAC-SHA-256 of the cell's UTF-8 text exactly as the vendor wrote
    it, without any normalisation: `Ann@example.com` and `ann@example.com` get two hashes. There
    is no salt per column, so equal text has equal hashes in every table and they join. NULL and
    empty text are NULL.

    Attributes:
        table: The table's name.
        actions: By column name: `hash`, `drop` or `keep`.
        required: The names that a file must have, because a user wrote them.
        keyed_hash: The hash; None where nothing is hashed.
    """

    table: str = ""
    actions: Mapping[str, Action] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    keyed_hash: KeyedHash | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.keyed_hash is None and "hash" in self.actions.values():
            raise SettingsError("no secret is set for the hashes", where=_SECRET_SETTING)

    @property
    def hides_raw(self) -> bool:
        """Whether raw text of the table's rows must not be shown or stored."""
        return any(action != "keep" for action in self.actions.values())

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits, the same for the same actions; empty where nothing is hidden."""
        if not self.hides_raw:
            return ""
        text = json.dumps(dict(self.actions), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def secret_fingerprint(self) -> str:
        """Twelve hex digits, the same for the same secret, which they do not tell; or empty."""
        if self.keyed_hash is None or "hash" not in self.actions.values():
            return ""
        (digest,) = self.keyed_hash.digests([b"spaaza_source: the secret of this table's hashes"])
        return digest.hex()[:12]

    def action(self, name: str) -> Action | None:
        """The action for a column, or for a value at a path such as `user__address__city`."""
        action = None
        for key in _keys(name):
            action = self.actions.get(key, action)
        return action

    def types(
        self, known: Mapping[str, ColumnType], *, under: tuple[str, ...] = ()
    ) -> Mapping[str, ColumnType]:
        """Known types, with text for each column that is hashed or dropped.

        So the cell is hashed as it is in the file, every cell of such a column fits, and its type
        is not inferred. Pass the result to the reader as it is: it also has types for columns that
        it does not list.

        Args:
            known: Known types by column name.
            under: The path of the nested table that has the columns.

        Raises:
            SettingsError: The table, or a hint, has another type than text for a hashed column.
        """
        for name, column_type in known.items():
            if self.action("__".join([*under, name])) == "hash" and column_type != TEXT:
                raise SettingsError(
                    f"the column {name!r} of {self.table!r} has the type {column_type}, but a hash"
                    " is text",
                    where=_SETTING,
                    hint="Remove the column's hint, or load into a new dataset: this one has the"
                    " column in clear text.",
                )
        return _Types(self, known, under)

    def mask_hints(self, hints: Iterable[TColumnSchema]) -> list[TColumnSchema]:
        """Column hints under the policy: without dropped columns, hashed ones as text."""
        masked: list[TColumnSchema] = []
        for hint in hints:
            action = self.action(str(hint["name"]))
            if action == "hash":
                masked.append({**hint, "data_type": "text"})
            elif action != "drop":
                masked.append(hint)
        return masked

    def require(self, names: Iterable[str]) -> None:
        """Check that a file has every column that the user has named.

        Args:
            names: Column names, or the paths that `apply_to_record` has met.

        Raises:
            SettingsError: A column is missing; a personal one may have a new name.
        """
        missing = self.required.difference(*map(_keys, names))
        if missing:
            listed = ", ".join(repr(name) for name in sorted(missing))
            raise SettingsError(
                f"the export for {self.table!r} has no column {listed}",
                where=_SETTING,
                hint="Name it as the table does, or remove it from the setting.",
            )

    def apply(self, table: pa.Table) -> pa.Table:
        """An Arrow table under the policy; columns keep their order.

        Raises:
            TypeError: A hashed column is not text: it was not read with `types`.
        """
        for name in table.column_names:
            action = self.action(name)
            if action == "drop":
                table = table.drop_columns([name])
            elif action == "hash":
                index = table.schema.get_field_index(name)
                hashed = self._hash_column(table.column(name), name)
                table = table.set_column(index, table.field(name).with_type(pa.string()), hashed)
        return table

    def apply_to_record(
        self, record: dict[str, Any], *, met: set[str] | None = None
    ) -> dict[str, Any]:
        """A record of a JSON export under the policy, at every depth.

        Text has the same hash as in a CSV file. The hash of a number is that of its text in
        Python, so numbers that must join should be parsed as whole numbers, decimals or text. A
        dropped object or list goes too if nothing of it is kept.

        Args:
            record: The parsed record; it is not changed.
            met: Receives the paths of the policy that are in the record, for `require`.
        """
        return self._apply_to_members(record, "", met) if self.actions else record

    def _apply_to_members(
        self, members: dict[str, Any], prefix: str, met: set[str] | None
    ) -> dict[str, Any]:
        return {
            key: result
            for key, value in members.items()
            if (result := self._apply_to_value(value, prefix + key, met)) is not _NOTHING
        }

    def _apply_to_value(self, value: Any, path: str, met: set[str] | None) -> Any:
        action = self.action(path)
        if met is not None and action is not None:
            met.add(path)
        if isinstance(value, dict):
            value = self._apply_to_members(value, f"{path}__", met)
        elif isinstance(value, list):
            results = [self._apply_to_value(nested, path, met) for nested in value]
            value = [result for result in results if result is not _NOTHING]
        elif action == "hash":
            return self._hash_value(value)
        else:
            return _NOTHING if action == "drop" else value
        return _NOTHING if action == "drop" and not value else value

    def _hash_value(self, value: Any) -> str | None:
        if value is None or value == "" or self.keyed_hash is None:
            return None
        if not isinstance(value, str):
            value = str(value) if isinstance(value, Decimal) else json.dumps(value)
        # JSON can contain half of a surrogate pair, and an error about it would show the value.
        (digest,) = self.keyed_hash.digests([value.encode(errors="surrogatepass")])
        return digest.hex()

    def _hash_column(self, column: Any, name: str) -> Any:
        """The hashes of a column, computed once for each distinct value."""
        if pa.types.is_null(column.type) or self.keyed_hash is None:
            return pa.nulls(len(column), pa.string())
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise TypeError(f"the column {name!r} must be hashed, but was not read as text")
        encoded = column.combine_chunks().dictionary_encode()
        values = encoded.dictionary.cast(pa.large_binary())
        digests = b"".join(self.keyed_hash.digests(values.to_numpy(zero_copy_only=False)))
        ends = np.arange(len(values) + 1, dtype=np.int32) * np.int32(_HEX_DIGITS)
        hashes = pa.StringArray.from_buffers(
            len(values), pa.py_buffer(ends), pa.py_buffer(binascii.hexlify(digests))
        )
        return pc.if_else(pc.equal(values, b""), None, hashes).take(encoded.indices)


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
    ) -> Policies:
        """The policies that a user has set.

        Args:
            privacy: `pseudonymise`; or by table `pseudonymise`, or by column `hash`, `drop` or
                `keep`, to which `preset` adds the table's preset. May be JSON text. None for none.
            secret: The secret of the hashes; required only if a column is hashed.
            tables: The source's own tables.
            personal: The preset. All its tables may be named, so that sources can share a setting.
            variable: The environment variable of the secret, for a message.

        Raises:
            SettingsError: A setting is missing or wrong.
        """
        chosen = _by_table(privacy, personal)
        if chosen and not chosen.keys() & set(tables):
            # Loading would store in clear text what the user believes to be hidden.
            raise _wrong(
                "no table of this source is named",
                f"Name one of {', '.join(tables)}; {{}} for no policy.",
            )
        choices = {
            table: _columns(table, chosen.get(table, {}), personal.get(table, {}))
            for table in tables
        }
        hashes = any("hash" in actions.values() for actions, _ in choices.values())
        keyed = _make_hash(secret, variable) if hashes else None
        return cls(
            {
                table: Policy(table, actions, required, keyed)
                for table, (actions, required) in choices.items()
            }
        )


class _Types(Mapping[str, ColumnType]):
    """Known types under a policy, also of columns that are not listed."""

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
    """The names of a column or path in policies, from its outermost part to the whole of it.

    `user__first_name` has `user` and `user_first_name`: so a name means the same whether a vendor
    nests or flattens, and in every naming convention. dlt's variant of a column belongs to it:
    `phone__v_text` has `phone` too.
    """
    keys: list[str] = []
    for part in name.split("__"):
        try:
            spelled = _spell(part)
        except ValueError:  # dlt refuses a blank name
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
        raise _wrong(f"neither {PRESET!r} nor a dict whose keys are tables")
    chosen: dict[str, Any] = {}
    for name, choice in privacy.items():
        table = _key(name, "a table")
        if table not in personal:
            raise _wrong(
                f"there is no table {name!r}", f"The tables are {', '.join(sorted(personal))}."
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
        raise _wrong(f"the policy of {table!r} is neither {PRESET!r} nor a dict of its columns")
    named: dict[str, Action] = {}
    preset: dict[str, Action] = {}
    for name, action in choice.items():
        if name == BASE and action == PRESET:
            preset = {_key(column, "a column"): done for column, done in personal.items()}
            continue
        column = _key(name, f"a column of {table!r}")
        if action not in _ACTIONS:
            # The value is not shown: it may be anything, even a secret.
            raise _wrong(
                f"the column {column!r} of {table!r} has an unknown action",
                f"Choose {', '.join(_ACTIONS[:-1])} or {_ACTIONS[-1]}.",
            )
        if column in named:
            raise _wrong(f"the column {column!r} of {table!r} is named twice")
        named[column] = action
    return {**preset, **named}, frozenset(named)


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


def _wrong(cause: str, hint: str | None = None) -> SettingsError:
    return SettingsError(cause, where=_SETTING, hint=hint)
