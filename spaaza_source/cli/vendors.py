"""The vendors that the commands can load: their sources, tables and checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from dlt.extract import DltSource

from spaaza_source import spaaza, voucherify
from spaaza_source.cli.deep_check.check import VendorTable
from spaaza_source.spaaza import ForeignTask, TaskSettings


@dataclass(frozen=True)
class Vendor:
    """One vendor.

    Attributes:
        name: Its name; also the name of its source, its pipeline and its DuckDB file.
        source: Makes its source.
        tables: Its tables, by name: those that a load without names is of.
        streamed: Those that it streams in an answer, without a job, by name.
        streamed_source: Makes the source of these.
        check_streamed: Checks whether the settings reach them.
        list_recurring: Lists the recurring jobs that somebody else made; None where there are none.
        read_task: Reads the table of such a job, and the settings that adopt it.
        find_table: Finds a table by the name that a user gives.
        check_access: Checks whether the settings reach it; yields one line for each thing that
            works.
        filter_text: Describes a request's filter in short, without values.
        can_repeat: Whether the vendor can repeat an export on a schedule.
        tables_setting: The source's argument that chooses tables; None where there is none.
    """

    name: str
    source: Callable[..., DltSource]
    tables: Mapping[str, VendorTable]
    find_table: Callable[[str], VendorTable]
    check_access: Callable[[], Iterator[str]]
    filter_text: Callable[[Mapping[str, Any]], str]
    can_repeat: bool
    tables_setting: str | None = None
    streamed: Mapping[str, VendorTable] = field(default_factory=dict)
    streamed_source: Callable[..., DltSource] | None = None
    check_streamed: Callable[[], Iterator[str]] | None = None
    list_recurring: Callable[[], Iterator[ForeignTask]] | None = None
    read_task: Callable[..., TaskSettings] | None = None

    def known(self, table: str) -> VendorTable:
        """What is known of a table."""
        return self.streamed.get(table) or self.tables[table]


SPAAZA = Vendor(
    "spaaza",
    spaaza.spaaza_source,
    spaaza.INDEXES,
    spaaza.find_table,
    spaaza.check_access,
    spaaza.filter_text,
    can_repeat=True,
    streamed={spaaza.BULK_USERS.table: spaaza.BULK_USERS},
    streamed_source=spaaza.spaaza_bulk_users,
    check_streamed=spaaza.check_bulk_users,
    list_recurring=spaaza.list_recurring,
    read_task=spaaza.read_task,
)


def of_chain(chain: int) -> Vendor:
    """Spaaza, for one of several chains."""
    return replace(
        SPAAZA,
        source=spaaza.chain_source(chain),
        check_access=partial(spaaza.check_chain, chain),
        streamed_source=spaaza.chain_source(chain, spaaza.spaaza_bulk_users),
        check_streamed=partial(spaaza.check_chain, chain, spaaza.check_bulk_users),
        list_recurring=partial(spaaza.check_chain, chain, spaaza.list_recurring),
        read_task=partial(spaaza.check_chain, chain, spaaza.read_task),
    )


VOUCHERIFY = Vendor(
    "voucherify",
    voucherify.voucherify_source,
    voucherify.OBJECTS,
    voucherify.object_named,
    voucherify.check_access,
    voucherify.filter_text,
    can_repeat=False,
    tables_setting="objects",
)

VENDORS = {vendor.name: vendor for vendor in (SPAAZA, VOUCHERIFY)}
