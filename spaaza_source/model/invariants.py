"""What must hold between exports, asked of a model's views: balances, redemptions, the book.

The keys of what is wrong are customers' data: they are told only to who asks for them.
"""

from __future__ import annotations

from dataclasses import dataclass

from spaaza_source.model.book import BOOK
from spaaza_source.model.dataset import Dataset
from spaaza_source.model.settled import VIEWS


@dataclass(frozen=True)
class Finding:
    """How often something holds that must.

    Attributes:
        name: Which invariant.
        meaning: What must hold, a sentence.
        checked: How many members, vouchers, entries or rows it was asked of.
        wrong: For how many of them it does not hold.
        keys: The first of these, as many as were asked for.
    """

    name: str
    meaning: str
    checked: int
    wrong: int
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Invariant:
    """SQL with `key` and `is_wrong`, and the views and tables that it reads."""

    name: str
    meaning: str
    needs: tuple[str, ...]
    sql: str


_BY_MEMBER = (
    "SELECT m.member_id AS key, m.{balance} <> coalesce(e.held, 0) AS is_wrong"
    " FROM {{members}} AS m LEFT JOIN (SELECT member_id, sum({change}) AS held"
    " FROM {{wallet_entries}} WHERE unit = '{unit}' GROUP BY member_id) AS e"
    " ON e.member_id = m.member_id WHERE m.{balance} IS NOT NULL"
)
#: All of them.
INVARIANTS = (
    _Invariant(
        "member_balance",
        "A member's entries of money add up to the balance.",
        ("members", "wallet_entries"),
        _BY_MEMBER.format(balance="balance", change="amount", unit="money"),
    ),
    _Invariant(
        "member_points",
        "A member's entries of points add up to the balance of points.",
        ("members", "wallet_entries"),
        _BY_MEMBER.format(balance="points_balance", change="points", unit="points"),
    ),
    _Invariant(
        "card_balance",
        "The entries of a card add up to its balance.",
        ("vouchers", "wallet_entries"),
        "SELECT v.voucher_id AS key, coalesce(v.points_balance, v.balance) <> coalesce(e.held, 0)"
        " AS is_wrong FROM {vouchers} AS v LEFT JOIN (SELECT wallet_id,"
        " sum(coalesce(points, amount)) AS held FROM {wallet_entries} GROUP BY wallet_id) AS e"
        " ON e.wallet_id = v.voucher_id"
        " WHERE v.points_balance IS NOT NULL OR v.balance IS NOT NULL",
    ),
    _Invariant(
        "voucher_redemptions",
        "A voucher counts as many redemptions as are listed of it.",
        ("vouchers", "voucher_events"),
        "SELECT v.voucher_id AS key, v.redemptions <> coalesce(e.used, 0) AS is_wrong"
        " FROM {vouchers} AS v LEFT JOIN (SELECT voucher_id, sum(CASE event WHEN 'redeemed' THEN 1"
        " ELSE -1 END) AS used FROM {voucher_events} WHERE event IN ('redeemed', 'corrected')"
        " GROUP BY voucher_id) AS e ON e.voucher_id = v.voucher_id"
        " WHERE v.redemptions IS NOT NULL",
    ),
    _Invariant(
        "redemption_voucher",
        "A redemption is of a voucher that is there.",
        ("voucher_events",),
        "SELECT code AS key, voucher_id IS NULL AS is_wrong FROM {voucher_events}"
        " WHERE event = 'redeemed'",
    ),
    _Invariant(
        "redemption_basket",
        "The basket that a voucher was redeemed in is there.",
        ("vouchers", "baskets"),
        "SELECT v.voucher_id AS key, b.basket_id IS NULL AS is_wrong FROM {vouchers} AS v"
        " LEFT JOIN (SELECT DISTINCT basket_id FROM {baskets}) AS b ON b.basket_id = v.basket_id"
        " WHERE v.basket_id IS NOT NULL",
    ),
    _Invariant(
        "voucher_amount",
        "A voucher is not redeemed for more than was issued.",
        ("voucher_events",),
        "SELECT voucher_id AS key, sum(amount) < 0 AS is_wrong FROM {voucher_events}"
        " WHERE amount IS NOT NULL GROUP BY voucher_id",
    ),
    _Invariant(
        "redeemed_time",
        "A redeemed voucher tells when it was.",
        ("vouchers",),
        "SELECT voucher_id AS key, redeemed_at IS NULL AS is_wrong FROM {vouchers}"
        " WHERE lower(status) = 'redeemed'",
    ),
    _Invariant(
        "voucher_event_time",
        "What happens to a voucher of money has a time, without which it is not in the book.",
        ("voucher_events",),
        "SELECT voucher_id AS key, happened_at IS NULL AS is_wrong FROM {voucher_events}"
        " WHERE amount IS NOT NULL",
    ),
    _Invariant(
        "wallet_entry_time",
        "An entry of a wallet has a time, without which it is not in the book.",
        ("wallet_entries",),
        "SELECT coalesce(entry_id, member_id) AS key, happened_at IS NULL AS is_wrong"
        " FROM {wallet_entries}",
    ),
    _Invariant(
        "basket_row",
        "A basket is one row: of one row for each item, totals would count too often.",
        ("baskets",),
        "SELECT basket_id AS key, count(*) > 1 AS is_wrong FROM {baskets}"
        " WHERE basket_id IS NOT NULL GROUP BY basket_id",
    ),
    _Invariant(
        "book_chain",
        "The liability book opens each row with what the one before closed with.",
        (BOOK,),
        "SELECT CAST(day AS TEXT) AS key, opening <> lag(closing, 1, CAST(0 AS DECIMAL(38, 4)))"
        " OVER (PARTITION BY kind, campaign, currency ORDER BY day, adjusts NULLS LAST)"
        " OR closing <> opening + issued - redeemed - expired + corrected AS is_wrong"
        " FROM {liability_book}",
    ),
)


def check_invariants(dataset: Dataset, keys: int = 0) -> list[Finding]:
    """Ask all that can be asked of the model of a dataset; nothing, if it has none.

    Args:
        dataset: It is only read.
        keys: How many keys of what is wrong to tell, of each invariant.

    Returns:
        A finding for each invariant that was asked of at least one row.
    """
    there = {name for name in (*VIEWS, BOOK) if dataset.has(name)}
    names = {name: dataset.modelled(name) for name in there}
    findings = []
    for one in INVARIANTS:
        if not there.issuperset(one.needs):
            continue
        asked = f"({one.sql.format(**names)}) AS asked"
        ((checked, wrong),) = dataset.rows(
            f"SELECT count(*), count(CASE WHEN is_wrong THEN 1 END) FROM {asked}"
        )
        if not checked:
            continue
        found: list[str] = []
        if wrong and keys:
            listed = dataset.rows(
                f"SELECT DISTINCT key FROM {asked} WHERE is_wrong AND key IS NOT NULL"
                f" ORDER BY key LIMIT {keys:d}"
            )
            found = [str(key) for (key,) in listed]
        findings.append(Finding(one.name, one.meaning, int(checked), int(wrong), tuple(found)))
    return findings
