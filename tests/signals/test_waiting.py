"""Signals wait for what must not be broken off, such as an import."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from spaaza_source.cli.imports import import_quickly
from spaaza_source.signals import signals_wait

#: A command that is signalled as DuckDB, or whoever it is, looks for pandas.
LOOKED_FOR = """
import signal, sys
from spaaza_source.cli import main
class Signals:
    def find_spec(self, name, path, target=None):
        if name == "pandas" and self in sys.meta_path:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Signals())
main()
"""


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Also where the tests run in the background, and so ignore SIGINT."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, does in before.items():
        signal.signal(number, does)


def test_a_signal_waits_for_the_end() -> None:
    steps: list[str] = []

    def work() -> None:
        with signals_wait():
            signal.raise_signal(signal.SIGINT)
            steps.append("end")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["end"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_is_stronger_than_a_failure_that_came_with_it() -> None:
    def fail() -> None:
        with signals_wait():
            signal.raise_signal(signal.SIGINT)
            raise ValueError

    with pytest.raises(KeyboardInterrupt):
        fail()


def test_sigterm_does_what_it_did_before() -> None:
    came: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    with signals_wait():
        signal.raise_signal(signal.SIGTERM)
        assert not came
    assert came == [signal.SIGTERM]


def test_a_signal_that_is_ignored_stays_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals_wait():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_in_another_thread_nothing_changes() -> None:
    found: list[object] = []

    def look() -> None:
        with signals_wait():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


def test_an_import_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import signal\nsignal.raise_signal(signal.SIGINT)\nended = True\n"
    (tmp_path / "signalled.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        import_quickly("signalled")
    assert sys.modules.pop("signalled").ended


@pytest.mark.slow
def test_ctrl_c_while_duckdb_imports_pandas_ends_a_command(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOOKED_FOR, "demo"],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 128 + signal.SIGINT, ended.stderr
    assert "spaaza: interrupted" in ended.stderr
    assert "Traceback" not in ended.stderr
