"""The options of the commands, and what they cost before a command is run."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib import import_module
from typing import get_args

import pytest

import spaaza_source
from spaaza_source.cli import app, cli
from spaaza_source.cli.options import SCHEDULES, VENDOR_NAMES
from spaaza_source.cli.vendors import VENDORS
from spaaza_source.exports import Repeat


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_each_command_takes_its_options(name: str) -> None:
    # The module that has it, as the command line names it.
    (module,) = re.findall(rf'_run\("([\w.]+)", "{name}", options\)', inspect.getsource(app))
    home = import_module(f"spaaza_source.cli.{module}")
    options = {str(option.name): None for option in cli.commands[name].params}
    run = inspect.unwrap(getattr(home, name))
    given = {option for option in options if option not in ("log", "verbose")}
    if run is not getattr(home, name):
        given |= {"report"}
    inspect.signature(run).bind(**dict.fromkeys(given))
    assert inspect.signature(run).parameters.keys() - {"options"} <= given


def test_the_choices_are_all_there_are() -> None:
    assert tuple(VENDORS) == VENDOR_NAMES
    assert get_args(Repeat) == SCHEDULES


@pytest.mark.parametrize("what", ["import spaaza_source", "from spaaza_source.cli import cli"])
def test_dlt_is_imported_only_when_it_is_needed(what: str) -> None:
    heavy = "{'dlt', 'duckdb', 'pyarrow', 'numpy', 'requests', 'rich'} & set(sys.modules)"
    program = f"import sys; {what}; print({heavy} or 'none')"
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "none"


def test_the_package_offers_what_it_names() -> None:
    assert set(spaaza_source.__all__) <= set(dir(spaaza_source))
    with pytest.raises(AttributeError, match="has no attribute 'spaza'"):
        spaaza_source.spaza  # noqa: B018
