"""The progress of a load: live lines at a terminal, plain ones in a log, and none left behind."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.runtime.collector_base import Collector
from rich.console import Console

from spaaza_source.cli.output.console_progress import COUNTERS, ProgressLines
from spaaza_source.loading import DOWNLOADING, EXPORTING
from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.command import COMMAND, STEPS, settings_for, signalled_in, spaaza
from tests.terminals import Terminal, screen_of
from tests.vendors.spaaza_files import FileVendor


class Recorder(Collector):
    """Notes what dlt tells a pipeline's `progress`, step by step."""

    def __init__(self) -> None:
        self.step = ""
        self.steps: list[str] = []
        self.counts: dict[str, list[tuple[str, int, int, str | None]]] = {}

    def update(  # noqa: PLR0917 - dlt's own method
        self,
        name: str,
        inc: int = 1,
        total: int | None = None,
        inc_total: int | None = None,
        message: str | None = None,
        label: str | None = None,
    ) -> None:
        del message
        more = (total or 0) + (inc_total or 0)
        self.counts[self.step.split()[0]].append((name, inc, more, label))

    def _start(self, step: str) -> None:
        self.steps.append(step)
        self.counts.setdefault(step.split(maxsplit=1)[0], [])

    def _stop(self) -> None:
        self.steps.append("")


@pytest.mark.slow
def test_dlt_counts_in_its_steps_what_the_lines_show(tmp_path: Path) -> None:
    told = Recorder()
    pipeline = dlt.pipeline(
        "counted",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.duckdb(str(tmp_path / "w.duckdb")),
        progress=told,
    )
    # A merge has jobs that follow on others: their number grows during the load.
    rows = dlt.resource([{"id": 1}], name="one", primary_key="id", write_disposition="merge")
    for _ in range(2):
        pipeline.run(rows)
    names = [step.split()[0] for step in told.steps if step]
    # dlt extracts its state as if it were a source.
    assert list(dict.fromkeys(names)) == ["Extract", *COUNTERS]
    assert told.steps.count("") == len(names)
    for step, counter in COUNTERS.items():
        counts = [(inc, more) for name, inc, more, label in told.counts[step] if name == counter]
        assert sum(more for _, more in counts) > 0
        assert sum(inc for inc, _ in counts) == sum(more for _, more in counts)


@contextmanager
def shown(lines: list[str], *, at_terminal: bool) -> Iterator[ProgressLines]:
    """The progress, and in the end the lines that are seen of it."""
    file = StringIO()
    console = Console(file=file, width=80, force_terminal=at_terminal)
    yield ProgressLines(console)
    written = file.getvalue()
    lines += [line for line in screen_of(written, 80) if line]
    assert written.count("\x1b[?25h") == written.count("\x1b[?25l")


def load_all(progress: ProgressLines) -> None:
    """What a load of one table tells."""
    with progress("Extract spaaza"):
        for state in ("queued", "queued", "[/x]", "arrived"):
            progress.update("users", inc=0, message=state, label=EXPORTING)
        progress.update("users", inc=10, total=10, label=DOWNLOADING)
        progress.update("users", inc=7)
    with progress("Extract spaaza"):
        progress.update("_dlt_pipeline_state", inc=1)
    with progress("Normalize spaaza in 1"):
        progress.update("Files", 0, 1)
    with progress("Load spaaza in 1"):
        progress.update("Jobs", 1, 3)
        progress.update("Jobs", inc=0, inc_total=2)
        progress.update("Jobs", 1, label="Failed")
        progress.update("Jobs", 4)


def test_a_log_has_a_line_for_each_change_and_each_step() -> None:
    lines: list[str] = []
    with shown(lines, at_terminal=False) as progress:
        load_all(progress)
    # How long a step took is a matter of this machine.
    assert [re.sub(r"\(\d\.\d s\)", "(… s)", line) for line in lines] == [
        "users: queued (0 s)",
        "users: [/x] (0 s)",
        "users: arrived (0 s)",
        "extract: 1 table (… s)",
        "normalize: 1 file (… s)",
        "load: 5 jobs (… s)",
    ]


