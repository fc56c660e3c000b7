"""Spaaza: the Tasks API's six exports and the bulk users export, on the common road."""

from spaaza_source.spaaza.indexes import INDEXES, index_named
from spaaza_source.spaaza.source import spaaza_source

__all__ = [
    "INDEXES",
    "index_named",
    "spaaza_source",
]
