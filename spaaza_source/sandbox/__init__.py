"""The vendors' APIs on loopback, with generated data: embedded default and test double.

Every table that Spaaza's six task exports could come from is invented here; only the bulk users
columns are published by that vendor (see `shop`, which says per index what is documented and what
is a guess). Of Voucherify's exports the fields are published (see `voucherify`).
"""

from spaaza_source.sandbox.calls import Call
from spaaza_source.sandbox.server import Sandbox
from spaaza_source.sandbox.settings import SandboxSettings
from spaaza_source.sandbox.spaaza.shop import GeneratedShop, Shop, TimeSpan
from spaaza_source.sandbox.voucherify.project import GeneratedProject, Project

__all__ = [
    "Call",
    "GeneratedProject",
    "GeneratedShop",
    "Project",
    "Sandbox",
    "SandboxSettings",
    "Shop",
    "TimeSpan",
]
