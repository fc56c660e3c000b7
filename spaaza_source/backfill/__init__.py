"""Loads a range of history window by window, in a script or by many workers."""

from spaaza_source.backfill.backfill import Backfill
from spaaza_source.backfill.parts import BackfillPart, Waiting
from spaaza_source.backfill.ready_loader import Step
from spaaza_source.backfill.watch import ExportWatch, JobBoard

__all__ = ["Backfill", "BackfillPart", "ExportWatch", "JobBoard", "Step", "Waiting"]
