"""What entries change of wallets and cards, of which nobody spends more than is there.

A row's values otherwise follow from its number alone. A balance follows from all that came before:
so the entries of a shop are gone through once, for all the exports that read them.
"""

import numpy as np

from spaaza_source.sandbox.world import Rows


def settle(wallets: Rows, wanted: Rows, openings: Rows | None = None) -> tuple[Rows, Rows]:
    """What each entry changes of its wallet, and what the wallet holds after it.

    Who spends more than is there spends what is there; what would be spent of nothing is earned.

    Args:
        wallets: The wallet of each entry, a number from 0 on; entries are in the order of time.
        wanted: What each would change, not zero: below it, if it is spent.
        openings: What each wallet holds before its first entry, not below zero; or nothing.
    """
    if not len(wallets):
        return wanted, wanted
    order = in_groups(wallets)
    wallet, change = wallets[order], wanted[order]
    is_first = np.append(True, wallet[1:] != wallet[:-1])
    begin = np.flatnonzero(is_first)[np.cumsum(is_first) - 1]
    opening = np.zeros_like(change) if openings is None else openings[wallet]

    def added_up(changes: Rows) -> Rows:
        total: Rows = np.cumsum(changes) + opening
        before: Rows = (total - opening - changes)[begin]
        return total - before

    # Where the sum would be below zero, its lowest value so far is what was not there to spend.
    owed = np.minimum(added_up(change), 0)
    # So much apart, the lowest value of a wallet is not that of the one before it.
    apart = (np.cumsum(is_first) - 1) * (1 - int(owed.min()))
    lacking = np.minimum.accumulate(owed - apart) + apart
    held = added_up(change) - lacking
    changed = held - np.where(is_first, opening, np.append(0, held[:-1]))
    changed = np.where(changed == 0, np.abs(change), changed)
    changes, balances = np.empty_like(change), np.empty_like(change)
    changes[order], balances[order] = changed, added_up(changed)
    return changes, balances


def in_groups(groups: Rows) -> Rows:
    """The numbers of rows by their group, and within it in their order."""
    size = max(len(groups), 1)
    # Five times as fast as a stable sort of the groups.
    return np.sort(groups * size + np.arange(len(groups))) % size


def places(groups: Rows) -> Rows:
    """How many rows of its group stand before each row."""
    order = in_groups(groups)
    group = groups[order]
    is_first = np.append(True, group[1:] != group[:-1])[: len(group)]
    numbers = np.arange(len(group))
    found = np.empty_like(numbers)
    found[order] = numbers - np.maximum.accumulate(np.where(is_first, numbers, 0))
    return found
