"""Runs the tasks of a probe, and reads their answers out of the files."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc

from spaaza_source.configuration import with_settings
from spaaza_source.errors import FileError, SpaazaSourceError
from spaaza_source.exports import (
    Export,
    ExportRequest,
    ExportRun,
    PollSettings,
    TableSync,
    process_folder,
)
from spaaza_source.probe.answers import Answers
from spaaza_source.probe.edges import Ask, Rows, ask_edges, choose_moment
from spaaza_source.probe.tasks import (
    AGO,
    CATALOGUE,
    LENGTH,
    LONGER,
    TIME_FIELDS,
    request_day,
    request_never,
    request_none,
)
from spaaza_source.spaaza import (
    INDEXES,
    SpaazaCredentials,
    SpaazaExports,
    TasksApi,
    make_client,
    require_chain,
    require_credentials,
)
from spaaza_source.tabular import CsvFile, open_csv
from spaaza_source.transport import parse_base_url
from spaaza_source.windows import Window

#: Seconds after which a task that was due and still waits is executed.
PATIENCE = 60.0
#: A task whose time has passed was to run so long ago.
PAST = timedelta(minutes=-5)
#: Of so many rows one is chosen.
MOST_MOMENTS = 100_000
#: No filter by local time is further away.
FURTHEST = timedelta(hours=26)


@with_settings("spaaza")
def connect(
    base_url: str = dlt.config.value,
    chain_id: int = dlt.config.value,
    credentials: SpaazaCredentials = dlt.secrets.value,
    poll_interval: float = 15.0,
    export_timeout: float = 3600.0,
) -> tuple[TasksApi, int, PollSettings]:
    """The vendor to probe, the chain, and how its tasks are waited for. As for `spaaza_source`.

    Raises:
        SettingsError: A setting is missing or wrong.
    """
    chain = require_chain(chain_id)
    client = make_client(parse_base_url(base_url), chain, require_credentials(credentials))
    poll = PollSettings(poll_interval, None, export_timeout, stagger=1.0, execute_after=PATIENCE)
    return TasksApi(client), chain, poll


def answer_questions(api: TasksApi, chain: int, poll: PollSettings) -> Answers:
    """Create the tasks of a probe, wait for them, and read their answers.

    Args:
        api: The Tasks API.
        chain: The chain.
        poll: How they are waited for.

    Raises:
        SpaazaSourceError: The vendor could not be asked, or refused; an export that fails is an
            answer.
    """
    answers = Answers()
    # Its answer shows the vendor's clock.
    api.list_tasks(action="export", limit=1)
    now = api.http.now().replace(microsecond=0)
    past = _Tasks(api, chain, poll, start_margin=PAST)
    future = _Tasks(api, chain, poll, start_margin=timedelta(seconds=2))
    past.begin("never", request_never(chain))
    start = (now - AGO - LENGTH).replace(minute=0, second=0)
    for table in TIME_FIELDS:
        future.begin(table, request_day(table, chain, start, start + LENGTH))
    for table in CATALOGUE:
        future.begin(table, request_none(table, chain))
    nothing = past.file("never", answers)
    if nothing is not None:
        answers.nothing = "zero bytes" if not nothing.file().size else "header"
    answers.runs_past = past.runs_by_itself
    day = Window(start, start + LENGTH)
    found = {table: (day, _read_table(table, future, answers, day)) for table in TIME_FIELDS}
    for table in CATALOGUE:
        _note_header(table, future.file(table, answers), answers)
    answers.runs_future = future.runs_by_itself
    if found["transactions"][1] is None and "transactions" not in answers.failed:
        longer = Window(start - LONGER, start)
        future.begin("longer", request_day("transactions", chain, start - LONGER, start))
        sales = _read_table("transactions", future, answers, longer, task="longer")
        found["transactions"] = (longer, sales)
    for table, (window, instants) in found.items():
        if instants is not None:
            some = instants.unique()[:MOST_MOMENTS].to_pylist()
            moment = choose_moment(each.astimezone(UTC) for each in some)
            ask = _make_ask(future, chain, table, answers)
            ask_edges(ask, moment, window, _range_of(instants), answers)
            break
    answers.queue_seconds = future.queue_seconds
    for tasks in (past, future):
        tasks.remove_files()
    return answers


class _Tasks:
    """Tasks that are created and awaited together."""

    def __init__(
        self, api: TasksApi, chain: int, poll: PollSettings, *, start_margin: timedelta
    ) -> None:
        service = SpaazaExports(api, chain, start_margin=start_margin)
        self._run = ExportRun(service, process_folder, poll)
        self._exports: dict[str, Any] = {}
        self._done: list[Export] = []

    def begin(self, name: str, request: ExportRequest) -> None:
        sync = TableSync(name, lambda _: request, ignore_existing=True)
        self._exports[name] = self._run.begin(sync)

    def file(self, name: str, answers: Answers) -> Export | None:
        """The export of a task, once its file is there; None, and noted, where it failed."""
        exports = self._exports[name]
        self._run.wait(exports)
        try:
            export: Export = exports.require_current()[0]
        except SpaazaSourceError as failure:
            answers.failed[name] = failure.cause
            return None
        self._done.append(export)
        return export

    @property
    def runs_by_itself(self) -> bool | None:
        """Whether tasks began without being executed; None where none was done."""
        if not self._done:
            return None
        executed = self._run.executed
        return not any(export.job.job_id in executed for export in self._done)

    @property
    def queue_seconds(self) -> float | None:
        waits = [
            (
                export.job.started_at - max(export.begun_at, export.job.due_at or export.begun_at)
            ).total_seconds()
            for export in self._done
            if export.job.started_at is not None
        ]
        return max(0.0, statistics.median(waits)) if waits else None

    def remove_files(self) -> None:
        for exports in self._exports.values():
            self._run.drop(exports)


def _open(export: Export | None) -> CsvFile | None:
    """A task's file as a table; None where it has no header, or cannot be read."""
    if export is None or not export.file().size:
        return None
    try:
        return open_csv(export.file().path)
    except FileError:
        return None


