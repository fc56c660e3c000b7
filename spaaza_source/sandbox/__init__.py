"""The vendor's Services API on loopback, with generated data: embedded default and test double.

Every table the six task exports could come from is invented here; only the bulk users columns are
published by the vendor (see `shop`, which says per index what is documented and what is a guess).
"""

from spaaza_source.sandbox.calls import Call
from spaaza_source.sandbox.server import Sandbox
from spaaza_source.sandbox.settings import SandboxSettings
from spaaza_source.sandbox.shop import GeneratedShop, Shop, Span

__all__ = ["Call", "GeneratedShop", "Sandbox", "SandboxSettings", "Shop", "Span"]
