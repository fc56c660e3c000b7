"""How long rows stay in a table, by their time: the setting, the rows in SQL, and what is left."""

from spaaza_source.retention.age import Age, age_of
from spaaza_source.retention.package_note import Removal, note_removal, read_removals
from spaaza_source.retention.settings import RetainDays, check_retention, read_retain_days

__all__ = [
    "Age",
    "Removal",
    "RetainDays",
    "age_of",
    "check_retention",
    "note_removal",
    "read_removals",
    "read_retain_days",
]
