"""The error of a key that does not tell a table's rows apart: what is in the file, what to do."""

from __future__ import annotations

from spaaza_source.errors import BrokenKeyError
from spaaza_source.exports import RELOAD, SyncPolicy
from spaaza_source.writing.keys.candidates import KeyViolation
from spaaza_source.writing.keys.cells import Key


def missing_key(table: str, key: Key) -> BrokenKeyError:
    """The error of a file that does not have the columns that told the table's rows apart."""
    return BrokenKeyError(
        f"the file has no column {', '.join(key)}, which has told the table's rows apart so far",
        where=table,
        hint=f"If the vendor has replaced it: {RELOAD}.",
    )


def shared_rows(table: str, policy: SyncPolicy | None) -> BrokenKeyError:
    """The error of windows that have rows in common which no column tells apart.

    Args:
        table: The table.
        policy: Which of its rows the load brings.
    """
    hint = "Name a primary_key that tells them apart"
    # Where all rows at once were too many for the vendor, they are no way out.
    if policy is not None and policy.start is not None:
        hint += f", or {policy.all_rows_hint}"
    return BrokenKeyError(
        "its windows share rows, and no column tells them apart", where=table, hint=f"{hint}."
    )


def shared_by_files(table: str, key: Key, rows: int) -> BrokenKeyError:
    """The error of files of the user's own that have so many rows in common."""
    return BrokenKeyError(
        f"the files share {_rows(rows)} by {', '.join(key)}, which tells apart those of each file",
        where=table,
        hint="Give files that have no rows in common.",
    )


def unmergeable(table: str, policy: SyncPolicy | None) -> BrokenKeyError:
    """The error of changed rows for a table whose rows nothing tells apart.

    Args:
        table: The table.
        policy: Which of its rows the load brings.
    """
    whole = policy.all_rows_hint if policy is not None else RELOAD
    return BrokenKeyError(
        "nothing tells the table's rows apart, so changed ones cannot be merged",
        where=table,
        hint=f"{whole[0].upper()}{whole[1:]}.",
    )


def broken_key(
    key: Key, violation: KeyViolation, misfits: int, *, is_users: bool, where: str
) -> BrokenKeyError:
    """The error of a key that is empty in rows, repeats, or does not fit its type.

    Args:
        key: The key.
        violation: Why it is none.
        misfits: In how many rows it does not fit its type: such a cell is NULL in its column.
        is_users: Whether the user has named it.
        where: The table, and where the first such row is.
    """
    misfits = min(misfits, violation.empty)
    empty = violation.empty - misfits
    faults = [
        f"does not fit its type in {_rows(misfits)}" if misfits else "",
        f"is empty in {_rows(empty)}" if empty else "",
        f"repeats that of an earlier row in {violation.repeated:,}" if violation.repeated else "",
    ]
    hint = "Name columns that tell the rows apart as primary_key."
    if misfits:
        hint = f"If the vendor has changed its form: {RELOAD}."
    elif not is_users:
        hint = f"{hint} If none do: {RELOAD}."
    return BrokenKeyError(
        f"the key {', '.join(key)} {' and '.join(filter(None, faults))}", where=where, hint=hint
    )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
