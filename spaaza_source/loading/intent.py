"""The intent of a load: the settings that shape a table's rows, noted with each export."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

from spaaza_source.loading.table_load import TableLoad
from spaaza_source.writing import contract_modes, has_own_steps

#: Write dispositions whose tables have columns, or rows, that no other disposition leaves there.
OF_THEIR_OWN = ("append", "insert-only", "scd2")
#: What a contract keeps out of a table is not asked for again once it is lifted.
CONTRACT = "schema_contract"
#: The setting by which windows are cut, and so no export of all rows.
TIME_COLUMNS = "time_columns"
#: For how many days rows stay in the table; empty for ever.
RETAIN_DAYS = "retain_days"
#: Whether the user's own steps, or hints of columns, may have changed the rows.
OWN_STEPS = "own_steps"


def describe_intent(load: TableLoad, strategy: str | None) -> dict[str, str]:
    """The settings by which a table's rows are what they are, beside what is asked of the vendor.

    Args:
        load: How the table is loaded.
        strategy: What the user has set of the write disposition; None where the source chooses.
    """
    own = strategy if strategy in OF_THEIR_OWN else "rows"
    return {
        **describe_settings(load),
        "write_disposition": own,
        CONTRACT: _describe_contract(),
        OWN_STEPS: "yes" if has_own_steps() else "",
    }


def describe_settings(load: TableLoad) -> dict[str, str]:
    """The same as far as the source's settings tell it, which do not know of `apply_hints`."""
    keep = load.sync.policy and load.sync.policy.keep
    kept = {RETAIN_DAYS: repr(keep / timedelta(days=1))} if keep else {}
    return {
        **kept,
        "column_types": load.read_settings.types.setting,
        TIME_COLUMNS: load.time_column or "",
        "privacy": load.privacy.fingerprint,
        "privacy_secret": load.privacy.secret_fingerprint,
    }


def narrow_intent(intent: Mapping[str, str], *, has_window: bool) -> dict[str, str]:
    """The settings of a load that shape the rows of one of its exports.

    Args:
        intent: The load's.
        has_window: Whether the export has a window, whose rows are cut out of its file.
    """
    return {name: value for name, value in intent.items() if has_window or name != TIME_COLUMNS}


def contradicts(name: str, before: str, now: str) -> bool:
    """Whether rows that a setting has shaped are not as it would shape them now.

    Args:
        name: The setting.
        before: What an export was noted with.
        now: What the settings say.
    """
    if name == CONTRACT and not before:
        # One that is new leaves the rows as they are.
        return False
    if name == TIME_COLUMNS and not (before and now):
        # No row was cut out, or none will be: another setting has done that, and tells so itself.
        return False
    if name in (OWN_STEPS, RETAIN_DAYS):
        # What steps do cannot be compared; and the ledger tells which rows are not kept.
        return False
    return before != now


def _describe_contract() -> str:
    """What dlt's contract discards of the table; empty for nothing. Within its resource."""
    modes = contract_modes().items()
    discards = {entity: mode for entity, mode in modes if mode.startswith("discard")}
    return json.dumps(discards, sort_keys=True) if discards else ""
