"""The six indexes that Spaaza exports, with their time fields and candidate keys.

Vendor documents: export guides (overview, "What you can export") and segment filters.
"""

from __future__ import annotations

from dataclasses import dataclass

from spaaza_source.errors import SettingsError


@dataclass(frozen=True)
class Index:
    """One index.

    Attributes:
        table: The name of its resource and table.
        export_index: Its name in the Tasks API.
        time_field: The field that windows are taken by, as the filters name it; None where no
            filter by time is documented, or where it would miss rows that changed since.
        change_field: The field with the time of a change after which a row must be loaded again;
            None where no filter by one is documented.
        part_field: The field by which an export of all rows is asked for in parts where it fails as
            a whole; None where no filter by a time is documented.
        is_final: Whether a row never changes once its time has passed, so that loads can be
            incremental. Rows may still arrive late.
        keys: Columns that may be its key, the likeliest first. No document promises one, so the
            rows must prove it.
        volatile: Columns whose cells change by themselves as time passes: they make no new version
            of a row in an `scd2` table.
    """

    table: str
    export_index: str
    time_field: str | None = None
    change_field: str | None = None
    part_field: str | None = None
    is_final: bool = False
    keys: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()


INDEXES: dict[str, Index] = {
    index.table: index
    for index in (
        Index("transactions", "transactions", time_field="timestamp", is_final=True),
        # `created_date` can be filtered, but a changed profile keeps it: users are loaded whole.
        Index(
            "users",
            "users",
            part_field="created_date",
            keys=("id", "user_id", "spaaza_user_id"),
            volatile=("days_since_last_purchase",),
        ),
        Index(
            "vouchers",
            "vouchers",
            time_field="date_time_creation",
            # No filter shows a lock, an early expiry or a deletion.
            change_field="date_time_redeemed",
            keys=("id", "voucher_id", "voucher_key", "key"),
            volatile=("voucher_expiry_seconds_remaining",),
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


#: What the vendor streams in its answer to one call, in none of its tasks.
BULK_USERS = Index(
    "bulk_users",
    "users (bulk)",
    keys=("spaaza_user_id", "user_id", "id"),
    volatile=("days_since_last_purchase",),
)


def index_named(name: str) -> Index:
    """The index of that table name, or of the vendor's spelling with a hyphen.

    Raises:
        SettingsError: There is no such index.
    """
    index = INDEXES.get(str(name).strip().lower().replace("-", "_"))
    if index is None:
        raise SettingsError(
            f"there is no index {name!r}", hint=f"The indexes are {', '.join(INDEXES)}."
        )
    return index


def find_table(name: str) -> Index:
    """What is loaded into a table: an index, or the bulk users export.

    Raises:
        SettingsError: There is no such table.
    """
    if str(name).strip().lower().replace("-", "_") == BULK_USERS.table:
        return BULK_USERS
    try:
        return index_named(name)
    except SettingsError as error:
        error.hint = f"The tables are {', '.join(INDEXES)}, and {BULK_USERS.table}."
        raise
