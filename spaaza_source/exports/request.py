"""The request for one export: its table, format, window and filter, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from spaaza_source.windows import Window

ExportFormat = Literal["csv", "json"]
Repeat = Literal["daily", "weekly", "monthly"]
REPEATS: tuple[Repeat, ...] = ("daily", "weekly", "monthly")
#: The longest time from one run to the next.
PERIODS: dict[Repeat, timedelta] = {
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=31),
}


@dataclass(frozen=True)
class ExportRequest:
    """One export.

    Attributes:
        table: The table its rows go to, as in the warehouse: `wallet_ledger`.
        subject: What the vendor calls the same: `wallet-ledger`.
        account: Whose data: Spaaza's chain id, as text.
        export_format: `csv` or `json`.
        window: Its window; None for all rows.
        selection: The vendor's own filter, passed through unchanged; empty for none.
        repeat: How often the vendor is to repeat the export; None for once.
        sent_as: The fingerprint of what was sent, where the filter is not all there any more; None
            where it is.
    """

    table: str
    subject: str
    account: str
    export_format: ExportFormat = "csv"
    window: Window | None = None
    selection: Mapping[str, Any] = field(default_factory=dict, repr=False)
    repeat: Repeat | None = None
    sent_as: str | None = None

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits, the same for the same request in every run and on every machine."""
        if self.sent_as is not None:
            return self.sent_as
        parts: list[Any] = [
            self.subject,
            self.account,
            self.export_format,
            str(self.window) if self.window else None,
            self.selection,
        ]
        if self.repeat is not None:
            parts.append(self.repeat)
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def __str__(self) -> str:
        return f"{self.subject} {self.window}" if self.window else self.subject


def name_unlisted(request: ExportRequest, begun_at: datetime) -> str:
    """The id of an export that no vendor has given one: named after the moment of its request."""
    name = f"{request.table}-{request.account}".replace("_", "-")
    return f"{name}-{begun_at:%Y%m%dT%H%M%S.%fZ}"
