"""The `spaaza` command in a process of its own, and the settings that lead it to a sandbox."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest
from click.testing import CliRunner

from spaaza_source.cli import main
from spaaza_source.cli.app import cli
from spaaza_source.sandbox import Sandbox
from tests.processes import ran

# SIGINT ends it also where the tests run in the background, and so ignore that signal.
_RUN_MAIN = """
import signal
from spaaza_source.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
#: The `spaaza` command, as a program of its own.
COMMAND = [sys.executable, "-c", _RUN_MAIN]

#: What dlt calls in each step, while the step's progress is shown.
STEPS = {
    "extract": ("dlt.extract.extract", "PipeIterator", "from_pipes"),
    "normalize": ("dlt.normalize.normalize", "Normalize", "spool_schema_files"),
    "load": ("dlt.load.load", "Load", "start_new_jobs"),
}
_SIGNALLED = """
import importlib, os, signal, sys
from spaaza_source.cli import main
module, owner, name, number = sys.argv.pop(1).split()
of = getattr(importlib.import_module(module), owner)
step = getattr(of, name)
def signalled(*given, **named):
    os.kill(os.getpid(), int(number))
    return step(*given, **named)
setattr(of, name, signalled)
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""

PREFIX = "SOURCES__SPAAZA__"
QUICK = {PREFIX + "POLL_INTERVAL": "0.02", PREFIX + "START_MARGIN": "0", PREFIX + "STAGGER": "0"}


def settings_for(sandbox: Sandbox, **changed: str) -> dict[str, str]:
    given = {
        "BASE_URL": sandbox.base_url,
        "CHAIN_ID": str(sandbox.chain_id),
        "CREDENTIALS__ACCESS_TOKEN_ID": sandbox.credentials["access_token_id"],
        "CREDENTIALS__ACCESS_TOKEN_SECRET": sandbox.credentials["access_token_secret"],
        **changed,
    }
    return {**QUICK, **{PREFIX + name: value for name, value in given.items() if value}}


def signalled_in(step: str, number: int) -> list[str]:
    """The command as a program that sends itself a signal in a step of dlt."""
    return [sys.executable, "-c", _SIGNALLED, " ".join((*STEPS[step], str(int(number))))]


def spaaza(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """What the command does and says, with more settings in its environment."""
    return ran(_command, arguments, settings)


def _command(arguments: tuple[str, ...], settings: Mapping[str, str]) -> None:
    os.environ.update(settings)
    sys.argv = ["spaaza", *arguments]
    main()


def runner(
    monkeypatch: pytest.MonkeyPatch, **settings: str
) -> Callable[..., tuple[int, list[str]]]:
    """Runs the command in this process: its exit code and lines; it raises what escapes."""
    for name, value in settings.items():
        monkeypatch.setenv(f"{PREFIX}{name}", value)

    def run(*arguments: str) -> tuple[int, list[str]]:
        left = CliRunner().invoke(cli, arguments)
        if left.exception is not None and not isinstance(left.exception, SystemExit):
            raise left.exception
        return left.exit_code, left.output.splitlines()

    return run
