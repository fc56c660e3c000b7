"""The intent of a load: the settings that shape a table's rows, noted with each export."""

from __future__ import annotations

from spaaza_source.loading.table_load import TableLoad

#: Write dispositions whose tables have columns, and rows, that no other disposition leaves there.
OF_THEIR_OWN = ("append", "scd2")


def describe_intent(load: TableLoad, strategy: str | None) -> dict[str, str]:
    """The settings by which a table's rows are what they are, beside what is asked of the vendor.

    Args:
        load: How the table is loaded.
        strategy: What the user has set of the write disposition; None where the source chooses.
    """
    own = strategy if strategy in OF_THEIR_OWN else "rows"
    return {**describe_settings(load), "write_disposition": own}


def describe_settings(load: TableLoad) -> dict[str, str]:
    """The same as far as the source's settings tell it, which do not know of `apply_hints`."""
    return {
        "column_types": load.read_settings.column_types,
        "privacy": load.privacy.fingerprint,
        "privacy_secret": load.privacy.secret_fingerprint,
    }
