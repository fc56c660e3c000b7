"""Exports that are at hand, so that no vendor is asked: an archive's, and a user's own files."""

from spaaza_source.exports.at_hand.archive import (
    archive_files,
    archived_exports,
    archived_loads,
    archived_tables,
    remove_archived,
    require_one_load,
    rewrite_files,
    tables_of_archives,
    verify_checksums,
)
from spaaza_source.exports.at_hand.given_files import GivenFiles, GivenTable, take_files

__all__ = [
    "GivenFiles",
    "GivenTable",
    "archive_files",
    "archived_exports",
    "archived_loads",
    "archived_tables",
    "remove_archived",
    "require_one_load",
    "rewrite_files",
    "tables_of_archives",
    "take_files",
    "verify_checksums",
]
