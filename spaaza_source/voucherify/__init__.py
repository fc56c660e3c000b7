"""Voucherify: its `/exports` as a dlt source.

`filters` and `objects` are modules of their own for users: the first builds the setting `filters`,
the second has the fields of each table.
"""

from spaaza_source.voucherify.connection_check import check_access
from spaaza_source.voucherify.documented_types import DOCUMENTED
from spaaza_source.voucherify.export_body import ExportOfBody
from spaaza_source.voucherify.filters import filter_text
from spaaza_source.voucherify.objects import OBJECTS, object_named
from spaaza_source.voucherify.source import voucherify_source

__all__ = [
    "DOCUMENTED",
    "OBJECTS",
    "ExportOfBody",
    "check_access",
    "filter_text",
    "object_named",
    "voucherify_source",
]
