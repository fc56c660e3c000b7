"""Airflow's operators for a backfill: each step gives its slot back until exports are ready.

For a DAG to import; `pipelines/airflow_dag.py` shows them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias, BaseOperator

from spaaza_source.airflow.settings import BackfillSettings, open_backfill, table_uri
from spaaza_source.errors import UnavailableError

if TYPE_CHECKING:
    from spaaza_source.backfill import Backfill, BackfillPart, Step, Waiting


class BackfillOperator(BaseOperator):
    """One task of a backfill.

    Its outlet may be an asset alias, under which each table is an asset once it was loaded.

    Args:
        settings: The backfill.
        most_open: How many exports may be open at the vendor at one time; None for any number.
        deferrable: Whether it gives its slot back while it waits, to Airflow's triggerer.
        given: What every operator takes.
    """

    def __init__(
        self,
        *,
        settings: BackfillSettings,
        most_open: int | None = None,
        deferrable: bool = True,
        **given: Any,
    ) -> None:
        super().__init__(**given)
        self.settings = settings
        self.most_open = most_open
        self.deferrable = deferrable

    def execute(self, context: Any) -> Any:
        """Do what can be done, then defer; or end."""
        return self._go_on(context, None, {}, "")

    def resume(self, context: Any, event: Any, loaded: dict[str, list[str]]) -> Any:
        """Go on where something has become ready.

        Args:
            context: Airflow's.
            event: The trigger's, with what was waited for, and how looking at it failed.
            loaded: What this task has loaded before, by table.
        """
        return self._go_on(context, event["waiting"], loaded, event["failure"])

    @abstractmethod
    def take_step(self, backfill: Backfill, waited: Waiting | None) -> Step:
        """Do what can be done without waiting."""

    def result(self, step: Step, loaded: Mapping[str, Sequence[str]]) -> Any:
        """What later tasks get: what was loaded, by table."""
        del step
        return loaded

    def news(self, loaded: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        """The windows that asset events tell of, by table."""
        return loaded

    def _go_on(
        self, context: Any, waited: Waiting | None, loaded: dict[str, list[str]], failure: str
    ) -> Any:
        backfill = open_backfill(self.settings)
        while True:
            step = self.take_step(backfill, waited)
            for table, windows in step.loaded.items():
                self.log.info("%s: loaded %s", table, ", ".join(windows))
                loaded = {**loaded, table: [*loaded.get(table, ()), *windows]}
            waited = step.waiting
            if waited is None:
                self._tell_assets(context, self.news(loaded))
                return self.result(step, loaded)
            self.log.info("%s exports are not ready", len(waited["jobs"]))
            if failure:
                # Deferred once more, it would be back at once.
                raise UnavailableError(
                    f"the triggerer could not look at the exports: {failure}",
                    where=self.task_id,
                    hint="The triggerer needs the same settings as the workers.",
                )
            if self.deferrable:
                self._defer(waited, loaded)
            backfill.wait(waited)

    def _defer(self, waiting: Waiting, loaded: dict[str, list[str]]) -> None:
        from spaaza_source.airflow.trigger import ExportsTrigger  # noqa: PLC0415

        trigger = ExportsTrigger(self.settings, waiting)
        self.defer(trigger=trigger, method_name="resume", kwargs={"loaded": loaded})

    def _tell_assets(self, context: Any, loaded: Mapping[str, Sequence[str]]) -> None:
        """One event for each table that was loaded, under each alias that is an outlet."""
        for alias in (outlet for outlet in self.outlets if isinstance(outlet, AssetAlias)):
            for table, windows in loaded.items():
                asset = Asset(table_uri(self.settings, table))
                context["outlet_events"][alias].add(asset, extra={"windows": list(windows)})


class PartsOperator(BackfillOperator):
    """A task that has to do with all parts of a backfill.

    Args:
        parts: The parts, as `Backfill.plan` gives them.
        given: As `BackfillOperator`.
    """

    template_fields: Sequence[str] = ("parts",)

    def __init__(self, *, parts: Any, **given: Any) -> None:
        super().__init__(**given)
        self.parts = parts


class BeginBackfill(PartsOperator):
    """Asks for all exports, and loads what must be there before parts are loaded side by side.

    Its result is the parts that are left.
    """

    def take_step(self, backfill: Backfill, waited: Waiting | None) -> Step:
        """As `Backfill.begin_ready`."""
        return backfill.begin_ready(list(self.parts), waited, most_open=self.most_open)

    def result(self, step: Step, loaded: Mapping[str, Sequence[str]]) -> list[BackfillPart]:
        """The parts that are left."""
        del loaded
        return step.left


class ReconcileBackfill(PartsOperator):
    """Checks that all rows are there, and loads what is missing, and what is new since."""

    def take_step(self, backfill: Backfill, waited: Waiting | None) -> Step:
        """As `Backfill.reconcile_ready`."""
        return backfill.reconcile_ready(list(self.parts), waited, most_open=self.most_open)


class LoadPart(BackfillOperator):
    """Loads one part, window by window, as its exports become ready.

    Args:
        part: The part; one of those that `BeginBackfill` gives.
        given: As `BackfillOperator`.
    """

    template_fields: Sequence[str] = ("part",)

    def __init__(self, *, part: Any, **given: Any) -> None:
        super().__init__(**given)
        self.part = part

    def take_step(self, backfill: Backfill, waited: Waiting | None) -> Step:
        """As `Backfill.load_ready`."""
        return backfill.load_ready(self.part, waited, most_open=self.most_open)

    def news(self, loaded: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        """All windows of the part: a try that was killed may have loaded some of them."""
        del loaded
        return {self.part["table"]: self.part["windows"] or [self.part["table"]]}
