"""Imports what a command needs: whole, and without looking for garbage meanwhile or in it."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from types import ModuleType

from spaaza_source.signals import signals_wait


def import_quickly(name: str) -> ModuleType:
    """Import a module of which, with all that it imports, nothing will ever be garbage.

    Python looks through all objects whenever so many new ones have been made, and modules are made
    of hundreds of thousands. A process that has imported dlt already has a life of its own, and may
    have garbage: there, nothing is done about it.
    """
    with signals_wait():
        if "dlt" in sys.modules or not gc.isenabled():
            return import_module(name)
        gc.disable()
        try:
            return import_module(name)
        finally:
            gc.freeze()
            gc.enable()
