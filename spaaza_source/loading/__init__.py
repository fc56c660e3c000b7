"""Makes dlt resources of a vendor's exports: scope, extraction, checkpoint, progress of a load."""

from spaaza_source.loading.context import DOWNLOADS, MARK, downloads_folder
from spaaza_source.loading.files.arrivals import DOWNLOADING, EXPORTING
from spaaza_source.loading.history import (
    find_rows_of_others,
    last_instants,
    read_history,
    resume_tables,
)
from spaaza_source.loading.resources import (
    ResourceFactory,
    SourceExports,
    TableSpec,
    account_of,
    asks_vendor,
    exports_of,
    loads_of,
    make_sync_policy,
    not_requested,
    streamed_tables,
    with_new_export,
)
from spaaza_source.loading.stored_schema import restore_from_destination
from spaaza_source.loading.stream import Stream
from spaaza_source.loading.table_load import TableLoad

__all__ = [
    "DOWNLOADING",
    "DOWNLOADS",
    "EXPORTING",
    "MARK",
    "ResourceFactory",
    "SourceExports",
    "Stream",
    "TableLoad",
    "TableSpec",
    "account_of",
    "asks_vendor",
    "downloads_folder",
    "exports_of",
    "find_rows_of_others",
    "last_instants",
    "loads_of",
    "make_sync_policy",
    "not_requested",
    "read_history",
    "restore_from_destination",
    "resume_tables",
    "streamed_tables",
    "with_new_export",
]
