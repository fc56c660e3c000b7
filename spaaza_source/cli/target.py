"""What a command loads and where to: vendor, tables, dates, pipeline and destination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination import Destination, TDestinationReferenceArg
from dlt.extract import DltSource

from spaaza_source.cli.vendors import SPAAZA, VENDORS, Vendor, of_chain
from spaaza_source.destination import DELTA, is_files
from spaaza_source.errors import SettingsError
from spaaza_source.loading import account_of
from spaaza_source.settings import require_dataset
from spaaza_source.spaaza import read_chains
from spaaza_source.warehouse import NO_FILES, configured_file, duckdb_file

_EXAMPLE = "Name one table and its files: spaaza load users --file users.csv."


@dataclass(frozen=True)
class Target:
    """What a load is of, and where it goes.

    Attributes:
        vendor: Whose tables.
        tables: Names of the tables to load: those the user named, or all.
        are_named: Whether the user named them; if not, the vendor's settings may leave some out.
        pipeline: The name of the pipeline; None for one for each destination and account.
        destination: dlt's name of the destination, or a DuckDB file's.
        db: The DuckDB file; None for another destination.
        dataset: The schema.
        dates: `start_date` and `end_date`.
        chain: The chain, where several are loaded.
        files: `files` and `dialect`, where the user's own files are loaded.
        task: The settings that adopt a task that somebody else made, for the one table of it.
    """

    vendor: Vendor
    tables: Sequence[str]
    are_named: bool
    pipeline: str | None
    destination: TDestinationReferenceArg
    db: Path | None
    dataset: str
    dates: Mapping[str, str | None]
    chain: int | None = None
    files: Mapping[str, Any] = field(default_factory=dict)
    task: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def each(cls, *, vendor: str, chains: Sequence[int] = (), **options: Any) -> list[Target]:
        """The targets that a command's options describe: one, or one for each of several chains.

        A chain has a pipeline and a dataset of its own.

        Raises:
            SettingsError: As `of`; or a vendor that has no chains is to load some.
            UnavailableError: Another process has the DuckDB file open.
        """
        target = cls.of(vendor=vendor, **options)
        return [
            target
            if chain is None
            else replace(
                target,
                vendor=chosen,
                pipeline=target.pipeline and f"{target.pipeline}_{chain}",
                dataset=f"{target.dataset}_{chain}",
                chain=chain,
            )
            for chain, chosen in each_vendor(vendor, chains)
        ]

    @classmethod
    def of(
        cls,
        *,
        vendor: str,
        tables: Sequence[str] = (),
        db: Path | None = None,
        destination: str | None = None,
        dataset: str | None = None,
        pipeline: str | None = None,
        start_date: str | None = None,
        end_date: str | None = None,
    ) -> Target:
        """The target that a command's options describe.

        Raises:
            SettingsError: There is no such table, or options contradict each other.
            UnavailableError: Another process has the DuckDB file open.
        """
        chosen = VENDORS[vendor]
        names = [chosen.find_table(name).table for name in tables] or chosen.tables
        into_duckdb = destination in (None, "duckdb")
        if db is not None and not into_duckdb:
            raise SettingsError("--db names a DuckDB file, but --destination another kind")
        if into_duckdb and db is None:
            db = configured_file() or Path(f"{chosen.name}.duckdb")
            if str(db) in NO_FILES:
                raise SettingsError(
                    "a database in memory, or in dlt's own folder, is found by no other command",
                    where="destination.duckdb.credentials",
                    hint="Name a file there, or with --db.",
                )
        return cls(
            vendor=chosen,
            tables=list(dict.fromkeys(names)),
            are_named=bool(tables),
            pipeline=pipeline,
            destination=duckdb_file(db) if into_duckdb else destination,
            db=db,
            # Never the name of a database: DuckDB would mix them up.
            dataset=_dataset(dataset, db) or f"{chosen.name}_data",
            dates={"start_date": start_date, "end_date": end_date},
        )

    def with_files(self, files: Sequence[Path], dialect: Sequence[str]) -> Target:
        """The same, to be loaded from files of the user's own.

        Raises:
            SettingsError: A dialect is declared for no file; or not one table is named.
        """
        if not files:
            raise SettingsError(
                "a dialect is declared, but no file is given", where="--dialect", hint=_EXAMPLE
            )
        if not self.are_named or len(self.tables) != 1:
            raise SettingsError("a file has the rows of one table", where="--file", hint=_EXAMPLE)
        paths = {self.tables[0]: [str(path) for path in files]}
        return replace(self, files={"files": paths, "dialect": list(dialect) or None})

    @property
    def exists(self) -> bool:
        """Whether there is anything to read; reading must not create a file."""
        return self.db is None or self.db.exists()

    @cached_property
    def account(self) -> str:
        """The account whose exports are loaded, as `export_jobs` has it."""
        return account_of(self.source())

    def source(self, **settings: Any) -> DltSource:
        """The source of the tables; the command's options override dlt's configuration.

        Args:
            settings: Further arguments of the vendor's source.
        """
        streamed, asked = self.streamed, [name for name in self.tables if name not in self.streamed]
        source = self._streamed_source(**settings) if streamed else None
        if asked:
            others = self._source(asked, **settings)
            if source is not None:
                # Of one name and section: they share the schema, the settings and the load.
                others.resources.add(*source.resources.values())
            source = others
        if source is None:
            raise SettingsError("no table is named")
        if isinstance(self.destination, str) and is_files(
            Destination.from_reference(self.destination)
        ):
            # Plain files could not be merged.
            for resource in source.selected_resources.values():
                resource.apply_hints(table_format=DELTA)
        return source

    @property
    def streamed(self) -> list[str]:
        """Those of the tables that the vendor streams, without jobs."""
        return [name for name in self.tables if name in self.vendor.streamed]

    def _source(self, tables: Sequence[str], **settings: Any) -> DltSource:
        options: dict[str, Any] = {name: date for name, date in self.dates.items() if date}
        options |= {**self.files, **self.task}
        if self.are_named and self.vendor.tables_setting:
            options[self.vendor.tables_setting] = list(tables)
        source = self.vendor.source(**options, **settings)
        return source.with_resources(*(name for name in tables if name in source.resources))

    def _streamed_source(self, **settings: Any) -> DltSource | None:
        """The source of what is streamed: always whole, so that most settings have no meaning."""
        if self.vendor.streamed_source is None:
            return None
        known = signature(self.vendor.streamed_source).parameters
        shared = {name: value for name, value in settings.items() if name in known}
        return self.vendor.streamed_source(**self.files, **shared)

    def sources_to_compare(self) -> list[DltSource]:
        """Sources to compare the tables with; the dates narrow only tables whose rows are final."""
        final = [table for table in self.tables if self.vendor.known(table).is_final]
        others = [table for table in self.tables if table not in final]
        settings = {"allow_external_schedulers": False}
        parts = [replace(self, tables=final), replace(self, tables=others, dates={})]
        sources = [part.source(**settings) for part in parts if part.tables]
        return [source for source in sources if source.selected_resources]


def _dataset(name: str | None, db: Path | None) -> str | None:
    if name is None:
        return None
    if db is not None and name.lower() == db.stem.lower():
        raise SettingsError(
            f"{name!r} is the name of the DuckDB file too, and DuckDB would mix them up",
            where="--dataset",
            hint=f"Choose another, such as {name}_data.",
        )
    return require_dataset("--dataset", name)


def each_vendor(vendor: str, chains: Sequence[int] = ()) -> list[tuple[int | None, Vendor]]:
    """The vendor of a command; of several chains each with its own, by option or configuration.

    Raises:
        SettingsError: A vendor that has no chains is to load some.
    """
    if vendor == SPAAZA.name:
        several = chains or read_chains(dlt.config.get("sources.spaaza.chain_id")) or ()
        if several:
            return [(chain, of_chain(chain)) for chain in dict.fromkeys(several)]
    elif chains:
        raise SettingsError(
            f"{vendor} has no chains",
            where="--chain",
            hint="Leave it out; another project is another --dataset with other credentials.",
        )
    return [(None, VENDORS[vendor])]
