"""The seven objects that Voucherify exports, with their fields, filters and candidate keys.

Vendor documents: the export guide ("Fields values") and the OpenAPI description (`exports.json`).
"""

from __future__ import annotations

from dataclasses import dataclass

from spaaza_source.errors import SettingsError


@dataclass(frozen=True)
class ExportObject:
    """One object.

    Attributes:
        table: The name of its resource and table.
        exported_object: Its name in `/exports`.
        fields: The documented fields, which are requested unless others are chosen; without
            `metadata`, whose columns are undocumented.
        time_filters: The filters by which a window's rows are requested; none where none is
            documented. The first is for rows created in it, the others for rows changed in it.
        time_field: The field with a row's time; None where there is none. Without a key, the rows
            of a window are replaced by it.
        order: How the file is sorted unless another order is set, so that the same rows make the
            same file.
        orders: What it can be sorted by; from the last to the first with a "-" before it.
        keys: Fields that may be its key; the rows must prove it.
        volatile: Fields whose cells change by themselves as time passes.
        of_a_campaign: Whether it can be requested for one campaign only.
    """

    table: str
    exported_object: str
    fields: tuple[str, ...]
    time_filters: tuple[str, ...] = ()
    time_field: str | None = None
    order: str = "created_at"
    keys: tuple[str, ...] = ("id",)
    volatile: tuple[str, ...] = ()
    of_a_campaign: bool = False
    orders: tuple[str, ...] = ("created_at",)

    @property
    def all_orders(self) -> tuple[str, ...]:
        """What an export's `order` can be, as the vendor writes it."""
        return tuple(sign + field for field in self.orders for sign in ("", "-"))

    @property
    def is_final(self) -> bool:
        """Whether a row never changes once its time has passed; rows may still arrive late."""
        return len(self.time_filters) == 1

    @property
    def window_field(self) -> str | None:
        """The field by which a window's rows are replaced; None where they are merged by a key."""
        return None if self.keys else self.time_field

    @property
    def range_fields(self) -> tuple[str, ...]:
        """The fields by any of which a row that is merged by a key is of a range of time."""
        if not self.keys or self.time_field is None:
            return ()
        return self.time_field, *self.time_filters[1:]


def _fields(text: str) -> tuple[str, ...]:
    return tuple(text.split())


OBJECTS: dict[str, ExportObject] = {
    one.table: one
    for one in (
        ExportObject(
            "vouchers",
            "voucher",
            _fields(
                "id code voucher_type value discount_type campaign campaign_id category start_date"
                " expiration_date gift_balance loyalty_balance redemption_quantity redemption_count"
                " active qr_code bar_code is_referral_code created_at updated_at"
                " validity_timeframe_interval validity_timeframe_duration validity_day_of_week"
                " discount_amount_limit discount_unit_type discount_unit_effect additional_info"
                " customer_id customer_source_id"
            ),
            time_filters=("created_at", "updated_at"),
            time_field="created_at",
            keys=("id", "code"),
            of_a_campaign=True,
            orders=("created_at", "updated_at", "code"),
        ),
        ExportObject(
            "redemptions",
            "redemption",
            _fields(
                "id object date voucher_code campaign promotion_tier_id customer_id tracking_id"
                " order_amount gift_amount loyalty_points result failure_code failure_message"
            ),
            # The field is called `date`, the filter `created_at`.
            time_filters=("created_at",),
            time_field="date",
            orders=("created_at", "id", "voucher_code", "tracking_id", "customer_id"),
        ),
        ExportObject(
            "publications",
            "publication",
            _fields("voucher_code customer_id date channel campaign is_winner"),
            # As above. No field is a key.
            time_filters=("created_at",),
            time_field="date",
            keys=(),
            orders=("created_at", "id", "voucher_code", "tracking_id", "customer_id", "channel"),
        ),
        ExportObject(
            "customers",
            "customer",
            _fields(
                "id source_id name description email phone birthdate created_at updated_at"
                " address_city address_state address_line_1 address_line_2 address_country"
                " address_postal_code redemptions_total_redeemed redemptions_total_failed"
                " redemptions_total_succeeded redemptions_total_rolled_back"
                " redemptions_total_rollback_failed redemptions_total_rollback_succeeded"
                " orders_total_amount orders_total_count orders_average_amount"
                " orders_last_order_amount orders_last_order_date loyalty_points"
                " loyalty_referred_customers"
            ),
            time_filters=("created_at", "updated_at"),
            time_field="created_at",
            orders=("created_at", "updated_at", "name", "id", "email", "source_id"),
        ),
        ExportObject(
            "points_expirations",
            "points_expiration",
            _fields("id campaign_id voucher_id points status expires_at"),
            order="expires_at",
            orders=("expires_at",),
        ),
        ExportObject(
            "orders",
            "order",
            _fields(
                "id source_id created_at updated_at status amount discount_amount"
                " items_discount_amount total_discount_amount total_amount customer_id referrer_id"
            ),
            time_filters=("created_at", "updated_at"),
            time_field="created_at",
            orders=("created_at", "updated_at", "status"),
        ),
        ExportObject(
            "voucher_transactions",
            "voucher_transactions",
            _fields(
                "id campaign_id voucher_id type source_id reason source balance amount"
                " related_transaction_id created_at details"
            ),
            time_filters=("created_at",),
            time_field="created_at",
        ),
    )
}


def object_named(name: object) -> ExportObject:
    """The object of that table name, or of the vendor's own name for it.

    Raises:
        SettingsError: There is no such object.
    """
    text = str(name).strip().lower()
    for one in OBJECTS.values():
        if text in (one.table, one.exported_object):
            return one
    raise SettingsError(
        f"there is no object {text[:40]!r}",
        hint=f"The objects are {', '.join(OBJECTS)}.",
    )
