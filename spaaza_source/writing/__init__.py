"""Decides how rows replace what a table has: key, delete guard and write disposition."""

from spaaza_source.writing.delete_guard import DeleteGuard
from spaaza_source.writing.hinted_columns import check_hinted_columns
from spaaza_source.writing.keys import Key, KeyCandidates, KeyViolation, cell_at
from spaaza_source.writing.row_version import unversioned_columns
from spaaza_source.writing.schema_hints import (
    FORMAT,
    HEADER,
    KEY,
    RECREATED,
    ROWLESS,
    UNDECIDED,
    check_format,
    contract_modes,
    empties_first,
    has_rows,
    proven_key,
    schema_has_rows,
    table_memory,
)
from spaaza_source.writing.soft_deletes import (
    SOFT,
    SoftDeletes,
    begin_write,
    check_soft_deletes,
    read_deletes,
)
from spaaza_source.writing.stored_rows.kept_rows import (
    EarlierVersions,
    has_own_steps,
    past_own_steps,
)
from spaaza_source.writing.table_write import TableWrite
from spaaza_source.writing.write_disposition import LOAD_ID, REPLACE, REPLACE_WINDOW, Disposition
from spaaza_source.writing.write_settings import WriteSettings

__all__ = [
    "FORMAT",
    "HEADER",
    "KEY",
    "LOAD_ID",
    "RECREATED",
    "REPLACE",
    "REPLACE_WINDOW",
    "ROWLESS",
    "SOFT",
    "UNDECIDED",
    "DeleteGuard",
    "Disposition",
    "EarlierVersions",
    "Key",
    "KeyCandidates",
    "KeyViolation",
    "SoftDeletes",
    "TableWrite",
    "WriteSettings",
    "begin_write",
    "cell_at",
    "check_format",
    "check_hinted_columns",
    "check_soft_deletes",
    "contract_modes",
    "empties_first",
    "has_own_steps",
    "has_rows",
    "past_own_steps",
    "proven_key",
    "read_deletes",
    "schema_has_rows",
    "table_memory",
    "unversioned_columns",
]
