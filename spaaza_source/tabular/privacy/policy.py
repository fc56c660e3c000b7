"""A privacy policy: drops the personal columns of a table, or replaces them by keyed hashes."""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.errors import SettingsError
from spaaza_source.tabular.column_types import (
    BIGINT,
    BOOL,
    DECIMAL,
    DOUBLE,
    TEXT,
    Column,
    ColumnType,
)
from spaaza_source.tabular.header import make_speller, printable_name
from spaaza_source.tabular.privacy.keyed_hash import KeyedHash
from spaaza_source.tabular.privacy.personal_data import NameRules

Action: TypeAlias = Literal["hash", "drop", "keep"]

_SETTING = "privacy"
NUMBERS = (BIGINT, DECIMAL, DOUBLE)
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
        personal: The vendor's columns that are known to be personal, whether hidden or not.
        kept: The vendor's columns that are known not to be.
        is_guarded: Whether a column that nobody has named must not look personal.
        choices: The whole setting, by table, for the example in a message.
        secret_hash: The hash by the secret, also where nothing is hashed; None without a secret.
    """

    table: str = ""
    actions: Mapping[str, Action] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    keyed_hash: KeyedHash | None = field(default=None, repr=False, compare=False)
    personal: Mapping[str, Action] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    is_guarded: bool = False
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    secret_hash: KeyedHash | None = field(default=None, repr=False, compare=False)

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
        hidden = [name for name, action in self.actions.items() if action != "keep"]
        # To keep a column that nothing hides changes no cell.
        shaping = {
            name: action
            for name, action in self.actions.items()
            if action != "keep" or any(name.startswith(f"{other}_") for other in hidden)
        }
        text = json.dumps(shaping, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def secret_fingerprint(self) -> str:
        """Twelve hex digits, the same for the same secret, which they do not tell; or empty."""
        if self.keyed_hash is None or "hash" not in self.actions.values():
            return ""
        return self.keyed_hash.fingerprint

    def action(self, name: str) -> Action | None:
        """The action for a column, or for a value at a path such as `user__address__city`."""
        return _find(self.actions, name)

    def is_personal(self, name: str) -> bool:
        """Whether a column is hashed, or holds what the vendor's preset hides, in the clear."""
        return self.action(name) == "hash" or _find(self.personal, name) is not None

    def is_unknown(self, name: str) -> bool:
        """Whether neither the policy nor the vendor's documents name a column that is loaded."""
        if not self.is_guarded or self.action(name) is not None:
            return False
        keys = path_keys(name)
        return not keys or keys[-1] not in self.kept

    def check(self, columns: Iterable[tuple[str, Column]]) -> None:
        """Check that no column looks personal that nobody has named.

        Args:
            columns: Each with its name, or its path as `user__address__city`.

        Raises:
            SettingsError: Some do; all of them are named.
        """
        if not self.is_guarded:
            return
        columns = list(columns)
        kind_of = NameRules([column.header for _, column in columns], "name" in self.personal).kind
        found: dict[str, str] = {}
        for name, column in columns:
            if not self.is_unknown(name) or column.type == BOOL:
                continue
            kind = kind_of(column.header)
            of_cells = column.cells if column.type not in NUMBERS else None
            if kind:
                found[name] = f"its name reads like {kind}"
            elif of_cells:
                found[name] = f"its cells look like {of_cells}"
        if found:
            raise self._refusal(found)

    def _refusal(self, found: Mapping[str, str]) -> SettingsError:
        listed = ", ".join(f"{printable_name(name)} ({why})" for name, why in found.items())
        drops = {printable_name(name)[1:-1]: "drop" for name in found}
        example = {**self.choices, self.table: {**self.choices.get(self.table, {}), **drops}}
        return SettingsError(
            f"columns of {self.table!r} look personal, and the policy does not name them: {listed}",
            where=_SETTING,
            hint="List each as hash, drop or keep, for example: privacy ="
            f" {json.dumps(example, ensure_ascii=False)}",
        )

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
                    hint="Remove the type that its hint or column_types gives it; where the table"
                    " has the column in clear text, load into a new dataset.",
                )
        return _Types(self, known, under)

    def require(self, names: Iterable[str]) -> None:
        """Check that a file has every column that the user has named.

        Args:
            names: Column names, or the paths that `apply_to_record` has met.

        Raises:
            SettingsError: A column is missing; a personal one may have a new name.
        """
        missing = self.required.difference(*map(path_keys, names))
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
def path_keys(name: str) -> tuple[str, ...]:
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


def _find(actions: Mapping[str, Action], name: str) -> Action | None:
    """What the longest name says that a column or a path has."""
    action = None
    for key in path_keys(name):
        action = actions.get(key, action)
    return action
