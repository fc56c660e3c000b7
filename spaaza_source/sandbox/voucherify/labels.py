"""Headers of the files: labels for people, not the names of the fields.

The labels of vouchers, redemptions and transactions are the vendor's, as its pages list them for
the dashboard. All others are a guess: the words of the field with capitals.
"""

from spaaza_source.sandbox.voucherify.objects import METADATA_PREFIX

_LABELS = {
    "voucher": {
        "created_at": "Creation Date",
        "updated_at": "Last Update Date",
        "loyalty_balance": "Loyalty Card Balance",
        "redemption_quantity": "Redemption Limit",
        "bar_code": "Barcode",
        "is_referral_code": "Is referral code?",
        "validity_day_of_week": "Validity Day of Week",
        "validation_rules_id": "Validation Rules ID",
    },
    "redemption": {
        "voucher_code": "Voucher code",
        "promotion_tier_id": "Promotion Tier",
    },
    "voucher_transactions": {
        "created_at": "Creation date",
        "related_transaction_id": "Related transaction ID",
    },
}
_CAPITALS = {"id": "ID", "qr": "QR"}


def label(exported_object: str, field: str) -> str:
    """`Voucher Type` for `voucher_type`; a property of the metadata keeps its name."""
    if field.startswith(METADATA_PREFIX):
        return field
    known = _LABELS.get(exported_object, {}).get(field)
    return known or " ".join(_CAPITALS.get(word, word.capitalize()) for word in field.split("_"))
