"""Erases people from a dataset, kept files and load packages; tombstones keep them out later."""

from spaaza_source.erasure.forget import Erasure
from spaaza_source.erasure.links import Link
from spaaza_source.erasure.wanted import (
    ErasurePlan,
    Receipt,
    Wanted,
    check_pipeline,
    parse_links,
)

__all__ = [
    "Erasure",
    "ErasurePlan",
    "Link",
    "Receipt",
    "Wanted",
    "check_pipeline",
    "parse_links",
]
