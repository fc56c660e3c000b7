"""A dlt source that loads a loyalty platform's exports into a warehouse."""

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.spaaza import spaaza_bulk_users, spaaza_source
from spaaza_source.voucherify import voucherify_source

__all__ = ["SpaazaSourceError", "spaaza_bulk_users", "spaaza_source", "voucherify_source"]
