"""Rows of a file: filters, sorts, and selects the requested columns under their labels."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

import pyarrow as pa

from spaaza_source.sandbox.voucherify.filters import cells_of
from spaaza_source.sandbox.voucherify.objects import METADATA, METADATA_PREFIX, column_of
from spaaza_source.sandbox.voucherify.project import Project
from spaaza_source.sandbox.voucherify.request import SandboxRequest
from spaaza_source.sandbox.world import BLOCK_ROWS

# Headers are labels for people, not the names of the fields. Those of vouchers, redemptions and
# transactions are the vendor's, as its pages list them for the dashboard. All others are a guess:
# the words of the field with capitals.
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


def export_rows(project: Project, request: SandboxRequest, at: datetime) -> Iterator[pa.Table]:
    """The rows that a request selects, as of a moment, under their labels.

    Sorted ones are all made before the first block.
    """
    exported_object = request.exported_object
    blocks = _sort(_filter(project.blocks(exported_object, at), request), request)
    names = _columns(project, request)
    labels = [_label(exported_object, name) for name in names]
    for block in blocks:
        cells = [_as_json(block) if name == METADATA else cells_of(block, name) for name in names]
        yield pa.table(cells, names=labels)


def _columns(project: Project, request: SandboxRequest) -> list[str]:
    """The fields of the request.

    For customers `metadata` is a column for each property of their schema, as the vendor's table
    says. For other objects that says nothing: here it is one column of JSON.
    """
    if request.exported_object != "customer":
        return list(request.fields)
    properties = _properties(project.schema("customer").names)
    return [
        column for name in request.fields for column in (properties if name == METADATA else [name])
    ]


def _filter(blocks: Iterable[pa.Table], request: SandboxRequest) -> Iterator[pa.Table]:
    for block in blocks:
        rows = block
        for filters in request.filters:
            rows = filters.keep(rows)
        yield rows


def _sort(blocks: Iterator[pa.Table], request: SandboxRequest) -> Iterator[pa.Table]:
    first = next(blocks)
    order = request.order or ""
    column = column_of(request.exported_object, order.removeprefix("-"))
    # Two fields by which the vendor sorts publications are not exported: no effect here.
    if column not in first.column_names:
        yield first
        yield from blocks
        return
    direction = "descending" if order.startswith("-") else "ascending"
    rows = pa.concat_tables([first, *blocks]).sort_by([(column, direction)])
    for start in range(0, max(rows.num_rows, 1), BLOCK_ROWS):
        yield rows.slice(start, BLOCK_ROWS)


def _properties(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(METADATA_PREFIX)]


def _as_json(block: pa.Table) -> pa.ChunkedArray:
    """The metadata of each row as JSON; missing where it has none."""
    names = _properties(block.column_names)
    texts: list[str | None] = []
    for row in block.select(names).to_pylist():
        properties = {
            name.removeprefix(METADATA_PREFIX): value
            for name, value in row.items()
            if value is not None
        }
        texts.append(json.dumps(properties, ensure_ascii=False) if properties else None)
    return pa.chunked_array([pa.array(texts, pa.string())])


def _label(exported_object: str, field: str) -> str:
    """`Voucher Type` for `voucher_type`; a property of the metadata keeps its name."""
    if field.startswith(METADATA_PREFIX):
        return field
    known = _LABELS.get(exported_object, {}).get(field)
    return known or " ".join(_CAPITALS.get(word, word.capitalize()) for word in field.split("_"))
