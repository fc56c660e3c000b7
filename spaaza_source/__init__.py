"""A dlt source that loads a loyalty platform's exports into a warehouse."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spaaza_source.ad_hoc import export_file
    from spaaza_source.errors import SpaazaSourceError
    from spaaza_source.spaaza import spaaza_bulk_users, spaaza_source
    from spaaza_source.voucherify import voucherify_source

__all__ = [
    "SpaazaSourceError",
    "export_file",
    "spaaza_bulk_users",
    "spaaza_source",
    "voucherify_source",
]

#: Where each is. It is imported when it is asked for: dlt takes longer than `spaaza --help` may.
_HOMES = {
    "SpaazaSourceError": "errors",
    "export_file": "ad_hoc",
    "spaaza_bulk_users": "spaaza",
    "spaaza_source": "spaaza",
    "voucherify_source": "voucherify",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
