"""The transactions of gift and loyalty cards: what each changes, and what the card holds then."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.sandbox.balances import settle
from spaaza_source.sandbox.columns import choose, code, only, pick, text, times
from spaaza_source.sandbox.voucherify.identities import ProjectWorld
from spaaza_source.sandbox.world import Flags, Rows

# The first half spends; the first of all comes with a redemption.
_GIFT_TYPES = ("CREDITS_REDEMPTION", "CREDITS_REMOVAL", "CREDITS_ADDITION", "CREDITS_REFUND")
_POINTS_TYPES = (
    "POINTS_REDEMPTION", "POINTS_REMOVAL", "POINTS_EXPIRATION", "POINTS_TRANSFER_OUT",
    "POINTS_ACCRUAL", "POINTS_REFUND", "POINTS_ADDITION", "POINTS_TRANSFER_IN",
)  # fmt: skip
_REASONS = (None,) * 6 + ("Klantenservice, NL", 'Actie "Lente"', "Vergoeding\nvoor café")
_SOURCES = ("API", "voucherify-web-ui", "Automation")
_MILLISECOND = 1_000


@dataclass(frozen=True)
class CardEntries:
    """Of each transaction its card, when it was and what it changed; credits in hundredths.

    `kinds` counts through the types of the card; `balances` is what the card holds after it.
    """

    cards: Rows
    moments: Rows
    kinds: Rows
    changes: Rows
    balances: Rows

    @property
    def are_redemptions(self) -> Flags:
        """Which of them come with a redemption."""
        redeemed: Flags = self.kinds == 0
        return redeemed


def card_entries(world: ProjectWorld) -> CardEntries:
    """All transactions; those of a card are at different moments, in the order of their rows."""
    rows = np.arange(world.sizes["voucher_transactions"])
    booked = world.moments("voucher_transactions", rows) // _MILLISECOND
    if len(rows):
        booked = np.maximum.accumulate(booked - rows) + rows
    booked = booked * _MILLISECOND
    cards = world.cards_by_then("card", rows, booked)
    # The first cards are younger than the first transactions.
    moments = np.maximum(booked, world.voucher_moments(cards) + (rows + 1) * _MILLISECOND)
    half = _types_of(world.is_loyalty(cards)) // 2
    kinds = world.below("type", rows, 2 * half)
    kinds = np.where((kinds == 0) & (redemptions_of(world, rows) < 0), 1, kinds)
    amounts = 50 + world.below("amount", rows, 2_000)
    wanted = np.where(kinds < half, -amounts, amounts)
    changes, balances = settle(cards, wanted, world.voucher_values(world.every("vouchers")))
    kinds = np.where((kinds < half) & (changes > 0), kinds + half, kinds)
    return CardEntries(cards, moments, kinds, changes, balances)


def redemptions_of(world: ProjectWorld, entries: Rows) -> Rows:
    """The redemption that a transaction may come with, of which no other does; -1 for none."""
    listed, booked = world.sizes["redemption"], max(world.sizes["voucher_transactions"], 1)
    redemptions = -(-entries * listed // booked)
    there = world.has_cards & (redemptions < listed)
    return np.where(there & (redemptions * booked // max(listed, 1) == entries), redemptions, -1)


def voucher_transactions(world: ProjectWorld, rows: Rows, entries: CardEntries) -> pa.Table:
    """The transactions with these row numbers; `details` is JSON."""
    card, kind, balance = entries.cards[rows], entries.kinds[rows], entries.balances[rows]
    points = world.is_loyalty(card)
    transfer = points & (kind % 4 == 3)  # noqa: PLR2004 - the last of each half
    there = world.has_cards
    kinds = pc.if_else(points, choose(_POINTS_TYPES, kind), choose(_GIFT_TYPES, kind))
    return pa.table(
        {
            "id": world.ids("vtx_", rows),
            "campaign_id": only(there, world.campaign_ids(card)),
            "voucher_id": only(there, world.ids("v_", card)),
            "type": kinds,
            "source_id": only(world.likely("source id", rows, 1 / 2), code(rows * 7, 8)),
            "reason": pick(_REASONS, world.chance("reason", rows)),
            "source": pick(_SOURCES, world.chance("source", rows)),
            "balance": balance,
            "amount": entries.changes[rows],
            "related_transaction_id": only(transfer, world.ids("vtx_", rows ^ 1)),
            "created_at": times(entries.moments[rows], "ms"),
            "details": text(
                '{"balance":{"type":"loyalty_card","total":',
                balance,
                ',"object":"balance"},"note":"café, \\"Noord\\""}',
            ),
        }
    )


def _types_of(points: Flags) -> Rows:
    return np.where(points, len(_POINTS_TYPES), len(_GIFT_TYPES))
