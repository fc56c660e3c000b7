"""Hooks into dlt's pipeline runs: run lock, repairs after a killed run, reconciliation of loads."""

from spaaza_source.dlt_hooks.abandoned_packages import abandon_packages
from spaaza_source.dlt_hooks.install import install_hooks
from spaaza_source.dlt_hooks.run_lock import hold_run_lock

__all__ = [
    "abandon_packages",
    "hold_run_lock",
    "install_hooks",
]
