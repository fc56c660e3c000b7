"""Asks a vendor for exports, adopts the jobs that are there, and downloads the files."""

from spaaza_source.exports.at_hand import (
    GivenFiles,
    GivenTable,
    archive_files,
    archived_exports,
    archived_loads,
    archived_tables,
    remove_archived,
    require_one_load,
    rewrite_files,
    tables_of_archives,
    take_files,
    verify_checksums,
)
from spaaza_source.exports.downloads.fetch import fetch_again
from spaaza_source.exports.downloads.private_folder import private_folder, process_folder
from spaaza_source.exports.export import Export, FileRead, Phase
from spaaza_source.exports.jobs import GIVEN, PART, RUN_MARK, Job, JobState, KnownJob
from spaaza_source.exports.planning.outlook import JobList, Outlook
from spaaza_source.exports.planning.plan import Plan, cut_range
from spaaza_source.exports.planning.recurring import task_of
from spaaza_source.exports.polling import PollSettings
from spaaza_source.exports.request import (
    REPEATS,
    ExportFormat,
    ExportRequest,
    Repeat,
    name_unlisted,
)
from spaaza_source.exports.run import ExportRun
from spaaza_source.exports.shared_limit import SharedLimit
from spaaza_source.exports.submission import ExportSubmitter
from spaaza_source.exports.table_exports import OnDownload, TableExports, error_context
from spaaza_source.exports.table_sync import RELOAD, SMALLEST_WINDOW, SyncPolicy, TableSync

__all__ = [
    "GIVEN",
    "PART",
    "RELOAD",
    "REPEATS",
    "RUN_MARK",
    "SMALLEST_WINDOW",
    "Export",
    "ExportFormat",
    "ExportRequest",
    "ExportRun",
    "ExportSubmitter",
    "FileRead",
    "GivenFiles",
    "GivenTable",
    "Job",
    "JobList",
    "JobState",
    "KnownJob",
    "OnDownload",
    "Outlook",
    "Phase",
    "Plan",
    "PollSettings",
    "Repeat",
    "SharedLimit",
    "SyncPolicy",
    "TableExports",
    "TableSync",
    "archive_files",
    "archived_exports",
    "archived_loads",
    "archived_tables",
    "cut_range",
    "error_context",
    "fetch_again",
    "name_unlisted",
    "private_folder",
    "process_folder",
    "remove_archived",
    "require_one_load",
    "rewrite_files",
    "tables_of_archives",
    "take_files",
    "task_of",
    "verify_checksums",
]
