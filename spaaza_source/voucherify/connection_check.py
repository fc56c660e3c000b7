"""Checks that the settings reach Voucherify, before a load and for `spaaza check`.

Reads one page of the list of exports; creates nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import dlt

from spaaza_source.configuration import with_settings
from spaaza_source.errors import CredentialsError
from spaaza_source.transport import check_connection, parse_base_url
from spaaza_source.voucherify.credentials import VoucherifyCredentials, require_keys
from spaaza_source.voucherify.exports_api import ExportsApi, make_client

RECENT = 10


@with_settings("voucherify")
def check_access(
    base_url: str = "https://api.voucherify.io",
    credentials: VoucherifyCredentials = dlt.secrets.value,
) -> Iterator[str]:
    """Check each setting; yields a line for each that works. Settings as for `voucherify_source`.

    Raises:
        SettingsError: A setting does not work.
        UnavailableError: The host answers but fails.
    """
    address = parse_base_url(base_url)
    api = ExportsApi(make_client(address, require_keys(credentials)))
    try:
        exports, lines = check_connection(address, lambda: api.list_exports(page=1, limit=RECENT))
    except CredentialsError as refused:
        refused.hint = (
            "Check app_id and app_token, that the key may export, and that base_url is the address"
            " of the project's own region."
        )
        raise
    yield from lines
    yield f"project:     {len(exports) or 'no'} recent exports seen"
