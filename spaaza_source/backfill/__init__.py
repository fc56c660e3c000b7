"""Loads a range of history window by window, in a script or by many workers."""

from spaaza_source.backfill.backfill import Backfill

__all__ = ["Backfill"]
