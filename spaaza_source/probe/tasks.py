"""The tasks of a probe: each exports a few rows, or none.

Vendor documents: export guides and segment filters; see `spaaza.indexes` for the fields.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from spaaza_source.exports import ExportRequest
from spaaza_source.spaaza import INDEXES

#: Of a table with times, so long a window is exported, that ended so long ago: rows of then are
#: there on both sides of its bounds.
LENGTH, AGO = timedelta(days=1), timedelta(days=2)
#: Where a table has no row of then: the time that is asked for once more.
LONGER = timedelta(days=60)
#: A day in which no row can be.
NEVER = (datetime(2100, 1, 1), datetime(2100, 1, 2))  # noqa: DTZ001 - only its text is used
#: The field by which each table is narrowed; the catalogue by a word that none has.
TIME_FIELDS = {
    "transactions": "timestamp",
    "wallet_ledger": "timestamp",
    "vouchers": "date_time_creation",
    "users": "created_date",
}
CATALOGUE = ("products", "product_variants")
NO_CATEGORY = "no such category: a probe of spaaza_source"
#: What is asked where a row's time is known: what the filter means, its bounds, and its seconds.
EDGES = (
    "two seconds, the row amid them",
    "an hour that ends at the row",
    "an hour that begins at the row",
    "a second, two after the row",
)
#: Halvings after which one of the time zones between UTC-14 and UTC+14 is left, and proved.
MOST_SEARCHES = 8
#: The first tasks, one for a longer time, those of `EDGES`, and where these say not UTC, a search.
MOST_TASKS = 1 + len(TIME_FIELDS) + len(CATALOGUE) + 1 + len(EDGES) + MOST_SEARCHES


def describe_tasks() -> list[str]:
    """What a probe creates, a line for each task."""
    days = f"the day that ended {AGO.days} days ago"
    return [
        "transactions of a day in 2100: how nothing looks, and whether a task of the past runs",
        *(
            f"{table} by {field}, {days}: header, times, keys"
            for table, field in TIME_FIELDS.items()
        ),
        *(f"{table} of a category that is none: its header" for table in CATALOGUE),
        f"transactions of the {LONGER.days} days before, if that day has none",
        *(f"of the first table with rows, {edge}: what its filter means" for edge in EDGES),
        *(
            f"the same row, if its filter does not mean UTC: its time zone, step {number + 1}"
            for number in range(MOST_SEARCHES)
        ),
    ]


def request_never(chain: int) -> ExportRequest:
    """The request for rows of a time in which there are none."""
    start, end = (f"{day:%Y-%m-%dT%H:%M:%SZ}" for day in NEVER)
    return _request("transactions", chain, _between("timestamp", start, end))


def request_day(table: str, chain: int, start: datetime, end: datetime) -> ExportRequest:
    """The request for a table's rows between two instants in whole seconds."""
    texts = (f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in (start, end))
    return _request(table, chain, _between(TIME_FIELDS[table], *texts))


def request_none(table: str, chain: int) -> ExportRequest:
    """The request for rows of the catalogue, of no category."""
    rule = {
        "field_name": "category",
        "field_type": "keyword",
        "operator": "is",
        "value": NO_CATEGORY,
    }
    return _request(table, chain, rule)


def _between(field: str, start: str, end: str) -> dict[str, Any]:
    return {
        "field_name": field,
        "field_type": "date",
        "operator": "is_between_date",
        "start_date": start,
        "end_date": end,
    }


def _request(table: str, chain: int, rule: dict[str, Any]) -> ExportRequest:
    index = INDEXES[table].export_index
    segment = {
        "entity": "people",
        "index": index,
        "join": "all",
        "chain_id": chain,
        "rules": [rule],
    }
    return ExportRequest(table, index, str(chain), selection={"segment": segment})
