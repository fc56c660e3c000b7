"""The setting `retain_days`: how long rows stay in a table, and which tables it can hold for."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from numbers import Real
from typing import Any

from dlt.common import logger
from dlt.destinations.job_client_impl import SqlJobClientBase

from spaaza_source.destination import current_pipeline, is_files
from spaaza_source.errors import SettingsError, not_among, wrong_kind
from spaaza_source.exports import TableSync
from spaaza_source.settings import CENTURY_IN_DAYS, by_table, require_number

SETTING = "retain_days"
#: A load a day would keep nothing for less.
FEWEST = 1.0
_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class RetainDays:
    """How long rows stay.

    Attributes:
        every: In each table that has times; None for ever.
        by_table: In single tables, by name.
    """

    every: timedelta | None = None
    by_table: Mapping[str, timedelta] = field(default_factory=dict)

    def apply(
        self,
        sync: TableSync,
        times: Sequence[str],
        action_of: Callable[[str], str | None],
        *,
        as_text: bool,
    ) -> TableSync:
        """What a load has to bring of a table, with how long its rows stay.

        Args:
            sync: What the other settings say.
            times: The columns with the times that it is asked for by, as the header has them.
            action_of: What a privacy policy does with a column.
            as_text: Whether all its columns are text.

        Raises:
            SettingsError: It is named, and its rows cannot be told by their age; or later loads
                would look back further than it keeps rows.
        """
        keep = self.by_table.get(sync.table, self.every)
        if keep is None:
            return sync
        where = f"{SETTING} of {sync.table}"
        cause, hint = _find_obstacle(sync, times, action_of, as_text=as_text)
        if cause and sync.table in self.by_table:
            raise SettingsError(cause, where=where, hint=hint)
        if cause or sync.policy is None:
            return replace(sync, keeps_for_ever=cause)
        if keep < sync.policy.lag:
            raise SettingsError(
                f"loads look back {sync.policy.lag / timedelta(days=1):,.4g} days (lag), further"
                f" than the {keep / timedelta(days=1):,.4g} days that rows are kept",
                where=where,
                hint="Set a shorter lag, or keep rows for longer.",
            )
        return replace(sync, policy=replace(sync.policy, keep=keep))


def read_retain_days(given: Any, tables: Collection[str]) -> RetainDays:
    """The setting `retain_days`.

    Args:
        given: A number of days, or numbers by table; may be JSON text. None for ever.
        tables: All that may be named.

    Raises:
        SettingsError: It is neither, or names a table that there is not.
    """
    if given is None:
        return RetainDays()
    if isinstance(given, str) and _NUMBER.fullmatch(given.strip()):
        # From the environment it comes as a text.
        given = float(given)
    if isinstance(given, Real):
        return RetainDays(_read_days(SETTING, given))
    if not isinstance(given, Mapping) and not str(given).lstrip().startswith("{"):
        raise wrong_kind(SETTING, given, "a number of days, or a dict of these by table")
    days = {}
    for name, number in by_table(SETTING, given):
        table = name.strip().lower().replace("-", "_")
        if table not in tables:
            raise not_among(f"{SETTING} by table", name, tables)
        days[table] = _read_days(f"{SETTING} of {table}", number)
    return RetainDays(by_table=days)


def check_retention(sync: TableSync, strategy: str | None) -> None:
    """Check that rows of a table can be removed, within its resource, before any is asked for.

    Args:
        sync: What the load has to bring of it.
        strategy: What the user has set of the write disposition.

    Raises:
        SettingsError: They cannot.
    """
    policy, where = sync.policy, f"{SETTING} of {sync.table}"
    if sync.keeps_for_ever:
        logger.warning(f"{where}: {sync.keeps_for_ever}; all of its rows stay")
    if policy is None or policy.keep is None:
        return
    destination = current_pipeline().destination
    if is_files(destination) or not issubclass(destination.client_class, SqlJobClientBase):
        raise SettingsError(
            f"{destination.destination_name} tables cannot delete rows in the transaction that"
            " notes it",
            where=where,
            hint="Leave it out, or load into a database.",
        )
    if strategy == "insert-only" and policy.merges_changes:
        raise SettingsError(
            "insert-only leaves a row's times as they were, so its age is not known",
            where=where,
            hint="Leave out the write_disposition, or retain_days.",
        )
    if strategy in ("scd2", "cdc") and sync.collect_only:
        raise SettingsError(
            f"{strategy} would take rows of exports that are not finished for deleted",
            where=where,
            hint="Load without only_finished, or leave out retain_days.",
        )


def _read_days(where: str, given: Any) -> timedelta:
    return timedelta(days=require_number(where, given, least=FEWEST, most=CENTURY_IN_DAYS))


def _find_obstacle(
    sync: TableSync,
    times: Sequence[str],
    action_of: Callable[[str], str | None],
    *,
    as_text: bool,
) -> tuple[str, str]:
    """Why a table's rows cannot be told by their age, and what helps; empty where they can."""
    leave_out = "Leave this table out."
    if not times:
        return "no column tells the times of its rows, by which it would be asked for", leave_out
    if sync.policy is None:
        narrowed = f"Leave this table out, or its {sync.narrowed_by}."
        cause = "it always comes whole, so what is removed would come again"
        return cause, narrowed if sync.narrowed_by else leave_out
    if action_of(times[0]) in ("hash", "drop"):
        hint = f"List {times[0]!r} as keep in privacy, or leave this table out."
        return f"privacy hides its times, {times[0]!r}", hint
    if as_text:
        return f"column_types makes text of its times, {times[0]!r}", leave_out
    return "", ""
