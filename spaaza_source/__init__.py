"""A dlt source that brings a loyalty platform's exports into a warehouse."""

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.spaaza.bulk_users import spaaza_bulk_users
from spaaza_source.spaaza.source import spaaza_source
from spaaza_source.voucherify.source import voucherify_source

__all__ = ["SpaazaSourceError", "spaaza_bulk_users", "spaaza_source", "voucherify_source"]
