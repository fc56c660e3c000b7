"""Sandbox: both vendors' APIs on loopback with generated data, for demos and tests.

The tables of Spaaza's six task exports are invented: that vendor publishes only the columns of the
bulk users export (`spaaza.shop` says per index what is documented and what is a guess). Voucherify
publishes the fields of its exports (`voucherify.objects`).
"""

from spaaza_source.sandbox.calls import Call
from spaaza_source.sandbox.instants import TimeSpan
from spaaza_source.sandbox.live import LIVE_DAYS, live_settings
from spaaza_source.sandbox.server import NEXT_DAY, Sandbox
from spaaza_source.sandbox.settings import SandboxSettings
from spaaza_source.sandbox.spaaza.shop import GeneratedShop, Shop
from spaaza_source.sandbox.voucherify.project import GeneratedProject, Project

__all__ = [
    "LIVE_DAYS",
    "NEXT_DAY",
    "Call",
    "GeneratedProject",
    "GeneratedShop",
    "Project",
    "Sandbox",
    "SandboxSettings",
    "Shop",
    "TimeSpan",
    "live_settings",
]
