"""Signals that end a run: SIGTERM as Ctrl-C, and both only between what must not be broken off."""

from spaaza_source.signals.sigterm import SigtermError, raise_on_sigterm
from spaaza_source.signals.waiting import signals_wait

__all__ = ["SigtermError", "raise_on_sigterm", "signals_wait"]
