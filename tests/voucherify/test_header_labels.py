"""Columns are named by the fields that were asked for, or not at all."""

from __future__ import annotations

import pytest

from spaaza_source.errors import HeaderError
from spaaza_source.voucherify.header_labels import match_fields

ASKED = ["id", "code", "voucher_type", "value"]


def test_the_vendors_sample() -> None:
    assert match_fields("voucher", ASKED, ["ID", "Code", "Voucher Type", "Value"]) == ASKED


def test_fields_that_stand_as_they_are() -> None:
    assert match_fields("voucher", ASKED, ASKED) == ASKED


def test_labels_that_are_not_the_fields_name() -> None:
    asked = ["created_at", "redemption_quantity", "is_referral_code", "bar_code"]
    header = ["Creation Date", "Redemption Limit", "Is referral code?", "Barcode"]
    assert match_fields("voucher", asked, header) == asked


def test_the_order_names_what_no_label_does() -> None:
    asked = ["id", "metadata.tier", "value"]
    assert match_fields("voucher", asked, ["ID", "Customer level", "Value"]) == asked


def test_columns_in_another_order_go_by_their_labels() -> None:
    assert match_fields("voucher", ASKED, ["Value", "ID", "Voucher Type", "Code"]) == [
        "value",
        "id",
        "voucher_type",
        "code",
    ]


def test_a_column_that_is_missing() -> None:
    assert match_fields("voucher", ASKED, ["ID", "Value"]) == ["id", "value"]


def test_metadata_brings_columns_of_its_own() -> None:
    asked = ["id", "metadata"]
    header = ["ID", "Tier", "metadata.size"]
    assert match_fields("voucher", asked, header) == ["id", "metadata.Tier", "metadata.size"]
    assert match_fields("voucher", asked, ["ID", "Metadata"]) == ["id", "metadata"]


@pytest.mark.parametrize(
    "header",
    [
        # Another order, and a label that nothing tells.
        ["Value", "ID", "Voucher Type", "What?"],
        # The label of a field that was not asked for, in the place of one that was.
        ["ID", "Campaign", "Voucher Type", "Value"],
        # Nothing is known: it may be no header at all.
        ["v_1", "A-1", "DISCOUNT_VOUCHER", "10"],
        ["ID", "Code", "What?"],
        ["ID", "ID", "Code", "Value"],
        # Which of the last two is new?
        ["ID", "Code", "Voucher Type", "What?", "More"],
        ["ID", "Code", "Value", "What?", "More"],
        ["ID", "Code", "Voucher Type", "Value", "Value"],
    ],
)
def test_nothing_is_guessed(header: list[str]) -> None:
    with pytest.raises(HeaderError, match="does not show"):
        match_fields("voucher", ASKED, header)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (["ID", "Code", "Voucher Type", "Value", "More"], [*ASKED, "More"]),
        (["ID", "New", "Code", "Voucher Type", "Value"], ["id", "New", *ASKED[1:]]),
        (["Value", "New", "Code", "ID", "Voucher Type"], ["value", "New", "code", "id", ASKED[2]]),
        # A documented field that was not asked for.
        (["ID", "Code", "Voucher Type", "Value", "Campaign"], [*ASKED, "campaign"]),
        # The known labels prove the order, and so what the unknown one is.
        (["ID", "What?", "Voucher Type", "Value", "More", "Last"], [*ASKED, "More", "Last"]),
    ],
)
def test_new_columns_are_named_by_their_labels(header: list[str], expected: list[str]) -> None:
    assert match_fields("voucher", ASKED, header) == expected


@pytest.mark.parametrize(
    ("asked", "row"),
    [
        (ASKED, ["Anna Meijer", "Ede", "", "10"]),
        (ASKED, ["Anna Meijer", "Value", "Ede", "ID"]),
        ([*ASKED, "active"], ["Anna Meijer", "ID", "Ede", "Code"]),
        (["id", "metadata"], ["Anna Meijer", "Ede"]),
    ],
)
def test_what_may_be_a_customers_row_is_not_shown(asked: list[str], row: list[str]) -> None:
    with pytest.raises(HeaderError, match="does not show") as refused:
        match_fields("voucher", asked, row)
    assert "Anna" not in str(refused.value)
    assert "Ede" not in str(refused.value)


def test_a_label_that_nobody_knows_is_shown_among_those_that_are_known() -> None:
    with pytest.raises(HeaderError, match="'What\\?'"):
        match_fields("voucher", ASKED, ["Value", "ID", "Voucher Type", "What?"])
