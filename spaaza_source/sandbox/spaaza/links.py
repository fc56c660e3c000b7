"""Download links, signed and checked as a storage service does.

The files' names are documented for four indexes; those of products and product-variants are a
guess.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from spaaza_source.sandbox.calls import Call
from spaaza_source.sandbox.signing import Signer, secrets_match
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


def task_number(name: str) -> int:
    """The number of the task in such a name."""
    return int(name.rpartition("-")[2].partition(".")[0])


class SignedLinks:
    """Makes and checks links that open a file for a limited time."""

    def __init__(self, seconds: int, clock: Callable[[], datetime]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._signer = Signer()

    def sign(self, path: str) -> str:
        """The path with a query that opens it."""
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Date": self._clock().astimezone(UTC).strftime(_DATE_FORMAT),
            "X-Amz-Expires": str(self._seconds),
            "X-Amz-SignedHeaders": "host",
        }
        query["X-Amz-Signature"] = self._signature(path, query)
        return f"{path}?{urlencode(query)}"

    def check(self, call: Call) -> None:
        """Raise RefusedError if a request may not have the file."""
        # S3 refuses a second authentication. It would ignore the session's headers, but they are a
        # secret that must never be sent here, so they are refused too.
        if any(header in call.headers for header in ("authorization", *SESSION_HEADERS)):
            message = "Only one auth mechanism allowed; a link needs no header."
            raise storage_refusal(400, "InvalidArgument", message)
        query = dict(call.query)
        signature = query.pop("X-Amz-Signature", "")
        if not secrets_match(signature, self._signature(call.path, query)):
            message = "The request signature does not match."
            raise storage_refusal(403, "SignatureDoesNotMatch", message)
        signed = datetime.strptime(query["X-Amz-Date"], _DATE_FORMAT).replace(tzinfo=UTC)
        if self._clock() >= signed + timedelta(seconds=int(query["X-Amz-Expires"])):
            raise storage_refusal(403, "AccessDenied", "Request has expired")

    def _signature(self, path: str, query: dict[str, str]) -> str:
        return self._signer.sign(f"{path}?{urlencode(sorted(query.items()))}")
