"""Instants as the vendors' APIs write and read them."""

import re
from datetime import datetime, timezone

MICROSECONDS_A_DAY = 86_400_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
_NANOSECONDS_A_MICROSECOND = 1000


def instant_text(moment: datetime) -> str:
    """`2026-05-26T12:00:00Z`, as in every task object."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def millisecond_text(moment: datetime) -> str:
    """`2026-05-26T12:00:00.000Z`, as in every export object of Voucherify."""
    utc = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='milliseconds')}Z"


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, the unit of generated times."""
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def nanoseconds(text: str) -> int:
    """Nanoseconds since 1970 of an ISO 8601 UTC time that ends in `Z`.

    Raises ValueError for any other text, an impossible date included.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError("not an ISO 8601 UTC time such as 2026-05-26T12:00:00Z")
    whole = datetime.fromisoformat(match[1]).replace(tzinfo=timezone.utc)
    fraction = int((match[2] or "").ljust(9, "0"))
    return microseconds(whole) * _NANOSECONDS_A_MICROSECOND + fraction
