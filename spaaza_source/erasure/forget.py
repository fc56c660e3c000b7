"""Forgets people: plans what would be removed, then removes it, so that it can be run again.

In one transaction, tombstones are written and the rows go. Only then files, packages and the bytes
of the DuckDB file follow: they are found by the tombstones, so a run that was killed goes on.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from spaaza_source.destination import (
    check_connection,
    fetch_chunks,
    hold_load_lock,
    open_client,
)
from spaaza_source.erasure.archives import erase_from_archives
from spaaza_source.erasure.compact import rewrite_file
from spaaza_source.erasure.dataset import WITH_FILTERS, Condition, Dataset
from spaaza_source.erasure.links import (
    Link,
    Values,
    find_links,
    find_values,
    rows_found,
)
from spaaza_source.erasure.packages import remove_packages
from spaaza_source.erasure.records import (
    add_tombstones,
    begin_receipt,
    create_tables,
    finish_receipt,
)
from spaaza_source.erasure.wanted import ErasurePlan, Receipt, Wanted
from spaaza_source.errors import SettingsError
from spaaza_source.exports import ExportRequest
from spaaza_source.loading import TableLoad
from spaaza_source.tombstones import (
    Digester,
    ForgottenRows,
    Tombstone,
    Tombstones,
    read_tombstones,
)
from spaaza_source.warehouse import NO_FILES

#: What a destination may keep of deleted rows, by dlt's name of it.
_LEFT = {
    "dlt.destinations.postgres": "PostgreSQL keeps deleted rows in its files until VACUUM FULL of"
    " these tables, and in its write-ahead log and archives",
    "dlt.destinations.ducklake": "the lake keeps deleted rows in earlier snapshots: expire these,"
    " and clean up their files",
}
_LEFT_ELSEWHERE = "the destination's own history of the tables (time travel, snapshots)"
_LEFT_ALWAYS = (
    "copies and backups, and the folders of pipelines on other machines or by other names"
)


class Erasure:
    """Forgets people in one dataset, while the run lock of the pipeline is held.

    Args:
        pipeline: That of the loads; it knows the schema.
        loads: How the vendor's tables are loaded, by name.
        wanted: Whom to forget.
    """

    def __init__(self, pipeline: Any, loads: Mapping[str, TableLoad], wanted: Wanted) -> None:
        self._pipeline = pipeline
        self._loads = loads
        self._wanted = wanted
        any_load = next(iter(loads.values()))
        self._people = any_load.people
        self._secret_hash = any_load.privacy.secret_hash

    def plan(self) -> ErasurePlan:
        """What would be removed; nothing is.

        Raises:
            SettingsError: A link is not there, or nothing has been loaded.
        """
        with self._open() as client:
            known = read_tombstones(client)
            dataset, digester = self._dataset(client), self._digester(known)
            links, values = self._find(dataset, digester)
            counted = [
                replace(link, rows=sum(dataset.count(link.table, where) for where in wheres))
                for link, wheres in self._conditions(dataset, links, values)
            ]
            tombstones = self._tombstones(digester, values)
            bad = list(self._rejected(client, dataset, Tombstones(tombstones)))
            keys = self._count_keys(dataset, links)
        tables = {link.table for link in counted if link.rows and link.effect == "row"}
        nested = [child for table in tables for child in _descendants(dataset, table)]
        return ErasurePlan(counted, keys, values.shared, len(bad), sorted(set(nested) - tables))

    def carry_out(self) -> Receipt:
        """Remove it; what was removed before is not missed."""
        erasure_id, begun_at = uuid4().hex, datetime.now(UTC)
        removed: dict[str, int] = {}
        emptied: dict[str, int] = {}
        with hold_load_lock(self._pipeline), self._open() as client:
            known = read_tombstones(client)
            dataset, digester = self._dataset(client), self._digester(known)
            with client.begin_transaction():
                create_tables(self._pipeline, client)
                links, values = self._find(dataset, digester)
                tombstones = self._tombstones(digester, values)
                add_tombstones(client, tombstones - known.all)
                known = Tombstones(known.all | tombstones)
                bad = list(self._rejected(client, dataset, Tombstones(tombstones)))
                _delete_rows(client, "rejected_rows", bad)
                self._remove_rows(dataset, links, values, removed, emptied)
                self._hide_selections(client, dataset, known)
                dataset.empty_staging()
                begin_receipt(
                    client,
                    {
                        "erasure_id": erasure_id,
                        "begun_at": begun_at,
                        "table_name": self._wanted.table,
                        "people": sorted(digester.digests(self._wanted.keys)),
                        "removed": removed,
                        "emptied": emptied,
                        "rejected": len(bad),
                    },
                )
        files, failed = self._erase_files(known)
        packages = remove_packages(self._pipeline, partial(_is_named, self._any_rows(known)))
        left = [*self._left()]
        if (reason := self._rewrite_database()) is not None:
            failed.append(reason)
        done = {
            "finished_at": None if failed else datetime.now(UTC),
            "files": files,
            "packages": packages,
            "left_to_you": [*left, *failed],
        }
        with self._open() as client:
            finish_receipt(client, erasure_id, done)
        return Receipt(removed, emptied, len(bad), files, packages, left, failed)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        with open_client(self._pipeline) as client:
            if not client.has_dataset():
                raise SettingsError(
                    "nothing has been loaded there yet",
                    where=f"dataset {self._pipeline.dataset_name!r}",
                    hint="Name the dataset with --db, --destination and --dataset as for spaaza"
                    " load.",
                )
            yield client

    def _dataset(self, client: Any) -> Dataset:
        schemas = [self._pipeline.schemas[name] for name in self._pipeline.schema_names]
        return Dataset(client, schemas)

    def _digester(self, known: Tombstones) -> Digester:
        """Makes digests with the salt that the dataset has, or with a new one."""
        self._salt = known.salt or secrets.token_hex(16)
        return Digester(self._salt, self._secret_hash)

    def _find(self, dataset: Dataset, digester: Digester) -> tuple[list[Link], Values]:
        links = find_links(dataset, self._people, self._wanted.choice)
        return links, find_values(dataset, self._people, links, self._wanted.keys, digester)

    def _conditions(
        self, dataset: Dataset, links: Sequence[Link], values: Values
    ) -> Iterator[tuple[Link, list[Condition]]]:
        """The rows that each link finds; those of the table of people last: they tell the rest."""
        people = self._people.tables

        def is_last(link: Link) -> tuple[bool, bool]:
            return dataset.vendors_name(link.table) in people, link.effect == "row"

        for link in sorted(links, key=is_last):
            texts = values.texts.get(link.identifier, ())
            yield link, rows_found(dataset, self._people, link, texts)

    def _count_keys(self, dataset: Dataset, links: Sequence[Link]) -> int:
        """How many of the keys a row of the named table has."""
        of_key = (self._wanted.table, self._people.identifiers[0].name)
        found: set[str] = set()
        for link in links:
            is_of_key = (dataset.vendors_name(link.table), link.identifier) == of_key
            if is_of_key and link.effect == "row":
                for where in dataset.holding(link.table, link.column, self._sought()):
                    found.update(dataset.texts(link.table, [link.column], where))
        return len(found)

    def _sought(self) -> set[str]:
        digester = Digester("", self._secret_hash)
        hashed = {digester.pseudonym(key) for key in self._wanted.keys}
        return {*self._wanted.keys, *filter(None, hashed)}

    def _tombstones(self, digester: Digester, values: Values) -> frozenset[Tombstone]:
        secret = "" if self._secret_hash is None else self._secret_hash.fingerprint
        choice = self._wanted.choice
        changed = {"with": dict(choice.added), "without": sorted(choice.left_out)}
        links = json.dumps(changed, sort_keys=True) if any(changed.values()) else ""
        pseudonyms = {digester.pseudonym(key) for key in self._wanted.keys}
        found = set()
        for name, texts in values.texts.items():
            for text in texts - pseudonyms:
                # What a table has hashed is the pseudonym that the digest is made of.
                digests = [*digester.digests([text])]
                if secret and _is_hash(text):
                    digests.append(digester.of_pseudonym(text))
                found |= {Tombstone(name, digest, self._salt, secret, links) for digest in digests}
        return frozenset(found)

    def _remove_rows(
        self,
        dataset: Dataset,
        links: Sequence[Link],
        values: Values,
        removed: dict[str, int],
        emptied: dict[str, int],
    ) -> None:
        for link, wheres in self._conditions(dataset, links, values):
            for where in wheres:
                if link.effect == "row":
                    dataset.delete(link.table, where, removed)
                elif cells := dataset.empty(link.table, link.column, where):
                    name = f"{link.table}.{link.column}"
                    emptied[name] = emptied.get(name, 0) + cells

    def _rejected(self, client: Any, dataset: Dataset, tombstones: Tombstones) -> Iterator[str]:
        """The rows of `rejected_rows` that go, by dlt's ids."""
        if "rejected_rows" not in dataset.audit:
            return
        rows = self._any_rows(tombstones)
        name = client.make_qualified_table_name("rejected_rows")
        sql = f"SELECT _dlt_id, raw FROM {name} WHERE raw IS NOT NULL"  # noqa: S608 - our own name
        for chunk in fetch_chunks(client, sql):
            for row, raw in zip(*(column.to_pylist() for column in chunk.columns), strict=True):
                if self._wanted.all_rejected or (rows and rows.is_in_raw(bytes(raw))):
                    yield str(row)

    def _hide_selections(self, client: Any, dataset: Dataset, tombstones: Tombstones) -> None:
        """Empty the filters of exports that name one of the people."""
        rows = self._any_rows(tombstones)
        for table in WITH_FILTERS:
            if table not in dataset.audit:
                continue
            name = client.make_qualified_table_name(table)
            sql = f"SELECT DISTINCT selection FROM {name} WHERE selection IS NOT NULL"  # noqa: S608
            texts = [text for chunk in fetch_chunks(client, sql) for text in chunk[0].to_pylist()]
            for text in texts:
                if _is_named(rows, text):
                    # The rows of failed exports have no id of dlt's.
                    client.execute_sql(
                        f"UPDATE {name} SET selection = NULL WHERE selection = %s",  # noqa: S608
                        text,
                    )

    def _any_rows(self, tombstones: Tombstones) -> ForgottenRows | None:
        """What tells the people by an identifier of any kind."""
        return tombstones.of_table("", self._people, self._secret_hash)

    def _erase_files(self, tombstones: Tombstones) -> tuple[int, list[str]]:
        # Of a table by another name, as the archive has it then, the vendor's word is the same.
        by_subject = {
            load.sync.make_request(None).subject: name for name, load in self._loads.items()
        }

        def vendors_name(request: ExportRequest) -> str:
            is_known = request.table in self._loads
            return request.table if is_known else by_subject.get(request.subject, request.table)

        def name_header(request: ExportRequest, header: Sequence[str]) -> Sequence[str]:
            load = self._loads.get(vendors_name(request))
            return header if load is None else load.read_settings.name_header(request, header)

        def forgotten(request: ExportRequest) -> ForgottenRows | None:
            table = vendors_name(request)
            return tombstones.of_table(table, self._people, self._secret_hash, request.table)

        rewritten, failed = 0, []
        for folder in self._wanted.kept_files:
            files, left = erase_from_archives(folder, forgotten, name_header)
            rewritten += files
            failed += left
        return rewritten, failed

    def _rewrite_database(self) -> str | None:
        """Rewrite a DuckDB file; returns why that could not be done."""
        if self._pipeline.destination.destination_type != "dlt.destinations.duckdb":
            return None
        database = str(check_connection(self._pipeline).credentials.database)
        return None if database in NO_FILES else rewrite_file(Path(database))

    def _left(self) -> Iterator[str]:
        kind = str(self._pipeline.destination.destination_type)
        if kind != "dlt.destinations.duckdb":
            yield _LEFT.get(kind, _LEFT_ELSEWHERE)
        yield _LEFT_ALWAYS


def _descendants(dataset: Dataset, table: str) -> Iterator[str]:
    for child in dataset.children(table):
        yield child
        yield from _descendants(dataset, child)


def _delete_rows(client: Any, table: str, rows: Collection[str]) -> None:
    """Delete rows by dlt's ids."""
    name = client.make_qualified_table_name(table)
    for row in rows:
        client.execute_sql(f"DELETE FROM {name} WHERE _dlt_id = %s", row)  # noqa: S608 - our name


def _is_named(rows: ForgottenRows | None, selection: str) -> bool:
    """Whether a filter, as JSON, names one of the people."""
    try:
        value = json.loads(selection)
    except ValueError:
        value = selection
    return rows is not None and rows.is_in(value)


def _is_hash(text: str) -> bool:
    """Whether a text may be a pseudonym of `privacy`."""
    return len(text) == 64 and not set(text) - set("0123456789abcdef")  # noqa: PLR2004
