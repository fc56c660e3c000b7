"""The vendors as the commands know them: what can be loaded of each, and by which source.

What a vendor's tables are is known by its own package; what a command does with them is `cli`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dlt.extract import DltSource

from spaaza_source.spaaza import INDEXES, index_named, spaaza_source
from spaaza_source.spaaza import connection_check as spaaza_access
from spaaza_source.spaaza.segments import filter_text as segment_text
from spaaza_source.voucherify import connection_check as voucherify_access
from spaaza_source.voucherify import voucherify_source
from spaaza_source.voucherify.filters import filter_text
from spaaza_source.voucherify.objects import OBJECTS, object_named


class VendorTable(Protocol):
    """What a vendor's package knows of a table."""

    @property
    def table(self) -> str:
        """Its name."""

    @property
    def time_field(self) -> str | None:
        """The column that tells of which time a row is; None where none is known."""

    @property
    def is_final(self) -> bool:
        """Whether a row stays as it is once its time has passed, but for what comes late."""

    @property
    def passing(self) -> Collection[str]:
        """Columns whose cells change by themselves as time passes."""


@dataclass(frozen=True)
class Vendor:
    """One vendor.

    Attributes:
        name: Its name; of its source, its pipeline and its DuckDB file too.
        source: Makes its source.
        tables: What is known of its tables, by name.
        named: The table of a name as a user writes it.
        check_access: Tells whether the settings reach it, one line at a time.
        filter_text: A request's filter in short, without values.
        can_repeat: Whether it makes an export again by itself.
        choice: The argument of the source that chooses tables; None where it has none.
    """

    name: str
    source: Callable[..., DltSource]
    tables: Mapping[str, VendorTable]
    named: Callable[[str], VendorTable]
    check_access: Callable[[], Iterator[str]]
    filter_text: Callable[[Mapping[str, Any]], str]
    can_repeat: bool
    choice: str | None = None

    @property
    def dataset(self) -> str:
        """The schema that holds the tables; never the name of a database: DuckDB would mix them."""
        return f"{self.name}_data"

    @property
    def db(self) -> Path:
        """The DuckDB file, unless another destination is named."""
        return Path(f"{self.name}.duckdb")


SPAAZA = Vendor(
    "spaaza",
    spaaza_source,
    INDEXES,
    index_named,
    spaaza_access.check_access,
    segment_text,
    can_repeat=True,
)
VOUCHERIFY = Vendor(
    "voucherify",
    voucherify_source,
    OBJECTS,
    object_named,
    voucherify_access.check_access,
    filter_text,
    can_repeat=False,
    choice="objects",
)

VENDORS = {vendor.name: vendor for vendor in (SPAAZA, VOUCHERIFY)}
