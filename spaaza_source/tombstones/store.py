"""The tables `forgotten` (tombstones) and `erasures` (receipts), and what a load reads of them.

They are no tables of dlt's schema, so that no refresh of the others drops them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.destination import fetch_chunks
from spaaza_source.errors import SettingsError
from spaaza_source.tabular import KeyedHash
from spaaza_source.tombstones.digests import Digester
from spaaza_source.tombstones.forgotten_rows import ForgottenRows, Group
from spaaza_source.tombstones.identifiers import People

FORGOTTEN, RECEIPTS = "forgotten", "erasures"
#: Each table's columns, with dlt's names of their types.
ERASURE_TABLES: Mapping[str, Mapping[str, str]] = {
    FORGOTTEN: {
        "identifier": "text",
        "digest": "text",
        "salt": "text",
        "secret": "text",
        "links": "text",
        "forgotten_at": "timestamp",
    },
    RECEIPTS: {
        "erasure_id": "text",
        "begun_at": "timestamp",
        "finished_at": "timestamp",
        "table_name": "text",
        "people": "text",
        "removed": "text",
        "emptied": "text",
        "rejected": "bigint",
        "files": "bigint",
        "packages": "bigint",
        "left_to_you": "text",
    },
}


@dataclass(frozen=True)
class Tombstone:
    """A value by which rows are a forgotten person's.

    Attributes:
        identifier: The name of what it is.
        digest: Its digest.
        salt: What that was made with.
        secret: The fingerprint of the `privacy_secret` that it was made with; empty without one.
        links: Columns that were added to those of the identifier, or left out, as JSON.
    """

    identifier: str
    digest: str
    salt: str
    secret: str
    links: str


@dataclass(frozen=True)
class Tombstones:
    """All tombstones of a dataset."""

    all: frozenset[Tombstone] = field(default_factory=frozenset)

    @cached_property
    def salt(self) -> str | None:
        """The salt that they were made with; None without any."""
        return min((each.salt for each in self.all), default=None)

    def of_table(
        self,
        table: str,
        people: People,
        secret_hash: KeyedHash | None,
        named: str | None = None,
    ) -> ForgottenRows | None:
        """What tells the rows of forgotten people in a table's files; None where there are none.

        Args:
            table: The table, as the vendor's package names it.
            people: What that knows of people.
            secret_hash: The hash by the secret that is set.
            named: Its name in the dataset, where a user has given it another one.

        Raises:
            SettingsError: Some were made with another secret, so their people cannot be told.
        """
        if not self.all:
            return None
        return ForgottenRows(table, people, list(self._groups(secret_hash)), named)

    def _groups(self, secret_hash: KeyedHash | None) -> Iterable[Group]:
        known = "" if secret_hash is None else secret_hash.fingerprint
        if any(each.secret not in ("", known) for each in self.all):
            raise SettingsError(
                "people were forgotten while another privacy_secret was set, and cannot be told"
                " without it",
                where="privacy_secret",
                hint="Set privacy_secret back to what it was then. Or delete the rows of the table"
                " forgotten, and forget these people again.",
            )
        for salt, secret, links in sorted(
            {(each.salt, each.secret, each.links) for each in self.all}
        ):
            digests: dict[str, set[str]] = {}
            for each in self.all:
                if (each.salt, each.secret, each.links) == (salt, secret, links):
                    digests.setdefault(each.identifier, set()).add(each.digest)
            changed = json.loads(links or "{}")
            yield Group(
                Digester(salt, secret_hash if secret else None),
                {name: frozenset(found) for name, found in digests.items()},
                changed.get("with", {}),
                frozenset(changed.get("without", ())),
            )


def read_tombstones(client: Any) -> Tombstones:
    """The tombstones of a destination; none without their table.

    Args:
        client: As `open_client` returns it.
    """
    name = client.make_qualified_table_name(FORGOTTEN)
    columns = ("identifier", "digest", "salt", "secret", "links")
    query = f"SELECT {', '.join(columns)} FROM {name}"  # noqa: S608 - our own name
    try:
        chunks = list(fetch_chunks(client, query))
    except DatabaseUndefinedRelation:
        return Tombstones()
    rows = [
        row for chunk in chunks for row in zip(*(c.to_pylist() for c in chunk.columns), strict=True)
    ]
    return Tombstones(frozenset(Tombstone(*(str(cell or "") for cell in row)) for row in rows))
