"""Download links, signed and checked as a storage service does.

The files' names are documented for four indexes; those of products and product-variants are a
guess.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from urllib.parse import urlencode

from starlette.responses import Response

from spaaza_source.sandbox.calls import Call
from spaaza_source.sandbox.spaaza.authentication import SESSION_HEADERS
from spaaza_source.sandbox.spaaza.refusals import storage_refusal

_NAMES = {
    "transactions": "Transaction",
    "users": "User",
    "vouchers": "Voucher",
    "wallet-ledger": "Wallet",
    "products": "Product",
    "product-variants": "Product_Variant",
}
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"


def file_name(index: str, task: int, export_format: str) -> str:
    """`Voucher_Export-12345.csv`."""
    return f"{_NAMES[index]}_Export-{task}.{export_format}"


def task_number(name: str) -> int | None:
    """The number of the task in a file's name; None where there is none."""
    number = name.rpartition("-")[2].partition(".")[0]
    return int(number) if number.isascii() and number.isdigit() else None


class SignedLinks:
    """Makes and checks links, with a key of its own."""

    def __init__(self, seconds: int, clock: Callable[[], datetime]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def sign(self, path: str) -> str:
        """The path with a query that opens it for a limited time."""
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Date": self._clock().astimezone(timezone.utc).strftime(_DATE_FORMAT),
            "X-Amz-Expires": str(self._seconds),
            "X-Amz-SignedHeaders": "host",
        }
        query["X-Amz-Signature"] = self._signature(path, query)
        return f"{path}?{urlencode(query)}"

    def refusal(self, call: Call) -> Response | None:
        """Why a request may not have the file, or None if it may."""
        # S3 refuses a second authentication. It would ignore the session's headers, but they are a
        # secret that must never be sent here, so they are refused too.
        if "authorization" in call.headers or any(h in call.headers for h in SESSION_HEADERS):
            return storage_refusal(
                400, "InvalidArgument", "Only one auth mechanism allowed; a link needs no header."
            )
        query = dict(call.query)
        signature = query.pop("X-Amz-Signature", "")
        if not hmac.compare_digest(signature.encode(), self._signature(call.path, query).encode()):
            return storage_refusal(
                403, "SignatureDoesNotMatch", "The request signature does not match."
            )
        signed = datetime.strptime(query["X-Amz-Date"], _DATE_FORMAT).replace(tzinfo=timezone.utc)
        if self._clock() >= signed + timedelta(seconds=int(query["X-Amz-Expires"])):
            return storage_refusal(403, "AccessDenied", "Request has expired")
        return None

    def _signature(self, path: str, query: dict[str, str]) -> str:
        signed = f"{path}?{urlencode(sorted(query.items()))}"
        return hmac.new(self._key, signed.encode(), hashlib.sha256).hexdigest()
