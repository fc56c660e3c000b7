"""Whether the settings reach Voucherify: asked before a load, and by `spaaza check`.

It reads one page of the list of exports; nothing is created.
"""

from __future__ import annotations

from collections.abc import Iterator

import dlt
from dlt.common.configuration import with_config
from dlt.common.configuration.specs import known_sections

from spaaza_source.errors import CredentialsError
from spaaza_source.transport.connection_check import first_contact
from spaaza_source.transport.http_client import checked_base_url
from spaaza_source.voucherify.credentials import VoucherifyCredentials, checked
from spaaza_source.voucherify.exports_api import ExportsApi, vendor_http

RECENT = 10


@with_config(sections=(known_sections.SOURCES, "voucherify"))
def check_access(
    base_url: str = "https://api.voucherify.io",
    credentials: VoucherifyCredentials = dlt.secrets.value,
) -> Iterator[str]:
    """What works, one line at a time; the settings come as they come to `voucherify_source`.

    Raises:
        SettingsError: Something in the settings does not work; the lines before it do.
        UnavailableError: The host is there but fails.
    """
    return _checks(base_url, credentials)


def _checks(base_url: str, credentials: VoucherifyCredentials) -> Iterator[str]:
    address = checked_base_url(base_url)
    api = ExportsApi(vendor_http(address, checked(credentials)))
    try:
        exports, lines = first_contact(address, lambda: api.list_exports(page=1, limit=RECENT))
    except CredentialsError as refused:
        refused.way_out = (
            "Check app_id and app_token, that the key may export, and that base_url is the address"
            " of the project's own region."
        )
        raise
    yield from lines
    yield f"project:     {len(exports) or 'no'} recent exports seen"
