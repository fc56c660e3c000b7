"""Keeps forgotten people out of later loads: by keyed hashes of what their rows are found by."""

from spaaza_source.tombstones.digests import Digester, plain_text
from spaaza_source.tombstones.forgotten_rows import ForgottenRows
from spaaza_source.tombstones.identifiers import Effect, Identifier, People, words
from spaaza_source.tombstones.store import (
    ERASURE_TABLES,
    FORGOTTEN,
    RECEIPTS,
    Tombstone,
    Tombstones,
    read_tombstones,
)
from spaaza_source.tombstones.stripped_files import strip_file

__all__ = [
    "ERASURE_TABLES",
    "FORGOTTEN",
    "RECEIPTS",
    "Digester",
    "Effect",
    "ForgottenRows",
    "Identifier",
    "People",
    "Tombstone",
    "Tombstones",
    "plain_text",
    "read_tombstones",
    "strip_file",
    "words",
]
