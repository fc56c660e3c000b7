"""Matches the labels of a file's header to the fields that were requested.

The spelling of labels is undocumented, and so is the order of columns; the vendor's one sample has
labels such as `Voucher Type`, in the order of the fields. So known labels prove the order, and only
a proven order names the columns whose labels are unknown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from spaaza_source.errors import HeaderError
from spaaza_source.tabular import printable_name
from spaaza_source.voucherify.objects import OBJECTS

METADATA = "metadata"

#: Labels other than the field's name with spaces: from the sample file, and from the vendor's pages
#: about the exporter of its dashboard.
LABELS: dict[str, tuple[str, ...]] = {
    "created_at": ("Creation Date", "Created At"),
    "updated_at": ("Last Update Date", "Update Date"),
    "loyalty_balance": ("Loyalty Card Balance",),
    "redemption_quantity": ("Redemption Limit",),
    "promotion_tier_id": ("Promotion Tier",),
    "birthdate": ("Birth Date", "Birthday"),
}
_FIELDS = {each.exported_object: each.fields for each in OBJECTS.values()}
_SEPARATORS = re.compile(r"[\W_]+")


def match_fields(
    exported_object: str, requested: Sequence[str], header: Sequence[str]
) -> list[str]:
    """The requested field that each label of a file's header stands for.

    A label beside those of all requested fields is a new column, and stands for itself, or for the
    documented field that has it.

    Raises:
        HeaderError: The labels do not show which column is which field.
    """
    known = _known_labels([*requested, *_FIELDS.get(exported_object, ())])
    matches = [known.get(_letters(label)) for label in header]
    matched = [field for field in matches if field is not None]
    fields = [field if field in requested else None for field in matches]
    if len(header) == len(requested) and METADATA not in requested:
        in_order = all(one in (None, field) for one, field in zip(matches, requested, strict=True))
        if matched and in_order:
            return list(requested)
        if set(matches) == set(requested):
            return matched
    elif (names := _with_new_columns(matches, requested, header)) is not None:
        return names
    elif matched and len(set(matched)) == len(matched):
        # The counts differ, so that no order is proven: the rest is metadata.
        fields = [
            field or _metadata_field(label, requested)
            for label, field in zip(header, fields, strict=True)
        ]
        found = [field for field in fields if field is not None]
        if len(found) == len(header):
            return found
    unmatched = [label for label, field in zip(header, fields, strict=True) if field is None]
    raise _unmatched(unmatched, header)


def _with_new_columns(
    matches: Sequence[str | None], requested: Sequence[str], header: Sequence[str]
) -> list[str] | None:
    """The names of a header with more labels than fields were requested; None if not certain.

    Wherever the others are: if each requested field has a known label. Else behind the requested
    ones: if the known labels prove their order, and the last of them is known, so that no column
    can have come between.
    """
    count = len(requested)
    if len(header) <= count or METADATA in requested or len(set(header)) < len(header):
        return None
    own = [field for field in matches if field in requested]
    if len(own) == count == len(set(own)):
        return [field or label for field, label in zip(matches, header, strict=True)]
    in_order = all(one in (None, field) for one, field in zip(matches, requested, strict=False))
    if in_order and matches[count - 1] == requested[-1] and set(own) <= set(matches[:count]):
        more = zip(matches[count:], header[count:], strict=True)
        return [*requested, *(field or label for field, label in more)]
    return None


def _known_labels(fields: Sequence[str]) -> dict[str, str]:
    """The field of each known label, by the label's letters."""
    known: dict[str, str] = {}
    # Requested fields come first, and win.
    for field in fields:
        own = field.removeprefix(f"{METADATA}.")
        for label in (field, own, *LABELS.get(field, ())):
            known.setdefault(_letters(label), field)
    return known


def _metadata_field(label: str, requested: Sequence[str]) -> str | None:
    """The name of a column that may belong to the requested field `metadata`."""
    if METADATA not in requested:
        return None
    key = label.removeprefix(f"{METADATA}.").removeprefix("Metadata.")
    return METADATA if key.lower() == METADATA else f"{METADATA}.{key}"


def _letters(label: str) -> str:
    return _SEPARATORS.sub("", label).lower()


def _unmatched(labels: Sequence[str], header: Sequence[str]) -> HeaderError:
    listed = ", ".join(printable_name(label) for label in labels[:5]) or "its order"
    if len(labels) > 5:  # noqa: PLR2004
        listed += f" and {len(labels) - 5} more"
    if 2 * len(labels) >= len(header):
        # The header may be missing, and these may be a customer's cells.
        listed = f"{len(labels)} of its {len(header)} labels"
    return HeaderError(
        f"the header does not show which column is which requested field: {listed}",
        hint="Request other fields, or report the header.",
    )
