"""Looks at a dataset, and holds each of its tables to the rules; no vendor is asked anything."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from spaaza_source.audit import STOPPED, Ledger, LoadedExport, audit_schema, read_ledger
from spaaza_source.destination import DELTA, can_count, fetch_chunks, is_files, open_client
from spaaza_source.errors import SettingsError
from spaaza_source.health.findings import Finding, HealthRules
from spaaza_source.health.invariants import check_model
from spaaza_source.health.metrics import measure_model, measure_table
from spaaza_source.health.rules import (
    check_discrepancies,
    check_failed,
    check_freshness,
    check_nulls,
    check_rejected,
    check_retention,
    check_volume,
)
from spaaza_source.health.table_loads import TableLoad, loads_of_table
from spaaza_source.telemetry import set_gauges, tell_health

#: By table: when each of its exports failed, and by what.
Failures = Mapping[str, list[tuple[datetime, str]]]


def check_health(
    pipeline: Any,
    tables: Collection[str] = (),
    rules: HealthRules | None = None,
    *,
    now: datetime | None = None,
) -> list[Finding]:
    """Hold the tables of a pipeline's dataset to rules, by what its audit tables tell of its loads.

    Args:
        pipeline: A dlt pipeline; its destination and dataset are read, and nothing else.
        tables: The tables; all that were ever loaded, or asked for in vain, if none is named.
        rules: What they are held to.
        now: The present instant, with its time zone; None for that of this machine's clock.

    Returns:
        The findings by table, at least one for each rule; then those of the model, if there is one
            and no table is named. Where the program uses OpenTelemetry, they are metrics too.

    Raises:
        SettingsError: Nothing was ever loaded into the dataset; or it cannot be asked.
    """
    rules, now = rules or HealthRules(), now or datetime.now(UTC)
    ledger, failures = _read(pipeline)
    if not ledger and not failures:
        raise SettingsError(
            "nothing was ever loaded into it",
            where=f"dataset {pipeline.dataset_name}",
            hint="Name the dataset and the database of your loads (--dataset, --db), or load first:"
            " spaaza load.",
        )
    named = list(tables) or sorted({*ledger, *failures})
    found, dataset = [], pipeline.dataset_name
    with tell_health(dataset) as told:
        for table in named:
            exports = ledger.get(table, [])
            loads = loads_of_table(exports)
            of_table = [
                check_freshness(table, loads, rules, now),
                *(_check_loads(table, exports, loads, rules) if loads else ()),
                check_failed(table, loads, failures.get(table, [])),
            ]
            set_gauges(measure_table(dataset, table, loads, of_table, rules))
            found += of_table
        # Tables that are named are asked for by themselves.
        of_model = [] if tables else check_model(pipeline, rules)
        set_gauges(measure_model(dataset, of_model))
        found += of_model
        told += [(each.table, each.rule) for each in found if each.level == "broken"]
    return found


def _check_loads(
    table: str, exports: Sequence[LoadedExport], loads: Sequence[TableLoad], rules: HealthRules
) -> Iterator[Finding]:
    """What is found of a table that was ever loaded, by its loads."""
    yield check_volume(table, loads, rules)
    yield from check_nulls(table, loads, rules)
    yield check_rejected(table, loads, rules)
    yield check_discrepancies(table, exports)
    if (retention := check_retention(table, loads)) is not None:
        yield retention


def _read(pipeline: Any) -> tuple[Ledger, Failures]:
    """The loads and failed exports of a dataset, by one query each."""
    table_format = DELTA if is_files(pipeline.destination) else None
    if not can_count(pipeline, table_format):
        raise SettingsError(
            "it has no tables that could be asked",
            where=f"destination {pipeline.destination.destination_name}",
            hint="Load into a database, or into Delta tables.",
        )
    failures: dict[str, list[tuple[datetime, str]]] = {}
    with open_client(pipeline, audit_schema(table_format), table_format) as client:
        ledger = read_ledger(client)
        name = client.make_qualified_table_name("failed_exports")
        query = f"SELECT table_name, failed_at, error FROM {name} WHERE error <> %s"  # noqa: S608
        try:
            rows = [
                row for part in fetch_chunks(client, query, STOPPED) for row in part.to_pylist()
            ]
        except DatabaseUndefinedRelation:
            # Nothing has ever failed there.
            rows = []
    for row in rows:
        at = row["failed_at"]
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        failures.setdefault(row["table_name"], []).append((at, row["error"]))
    return ledger, failures