def _note_header(table: str, export: Export | None, answers: Answers) -> CsvFile | None:
    file = _open(export)
    if file is not None:
        answers.headers[table] = [column.header for column in file.columns]
    return file


def _read_table(
    table: str, tasks: _Tasks, answers: Answers, window: Window, task: str | None = None
) -> Any:
    """What a table's rows of a window tell; their instants, where there are some."""
    file = _note_header(table, tasks.file(task or table, answers), answers)
    if file is None or not file.rows:
        return None
    rows = pa.concat_tables(file.tables())
    for key in INDEXES[table].keys or ("id",):
        cells = rows.column(key) if key in rows.column_names else None
        if cells is not None and not cells.null_count and len(cells.unique()) == len(cells):
            answers.keys[table] = [key]
            break
    found = _find_times(table, rows, window)
    if found is None:
        return None
    answers.time_columns[table], instants = found
    low, high = _range_of(instants)
    outside = max(window.begin - low, high - window.end, timedelta(0))
    answers.shift = max(outside, answers.shift or timedelta(0))
    return instants


def _find_times(table: str, rows: Any, window: Window) -> tuple[str, Any] | None:
    """The column with the filter's times: that of its name, or the only one that could be."""
    near: Mapping[str, Any] = {
        name: instants
        for name, column in zip(rows.column_names, rows.columns, strict=True)
        if pa.types.is_timestamp(column.type)
        and len(instants := column.drop_null()) == rows.num_rows
        and pc.min(instants).as_py() > window.begin - FURTHEST
        and pc.max(instants).as_py() < window.end + FURTHEST
    }
    named = TIME_FIELDS[table]
    if named in near:
        return named, near[named]
    return next(iter(near.items())) if len(near) == 1 else None


def _make_ask(tasks: _Tasks, chain: int, table: str, answers: Answers) -> Ask:
    """What exports windows of a table, and looks for a row."""
    column = answers.time_columns[table]

    def ask(windows: Mapping[str, Window], moment: datetime) -> dict[str, Rows | None]:
        for name, each in windows.items():
            tasks.begin(name, request_day(table, chain, each.begin, each.end))
        return {name: _look_for(tasks.file(name, answers), column, moment) for name in windows}

    return ask


def _look_for(export: Export | None, column: str, moment: datetime) -> Rows | None:
    """The rows of an export, with a look for one of them; None where it failed or is none."""
    if export is None:
        return None
    if not export.file().size:
        return Rows()
    file = _open(export)
    if file is None:
        return None
    if not file.rows:
        return Rows()
    times = pa.concat_tables(file.tables()).column(column)
    if not pa.types.is_timestamp(times.type):
        return None
    has = pc.any(pc.equal(times, pa.scalar(moment, times.type))).as_py()
    return Rows(*_range_of(times), has=bool(has))


def _range_of(instants: Any) -> tuple[datetime, datetime]:
    """The earliest and the latest of some times."""
    earliest, latest = pc.min_max(instants).as_py().values()
    return earliest, latest
