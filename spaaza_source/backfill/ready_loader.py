"""Loads the parts of a backfill as far as their exports are ready; it waits for none of them.

Whoever calls it gives its place away in between, and comes back once `ExportWatch` says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from spaaza_source.audit import read_ledger
from spaaza_source.backfill.part_loader import PartLoader, adopt_since
from spaaza_source.backfill.parts import (
    BackfillPart,
    Waiting,
    narrow,
    start_of,
    windows_of,
)
from spaaza_source.destination import open_client
from spaaza_source.exports import ExportSubmitter, Outlook, TableSync
from spaaza_source.loading import exports_of, resume_tables
from spaaza_source.windows import Window, iso


@dataclass
class Step:
    """What one step of a backfill has done, and what is to come.

    Attributes:
        loaded: The windows that were loaded now, by table; of a table that comes whole its name.
        left: The parts that are not loaded yet.
        waiting: What the next step waits for; None where nothing is left of what was asked for.
    """

    loaded: dict[str, list[str]] = field(default_factory=dict)
    left: list[BackfillPart] = field(default_factory=list)
    waiting: Waiting | None = None

    def add(self, table: str, windows: Sequence[str]) -> None:
        """Note windows that were loaded."""
        if windows:
            self.loaded.setdefault(table, []).extend(windows)


@dataclass(frozen=True)
class ReadyLoader:
    """Loads what is ready, and asks for what is missing.

    Attributes:
        loader: Loads the parts.
        most_open: How many jobs may be open at the vendor at one time; None for any number.
        waited: What was waited for before this step; None for a first one.
    """

    loader: PartLoader
    most_open: int | None
    waited: Waiting | None

    def ask(self, parts: Sequence[BackfillPart]) -> list[Outlook]:
        """Ask for all that is missing; how far the windows are that are not loaded."""
        left = self.loader.find_left(parts)
        first = next(self.loader.find_first(left), None)
        return [] if first is None else self._ask(self._with_first(first, left))

    def begin(self, parts: Sequence[BackfillPart]) -> Step:
        """Ask for all parts, and load what must be there before they are loaded side by side."""
        step = Step(left=self.loader.find_left(parts))
        for first in self.loader.find_first(step.left):
            outlook, *_ = self._ask(self._with_first(first, step.left))
            if not outlook.is_ready:
                step.waiting = self._waiting(first, [outlook])
                return step
            step.add(first["table"], self.loader.load_part(first))
        step.left = self.loader.find_left(step.left)
        return step

    def load(self, parts: Sequence[BackfillPart]) -> Step:
        """Load what is ready of some parts, until nothing more is."""
        step = Step()
        while windows := self._windows_left(parts):
            outlooks = self._ask(windows)
            ready = [
                (part, outlook)
                for part, outlook in zip(windows, outlooks, strict=True)
                if outlook.is_ready
            ]
            if not ready:
                step.left = list(windows)
                step.waiting = self._waiting(windows[0], outlooks)
                break
            # What the vendor exported later may have newer versions of the same rows.
            ready.sort(key=lambda each: each[1].finished_at if each[1].sync.merges_changes else 0)
            for part in _join(part for part, _ in ready):
                step.add(part["table"], self.loader.load_part(part))
        return step

    def load_up_to_now(self, tables: Sequence[str], start: object) -> Step:
        """Load some tables from where they end, once their exports are ready."""
        step, loader = Step(), self.loader
        source = loader.make_source(start, None, tables)
        exports = exports_of(source)
        submitter = exports.run.submitter
        syncs = resume_tables(exports.loads, loader.pipeline, loader.pipeline.schemas[source.name])
        # Where no export of an earlier run may be used, there is none to wait for.
        outlooks = submitter.ask(syncs, waited=self._waited_ids()) if submitter.max_age else []
        if not all(outlook.is_ready for outlook in outlooks):
            step.waiting = Waiting(
                table=tables[0],
                since=iso(submitter.now() - submitter.max_age),
                jobs=[outlook.job_ids for outlook in outlooks if not outlook.is_ready],
                open_below=None,
            )
            return step
        loader.pipeline.run(source)
        for sync in syncs:
            step.add(sync.table, [str(sync.range_at(submitter.now()))])
        return step

    def _with_first(self, first: BackfillPart, left: Sequence[BackfillPart]) -> list[BackfillPart]:
        """The windows that are left, with one before the others: a vendor begins with that."""
        return [first, *(each for each in self._windows_left(left) if each != first)]

    def _windows_left(self, parts: Iterable[BackfillPart]) -> list[BackfillPart]:
        """The windows of parts that are not loaded yet, each as a part."""
        return [narrow(part, window) for part, window in self.loader.windows_left(parts)]

    def _ask(self, windows: Sequence[BackfillPart]) -> list[Outlook]:
        """How far the exports of windows are; those that are missing are asked for."""
        if not windows:
            return []
        tables = list(dict.fromkeys(part["table"] for part in windows))
        start = next((begin for part in windows if (begin := start_of(part))), None)
        source = self.loader.make_source(start, None, tables)
        exports = exports_of(source)
        submitter = exports.run.submitter
        submitter.adopt_since = adopt_since(windows[0], submitter)
        loaded = self._loaded_ids(source.name, tables)
        syncs = [
            _sync_of(exports.loads[part["table"]].sync, window, loaded[part["table"]])
            for part in windows
            for window in windows_of(part)
        ]
        return submitter.ask(syncs, most_open=self.most_open, waited=self._waited_ids())

    def _loaded_ids(self, source: str, tables: Sequence[str]) -> dict[str, list[str]]:
        """The ids of the jobs whose rows are loaded: no load takes them again."""
        if source not in self.loader.pipeline.schema_names:
            return {table: [] for table in tables}
        with open_client(self.loader.pipeline, source) as client:
            ledger = read_ledger(client)
        return {table: [each.job_id for each in ledger.get(table, [])] for table in tables}

    def _waited_ids(self) -> Collection[str]:
        return {job for jobs in self.waited["jobs"] for job in jobs} if self.waited else set()

    def _waiting(self, part: BackfillPart, outlooks: Sequence[Outlook]) -> Waiting:
        submitter = _submitter_of(self.loader, part)
        return Waiting(
            table=part["table"],
            since=iso(adopt_since(part, submitter)),
            jobs=[outlook.job_ids for outlook in outlooks if not outlook.missing],
            open_below=self.most_open if any(each.missing for each in outlooks) else None,
        )


def _submitter_of(loader: PartLoader, part: BackfillPart) -> ExportSubmitter:
    return exports_of(loader.make_source(start_of(part), None, [part["table"]])).run.submitter


def _sync_of(sync: TableSync, window: Window | None, loaded: Collection[str]) -> TableSync:
    """What the load of one window brings."""
    if window is None or sync.policy is None:
        return replace(sync, loaded=loaded)
    policy = replace(sync.policy, start=window.start, end=window.end)
    return replace(sync, policy=policy, is_range=True, loaded=loaded)


def _join(windows: Iterable[BackfillPart]) -> list[BackfillPart]:
    """One part for each table, with all of its windows."""
    joined: dict[str, BackfillPart] = {}
    for part in windows:
        table = part["table"]
        before = joined[table]["windows"] if table in joined else []
        joined[table] = {**part, "windows": [*before, *part["windows"]]}
    return list(joined.values())
