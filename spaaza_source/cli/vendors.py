"""The vendors that the commands can load: their sources, tables and checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dlt.extract import DltSource

from spaaza_source import spaaza, voucherify
from spaaza_source.cli.deep_check.check import VendorTable


@dataclass(frozen=True)
class Vendor:
    """One vendor.

    Attributes:
        name: Its name; also the name of its source, its pipeline and its DuckDB file.
        source: Makes its source.
        tables: Its tables, by name.
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


SPAAZA = Vendor(
    "spaaza",
    spaaza.spaaza_source,
    spaaza.INDEXES,
    spaaza.index_named,
    spaaza.check_access,
    spaaza.filter_text,
    can_repeat=True,
)


def of_chain(chain: int) -> Vendor:
    """Spaaza, for one of several chains."""
    return replace(
        SPAAZA,
        source=spaaza.chain_source(chain),
        check_access=partial(spaaza.check_chain, chain),
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
