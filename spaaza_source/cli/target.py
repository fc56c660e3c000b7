"""What a command's load is of, and where it goes: its vendor, tables, dates and destination.

The commands themselves are `cli`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import dlt
from dlt.common.destination import Destination, TDestinationReferenceArg
from dlt.extract import DltSource

from spaaza_source.cli.vendors import SPAAZA, VENDORS, Vendor
from spaaza_source.destination import DELTA, is_files
from spaaza_source.errors import SettingsError
from spaaza_source.warehouse import duckdb_file

DB = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class Target:
    """What a load is of, and where it goes.

    Attributes:
        vendor: Whose tables.
        tables: Their names: those that were named, or all.
        named: Whether they were named; else the vendor's settings may leave some out.
        destination: dlt's name of the destination, or a DuckDB file's.
        db: The DuckDB file, if it is one that dlt's configuration does not name.
        dataset: The schema.
        dates: `start_date` and `end_date`.
    """

    vendor: Vendor
    tables: Sequence[str]
    named: bool
    destination: TDestinationReferenceArg
    db: Path | None
    dataset: str
    dates: Mapping[str, str | None]

    @classmethod
    def of(
        cls,
        *,
        vendor: str,
        tables: Sequence[str],
        db: Path | None,
        destination: str | None,
        dataset: str | None,
        start_date: str | None,
        end_date: str | None,
    ) -> Target:
        """From what a command is given."""
        chosen = VENDORS[vendor]
        named = [chosen.named(name).table for name in tables] or chosen.tables
        into_duckdb = destination in (None, "duckdb")
        if db is not None and not into_duckdb:
            raise SettingsError("--db names a DuckDB file, but --destination another kind")
        if into_duckdb and db is None and _configured() is None:
            db = chosen.db
        return cls(
            vendor=chosen,
            tables=list(dict.fromkeys(named)),
            named=bool(tables),
            destination=duckdb_file(db) if into_duckdb else destination,
            db=db,
            dataset=dataset or chosen.dataset,
            dates={"start_date": start_date, "end_date": end_date},
        )

    @property
    def exists(self) -> bool:
        """Whether there is anything to look into; looking must not create a file."""
        return self.db is None or self.db.exists()

    def comparable(self) -> list[DltSource]:
        """Sources to compare the tables with: the dates narrow those that go by time, no others."""
        final = [table for table in self.tables if self.vendor.tables[table].is_final]
        others = [table for table in self.tables if table not in final]
        given = {"allow_external_schedulers": False}
        sources = [
            replace(self, tables=final).source(**given),
            replace(self, tables=others, dates={}).source(**given),
        ]
        return [source for source in sources if source.selected_resources]

    def source(self, **more: Any) -> DltSource:
        """The source, with what the command was given over what dlt's configuration says.

        Args:
            more: Further arguments of the vendor's source.
        """
        given: dict[str, Any] = {name: date for name, date in self.dates.items() if date}
        if self.named and self.vendor.choice:
            given[self.vendor.choice] = list(self.tables)
        source = self.vendor.source(**given, **more)
        source = source.with_resources(*(name for name in self.tables if name in source.resources))
        if isinstance(self.destination, str) and is_files(
            Destination.from_reference(self.destination)
        ):
            # Plain files could not be merged.
            for resource in source.selected_resources.values():
                resource.apply_hints(table_format=DELTA)
        return source


def _configured() -> Any:
    """The DuckDB file that dlt's configuration names."""
    return dlt.secrets.get("destination.duckdb.credentials")


vendor_option = click.option(
    "--vendor",
    type=click.Choice(list(VENDORS)),
    default=SPAAZA.name,
    show_default=True,
    help="Whose exports.",
)


def load_options(command: Callable[..., None]) -> Callable[..., None]:
    """What a command must know to plan or do a load: which tables, whither, of which time."""
    for decorate in (
        click.option("--end-date", help="Where the range ends, itself left out; needs a start."),
        click.option("--start-date", help="Where history begins: 2026-05-26 or …T12:00:00Z."),
        click.option(
            "--dataset",
            help="Schema that holds the tables.  [default: VENDOR_data]",
        ),
        click.option("--destination", help="Another dlt destination; dlt's config sets it up."),
        click.option(
            "--db",
            type=DB,
            help="DuckDB file to load into.  [default: VENDOR.duckdb]",
        ),
        vendor_option,
        click.argument("tables", nargs=-1, metavar="[TABLE]..."),
    ):
        command = decorate(command)
    return command
