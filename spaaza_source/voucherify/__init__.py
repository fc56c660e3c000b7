"""Voucherify: the objects of its `/exports`, on the common road."""

from spaaza_source.voucherify.source import voucherify_source

__all__ = [
    "voucherify_source",
]
