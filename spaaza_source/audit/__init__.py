"""Accounts for every load: audit tables, manifest, row counts and discrepancies."""

from spaaza_source.audit.discrepancies import record_result, reload_hint, resolves_earlier
from spaaza_source.audit.failed_exports import (
    STOPPED,
    AskedFor,
    as_failed,
    hide_asked_for,
    list_asked_for,
    note_asked_for,
    read_asked_for,
)
from spaaza_source.audit.ledger import LEDGER, Ledger, LoadedExport, present_exports, read_ledger
from spaaza_source.audit.load_scope import (
    EVERY_ROW,
    SCOPE_HINTS,
    SCOPES,
    fill_in_scope,
    keep_all_rows,
    keep_scope,
)
from spaaza_source.audit.manifest import (
    CountScope,
    TableManifest,
    TableVersion,
    manifest_jobs,
    note_repeatable,
    read_manifests,
    record_rows_written,
    repeatable_tables,
    write_manifest,
)
from spaaza_source.audit.reconcile import reconcile_load
from spaaza_source.audit.row_counts import count_rows
from spaaza_source.audit.rows import job_row, rejected_rows
from spaaza_source.audit.table_version import check_versions, is_made_for, read_version
from spaaza_source.audit.tables import (
    AUDIT_TABLES,
    FAILED_EXPORTS,
    KEPT,
    audit_rows,
    audit_schema,
    complete_tables,
    known_columns,
)

__all__ = [
    "AUDIT_TABLES",
    "EVERY_ROW",
    "FAILED_EXPORTS",
    "KEPT",
    "LEDGER",
    "SCOPES",
    "SCOPE_HINTS",
    "STOPPED",
    "AskedFor",
    "CountScope",
    "Ledger",
    "LoadedExport",
    "TableManifest",
    "TableVersion",
    "as_failed",
    "audit_rows",
    "audit_schema",
    "check_versions",
    "complete_tables",
    "count_rows",
    "fill_in_scope",
    "hide_asked_for",
    "is_made_for",
    "job_row",
    "keep_all_rows",
    "keep_scope",
    "known_columns",
    "list_asked_for",
    "manifest_jobs",
    "note_asked_for",
    "note_repeatable",
    "present_exports",
    "read_asked_for",
    "read_ledger",
    "read_manifests",
    "read_version",
    "reconcile_load",
    "record_result",
    "record_rows_written",
    "rejected_rows",
    "reload_hint",
    "repeatable_tables",
    "resolves_earlier",
    "write_manifest",
]
