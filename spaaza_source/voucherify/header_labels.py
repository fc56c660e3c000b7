"""From a file's header, which carries labels, to the fields that were asked for.

No document says how a label is spelled, nor that columns come in the order of the fields; the
vendor's one sample shows labels such as `Voucher Type`, in that order. So labels that are known
prove the order, and where they do, it names the rest; where they do not, nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from spaaza_source.errors import HeaderError
from spaaza_source.tabular import show
from spaaza_source.voucherify.objects import OBJECTS

METADATA = "metadata"

#: Labels that are not the field's own name with spaces: of the sample file, and of the vendor's
#: pages about its dashboard's exporter.
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


def fields_of(exported_object: str, asked: Sequence[str], header: Sequence[str]) -> list[str]:
    """The field of each column.

    Args:
        exported_object: What was exported.
        asked: The fields, in the order in which they were asked for.
        header: The file's.

    Raises:
        HeaderError: A label is that of no field that was asked for, and the order does not tell
            either.
    """
    known = _known([*asked, *_FIELDS.get(exported_object, ())])
    told = [known.get(_bare(label)) for label in header]
    recognised = [field for field in told if field is not None]
    if len(header) == len(asked) and METADATA not in asked:
        fits = all(one in (None, field) for one, field in zip(told, asked, strict=True))
        if recognised and fits:
            return list(asked)
        if set(told) == set(asked):
            return recognised
    elif recognised and len(set(recognised)) == len(recognised):
        return _each_by_its_label(header, told, asked)
    strange = [label for label, one in zip(header, told, strict=True) if one not in asked]
    raise _unknown(strange, header)


def _each_by_its_label(
    header: Sequence[str], told: Sequence[str | None], asked: Sequence[str]
) -> list[str]:
    """Where the counts differ, and no order can be proven: what is not asked for is metadata."""
    named = [
        field if field in asked else _of_metadata(label, asked)
        for label, field in zip(header, told, strict=True)
    ]
    strange = [label for label, field in zip(header, named, strict=True) if field is None]
    if strange:
        raise _unknown(strange, header)
    return [field for field in named if field is not None]


def _known(fields: Sequence[str]) -> dict[str, str]:
    """The field of each label that is known, by the label's bare letters."""
    known: dict[str, str] = {}
    # What was asked for comes first, and wins.
    for field in fields:
        own = field.removeprefix(f"{METADATA}.")
        for label in (field, own, *LABELS.get(field, ())):
            known.setdefault(_bare(label), field)
    return known


def _of_metadata(label: str, asked: Sequence[str]) -> str | None:
    """The name of a column that the bare field `metadata` may have brought."""
    if METADATA not in asked:
        return None
    bare = label.removeprefix(f"{METADATA}.").removeprefix("Metadata.")
    return METADATA if bare.lower() == METADATA else f"{METADATA}.{bare}"


def _bare(label: str) -> str:
    return _SEPARATORS.sub("", label).lower()


def _unknown(labels: Sequence[str], header: Sequence[str]) -> HeaderError:
    listed = ", ".join(show(label) for label in labels[:5]) or "its order"
    if len(labels) > 5:  # noqa: PLR2004
        listed += f" and {len(labels) - 5} more"
    if 2 * len(labels) >= len(header):
        # They may be cells of a customer's, the header being missing.
        listed = f"{len(labels)} of its {len(header)} labels"
    return HeaderError(
        f"the header does not show which columns are the fields that were asked for: {listed}",
        hint="Ask for other fields, or report the header.",
    )
