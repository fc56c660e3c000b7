"""The six indexes that Spaaza exports, and what is known of each.

Known from the vendor's export guides (overview, "What you can export") and segment filters; how
their rows become current tables is left to `source`.
"""

from __future__ import annotations

from dataclasses import dataclass

from spaaza_source.errors import SettingsError


@dataclass(frozen=True)
class Index:
    """One index.

    Attributes:
        table: Its resource and table.
        export_index: What the Tasks API calls it.
        time_field: The field a window is taken by, as the filters name it; None where no filter
            by time is documented, or where it would miss rows that changed since.
        change_field: The field that tells when a row last changed so that it must be loaded again;
            None where no filter by one is documented.
        is_final: Whether a row stays as it is once its time has passed, but for what comes late:
            then a load may go on where the last one ended.
        keys: Columns that may be its key, the likeliest first. No document promises one, so the
            rows must prove it.
        passing: Columns whose cells change by themselves as time passes: they make no new version
            of a row where its history is kept.
    """

    table: str
    export_index: str
    time_field: str | None = None
    change_field: str | None = None
    is_final: bool = False
    keys: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()


INDEXES: dict[str, Index] = {
    index.table: index
    for index in (
        Index("transactions", "transactions", time_field="timestamp", is_final=True),
        # `created_date` can be filtered, but a changed profile keeps it: users come whole.
        Index(
            "users",
            "users",
            keys=("id", "user_id", "spaaza_user_id"),
            passing=("days_since_last_purchase",),
        ),
        Index(
            "vouchers",
            "vouchers",
            time_field="date_time_creation",
            # Locks, early expiry and deletion no filter can see.
            change_field="date_time_redeemed",
            keys=("id", "voucher_id", "voucher_key", "key"),
            passing=("voucher_expiry_seconds_remaining",),
        ),
        Index("wallet_ledger", "wallet-ledger", time_field="timestamp", is_final=True),
        Index("products", "products", keys=("id", "product_id", "owner_code")),
        Index(
            "product_variants",
            "product-variants",
            keys=("id", "product_variant_id", "variant_id", "owner_code"),
        ),
    )
}


def index_named(name: str) -> Index:
    """The index of that table name; the vendor's own spelling with a hyphen serves too.

    Raises:
        SettingsError: There is no such index.
    """
    index = INDEXES.get(name.strip().lower().replace("-", "_"))
    if index is None:
        raise SettingsError(
            f"there is no index {name!r}", hint=f"The indexes are {', '.join(INDEXES)}."
        )
    return index
