"""The error of a key that does not tell a table's rows apart: what is in the file, what to do."""

from __future__ import annotations

from spaaza_source.audit import reload_hint
from spaaza_source.errors import BrokenKeyError
from spaaza_source.writing.keys import Key, KeyViolation

#: What works where a key has come to its end: what is remembered of the table is dropped with it.
_ANEW = f"{reload_hint(None)[0].lower()}{reload_hint(None)[1:]}"


def missing_key(table: str, key: Key) -> BrokenKeyError:
    """The error of a file that does not have the columns that told the table's rows apart."""
    return BrokenKeyError(
        f"the file has no column {', '.join(key)}, which has told the table's rows apart so far",
        where=table,
        hint=f"If the vendor has replaced it: {_ANEW}",
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
        hint = f"If the vendor has changed its form: {_ANEW}"
    elif not is_users:
        hint = f"{hint} If none do: {_ANEW}"
    return BrokenKeyError(
        f"the key {', '.join(key)} {' and '.join(filter(None, faults))}", where=where, hint=hint
    )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
