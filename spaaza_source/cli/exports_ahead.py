"""Begins the exports of the next chains while one is loaded, as far as the vendor's limit allows.

They are exports of the chain's own load, which takes them over: none is asked for twice. No other
process loads the chain meanwhile. What keeps a chain from being begun ahead is no error here: its
load meets it again, and tells of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self

from dlt.common import logger
from dlt.common.runtime.collector import NULL_COLLECTOR
from dlt.extract import DltSource

from spaaza_source.cli.next_load import has_jobs, list_syncs, split_by_task
from spaaza_source.cli.pipeline import locked_pipeline, reserved_pipeline
from spaaza_source.cli.target import Target
from spaaza_source.exports import ExportRun, Phase, SharedLimit, TableSync
from spaaza_source.loading import exports_of


@dataclass(frozen=True)
class _Begun:
    """A target whose turn has not ended.

    Attributes:
        source: Its source, whose exports may have begun.
        ending: Gives up what its load has not taken over.
    """

    source: DltSource
    ending: ExitStack


class ExportsAhead:
    """The exports of what one command loads, begun in the order of the loads; a context manager.

    All of them share the vendor's limit: no target's are asked for while an earlier one has some
    left to ask for.

    Args:
        targets: What is loaded, one after the other.
        settings: Further arguments of their sources.
        begins: Whether anything may begin ahead.
    """

    def __init__(
        self, targets: Sequence[Target], settings: Mapping[str, Any], *, begins: bool
    ) -> None:
        self._left = list(targets)
        self._settings = settings
        self._begins = begins and len(targets) > 1
        self._limit = SharedLimit()
        self._begun: dict[int | None, _Begun] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as held:
            for begun in self._begun.values():
                held.push(begun.ending)

    @contextmanager
    def turn(self, target: Target) -> Iterator[DltSource]:
        """The source of a target that is loaded now; meanwhile exports of the next ones begin.

        Raises:
            SettingsError: The settings of the target are wrong.
        """
        self._left.remove(target)
        begun = self._begin(target)
        try:
            for each in self._left[: self._reach(target, begun.source)]:
                self._try_to_begin(each)
            yield begun.source
        finally:
            del self._begun[target.chain]
            begun.ending.close()

    def _reach(self, target: Target, source: DltSource) -> int:
        """How many of the next targets to begin: so many exports as may run at one time.

        Not more, as what is exported waits for its load, and grows old.
        """
        if not self._begins or not has_jobs(target, source):
            return 0
        return -(-exports_of(source).run.most // len(target.tables))

    def _try_to_begin(self, target: Target) -> None:
        try:
            self._begin(target)
        except Exception as failure:  # noqa: BLE001 - its load raises it, under its own name
            logger.info(f"{_name(target)}: nothing is begun ahead: {failure}")

    def _begin(self, target: Target) -> _Begun:
        if target.chain in self._begun:
            return self._begun[target.chain]
        source = target.source(**self._settings)
        begun = self._begun[target.chain] = _Begun(source, ExitStack())
        if self._begins and has_jobs(target, source):
            run = exports_of(source).run
            run.share(self._limit, _name(target))
            begun.ending.callback(run.leave)
            begun.ending.callback(_give_up, target, run)
            try:
                begun.ending.enter_context(reserved_pipeline(target))
                run.begin_ahead(_list_ahead(target, source))
            except Exception as failure:  # noqa: BLE001 - as above
                logger.info(f"{_name(target)}: nothing is begun ahead: {failure}")
        return begun


def _list_ahead(target: Target, source: DltSource) -> list[TableSync]:
    """What of a target may be asked for ahead of its load.

    Raises:
        LargePlanError: It is more than is asked for without a person's consent.
    """
    with locked_pipeline(target, NULL_COLLECTOR) as pipeline:
        if pipeline.has_pending_data:
            # What an interrupted load brings is not exported once more.
            return []
        parts, _ = split_by_task(target, pipeline, source)
        own = [part for part in parts if not part.task]
        if not own:
            return []
        syncs = list_syncs(target, source.with_resources(*own[0].tables), pipeline)
    syncs = [sync for sync in syncs if sync.adopt_job is None and not sync.collect_only]
    for sync in syncs:
        exports_of(source).run.submitter.check_size(sync)
    return syncs


def _give_up(target: Target, run: ExportRun) -> None:
    """Give up what was begun ahead and no load has taken over; say what becomes of it."""
    left = [export for table in run.drop_ahead() for export in table.exports]
    jobs = [each.job.job_id for each in left if each.phase in (Phase.EXPORTING, Phase.READY)]
    if jobs:
        logger.warning(
            f"{_name(target)}: {len(jobs)} of the vendor's jobs were begun ahead and are not"
            f" loaded; the next run adopts them: {', '.join(jobs)}"
        )


def _name(target: Target) -> str:
    return f"chain {target.chain}"