def test_a_terminal_keeps_the_exports_and_a_line_for_each_step() -> None:
    lines: list[str] = []
    with shown(lines, at_terminal=True) as progress:
        load_all(progress)
    assert lines[0].split()[:3] == ["users", "7", "rows"]
    assert lines[1].split()[:2] == ["users", "download"]
    assert [line.split(" (")[0] for line in lines[2:]] == [
        "extract: 1 table",
        "normalize: 1 file",
        "load: 5 jobs",
    ]


@pytest.mark.parametrize(
    ("step", "counts"),
    [
        ("Extract spaaza", [("users", {"inc": 0, "message": "queued", "label": EXPORTING})]),
        ("Normalize spaaza in 1", [("Files", {"inc": 0, "total": 3})]),
        ("Load spaaza in 1", [("Jobs", {"inc": 1, "total": 3})]),
    ],
)
def test_a_step_that_fails_leaves_no_line(
    step: str, counts: list[tuple[str, dict[str, Any]]]
) -> None:
    lines: list[str] = []
    with shown(lines, at_terminal=True) as progress:
        progress(step).__enter__()
        for name, count in counts:
            progress.update(name, **count)
        progress.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert lines == []


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=100, run_seconds=0.1)) as served:
        yield served


@pytest.mark.slow
def test_each_step_moves_at_a_terminal(sandbox: Sandbox) -> None:
    with Terminal([*COMMAND, "load", "users"], settings_for(sandbox)) as terminal:
        assert terminal.wait() == 0, terminal.written
    for moving in ("users ", r"normalize .*(\d) of \1 files", r"load .*(\d) of \1 jobs"):
        assert re.search(moving, terminal.written)
    steps = [line.split(":")[0] for line in terminal.screen if line.endswith(" s)")]
    assert steps == ["extract", "normalize", "load"]
    assert max(map(len, terminal.screen)) <= 80
    assert terminal.shows_cursor


@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    ["load", *(pytest.param(step, marks=pytest.mark.thorough) for step in STEPS if step != "load")],
)
def test_a_ctrl_c_in_a_step_leaves_the_message_alone(sandbox: Sandbox, step: str) -> None:
    command = [*signalled_in(step, signal.SIGINT), "load", "users"]
    with Terminal(command, {**settings_for(sandbox), "RUNTIME__LOG_LEVEL": "ERROR"}) as terminal:
        assert terminal.wait() == 130, terminal.written
    told = [line for line in terminal.screen if line]
    assert told[-1] == "spaaza: interrupted; the next run resumes from here"
    # What was done before, and nothing of dlt's own words.
    done = list(STEPS)[: list(STEPS).index(step)]
    assert [line.split(":")[0] for line in told if line.endswith(" s)")] == done
    assert not [line for line in told[:-1] if line.startswith(step)]
    assert "CTRL-C received" not in terminal.written
    assert "Traceback" not in terminal.written
    assert terminal.shows_cursor


@pytest.mark.slow
@pytest.mark.thorough
def test_an_error_leaves_no_live_line() -> None:
    with FileVendor(users=b'id\n"1\n') as vendor:
        settings = {
            "BASE_URL": vendor.base_url,
            "CHAIN_ID": str(vendor.chain),
            "CREDENTIALS__ACCESS_TOKEN_ID": "a",
            "CREDENTIALS__ACCESS_TOKEN_SECRET": "b",
            "POLL_INTERVAL": "0.02",
        }
        named = {f"SOURCES__SPAAZA__{name}": value for name, value in settings.items()}
        with Terminal([*COMMAND, "load", "users"], named) as terminal:
            assert terminal.wait() == 1, terminal.written
    assert terminal.screen[0].startswith("spaaza: users")
    assert terminal.shows_cursor


@pytest.mark.slow
@pytest.mark.thorough
def test_a_terminal_of_ascii_shows_lines_that_it_can(sandbox: Sandbox) -> None:
    settings = {**settings_for(sandbox), "PYTHONIOENCODING": "ascii"}
    with Terminal([*COMMAND, "load", "users"], settings) as terminal:
        assert terminal.wait() == 0, terminal.written
    assert "?" not in "".join(terminal.screen)


@pytest.mark.slow
def test_a_log_of_a_load_has_its_steps(sandbox: Sandbox) -> None:
    ran = spaaza("load", "users", **settings_for(sandbox))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "\x1b" not in ran.stdout
    steps = [line.split(":")[0] for line in ran.stdout.splitlines() if line.endswith(" s)")]
    assert steps[-3:] == ["extract", "normalize", "load"]
