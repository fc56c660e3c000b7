"""Exports that are begun ahead of their load: who asks when, and what the load makes of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.exports import ExportRun, PollSettings, SharedLimit, TableSync
from spaaza_source.exports.export import Phase
from spaaza_source.exports.shared_limit import count_under_way
from tests.clocks import FakeClock
from tests.export_runs import Bench, SpaazaBench, arrived, begin, request, run_against, sandbox_run
from tests.vendors.scripted_spaaza import ScriptedTasks
from tests.vendors.server import Answer

SUBJECTS = ("users", "vouchers", "products", "transactions")


def sync_of(subject: str, **more: object) -> TableSync:
    wanted = request(subject)
    return replace(TableSync(wanted.table, lambda _: wanted), **more)  # type: ignore[arg-type]


def until(holds: Callable[[], bool]) -> None:
    for _ in range(5_000):
        if holds():
            return
        time.sleep(0.002)
    pytest.fail("it never came to that")


def are_ready(run: ExportRun, number: int) -> bool:
    return sum(table.count(Phase.READY) for table in run.live()) == number


def test_a_load_takes_over_what_was_begun_ahead_of_it(tmp_path: Path) -> None:
    with sandbox_run(tmp_path, run_seconds=60) as (sandbox, run, _):
        run.begin_ahead([sync_of("users"), sync_of("products")])
        until(lambda: are_ready(run, 2))
        # Nothing is downloaded yet.
        assert list(tmp_path.iterdir()) == []
        assert not any(call.path.startswith("/files/") for call in sandbox.calls)
        exports = [arrived(begin(run, request(subject))) for subject in ("users", "products")]
        assert run.drop_ahead() == []
        assert len(sandbox.tasks) == 2
    assert [export.adopted for export in exports] == [False, False]
    assert all(60 <= export.wait_seconds < 100 for export in exports)
    assert all(export.file().path.exists() for export in exports)


def test_a_load_begins_before_what_was_begun_ahead_is_done(tmp_path: Path) -> None:
    with sandbox_run(tmp_path, PollSettings(max_concurrent=1), run_seconds=60) as (sandbox, run, _):
        run.begin_ahead(list(map(sync_of, SUBJECTS)))
        exports = [arrived(begin(run, request(subject))) for subject in SUBJECTS]
        assert len(sandbox.tasks) == len(exports)


@pytest.mark.parametrize("max_age", [0, 3600])
def test_what_the_load_wants_otherwise_is_planned_anew_from_the_vendors_list(
    tmp_path: Path, max_age: float
) -> None:
    polling = PollSettings(max_age=max_age)
    with sandbox_run(tmp_path, polling, run_seconds=60) as (sandbox, run, _):
        run.begin_ahead([sync_of("users", loaded=["1"])])
        until(lambda: are_ready(run, 1))
        export = arrived(begin(run, request()))
        assert len(sandbox.tasks) == 1
    assert export.adopted


def test_what_no_load_takes_over_is_there_for_the_next_run(tmp_path: Path) -> None:
    with sandbox_run(tmp_path, run_seconds=60) as (sandbox, run, clock):
        run.begin_ahead([sync_of("users")])
        until(lambda: are_ready(run, 1))
        (left,) = run.drop_ahead()
        assert [export.phase for export in left.exports] == [Phase.READY]
        later = run_against(
            sandbox.base_url, clock, tmp_path, PollSettings(), **sandbox.credentials
        )
        assert arrived(begin(later, request())).adopted
        assert len(sandbox.tasks) == 1


def test_a_request_whose_answer_was_lost_is_told_by_the_load_and_not_made_again(
    tmp_path: Path,
) -> None:
    with ScriptedTasks() as vendor:
        bench: SpaazaBench = Bench(vendor, FakeClock(), tmp_path)
        # Nobody knows what became of it: a gateway was too slow, and the list has no such job.
        vendor.first("create", Answer(504))
        run = bench.run()
        wanted = vendor.request()
        sync = TableSync(wanted.table, lambda _: wanted)
        run.begin_ahead([sync])
        until(lambda: not run.live())
        table = run.begin(replace(sync, loaded=["other"]))
        run.wait(table)
        with pytest.raises(SpaazaSourceError):
            table.require_current()
        assert len(table.unanswered) == 1
        assert vendor.asked("create") == 1


def test_runs_share_a_limit_in_their_order(tmp_path: Path) -> None:
    polling = PollSettings(max_concurrent=3)
    most = 0
    with sandbox_run(tmp_path, polling, run_seconds=60, chains=2) as (sandbox, first, clock):
        second = run_against(sandbox.base_url, clock, tmp_path, polling, **sandbox.credentials)
        limit = SharedLimit()
        first.share(limit, "first")
        second.share(limit, "second")
        second.begin_ahead([sync_of("wallet-ledger"), sync_of("product-variants")])
        until(lambda: all(table.planned for table in second.live()))
        # The first has not begun: nothing is asked for before it has.
        assert sandbox.tasks == []
        tables = [begin(first, request(subject)) for subject in SUBJECTS]
        while not all(table.settled for table in tables):
            most = max(most, count_under_way(first.live()) + count_under_way(second.live()))
            time.sleep(0.001)
        until(lambda: are_ready(second, 2))
        asked = [task["target"]["export_index"] for task in sandbox.tasks[::-1]]
    assert most <= 3
    assert asked[:4] == [*SUBJECTS]
    assert sorted(asked[4:]) == ["product-variants", "wallet-ledger"]


def test_a_run_that_leaves_makes_room_for_those_after_it(tmp_path: Path) -> None:
    polling = PollSettings(max_concurrent=1)
    with sandbox_run(tmp_path, polling, run_seconds=60) as (sandbox, first, clock):
        second = run_against(sandbox.base_url, clock, tmp_path, polling, **sandbox.credentials)
        limit = SharedLimit()
        first.share(limit, "first")
        second.share(limit, "second")
        second.begin_ahead([sync_of("users")])
        until(lambda: all(table.planned for table in second.live()))
        assert sandbox.tasks == []
        first.leave()
        until(lambda: are_ready(second, 1))
